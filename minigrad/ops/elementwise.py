"""Elementwise operations: simple derivatives first, then those with a case distinction, then those without a gradient.

A primitive a function, its rules beside its forward. `g` is the upstream gradient, `out` the result.

This is the table of derivatives in step 2 of the ladder (examples/learn/step2_arrays.py), plus many more functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import Array, is_grad_enabled, primitive
from minigrad.autograd.strangers import describe_kind
from minigrad.dtypes import as_dtype
from minigrad.kernels import elementwise as kernels
from minigrad.kernels import special

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "clamp",
    "clip",
    "clone",
    "cos",
    "cosh",
    "eq",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "floor_divide",
    "fmod",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "hypot",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "maximum",
    "minimum",
    "mul",
    "multiply",
    "ne",
    "neg",
    "negative",
    "not_equal",
    "pow",
    "reciprocal",
    "relu",
    "remainder",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "trunc",
]  # fmt: skip


def floats(x: Array) -> Array:
    """x in the default dtype in place of integers and booleans."""
    array = np.asarray(x)
    return array if array.dtype.kind == "f" else numbers(x).astype(as_dtype(None))


def numbers(x: Array) -> Array:
    """x as an array; a TypeError for None, words and objects, which NumPy would take for something."""
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"expected a Tensor or a number, got {describe_kind(x)}")
    return array


# ---------------------------------------------------------------------------------------------------- arithmetic


@primitive(x=lambda g: g, y=lambda g: g)
def add(x: Array, y: Array) -> Array:
    """Sum x + y, broadcasting."""
    return x + y


@primitive(x=lambda g: g, y=lambda g: -g)
def sub(x: Array, y: Array) -> Array:
    """Difference x - y, broadcasting."""
    return np.subtract(x, y)


@primitive(x=lambda g, y: g * y, y=lambda g, x: g * x)
def mul(x: Array, y: Array) -> Array:
    """Product x · y, broadcasting."""
    return x * y


@primitive(x=lambda g, y: g / y, y=lambda g, out, y: -g * out / y)
def div(x: Array, y: Array) -> Array:
    """True quotient x / y, broadcasting; integers give float32."""
    return np.true_divide(x, y)


@primitive(x=lambda g: -g)
def neg(x: Array) -> Array:
    """The negative -x."""
    return np.negative(x)


def pow_base(g: Any, x: Any, y: Any) -> Any:
    if isinstance(y, int | float):
        return nothing(g) if y == 0 else g * (y * x ** (y - 1))
    zero = y == 0  # x⁰ is constant, whatever x is
    return where(zero, 0.0, g * y * pow(x, where(zero, 1.0, y) - 1))


def nothing(g: Any) -> Any:
    return where(False, g, 0.0)  # not g * 0, which is NaN where g is infinite


def pow_exponent(g: Any, x: Any, y: Any, out: Any) -> Any:
    if isinstance(x, int | float) and x > 0:  # in Python's precision, whatever the exponent's
        return g * out * math.log(x)
    positive = x > 0
    slope = where(positive, log(where(positive, x, 1.0)), where(x == 0, -math.inf, math.nan))
    return g * out * where((x == 0) & (y >= 0), 0.0, slope)  # there 0ʸ is constantly 0


@primitive(x=pow_base, y=pow_exponent)
def pow(x: Array, y: Array) -> Array:
    """Power xʸ, broadcasting. A negative power of a whole number is cut to a whole number: 0, but of 1 and -1."""
    if isinstance(y, np.ndarray) and y.dtype.kind == "i" and np.asarray(x).dtype.kind != "f":
        base, exponent = np.broadcast_arrays(x, y)
        unit = (base == 1) | (base == -1)
        cut = np.where(unit, base, 0) ** np.where(exponent < 0, exponent % 2 + 2 * ~unit, 0)
        return np.where(exponent < 0, cut, base ** np.maximum(exponent, 0))
    return kernels.power(x, y) if isinstance(x, np.ndarray) else x**y


@primitive(x=lambda g, x: 2 * g * x)
def square(x: Array) -> Array:
    """The square x²."""
    return np.square(x, dtype=np.int64 if np.asarray(x).dtype == np.bool_ else None)


@primitive(x=lambda g, out: g / (2 * out))
def sqrt(x: Array) -> Array:
    """The square root √x."""
    return np.sqrt(floats(x))


@primitive(x=lambda g, out: -g * out**3 / 2)
def rsqrt(x: Array) -> Array:
    """The reciprocal of the square root, 1 / √x."""
    return 1 / np.sqrt(floats(x))


@primitive(x=lambda g, out: -g * out * out)
def reciprocal(x: Array) -> Array:
    """The reciprocal 1 / x."""
    return np.true_divide(1, floats(x))


# ---------------------------------------------------------------------------------------------------- exp and its kin


@primitive(x=lambda g, out: g * out)
def exp(x: Array) -> Array:
    """The exponential eˣ."""
    return kernels.by_blocks(np.exp, floats(x))


@primitive(x=lambda g, out: g * (out + 1))
def expm1(x: Array) -> Array:
    """The exponential less one, eˣ - 1, exact for small x."""
    return np.expm1(floats(x))


@primitive(x=lambda g, x: g / x)
def log(x: Array) -> Array:
    """The natural logarithm."""
    return kernels.by_blocks(np.log, floats(x))


@primitive(x=lambda g, x: g / (1 + x))
def log1p(x: Array) -> Array:
    """The natural logarithm of 1 + x, exact for small x."""
    return np.log1p(floats(x))


@primitive(x=lambda g, x, y: g * sigmoid(x - y), y=lambda g, x, y: g * sigmoid(y - x))
def logaddexp(x: Array, y: Array) -> Array:
    """log(eˣ + eʸ), which does not overflow, broadcasting."""
    return np.logaddexp(x, y)


@primitive(x=lambda g, x: g * cos(x))
def sin(x: Array) -> Array:
    """The sine of x radians."""
    return np.sin(floats(x))


@primitive(x=lambda g, x: -g * sin(x))
def cos(x: Array) -> Array:
    """The cosine of x radians."""
    return np.cos(floats(x))


@primitive(x=lambda g, out: g * (1 + out * out))
def tan(x: Array) -> Array:
    """The tangent of x radians."""
    return np.tan(floats(x))


@primitive(x=lambda g, y: tanh_slope(g, y), y=lambda g, x, y: -2 * g * x * y)
def tanh_slope(x: Array, y: Array) -> Array:
    """x · (1 - y²), with 1 - y² the slope of tanh where its value is y."""
    return kernels.by_blocks(kernels.multiply_by_slope_of_tanh, x, y)


@primitive(x=lambda g, out: tanh_slope(g, out))
def tanh(x: Array) -> Array:
    """The hyperbolic tangent."""
    return kernels.by_blocks(np.tanh, floats(x))


@primitive(x=lambda g, y: sigmoid_slope(g, y), y=lambda g, x, y: g * x * (1 - 2 * y))
def sigmoid_slope(x: Array, y: Array) -> Array:
    """x · y · (1 - y), with y · (1 - y) the slope of the logistic function where its value is y."""
    return kernels.by_blocks(kernels.multiply_by_slope_of_logistic, x, y)


@primitive(x=lambda g, out: sigmoid_slope(g, out))
def sigmoid(x: Array) -> Array:
    """The logistic function 1 / (1 + e⁻ˣ), which neither overflows nor cancels."""
    return kernels.by_blocks(kernels.logistic, floats(x))


@primitive(x=lambda g, x: g * (2 / math.sqrt(math.pi)) * exp(-x * x))
def erf(x: Array) -> Array:
    """The error function 2/√π ∫₀ˣ exp(-t²) dt."""
    return kernels.by_blocks(special.erf, floats(x))


@primitive(x=lambda g, x, beta, threshold: g * where(beta * x > threshold, 1.0, sigmoid(beta * x)))
def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """Softplus log(1 + exp(beta·x)) / beta, a smooth ReLU; x itself where beta·x > threshold."""
    x = floats(x)
    scaled = np.multiply(x, beta)
    soft = kernels.by_blocks(kernels.log_of_sum, scaled) / beta
    if threshold > -math.log(np.finfo(soft.dtype).eps):  # beyond it the two are the same number
        return soft
    return kernels.choose(scaled > threshold, x, soft)


@primitive(x=lambda g, x: g * sigmoid(-x))
def logsigmoid(x: Array) -> Array:
    """The logarithm of sigmoid(x), without overflow."""
    return np.negative(kernels.by_blocks(kernels.log_of_sum, np.negative(floats(x))))


@primitive(x=lambda g, x: g * silu_slope(x))
def silu(x: Array) -> Array:
    """SiLU, or swish: x·sigmoid(x)."""
    return kernels.by_blocks(kernels.weigh_by_logistic, floats(x))


def silu_bend(g: Any, x: Any) -> Any:
    s = sigmoid(x)
    return g * s * (1 - s) * (2 + x * (1 - 2 * s))


@primitive(x=silu_bend)
def silu_slope(x: Array) -> Array:
    """The slope of x·sigmoid(x)."""
    return kernels.by_blocks(kernels.slope_of_silu, x, worth=kernels.COSTLIEST)


@primitive(x=lambda g, x: g / (x * math.log(2)))
def log2(x: Array) -> Array:
    """The logarithm to base 2."""
    return np.log2(floats(x))


@primitive(x=lambda g, x: g / (x * math.log(10)))
def log10(x: Array) -> Array:
    """The logarithm to base 10."""
    return np.log10(floats(x))


@primitive(x=lambda g, out: g * out * math.log(2))
def exp2(x: Array) -> Array:
    """The power 2ˣ."""
    return np.exp2(floats(x))


@primitive(x=lambda g, x: g / sqrt(1 - x * x))
def asin(x: Array) -> Array:
    """The inverse sine, in radians."""
    return np.arcsin(floats(x))


@primitive(x=lambda g, x: -g / sqrt(1 - x * x))
def acos(x: Array) -> Array:
    """The inverse cosine, in radians."""
    return np.arccos(floats(x))


@primitive(x=lambda g, x: g / (1 + x * x))
def atan(x: Array) -> Array:
    """The inverse tangent, in radians."""
    return np.arctan(floats(x))


def squared_length(x: Any, y: Any) -> Any:
    squared = x * x + y * y
    return where(eq(squared, 0), 1.0, squared)  # at the origin, where there is no angle, its gradient is 0


@primitive(x=lambda g, x, y: g * y / squared_length(x, y), y=lambda g, x, y: -g * x / squared_length(x, y))
def atan2(x: Array, y: Array) -> Array:
    """The angle of the point (y, x), in radians: x is its height, as in PyTorch."""
    return np.arctan2(floats(x), floats(y))


@primitive(x=lambda g, x: g * cosh(x))
def sinh(x: Array) -> Array:
    """The hyperbolic sine."""
    return np.sinh(floats(x))


@primitive(x=lambda g, x: g * sinh(x))
def cosh(x: Array) -> Array:
    """The hyperbolic cosine."""
    return np.cosh(floats(x))


@primitive(x=lambda g, x: g / sqrt(x * x + 1))
def asinh(x: Array) -> Array:
    """The inverse hyperbolic sine."""
    return np.arcsinh(floats(x))


@primitive(x=lambda g, x: g / sqrt(x * x - 1))
def acosh(x: Array) -> Array:
    """The inverse hyperbolic cosine."""
    return np.arccosh(floats(x))


@primitive(x=lambda g, x: g / (1 - x * x))
def atanh(x: Array) -> Array:
    """The inverse hyperbolic tangent."""
    return np.arctanh(floats(x))


@primitive(x=lambda g, x, out: g * x / out, y=lambda g, y, out: g * y / out)
def hypot(x: Array, y: Array) -> Array:
    """The length √(x² + y²), broadcasting."""
    return np.hypot(floats(x), floats(y))


# ---------------------------------------------------------------------------------------------------- with two branches


@primitive(x=lambda g, condition: where(condition, g, 0.0), y=lambda g, condition: where(condition, 0.0, g))
def where(condition: Array, x: Array, y: Array) -> Array:
    """x where the condition holds, y elsewhere, all three broadcasting."""
    return kernels.choose(condition, x, y)


@primitive(x=lambda g, x: g * sign(x))
def abs(x: Array) -> Array:
    """The absolute value; its gradient at 0 is 0."""
    return np.abs(x)


@primitive(x=nothing)
def sign(x: Array) -> Array:
    """The sign: -1, 0 or 1; 0 of what is not a number."""
    x = np.asarray(x)
    if x.dtype.kind != "f":
        return x.copy() if x.dtype.kind == "b" else np.sign(x)
    return np.subtract(np.greater(x, 0).view(np.int8), np.less(x, 0).view(np.int8)).astype(x.dtype)


@primitive(x=lambda g, x, y: g * half_on_tie(x, y), y=lambda g, x, y: g * half_on_tie(y, x))
def maximum(x: Array, y: Array) -> Array:
    """The larger of x and y, broadcasting; a tie shares the gradient evenly."""
    return np.maximum(x, y)


@primitive(x=lambda g, x, y: g * half_on_tie(y, x), y=lambda g, x, y: g * half_on_tie(x, y))
def minimum(x: Array, y: Array) -> Array:
    """The smaller of x and y, broadcasting; a tie shares the gradient evenly."""
    return np.minimum(x, y)


def half_on_tie(winner: Any, loser: Any) -> Any:
    return logical_not(lt(winner, loser)) - 0.5 * eq(winner, loser)  # all of it where one is not a number


@primitive(
    x=lambda g, x, min, max: where(inside(x, min, max), g, 0.0),
    min=lambda g, x, min, max: where(x < min if max is None else (x < min) & (min < max), g, 0.0),
    max=lambda g, x, min, max: where(x > max if min is None else maximum(x, min) > max, g, 0.0),
)
def clamp(x: Array, min: Array | None = None, max: Array | None = None) -> Array:
    """x held between min and max, each a number, an array or None; the gradient passes at the bounds themselves."""
    if min is None and max is None:
        raise ValueError("expected at least one of min and max")
    x = x if min is None else np.maximum(x, min)
    return x if max is None else np.minimum(x, max)


def inside(x: Any, low: Any, high: Any) -> Any:
    return x <= high if low is None else x >= low if high is None else (x >= low) & (x <= high)


@primitive(x=lambda g, y: gate(g, y))
def gate(x: Array, y: Array) -> Array:
    """x where y is above 0 (or NaN), else 0."""
    return kernels.gate(x, y)


@primitive(x=lambda g, out: gate(g, out))
def relu(x: Array) -> Array:
    """Rectified linear unit max(x, 0); its gradient at 0 is 0."""
    return kernels.relu(np.asarray(x))


@primitive(g=lambda g, x, slope: leak(g, x, slope))
def leak(g: Array, x: Array, slope: float) -> Array:
    """g where x is positive, slope·g elsewhere."""
    return kernels.leak(g, np.greater(x, 0), slope)


@primitive(x=lambda g, x, negative_slope: leak(g, x, negative_slope))
def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """x where positive, negative_slope·x elsewhere."""
    return kernels.leaky_relu(floats(x), negative_slope)


@primitive(
    g=lambda g, x, alpha, scale: elu_slope(g, x, alpha, scale),
    x=lambda g, x, out: where(x < 0, g * out, 0.0),
)
def elu_slope(g: Array, x: Array, alpha: float, scale: float) -> Array:
    """g times the slope of `elu` at x."""
    return kernels.multiply_by_slope_of_elu(g, x, alpha, scale)


@primitive(x=lambda g, x, alpha, scale: elu_slope(g, x, alpha, scale))
def elu(x: Array, alpha: float = 1.0, scale: float = 1.0) -> Array:
    """scale·x where positive, scale·alpha·(eˣ - 1) elsewhere."""
    return kernels.elu(floats(x), alpha, scale)


@primitive(x=lambda g, x, min_val, max_val: where((x <= min_val) | (x >= max_val), 0.0, g))
def hardtanh(x: Array, min_val: float, max_val: float) -> Array:
    """x between min_val and max_val, else the nearer of the two; no gradient at either."""
    return np.clip(x, min_val, max_val)


def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """x·Φ(x) with Φ the normal distribution function, or by tanh (Hendrycks & Gimpel, arXiv 1606.08415)."""
    if approximate == "none":
        return gaussian_unit(x)
    if approximate == "tanh":
        return 0.5 * x * (1 + tanh(x * (math.sqrt(2 / math.pi) * (1 + 0.044715 * x * x))))
    raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")


def gaussian_unit_rule(g: Any, x: Any, share: Array) -> Any:
    return g * gaussian_slope(x, normal_share(x)) if is_grad_enabled() else multiply_by_gaussian_slope(g, x, share)


@primitive(x=gaussian_unit_rule, keeps="share")
def gaussian_unit(x: Array) -> Any:
    """x·Φ(x), with Φ the normal distribution function."""
    x = floats(x)
    share = normal_share.primitive.forward(x)  # type: ignore[attr-defined]
    return kernels.by_blocks(np.multiply, x, share), share


@primitive(x=lambda g, x: g * normal_density(x))
def normal_share(x: Array) -> Array:
    """Φ(x), the share of a normal distribution below x."""
    return kernels.by_blocks(special.normal_share, floats(x), worth=kernels.COSTLIEST)


def normal_density(x: Any) -> Any:
    return exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


@primitive(x=lambda g, x: g * (1 - x * x) * normal_density(x), share=lambda g: g)
def gaussian_slope(x: Array, share: Array) -> Array:
    """Φ(x) + x·φ(x), the slope of x·Φ(x) where Φ(x) is known, with φ the normal density."""
    return kernels.by_blocks(kernels.slope_of_gaussian_unit, x, share)


@primitive()
def multiply_by_gaussian_slope(g: Array, x: Array, share: Array) -> Array:
    """g times `gaussian_slope`, in one go."""
    return kernels.by_blocks(kernels.multiply_by_slope_of_gaussian_unit, x, share, g)


# ---------------------------------------------------------------------------------------------------- dtype and memory


@primitive(x=lambda g: g)  # the engine brings the gradient back to the dtype that x had
def cast(x: Array, dtype: Any) -> Array:
    """x in another dtype."""
    return np.asarray(x).astype(dtype)


@primitive(x=lambda g: g)
def clone(x: Array, order: Any = "K") -> Array:
    """A copy in memory of its own, of the same layout ("K") or row-major ("C")."""
    return np.array(x, order=order)


# --------------------------------------------------------------------------------------------- without a gradient


def without_gradient(name: str, function: Callable[..., Any], doc: str) -> Callable[..., Tensor]:
    """The primitive of a NumPy function that is constant almost everywhere or gives no floats."""

    def forward(x: Array) -> Array:
        return function(numbers(x))

    def forward_of_two(x: Array, y: Array) -> Array:
        return function(x, y)

    def forward_of_truths(x: Array, y: Array) -> Array:
        return function(numbers(x), numbers(y))

    of_two = forward_of_truths if name.startswith("logical") else forward_of_two  # x == None has an answer
    chosen = of_two if isinstance(function, np.ufunc) and function.nin == 2 else forward
    chosen.__name__ = chosen.__qualname__ = name
    chosen.__doc__ = doc
    return primitive()(chosen)


isnan = without_gradient("isnan", np.isnan, "Whether x is not a number.")
isinf = without_gradient("isinf", np.isinf, "Whether x is infinite.")
isfinite = without_gradient("isfinite", np.isfinite, "Whether x is neither infinite nor not a number.")
eq = without_gradient("eq", np.equal, "Whether x = y, broadcasting.")
ne = without_gradient("ne", np.not_equal, "Whether x ≠ y, broadcasting.")
lt = without_gradient("lt", np.less, "Whether x < y, broadcasting.")
le = without_gradient("le", np.less_equal, "Whether x ≤ y, broadcasting.")
gt = without_gradient("gt", np.greater, "Whether x > y, broadcasting.")
ge = without_gradient("ge", np.greater_equal, "Whether x ≥ y, broadcasting.")
logical_and = without_gradient("logical_and", np.logical_and, "Whether both are true (not 0).")
logical_or = without_gradient("logical_or", np.logical_or, "Whether either is true (not 0).")
logical_xor = without_gradient("logical_xor", np.logical_xor, "Whether just one is true (not 0).")
logical_not = without_gradient("logical_not", np.logical_not, "Whether x is false (0).")
bitwise_and = without_gradient("bitwise_and", np.bitwise_and, "x & y for booleans and integers.")
bitwise_or = without_gradient("bitwise_or", np.bitwise_or, "x | y for booleans and integers.")
bitwise_xor = without_gradient("bitwise_xor", np.bitwise_xor, "x ^ y for booleans and integers.")
bitwise_not = without_gradient("bitwise_not", np.invert, "~x for booleans and integers.")
bitwise_left_shift = without_gradient("bitwise_left_shift", np.left_shift, "x · 2ʸ for integers.")
bitwise_right_shift = without_gradient("bitwise_right_shift", np.right_shift, "⌊x / 2ʸ⌋ for integers.")
signbit = without_gradient("signbit", np.signbit, "Whether x is negative, or -0.")
floor_divide = without_gradient("floor_divide", np.floor_divide, "⌊x / y⌋; no gradient.")


@primitive(x=nothing)
def floor(x: Array) -> Array:
    """The largest whole number not above x; its gradient is 0."""
    return np.floor(x)


@primitive(x=nothing)
def ceil(x: Array) -> Array:
    """The smallest whole number not below x; its gradient is 0."""
    return np.ceil(x)


@primitive(x=nothing)
def trunc(x: Array) -> Array:
    """x without its fraction; its gradient is 0."""
    return np.trunc(x)


@primitive(x=nothing)
def round(x: Array, decimals: int = 0) -> Array:
    """x rounded to even on a tie, to this many decimals; its gradient is 0."""
    return np.round(x, decimals)


@primitive(x=lambda g: g, y=lambda g, x, y: -g * floor_divide(x, y))
def remainder(x: Array, y: Array) -> Array:
    """x - y·⌊x / y⌋, which has y's sign."""
    return np.remainder(x, y)


@primitive(x=lambda g: g, y=lambda g, x, y: -g * trunc(x / y))
def fmod(x: Array, y: Array) -> Array:
    """x - y times x / y without its fraction, which has x's sign."""
    return np.fmod(x, y)


arcsin, arccos, arctan, arctan2, arcsinh, arccosh, arctanh = asin, acos, atan, atan2, asinh, acosh, atanh
greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
subtract, multiply, divide, negative, absolute, clip = sub, mul, div, neg, abs, clamp
