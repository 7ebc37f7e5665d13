"""The largest and the mean of each window, and their transposes, one axis after the other.

A window's maximum is the maximum of its rows' maxima, and its sum the sum of its rows' sums: so each function here does
one axis, and pooling is twice that (measured 3-4x on one pass over all kernel positions). Its first maximum, row by
row, is the first maximum of the first row whose maximum is the window's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np

from minigrad.kernels.memory import Array, borrow, integers_like, order_axes
from minigrad.kernels.threads import WORTH, share_slices
from minigrad.kernels.windows import Axis, Pair, Window, lay_windows

PART = 1 << 21  # bytes of an image that are pooled at once


def share_parts(part: Callable[[Any], None], x: Array) -> None:
    """Call `part` with indices that cut x along images or channels, whichever lie further apart."""
    axis = int(abs(x.strides[0]) < abs(x.strides[1]))
    length = x.shape[axis]
    if x.size:
        step, worth = max(1, PART * length // x.nbytes), WORTH * length // x.size
        share_slices(lambda s: part((slice(None),) * axis + (s,)), length, step, worth)


def make_like(x: Array, height: int, width: int, dtype: Any = None) -> Array:
    """An uninitialised (N, C, height, width) array whose axes lie in memory in the same order as those of `x`."""
    return np.empty_like(x, dtype, shape=(*x.shape[:2], height, width))


def borrow_like(name: str, x: Array, height: int, width: int, dtype: Any = None) -> Array:
    """As `make_like`, in memory that the thread keeps under that name."""
    (order, back), shape = order_axes(x.strides), (*x.shape[:2], height, width)
    memory = borrow(name, [shape[axis] for axis in order], np.dtype(dtype or x.dtype))
    return memory.transpose(back)


def combine_along(ufunc: np.ufunc, x: Array, axis: Axis, out: Array, empty: Any) -> Array:
    """Into `out`, combine by `ufunc` what each window sees along one axis, `empty` if it sees nothing."""
    begun = axis.inside and len(axis.taps) > 1
    if begun:  # two places of the kernel at once, and nothing to fill in before
        (_, first), (_, second) = axis.taps[:2]
        ufunc(x[first], x[second], out=out)
    else:
        out[...] = empty
    for seeing, seen in axis.taps[2 * begun :]:
        ufunc(out[seeing], x[seen], out=out[seeing])
    return out


def find_lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


# ------------------------------------------------------------------------------------------------- the largest


def max_pool2d(x: Array, how: Window) -> Array:
    """Maximum over windows: (N, C, H, W) -> (N, C, P, Q). NaN wins, padding never does."""
    rows, columns = lay_windows(x.shape[2:], how)
    out, lowest = make_like(x, rows.count, columns.count), find_lowest(x.dtype)

    def pool(index: Any) -> None:
        halfway = borrow_like("halfway", x[index], rows.count, x.shape[3])
        combine_along(np.maximum, x[index], rows, halfway, lowest)
        combine_along(np.maximum, halfway, columns, out[index], lowest)

    share_parts(pool, x)
    return out


def find_first(x: Array, best: Array, axis: Axis) -> Iterator[tuple[Array, Any, Any]]:
    """For each place in the kernel along an axis: a mask of those windows, among the `seeing`, whose first maximum is
    there. `best` is the maximum of each window. A mask is good until the next one is asked for."""
    height, width = best.shape[2:]
    free, match = (borrow_like(name, best, height, width, bool) for name in ("free", "match"))
    free[...] = True
    broken = bool(np.isnan(best).any())  # a window's maximum is then its first NaN, and that equals nothing
    *taps, last = axis.taps
    for seeing, seen in taps:
        here, left = match[seeing], free[seeing]
        np.equal(x[seen], best[seeing], out=here)
        if broken:
            here |= np.isnan(x[seen])
        here &= left
        left ^= here
        yield here, seeing, seen
    seeing, seen = last
    yield free[seeing], seeing, seen  # it must be in the last place if it was in none before


def route(g: Array, x: Array, best: Array, axis: Axis, out: Array) -> Array:
    """Into `out`, give each window's `g` to the first of the x it sees along the axis that equals its `best`."""
    bits = integers_like(g.dtype)
    if not axis.tiling:
        out[...] = 0
    for here, seeing, seen in find_first(x, best, axis):
        if axis.apart:
            np.multiply(g[seeing].view(bits), here, out=out[seen].view(bits))
        else:
            out[seen] += np.multiply(g[seeing].view(bits), here).view(g.dtype)
    return out


def max_pool2d_input(g: Array, x: Array, best: Array, how: Window) -> Array:
    """Gradient of the input: each window's g goes to its first maximum, (N, C, P, Q) -> (N, C, H, W).

    `best` is `max_pool2d(x, how)`.
    """
    (height, width), (rows, columns) = x.shape[2:], lay_windows(x.shape[2:], how)
    dx, lowest = make_like(x, height, width, g.dtype), find_lowest(x.dtype)

    def pool(index: Any) -> None:
        halfway = borrow_like("halfway", x[index], height, columns.count)
        combine_along(np.maximum, x[index], columns, halfway, lowest)
        routed = borrow_like("routed", x[index], height, columns.count, g.dtype)
        route(g[index], halfway, best[index], rows, routed)
        route(routed, x[index], halfway, columns, dx[index])

    share_parts(pool, x)
    return dx


def max_pool2d_gather(v: Array, x: Array, best: Array, how: Window) -> Array:
    """The transpose of that: v where each window's first maximum stands in x, (N, C, H, W) -> (N, C, P, Q)."""
    rows, columns = lay_windows(x.shape[2:], how)
    halfway = make_like(x, x.shape[2], columns.count)
    combine_along(np.maximum, x, columns, halfway, find_lowest(x.dtype))
    gathered = v
    for axis, image, largest in ((columns, x, halfway), (rows, halfway, best)):
        source, gathered = gathered, np.zeros_like(largest, v.dtype)
        for here, seeing, seen in find_first(image, largest, axis):
            np.copyto(gathered[seeing], source[seen], where=here)
    return gathered


# ---------------------------------------------------------------------------------------------------- the mean


def avg_pool2d(x: Array, how: Window, count_include_pad: bool = True, divisor: int | None = None) -> Array:
    """Average over windows: (N, C, H, W) -> (N, C, P, Q)."""
    size = x.shape[2:]
    rows, columns = lay_windows(size, how)
    out = make_like(x, rows.count, columns.count)
    divisors = divisor or count_elements(size, how, count_include_pad)

    def pool(index: Any) -> None:
        halfway = borrow_like("halfway", x[index], rows.count, x.shape[3])
        combine_along(np.add, x[index], rows, halfway, 0)
        sums = combine_along(np.add, halfway, columns, out[index], 0)
        sums /= divisors

    share_parts(pool, x)
    return out


def avg_pool2d_input(
    g: Array, size: Pair, how: Window, count_include_pad: bool = True, divisor: int | None = None
) -> Array:
    """Gradient of the input: (N, C, P, Q) -> (N, C, *size)."""
    rows, columns = lay_windows(size, how)
    dx = make_like(g, *size)
    divisors = divisor or count_elements(size, how, count_include_pad)

    def pool(index: Any) -> None:
        halfway = borrow_like("halfway", dx[index], size[0], columns.count)
        spread_along(g[index] / divisors, rows, halfway)
        spread_along(halfway, columns, dx[index])

    share_parts(pool, dx)
    return dx


def spread_along(g: Array, axis: Axis, out: Array) -> None:
    """Into `out`, add each window's g to all that it sees along an axis."""
    if not axis.tiling:
        out[...] = 0
    for seeing, seen in axis.taps:
        if axis.apart:
            out[seen] = g[seeing]
        else:
            out[seen] += g[seeing]


@functools.lru_cache(1024)
def count_elements(size: Pair, how: Window, count_include_pad: bool) -> Array | int:
    """What each window's sum is divided by: its number of elements, as (P, Q) where that varies.

    PyTorch's rule: padding counts with `count_include_pad`, what `ceil_mode` adds beyond it never does.
    """
    if all(axis.inside for axis in lay_windows(size, how)) or (count_include_pad and not how.ceil_mode):
        return prod(how.kernel)
    counts: list[Array] = []
    for n, axis, (kernel, stride, padding, _) in zip(size, lay_windows(size, how), how.axes(), strict=True):
        counted = padding if count_include_pad else 0
        start = np.arange(axis.count) * stride - padding
        counts.append(np.minimum(start + kernel, n + counted) - np.maximum(start, -counted))
    return np.outer(counts[0], counts[1]).astype(np.float32)
