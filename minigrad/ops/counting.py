"""Counting and looking up: where, how often and which. On values alone; no gradient passes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from minigrad.autograd import Array, Value, box, primitive
from minigrad.autograd.spelling import allow_spellings
from minigrad.ops.dims import position
from minigrad.ops.elementwise import numbers
from minigrad.ops.elementwise import where as choose

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "argwhere", "bincount", "bucketize", "histc", "histogram", "nonzero", "searchsorted", "unique", "where",
]  # fmt: skip


class Histogram(NamedTuple):
    """What `histogram` gives."""

    hist: Tensor
    bin_edges: Tensor


def plain(x: Any, name: str) -> np.ndarray:
    try:
        return x.array if isinstance(x, Value) else numbers(x)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None


@primitive()
def argwhere(x: Array) -> Array:
    """(n, dimensions): the indices of the elements that are not zero."""
    return np.argwhere(numbers(x)).astype(np.int64)


@allow_spellings
def nonzero(x: Any, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero, as `argwhere`, or with `as_tuple` a vector for each dimension."""
    if not as_tuple:
        return argwhere(x)
    return tuple(box(np.asarray(places, np.int64)) for places in np.nonzero(np.atleast_1d(plain(x, "nonzero"))))


@overload
def where(condition: Any) -> tuple[Tensor, ...]: ...
@overload
def where(condition: Any, x: Any, y: Any) -> Tensor: ...
@allow_spellings
def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """x where the condition holds and y elsewhere, all three broadcasting.

    Without x and y, where it is true: `nonzero(condition, as_tuple=True)`. Raises TypeError for a condition of numbers.

    >>> import minigrad as mg
    >>> x = mg.tensor([-1.0, 2.0])
    >>> where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    if x is None and y is None:
        return nonzero(condition, as_tuple=True)
    if isinstance(condition, Value) and condition.array.dtype not in (np.bool_, np.uint8):
        raise TypeError(f"where: expected a condition of booleans, got {condition.array.dtype}")
    return choose(condition, x, y)


@allow_spellings
def unique(
    x: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The different elements, or slices along `dim`, in order; and if asked for, the place of each element among them
    and how often each is there.

    >>> import minigrad as mg
    >>> unique(mg.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    array = plain(x, "unique")
    axis = None if dim is None else position(dim, array.ndim, "unique")
    values, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, axis=axis)
    inverse = inverse.reshape(array.shape if axis is None else -1)
    parts = [values] + [inverse.astype(np.int64)] * return_inverse + [counts.astype(np.int64)] * return_counts
    found = tuple(box(np.asarray(part)) for part in parts)
    return found if len(found) > 1 else found[0]


@allow_spellings
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Tensor:
    """How often each number from 0 on is in a vector of whole numbers; or the sum of the weights of each.

    (n) -> (largest + 1), or longer with `minlength`. Raises ValueError for what is no vector of such numbers.
    """
    array = plain(x, "bincount")
    if array.ndim != 1 or array.dtype.kind not in "iu" or (array.size and array.min() < 0):
        raise ValueError(f"bincount: expected a vector of whole numbers from 0 on, got {array.dtype} {array.shape}")
    if weights is None:
        return box(np.bincount(array, minlength=minlength).astype(np.int64))
    heavy = plain(weights, "bincount")
    if heavy.shape != array.shape:
        raise ValueError(f"bincount: weights of shape {heavy.shape} for numbers of shape {array.shape}")
    sums = np.bincount(array, heavy, minlength)
    return box(sums.astype(np.float32 if heavy.dtype == np.float32 else np.float64))


def bounds(array: np.ndarray, low: float, high: float, margin: float) -> tuple[float, float]:
    """The range of a histogram: as given, that of the elements if both are equal; if that is one number, a margin
    on both sides of it."""
    if low > high:
        raise ValueError(f"expected min ≤ max, got {low} and {high}")
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    return (low - margin, high + margin) if low == high else (low, high)


@allow_spellings
def histc(x: Any, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of `bins` equal intervals from min to max; of all elements if both are 0.

    Gives (bins,) in x's dtype, or float32 for whole numbers. Raises ValueError if min is larger than max.
    """
    array = plain(x, "histc")
    counts, _ = np.histogram(array, bins, bounds(array, min, max, 1))
    return box(counts.astype(array.dtype if array.dtype.kind == "f" else np.float32))


@allow_spellings
def histogram(
    x: Any, bins: Any, *, range: tuple[float, float] | None = None, weight: Any = None, density: bool = False
) -> Histogram:
    """(counts, edges) of a number of equal intervals, or of those between given edges.

    Gives (bins,) counts and (bins + 1,) edges in x's dtype.
    """
    array = plain(x, "histogram")
    if isinstance(bins, Value | Sequence):
        edges = plain(bins, "histogram")
    else:
        low, high = range or ((0, 0) if array.size else (0, 1))
        edges = np.linspace(*bounds(array, low, high, 0.5), int(bins) + 1)
    weights = None if weight is None else plain(weight, "histogram").reshape(-1)
    counts, edges = np.histogram(array.reshape(-1), np.asarray(edges, np.float64), weights=weights, density=density)
    return Histogram(box(counts.astype(array.dtype)), box(edges.astype(array.dtype)))


def searchsorted(
    sorted_sequence: Any,
    values: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
) -> Tensor:
    """Where to insert each value into a sorted sequence, row by row if it has several: before equal ones, or after.

    sorter: the indices that sort the sequence, if it is not sorted itself.

    Gives the shape of `values`, as int64. Raises ValueError for a side that there is not.
    """
    edges, wanted = plain(sorted_sequence, "searchsorted"), plain(values, "searchsorted")
    if sorter is not None:
        edges = np.take_along_axis(edges, plain(sorter, "searchsorted"), -1)
    if side not in (None, "left", "right") or (side == "left" and right):
        raise ValueError(f"searchsorted: side must be 'left' or 'right' and agree with `right`, got {side!r}")
    after: Any = "right" if right or side == "right" else "left"
    if edges.ndim == 1:
        places = np.searchsorted(edges, wanted, after)
    elif edges.shape[:-1] != wanted.shape[:-1]:
        raise ValueError(f"searchsorted: rows of shape {edges.shape[:-1]} and of {wanted.shape[:-1]}")
    else:
        count = math.prod(edges.shape[:-1])
        rows = zip(edges.reshape(count, -1), wanted.reshape(count, -1), strict=True) if wanted.size else ()
        places = np.array([np.searchsorted(row, value, after) for row, value in rows], int).reshape(wanted.shape)
    return box(np.asarray(places, np.int32 if out_int32 else np.int64))


@allow_spellings
def bucketize(x: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The number of the interval between sorted boundaries that each element falls into; `right`: at a boundary, the
    one after it."""
    return searchsorted(boundaries, x, out_int32=out_int32, right=right)
