"""What goes into a tensor: arrays and shapes from whatever the caller gives."""

from __future__ import annotations

import operator
import textwrap
from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np

from minigrad.autograd import Value
from minigrad.dtypes import as_dtype


def as_array(data: Any, dtype: Any = None) -> np.ndarray:
    """A new array with the elements of `data`; float32 for Python floats unless a dtype is given."""
    if isinstance(data, Value):
        data = data.array
    elif isinstance(data, list | tuple):
        data = [as_array(d) if isinstance(d, Value) else d for d in data]
    try:
        array = np.array(data, None if dtype is None else as_dtype(dtype))
    except ValueError:
        raise ValueError(f"tensor: expected numbers in nested lists of equal lengths, got {describe(data)}") from None
    kind = array.dtype.kind if dtype is None or isinstance(data, np.ndarray) else np.array(data).dtype.kind
    if kind in "OUS":  # with a dtype NumPy would make numbers of None and words
        stranger = next((v for v in np.ravel(np.array(data, object)) if not isinstance(v, Number)), array)
        raise TypeError(f"tensor: expected numbers, got {stranger!r}")
    if dtype is None and array.dtype == np.float64 and not isinstance(data, np.ndarray | np.generic):
        array = array.astype(as_dtype(None))
    as_dtype(array.dtype)
    return array


def describe(data: Any) -> str:
    """What is uneven in nested lists, or the data themselves in few letters."""
    rows = [data]
    while rows and all(isinstance(part, list | tuple | np.ndarray) for part in rows):
        if len(lengths := sorted({len(part) for part in rows})) > 1:
            return f"lengths {' and '.join(map(str, lengths[:4]))}{' and more' * (len(lengths) > 4)} side by side"
        rows = [part for row in rows for part in row]
    if any(isinstance(part, list | tuple | np.ndarray) for part in rows):
        return "numbers and lists side by side"
    return textwrap.shorten(repr(data), 60, placeholder="...")


def row(values: tuple[Any, ...], name: str = "", named: dict[str, Any] | None = None) -> tuple[int, ...]:
    """The numbers of `f(2, 3)`, `f((2, 3))` and `f([2, 3])` alike, or of `f(name=(2, 3))`: `named` is what was given by
    name."""
    if named:
        if values or list(named) != [name]:
            raise TypeError(f"unexpected {', '.join(map(repr, named))}; expected numbers, or {name}=(...)")
        values = (named[name],)
    if len(values) == 1 and isinstance(values[0], Sequence):
        values = tuple(values[0])
    try:
        return tuple(map(operator.index, values))
    except TypeError:
        raise TypeError(f"expected whole numbers, as f(2, 3) or f((2, 3)), got {values}") from None


def plain(value: Any) -> Any:
    """A value with arrays in place of Tensors and of lists."""
    if isinstance(value, Value):
        return value.array
    if isinstance(value, tuple):
        return tuple(plain(v) for v in value)
    if isinstance(value, list):
        return np.asarray([plain(v) for v in value]) if value else np.zeros(0, np.int64)
    return value
