"""Elements chosen by numbers and masks: gather and its kin read, scatter and its kin write into a copy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import Array, Value, primitive
from minigrad.autograd.spelling import allow_spellings
from minigrad.ops.dims import position, whole_number
from minigrad.ops.elementwise import cast, clone, div, eq, floor_divide, where
from minigrad.ops.indexing import ALL, Index, add_up, getitem, put, read, subscript
from minigrad.ops.shape import expand, flatten, reshape

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "gather", "index_add", "index_copy", "index_fill", "index_select", "masked_fill", "masked_select", "narrow",
    "repeat_interleave", "scatter", "scatter_add", "scatter_reduce", "select", "take", "take_along_dim",
]  # fmt: skip


def whole_numbers(index: Any, name: str) -> np.ndarray:
    """An index as an array of integers of its own, so that backward finds it as it is now."""
    array = np.asarray(index.array if isinstance(index, Value) else index)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{name}: expected integer indices, got {array.dtype}")
    return array.astype(np.int64)


def within(index: np.ndarray, length: int, name: str) -> np.ndarray:
    """The index, of numbers from 0 up to below `length`; an IndexError names one that is not."""
    if index.size and not 0 <= int(index.min()) <= int(index.max()) < length:
        wrong = index.min() if index.min() < 0 else index.max()
        raise IndexError(f"{name}: index {wrong} is out of bounds for a dimension of length {length}")
    return index


def dim_index(x: Any, dim: int, index: Any, name: str) -> Index:
    """The Index of the slices at the numbers in a vector along `dim`."""
    place = position(dim, x.ndim, name)
    array = whole_numbers(index, name)
    if array.ndim > 1:
        raise IndexError(f"{name}: expected a vector of indices, got shape {array.shape}")
    array = within(array.reshape(-1), x.shape[place] if x.ndim else 1, name)
    return Index((ALL,) * x.ndim, (*(ALL,) * place, array)) if x.ndim else Index((), None)


def grid_index(x: Any, dim: int, index: Any, name: str) -> tuple[Index, tuple[int, ...]]:
    """The Index in which the numbers stand for dimension `dim`, and each of the others for itself; and its shape."""
    array = whole_numbers(index, name)
    place = position(dim, x.ndim, name)
    if max(array.ndim, 1) != max(x.ndim, 1):
        raise ValueError(f"{name}: index has {array.ndim} dimensions, the tensor {x.ndim}")
    within(array, x.shape[place] if x.ndim else 1, name)
    if x.ndim == 0:
        return Index((None,) * array.ndim, (array,) if array.ndim else None), array.shape
    array = array.reshape(array.shape or (1,) * x.ndim)
    for i, (n, most) in enumerate(zip(array.shape, x.shape, strict=True)):
        if i != place and n > most:
            raise ValueError(f"{name}: index of shape {array.shape} is longer than {tuple(x.shape)} in dimension {i}")
    grid = list(np.ogrid[tuple(slice(n) for n in array.shape)])
    grid[place] = array
    return Index((ALL,) * x.ndim, tuple(grid)), array.shape


# ---------------------------------------------------------------------------------------------------- reading


@allow_spellings
def index_select(x: Any, dim: int, index: Any) -> Tensor:
    """The slices of x at the numbers in the vector `index` along `dim`.

    Raises IndexError for a number that there is not.
    """
    return getitem(x, dim_index(x, dim, index, "index_select"))


@allow_spellings
def gather(x: Any, dim: int, index: Any) -> Tensor:
    """out[i][j][k] = x[index[i][j][k]][j][k] for dim 0, and so on; `index` is nowhere longer than x but along `dim`.

    >>> import minigrad as mg
    >>> gather(mg.tensor([[1, 2], [3, 4]]), 1, mg.tensor([[0], [1]]))  # the first of one row, the second of the next
    tensor([[1],
            [4]])
    """
    chosen, _ = grid_index(x, dim, index, "gather")
    out = getitem(x, chosen)
    return out if np.ndim(getattr(index, "array", index)) == out.ndim else reshape(out, ())


@allow_spellings
def take_along_dim(x: Any, indices: Any, dim: int | None = None) -> Tensor:
    """The elements of x at `indices` along `dim`, both broadcast in the other dimensions; None: of x flattened.

    Raises ValueError unless both have as many dimensions, and TypeError for indices that are not whole.
    """
    array = whole_numbers(indices, "take_along_dim")
    if dim is None:
        return subscript(flatten(x), array.reshape(-1))
    if x.ndim == 0:
        return clone(x)
    dim = position(dim, x.ndim, "take_along_dim")
    if array.ndim != x.ndim:
        raise ValueError(f"take_along_dim: indices have {array.ndim} dimensions, the tensor {x.ndim}")
    others = [1 if i == dim else n for i, n in enumerate(x.shape)]
    shape = np.broadcast_shapes(tuple(others), tuple(1 if i == dim else n for i, n in enumerate(array.shape)))
    grid = list(np.ogrid[tuple(slice(n) for n in shape)])
    grid[dim] = array
    rest = tuple(n if i != dim else x.shape[dim] for i, n in enumerate(shape))
    return subscript(x if tuple(x.shape) == rest else expand(x, rest), tuple(grid))


@allow_spellings
def take(x: Any, index: Any) -> Tensor:
    """The elements of x, flattened, at `index`, in its shape.

    Raises IndexError for a number that there is not.
    """
    return subscript(flatten(x), whole_numbers(index, "take"))


@allow_spellings
def select(x: Any, dim: int, index: int) -> Tensor:
    """The slice at one index along `dim`, which it loses."""
    place = position(dim, x.ndim, "select")
    return subscript(x, (ALL,) * place + (whole_number(index, "select: index"),))


@allow_spellings
def narrow(x: Any, dim: int, start: int, length: int) -> Tensor:
    """`length` slices along `dim`, from `start` on.

    Raises ValueError unless they are there.
    """
    place, total = position(dim, x.ndim, "narrow"), x.shape[dim] if x.ndim else 0
    start, length = whole_number(start, "narrow: start"), whole_number(length, "narrow: length")
    if not -total <= start <= total or length < 0 or start % (total or 1) + length > total:
        raise ValueError(f"narrow: {length} slices from {start} on do not fit a dimension of length {total}")
    begin = start + total if start < 0 else start
    return subscript(x, (ALL,) * place + (slice(begin, begin + length),))


@allow_spellings
def masked_select(x: Any, mask: Any) -> Tensor:
    """The elements of x where the mask is true, in a row; both broadcast.

    Gives a vector. Raises TypeError for a mask that is not of booleans.
    """
    mask = boolean(mask, "masked_select")
    shape = np.broadcast_shapes(x.shape, mask.shape)
    return subscript(expand(x, shape), np.broadcast_to(mask, shape).reshape(shape)) if shape else subscript(x, mask)


def boolean(mask: Any, name: str) -> Any:
    array = np.asarray(mask.array if isinstance(mask, Value) else mask)
    if array.dtype != np.bool_:
        raise TypeError(f"{name}: expected a mask of booleans, got {array.dtype}")
    return array


@allow_spellings
def repeat_interleave(x: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None) -> Tensor:
    """Each slice along `dim` repeated by a number or by its own in `repeats`; without `dim`, of x flattened.

    With one argument, the index of that: each place as often as x says.

    >>> import minigrad as mg
    >>> repeat_interleave(mg.tensor([1, 2]), mg.tensor([1, 3]))
    tensor([1, 2, 2, 2])
    """
    if repeats is None:
        return subscript(np_arange(x.shape[0]), np.repeat(np.arange(x.shape[0]), whole_numbers(x, "repeat_interleave")))
    x, dim = (flatten(x), 0) if dim is None else (x, dim)
    place = position(dim, x.ndim, "repeat_interleave")
    times = whole_numbers(repeats, "repeat_interleave")
    if (times < 0).any() or (times.ndim and times.size not in (1, x.shape[place])):
        raise ValueError(f"repeat_interleave: {times.tolist()} repeats for a dimension of length {x.shape[place]}")
    return index_select(x, place, np.repeat(np.arange(x.shape[place]), times))


def np_arange(n: int) -> Tensor:
    return cast(np.arange(n), np.int64)


# ---------------------------------------------------------------------------------------------------- writing a copy


@allow_spellings
def masked_fill(x: Any, mask: Any, value: Any) -> Tensor:
    """x with one value wherever the mask, which broadcasts to x's shape, is true.

    Raises TypeError for a mask that is not of booleans, and ValueError for several values.
    """
    boolean(mask, "masked_fill")
    if np.ndim(getattr(value, "array", value)):
        raise ValueError(f"masked_fill: expected one value, got shape {tuple(value.shape)}")
    return where(mask, cast(value, x.dtype) if isinstance(value, Value) or x.dtype.kind != "f" else value, x)


@allow_spellings
def scatter(x: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Tensor:
    """x with src[i][j][k] at x[index[i][j][k]][j][k] for dim 0, and so on; of an index that comes twice, the last.

    src: a tensor of at least the shape of `index`, or one number. reduce: "add" or "multiply" instead of setting.

    Raises ValueError for a reduction that there is not, TypeError for an index that is not whole.
    """
    chosen, shape = grid_index(x, dim, index, "scatter")
    src = source(value if src is None else src, shape, x, "scatter")
    if reduce == "add":
        return put(x, src, chosen, True)
    if reduce == "multiply":
        return scatter_reduce(x, dim, index, src if isinstance(src, Value) else np.full(shape, src, x.dtype), "prod")
    if reduce is not None:
        raise ValueError(f"scatter: reduce must be 'add', 'multiply' or None, got {reduce!r}")
    return put(x, src, chosen, False)


def source(src: Any, shape: tuple[int, ...], x: Any, name: str) -> Any:
    """What to scatter to an index of `shape`: a number, or as much of a tensor."""
    if np.ndim(getattr(src, "array", src)) == 0:
        return src
    if src.ndim != len(shape) or any_longer(shape, src.shape):
        raise ValueError(f"{name}: index of shape {shape} is longer than the source of shape {tuple(src.shape)}")
    if src.dtype != x.dtype:
        raise TypeError(f"{name}: source of {src.dtype} for a tensor of {x.dtype}")
    return src if tuple(src.shape) == shape else subscript(src, tuple(slice(n) for n in shape))


def any_longer(shape: Sequence[int], other: Sequence[int]) -> bool:
    return any(n > most for n, most in zip(shape, other, strict=True))


@allow_spellings
def scatter_add(x: Any, dim: int, index: Any, src: Any) -> Tensor:
    """x with src[i][j][k] added to x[index[i][j][k]][j][k] for dim 0, and so on; what comes twice counts twice.

    >>> import minigrad as mg
    >>> scatter_add(mg.zeros(3), 0, mg.tensor([0, 2, 2]), mg.ones(3))
    tensor([1., 0., 2.])
    """
    chosen, shape = grid_index(x, dim, index, "scatter_add")
    return put(x, source(src, shape, x, "scatter_add"), chosen, True)


@allow_spellings
def scatter_reduce(x: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Tensor:
    """As `scatter_add`, with what meets at a place reduced by "sum", "mean", "prod", "amax" or "amin".

    include_self: whether what x has at the place counts, too. Gradients: not for "prod".

    Raises ValueError for a reduction that there is not, and TypeError for an index that is not whole.
    """
    chosen, shape = grid_index(x, dim, index, "scatter_reduce")
    src = source(src, shape, x, "scatter_reduce")
    low, high = limits(x.dtype)
    first = {"sum": 0, "mean": 0, "prod": 1, "amax": low, "amin": high}
    if reduce not in first:
        raise ValueError(f"scatter_reduce: reduce must be one of {list(first)}, got {reduce!r}")
    if not include_self:
        x = put(x, np.asarray(first[reduce], x.dtype), chosen, False)
    if reduce in ("sum", "mean"):
        total = put(x, src, chosen, True)
        if reduce == "sum":
            return total
        counts = add_up(np.ones(shape), chosen, x.shape) + include_self
        counts = np.maximum(counts, 1).astype(x.dtype)
        return div(total, counts) if x.dtype.kind == "f" else floor_divide(total, counts)
    return meet(x, src, chosen, reduce)


def limits(dtype: Any) -> tuple[float, float]:
    """What no element of a dtype is below, and what none is above."""
    if dtype.kind == "f":
        return -math.inf, math.inf
    return (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)


def meet_rule(g: Any, x: Any, src: Any, out: Any, index: Index, reduce: str) -> Any:
    return where(eq(x, out), g / winners(x, src, out, index, reduce), 0.0)


def meet_source_rule(g: Any, x: Any, src: Any, out: Any, index: Index, reduce: str) -> Any:
    share = getitem(g / winners(x, src, out, index, reduce), index)
    return where(eq(src, getitem(out, index)), share, 0.0)


def winners(x: Any, src: Any, out: Any, index: Index, reduce: str) -> Any:
    """How many elements share each place's extreme."""
    if reduce == "prod":
        raise NotImplementedError("scatter_reduce: 'prod' has no gradient here; detach its arguments")
    won = src.array == read(out.array, index)
    return np.maximum(add_up(won.astype(np.float64), index, x.shape) + (x.array == out.array), 1).astype(x.dtype)


@primitive(x=meet_rule, src=meet_source_rule)
def meet(x: Array, src: Array, index: Index, reduce: str) -> Array:
    """x with the products, or the extremes, of what it has at the index and of what `src` brings there."""
    out = np.array(x)
    ufunc: Any = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}[reduce]
    ufunc.at(out[(*index.basic, ...)], ... if index.advanced is None else index.advanced, src)
    return out


@allow_spellings
def index_add(x: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Tensor:
    """x with alpha times the slices of `source` added at the numbers in `index` along `dim`."""
    return put(x, source if alpha == 1 else source * alpha, slices(x, dim, index, source, "index_add"), True)


@allow_spellings
def index_copy(x: Any, dim: int, index: Any, source: Any) -> Tensor:
    """x with the slices of `source` at the numbers in `index` along `dim`."""
    return put(x, source, slices(x, dim, index, source, "index_copy"), False)


def slices(x: Any, dim: int, index: Any, source: Any, name: str) -> Index:
    chosen = dim_index(x, dim, index, name)
    expected = read(x.array, chosen).shape
    if tuple(source.shape) != expected:
        raise ValueError(f"{name}: expected a source of shape {expected}, got {tuple(source.shape)}")
    return chosen


@allow_spellings
def index_fill(x: Any, dim: int, index: Any, value: Any) -> Tensor:
    """x with one value in the slices at the numbers in `index` along `dim`; negative ones count from the end."""
    array = whole_numbers(index, "index_fill")
    length = x.shape[position(dim, x.ndim, "index_fill")] if x.ndim else 1
    return put(x, value, dim_index(x, dim, np.where(array < 0, array + length, array), "index_fill"), False)
