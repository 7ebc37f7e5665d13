"""The softmax family: exponentials along a dimension, shifted by the largest so that none overflows.

float16 is computed in float32 here, for sums of it overflow.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.autograd import Array, primitive
from minigrad.ops.dims import Dims, position, positions
from minigrad.ops.elementwise import exp, floats
from minigrad.ops.reductions import sum
from minigrad.ops.shape import spread
from minigrad.ops.sums import total

__all__ = [
    "log_softmax", "logsumexp", "softmax",
]  # fmt: skip

maximum_along: Any = np.maximum.reduce  # untyped: NumPy's stubs know a reduction only with a literal keepdims


@primitive(x=lambda g, out, dim: out * (g - sum(g * out, dim, keepdim=True)))
def softmax(x: Array, dim: int, dtype: Any = None) -> Array:
    """eˣ / Σ eˣ along `dim`, in another dtype if one is given."""
    place = position(dim, np.ndim(x))
    x = floats(x if dtype is None else x.astype(dtype))
    out = np.exp(less_largest(x, place))
    out /= along(out, place)
    return out.astype(x.dtype, copy=False)


@primitive(x=lambda g, out, dim: g - exp(out) * sum(g, dim, keepdim=True))
def log_softmax(x: Array, dim: int, dtype: Any = None) -> Array:
    """x - log Σ eˣ along `dim`, in another dtype if one is given."""
    place = position(dim, np.ndim(x))
    x = floats(x if dtype is None else x.astype(dtype))
    out = less_largest(x, place)
    out -= np.log(along(np.exp(out), place))
    return out.astype(x.dtype, copy=False)


def less_largest(x: np.ndarray, dim: int) -> np.ndarray:
    """x less its largest element along `dim`; not a number where that is infinite. A new array."""
    wide = x.astype(np.float32) if x.dtype == np.float16 else x
    if x.ndim == 0:
        return np.asarray(wide - wide)
    with np.errstate(invalid="ignore"):
        return np.asarray(wide - maximum_along(wide, axis=dim, keepdims=True, initial=-math.inf))


def along(x: np.ndarray, dim: int) -> np.ndarray:
    return total(x, dim, True) if x.ndim else x


@primitive(x=lambda g, x, out, dim: spread(g, x.shape, dim) * exp(x - spread(out, x.shape, dim)))
def logsumexp(x: Array, dim: Dims, keepdim: bool = False) -> Array:
    """log Σ eˣ along `dim`, one or several."""
    if dim is None or (dim in ((), []) and np.ndim(x)):
        raise TypeError(f"expected a dimension or several, got dim={dim}")
    places = positions(dim, np.ndim(x))
    x = floats(x)
    wide = x.astype(np.float32) if x.dtype == np.float16 else x
    top = maximum_along(wide, axis=places, keepdims=True, initial=-math.inf)
    top = np.where(np.isfinite(top), top, 0)  # a row of infinities is not shifted
    with np.errstate(divide="ignore"):  # a row of -inf has the sum 0 and the result -inf
        out = np.log(total(np.exp(wide - top), places, True)) + top
    return (out if keepdim else np.squeeze(out, places)).astype(x.dtype, copy=False)
