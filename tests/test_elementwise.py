"""Elementwise operations: values against NumPy, derivatives against difference quotients; then choices at edges."""

import math

import numpy as np
import pytest
from helpers import check, distinct, draw
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import minigrad as mg
from minigrad.nn import functional as F

erf = np.vectorize(math.erf, otypes=[float])
sigmoid = lambda x: 1 / (1 + np.exp(-x))

# name: operation, NumPy's version or a definition, range of the arguments
ONE = {
    "neg": (lambda x: -x, np.negative, -2, 2),
    "abs": (abs, np.abs, 0.1, 2),
    "abs of negatives": (mg.abs, np.abs, -2, -0.1),
    "square": (mg.square, np.square, -2, 2),
    "sqrt": (mg.sqrt, np.sqrt, 0.2, 3),
    "rsqrt": (mg.rsqrt, lambda x: 1 / np.sqrt(x), 0.2, 3),
    "reciprocal": (mg.reciprocal, lambda x: 1 / x, 0.2, 3),
    "exp": (mg.exp, np.exp, -2, 2),
    "expm1": (mg.expm1, np.expm1, -2, 2),
    "log": (mg.log, np.log, 0.2, 3),
    "log1p": (mg.log1p, np.log1p, -0.7, 3),
    "sin": (mg.sin, np.sin, -4, 4),
    "cos": (mg.cos, np.cos, -4, 4),
    "tan": (mg.tan, np.tan, -1, 1),
    "tanh": (mg.tanh, np.tanh, -3, 3),
    "sigmoid": (mg.sigmoid, sigmoid, -4, 4),
    "erf": (mg.erf, erf, -3, 3),
    "relu": (mg.relu, lambda x: np.maximum(x, 0), 0.1, 2),
    "relu of negatives": (mg.relu, lambda x: np.maximum(x, 0), -2, -0.1),
    "leaky_relu": (F.leaky_relu, lambda x: np.where(x > 0, x, 0.01 * x), -2, 2),
    "leaky_relu, slope": (lambda x: F.leaky_relu(x, 0.3), lambda x: np.where(x > 0, x, 0.3 * x), -2, 2),
    "elu": (F.elu, lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), -2, -0.1),
    "elu, alpha": (lambda x: F.elu(x, 0.5), lambda x: np.where(x > 0, x, 0.5 * np.expm1(np.minimum(x, 0))), 0.1, 2),
    "gelu": (F.gelu, lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2))), -3, 3),
    "gelu by tanh": (
        lambda x: F.gelu(x, approximate="tanh"),
        lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        -3,
        3,
    ),
    "silu": (F.silu, lambda x: x * sigmoid(x), -4, 4),
    "softplus": (F.softplus, lambda x: np.log1p(np.exp(x)), -4, 4),
    "softplus, beta": (lambda x: F.softplus(x, 3.0), lambda x: np.log1p(np.exp(3 * x)) / 3, -2, 2),
    "softplus above its threshold": (lambda x: F.softplus(x, 1, 0.5), lambda x: x, 0.6, 2),
    "clone": (mg.clone, np.copy, -2, 2),
    "contiguous": (lambda x: x.contiguous(), np.copy, -2, 2),
    "x**2": (lambda x: x**2, lambda x: x**2, -2, 2),
    "x**3": (lambda x: x**3, lambda x: x**3, -2, 2),
    "x**-1.5": (lambda x: x**-1.5, lambda x: x**-1.5, 0.5, 2),
    "2**x": (lambda x: 2**x, lambda x: 2**x, -2, 2),
    "x + 3": (lambda x: x + 3, lambda x: x + 3, -2, 2),
    "3 - x": (lambda x: 3 - x, lambda x: 3 - x, -2, 2),
    "3 / x": (lambda x: 3 / x, lambda x: 3 / x, 0.5, 2),
    "x / 3": (lambda x: x / 3, lambda x: x / 3, -2, 2),
    "+x": (lambda x: +x * 1, np.copy, -2, 2),
    "3 % x": (lambda x: 3 % x, lambda x: 3 % x, 1.6, 2.9),
    "x % 3": (lambda x: x % 3, lambda x: x % 3, 0.1, 2.9),
    "clamp": (lambda x: x.clamp(-5, 5), lambda x: x, -2, 2),
    "clamp from below": (lambda x: x.clamp(min=3), lambda x: np.full_like(x, 3), -2, 2),
    "clamp from above": (lambda x: mg.clip(x, max=-3), lambda x: np.full_like(x, -3), -2, 2),
}


@pytest.mark.parametrize("shape", [(), (3,), (2, 1, 3), (0,), (2, 0)], ids=str)
@pytest.mark.parametrize("name", ONE)
def test_of_one_argument(name, shape):
    op, reference, low, high = ONE[name]
    check(op, reference, shape, low=low, high=high)


TWO = {
    "add": (lambda x, y: x + y, np.add, -2, 2),
    "sub": (lambda x, y: x - y, np.subtract, -2, 2),
    "mul": (lambda x, y: x * y, np.multiply, -2, 2),
    "div": (lambda x, y: x / y, np.divide, 0.5, 2),
    "pow": (lambda x, y: x**y, np.power, 0.5, 2),
    "remainder": (lambda x, y: mg.remainder(x + 3, y), lambda x, y: np.remainder(x + 3, y), 1.1, 1.4),
}


@given(mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=3), st.sampled_from(sorted(TWO)))
def test_of_two_arguments_that_broadcast(shapes, name):
    op, reference, low, high = TWO[name]
    check(op, reference, *shapes.input_shapes, low=low, high=high)


@pytest.mark.parametrize("name", TWO)
def test_of_two_arguments_of_which_one_is_the_other(name):
    op, reference, low, high = TWO[name]
    check(lambda x: op(x, x * 1.25), lambda x: reference(x, x * 1.25), (2, 3), low=low, high=high)


KINKED = {
    "maximum": (mg.maximum, np.maximum),
    "minimum": (mg.minimum, np.minimum),
    "max of two": (mg.max, np.maximum),
    "min of two": (mg.min, np.minimum),
    "where": (lambda x, y: mg.where(x > y, x, y), lambda x, y: np.where(x > y, x, y)),
    "Tensor.where": (lambda x, y: x.where(x < y, y), lambda x, y: np.where(x < y, x, y)),
    "clamp by tensors": (lambda x, y: x.clamp(y, y + 0.3), lambda x, y: np.clip(x, y, y + 0.3)),
}


@pytest.mark.parametrize("name", KINKED)
@pytest.mark.parametrize(
    "shapes", [((4,), (4,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2,)), ((0, 2), (2,))], ids=str
)
def test_with_two_branches(name, shapes):
    x, y = (distinct(shape, key=i) + 0.03 * i for i, shape in enumerate(shapes))
    check(*KINKED[name], x, y)


NO_GRADIENT = {
    "sign of a detached": (lambda x: x.detach().sign(), np.sign),
    "x // 0.7": (lambda x: x // 0.7, lambda x: x // 0.7),
    "7 // (x + 3)": (lambda x: 7 // (x + 3), lambda x: 7 // (x + 3)),
    "x > 0": (lambda x: x > 0, lambda x: x > 0),
    "x >= x": (lambda x: x >= x, lambda x: x >= x),
    "x < 1": (lambda x: x < 1, lambda x: x < 1),
    "x <= 1": (lambda x: x <= 1, lambda x: x <= 1),
    "x == x": (lambda x: x == x, lambda x: x == x),
    "x != 0": (lambda x: x != 0, lambda x: x != 0),
    "isnan": (mg.isnan, np.isnan),
    "isinf": (mg.isinf, np.isinf),
    "isfinite": (mg.isfinite, np.isfinite),
    "logical_and": (lambda x: mg.logical_and(x, x > 0), lambda x: np.logical_and(x, x > 0)),
    "logical_or": (lambda x: mg.logical_or(x < 0, x > 1), lambda x: np.logical_or(x < 0, x > 1)),
    "logical_xor": (lambda x: mg.logical_xor(x < 0, x < 1), lambda x: np.logical_xor(x < 0, x < 1)),
    "logical_not": (mg.logical_not, np.logical_not),
    "&": (lambda x: (x > 0) & (x < 1), lambda x: (x > 0) & (x < 1)),
    "|": (lambda x: (x < 0) | (x > 1), lambda x: (x < 0) | (x > 1)),
    "^": (lambda x: (x < 0) ^ (x < 1), lambda x: (x < 0) ^ (x < 1)),
    "~": (lambda x: ~(x > 0), lambda x: ~(x > 0)),
}


@pytest.mark.parametrize("shape", [(), (2, 3), (0,)], ids=str)
@pytest.mark.parametrize("name", NO_GRADIENT)
def test_without_a_gradient(name, shape):
    check(*NO_GRADIENT[name], shape, gradient=False, tolerance=1e-6)


def slopes(op, *values):
    """The gradient of the sum of op at float64 points."""
    points = [mg.tensor(v, dtype=mg.float64, requires_grad=True) for v in values]
    op(*points).sum().backward()
    return [p.grad.tolist() for p in points]


# PyTorch's choices where a derivative does not exist: operation, points, gradients
EDGES = {
    "floor": (mg.floor, [[-1.5, 0.0, 2.5]], [[0, 0, 0]]),
    "ceil": (mg.ceil, [[-1.5, 0.0, 2.5]], [[0, 0, 0]]),
    "trunc": (mg.trunc, [[-1.5, 0.0, 2.5]], [[0, 0, 0]]),
    "round": (mg.round, [[-1.5, 0.0, 2.5]], [[0, 0, 0]]),
    "abs at 0": (mg.abs, [[-1.0, 0.0, 2.0]], [[-1, 0, 1]]),
    "relu at 0": (mg.relu, [[-1.0, 0.0, 2.0]], [[0, 0, 1]]),
    "leaky_relu at 0": (lambda x: F.leaky_relu(x, 0.1), [[0.0]], [[0.1]]),
    "elu at 0": (lambda x: F.elu(x, 0.5), [[0.0]], [[0.5]]),
    "maximum shares a tie": (mg.maximum, [[1.0, 2.0], [1.0, 3.0]], [[0.5, 0], [0.5, 1]]),
    "minimum shares a tie": (mg.minimum, [[1.0, 2.0], [1.0, 3.0]], [[0.5, 1], [0.5, 0]]),
    "clamp passes at its bounds": (lambda x: x.clamp(-1, 1), [[-2.0, -1.0, 1.0, 2.0]], [[0, 1, 1, 0]]),
    "sign has slope 0": (mg.sign, [[-1.0, 0.0, 2.0]], [[0, 0, 0]]),
    "x**0 at 0": (lambda x: x**0, [[0.0, 2.0]], [[0, 0]]),
    "x**1 at 0": (lambda x: x**1, [[0.0, 2.0]], [[1, 1]]),
    "x**2 at 0": (lambda x: x**2, [[0.0, 2.0]], [[0, 4]]),
    "x**y at x = 0": (mg.pow, [[0.0, 0.0], [0.0, 2.0]], [[0, 0], [0, 0]]),
    "0**y": (lambda y: 0**y, [[1.0, 2.0]], [[0, 0]]),
    "negative base": (lambda x: x ** mg.tensor(3.0), [[-2.0]], [[12]]),
    "softplus above its threshold": (lambda x: F.softplus(x, 1, 20), [[21.0, -50.0]], [[1, math.exp(-50)]]),
    "where ignores the other branch": (
        lambda x: mg.where(x > 0, x, 0.0 * x.clamp(min=1).log()),
        [[0.0, 2.0]],
        [[0, 1]],
    ),
}


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_at_a_kink_as_pytorch(name):
    op, points, expected = EDGES[name]
    np.testing.assert_allclose(slopes(op, *points), expected, rtol=1e-12)


STABLE = {
    "sigmoid": (mg.sigmoid, [-1e4, -100, 0, 100, 1e4], [0, math.exp(-100), 0.5, 1, 1]),
    "softplus": (F.softplus, [-1e4, -100, 100, 1e4], [0, math.exp(-100), 100, 1e4]),
    "silu": (F.silu, [-1e4, 0, 1e4], [0, 0, 1e4]),
    "elu": (F.elu, [-1e4, 0, 1e4], [-1, 0, 1e4]),
    "gelu": (F.gelu, [-50, 0, 50], [0, 0, 50]),
    "tanh": (mg.tanh, [-1e4, 0, 1e4], [-1, 0, 1]),
    "expm1": (mg.expm1, [1e-12, -1e-12], [1e-12, -1e-12]),
    "log1p": (mg.log1p, [1e-12, -1e-12], [1e-12, -1e-12]),
    "erf near 0": (mg.erf, [1e-12, 1e-4, -1e-8], [math.erf(1e-12), math.erf(1e-4), math.erf(-1e-8)]),
    "erf far out": (mg.erf, [5.0, -6.0, 30.0], [math.erf(5.0), -1, 1]),
}


@pytest.mark.parametrize("name", STABLE)
def test_neither_overflows_nor_cancels(name):
    op, points, expected = STABLE[name]
    x = mg.tensor(points, dtype=mg.float64, requires_grad=True)
    out = op(x)
    np.testing.assert_allclose(out.array, expected, rtol=1e-9, atol=3e-16)
    out.sum().backward()
    assert np.isfinite(x.grad.array).all()


def test_erf_in_float32_is_as_exact_as_float32():
    x = np.linspace(-5, 5, 10_001).astype(np.float32)
    np.testing.assert_allclose(mg.erf(mg.from_numpy(x)).array, erf(x.astype(np.float64)), rtol=5e-7, atol=1e-9)


NUMBERS = [2, 2.5, True, np.float64(2.5), np.int64(2), np.float32(2.5), np.array(2.5), mg.tensor(2.5, dtype=mg.float64)]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{type(n).__name__} {n}")
@pytest.mark.parametrize("op", [mg.add, mg.sub, mg.mul, mg.div, mg.pow, mg.maximum, lambda x, y: mg.where(x > 1, x, y)])
def test_a_number_never_widens_an_array(op, number):
    x = mg.tensor(draw((3,), 0.5, 2), dtype=mg.float32, requires_grad=True)
    for out in (op(x, number), op(number, x)):
        assert out.dtype == np.float32
        out.sum().backward()
        assert x.grad.dtype == np.float32


DTYPES = {
    "int + float number": (lambda: mg.arange(3) + 1.5, "float32"),
    "int / int": (lambda: mg.arange(3) / mg.arange(1, 4), "float32"),
    "int ** int": (lambda: mg.arange(3) ** 2, "int64"),
    "int // int": (lambda: mg.arange(3) // 2, "int64"),
    "sqrt of int": (lambda: mg.arange(3).sqrt(), "float32"),
    "float32 + int64": (lambda: mg.ones(3) + mg.arange(3), "float32"),
    "float32 + bool": (lambda: mg.ones(3) + (mg.ones(3) > 0), "float32"),
    "float32 + float64": (lambda: mg.ones(3) + mg.ones(3, dtype=mg.float64), "float64"),
    "float32 + float64 array": (lambda: mg.ones(3) + np.ones(3), "float64"),
    "float32[] + float64[]": (lambda: mg.tensor(1.0) + mg.tensor(1.0, dtype=mg.float64), "float64"),
    "int[3] + float64[]": (lambda: mg.arange(3) + mg.tensor(1.0, dtype=mg.float64), "float64"),
    "float16 + number": (lambda: mg.ones(3, dtype=mg.float16) * 2.5, "float16"),
    "comparison": (lambda: mg.ones(3) > 0, "bool"),
    "sigmoid of int": (lambda: mg.sigmoid(mg.arange(3)), "float32"),
    "cast": (lambda: mg.ones(3).to(mg.float64), "float64"),
    "int()": (lambda: mg.ones(3).int(), "int32"),
    "erf of int": (lambda: mg.erf(mg.arange(3)), "float32"),
}


@pytest.mark.parametrize("name", DTYPES)
def test_result_dtype(name):
    make, expected = DTYPES[name]
    assert make().dtype == expected


def test_a_gradient_has_the_dtype_of_its_tensor():
    x = mg.ones(3, requires_grad=True)
    y = mg.ones(3, dtype=mg.float64, requires_grad=True)
    (x * y + x.double()).sum().backward()
    assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)
    assert x.grad.tolist() == [2, 2, 2]


BAD = {
    "shapes": (lambda: mg.ones(2, 3) + mg.ones(4), ValueError, r"add\(float32\[2, 3\], float32\[4\]\)"),
    "a string": (lambda: mg.ones(2) * "a", TypeError, r"mul\(float32\[2\], 'a'\)"),
    "nothing": (lambda: mg.ones(2) - None, TypeError, r"sub\(float32\[2\], None\)"),
    "negative of booleans": (lambda: -(mg.ones(2) > 0), TypeError, r"neg\(bool\[2\]\)"),
    "bits of floats": (lambda: mg.ones(2) & mg.ones(2), TypeError, r"bitwise_and"),
    "integers to negative powers": (lambda: mg.arange(3) ** -1, ValueError, "pow.*negative integer powers"),
    "clamp to nothing": (lambda: mg.ones(2).clamp(), ValueError, "clamp.*at least one of min and max"),
    "gelu": (lambda: F.gelu(mg.ones(2), approximate="fast"), ValueError, "'none' or 'tanh', got 'fast'"),
    "an unknown option": (lambda: mg.round(mg.ones(2), digits=3), TypeError, r"round\(x, decimals=0\).*'digits'"),
    "too few arguments": (lambda: mg.maximum(mg.ones(2)), TypeError, r"maximum\(x, y\).*'y'"),
    "too many arguments": (lambda: mg.exp(mg.ones(2), 3), TypeError, r"exp\(x\): too many"),
    "a dtype that there is not": (lambda: mg.ones(2).to("complex64"), TypeError, "floating, integer or boolean"),
    "no dtype": (lambda: mg.ones(2).to("float23"), TypeError, "expected a dtype such as mg.float32, got 'float23'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_names_the_operation_and_what_it_was_given(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()


INF, NAN = math.inf, math.nan
SINGULAR = {  # what goes in, PyTorch's value and PyTorch's gradients
    "abs of NaN": (lambda x: abs(x), [NAN], NAN, [0]),
    "sign of NaN": (lambda x: mg.sign(x), [NAN], 0, [0]),
    "maximum with NaN": (mg.maximum, [NAN, 1.0], NAN, [1, 1]),
    "minimum with NaN": (mg.minimum, [1.0, NAN], NAN, [1, 1]),
    "0 to a power": (mg.pow, [0.0, 2.0], 0, [0, 0]),
    "0 to the power 0": (mg.pow, [0.0, 0.0], 1, [0, 0]),
    "0 to a negative power": (mg.pow, [0.0, -1.0], INF, [-INF, -INF]),
    "the number 0 to a power": (lambda y: 0**y, [2.0], 0, [0]),
    "the number 0 to a negative power": (lambda y: 0.0**y, [-1.0], INF, [-INF]),
    "a negative number to a power": (mg.pow, [-2.0, 2.0], 4, [-4, NAN]),
    "elu of NaN": (mg.nn.functional.elu, [NAN], NAN, [1]),
    "atan2 at the origin": (mg.atan2, [0.0, 0.0], 0, [0, 0]),
    "logaddexp of infinity": (mg.logaddexp, [INF, 1.0], INF, [1, 0]),
    "max with NaN": (lambda x, y: mg.stack([x, y]).max(), [1.0, NAN], NAN, [0, 1]),
    "median with NaN": (lambda x, y: mg.stack([x, y]).median(), [1.0, NAN], NAN, [0, 1]),
    "softmax of infinity": (lambda x, y: mg.stack([x, y]).softmax(0)[1], [INF, 1.0], NAN, [NAN, NAN]),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_at_a_singular_point_the_choice_is_pytorchs(name):
    op, given, value, gradients = SINGULAR[name]
    arguments = [mg.tensor(v, dtype=mg.float64, requires_grad=True) for v in given]
    with np.errstate(all="ignore"):
        out = op(*arguments)
        out.backward()
    np.testing.assert_array_equal(out.item(), value)
    np.testing.assert_array_equal([0 if a.grad is None else a.grad.item() for a in arguments], gradients)


@pytest.mark.parametrize("op", [mg.exp, mg.sqrt, mg.sin, mg.sigmoid, mg.log1p, mg.rsqrt, mg.tanh, mg.log2, mg.atan])
@pytest.mark.parametrize("dtype", [mg.int8, mg.uint8, mg.int16, mg.int64, mg.bool])
def test_whole_numbers_in_a_floating_function_become_float32(op, dtype):
    assert op(mg.tensor([1, 1], dtype=dtype)).dtype == np.float32
