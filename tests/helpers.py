"""One line a case: an operation against NumPy or a slow definition, its derivatives against difference quotients.

`check` is what the tables of test_elementwise, test_reductions, test_shape, test_linalg, test_conv and test_pool call.
"""

import zlib

import numpy as np

import minigrad as mg
from minigrad.kernels.windows import Window


def draw(shape, low=-2.0, high=2.0, key=""):
    """Uniform float64 numbers, the same for the same shape and key on every machine and in every process."""
    source = np.random.RandomState(zlib.crc32(f"{shape} {key}".encode()))
    return np.asarray(source.uniform(low, high, shape))


def distinct(shape, key=""):
    """Numbers at least 0.1 apart and not 0, in random order: nothing ties, and no kink is within a difference."""
    source = np.random.RandomState(zlib.crc32(f"{shape} {key}".encode()))
    size = int(np.prod(shape))
    return np.asarray((source.permutation(size) - size // 2 + 0.5) / 8).reshape(shape)


def window(kernel, groups=1, ceil_mode=False, **options):
    """A Window whose options are given as users give them: as numbers or as pairs."""
    pair = lambda value: (value, value) if isinstance(value, int) else tuple(value)
    return Window(pair(kernel), groups=groups, ceil_mode=ceil_mode, **{k: pair(v) for k, v in options.items()})


def strided(array):
    """The same elements, every other one of a larger array."""
    if array.ndim == 0:
        return array.copy()
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan, array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


LAYOUTS = {
    "contiguous": np.copy,
    "transposed": lambda a: np.copy(a.T).T,
    "strided": strided,
    "reversed": lambda a: np.asarray(np.flip(np.flip(a).copy())),
}


def read_only(array):
    """The array, which whoever writes to it will be told."""
    array.flags.writeable = False
    return array


def leaf(array, dtype=np.float64):
    """A tensor around read-only memory of the array's layout, asking for a gradient if it is of floating dtype."""
    array = array.astype(dtype, order="K", copy=False) if array.dtype.kind == "f" else array
    return mg.from_numpy(read_only(array)).requires_grad_(array.dtype.kind == "f")


def check(op, reference, *inputs, low=-2.0, high=2.0, second=True, gradient=True, tolerance=1e-5):
    """`op(*tensors)` is `reference(*arrays)`, for inputs that are shapes (drawn between low and high) or arrays.

    In float64 and float32, whose dtype it keeps; for memory in any order; for tensors and for bare arrays beside them;
    without writing to its arguments or to the upstream gradient; with right first and second derivatives.
    """
    arrays = [draw(x, low, high, key=i) if isinstance(x, tuple) else np.asarray(x) for i, x in enumerate(inputs)]
    expected = np.asarray(reference(*arrays))
    floating = expected.dtype.kind == "f"
    gradients = None
    for place in LAYOUTS.values():
        tensors = [leaf(place(a)) for a in arrays]
        out = op(*tensors)
        assert isinstance(out, mg.Tensor)
        assert out.shape == expected.shape
        assert not floating or out.dtype == np.float64
        np.testing.assert_allclose(out.array, expected, rtol=1e-12, atol=1e-12)
        if gradient:
            assert out.requires_grad
            upstream = read_only(draw(out.shape, key="upstream"))
            out.backward(mg.from_numpy(upstream), retain_graph=True)
            found = [x.grad for x in tensors if x.requires_grad]
            for g, x in zip(found, [x for x in tensors if x.requires_grad], strict=True):
                assert g.shape == x.shape and g.dtype == x.dtype and g.array.flags.writeable
            gradients = gradients or found
            for g, same in zip(found, gradients, strict=True):
                np.testing.assert_allclose(g.array, same.array, rtol=1e-9, atol=1e-12)
    if gradient:
        assert mg.gradcheck(op, tensors)
        assert not second or mg.gradgradcheck(op, tensors)
    single = [leaf(np.copy(a), np.float32) for a in arrays]
    out = op(*single)
    np.testing.assert_allclose(out.array, expected, rtol=tolerance, atol=tolerance)
    assert not floating or out.dtype == np.float32
    if gradient:
        out.backward(mg.from_numpy(upstream.astype(np.float32)))
        for x, g in zip([x for x in single if x.requires_grad], gradients, strict=True):
            assert x.grad.dtype == np.float32
            np.testing.assert_allclose(x.grad.array, g.array, rtol=10 * tolerance, atol=10 * tolerance)
    else:
        assert not out.requires_grad
