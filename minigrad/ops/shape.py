"""Shape: the same elements elsewhere. Views first, then copies. Most derive from a few primitives."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import Array, primitive
from minigrad.autograd.spelling import allow_spellings
from minigrad.autograd.strangers import expect_tensors
from minigrad.ops.dims import Dims, kept, position, positions, whole_number
from minigrad.ops.elementwise import clone
from minigrad.ops.indexing import subscript

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "broadcast_to", "cat", "chunk", "flatten", "flip", "moveaxis", "movedim", "permute", "reshape", "roll", "split",
    "squeeze", "stack", "swapaxes", "swapdims", "t", "tile", "transpose", "tril", "triu", "unbind",
    "unflatten", "unsqueeze",
]  # fmt: skip

Shape = Sequence[int]


# ---------------------------------------------------------------------------------------------------- views


@primitive(x=lambda g, x_shape: reshape(g, x_shape))
def reshape(x: Array, shape: Shape) -> Array:
    """The same elements in row-major order in another shape; one length may be -1."""
    return np.reshape(x, shape)


@primitive(x=lambda g, dims: permute(g, tuple(int(i) for i in np.argsort([d % len(dims) for d in dims]))))
def permute(x: Array, dims: Sequence[int]) -> Array:
    """The dimensions in another order: dimension i of the result is dimension dims[i] of x.

    Raises ValueError unless each dimension is there once.
    """
    if len(dims) != x.ndim:
        raise ValueError(f"expected each of the {x.ndim} dimensions once, got {len(dims)} of them")
    return np.transpose(x, [whole_number(d, "a dimension") for d in dims])


@primitive(x=lambda g: g)  # the engine undoes broadcasting
def expand(x: Array, shape: Shape) -> Array:
    """x repeated, without a copy, along dimensions of length 1 and new leading ones; -1 keeps a length."""
    lead = len(shape) - np.ndim(x)
    if lead < 0 or -1 in shape[:lead]:
        raise ValueError(f"expected a length for each new dimension, then one or -1 for each of the {np.ndim(x)}")
    for i, (old, new) in enumerate(zip(x.shape, shape[lead:], strict=True)):
        if new not in (old, -1) and old != 1:
            raise ValueError(f"dimension {i} of length {old} cannot become {new}; only a length of 1 is repeated")
    return np.broadcast_to(x, tuple(x.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(shape)))


@allow_spellings
def broadcast_to(x: Any, shape: Shape) -> Tensor:
    """x broadcast to `shape`, without a copy."""
    return expand(x, tuple(shape))


@primitive(x=lambda g, x_shape, dim: reshape(g.sum(dim), x_shape))
def spread(x: Array, shape: Shape, dim: Dims) -> Array:
    """What was reduced along `dim`, repeated over `shape` again without a copy: the transpose of a sum."""
    return np.broadcast_to(x if dim is None else x.reshape(kept(tuple(shape), dim)), shape)


@allow_spellings
def transpose(x: Any, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    a, b = position(dim0, x.ndim, "transpose"), position(dim1, x.ndim, "transpose")
    order = list(range(x.ndim))
    if order:
        order[a], order[b] = b, a
    return permute(x, tuple(order))


@allow_spellings
def movedim(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """One dimension, or several, at another place, the others in their order."""
    if isinstance(source, int) != isinstance(destination, int):
        raise TypeError(f"movedim: expected two numbers or two sequences, got {source} and {destination}")
    moved, places = (
        () if d == () else positions(d if isinstance(d, int) else tuple(d), x.ndim, "movedim")
        for d in (source, destination)
    )
    if len(moved) != len(places):
        raise ValueError(f"movedim: {len(moved)} dimensions to {len(places)} places")
    order = [d for d in range(x.ndim) if d not in moved]
    for place, d in sorted(zip(places, moved, strict=True)):
        order.insert(place, d)
    return permute(x, tuple(order))


@allow_spellings
def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions start_dim to end_dim, both included, as one.

    (N, C, H, W) -> (N, C·H·W) for start_dim 1. Raises ValueError if start_dim comes after end_dim.
    """
    if x.ndim == 0:
        return reshape(x, (1,))
    start, end = position(start_dim, x.ndim, "flatten"), position(end_dim, x.ndim, "flatten")
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    merged = math.prod(x.shape[start : end + 1])  # spelt out, as -1 has no answer for an empty array
    return reshape(x, (*x.shape[:start], merged, *x.shape[end + 1 :]))


@allow_spellings
def unflatten(x: Any, dim: int, sizes: Shape) -> Tensor:
    """Dimension `dim` as several, of these lengths; one may be -1."""
    dim = position(dim, x.ndim, "unflatten")
    return reshape(x, (*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))


@allow_spellings
def squeeze(x: Any, dim: int | Sequence[int] | None = None) -> Tensor:
    """x without its dimensions of length 1, or without those of them that are in `dim`."""
    if isinstance(dim, tuple | list) and not dim:
        return reshape(x, x.shape)
    gone = positions(dim, x.ndim, "squeeze")
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if n != 1 or i not in gone))


@allow_spellings
def unsqueeze(x: Any, dim: int) -> Tensor:
    """x with a new dimension of length 1 at `dim`."""
    dim = position(dim, x.ndim + 1, "unsqueeze")
    return reshape(x, (*x.shape[:dim], 1, *x.shape[dim:]))


# ---------------------------------------------------------------------------------------------------- copies


@primitive(x=lambda g, dims: flip(g, dims))
def flip(x: Array, dims: Any) -> Array:
    """The elements in reverse along `dims`, a number or several; along none if that is ()."""
    return np.array(x if isinstance(dims, tuple | list) and not dims else np.flip(x, positions(dims, np.ndim(x))))


@primitive(x=lambda g, shifts, dims: roll(g, np.negative(shifts), dims))
def roll(x: Array, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Array:
    """The elements moved along `dims`, those that leave at the end come back at the start; along all as one row if
    there are no `dims`."""
    if dims is None or (isinstance(dims, tuple | list) and not dims):
        if np.size(shifts) != 1:
            raise ValueError(f"{np.size(shifts)} shifts need as many dimensions")
        return np.roll(x, int(np.reshape(shifts, ())))
    if np.ndim(x) == 0:
        raise IndexError("a tensor without dimensions has none to roll along")
    places = positions(dims, x.ndim)
    if np.size(shifts) != len(places):
        raise ValueError(f"{np.size(shifts)} shifts for {len(places)} dimensions")
    return np.roll(x, tuple(int(s) for s in np.reshape(shifts, -1)), places)


def repeat(x: Any, sizes: Shape) -> Tensor:
    """x tiled: sizes[i] copies along dimension i, counted from the last; more sizes than dimensions make new ones."""
    if len(sizes) < x.ndim:
        raise ValueError(f"repeat: expected at least {x.ndim} sizes for shape {x.shape}, got {tuple(sizes)}")
    shape = (1,) * (len(sizes) - x.ndim) + tuple(x.shape)
    apart = reshape(x, tuple(n for length in shape for n in (1, length)))
    tiled = expand(apart, tuple(n for pair in zip(sizes, shape, strict=True) for n in pair))
    return reshape(clone(tiled, "C"), tuple(s * n for s, n in zip(sizes, shape, strict=True)))


@allow_spellings
def tile(x: Any, dims: Shape) -> Tensor:
    """x repeated dims[i] times along dimension i, missing ones taken as 1."""
    return repeat(x, (1,) * (x.ndim - len(dims)) + tuple(dims))


def between(dim: int, start: int, stop: int | None) -> tuple[slice, ...]:
    """The index of start ≤ i < stop along `dim`."""
    return (slice(None),) * dim + (slice(start, stop),)


@functools.cache
def joining(name: str, count: int) -> Callable[..., Tensor]:
    """The operation `cat` or `stack` of so many tensors: one node, with an argument and a rule for each of them.

    It takes the tensors, the dimension counted from the front, and what each of them is of the result along it.
    """

    def forward(*args: Any) -> Array:
        return (np.concatenate if name == "cat" else np.stack)(args[:count], axis=args[count])

    def part(i: int, g: Any, dim: int, parts: Sequence[int | slice]) -> Any:
        return subscript(g, (slice(None),) * dim + (parts[i],))

    names = [f"x{i}" for i in range(count)]
    forward.__name__ = forward.__qualname__ = name
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    taken = [inspect.Parameter(n, kind) for n in (*names, "dim", "parts")]
    forward.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    rules: dict[str, Any] = {n: functools.partial(part, i) for i, n in enumerate(names)}
    return primitive(**rules)(forward)


@allow_spellings
def cat(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    """The tensors one after another along `dim`; they agree in all other dimensions.

    Raises ValueError where other dimensions differ, and TypeError for one tensor in place of several.

    >>> import minigrad as mg
    >>> cat([mg.zeros(2, 1), mg.ones(2, 2)], dim=1)
    tensor([[0., 1., 1.],
            [0., 1., 1.]])
    """
    if hasattr(tensors, "node"):
        raise TypeError("cat: expected a list or a tuple of tensors, got one tensor")
    parts: list[Tensor] = list(tensors)
    if not parts:
        raise ValueError("cat: expected at least one tensor")
    if any(not hasattr(part, "ndim") for part in parts):
        raise TypeError(f"cat: expected tensors, got {[type(part).__name__ for part in parts]}")
    full = [part for part in parts if part.ndim != 1 or part.shape[0]]  # as in PyTorch, zeros(0) goes with any shape
    parts = full or parts[:1]
    if any(part.ndim == 0 for part in parts):
        raise ValueError("cat: a tensor without dimensions has none to be joined along; use stack")
    dim = position(dim, parts[0].ndim, "cat")
    shapes = [tuple(part.shape) for part in parts]
    if len({(len(s), s[:dim], s[dim + 1 :]) for s in shapes}) > 1:
        raise ValueError(f"cat: expected shapes that differ in dimension {dim} only, got {shapes}")
    if len(parts) == 1:
        return clone(parts[0])
    ends = np.cumsum([s[dim] for s in shapes]).tolist()
    spans = tuple(slice(start, end) for start, end in zip([0, *ends], ends, strict=False))
    return joining("cat", len(parts))(*parts, dim, spans)


@allow_spellings
def stack(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    """The tensors, all of one shape, along a new dimension.

    n tensors of shape S -> (n, *S) for dim 0. Raises ValueError where shapes differ.

    >>> import minigrad as mg
    >>> stack([mg.zeros(2), mg.ones(2)])
    tensor([[0., 0.],
            [1., 1.]])
    """
    if len({tuple(t.shape) for t in tensors}) != 1:
        raise ValueError(f"stack: expected tensors of one shape, got {[tuple(t.shape) for t in tensors]}")
    place = position(dim, tensors[0].ndim + 1, "stack")
    return joining("stack", len(tensors))(*tensors, place, range(len(tensors)))


@allow_spellings
def split(x: Any, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces along `dim`: each of a given length, the last perhaps shorter, or of the lengths in a list.

    Raises ValueError for a length below 1, and for lengths that do not add up.

    >>> import minigrad as mg
    >>> [part.shape for part in split(mg.zeros(5), 2)]
    [(2,), (2,), (1,)]
    """
    dim = position(dim, x.ndim, "split")
    total, sections = x.shape[dim], split_size_or_sections
    if isinstance(sections, int):
        if sections <= 0:
            raise ValueError(f"split: expected a positive length, got {sections}")
        sections = [min(sections, total - i) for i in range(0, total, sections)] or [0]
    elif sum(sections) != total:
        raise ValueError(f"split: lengths {list(sections)} do not add up to {total}, the length of dimension {dim}")
    ends = np.cumsum(sections).tolist()
    return tuple(subscript(x, between(dim, end - n, end)) for n, end in zip(sections, ends, strict=True))


@allow_spellings
def chunk(x: Any, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most this many pieces of equal length along `dim`, the last perhaps shorter.

    Raises ValueError for fewer than one piece.
    """
    if chunks <= 0:
        raise ValueError(f"chunk: expected a positive number of chunks, got {chunks}")
    return split(x, max(1, -(-x.shape[position(dim, x.ndim, "chunk")] // chunks)), dim)


@allow_spellings
def unbind(x: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along `dim`, without it."""
    dim = position(dim, x.ndim, "unbind")
    return tuple(subscript(x, (slice(None),) * dim + (i,)) for i in range(x.shape[dim]))


@expect_tensors
def pad(x: Tensor, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    """x with a margin: (left, right) of the last dimension, then of the one before it, and so on; negative ones crop.

    mode: constant (`value`), reflect (the edge not repeated), replicate (the edge repeated) or circular.

    Raises ValueError for an odd number of widths, for more than x has dimensions, and where a mode cannot fill a
    margin.

    >>> import minigrad as mg
    >>> pad(mg.ones(1, 2), (1, 0, 0, 1))  # one column on the left, one row below
    tensor([[0., 1., 1.],
            [0., 0., 0.]])
    """
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ValueError(f"pad: expected pairs for at most {x.ndim} dimensions, got {tuple(pad)}")
    margins = [(0, 0)] * (x.ndim - len(pad) // 2) + [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    if mode == "constant":
        return pad_constant(x, tuple(margins), value)
    numpy_mode = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}.get(mode)
    if numpy_mode is None:
        raise ValueError(f"pad: mode must be constant, reflect, replicate or circular, got {mode!r}")
    for dim, (n, margin) in enumerate(zip(x.shape, margins, strict=True)):
        most = n - 1 if mode == "reflect" else n if mode == "circular" else max(margin)
        if max(margin) > max(most, 0) or n == 0 < max(margin) or n + sum(margin) < 0:
            raise ValueError(f"pad: mode {mode!r} cannot give a margin of {margin} to dimension {dim} of length {n}")
        if margin != (0, 0):
            wider, (before, after) = [max(m, 0) for m in margin], (max(-m, 0) for m in margin)
            if mode == "circular":  # what is cropped does not come back at the other end
                sources = np.pad(np.arange(before, n - after), wider, mode="wrap")
            else:
                sources = np.pad(np.arange(n), wider, mode=numpy_mode)  # type: ignore[call-overload]
                sources = sources[before : len(sources) - after]
            x = subscript(x, (slice(None),) * dim + (sources,))
    return x


@primitive(x=lambda g, margins: pad_constant(g, tuple((-a, -b) for a, b in margins), 0.0))
def pad_constant(x: Array, margins: tuple[tuple[int, int], ...], value: float) -> Array:
    """x with margins filled with `value`, in order of the dimensions; negative ones crop."""
    shape = [n + a + b for n, (a, b) in zip(x.shape, margins, strict=True)]
    if min(shape, default=0) < 0:
        raise ValueError(f"margins {margins} crop more than there is")
    out = np.full(shape, value, x.dtype)
    target = tuple(slice(max(a, 0), n - max(b, 0)) for n, (a, b) in zip(shape, margins, strict=True))
    source = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, margins, strict=True))
    out[target] = x[source]
    return out


def check_matrix(x: Array) -> None:
    if np.ndim(x) < 2:
        raise ValueError("expected at least two dimensions")


@primitive(x=lambda g, diagonal: tril(g, diagonal))
def tril(x: Array, diagonal: int = 0) -> Array:
    """The lower triangle of the last two dimensions, zeros above the given diagonal."""
    check_matrix(x)
    return np.tril(x, whole_number(diagonal, "diagonal"))


@primitive(x=lambda g, diagonal: triu(g, diagonal))
def triu(x: Array, diagonal: int = 0) -> Array:
    """The upper triangle of the last two dimensions, zeros below the given diagonal."""
    check_matrix(x)
    return np.triu(x, whole_number(diagonal, "diagonal"))


@expect_tensors
def unfold(x: Any, dimension: int, size: int, step: int) -> Tensor:
    """Windows of `size` elements every `step` along a dimension; a new last dimension runs inside each window."""
    if x.ndim == 0 and size == 1 and step > 0:
        return reshape(x, (1,))
    dim = position(dimension, x.ndim, "unfold")
    length = x.shape[dim] if x.ndim else 1
    if not 0 < size <= length or step <= 0:
        raise ValueError(f"unfold: windows of {size} every {step} do not fit dimension {dim} of length {length}")
    starts = np.arange(0, x.shape[dim] - size + 1, step)
    windows = subscript(x, (slice(None),) * dim + (starts[:, None] + np.arange(size),))
    return movedim(windows, dim + 1, -1)


@expect_tensors
def t(x: Any) -> Tensor:
    """The transpose of a matrix; vectors and scalars stay as they are.

    Raises ValueError for more than two dimensions.
    """
    if x.ndim > 2:
        raise ValueError(f"t: expected at most 2 dimensions, got shape {tuple(x.shape)}; use transpose or permute")
    return permute(x, tuple(range(x.ndim))[::-1])


swapaxes = swapdims = transpose
moveaxis = movedim
