"""Reading a `dim` argument: one dimension or several, counted from either end, and clear errors for anything else."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

Dims = int | tuple[int, ...] | list[int] | None


def whole_number(value: Any, what: str) -> int:
    """`value` as an int; a TypeError for a bool, a float and whatever else is no whole number."""
    array = getattr(value, "array", value)
    if isinstance(array, bool | np.bool_ | float | str) or (isinstance(array, np.ndarray) and array.dtype.kind != "i"):
        raise TypeError(f"{what} must be a whole number, got {value!r}")
    try:
        return operator.index(array)
    except TypeError:
        raise TypeError(f"{what} must be a whole number, got {value!r}") from None


def position(dim: Any, ndim: int, name: str = "") -> int:
    """`dim` counted from the front; an IndexError that says what there is if there is no such dimension.

    name: what the error begins with, where no primitive adds its own. A tensor without dimensions has dimension 0, as
    in PyTorch.
    """
    number = dim if type(dim) is int else whole_number(dim, f"{name}: dim".removeprefix(": "))
    most = ndim or 1
    if not -most <= number < most:
        raise IndexError(f"{name}: dimension {number} is out of range [{-most}, {most - 1}]".removeprefix(": "))
    return number % most


def positions(dim: Dims | Sequence[int], ndim: int, name: str = "") -> tuple[int, ...]:
    """The dimensions in `dim`, in its order and each once: one, several, or with None or () all."""
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return tuple(range(ndim))
    found = tuple([position(d, ndim, name) for d in (dim if isinstance(dim, tuple | list) else (dim,))])
    if len(set(found)) < len(found):
        raise ValueError(f"{name}: a dimension comes twice in dim={dim}".removeprefix(": "))
    return found if ndim else ()


def kept(shape: tuple[int, ...], dim: Dims) -> tuple[int, ...]:
    """The shape that a reduction of `shape` along `dim` has with keepdim."""
    reduced = positions(dim, len(shape))
    return tuple(1 if i in reduced else n for i, n in enumerate(shape))
