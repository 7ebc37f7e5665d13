"""The largest and the mean of each window, and their transposes, one axis after the other.

A window's maximum is the maximum of its rows' maxima, and its sum the sum of its rows' sums: so each function here does
one axis, and pooling is twice that (measured 3-4x on one pass over all kernel positions). Its first maximum, row by
row, is the first maximum of the first row whose maximum is the window's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from minigrad.kernels.memory import Array, borrow, integers_like, order_axes
from minigrad.kernels.threads import WORTH, share_slices
from minigrad.kernels.windows import Pair, Windows, lay_windows

PART = 1 << 21  # bytes of an image that are pooled at once


def share_parts(part: Callable[[Any], None], x: Array) -> None:
    """Call `part` with indices that cut x along images or channels, whichever lie further apart."""
    axis = int(abs(x.strides[0]) < abs(x.strides[1]))
    length = x.shape[axis]
    if x.size:
        step, worth = max(1, PART * length // x.nbytes), WORTH * length // x.size
        share_slices(lambda s: part((slice(None),) * axis + (s,)), length, step, worth)


def empty_grid(x: Array, grid: Sequence[int], dtype: Any = None) -> Array:
    """An uninitialised (N, C, *grid) array whose axes lie in memory in the same order as those of `x`."""
    return np.empty_like(x, dtype, shape=(*x.shape[:2], *grid))


def borrow_grid(name: str, x: Array, grid: Sequence[int], dtype: Any = None) -> Array:
    """As `empty_grid`, in memory that the thread keeps under that name."""
    (order, back), shape = order_axes(x.strides), (*x.shape[:2], *grid)
    memory = borrow(name, [shape[axis] for axis in order], np.dtype(dtype or x.dtype))
    return memory.transpose(back)


def combine_along(ufunc: np.ufunc, x: Array, windows: Windows, axis: int, out: Array, empty: Any) -> Array:
    """Into `out`, combine by `ufunc` what each window sees along one axis, `empty` if it sees nothing."""
    taps, begun = windows.along(axis), windows.inside(axis) and windows.kernel[axis] > 1
    if begun:
        ufunc(x[taps[0][1]], x[taps[1][1]], out=out)
    else:
        out[...] = empty
    for seen, taken in taps[2 * begun :]:
        ufunc(out[seen], x[taken], out=out[seen])
    return out


def lowest_of(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def max_pool2d(x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool = False) -> Array:
    """Maximum over windows: (N, C, H, W) -> (N, C, P, Q). NaN wins, padding never does."""
    windows = lay_windows(x.shape, kernel, stride, padding, dilation, ceil_mode)
    out = empty_grid(x, windows.grid)
    lowest = lowest_of(x.dtype)

    def part(index: Any) -> None:
        columns = borrow_grid("pooled", x[index], (windows.grid[0], windows.size[1]))
        combine_along(np.maximum, x[index], windows, 0, columns, lowest)
        combine_along(np.maximum, columns, windows, 1, out[index], lowest)

    share_parts(part, x)
    return out


def find_firsts(x: Array, out: Array, windows: Windows, axis: int) -> Iterator[tuple[Array, Any, Any]]:
    """For each kernel position along an axis: a mask of those among the windows `seen` whose first maximum is there.

    A mask is good until the next one is asked for.
    """
    free, match = (borrow_grid(name, out, out.shape[2:], bool) for name in ("free", "match"))
    free[...] = True
    broken = bool(np.isnan(out).any())  # a window's maximum is then its first NaN, and that equals nothing
    *taps, last = windows.along(axis)
    for seen, taken in taps:
        here, left = match[seen], free[seen]
        np.equal(x[taken], out[seen], out=here)
        if broken:
            here |= np.isnan(x[taken])
        here &= left
        left ^= here
        yield here, seen, taken
    seen, taken = last
    yield free[seen], seen, taken  # it must be in the last place if it was in none before


def route(g: Array, x: Array, best: Array, windows: Windows, axis: int, out: Array) -> Array:
    """Into `out`, give each window's `g` to the first of the x it sees along the axis that equals its `best`."""
    bits = integers_like(g.dtype)
    if not windows.tiling(axis):
        out[...] = 0
    for here, seen, taken in find_firsts(x, best, windows, axis):
        if windows.apart(axis):
            np.multiply(g[seen].view(bits), here, out=out[taken].view(bits))
        else:
            out[taken] += np.multiply(g[seen].view(bits), here).view(g.dtype)
    return out


def max_pool2d_input(
    g: Array, x: Array, out: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    """Gradient of the input: each window's `g` goes to its first maximum, (N, C, P, Q) -> (N, C, H, W)."""
    windows = Windows(x.shape[2:], out.shape[2:], kernel, stride, padding, dilation)
    dx = empty_grid(x, windows.size, g.dtype)

    def part(index: Any) -> None:
        rows = borrow_grid("pooled", x[index], (windows.size[0], windows.grid[1]))
        combine_along(np.maximum, x[index], windows, 1, rows, -np.inf)
        routed = borrow_grid("routed", x[index], rows.shape[2:], g.dtype)
        route(g[index], rows, out[index], windows, 0, routed)
        route(routed, x[index], rows, windows, 1, dx[index])

    share_parts(part, x)
    return dx


def max_pool2d_gather(
    v: Array, x: Array, out: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    """The adjoint: `v` at each window's first maximum, (N, C, H, W) -> (N, C, P, Q)."""
    windows = Windows(x.shape[2:], out.shape[2:], kernel, stride, padding, dilation)
    rows = empty_grid(x, (windows.size[0], windows.grid[1]))
    combine_along(np.maximum, x, windows, 1, rows, -np.inf)
    gathered = v
    for axis, image, best in ((1, x, rows), (0, rows, out)):
        source, gathered = gathered, np.zeros_like(best, v.dtype)
        for here, seen, taken in find_firsts(image, best, windows, axis):
            np.copyto(gathered[seen], source[taken], where=here)
    return gathered


def count_elements(
    windows: Windows, ceil_mode: bool, count_include_pad: bool, override: int | None, dtype: Any
) -> Array | int:
    """What each window's sum is divided by: `override`, or its number of elements, (P, Q) where that varies
    (PyTorch's rule: padding counts with `count_include_pad`, what `ceil_mode` adds beyond it never does)."""
    if override is not None:
        return override
    if (windows.inside(0) and windows.inside(1)) or (count_include_pad and not ceil_mode):
        return prod(windows.kernel)
    counts: list[Array] = []
    for size, grid, k, s, pad, _ in zip(*windows, strict=True):
        start = np.arange(grid) * s - pad
        stop = np.minimum(start + k, size + pad)
        if not count_include_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, size)
        counts.append(stop - start)
    return np.outer(counts[0], counts[1]).astype(dtype)


def avg_pool2d(
    x: Array,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Average over windows: (N, C, H, W) -> (N, C, P, Q)."""
    windows = lay_windows(x.shape, kernel, stride, padding, (1, 1), ceil_mode)
    out = empty_grid(x, windows.grid)
    divisors = count_elements(windows, ceil_mode, count_include_pad, divisor_override, x.dtype)

    def part(index: Any) -> None:
        columns = borrow_grid("pooled", x[index], (windows.grid[0], windows.size[1]))
        combine_along(np.add, x[index], windows, 0, columns, 0)
        sums = combine_along(np.add, columns, windows, 1, out[index], 0)
        sums /= divisors

    share_parts(part, x)
    return out


def spread_along(g: Array, windows: Windows, axis: int, out: Array) -> None:
    """Into `out`, add each window's `g` to all that it sees along an axis."""
    if not windows.tiling(axis):
        out[...] = 0
    for seen, taken in windows.along(axis):
        if windows.apart(axis):
            out[taken] = g[seen]
        else:
            out[taken] += g[seen]


def avg_pool2d_input(
    g: Array,
    size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Gradient of the input: (N, C, P, Q) -> (N, C, H, W), `size` = (H, W)."""
    windows = Windows(size, g.shape[2:], kernel, stride, padding, (1, 1))
    dx = empty_grid(g, size)
    divisors = count_elements(windows, ceil_mode, count_include_pad, divisor_override, g.dtype)

    def part(index: Any) -> None:
        rows = borrow_grid("pooled", dx[index], (size[0], windows.grid[1]))
        spread_along(g[index] / divisors, windows, 0, rows)
        spread_along(rows, windows, 1, dx[index])

    share_parts(part, dx)
    return dx
