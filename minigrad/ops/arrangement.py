"""Arrangements composed of shape's few primitives: stacking, turning, diagonals, grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import Value
from minigrad.autograd.spelling import allow_spellings
from minigrad.autograd.strangers import expect_tensors
from minigrad.ops.dims import position
from minigrad.ops.elementwise import logical_xor, sub
from minigrad.ops.indexing import ALL, Index, put, subscript
from minigrad.ops.shape import cat, expand, flatten, flip, permute, reshape, transpose, unsqueeze

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_tensors", "column_stack", "concat", "concatenate", "diag",
    "diag_embed", "diagonal", "diff", "dstack", "fliplr", "flipud", "hstack", "meshgrid", "ravel", "rot90",
    "row_stack", "vstack",
]  # fmt: skip


# ---------------------------------------------------------------------------------------------------- stacking


def at_least(x: Any, ndim: int) -> Any:
    """x with dimensions of length 1, where PyTorch's atleast_1d to atleast_3d put them."""
    if x.ndim == 0:
        x = reshape(x, (1,))
    if x.ndim == 1 and ndim > 1:
        x = unsqueeze(x, 0)
    return unsqueeze(x, -1) if x.ndim == 2 and ndim > 2 else x


def each_at_least(tensors: tuple[Any, ...], ndim: int) -> Any:
    """`at_least` of the only tensor, or a tuple of it for each of several, given as a sequence or one by one."""
    if len(tensors) == 1 and isinstance(tensors[0], Value):
        return at_least(tensors[0], ndim)
    return tuple(at_least(t, ndim) for t in (tensors[0] if len(tensors) == 1 else tensors))


@expect_tensors
def atleast_1d(*tensors: Any) -> Any:
    """The tensor, or each of the tensors, with at least one dimension."""
    return each_at_least(tensors, 1)


@expect_tensors
def atleast_2d(*tensors: Any) -> Any:
    """The tensor, or each of the tensors, with at least two dimensions."""
    return each_at_least(tensors, 2)


@expect_tensors
def atleast_3d(*tensors: Any) -> Any:
    """The tensor, or each of the tensors, with at least three dimensions."""
    return each_at_least(tensors, 3)


@expect_tensors
def hstack(tensors: Sequence[Any]) -> Tensor:
    """The tensors side by side: along dimension 1, or 0 where they have one only."""
    parts = [at_least(t, 1) for t in tensors]
    return cat(parts, 0 if parts and parts[0].ndim == 1 else 1)


@expect_tensors
def vstack(tensors: Sequence[Any]) -> Tensor:
    """The tensors below one another, each of at least two dimensions."""
    return cat([at_least(t, 2) for t in tensors], 0)


@expect_tensors
def dstack(tensors: Sequence[Any]) -> Tensor:
    """The tensors behind one another, each of at least three dimensions."""
    return cat([at_least(t, 3) for t in tensors], 2)


@expect_tensors
def column_stack(tensors: Sequence[Any]) -> Tensor:
    """The tensors side by side, vectors as columns."""
    return cat([t if t.ndim > 1 else reshape(t, (-1, 1)) for t in tensors], 1)


concat = concatenate = cat
row_stack = vstack


# ---------------------------------------------------------------------------------------------------- turning


@allow_spellings
def ravel(x: Any) -> Tensor:
    """x as one dimension."""
    return flatten(x)


@allow_spellings
def flipud(x: Any) -> Tensor:
    """The rows in reverse: dimension 0.

    Raises ValueError for a scalar.
    """
    if x.ndim < 1:
        raise ValueError("flipud: expected at least one dimension")
    return flip(x, (0,))


@allow_spellings
def fliplr(x: Any) -> Tensor:
    """The columns in reverse: dimension 1.

    Raises ValueError for fewer than two dimensions.
    """
    if x.ndim < 2:
        raise ValueError(f"fliplr: expected at least two dimensions, got shape {tuple(x.shape)}")
    return flip(x, (1,))


@allow_spellings
def rot90(x: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """x turned by k quarters in the plane of two dimensions, from the first towards the second.

    Raises ValueError unless the two dimensions differ.
    """
    a, b = (position(d, x.ndim, "rot90") for d in dims)
    if a == b:
        raise ValueError(f"rot90: expected two different dimensions, got {tuple(dims)}")
    turns = k % 4
    if turns == 2:
        return flip(x, (a, b))
    if turns == 1:
        return transpose(flip(x, (b,)), a, b)
    return flip(transpose(x, a, b), (b,)) if turns == 3 else flip(x, ())


@allow_spellings
def diff(x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Tensor:
    """The difference of each element and the one before it along `dim`, n times over; with more slices before and
    after x, if given.

    Raises ValueError for a scalar or a negative n. `dim` becomes shorter by n, but for what is put before and after.
    """
    place = position(dim, x.ndim, "diff")
    if x.ndim == 0 or n < 0:
        raise ValueError(f"diff: expected at least one dimension and n ≥ 0, got shape {tuple(x.shape)} and {n}")
    if n and (prepend is not None or append is not None):
        x = cat([part for part in (prepend, x, append) if part is not None], place)
    for _ in range(n):
        before, after = ((ALL,) * place + (part,) for part in (slice(None, -1), slice(1, None)))
        x = (logical_xor if x.dtype == np.bool_ else sub)(subscript(x, after), subscript(x, before))
    return x  # type: ignore[no-any-return]


# ---------------------------------------------------------------------------------------------------- diagonals


def diagonal_places(rows: int, columns: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the elements of a diagonal stand, `offset` to the right of the main one."""
    start, stop = max(0, -offset), min(rows, columns - offset)
    i = np.arange(start, max(start, stop))
    return i, i + offset


@allow_spellings
def diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A diagonal of the plane of two dimensions, as the last dimension; a copy.

    (n, m, *) -> (*, k) with the defaults. Raises ValueError if both dimensions are one.
    """
    a, b = position(dim1, x.ndim, "diagonal"), position(dim2, x.ndim, "diagonal")
    if a == b or x.ndim < 2:
        raise ValueError(f"diagonal: expected two different dimensions, got {dim1} and {dim2}")
    moved = permute(x, (*(d for d in range(x.ndim) if d not in (a, b)), a, b))
    return subscript(moved, (..., *diagonal_places(x.shape[a], x.shape[b], offset)))


def fill_diagonal(x: Any, fill_value: float, wrap: bool = False) -> Tensor:
    """x with one value on the main diagonal of a matrix, or of equally long dimensions."""
    if x.ndim < 2 or (x.ndim > 2 and len(set(x.shape)) > 1):
        raise ValueError(f"fill_diagonal: expected a matrix, or equally long dimensions, got shape {tuple(x.shape)}")
    if wrap and x.ndim == 2 and x.shape[0] > x.shape[1] + 1:
        raise NotImplementedError("fill_diagonal: wrap=True is not here for a tall matrix")
    n = np.arange(min(x.shape))
    return put(x, fill_value, Index((ALL,) * x.ndim, (n,) * x.ndim), False)


@allow_spellings
def diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Zeros with the last dimension of x on a diagonal of the plane of two new dimensions.

    (*, n) -> (*, n, n) with the defaults. Raises ValueError if both dimensions are one.
    """
    n = x.shape[-1] + abs(offset)
    places = diagonal_places(n, n, offset)
    zeros = np.zeros((*x.shape[:-1], n, n), x.dtype)
    out = put(zeros, x, Index((ALL,) * zeros.ndim, (*(ALL,) * (x.ndim - 1), *places)), False)
    a, b = position(dim1, out.ndim, "diag_embed"), position(dim2, out.ndim, "diag_embed")
    if a == b:
        raise ValueError(f"diag_embed: expected two different dimensions, got {dim1} and {dim2}")
    order = iter(range(x.ndim - 1))
    return permute(
        out, tuple(out.ndim - 2 if d == a else out.ndim - 1 if d == b else next(order) for d in range(out.ndim))
    )


@allow_spellings
def diag(x: Any, diagonal: int = 0) -> Tensor:
    """A diagonal of a matrix, or the matrix with a vector on it.

    (n) -> (n, n), or (n, m) -> (k). Raises ValueError for another number of dimensions than 1 or 2.
    """
    if x.ndim not in (1, 2):
        raise ValueError(f"diag: expected a vector or a matrix, got shape {tuple(x.shape)}")
    if x.ndim == 1:
        return diag_embed(x, diagonal)
    return subscript(x, diagonal_places(x.shape[0], x.shape[1], diagonal))


# ---------------------------------------------------------------------------------------------------- grids


@expect_tensors
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Vectors as coordinates of a grid: each repeated along the others' dimensions; "xy" exchanges the first two.

    >>> import minigrad as mg
    >>> rows, columns = meshgrid(mg.arange(2), mg.arange(3), indexing="ij")
    >>> rows
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    vectors = tensors[0] if len(tensors) == 1 and not isinstance(tensors[0], Value) else tensors
    if indexing not in ("ij", "xy"):
        raise ValueError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    shape = tuple(v.shape[0] if v.ndim else 1 for v in vectors)
    grids = tuple(
        expand(reshape(v, (1,) * i + (-1,) + (1,) * (len(shape) - i - 1)), shape) for i, v in enumerate(vectors)
    )
    return tuple(transpose(g, 0, 1) for g in grids) if indexing == "xy" and len(shape) > 1 else grids


@expect_tensors
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors expanded to the shape that all of them broadcast to.

    Raises ValueError if they broadcast to no shape.
    """
    shape = np.broadcast_shapes(*(t.shape for t in tensors))
    return tuple(expand(t, shape) for t in tensors)
