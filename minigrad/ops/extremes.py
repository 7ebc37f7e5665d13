"""Extremes and order: the largest, the smallest, the middle, and all in order. Where elements tie, PyTorch's choice.

Not a number counts as larger than any, and as smaller than any for the smallest: it is never passed over.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigrad.autograd import Array, Value, primitive
from minigrad.autograd.spelling import allow_spellings
from minigrad.ops.dims import Dims, kept, position, positions, whole_number
from minigrad.ops.elementwise import eq, isnan, maximum, minimum, numbers
from minigrad.ops.indexing import subscript
from minigrad.ops.selection import take_along_dim
from minigrad.ops.shape import reshape, spread, squeeze

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "amax", "amin", "aminmax", "argmax", "argmin", "argsort", "kthvalue", "max", "median", "min", "sort", "topk",
]  # fmt: skip

maximum_along: Any = np.maximum.reduce  # untyped: NumPy's stubs know a reduction only with a literal keepdims
minimum_along: Any = np.minimum.reduce


class Extremum(NamedTuple):
    """What max, min, median, sort and their kin give along a dimension: the values and where they stood."""

    values: Tensor
    indices: Tensor


class Range(NamedTuple):
    """What aminmax gives."""

    min: Tensor
    max: Tensor


# ---------------------------------------------------------------------------------------------------- values alone


def tie_rule(g: Any, x: Any, out: Any, dim: Dims) -> Any:
    winners = eq(x, reshape(out, kept(x.shape, dim)))
    return spread(g, x.shape, dim) * winners / winners.sum(dim, keepdim=True)


def tie_rule_of_all(g: Any, x: Any, out: Any) -> Any:
    winners = isnan(x) if np.isnan(out.array) else eq(x, out)
    return g * winners / winners.sum()


@primitive(x=tie_rule)
def amax(x: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """The largest element along `dim`; a tie shares the gradient evenly."""
    return maximum_along(x, axis=positions(dim, np.ndim(x)), keepdims=keepdim)


@primitive(x=tie_rule)
def amin(x: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """The smallest element along `dim`; a tie shares the gradient evenly."""
    return minimum_along(x, axis=positions(dim, np.ndim(x)), keepdims=keepdim)


@primitive(x=tie_rule_of_all)
def max_of_all(x: Array) -> Array:
    """The largest of all elements; a tie shares the gradient evenly, and so do elements that are not numbers."""
    return maximum_along(x, axis=None)


@primitive(x=tie_rule_of_all)
def min_of_all(x: Array) -> Array:
    """The smallest of all elements; a tie shares the gradient evenly, and so do elements that are not numbers."""
    return minimum_along(x, axis=None)


@primitive(x=tie_rule_of_all)
def middle(x: Array) -> Array:
    """The lower median of all elements; a tie shares the gradient evenly."""
    if x.size == 0:
        return np.asarray(math.nan, x.dtype)
    return np.sort(x, axis=None)[-1 if np.isnan(x).any() else (x.size - 1) // 2]


@allow_spellings
def aminmax(x: Any, *, dim: int | None = None, keepdim: bool = False) -> Range:
    """(min, max) along `dim`, or of all elements."""
    return Range(amin(x, dim, keepdim), amax(x, dim, keepdim))


# ---------------------------------------------------------------------------------------------------- where they stand


def find(function: Any, x: Array, dim: int | None, keepdim: bool) -> Array:
    x = numbers(x)
    if dim is None:
        return np.reshape(function(x), (1,) * np.ndim(x) if keepdim else ())
    place = position(dim, np.ndim(x))
    return function(x, axis=place, keepdims=keepdim) if np.ndim(x) else np.zeros((), np.int64)


@primitive()
def argmax(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the first largest element along `dim`, or in the flattened array."""
    return find(np.argmax, x, dim, keepdim)


@primitive()
def argmin(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the first smallest element along `dim`, or in the flattened array."""
    return find(np.argmin, x, dim, keepdim)


@primitive()
def argsort(x: Array, dim: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """The indices that sort along `dim`; equal elements keep their order."""
    place = position(dim, np.ndim(x))
    if x.ndim == 0:
        return np.zeros((), np.int64)
    if not descending:
        return np.argsort(x, axis=place, kind="stable")
    reverse = np.flip(np.argsort(np.flip(x, place), axis=place, kind="stable"), place)
    return x.shape[place] - 1 - reverse


@primitive()
def argmedian(x: Array, dim: int) -> Array:
    """The index of the lower median along `dim`, which stays there with length 1; of a NaN if there is one."""
    order = np.argsort(x, axis=dim, kind="stable")
    middle = np.take(order, [(x.shape[dim] - 1) // 2], axis=dim)
    strange = np.isnan(x)
    return np.where(strange.any(dim, keepdims=True), strange.argmax(dim, keepdims=True), middle)


def along(x: Any, index: Any, dim: int, keepdim: bool) -> Extremum:
    """The elements of x at `index`, which keeps `dim` with length 1, and the index itself."""
    values = take_along_dim(x, index, dim)
    return Extremum(values, index) if keepdim else Extremum(squeeze(values, dim), squeeze(index, dim))


def place_of_one(name: str, x: Any, dim: Any, keepdim: bool) -> int | None:
    """The dimension, or None for all elements; an error for keepdim without one, and if it has no elements."""
    if dim is None:
        if keepdim:
            raise TypeError(f"{name}: keepdim needs a dim")
        return None
    place = position(dim, x.ndim, name)
    if x.ndim and x.shape[place] == 0:
        raise IndexError(f"{name}: dimension {place} of shape {tuple(x.shape)} has no elements")
    return place


@allow_spellings
def max(x: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The largest element; along a `dim`: (values, indices), a tie to the first; of two tensors: `maximum`.

    >>> import minigrad as mg
    >>> max(mg.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
    Extremum(values=tensor([5., 7.]), indices=tensor([1, 0]))
    """
    if other is not None or isinstance(dim, Value | np.ndarray):
        return maximum(x, dim if other is None else other)
    place = place_of_one("max", x, dim, keepdim)
    return max_of_all(x) if place is None else along(x, argmax(x, place, True), place, keepdim)


@allow_spellings
def min(x: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The smallest element; along a `dim`: (values, indices), a tie to the first; of two tensors: `minimum`."""
    if other is not None or isinstance(dim, Value | np.ndarray):
        return minimum(x, dim if other is None else other)
    place = place_of_one("min", x, dim, keepdim)
    return min_of_all(x) if place is None else along(x, argmin(x, place, True), place, keepdim)


@allow_spellings
def median(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median; along a `dim`: (values, indices)."""
    place = place_of_one("median", x, dim, keepdim)
    if place is None:
        return middle(x)
    return along(x, argmedian(x, place) if x.ndim else argmax(x, 0, True), place, keepdim)


# ---------------------------------------------------------------------------------------------------- order


@allow_spellings
def sort(x: Any, dim: int = -1, descending: bool = False, stable: bool = True) -> Extremum:
    """(values, indices) in order along `dim`; equal elements keep their order.

    >>> import minigrad as mg
    >>> sort(mg.tensor([3.0, 1.0, 2.0]))
    Extremum(values=tensor([1., 2., 3.]), indices=tensor([1, 2, 0]))
    """
    index = argsort(x, dim, descending)
    return Extremum(take_along_dim(x, index, dim), index)


@allow_spellings
def topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Extremum:
    """(values, indices) of the k largest along `dim`, or of the smallest; in order, also where `sorted` is False.

    Raises ValueError for more than `dim` has. The result has k in place of its length.

    >>> import minigrad as mg
    >>> topk(mg.tensor([3.0, 1.0, 2.0]), 2).values
    tensor([3., 2.])
    """
    place, k = position(dim, x.ndim, "topk"), whole_number(k, "topk: k")
    if not 0 <= k <= (x.shape[place] if x.ndim else 1):
        raise ValueError(f"topk: k={k} of dimension {place} of shape {tuple(x.shape)}")
    index = argsort(x, place, largest)
    if x.ndim:
        index = subscript(index, (slice(None),) * place + (slice(k),))
    return Extremum(take_along_dim(x, index, place), index)


@allow_spellings
def kthvalue(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Extremum:
    """(value, index) of the k-th smallest element along `dim`, counted from 1.

    Raises ValueError unless k is from 1 to the length of `dim`.
    """
    place, k = position(dim, x.ndim, "kthvalue"), whole_number(k, "kthvalue: k")
    if not 1 <= k <= (x.shape[place] if x.ndim else 1):
        raise ValueError(f"kthvalue: k={k} of dimension {place} of shape {tuple(x.shape)}")
    index = argsort(x, place)
    if x.ndim:
        index = subscript(index, (slice(None),) * place + (slice(k - 1, k),))
    return along(x, index, place, keepdim)
