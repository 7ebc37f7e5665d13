"""Indices made at random: whatever PyTorch takes between brackets, for reading, for writing, and for the gradients.

`read_call` and `write_call` make a `Call` each. compare.py --only indices runs thousands of both through both
libraries; rows/indexing.py stores a few dozen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .calls import Call, index, mask, x

Random = np.random.RandomState


def pick(rng: Random, *choices: Any) -> Any:
    return choices[rng.randint(len(choices))]


def random_slice(rng: Random, n: int) -> slice:
    """A slice forwards, its ends inside the dimension, outside of it or left out."""
    start, stop = (pick(rng, None, int(rng.randint(-n - 1, n + 2))) for _ in range(2))
    return slice(start, stop, pick(rng, None, 1, 2, 3))


def whole(rng: Random, n: int, shape: tuple[int, ...]) -> Any:
    """Whole numbers of a shape below n: a tensor, nested lists, or a range."""
    if len(shape) == 1 and shape[0] <= n and rng.rand() < 0.3:
        first = int(rng.randint(n - shape[0] + 1))
        return pick(rng, range(first, first + shape[0]), tuple(range(first, first + shape[0])))
    if shape and rng.rand() < 0.4:
        return rng.randint(-n, n, shape).tolist()
    return index(n, *shape)


def random_key(rng: Random, full: tuple[int, ...]) -> Any:
    """An index for a tensor of shape `full`, which now and then does not fit."""
    common = tuple(int(n) for n in rng.randint(1, 4, rng.randint(0, 3)))
    arrays, booleans = rng.rand() < 0.7, rng.rand() < 0.15
    parts: list[Any] = []
    dim, last = 0, rng.randint(len(full) + 1) + (rng.rand() < 0.02)
    while dim < last:
        n = full[dim] if dim < len(full) else 1
        kind = pick(rng, "number", "slice", "slice", "array", "array", "none", "mask", "truth", "zero dimensions")
        if kind == "array" and arrays and n:
            shape = tuple(1 if rng.rand() < 0.2 else m for m in common)
            parts.append(whole(rng, n, shape[rng.randint(len(shape) + 1) if rng.rand() < 0.2 else 0 :]))
        elif kind == "mask" and booleans:
            many = min(int(rng.randint(1, 3)), len(full) - dim)
            parts.append(mask(*full[dim : dim + many]) if rng.rand() < 0.6 else (rng.rand(n) < 0.5).tolist())
            dim += (many if not isinstance(parts[-1], list) else 1) - 1
        elif kind in ("none", "truth"):
            if rng.rand() < 0.4:
                parts.append(None if kind == "none" else bool(rng.rand() < 0.8))
            continue
        elif kind == "zero dimensions" and n:
            parts.append(index(n))
        elif kind == "number" and n:
            parts.append(int(rng.randint(-n - (rng.rand() < 0.02), n)))
        else:
            parts.append(random_slice(rng, n))
        dim += 1
    if rng.rand() < 0.3:
        parts.insert(len(parts) if last < len(full) or rng.rand() < 0.5 else rng.randint(len(parts) + 1), ...)
    if len(parts) == 1 and rng.rand() < 0.7:
        return parts[0]
    return list(parts) if rng.rand() < 0.05 else tuple(parts)


def random_shape(rng: Random) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.randint(rng.rand() > 0.1, 5, rng.randint(0, 5)))


def read_call(rng: Random) -> Call:
    """x[key]."""
    full = random_shape(rng)
    return Call("indexing", "operator.getitem", (x(*full), random_key(rng, full)))


def write_call(rng: Random) -> Call:
    """x[key] = v for a number, a tensor of the shape that x[key] has, or one that broadcasts to it."""
    full = random_shape(rng)
    return Call("indexing", pick(rng, stored, assigned), (x(*full), x(40), random_key(rng, full), pick(rng, *FORMS)))


FORMS = ("number", "single", "whole", "row", "ones in front")


def values(library: Any, a: Any, v: Any, key: Any, form: str) -> Any:
    """What to store at a[key], from the elements of v."""
    shape = tuple(a.detach()[key].shape)
    size = int(np.prod(shape))
    if form == "number" or size > 40:
        return 2.5
    if form == "single" or not shape:
        return v[0]
    if form == "row":
        return v[: shape[-1]]
    whole = v[:size].reshape(shape)
    return whole[None, None] if form == "ones in front" else whole


def assigned(library: Any, a: Any, v: Any, key: Any, form: str) -> Any:
    """`a[key] = v`, outside the graph."""
    changed = a.detach().clone()
    changed[key] = values(library, a, v.detach(), key, form)
    return changed


def stored(library: Any, a: Any, v: Any, key: Any, form: str) -> Any:
    """a with v at key, recorded, so that there are gradients for both."""
    v = values(library, a, v, key, form)
    if hasattr(library, "index_put") and library.__name__ == "minigrad":
        return library.index_put(a, key, v)
    changed = a.clone()
    changed[key] = v
    return changed
