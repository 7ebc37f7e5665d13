"""Reductions by sum and product: from many elements to one along some dimensions, or all.

`dim` is None or () for all dimensions, a number, or several; negative ones count from the end.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import Array, Value, primitive
from minigrad.autograd.spelling import allow_spellings, respell
from minigrad.autograd.strangers import describe_kind
from minigrad.kernels.normalise import channel_sum
from minigrad.ops.dims import Dims, kept, positions
from minigrad.ops.elementwise import abs, cast, div, eq, floats, isnan, logical_not, numbers, pow, square, sub, where
from minigrad.ops.extremes import amax, amin
from minigrad.ops.indexing import subscript
from minigrad.ops.shape import expand, pad_constant, permute, reshape, spread, stack
from minigrad.ops.sums import total

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "all", "any", "count_nonzero", "mean", "nanmean", "nansum", "norm", "prod", "std", "std_mean", "sum", "var",
    "var_mean",
]  # fmt: skip

CHANNELS = 1 << 14  # elements from which products with ones are the faster sum
multiply_along: Any = np.multiply.reduce  # untyped: NumPy's stubs know a reduction only with a literal keepdims


def count(shape: tuple[int, ...], dim: Dims, name: str) -> int:
    """How many elements each result of the reduction comes from."""
    return math.prod(shape[d] for d in positions(dim, len(shape), name))


def reduction(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Let a composed reduction compute in floats, in float32 if they are float16: squares and sums of float16 overflow.

    It gets the option `dtype`, in which it begins and which its result has.
    """

    names = {*inspect.signature(function).parameters, "dtype"}

    @functools.wraps(function)
    def reduce(x: Any = None, *args: Any, dtype: Any = None, **options: Any) -> Tensor:
        if options:
            options = respell(options, names)
        x = options.pop("x", x)
        if not hasattr(x, "shape"):
            raise TypeError(f"{function.__name__}: x must be a Tensor, got {describe_kind(x)}")
        if dtype is not None:
            x = cast(x, dtype)
        if not isinstance(x, Value) or x.array.dtype != np.float16:
            return function(x, *args, **options)
        return cast(function(cast(x, np.float32), *args, **options), np.float16)

    return reduce


# ---------------------------------------------------------------------------------------------------- sums


@primitive(x=lambda g, x_shape, dim: spread(g, x_shape, dim))
def sum(x: Array, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Array:
    """The sum of the elements along `dim`, in another dtype if one is given."""
    if of_channels(x, dim) and not (keepdim or dtype):
        return channel_sum(x)
    return total(x, positions(dim, np.ndim(x)), keepdim, dtype or total_dtype(x))


def of_channels(x: Array, dim: Dims) -> bool:
    """Whether this is over images and pixels, as for a bias, and over so many that it has a kernel of its own."""
    if not (isinstance(dim, tuple) and dim == (0, 2, 3) and isinstance(x, np.ndarray)):
        return False
    return x.ndim == 4 and x.size >= CHANNELS and x.dtype.kind == "f" and x.dtype != np.float16


def total_dtype(x: Array) -> Any:
    """Booleans and integers are counted in int64."""
    return np.int64 if np.asarray(x).dtype.kind in "biu" else None


@primitive(x=lambda g, x_shape: expand(g, x_shape))
def sum_to_size(x: Array, shape: tuple[int, ...]) -> Array:
    """The sum over just those dimensions that broadcasting from `shape` to x's shape repeats."""
    extra = tuple(range(x.ndim - len(shape)))
    out = total(x, extra) if extra else x
    repeated = tuple(i for i, (n, m) in enumerate(zip(out.shape, shape, strict=False)) if n != m == 1)
    out = total(out, repeated, True) if repeated else out
    return out if out.shape == shape else out.reshape(shape)  # which is an error: x does not broadcast from there


@reduction
def mean(x: Any, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The mean of the elements along `dim`; not a number where there are none.

    >>> import minigrad as mg
    >>> mean(mg.tensor([[1.0, 3.0], [5.0, 7.0]]), dim=0)
    tensor([3., 5.])
    """
    number = count(x.shape, dim, "mean")
    return div(sum(x, dim, keepdim), number or math.nan)


@reduction
def var(
    x: Any, dim: Dims = None, correction: float | None = 1, keepdim: bool = False, *, unbiased: bool | None = None
) -> Tensor:
    """The variance along `dim`: squared distances from the mean, summed, over n - correction (1: Bessel's).

    `unbiased` is the older name of a correction of 1 (True) or 0 (False).
    """
    if isinstance(dim, bool):  # var(x, unbiased)
        dim, unbiased = None, dim
    if unbiased is not None or correction is None:
        correction = float(unbiased is not False)
    centred = sub(x, mean(x, dim, keepdim=True))
    freedom = count(x.shape, dim, "var") - correction
    return div(sum(square(centred), dim, keepdim), freedom if freedom > 0 else 0)


@reduction
def std(
    x: Any, dim: Dims = None, correction: float | None = 1, keepdim: bool = False, *, unbiased: bool | None = None
) -> Tensor:
    """The standard deviation along `dim`, with the options of `var`; its gradient where all are equal is 0."""
    return root(var(x, dim, correction, keepdim, unbiased=unbiased))


@allow_spellings
def var_mean(x: Any, dim: Dims = None, correction: float | None = 1, keepdim: bool = False, **options: Any) -> Any:
    """(variance, mean) along `dim`, with the options of `var`."""
    return var(x, dim, correction, keepdim, **options), mean(x, None if isinstance(dim, bool) else dim, keepdim)


@allow_spellings
def std_mean(x: Any, dim: Dims = None, correction: float | None = 1, keepdim: bool = False, **options: Any) -> Any:
    """(standard deviation, mean) along `dim`, with the options of `var`."""
    return std(x, dim, correction, keepdim, **options), mean(x, None if isinstance(dim, bool) else dim, keepdim)


@primitive(x=lambda g, out: where(eq(out, 0), 0.0, g / where(eq(out, 0), 1.0, 2 * out)))
def root(x: Array) -> Array:
    """The square root with gradient 0 at 0, where sqrt has infinity."""
    return np.sqrt(x)


@allow_spellings
def nansum(x: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum along `dim` of the elements that are numbers."""
    return sum(where(isnan(x), 0, x), dim, keepdim, dtype)


@reduction
def nanmean(x: Any, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The mean along `dim` of the elements that are numbers."""
    return div(nansum(x, dim, keepdim), sum(logical_not(isnan(x)), dim, keepdim))


@primitive()
def count_nonzero(x: Array, dim: Dims = None) -> Array:
    """How many elements along `dim` are not zero."""
    return np.count_nonzero(numbers(x), positions(dim, np.ndim(x)))


# ---------------------------------------------------------------------------------------------------- products


def prod_rule(g: Any, x: Any, out: Any, dim: Dims) -> Any:
    shape = x.shape
    if out.array.all() and np.isfinite(out.array).all():
        return spread(g * out, shape, dim) / x
    ones = kept(shape, dim)
    order = sorted(range(len(shape)), key=lambda i: ones[i] == 1)  # the reduced dimensions last
    moved = permute(x, tuple(order))
    rows = reshape(moved, (-1, count(shape, dim, "prod")))
    back = permute(reshape(product_of_others(rows), moved.shape), tuple(int(i) for i in np.argsort(order)))
    return spread(g, shape, dim) * back


def product_of_others(x: Any) -> Any:
    """(m, n) -> (m, n): for each element the product of the others in its row. In pairs, so that nothing is divided."""
    m, n = x.shape
    if n <= 1:
        return where(True, 1.0, x)
    even = pad_constant(x, ((0, 0), (0, n % 2)), 1.0)
    left, right = even[:, ::2], even[:, 1::2]
    rest = product_of_others(left * right)
    return subscript(reshape(stack((rest * right, rest * left), -1), (m, n + n % 2)), (slice(None), slice(n)))


@primitive(x=prod_rule)
def prod(x: Array, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Array:
    """The product of the elements along `dim`; its gradient is right where elements are zero."""
    dtype = dtype or total_dtype(x)
    wide = np.float32 if dtype is None and x.dtype == np.float16 else dtype
    out = multiply_along(x, axis=positions(dim, np.ndim(x)), keepdims=keepdim, dtype=wide)
    return out if wide is dtype else np.asarray(out, np.float16)


@primitive()
def any(x: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """Whether some element along `dim` is not zero."""
    if isinstance(dim, tuple | list) and not dim:  # PyTorch's one exception: along none
        return np.not_equal(x, 0)
    return np.any(numbers(x), axis=positions(dim, np.ndim(x)), keepdims=keepdim)


@primitive()
def all(x: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """Whether no element along `dim` is zero."""
    if isinstance(dim, tuple | list) and not dim:  # PyTorch's one exception: along none
        return np.not_equal(x, 0)
    return np.all(numbers(x), axis=positions(dim, np.ndim(x)), keepdims=keepdim)


# ---------------------------------------------------------------------------------------------------- norms


@reduction
def norm(x: Any, p: float | str | None = "fro", dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The p-norm (Σ|x|ᵖ)^(1/p) along `dim`: p = 2 or "fro", 1, ±inf, 0 (the count) or another number."""
    if p in (2, "fro", None):
        return norm2(x, dim, keepdim)
    if not isinstance(p, int | float):
        raise ValueError(f"norm: p must be a number, inf, -inf or 'fro', got {p!r}")
    if p == 1:
        return sum(abs(x), dim, keepdim)
    if p == math.inf:
        return amax(abs(x), dim, keepdim)
    if p == -math.inf:
        return amin(abs(x), dim, keepdim)
    zero = eq(x, 0)  # kept out of the power, whose slope there may be infinite
    powers = where(zero, 0.0 if p >= 0 else math.inf, pow(where(zero, 1.0, abs(x)), p))
    total = sum(powers, dim, keepdim)
    return total if p == 0 else where(eq(total, 0), 0.0, pow(where(eq(total, 0), 1.0, total), 1 / p))


def norm2_rule(g: Any, x: Any, out: Any, dim: Dims) -> Any:
    length = where(eq(out, 0), 1.0, out)  # the subgradient at 0 is 0
    return x * spread(g / length, x.shape, dim)


@primitive(x=norm2_rule)
def norm2(x: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """The Euclidean norm along `dim`; its gradient at 0 is 0."""
    return np.sqrt(total(np.square(floats(x)), positions(dim, np.ndim(x)), keepdim))
