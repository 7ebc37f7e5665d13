"""Reductions: along none, one or several dimensions; what ties, zeros, infinities and empty arrays do."""

import math

import numpy as np
import pytest
from helpers import check, distinct, draw

import minigrad as mg

SHAPE = (2, 3, 4)
DIMS = [None, 0, -1, (1,), (0, -1), (0, 1, 2)]


def range_of(x):
    return tuple(range(x.ndim))


def logsumexp(x, axis, keepdims):
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def norm(p):
    return lambda x, axis, keepdims: np.sum(np.abs(x) ** p, axis=axis, keepdims=keepdims) ** (1 / p)


# name: operation(x, dim, keepdim), definition(x, axis, keepdims)
ALONG = {
    "sum": (mg.sum, lambda x, axis, keepdims: np.sum(x, axis=axis, keepdims=keepdims)),
    "mean": (mg.mean, lambda x, axis, keepdims: np.mean(x, axis=axis, keepdims=keepdims)),
    "prod": (mg.prod, lambda x, axis, keepdims: np.prod(x, axis=axis, keepdims=keepdims)),
    "amax": (mg.amax, lambda x, axis, keepdims: np.max(x, axis=axis, keepdims=keepdims)),
    "amin": (mg.amin, lambda x, axis, keepdims: np.min(x, axis=axis, keepdims=keepdims)),
    "var": (
        lambda x, dim, keepdim: x.var(dim, keepdim=keepdim),
        lambda x, axis, keepdims: np.var(x, axis=axis, keepdims=keepdims, ddof=1),
    ),
    "std, correction 0": (
        lambda x, dim, keepdim: x.std(dim, correction=0, keepdim=keepdim),
        lambda x, axis, keepdims: np.std(x, axis=axis, keepdims=keepdims),
    ),
    "logsumexp": (lambda x, dim, keepdim: x.logsumexp(range_of(x) if dim is None else dim, keepdim), logsumexp),
    "norm": (lambda x, dim, keepdim: x.norm(dim=dim, keepdim=keepdim), norm(2)),
    "norm 1": (lambda x, dim, keepdim: x.norm(1, dim, keepdim), norm(1)),
    "norm 3": (lambda x, dim, keepdim: x.norm(3, dim, keepdim), norm(3)),
    "norm 0.5": (lambda x, dim, keepdim: x.norm(0.5, dim, keepdim), norm(0.5)),
    "norm inf": (
        lambda x, dim, keepdim: x.norm(math.inf, dim, keepdim),
        lambda x, axis, keepdims: np.max(np.abs(x), axis=axis, keepdims=keepdims),
    ),
    "norm -inf": (
        lambda x, dim, keepdim: mg.norm(x, -math.inf, dim, keepdim),
        lambda x, axis, keepdims: np.min(np.abs(x), axis=axis, keepdims=keepdims),
    ),
}


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", DIMS, ids=str)
@pytest.mark.parametrize("name", ALONG)
def test_along_dimensions(name, dim, keepdim):
    op, definition = ALONG[name]
    x = distinct(SHAPE) + 1e-2 * draw(SHAPE)  # no two of the same magnitude either
    check(lambda x: op(x, dim, keepdim), lambda x: definition(x, dim, keepdim), x)


@pytest.mark.parametrize("name", ALONG)
def test_of_a_scalar_and_of_one_element(name):
    op, definition = ALONG[name]
    if name == "var":
        return  # of one element there is none: see below
    check(lambda x: op(x, None, False), lambda x: definition(x, None, False), (1, 1), second="std" not in name)
    check(lambda x: op(x, 0, True), lambda x: definition(x, None, False), (), second="std" not in name)


ONE_DIM = {
    "softmax": (lambda x, d: x.softmax(d), lambda x, d: np.exp(x) / np.exp(x).sum(d, keepdims=True)),
    "log_softmax": (lambda x, d: x.log_softmax(d), lambda x, d: x - np.log(np.exp(x).sum(d, keepdims=True))),
    "cumsum": (lambda x, d: x.cumsum(d), np.cumsum),
    "max": (lambda x, d: x.max(d).values, np.max),
    "min": (lambda x, d: x.min(d)[0], np.min),
    "median": (lambda x, d: x.median(d).values, lambda x, d: np.sort(x, d).take((x.shape[d] - 1) // 2, d)),
    "sort": (lambda x, d: x.sort(d).values, np.sort),
    "sort, descending": (lambda x, d: mg.sort(x, d, descending=True)[0], lambda x, d: -np.sort(-x, d)),
    "max, keepdim": (lambda x, d: x.max(d, keepdim=True).values, lambda x, d: np.max(x, d, keepdims=True)),
}


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("name", ONE_DIM)
def test_along_one_dimension(name, dim):
    op, definition = ONE_DIM[name]
    check(lambda x: op(x, dim), lambda x: definition(x, dim), distinct(SHAPE))


INDICES = {
    "argmax": (lambda x, d: x.argmax(d), np.argmax),
    "argmin": (lambda x, d: x.argmin(d), np.argmin),
    "argsort": (lambda x, d: x.argsort(d), lambda x, d: np.argsort(x, d, kind="stable")),
    "argsort, descending": (
        lambda x, d: mg.argsort(x, d, descending=True),
        lambda x, d: np.argsort(-x, d, kind="stable"),
    ),
    "indices of max": (lambda x, d: x.max(d).indices, np.argmax),
    "indices of min": (lambda x, d: x.min(d).indices, np.argmin),
    "indices of median": (
        lambda x, d: x.median(d).indices,
        lambda x, d: np.argsort(x, d).take((x.shape[d] - 1) // 2, d),
    ),
    "any": (lambda x, d: (x > 1).any(d), lambda x, d: np.any(x > 1, d)),
    "all": (lambda x, d: (x > 0).all(d), lambda x, d: np.all(x > 0, d)),
}


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("name", INDICES)
def test_indices_along_one_dimension(name, dim):
    op, definition = INDICES[name]
    check(lambda x: op(x, dim), lambda x: definition(x, dim), distinct(SHAPE), gradient=False)


ALL_ELEMENTS = {
    "max": (lambda x: x.max(), np.max),
    "min": (lambda x: x.min(), np.min),
    "median": (lambda x: x.median(), lambda x: np.sort(x, None)[(x.size - 1) // 2]),
    "norm": (lambda x: x.norm(), np.linalg.norm),
    "sum_to_size": (lambda x: x.sum_to_size(2, 1, 4), lambda x: x.sum(1, keepdims=True)),
    "sum_to_size, fewer dimensions": (lambda x: x.sum_to_size((3, 4)), lambda x: x.sum(0)),
}


@pytest.mark.parametrize("name", ALL_ELEMENTS)
def test_of_all_elements(name):
    check(*ALL_ELEMENTS[name], distinct(SHAPE))


def test_indices_of_all_elements_count_through_the_flattened_array():
    x = mg.tensor([[1.0, 5.0], [9.0, -3.0]])
    assert (x.argmax().item(), x.argmin().item()) == (2, 3)
    assert x.argmax(1, keepdim=True).tolist() == [[1], [0]]
    assert bool((x > 8).any()) and not bool((x > 8).all())


def gradient(op, values):
    x = mg.tensor(values, dtype=mg.float64, requires_grad=True)
    out = op(x)
    out.sum().backward()
    return x.grad.tolist()


# PyTorch's choices: operation, values, gradient
TIES = {
    "amax shares": (lambda x: x.amax(), [1.0, 3.0, 3.0], [0, 0.5, 0.5]),
    "amin shares": (lambda x: x.amin(0), [1.0, 1.0, 3.0], [0.5, 0.5, 0]),
    "max() shares": (lambda x: x.max(), [3.0, 3.0], [0.5, 0.5]),
    "max(dim) takes the first": (lambda x: x.max(0).values, [1.0, 3.0, 3.0], [0, 1, 0]),
    "min(dim) takes the first": (lambda x: x.min(0).values, [1.0, 1.0, 3.0], [1, 0, 0]),
    "sort keeps the order": (lambda x: x.sort(0).values * mg.tensor([1.0, 2.0, 3.0]), [2.0, 1.0, 2.0], [2, 1, 3]),
    "norm at 0": (lambda x: x.norm(), [0.0, 0.0], [0, 0]),
    "norm 1 at 0": (lambda x: x.norm(1), [0.0, -2.0], [0, -1]),
    "norm inf at 0": (lambda x: x.norm(math.inf), [0.0, 0.0], [0, 0]),
    "norm 3 at 0": (lambda x: x.norm(3), [0.0, 0.0], [0, 0]),
    "norm 0.5 with a 0": (lambda x: x.norm(0.5), [0.0, 4.0], [0, 1]),
    "norm 0 counts": (lambda x: x.norm(0) + 0 * x.sum(), [0.0, 4.0], [0, 0]),
    "std of equal elements": (lambda x: x.std(), [2.0, 2.0, 2.0], [0, 0, 0]),
    "prod with a zero": (lambda x: x.prod(), [2.0, 0.0, 3.0], [0, 6, 0]),
    "prod with two zeros": (lambda x: x.prod(), [2.0, 0.0, 0.0], [0, 0, 0]),
    "prod of one zero": (lambda x: x.prod(), [0.0], [1]),
    "prod along a dim": (lambda x: x.prod(1), [[2.0, 0.0, 5.0], [1.0, 3.0, 4.0]], [[0, 10, 0], [12, 4, 3]]),
    "prod along several": (lambda x: x.prod((0, 2)), [[[2.0, 0.0], [1.0, 3.0]]] * 1, [[[0, 2], [3, 1]]]),
    "prod that overflows": (lambda x: x.prod(), [1e200, 1e200, 1e-300], [1e-100, 1e-100, math.inf]),
    "prod that underflows": (lambda x: x.prod(), [1e-200, 1e-200, 1e300], [1e100, 1e100, 0]),
}


@pytest.mark.parametrize("name", TIES)
@pytest.mark.filterwarnings("ignore:overflow")
def test_at_ties_zeros_and_kinks_as_pytorch(name):
    op, values, expected = TIES[name]
    np.testing.assert_allclose(gradient(op, values), expected, rtol=1e-12)


def test_derivatives_of_a_product_with_zeros():
    for values in ([0.0, 2.0, 3.0, -1.0, 4.0], [0.0, 0.0, 3.0], [0.0, 2.0]):
        x = mg.tensor(values, dtype=mg.float64, requires_grad=True)
        assert mg.gradcheck(mg.prod, x) and mg.gradgradcheck(mg.prod, x)
    x = mg.tensor(draw((2, 3, 4)).round(0), dtype=mg.float64, requires_grad=True)
    assert mg.gradgradcheck(lambda x: x.prod((0, 2)), x)


def test_a_long_product_with_a_zero_needs_no_square_of_memory():
    x = mg.ones(100_000, requires_grad=True)
    x.array[7] = 0
    x.prod().backward()
    assert x.grad.array[7] == 1 and x.grad.array.sum() == 1


EMPTY = {
    "sum": (lambda x: x.sum(), (0,), 0.0),
    "sum along the empty": (lambda x: x.sum(0), (0, 2), [0.0, 0.0]),
    "sum along the other": (lambda x: x.sum(1), (0, 2), []),
    "prod": (lambda x: x.prod(), (0,), 1.0),
    "mean": (lambda x: x.mean(), (0,), math.nan),
    "mean along the empty": (lambda x: x.mean(0), (0, 2), [math.nan, math.nan]),
    "amax along the other": (lambda x: x.amax(1), (0, 2), []),
    "max along the other": (lambda x: x.max(1).values, (0, 2), []),
    "median": (lambda x: x.median(), (0,), math.nan),
    "norm": (lambda x: x.norm(), (0,), 0.0),
    "softmax": (lambda x: x.softmax(1), (0, 2), []),
    "logsumexp along the empty": (lambda x: x.logsumexp(0), (0, 2), [-math.inf, -math.inf]),
    "any": (lambda x: x.any(), (0,), False),
    "all": (lambda x: x.all(), (0,), True),
    "cumsum": (lambda x: x.cumsum(0), (0,), []),
    "sort": (lambda x: x.sort(0).values, (0,), []),
}


@pytest.mark.parametrize("name", EMPTY)
def test_of_an_empty_array_as_pytorch(name):
    op, shape, expected = EMPTY[name]
    x = mg.zeros(shape, requires_grad=True)
    out = op(x)
    np.testing.assert_equal(out.tolist(), expected)
    if out.requires_grad:
        out.sum().backward()
        assert x.grad.shape == shape


@pytest.mark.parametrize("op", [mg.amax, mg.amin, mg.argmax, mg.argmin, mg.max, mg.min])
def test_nothing_has_no_largest(op):
    with pytest.raises(ValueError, match=r"(amax|amin|argmax|argmin|max_of_all|min_of_all)\(float32\[0\]"):
        op(mg.zeros(0))


def test_variance_of_one_element_is_not_a_number():
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert math.isnan(mg.ones(1).var().item())
    assert mg.ones(1).var(correction=0).item() == 0


INFINITE = {
    "softmax, distant rows": (lambda x: x.softmax(1), [[0.0, 0.0], [1e4, 1e4]], [[0.5, 0.5], [0.5, 0.5]]),
    "softmax, a masked element": (lambda x: x.softmax(0), [-math.inf, 0.0, 0.0], [0, 0.5, 0.5]),
    "log_softmax, far apart": (lambda x: x.log_softmax(0), [0.0, 1e4], [-1e4, 0]),
    "logsumexp, large": (lambda x: x.logsumexp(0), [1e4, 1e4], 1e4 + math.log(2)),
    "logsumexp, small": (lambda x: x.logsumexp(0), [-1e4, -1e4], -1e4 + math.log(2)),
    "logsumexp of -inf": (lambda x: x.logsumexp(0), [-math.inf, -math.inf], -math.inf),
    "logsumexp of inf": (lambda x: x.logsumexp(0), [math.inf, 0.0], math.inf),
    "max ignores nothing": (lambda x: x.max(0).values, [math.nan, 1.0], math.nan),
    "amax of NaN": (lambda x: x.amax(), [1.0, math.nan], math.nan),
    "median of NaN": (lambda x: x.median(), [1.0, math.nan, 0.0], math.nan),
    "median(dim) of NaN": (lambda x: x.median(0).values, [1.0, math.nan, 0.0], math.nan),
    "norm of inf": (lambda x: x.norm(), [math.inf, 1.0], math.inf),
}


@pytest.mark.parametrize("name", INFINITE)
def test_with_large_infinite_and_absent_numbers(name):
    op, values, expected = INFINITE[name]
    for dtype in (mg.float32, mg.float64):
        np.testing.assert_allclose(op(mg.tensor(values, dtype=dtype)).array, expected, rtol=1e-6)


def test_gradients_of_distant_and_masked_rows_are_finite():
    x = mg.tensor([[0.0, 1.0], [1e4, 0.0], [-math.inf, 3.0]], requires_grad=True)
    for op in (lambda x: x.softmax(1), lambda x: x.logsumexp(1)):
        x.grad = None
        (op(x) ** 2).sum().backward()
        assert np.isfinite(x.grad.array).all()


DTYPES = {
    "sum of bool": (lambda: (mg.ones(3) > 0).sum(), "int64", 3),
    "sum of uint8": (lambda: mg.tensor([200, 200], dtype=mg.uint8).sum(), "int64", 400),
    "sum of int32": (lambda: mg.ones(3, dtype=mg.int32).sum(), "int64", 3),
    "sum in float64": (lambda: mg.ones(3).sum(dtype=mg.float64), "float64", 3),
    "sum in np.float64": (lambda: mg.ones(3).sum(dtype=np.float64), "float64", 3),
    "mean of int": (lambda: mg.arange(4).mean(), "float32", 1.5),
    "prod of int": (lambda: mg.arange(1, 4).prod(), "int64", 6),
    "max of int": (lambda: mg.arange(4).max(), "int64", 3),
    "argmax": (lambda: mg.ones(4).argmax(), "int64", 0),
    "softmax of int": (lambda: mg.arange(2).softmax(0).sum(), "float32", 1),
    "any": (lambda: mg.ones(4).any(), "bool", True),
    "along a NumPy integer": (lambda: mg.ones(2, 3).sum(np.int64(1)).max(), "float32", 3),
}


@pytest.mark.parametrize("name", DTYPES)
def test_dtype(name):
    make, dtype, value = DTYPES[name]
    assert (make().dtype, make().item()) == (dtype, value)


def test_of_scalars_indices_are_scalars():
    x = mg.tensor(3.0)
    for found in (x.max(0), x.min(-1), x.median(0), x.sort()):
        assert found.values.item() == 3 and found.indices.shape == () and found.indices.item() == 0
    assert x.cumsum(0).shape == x.argsort().shape == ()


def test_along_what_there_is_a_tuple_with_names():
    values, indices = mg.tensor([[1.0, 3.0], [4.0, 2.0]]).max(1)
    assert (values.tolist(), indices.tolist()) == ([3, 4], [1, 0])
    assert mg.ones(2, 3).sort().indices.shape == (2, 3)


BAD = {
    "no such dimension": (
        lambda: mg.ones(2, 3).sum(2),
        IndexError,
        r"sum\(float32\[2, 3\], 2.*2 is out of range",
    ),
    "of several": (lambda: mg.ones(2, 3).amax((0, -3)), IndexError, r"amax.*dimension -3 is out of range"),
    "one twice": (lambda: mg.ones(2, 3).sum((0, 0)), ValueError, r"sum.*a dimension comes twice"),
    "of a mean": (lambda: mg.ones(2, 3).mean(5), IndexError, "mean.*out of range"),
    "of max": (lambda: mg.ones(2, 3).max(5), IndexError, r"max: dimension 5 is out of range"),
    "of softmax": (lambda: mg.ones(2, 3).softmax(-3), IndexError, r"softmax.*out of range"),
    "softmax without one": (lambda: mg.ones(2, 3).softmax(), TypeError, r"softmax\(x, dim, dtype=None\).*'dim'"),
    "norm": (lambda: mg.ones(2).norm("nuc"), ValueError, "p must be a number.*'nuc'"),
    "a float as dimension": (lambda: mg.ones(2).sum(1.0), TypeError, r"sum\(float32\[2\], 1.0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()


# ---- float32 over many elements, and float16: nothing is lost on the way

MANY = 1 << 20
LAYOUTS = {
    "rows": lambda shape: np.full(shape, 0.1, np.float32),
    "columns": lambda shape: np.full(shape[::-1], 0.1, np.float32).T,
    "every other": lambda shape: np.full((*shape[:-1], 2 * shape[-1]), 0.1, np.float32)[..., ::2],
    "backwards": lambda shape: np.full(shape, 0.1, np.float32)[::-1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(MANY,), (MANY, 2), (2, MANY), (1024, 1024), (MANY // 8, 4, 2), (300, 7, 300)])
def test_float32_sums_are_right_along_every_axis(layout, shape):
    x = mg.from_numpy(LAYOUTS[layout](shape))
    each = float(np.float32(0.1))
    dims = [None, *range(len(shape)), *([(0, -1), (-2, -1)] if len(shape) > 1 else [])]
    for dim in dims:
        n = x.array.size if dim is None else math.prod(shape[d] for d in np.atleast_1d(dim))
        np.testing.assert_allclose(x.sum(dim).numpy(), n * each, rtol=1e-5)
        np.testing.assert_allclose(x.mean(dim).numpy(), each, rtol=1e-5)
        np.testing.assert_allclose(x.norm(dim=dim).numpy(), each * math.sqrt(n), rtol=1e-5)
        if np.ndim(dim) == 0 and dim is not None:
            exact = each * np.arange(1, n + 1).reshape(-1, *(1,) * (len(shape) - 1 - dim))
            np.testing.assert_allclose(x.cumsum(dim).numpy(), np.broadcast_to(exact, shape), rtol=1e-5)


def test_a_deviation_of_equal_numbers_in_a_long_column_is_zero():
    x = mg.tensor([[100.0, -100.0]]).repeat(1_000_000, 1)
    assert x.std(0).tolist() == [0, 0] and x.mean(0).tolist() == [100, -100]


def test_the_gradient_of_broadcasting_over_many_rows_is_right():
    bias = mg.zeros(3, requires_grad=True)
    (mg.full((MANY, 3), 0.1) + bias).backward(mg.full((MANY, 3), 0.1))
    np.testing.assert_allclose(bias.grad.numpy(), MANY * float(np.float32(0.1)), rtol=1e-5)


HALF = {
    "mean": (lambda x: x.mean(), [100.0] * 656, 100),
    "norm": (lambda x: x.norm(), [300.0, 400.0], 500),
    "norm of the third order": (lambda x: x.norm(3), [300.0, 400.0], 449.79),
    "var": (lambda x: x.var(), [-200.0, 0.0, 200.0], 40000),
    "std": (lambda x: x.std(), [-300.0, 0.0, 300.0], 300),
    "logsumexp": (lambda x: x.logsumexp(0), [0.0] * 70000, math.log(70000)),
    "softmax": (lambda x: x.softmax(0)[0], [0.0] * 4000, 1 / 4000),
    "log_softmax": (lambda x: x.log_softmax(0)[0], [0.0] * 70000, -math.log(70000)),
    "sum": (lambda x: x.sum(), [1.0] * 3000, 3000),
    "cumsum": (lambda x: x.cumsum(0)[-1], [1.0] * 3000, 3000),
    "nanmean": (lambda x: x.nanmean(), [100.0] * 656 + [math.nan], 100),
}


@pytest.mark.parametrize("name", HALF)
def test_float16_accumulates_in_float32(name):
    op, elements, expected = HALF[name]
    x = mg.tensor(elements, dtype=mg.float16, requires_grad=True)
    out = op(x)
    assert out.dtype == np.float16 and out.item() == pytest.approx(expected, rel=2e-3)
    out.backward()
    assert x.grad.dtype == np.float16 and np.isfinite(x.grad.numpy()[: len(elements) - (name == "nanmean")]).all()


WITH_DTYPE = {
    "sum": lambda x, **o: x.sum(**o),
    "mean": lambda x, **o: x.mean(**o),
    "prod": lambda x, **o: x.prod(**o),
    "cumsum": lambda x, **o: x.cumsum(0, **o),
    "cumprod": lambda x, **o: x.cumprod(0, **o),
    "softmax": lambda x, **o: x.softmax(0, **o),
    "log_softmax": lambda x, **o: x.log_softmax(0, **o),
    "norm": lambda x, **o: x.norm(**o),
    "nansum": lambda x, **o: x.nansum(**o),
}


@pytest.mark.parametrize("name", WITH_DTYPE)
def test_a_dtype_that_is_asked_for_is_that_of_the_result(name):
    x = mg.tensor([1.0, 2.0], dtype=mg.float16, requires_grad=True)
    out = WITH_DTYPE[name](x, dtype=mg.float64)
    assert out.dtype == np.float64
    out.sum().backward()
    assert x.grad.dtype == np.float16


def test_the_norm_of_order_zero_counts_and_keeps_dtype_and_graph():
    x = mg.tensor([1.0, 0.0, 3.0], dtype=mg.float64, requires_grad=True)
    out = x.norm(0)
    assert out.item() == 2 and out.dtype == np.float64
    out.backward()
    assert x.grad.tolist() == [0, 0, 0]
