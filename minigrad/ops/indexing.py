"""Reading and writing by index, x[index]: one reading of PyTorch's rule for all that takes an index.

`resolve` turns whatever may stand between the brackets into an `Index`; everything else here works with that.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from types import EllipsisType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigrad.autograd import Array, Value, describe, primitive
from minigrad.autograd.strangers import expect_tensors

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "index_put",
]  # fmt: skip

Shape = Sequence[int]
ALL = slice(None)
TUPLE_BELOW = 32  # PyTorch takes a list with lists in it for a tuple if it is shorter than this
KINDS = "whole numbers, slices, ..., None, and lists, arrays or tensors of whole numbers or booleans"


class Index(NamedTuple):
    """An index in two steps: x[basic] is a view, and the whole-number arrays in `advanced` choose from that.

    advanced: for each dimension of the view an array or a full slice; None if there is no array.
    """

    basic: tuple[int | slice | None, ...]
    advanced: tuple[Any, ...] | None


def resolve(key: Any, x: Any, name: str = "getitem") -> Index:
    """What `key` chooses from x, by PyTorch's rule.

    Python numbers and whole numbers without dimensions are taken before arrays: x[0, :, i] is x[0][:, i]. A boolean
    adds a dimension of length 1 or 0. Boolean and uint8 arrays are masks. A list is an array, unless it is short and
    has lists, arrays, slices or None in it: then it counts as a tuple.
    """
    shape = x.shape
    if type(key) is int and shape and -shape[0] <= key < shape[0]:
        return Index((key,), None)
    try:
        parts = [as_part(part) for part in as_tuple(key)]
        return assemble(parts, shape)
    except (IndexError, TypeError, ValueError) as error:
        raise type(error)(f"{name}({describe(x)}, {describe_key(key)}): {error}") from None


def describe_key(key: Any) -> str:
    if isinstance(key, tuple):
        return f"({', '.join(map(describe_key, key))})"
    return describe(key) if not isinstance(key, slice) else f"{key.start}:{key.stop}:{key.step}".replace("None", "")


def as_tuple(key: Any) -> tuple[Any, ...]:
    """The parts of an index."""
    if isinstance(key, tuple):
        return key
    if isinstance(key, list) and len(key) < TUPLE_BELOW:
        several = (Value, np.ndarray, list, tuple, range, slice, EllipsisType, type(None))
        if any(isinstance(part, several) for part in key):
            return tuple(key)
    return (key,)


def as_part(part: Any) -> Any:
    """None, ..., a bool, a whole number, a slice, or an array of int64 or of booleans that nobody else can change."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return part
    if isinstance(part, slice):
        start, stop, step = (None if n is None else operator.index(n) for n in (part.start, part.stop, part.step))
        if step == 0:
            raise ValueError("a slice cannot have steps of 0")
        return slice(start, stop, step)
    if isinstance(part, int | np.integer):
        return int(part)
    if isinstance(part, Value):
        array = part.array
        if array.dtype not in (np.int64, np.int32, np.uint8, np.bool_):
            raise IndexError(f"a tensor as an index must be int64, int32, uint8 or bool, got {array.dtype}")
    elif isinstance(part, np.ndarray | list | tuple | range):
        array = as_numbers(part)
    else:
        raise IndexError(f"expected {KINDS}, got {type(part).__name__}")
    if array.dtype in (np.bool_, np.uint8):
        return array.astype(np.bool_) if array.ndim else bool(array)
    return array.astype(np.int64) if array.ndim else int(array)


def as_numbers(part: Any) -> np.ndarray:
    """Nested lists as an array of whole numbers or booleans; floats are refused unless they are whole."""
    array = np.asarray([p.array if isinstance(p, Value) else p for p in part] if isinstance(part, list) else part)
    if array.dtype.kind in "iub":
        return array
    if array.dtype.kind == "f" and (array == np.floor(array)).all():  # an empty list, too
        return array.astype(np.int64)
    raise IndexError(f"expected {KINDS}, got {describe(array)}")


def assemble(parts: list[Any], shape: tuple[int, ...]) -> Index:
    """The parts, each of them beside the dimensions that it takes, as an Index."""
    if len([part for part in parts if part is Ellipsis]) > 1:
        raise IndexError("an index can have one ... only")
    missing = len(shape) - sum(map(takes, parts))
    if missing < 0:
        raise IndexError(f"too many indices: {len(shape) - missing} for {len(shape)} dimensions")
    basic: list[Any] = []
    advanced: list[Any] = []
    dim = 0
    for part in parts:
        length = takes(part)
        if part is None or isinstance(part, slice):
            basic.append(part)
            advanced.append(ALL)
        elif part is Ellipsis:
            length = missing
            basic += [ALL] * missing
            advanced += [ALL] * missing
        elif isinstance(part, bool):
            basic.append(None)
            advanced.append(np.zeros(int(part), np.int64))
        elif isinstance(part, int):
            if not -shape[dim] <= part < shape[dim]:
                raise IndexError(f"index {part} is out of bounds for dimension {dim} of length {shape[dim]}")
            basic.append(part)
        else:
            arrays = masked_places(part, shape, dim) if part.dtype == np.bool_ else [checked(part, shape[dim], dim)]
            basic += [ALL] * length
            advanced += arrays
        dim += length
    chosen = [a for a in advanced if a is not ALL]
    if not chosen:
        return Index(tuple(basic), None)
    try:
        np.broadcast_shapes(*(a.shape for a in chosen))
    except ValueError:
        raise IndexError(f"arrays of shapes {[a.shape for a in chosen]} do not broadcast") from None
    return Index(tuple(basic), tuple(advanced))


def takes(part: Any) -> int:
    """How many dimensions of the tensor a part stands for; ... stands for those that are left."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype == np.bool_ else 1


def masked_places(mask: np.ndarray, shape: tuple[int, ...], dim: int) -> list[np.ndarray]:
    """Where the mask is true, an array for each of its dimensions."""
    if mask.shape != shape[dim : dim + mask.ndim]:
        raise IndexError(f"a mask of shape {mask.shape} at dimension {dim} does not fit {shape}")
    return [np.asarray(places) for places in np.nonzero(mask)]


def checked(index: np.ndarray, length: int, dim: int) -> np.ndarray:
    """The index counted from the front; an IndexError names a number that is out of bounds."""
    if index.size:
        low, high = int(index.min()), int(index.max())
        if low < -length or high >= length:
            wrong = high if high >= length else low
            raise IndexError(f"index {wrong} is out of bounds for dimension {dim} of length {length}")
        if low < 0:
            return np.where(index < 0, index + length, index)
    return index


# ---------------------------------------------------------------------------------------------------- on arrays

BLOCK = 1 << 16  # elements that are added up at once, so that their positions stay in cache


def read(x: np.ndarray, index: Index) -> np.ndarray:
    """x at the index: a view if there are no arrays in it, and a copy otherwise."""
    view: np.ndarray = x[(*index.basic, ...)]  # with ... a single element is a view, too, and not a copy
    if index.advanced is None:
        return view
    axes = array_axes(index)
    if len(axes) == 1:  # a third of the time that brackets take
        return np.asarray(np.take(view, index.advanced[axes[0]], axes[0]))
    return np.asarray(view[index.advanced])


def write(x: np.ndarray, index: Index, values: Any) -> None:
    """Set x at the index, in place. Of an index that comes twice, the last value stays."""
    x[(*index.basic, ...)][... if index.advanced is None else index.advanced] = values


def array_axes(index: Index) -> list[int]:
    """The dimensions of the view that arrays choose from."""
    return [i for i, part in enumerate(index.advanced or ()) if part is not ALL]


def add_up(values: np.ndarray, index: Index, shape: Shape) -> np.ndarray:
    """Zeros of `shape` with the values added at the index: the transpose of `read`. What comes twice counts twice."""
    if all(part == ALL for part in index.basic):
        return values if index.advanced is None else add_up_arrays(values, index, shape)
    out = np.zeros(shape, values.dtype)
    view = out[(*index.basic, ...)]
    view[...] = values if index.advanced is None else add_up_arrays(values, index, view.shape)
    return out


def add_up_arrays(values: np.ndarray, index: Index, shape: Shape) -> np.ndarray:
    """`add_up` for the arrays of an index into a view of `shape`."""
    assert index.advanced is not None
    axes = array_axes(index)
    total_dtype = np.float32 if values.dtype == np.float16 else values.dtype
    if axes == [0]:  # rows of a table, as an embedding's: nothing has another order (measured: two thirds of the time)
        total, rows = np.zeros((shape[0], prod(shape[1:])), total_dtype), index.advanced[0].reshape(-1)
        add_rows(total, rows, values.reshape(len(rows), total.shape[1]))
        return total.astype(values.dtype, copy=False).reshape(shape)
    arrays = np.broadcast_arrays(*(index.advanced[i] for i in axes))
    # The dimensions of the arrays stand in the place of the first if they are side by side, and else in front.
    first = axes[0] if axes[-1] - axes[0] == len(axes) - 1 else 0
    lead = arrays[0].ndim
    values = np.moveaxis(values, range(first, first + lead), range(lead))

    order = axes + [i for i in range(len(shape)) if i not in axes]
    lengths = [shape[i] for i in order]
    count, width = prod(lengths[: len(axes)]), prod(lengths[len(axes) :])
    rows = np.ravel_multi_index(arrays, lengths[: len(axes)]).reshape(-1) if values.size else np.zeros(0, np.int64)
    total = np.zeros((count, width), total_dtype)
    add_rows(total, rows, values.reshape(len(rows), width))
    return total.astype(values.dtype, copy=False).reshape(lengths).transpose(np.argsort(order))


def add_rows(total: np.ndarray, rows: np.ndarray, values: np.ndarray) -> None:
    """total[rows[i]] += values[i] for every i, in place: (n, k), (m), (m, k)."""
    width = total.shape[1]
    step = max(1, BLOCK // max(1, width))
    columns = np.arange(width)
    for i in range(0, len(rows), step):
        places = rows[i : i + step, None] * width + columns
        # NumPy's way for flat arrays: half the time of whole rows, and a third of that of sorting (measured)
        np.add.at(total.reshape(-1), places.reshape(-1), values[i : i + step].astype(total.dtype).reshape(-1))


# ---------------------------------------------------------------------------------------------------- operations


def subscript(x: Any, key: Any) -> Tensor:
    """x[key], by PyTorch's rule; see `resolve`."""
    return getitem(x, resolve(key, x))


@primitive(x=lambda g, x_shape, index: place(g, x_shape, index))
def getitem(x: Array, index: Index) -> Array:
    """x at a resolved index."""
    return read(x, index)


@primitive(g=lambda g, index: getitem(g, index))
def place(g: Array, shape: Shape, index: Index) -> Array:
    """Zeros of `shape` with g added at a resolved index: the transpose of getitem."""
    return add_up(g, index, shape)


@expect_tensors
def index_put(x: Any, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """A copy of x in which x[indices] is `values`, which broadcast; or x[indices] + values if `accumulate`.

    indices: whatever may stand in brackets; see `resolve`.
    """
    index = resolve(indices, x, "index_put")
    return put(x, values, index, accumulate)


def put_rule(g: Any, index: Index, accumulate: bool) -> Any:
    return g if accumulate else put(g, 0.0, index, False)


def put_values_rule(g: Any, index: Index, values_shape: tuple[int, ...]) -> Any:
    part = getitem(g, index)
    return subscript(part, (None,) * (len(values_shape) - part.ndim))  # what more dimensions there are have length 1


@primitive(x=put_rule, values=put_values_rule)
def put(x: Array, values: Array, index: Index, accumulate: bool) -> Array:
    """A copy of x with the values at a resolved index, or added there."""
    x = np.array(x)
    if accumulate:
        x += add_up(np.broadcast_to(values, read(x, index).shape).astype(x.dtype), index, x.shape)
    else:
        write(x, index, values)
    return x
