"""The softmax family: exponentials along a dimension, shifted by the largest so that none overflows.

float16 is computed in float32 here, for sums of it overflow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.autograd import Array, is_grad_enabled, primitive
from minigrad.kernels import rows as kernels
from minigrad.ops.dims import Dims, position, positions
from minigrad.ops.elementwise import exp, floats
from minigrad.ops.reductions import sum
from minigrad.ops.shape import spread
from minigrad.ops.sums import total

__all__ = [
    "log_softmax", "logsumexp", "softmax",
]  # fmt: skip

maximum_along: Any = np.maximum.reduce  # untyped: NumPy's stubs know a reduction only with a literal keepdims


def softmax_rule(g: Any, out: Any, dim: int) -> Any:
    return out * (g - sum(g * out, dim, keepdim=True)) if is_grad_enabled() else softmax_input(g, out, dim)


def log_softmax_rule(g: Any, out: Any, dim: int) -> Any:
    return g - exp(out) * sum(g, dim, keepdim=True) if is_grad_enabled() else log_softmax_input(g, out, dim)


@primitive(x=softmax_rule)
def softmax(x: Array, dim: int, dtype: Any = None) -> Array:
    """eˣ / Σ eˣ along `dim`, in another dtype if one is given."""
    return by_rows(kernels.softmax, dim, floats(x if dtype is None else x.astype(dtype)))


@primitive(x=log_softmax_rule)
def log_softmax(x: Array, dim: int, dtype: Any = None) -> Array:
    """x - log Σ eˣ along `dim`, in another dtype if one is given."""
    return by_rows(kernels.log_softmax, dim, floats(x if dtype is None else x.astype(dtype)))


@primitive()
def softmax_input(g: Array, y: Array, dim: int) -> Array:
    """What g, through `softmax` with the result y, becomes at its input."""
    return by_rows(kernels.softmax_input, dim, g, y)


@primitive()
def log_softmax_input(g: Array, y: Array, dim: int) -> Array:
    """What g, through `log_softmax` with the result y, becomes at its input."""
    return by_rows(kernels.log_softmax_input, dim, g, y)


def by_rows(function: Callable[..., Array], dim: int, *arrays: Array) -> Array:
    """A function of the rows of matrices, applied along `dim`."""
    x = arrays[0]
    place = position(dim, x.ndim)
    if x.dtype == np.float16:
        return by_rows(function, dim, *[a.astype(np.float32) for a in arrays]).astype(np.float16)
    if x.ndim == 2 and place == 1:
        return function(*map(np.ascontiguousarray, arrays))
    moved = [np.moveaxis(a.reshape(a.shape or (1,)), place, -1) for a in arrays]
    rows = [np.ascontiguousarray(a).reshape(a.size // max(1, a.shape[-1]), a.shape[-1]) for a in moved]
    return np.moveaxis(function(*rows).reshape(moved[0].shape), -1, place).reshape(x.shape)


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
