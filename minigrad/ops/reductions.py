"""Reductions: from many elements to one along some dimensions, or all. And softmax, which reduces and spreads again.

`dim` is None for all dimensions, a number or a tuple; negative ones count from the end.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigrad.autograd import Array, primitive
from minigrad.kernels.normalise import channel_sum
from minigrad.ops.elementwise import abs, div, eq, exp, maximum, minimum, ne, pow, square, sub, where
from minigrad.ops.shape import expand, flip, pad_constant, permute, reshape, stack, take_along_dim

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

CHANNELS = 1 << 14  # elements from which products with ones are the faster sum
Dims = int | tuple[int, ...] | list[int] | None

# Untyped: NumPy's stubs know a reduction only with a literal keepdims.
add_along: Any = np.add.reduce
multiply_along: Any = np.multiply.reduce
maximum_along: Any = np.maximum.reduce
minimum_along: Any = np.minimum.reduce


class Extremum(NamedTuple):
    """What max, min, median and sort give along a dimension: the values and where they stood."""

    values: Tensor
    indices: Tensor


def axes(dim: Dims) -> Any:
    """NumPy's `axis` for `dim`: none and () both mean all."""
    return (tuple(dim) or None) if isinstance(dim, tuple | list) else dim


def kept(shape: tuple[int, ...], dim: Dims) -> tuple[int, ...]:
    """The shape that a reduction of `shape` along `dim` has with keepdim."""
    reduced = axes(dim)
    if reduced is None:
        return (1,) * len(shape)
    reduced = {d % (len(shape) or 1) for d in (reduced if isinstance(reduced, tuple) else (reduced,))}
    return tuple(1 if i in reduced else n for i, n in enumerate(shape))


def spread(g: Any, shape: tuple[int, ...], dim: Dims) -> Any:
    """What was reduced along `dim`, repeated over `shape` again."""
    return expand(reshape(g, kept(shape, dim)), shape)


def count(shape: tuple[int, ...], dim: Dims) -> int:
    """How many elements each result of the reduction comes from."""
    return math.prod(n for n, k in zip(shape, kept(shape, dim), strict=True) if k == 1)


# ---------------------------------------------------------------------------------------------------- sums


@primitive(x=lambda g, x_shape, dim: spread(g, x_shape, dim))
def sum(x: Array, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Array:
    """The sum of the elements along `dim`."""
    if of_channels(x, dim) and not (keepdim or dtype):
        return channel_sum(x)
    return add_along(x, axis=axes(dim), keepdims=keepdim, dtype=dtype or total_dtype(x))


def of_channels(x: Array, dim: Dims) -> bool:
    """Whether this is over images and pixels, as for a bias, and over so many that it has a kernel of its own."""
    if not (isinstance(dim, tuple) and dim == (0, 2, 3) and isinstance(x, np.ndarray)):
        return False
    return x.ndim == 4 and x.size >= CHANNELS and x.dtype.kind == "f"


def total_dtype(x: Array) -> Any:
    """Booleans and integers are counted in int64."""
    return np.int64 if np.asarray(x).dtype.kind in "biu" else None


@primitive(x=lambda g, x_shape: expand(g, x_shape))
def sum_to_size(x: Array, shape: tuple[int, ...]) -> Array:
    """The sum over just those dimensions that broadcasting from `shape` to x's shape repeats."""
    extra = x.ndim - len(shape)
    repeated = [i + extra for i, n in enumerate(shape) if n == 1 and x.shape[i + extra] != 1]
    total = add_along(x, axis=(*range(extra), *repeated), keepdims=True)
    return total.reshape(shape)


def mean(x: Any, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The mean of the elements along `dim`; not a number where there are none."""
    return div(sum(x, dim, keepdim), count(x.shape, dim) or math.nan)


def var(
    x: Any, dim: Dims = None, correction: float = 1, keepdim: bool = False, *, unbiased: bool | None = None
) -> Tensor:
    """The variance along `dim`: squared distances from the mean, summed, over n - correction (1: Bessel's).

    `unbiased` is the older name of a correction of 1 (True) or 0 (False).
    """
    if isinstance(dim, bool):  # var(x, unbiased)
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = float(unbiased)
    centred = sub(x, mean(x, dim, keepdim=True))
    return div(sum(square(centred), dim, keepdim), max_of(count(x.shape, dim) - correction, 0))


def max_of(a: float, b: float) -> float:
    return a if a > b else b


def std(
    x: Any, dim: Dims = None, correction: float = 1, keepdim: bool = False, *, unbiased: bool | None = None
) -> Tensor:
    """The standard deviation along `dim`, with the options of `var`; its gradient where all are equal is 0."""
    return root(var(x, dim, correction, keepdim, unbiased=unbiased))


@primitive(x=lambda g, out: where(eq(out, 0), 0.0, g / where(eq(out, 0), 1.0, 2 * out)))
def root(x: Array) -> Array:
    """The square root with gradient 0 at 0, where sqrt has infinity."""
    return np.sqrt(x)


@primitive(x=lambda g, dim: flip(cumsum(flip(g, (dim,)), dim), (dim,)))
def cumsum(x: Array, dim: int) -> Array:
    """The running sum along `dim`."""
    return np.cumsum(x, axis=dim, dtype=total_dtype(x)).reshape(x.shape)  # NumPy gives a scalar a dimension


# ---------------------------------------------------------------------------------------------------- products


def prod_rule(g: Any, x: Any, out: Any, dim: Dims) -> Any:
    shape = x.shape
    if out.array.all() and np.isfinite(out.array).all():
        return spread(g * out, shape, dim) / x
    ones = kept(shape, dim)
    order = sorted(range(len(shape)), key=lambda i: ones[i] == 1)  # the reduced dimensions last
    moved = permute(x, tuple(order))
    rows = reshape(moved, (-1, count(shape, dim)))
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
    return reshape(stack((rest * right, rest * left), -1), (m, n + n % 2))[:, :n]


@primitive(x=prod_rule)
def prod(x: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """The product of the elements along `dim`; its gradient is right where elements are zero."""
    return multiply_along(x, axis=axes(dim), keepdims=keepdim, dtype=total_dtype(x))


# ---------------------------------------------------------------------------------------------------- extremes


def shared_by_ties(g: Any, x: Any, out: Any, dim: Dims) -> Any:
    winners = eq(x, reshape(out, kept(x.shape, dim)))
    return spread(g, x.shape, dim) * winners / sum(winners, dim, keepdim=True)


@primitive(x=shared_by_ties)
def amax(x: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """The largest element along `dim`; a tie shares the gradient evenly."""
    return maximum_along(x, axis=axes(dim), keepdims=keepdim)


@primitive(x=shared_by_ties)
def amin(x: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """The smallest element along `dim`; a tie shares the gradient evenly."""
    return minimum_along(x, axis=axes(dim), keepdims=keepdim)


@primitive(x=lambda g, x, out: shared_by_ties(g, x, out, None))
def middle(x: Array) -> Array:
    """The lower median of all elements; a tie shares the gradient evenly."""
    if x.size == 0:
        return np.asarray(math.nan, x.dtype)
    return np.sort(x, axis=None)[-1 if np.isnan(x).any() else (x.size - 1) // 2]


@primitive()
def argmax(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the first largest element along `dim`, or in the flattened array."""
    return np.argmax(x, axis=dim, keepdims=keepdim)


@primitive()
def argmin(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the first smallest element along `dim`, or in the flattened array."""
    return np.argmin(x, axis=dim, keepdims=keepdim)


@primitive()
def argsort(x: Array, dim: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """The indices that sort along `dim`; equal elements keep their order."""
    if not descending or x.ndim == 0:
        return np.argsort(x, axis=dim, kind="stable").reshape(x.shape)  # NumPy gives a scalar a dimension
    reverse = np.flip(np.argsort(np.flip(x, dim), axis=dim, kind="stable"), dim)
    return x.shape[dim] - 1 - reverse


@primitive()
def argmedian(x: Array, dim: int) -> Array:
    """The index of the lower median along `dim`, which stays there with length 1; of a NaN if there is one."""
    if x.ndim == 0:
        return np.argmax(x, axis=dim)
    order = np.argsort(x, axis=dim, kind="stable")
    middle = np.take(order, [(x.shape[dim] - 1) // 2], axis=dim)
    strange = np.isnan(x)
    return np.where(strange.any(dim, keepdims=True), strange.argmax(dim, keepdims=True), middle)


def along(x: Any, index: Any, dim: int, keepdim: bool) -> Extremum:
    """The elements of x at `index`, which keeps `dim` with length 1, and the index itself."""
    values = take_along_dim(x, index, dim)
    if keepdim or x.ndim == 0:
        return Extremum(values, index)
    shape = tuple(n for i, n in enumerate(values.shape) if i != dim % x.ndim)
    return Extremum(reshape(values, shape), reshape(index, shape))


def max(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; along a `dim`: (values, indices), a tie to the first; of two tensors: `maximum`."""
    if hasattr(dim, "shape"):
        return maximum(x, dim)
    return amax(x) if dim is None else along(x, argmax(x, dim, True), dim, keepdim)


def min(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; along a `dim`: (values, indices), a tie to the first; of two tensors: `minimum`."""
    if hasattr(dim, "shape"):
        return minimum(x, dim)
    return amin(x) if dim is None else along(x, argmin(x, dim, True), dim, keepdim)


def median(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median; along a `dim`: (values, indices)."""
    return middle(x) if dim is None else along(x, argmedian(x, dim), dim, keepdim)


def sort(x: Any, dim: int = -1, descending: bool = False, stable: bool = True) -> Extremum:
    """(values, indices) in order along `dim`; equal elements keep their order."""
    index = argsort(x, dim, descending)
    return Extremum(take_along_dim(x, index, dim), index)


@primitive()
def any(x: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """Whether some element along `dim` is not zero."""
    return np.any(x, axis=axes(dim), keepdims=keepdim)


@primitive()
def all(x: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """Whether no element along `dim` is zero."""
    return np.all(x, axis=axes(dim), keepdims=keepdim)


# ---------------------------------------------------------------------------------------------------- norms


def norm(x: Any, p: float | str = "fro", dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The p-norm (Σ|x|ᵖ)^(1/p) along `dim`: p = 2 or "fro", 1, ±inf, 0 (the count) or another number."""
    if p in (2, "fro"):
        return norm2(x, dim, keepdim)
    if not isinstance(p, int | float):
        raise ValueError(f"norm: p must be a number, inf, -inf or 'fro', got {p!r}")
    if p == 1:
        return sum(abs(x), dim, keepdim)
    if p == math.inf:
        return amax(abs(x), dim, keepdim)
    if p == -math.inf:
        return amin(abs(x), dim, keepdim)
    if p == 0:
        return sum(ne(x, 0) * 1.0, dim, keepdim)
    zero = eq(x, 0)  # kept out of the power, whose slope there may be infinite
    powers = where(zero, 0.0 if p > 0 else math.inf, pow(where(zero, 1.0, abs(x)), p))
    total = sum(powers, dim, keepdim)
    return where(eq(total, 0), 0.0, pow(where(eq(total, 0), 1.0, total), 1 / p))


def norm2_rule(g: Any, x: Any, out: Any, dim: Dims) -> Any:
    length = where(eq(out, 0), 1.0, out)  # the subgradient at 0 is 0
    return x * spread(g / length, x.shape, dim)


@primitive(x=norm2_rule)
def norm2(x: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """The Euclidean norm along `dim`; its gradient at 0 is 0."""
    return np.sqrt(add_along(np.square(x), axis=axes(dim), keepdims=keepdim))


# ---------------------------------------------------------------------------------------------------- softmax


def peak(x: Array, dim: Dims) -> Array:
    """The largest element along `dim`, or 0 where that is infinite: what to shift by so that nothing overflows."""
    if 0 in x.shape:
        return np.zeros(kept(x.shape, dim), x.dtype)
    top = maximum_along(x, axis=axes(dim), keepdims=True)
    return np.where(np.isfinite(top), top, 0)


def floats(x: Array) -> Array:
    return x if x.dtype.kind == "f" else x.astype(np.float32)


@primitive(x=lambda g, x, out, dim: spread(g, x.shape, dim) * exp(x - spread(out, x.shape, dim)))
def logsumexp(x: Array, dim: Dims, keepdim: bool = False) -> Array:
    """log Σ eˣ along `dim`, shifted by each row's own maximum."""
    x = floats(x)
    top = peak(x, dim)
    with np.errstate(divide="ignore"):  # a row of -inf has the sum 0 and the result -inf
        out = np.log(add_along(np.exp(x - top), axis=axes(dim), keepdims=True)) + top
    return out if keepdim else add_along(out, axis=axes(dim))


@primitive(x=lambda g, out, dim: out * (g - sum(g * out, dim, keepdim=True)))
def softmax(x: Array, dim: int) -> Array:
    """eˣ / Σ eˣ along `dim`, shifted by each row's own maximum."""
    x = floats(x)
    out = np.exp(x - peak(x, dim))
    out /= add_along(out, axis=dim, keepdims=True)
    return out


@primitive(x=lambda g, out, dim: g - exp(out) * sum(g, dim, keepdim=True))
def log_softmax(x: Array, dim: int) -> Array:
    """x - logsumexp(x) along `dim`."""
    x = floats(x)
    out = x - peak(x, dim)
    out -= np.log(add_along(np.exp(out), axis=dim, keepdims=True))
    return out
