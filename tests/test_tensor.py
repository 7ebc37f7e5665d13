"""Tensor: made from what, turned into what, shown how; NumPy's functions given one; and what is refused."""

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor

# ---------------------------------------------------------------------------------------------------- from what

MADE = {
    "a float": (lambda: mg.tensor(2.5), "float32", 2.5),
    "an int": (lambda: mg.tensor(2), "int64", 2),
    "a bool": (lambda: mg.tensor(True), "bool", True),
    "nested lists": (lambda: mg.tensor([[1, 2], [3, 4]]), "int64", [[1, 2], [3, 4]]),
    "mixed numbers": (lambda: mg.tensor([1, 2.5]), "float32", [1, 2.5]),
    "a tuple": (lambda: mg.tensor((1.0, 2.0)), "float32", [1, 2]),
    "nothing": (lambda: mg.tensor([]), "float32", []),
    "a dtype asked for": (lambda: mg.tensor([1, 2], dtype=mg.float64), "float64", [1, 2]),
    "a dtype by its name": (lambda: mg.tensor([1, 2], dtype="float16"), "float16", [1, 2]),
    "a float64 array": (lambda: mg.tensor(np.ones(2)), "float64", [1, 1]),
    "a float64 number of NumPy": (lambda: mg.tensor(np.float64(2)), "float64", 2),
    "an int32 array": (lambda: mg.tensor(np.ones(2, np.int32)), "int32", [1, 1]),
    "a tensor": (lambda: mg.tensor(mg.ones(2, dtype=mg.float64)), "float64", [1, 1]),
    "tensors in a list": (lambda: mg.tensor([mg.tensor(1.0), mg.tensor(2.0)]), "float32", [1, 2]),
    "Tensor of floats": (lambda: Tensor([1.0]), "float32", [1]),
    "Tensor of integers": (lambda: Tensor([[1, 2]]), "float32", [[1, 2]]),
    "Tensor of a float64 array": (lambda: Tensor(np.ones(2)), "float32", [1, 1]),
    "Tensor of a tensor": (lambda: Tensor(mg.arange(2)), "float32", [0, 1]),
    "Tensor of nothing": (lambda: Tensor(), "float32", []),
    "Tensor of sizes": (lambda: Tensor(1, 2).zero_(), "float32", [[0, 0]]),
    "Tensor of a size": (lambda: Tensor(2).zero_(), "float32", [0, 0]),
    "as_tensor": (lambda: mg.as_tensor([1.0, 2.0]), "float32", [1, 2]),
    "as_tensor, another dtype": (lambda: mg.as_tensor(np.ones(2), mg.float32), "float32", [1, 1]),
    "zeros": (lambda: mg.zeros(2), "float32", [0, 0]),
    "zeros of a shape": (lambda: mg.zeros((1, 2)), "float32", [[0, 0]]),
    "zeros of a list": (lambda: mg.zeros([1, 2], dtype=mg.int64), "int64", [[0, 0]]),
    "a scalar zero": (lambda: mg.zeros(()), "float32", 0),
    "no size is a scalar": (lambda: mg.ones(), "float32", 1),
    "ones of NumPy's integers": (lambda: mg.ones(np.int64(2)), "float32", [1, 1]),
    "full": (lambda: mg.full((2,), 3.5), "float32", [3.5, 3.5]),
    "full of ints": (lambda: mg.full((2,), 3), "int64", [3, 3]),
    "full of bools": (lambda: mg.full((), True), "bool", True),
    "arange": (lambda: mg.arange(3), "int64", [0, 1, 2]),
    "arange of floats": (lambda: mg.arange(0, 1, 0.25), "float32", [0, 0.25, 0.5, 0.75]),
    "arange downwards": (lambda: mg.arange(5, 0, -2), "int64", [5, 3, 1]),
    "arange of nothing": (lambda: mg.arange(3, 3), "int64", []),
    "arange of large integers": (lambda: mg.arange(2**60 + 1, 2**60 + 3), "int64", [2**60 + 1, 2**60 + 2]),
    "arange, a dtype": (lambda: mg.arange(2, dtype=mg.float64), "float64", [0, 1]),
    "linspace": (lambda: mg.linspace(0, 1, 3), "float32", [0, 0.5, 1]),
    "eye": (lambda: mg.eye(2), "float32", [[1, 0], [0, 1]]),
    "eye, not square": (lambda: mg.eye(1, 2, dtype=mg.float64), "float64", [[1, 0]]),
    "zeros_like": (lambda: mg.zeros_like(mg.arange(2)), "int64", [0, 0]),
    "ones_like, a dtype": (lambda: mg.ones_like(mg.arange(2), dtype=mg.float32), "float32", [1, 1]),
    "full_like": (lambda: mg.full_like(mg.ones(2), 3), "float32", [3, 3]),
    "full_like of an array": (lambda: mg.full_like(np.ones(1), 3), "float64", [3]),
}


@pytest.mark.parametrize("name", MADE)
def test_made(name):
    make, dtype, values = MADE[name]
    made = make()
    assert isinstance(made, Tensor) and made.dtype == dtype and made.tolist() == values
    assert not made.requires_grad and made.is_leaf and made.grad is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: mg.tensor([1.0], requires_grad=True), lambda: mg.zeros(2, requires_grad=True),
        lambda: mg.full((2,), 1.0, requires_grad=True), lambda: mg.arange(2.0, requires_grad=True),
        lambda: mg.eye(2, requires_grad=True), lambda: mg.randn(2, requires_grad=True),
        lambda: mg.rand_like(mg.ones(2), requires_grad=True), lambda: mg.empty(2, requires_grad=True),
        lambda: mg.empty_like(mg.ones(2), requires_grad=True), lambda: mg.linspace(0, 1, 2, requires_grad=True),
    ],
    ids=range(10),
)  # fmt: skip
def test_made_to_ask_for_a_gradient(make):
    assert make().requires_grad


def test_tensor_copies_and_from_numpy_and_as_tensor_share():
    array = np.zeros(2)
    copied, shared, also = mg.tensor(array), mg.from_numpy(array), mg.as_tensor(array)
    array[0] = 5
    assert (copied.tolist(), shared.tolist(), also.tolist()) == ([0, 0], [5, 0], [5, 0])
    x = mg.ones(2)
    assert mg.as_tensor(x) is x and mg.as_tensor(x, mg.float64).dtype == np.float64


def test_an_array_that_came_from_another_process_is_like_any_other():
    array = pickle.loads(pickle.dumps(np.ones(2)))  # its dtype is equal to float64's, but not the same object
    assert (mg.from_numpy(array) * 2).dtype == (mg.tensor(array) + mg.ones(2)).dtype == np.float64
    x = mg.tensor(array, requires_grad=True)
    (x * 2).sum().backward()
    assert x.grad.dtype == np.float64


# ---------------------------------------------------------------------------------------------------- into what


def test_item_tolist_numpy_and_numbers():
    x = mg.tensor([[1.5]], requires_grad=True)
    assert x.item() == 1.5 and type(x.item()) is float and type(mg.tensor(3).item()) is int
    assert x.tolist() == [[1.5]] and mg.tensor(2).tolist() == 2
    assert float(x) == 1.5 and int(x) == 1 and bool(x) is True and f"{x.sum():.3f}" == "1.500"
    assert x.detach().numpy() is x.array
    assert [10, 20, 30][mg.tensor(1)] == 20 and range(5)[mg.tensor(4)] == 4
    assert 1.5 in x and 2 not in x


def test_sizes():
    x = mg.zeros(2, 3)
    assert x.shape == x.size() == (2, 3) and x.size(-1) == 3 and len(x) == 2
    assert x.ndim == x.dim() == 2 and x.numel() == 6 and mg.zeros(()).numel() == 1


def test_iteration_unpacks_the_first_dimension_and_keeps_gradients():
    x = mg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = x
    (first * 3 + second).sum().backward()
    assert x.grad.tolist() == [[3, 3], [1, 1]]
    assert list(mg.arange(3)) == [0, 1, 2] and list(mg.zeros(0)) == []


def test_dtypes():
    x = mg.ones(2, requires_grad=True)
    assert x.to("cpu") is x and x.to(mg.float32) is x and x.float() is x and x.to(x) is x
    for convert, dtype in (
        (Tensor.double, "float64"),
        (Tensor.long, "int64"),
        (Tensor.int, "int32"),
        (Tensor.bool, "bool"),
    ):
        assert convert(x).dtype == dtype
    assert x.type_as(mg.arange(2)).dtype == np.int64 and x.type("float16").dtype == np.float16
    (x.double() * 2).sum().backward()
    assert x.grad.tolist() == [2, 2] and x.grad.dtype == np.float32


SHOWN = {
    "a scalar": (lambda: mg.tensor(2.5), "tensor(2.5)"),
    "a vector": (lambda: mg.tensor([1.0, 2.25]), "tensor([1.  , 2.25])"),
    "rows beneath each other": (lambda: mg.eye(2), "tensor([[1., 0.],\n        [0., 1.]])"),
    "another dtype": (lambda: mg.ones(1, dtype=mg.float64), "tensor([1.], dtype=float64)"),
    "bools": (lambda: mg.ones(1) > 0, "tensor([ True])"),
    "nothing": (lambda: mg.zeros(0, 3), "tensor([], shape=(0, 3))"),
    "a leaf": (lambda: mg.ones(1, requires_grad=True), "tensor([1.], requires_grad=True)"),
    "a result": (lambda: mg.ones(1, requires_grad=True) * 2, "tensor([2.], grad_fn=<mul float32[1]>)"),
    "a parameter": (lambda: mg.nn.Parameter(mg.ones(1)), "Parameter containing:\ntensor([1.], requires_grad=True)"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_shown(name):
    make, text = SHOWN[name]
    assert repr(make()) == str(make()) == f"{make()}" == text


def test_much_is_shown_in_part():
    assert len(repr(mg.zeros(1000, 1000))) < 1000


# ---------------------------------------------------------------------------------------------------- copies


def test_copies():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    deep = copy.deepcopy(x)
    assert deep.tolist() == [1, 2] and deep.requires_grad and deep.grad.tolist() == [2, 4]
    assert deep.array is not x.array and deep.grad.array is not x.grad.array and deep.version is not x.version
    both = copy.deepcopy([x, x])
    assert both[0] is both[1]
    sent = pickle.loads(pickle.dumps(x))
    assert sent.tolist() == [1, 2] and sent.requires_grad and sent.dtype == np.float32
    shared = copy.copy(x)
    assert shared.is_leaf and shared.array is x.array and shared.version is x.version
    with pytest.raises(RuntimeError, match="graph"):
        copy.deepcopy(x * 2)


def test_a_clone_is_recorded_and_keeps_the_layout():
    x = mg.tensor(np.ones((2, 3)), requires_grad=True)
    y = x.T.clone()
    y.sum().backward()
    assert x.grad.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert y.array.flags.f_contiguous and y.contiguous().array.flags.c_contiguous
    z = mg.ones(2)
    assert z.contiguous() is z


def double(x):
    return x * 2


def test_tensors_travel_to_other_processes_and_back():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(double, mg.tensor([1.0, 2.0])).result().tolist() == [2, 4]


# ---------------------------------------------------------------------------------------------------- in place

IN_PLACE = {
    "add_": (lambda x: x.add_(2), [3, 4]),
    "add_, alpha": (lambda x: x.add_(mg.ones(2), alpha=-3), [-2, -1]),
    "sub_": (lambda x: x.sub_([1, 2]), [0, 0]),
    "sub_, alpha": (lambda x: x.sub_(1, alpha=2), [-1, 0]),
    "mul_": (lambda x: x.mul_(np.float64(3)), [3, 6]),
    "div_": (lambda x: x.div_(2), [0.5, 1]),
    "clamp_": (lambda x: x.clamp_(min=1.5), [1.5, 2]),
    "fill_": (lambda x: x.fill_(7), [7, 7]),
    "fill_ with a tensor": (lambda x: x.fill_(mg.tensor(7.0)), [7, 7]),
    "zero_": (lambda x: x.zero_(), [0, 0]),
    "copy_": (lambda x: x.copy_([5, 6]), [5, 6]),
    "+=": (lambda x: x.__iadd__(1), [2, 3]),
    "-=": (lambda x: x.__isub__(1), [0, 1]),
    "*=": (lambda x: x.__imul__(2), [2, 4]),
    "/=": (lambda x: x.__itruediv__(2), [0.5, 1]),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_changed_in_place(name):
    change, values = IN_PLACE[name]
    x = mg.tensor([1.0, 2.0])
    array = x.array
    assert change(x) is x
    assert x.array is array and x.dtype == np.float32 and x.tolist() == values and x.version == [1]


ASSIGNED = {
    "number": (0, 9, [[9, 9, 9], [0, 0, 0]]),
    "slice": ((slice(None), slice(1, 3)), 9, [[0, 9, 9], [0, 9, 9]]),
    "tensor": (0, mg.arange(3), [[0, 1, 2], [0, 0, 0]]),
    "mask": (mg.tensor([[True, False, False], [False, False, True]]), 9, [[9, 0, 0], [0, 0, 9]]),
    "indices": ((mg.tensor([0, 1]), mg.tensor([2, 0])), mg.tensor([5.0, 6.0]), [[0, 0, 5], [6, 0, 0]]),
    "list": ([1], [7, 8, 9], [[0, 0, 0], [7, 8, 9]]),
}


@pytest.mark.parametrize("name", ASSIGNED)
def test_elements_set(name):
    index, value, expected = ASSIGNED[name]
    x = mg.zeros(2, 3)
    x[index] = value
    assert x.tolist() == expected and x.version == [1]


def test_a_tensor_can_be_moved_over_itself():
    x = mg.arange(5)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3]


# ---------------------------------------------------------------------------------------------------- NumPy dispatch

X = np.array([[0.5, 1.0, 2.0], [3.0, 0.25, 1.5]])
BY_NAME = """
    exp expm1 log log1p sqrt square reciprocal sin cos tan tanh negative absolute abs
    sum mean prod amax amin max min var std transpose squeeze
"""
DISPATCHED = {
    **{name: getattr(np, name) for name in BY_NAME.split()},
    "add": lambda x: np.add(x, 1),
    "array first": lambda x: np.ones(3) + x,
    "array minus": lambda x: X - x * 2,
    "array matmul": lambda x: X.T @ x,
    "NumPy's number first": lambda x: np.float64(2) * x,
    "power": lambda x: np.power(x, 2),
    "divide": lambda x: np.divide(1, x),
    "maximum": lambda x: np.maximum(x, 1.1),
    "clip": lambda x: np.clip(x, 0.6, 1.6),
    "where": lambda x: np.where(X > 1, x, 0),
    "sum along": lambda x: np.sum(x, axis=1),
    "mean, keepdims": lambda x: np.mean(x, axis=0, keepdims=True),
    "var, ddof": lambda x: np.var(x, axis=1, ddof=1),
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "cumsum of all": lambda x: np.cumsum(x),
    "matmul": lambda x: np.matmul(x, X.T),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, X),
    "outer": lambda x: np.outer(x[0], X[1]),
    "reshape": lambda x: np.reshape(x, (3, 2)),
    "transpose by axes": lambda x: np.transpose(x, axes=(1, 0)),
    "swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "expand_dims": lambda x: np.expand_dims(x, axis=1),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 2, 3)),
    "concatenate": lambda x: np.concatenate([x, X], axis=1),
    "concatenate flat": lambda x: np.concatenate([x, X[0]], axis=None),
    "stack": lambda x: np.stack([x, X], axis=-1),
    "flip": lambda x: np.flip(x),
    "flip along": lambda x: np.flip(x, axis=1),
    "roll": lambda x: np.roll(x, 1, axis=1),
    "tile": lambda x: np.tile(x, 2),
    "tile both": lambda x: np.tile(x, (2, 3)),
    "tril": lambda x: np.tril(x),
}


@pytest.mark.parametrize("name", DISPATCHED)
def test_a_numpy_function_is_the_operation_of_that_name_and_keeps_the_gradient(name):
    function = DISPATCHED[name]
    x = mg.tensor(X, requires_grad=True)
    out = function(x)
    assert isinstance(out, Tensor) and out.requires_grad
    np.testing.assert_allclose(out.array, function(X), rtol=1e-14)
    assert mg.gradcheck(function, x)


WITHOUT = {
    "argmax": lambda x: np.argmax(x, axis=1),
    "any": lambda x: np.any(x > 2),
    "all": lambda x: np.all(x > 0, axis=0),
    "greater": lambda x: np.greater(x, 1),
    "isnan": lambda x: np.isnan(x),
    "floor": lambda x: np.floor(x),
    "round": lambda x: np.round(x, 1),
    "sign": lambda x: np.sign(x),
    "logical_and": lambda x: np.logical_and(x > 1, x < 2),
    "floor_divide": lambda x: np.floor_divide(x, 0.4),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_a_numpy_function_without_a_gradient(name):
    function = WITHOUT[name]
    out = function(mg.tensor(X))
    assert isinstance(out, Tensor)
    np.testing.assert_array_equal(out.array, function(X))


UNKNOWN = {
    "a ufunc": (lambda x: np.arctan(x), "np.arctan"),
    "a function": (lambda x: np.median(x), r"numpy\.median"),
    "of linalg": (lambda x: np.linalg.norm(x), r"numpy\.linalg\.norm"),
    "of fft": (lambda x: np.fft.fft(x), r"numpy\.fft\.fft"),
    "a method": (lambda x: np.add.reduce(x), r"np\.add \(method reduce"),
    "an array as target": (lambda x: np.ones((2, 3)).__iadd__(x), r"np\.add \(method __call__, options \['out'\]"),
    "an option": (lambda x: np.exp(x, where=True), r"options \['where'\]"),
}


@pytest.mark.parametrize("gradient", [True, False])
@pytest.mark.parametrize("name", UNKNOWN)
def test_a_numpy_function_without_a_rule_raises(name, gradient):
    function, message = UNKNOWN[name]
    with pytest.raises(TypeError, match=f"{message}.*has no rule for tensors; use a function of minigrad, or .detach"):
        function(mg.tensor(X, requires_grad=gradient))


def test_numpy_never_gets_an_array_whose_gradient_it_would_lose():
    x = mg.tensor(X, requires_grad=True)
    for lose in (np.asarray, np.array, lambda x: x.numpy(), lambda x: np.zeros((2, 3)).__setitem__(..., x)):
        with pytest.raises(RuntimeError, match=r"use .detach\(\).numpy\(\)"):
            lose(x)
    assert np.asarray(x.detach()) is x.array
    assert np.array(mg.ones(2), dtype=np.float64).dtype == np.float64


# ---------------------------------------------------------------------------------------------------- refused

REFUSED = {
    "ragged lists": (lambda: mg.tensor([[1, 2], [3]]), ValueError, "tensor: expected numbers in nested lists of equal"),
    "a number for Tensor": (lambda: Tensor(2.5), TypeError, r"Tensor: expected sizes, or one sequence .*\(2.5,\)"),
    "two lists for Tensor": (lambda: Tensor([1], [2]), TypeError, "Tensor: expected sizes, or one sequence"),
    "words": (lambda: mg.tensor("abc"), TypeError, "tensor: expected numbers, got 'abc'"),
    "None": (lambda: mg.tensor(None), TypeError, "tensor: expected numbers, got None"),
    "complex numbers": (lambda: mg.tensor(1j), TypeError, "got complex128"),
    "a dtype": (lambda: mg.zeros(2, dtype="int3"), TypeError, "expected a dtype such as mg.float32, got 'int3'"),
    "size": (lambda: mg.zeros(2.5), TypeError, r"expected whole numbers.*\(2.5,\)"),
    "negative size": (lambda: mg.zeros(-1), ValueError, "zeros: lengths must be at least 0"),
    "from_numpy": (lambda: mg.from_numpy([1, 2]), TypeError, "from_numpy: expected an array, got list"),
    "arange": (lambda: mg.arange(0, 5, 0), ValueError, "arange: from 0 to 5 in steps of 0"),
    "item": (lambda: mg.ones(2).item(), ValueError, r"item: expected a tensor of one element, got shape \(2,\)"),
    "float": (lambda: float(mg.ones(2)), ValueError, "item: expected a tensor of one element"),
    "a format": (lambda: f"{mg.ones(2):.2f}", TypeError, r"a tensor of shape \(2,\) has no format '.2f'; use"),
    "truth": (lambda: bool(mg.ones(2)), ValueError, r"the truth of a tensor of shape \(2,\) is ambiguous"),
    "truth of nothing": (lambda: bool(mg.ones(0)), ValueError, "ambiguous"),
    "len": (lambda: len(mg.tensor(1.0)), TypeError, r"len\(\) of a 0-d tensor"),
    "iteration": (lambda: list(mg.tensor(1.0)), TypeError, "iteration over a 0-d tensor"),
    "a float as index": (lambda: [1, 2][mg.tensor(1.0)], TypeError, "integer"),
    "numpy": (lambda: mg.ones(1, requires_grad=True).numpy(), RuntimeError, r"use .detach\(\).numpy\(\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        call()


def test_tensors_are_keys_by_identity():
    x, y = mg.ones(2), mg.ones(2)
    assert {x: 1, y: 2}[x] == 1 and len({x, y, x}) == 2
    assert (x == y).all() and (x == None).tolist() == [False, False]  # noqa: E711
