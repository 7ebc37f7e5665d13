"""The same elements elsewhere: views and copies, joining and splitting, margins, indexing and its transpose."""

import numpy as np
import pytest
from helpers import check, draw
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices, integer_array_indices

import minigrad as mg
from minigrad.nn import functional as F

SHAPE = (2, 3, 4)
i, j = np.array([1, 0, 1]), np.array([[2], [0]])
mask = np.array([[True, False, True], [False, False, True]])

# name: operation, NumPy's version, shapes of the arguments
MOVED = {
    "reshape": (lambda x: x.reshape(4, 6), lambda x: x.reshape(4, 6), SHAPE),
    "reshape to what is left": (lambda x: x.reshape((6, -1)), lambda x: x.reshape(6, -1), SHAPE),
    "reshape to a scalar": (lambda x: x.reshape(()), lambda x: x.reshape(()), (1, 1)),
    "view": (lambda x: x.view(-1), lambda x: x.reshape(-1), SHAPE),
    "view_as": (lambda x: x.view_as(mg.ones(6, 4)), lambda x: x.reshape(6, 4), SHAPE),
    "flatten": (lambda x: x.flatten(), np.ravel, SHAPE),
    "flatten some": (lambda x: x.flatten(1, -1), lambda x: x.reshape(2, 12), SHAPE),
    "flatten the empty": (lambda x: mg.flatten(x, 1), lambda x: x.reshape(0, 12), (0, 3, 4)),
    "flatten a scalar": (lambda x: x.flatten(), lambda x: x.reshape(1), ()),
    "unflatten": (lambda x: x.unflatten(-1, (2, 2)), lambda x: x.reshape(2, 3, 2, 2), SHAPE),
    "unflatten to what is left": (lambda x: mg.unflatten(x, 1, (-1, 1)), lambda x: x.reshape(2, 3, 1, 4), SHAPE),
    "permute": (lambda x: x.permute(2, 0, 1), lambda x: x.transpose(2, 0, 1), SHAPE),
    "permute from the end": (lambda x: x.permute((-1, 0, -2)), lambda x: x.transpose(2, 0, 1), SHAPE),
    "transpose": (lambda x: x.transpose(0, -1), lambda x: x.swapaxes(0, 2), SHAPE),
    "movedim": (lambda x: x.movedim(0, -1), lambda x: np.moveaxis(x, 0, -1), SHAPE),
    "T": (lambda x: x.T, np.transpose, SHAPE),
    "mT": (lambda x: x.mT, lambda x: x.swapaxes(1, 2), SHAPE),
    "t": (lambda x: x.t(), np.transpose, (2, 3)),
    "t of a vector": (lambda x: x.t(), np.copy, (3,)),
    "squeeze": (lambda x: x.squeeze(), np.squeeze, (1, 3, 1)),
    "squeeze one": (lambda x: x.squeeze(-1), lambda x: x[..., 0], (1, 3, 1)),
    "squeeze one that is longer": (lambda x: x.squeeze(1), np.copy, (1, 3, 1)),
    "squeeze some": (lambda x: x.squeeze((0, 1)), lambda x: x[0], (1, 3, 1)),
    "squeeze a scalar": (lambda x: x.squeeze(), np.copy, ()),
    "unsqueeze": (lambda x: x.unsqueeze(1), lambda x: x[:, None], SHAPE),
    "unsqueeze at the end": (lambda x: x.unsqueeze(-1), lambda x: x[..., None], SHAPE),
    "unsqueeze a scalar": (lambda x: x.unsqueeze(0), lambda x: x[None], ()),
    "expand": (lambda x: x.expand(5, 2, 3), lambda x: np.broadcast_to(x, (5, 2, 3)), (2, 1)),
    "expand, -1 as it is": (lambda x: x.expand(4, -1, 3), lambda x: np.broadcast_to(x, (4, 2, 3)), (2, 1)),
    "expand to nothing": (lambda x: x.expand(0, 3), lambda x: np.broadcast_to(x, (0, 3)), (1, 3)),
    "expand_as": (lambda x: x.expand_as(mg.ones(2, 3)), lambda x: np.broadcast_to(x, (2, 3)), (3,)),
    "broadcast_to": (lambda x: mg.broadcast_to(x, (2, 3)), lambda x: np.broadcast_to(x, (2, 3)), ()),
    "repeat": (lambda x: x.repeat(2, 1, 3), lambda x: np.tile(x, (2, 1, 3)), (2, 3)),
    "repeat never": (lambda x: x.repeat(0, 2), lambda x: np.tile(x, (0, 2)), (2, 3)),
    "tile": (lambda x: x.tile(2), lambda x: np.tile(x, 2), (2, 3)),
    "flip": (lambda x: x.flip(0, 2), lambda x: np.flip(x, (0, 2)), SHAPE),
    "flip one": (lambda x: mg.flip(x, -1), lambda x: np.flip(x, -1), SHAPE),
    "roll": (lambda x: x.roll(2, 1), lambda x: np.roll(x, 2, 1), SHAPE),
    "roll by NumPy's integers": (lambda x: x.roll(np.int64(2), np.int64(1)), lambda x: np.roll(x, 2, 1), SHAPE),
    "flip by a list": (lambda x: mg.flip(x, [0, 1]), lambda x: np.flip(x, (0, 1)), SHAPE),
    "roll all": (lambda x: mg.roll(x, -5), lambda x: np.roll(x, -5), SHAPE),
    "roll two": (lambda x: x.roll((1, -2), (0, 2)), lambda x: np.roll(x, (1, -2), (0, 2)), SHAPE),
    "tril": (lambda x: x.tril(), np.tril, SHAPE),
    "triu": (lambda x: mg.triu(x, -1), lambda x: np.triu(x, -1), SHAPE),
    "cat": (lambda *x: mg.cat(x, 1), lambda *x: np.concatenate(x, 1), (2, 3), (2, 1), (2, 0), (2, 2)),
    "cat from the end": (lambda *x: mg.cat(x, -2), lambda *x: np.concatenate(x, 0), (2, 3), (1, 3)),
    "cat of one": (lambda x: mg.cat([x]), np.copy, (2, 3)),
    "stack": (lambda *x: mg.stack(x), lambda *x: np.stack(x), (2, 3), (2, 3), (2, 3)),
    "stack at the end": (lambda *x: mg.stack(x, -1), lambda *x: np.stack(x, -1), (2, 3), (2, 3)),
    "stack scalars": (lambda *x: mg.stack(x), lambda *x: np.stack(x), (), (), ()),
    "split": (lambda x: x.split(2, 2)[1] * 2 + x.split(2, -1)[0], lambda x: x[..., 2:] * 2 + x[..., :2], SHAPE),
    "split to lengths": (lambda x: x.split([3, 1], 2)[0], lambda x: x[..., :3], SHAPE),
    "chunk": (lambda x: x.chunk(2, 1)[1], lambda x: x[:, 2:], SHAPE),
    "unbind": (lambda x: x.unbind(1)[2], lambda x: x[:, 2], SHAPE),
    "iteration": (lambda x: sum(x), lambda x: x.sum(0), SHAPE),
    "unfold": (
        lambda x: x.unfold(1, 3, 2),
        lambda x: np.stack([x[:, s : s + 3].swapaxes(1, 2) for s in (0, 2, 4)], 1),
        (2, 7, 2),
    ),
    "unfold a vector": (lambda x: x.unfold(0, 2, 1), lambda x: np.stack([x[:-1], x[1:]], 1), (4,)),
}


@pytest.mark.parametrize("name", MOVED)
def test_moved_as_numpy_moves(name):
    op, reference, *shapes = MOVED[name]
    check(op, reference, *shapes)


INDEXED = {
    "number": (lambda x: x[1], lambda x: x[1], SHAPE),
    "number of a vector": (lambda x: x[1], lambda x: x[1], (3,)),
    "all numbers": (lambda x: x[1, -1, 2], lambda x: x[1, -1, 2], SHAPE),
    "slice": (lambda x: x[:, 1:], lambda x: x[:, 1:], SHAPE),
    "slice with a step": (lambda x: x[::-1, ::2], lambda x: x[::-1, ::2], SHAPE),
    "empty slice": (lambda x: x[:, 3:], lambda x: x[:, 3:], SHAPE),
    "ellipsis": (lambda x: x[..., 0], lambda x: x[..., 0], SHAPE),
    "new dimension": (lambda x: x[:, None, 0], lambda x: x[:, None, 0], SHAPE),
    "nothing": (lambda x: x[()], lambda x: x, SHAPE),
    "mask": (lambda x: x[mask], lambda x: x[mask], SHAPE),
    "tensor as mask": (lambda x: x[mg.tensor(mask)], lambda x: x[mask], SHAPE),
    "mask of its own": (lambda x: x[x > 0], lambda x: x[x > 0], SHAPE),
    "mask of nothing": (lambda x: x[x > 9], lambda x: x[x > 9], SHAPE),
    "array, repeated": (lambda x: x[i], lambda x: x[i], SHAPE),
    "list": (lambda x: x[[1, 1, 0]], lambda x: x[[1, 1, 0]], SHAPE),
    "empty list": (lambda x: x[[]], lambda x: x[[]], SHAPE),
    "tensor": (lambda x: x[mg.tensor(i)], lambda x: x[i], SHAPE),
    "arrays that broadcast": (lambda x: x[i, j], lambda x: x[i, j], SHAPE),
    "tensors that broadcast": (lambda x: x[mg.tensor(i), mg.tensor(j)], lambda x: x[i, j], SHAPE),
    "array and slice": (lambda x: x[:, i, 1:], lambda x: x[:, i, 1:], SHAPE),
    "array and new dimension": (lambda x: x[:, None, i], lambda x: x[:, None, i], SHAPE),
    "arrays apart": (lambda x: x[i, :, j], lambda x: x[i, :, j], SHAPE),
    "number apart from an array, as PyTorch": (lambda x: x[0, :, i], lambda x: x[0][:, i], SHAPE),
    "index_select": (lambda x: x.index_select(1, mg.tensor(i)), lambda x: x[:, i], SHAPE),
    "gather": (
        lambda x: x.gather(1, mg.tensor(np.array([[0, 2, 2, 1]]))),
        lambda x: np.take_along_axis(x[:1], np.array([[0, 2, 2, 1]]), 1),
        (2, 3),
    ),
    "take_along_dim": (
        lambda x: x.take_along_dim(np.array([[2, 2], [0, 1]]), 1),
        lambda x: np.take_along_axis(x, np.array([[2, 2], [0, 1]]), 1),
        (2, 3),
    ),
    "take_along_dim, broadcasting": (lambda x: mg.take_along_dim(x, np.array([[2]]), 1), lambda x: x[:, 2:], (2, 3)),
    "take_along_dim of all": (lambda x: x.take_along_dim(np.array([5, 0, 5])), lambda x: x.ravel()[[5, 0, 5]], (2, 3)),
    "masked_fill": (lambda x: x.masked_fill(mg.tensor(mask), 7.0), lambda x: np.where(mask, 7, x), (2, 3)),
    "masked_fill, broadcasting": (lambda x: x.masked_fill(mask[0], -1), lambda x: np.where(mask[0], -1, x), (4, 3)),
}


@pytest.mark.parametrize("name", INDEXED)
def test_indexed(name):
    check(*INDEXED[name])


@given(st.data())
def test_any_basic_or_integer_index_as_numpy(data):
    shape = data.draw(array_shapes(max_dims=3, min_side=1, max_side=4))
    array = draw(shape)
    basic = basic_indices(shape, allow_newaxis=True)
    index = data.draw(st.one_of(basic, integer_array_indices(shape)))
    check(lambda x: x[index], lambda x: x[index], array, second=False)


def test_indices_that_come_twice_are_counted_twice():
    x = mg.zeros(3, requires_grad=True)
    x[[0, 2, 2, 2]].sum().backward()
    assert x.grad.tolist() == [1, 0, 3]


def test_an_index_is_as_it_was_when_it_was_used():
    x = mg.arange(3.0).requires_grad_()
    index = mg.tensor([0, 1])
    array = np.array([0, 1])
    y = x[index] + x[array] + x.gather(0, index)
    index.fill_(2)
    array.fill(2)
    y.sum().backward()
    assert x.grad.tolist() == [3, 3, 0]


def test_parts_are_views_and_share_memory_and_version():
    x = mg.zeros(2, 3)
    parts = [
        x[0],
        x[:, 1],
        x[0, 0],
        x.T,
        x.reshape(3, 2),
        x.unsqueeze(0),
        x.flatten()[2:],
        x.expand(4, 2, 3),
        x.detach(),
    ]
    for part in parts:
        assert np.shares_memory(part.array, x.array)
        assert part.version is x.version
    x[0, 0].fill_(5)
    assert x.tolist() == [[5, 0, 0], [0, 0, 0]]
    for copy in (x.clone(), x[[0, 1]], x.repeat(1, 1), mg.cat([x]), x.flip(0), x.roll(0), x.tril(9)):
        assert not np.shares_memory(copy.array, x.array)


PADDED = {
    "constant": ((1, 2), {}, {}),
    "constant, a value": ((1, 2, 0, 3), {"value": 2.5}, {"constant_values": 2.5}),
    "constant, all dimensions": ((1, 0, 2, 1, 0, 1), {}, {}),
    "reflect": ((2, 1, 1, 0), {"mode": "reflect"}, {"mode": "reflect"}),
    "replicate": ((2, 5, 1, 0), {"mode": "replicate"}, {"mode": "edge"}),
    "circular": ((4, 1, 1, 3), {"mode": "circular"}, {"mode": "wrap"}),
    "nothing": ((0, 0), {}, {}),
}


@pytest.mark.parametrize("name", PADDED)
def test_padded(name):
    margins, ours, numpys = PADDED[name]
    pairs = [(0, 0)] * (3 - len(margins) // 2) + list(zip(margins[::2], margins[1::2], strict=True))[::-1]
    check(lambda x: F.pad(x, margins, **ours), lambda x: np.pad(x, pairs, **numpys), SHAPE)


def test_a_negative_margin_crops():
    check(lambda x: F.pad(x, (-1, 2, -1, -1)), lambda x: np.pad(x[:, 1:-1, 1:], [(0, 0), (0, 0), (0, 2)]), SHAPE)


def test_splits_and_chunks_are_as_long_as_pytorchs():
    x = mg.arange(7)
    assert [p.tolist() for p in x.split(3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [len(p) for p in x.chunk(3)] == [3, 3, 1]
    assert [len(p) for p in x.chunk(5)] == [2, 2, 2, 1]
    assert [len(p) for p in mg.zeros(0).split(2)] == [0]
    assert [len(p) for p in mg.zeros(0).chunk(2)] == [0]
    assert len(mg.ones(3, 2).unbind()) == 3


@pytest.mark.parametrize("make", [lambda x: mg.cat([x, x.double()]), lambda x: mg.stack([x, mg.arange(3)])])
def test_joining_keeps_the_widest_dtype(make):
    x = mg.ones(3, requires_grad=True)
    out = make(x)
    assert out.dtype == (np.float64 if out.shape == (6,) else np.float32)
    out.sum().backward()
    assert x.grad.dtype == np.float32


x = mg.ones(2, 3)
BAD = {
    "reshape": (lambda: x.reshape(4, 2), ValueError, r"reshape\(float32\[2, 3\], \(4, 2\)\)"),
    "reshape to a float": (lambda: x.reshape(2.0, 3), TypeError, r"whole numbers.*\(2.0, 3\)"),
    "two unknown lengths": (lambda: x.reshape(-1, -1), ValueError, "reshape.*only specify one unknown"),
    "permute, too few": (lambda: x.permute(0), ValueError, r"permute.*expected each of the 2 dimensions once"),
    "permute, one twice": (lambda: x.permute(0, 0), ValueError, "permute.*repeated axis"),
    "transpose": (lambda: x.transpose(0, 2), IndexError, r"transpose: dimension 2 is out of range \[-2, 1\]"),
    "t": (lambda: mg.ones(2, 3, 4).t(), ValueError, r"t: expected at most 2 dimensions, got shape \(2, 3, 4\)"),
    "unsqueeze": (lambda: x.unsqueeze(4), IndexError, "unsqueeze: dimension 4"),
    "squeeze": (lambda: x.squeeze(2), IndexError, "squeeze: dimension 2"),
    "flatten": (lambda: x.flatten(1, 0), ValueError, "start_dim 1 comes after end_dim 0"),
    "expand": (lambda: x.expand(4, 3), ValueError, r"expand\(float32\[2, 3\], \(4, 3\)\)"),
    "expand to fewer": (lambda: x.expand(3), ValueError, "expand.*expected a length for each new dimension"),
    "expand, unknown new": (lambda: x.expand(-1, 2, 3), ValueError, "expand.*expected a length for each new"),
    "repeat": (lambda: x.repeat(2), ValueError, "repeat: expected at least 2 sizes"),
    "cat of nothing": (lambda: mg.cat([]), ValueError, "cat: expected at least one tensor"),
    "cat": (
        lambda: mg.cat([x, mg.ones(2, 4)]),
        ValueError,
        r"cat: .* differ in dimension 0 only, got \[\(2, 3\), \(2, 4\)",
    ),
    "cat of other ranks": (lambda: mg.cat([x, mg.ones(3)]), ValueError, "cat: expected shapes"),
    "stack of nothing": (lambda: mg.stack([]), ValueError, r"stack: expected tensors of one shape, got \[\]"),
    "stack": (
        lambda: mg.stack([x, mg.ones(3)]),
        ValueError,
        r"stack: expected tensors of one shape, got \[\(2, 3\), \(3,",
    ),
    "split": (lambda: x.split(0), ValueError, "split: expected a positive length, got 0"),
    "split to lengths": (lambda: x.split([1, 1], 1), ValueError, r"split: lengths \[1, 1\] do not add up to 3"),
    "chunk": (lambda: x.chunk(0), ValueError, "chunk: expected a positive number"),
    "pad": (lambda: F.pad(x, (1,)), ValueError, "pad: expected pairs for at most 2 dimensions"),
    "pad mode": (lambda: F.pad(x, (1, 1), mode="mirror"), ValueError, "mode must be constant.*'mirror'"),
    "reflect too far": (lambda: F.pad(x, (3, 0), mode="reflect"), ValueError, r"'reflect' cannot give.*length 3"),
    "crop too much": (lambda: F.pad(x, (-2, -2)), ValueError, "crop more than there is"),
    "index": (lambda: x[2], IndexError, r"getitem\(float32\[2, 3\], 2\): index 2 is out of bounds"),
    "float index": (lambda: x[1.5], IndexError, r"getitem\(float32\[2, 3\], 1.5\): expected .*got float"),
    "too many indices": (lambda: x[0, 0, 0], IndexError, "too many indices"),
    "mask": (lambda: x[mg.ones(3) > 0], IndexError, "a mask of shape .3,. at dimension 0 does not fit"),
    "gather": (lambda: x.gather(0, mg.tensor([0])), ValueError, "gather: index has 1 dimensions, the tensor 2"),
    "gather, too long": (
        lambda: x.gather(0, mg.zeros(1, 4, dtype=mg.int64)),
        ValueError,
        r"gather: index of shape \(1, 4\)",
    ),
    "gather by floats": (
        lambda: x.gather(0, mg.zeros(2, 3)),
        TypeError,
        "gather: expected integer indices, got float32",
    ),
    "unfold": (
        lambda: x.unfold(1, 4, 1),
        ValueError,
        "unfold: windows of 4 every 1 do not fit dimension 1 of length 3",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()
    assert x.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_a_repeated_tensor_is_a_copy_that_can_be_changed():
    assert mg.ones(1).repeat(3).add_(mg.arange(3)).tolist() == [1, 2, 3]
