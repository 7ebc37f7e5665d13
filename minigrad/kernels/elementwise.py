"""Elementwise work: block by block, so that what is between its steps stays in cache, and shared where it is much.

The results lie in memory as their arguments do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minigrad.kernels.memory import Array, borrow, flatten_alike, integers_like
from minigrad.kernels.threads import BLOCK, share_slices


def by_blocks(function: Callable[[Array], Array], x: Array) -> Array:
    """`function(x)`, for a function that works element by element, in many steps or a costly one, and keeps the dtype.

    Large arrays are taken block by block, over the threads, so that what is between the steps stays in cache.
    """
    if x.size < 4 * BLOCK or x.dtype.kind != "f":
        return function(x)
    out = np.empty_like(x)
    lines = flatten_alike(x, out)
    if lines is None:  # not dense in memory
        return function(x)
    map_blocks(function, *lines)
    return out


def map_blocks(function: Callable[[Array], Array], x: Array, out: Array) -> None:
    def fill(block: slice) -> None:
        out[block] = function(x[block])

    share_slices(fill, x.size, 2 * BLOCK, 8 * BLOCK)


def relu(x: Array) -> Array:
    """The maximum of x and 0."""
    if x.dtype.kind == "f" and x.size > BLOCK // 8:
        return np.clip(x, 0, np.inf)  # vectorised, which NumPy's maximum with a number is not (measured 3x)
    return np.maximum(x, 0, out=np.empty_like(x))


def gate(x: Array, y: Array) -> Array:
    """x where y is above 0 or NaN, and 0 elsewhere: the gradient of `relu` with y its result."""
    if x.size > BLOCK // 4 and x.dtype == y.dtype and x.dtype.kind == "f":
        out = np.empty_like(x)
        if lines := flatten_alike(x, y, out):
            gate_bits(*lines)
            return out
    return np.where(np.less_equal(y, 0), x.dtype.type(0), x)


def gate_bits(x: Array, y: Array, out: Array) -> None:
    """`gate` as a product of bits with 0 or 1, which takes no branch; see `integers_like`."""
    bits = integers_like(x.dtype)

    def fill(block: slice) -> None:
        closed = np.less_equal(y[block], 0, out=borrow("closed", (block.stop - block.start,), np.dtype(bool)))
        np.multiply(x[block].view(bits), np.logical_not(closed, out=closed), out=out[block].view(bits))

    share_slices(fill, x.size, 2 * BLOCK)
