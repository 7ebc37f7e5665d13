"""Scans: what has come together so far, at each place along a dimension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.autograd import Array, primitive
from minigrad.autograd.spelling import allow_spellings
from minigrad.ops.dims import position
from minigrad.ops.elementwise import cast, logaddexp, mul
from minigrad.ops.extremes import Extremum
from minigrad.ops.indexing import subscript
from minigrad.ops.reductions import total_dtype
from minigrad.ops.selection import take_along_dim
from minigrad.ops.shape import cat, flip
from minigrad.ops.sums import running_total

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "logcumsumexp",
]  # fmt: skip


@primitive(x=lambda g, dim: flip(cumsum(flip(g, (dim,)), dim), (dim,)))
def cumsum(x: Array, dim: int, dtype: Any = None) -> Array:
    """The running sum along `dim`, in another dtype if one is given."""
    place = position(dim, np.ndim(x))
    x = np.asarray(x, dtype or total_dtype(x))
    return running_total(x, place) if x.ndim else x.copy()


def scan(x: Any, dim: int, name: str, combine: Callable[[Any, Any], Any]) -> Any:
    """x_0, x_0·x_1, … along `dim` for an associative operation, in log₂ n steps that each double the reach."""
    place = position(dim, x.ndim, name)
    reach, length = 1, x.shape[place] if x.ndim else 1
    while reach < length:
        before, head, tail = (
            subscript(x, (slice(None),) * place + (part,))
            for part in (slice(length - reach), slice(reach), slice(reach, None))
        )
        x = cat([head, combine(before, tail)], place)
        reach *= 2
    return x


@allow_spellings
def cumprod(x: Any, dim: int, *, dtype: Any = None) -> Any:
    """The running product along `dim`, in another dtype if one is given. Its gradient holds at zeros."""
    dtype = dtype or total_dtype(x.array)
    return scan(cast(x, dtype or x.dtype), dim, "cumprod", mul)


@allow_spellings
def logcumsumexp(x: Any, dim: int) -> Any:
    """log Σ eˣ of the elements so far along `dim`."""
    return scan(x * 1.0, dim, "logcumsumexp", logaddexp)


@allow_spellings
def cummax(x: Any, dim: int) -> Extremum:
    """(values, indices) of the largest element so far along `dim`, a tie to the last."""
    index = last_extreme(x, dim, True)
    return Extremum(take_along_dim(x, index, dim), index)


@allow_spellings
def cummin(x: Any, dim: int) -> Extremum:
    """(values, indices) of the smallest element so far along `dim`, a tie to the last."""
    index = last_extreme(x, dim, False)
    return Extremum(take_along_dim(x, index, dim), index)


@primitive()
def last_extreme(x: Array, dim: int, largest: bool) -> Array:
    """The index of the last extreme element so far; of the last NaN once there is one."""
    place = position(dim, np.ndim(x))
    if x.ndim == 0:
        return np.zeros((), np.int64)
    ufunc, compare = (np.maximum, np.greater_equal) if largest else (np.minimum, np.less_equal)
    record = np.isnan(x) | compare(x, ufunc.accumulate(x, axis=place))
    places = np.arange(x.shape[place]).reshape(-1, *(1,) * (x.ndim - 1 - place))
    return np.maximum.accumulate(np.where(record, places, 0), axis=place)
