"""The largest and the mean of each window, and their transposes, one axis after the other.

A window's maximum is the maximum of its rows' maxima, and its sum the sum of its rows' sums: so each function here does
one axis, and pooling is twice that (measured 3-4x on one pass over all kernel positions). Its first maximum, row by
row, is the first of those in the first row that has the window's maximum.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from minigrad.kernels.memory import BATCH_LAST, Array, borrow, copy_like, integers_like, order_axes, put_batch_innermost
from minigrad.kernels.threads import WORTH, run
from minigrad.kernels.windows import Axis, Pair, Window, cut, lay_windows

PART = 1 << 21  # bytes of an image that are pooled at once


def share_parts(part: Callable[[Any], None], x: Array) -> None:
    """Call `part` with indices that cut x along images or channels, whichever lie further apart."""
    if not x.size:
        return
    axis = int(abs(x.strides[0]) < abs(x.strides[1]))
    length = x.shape[axis]
    parts = [(slice(None),) * axis + (s,) for s in cut(length, max(1, PART * length // x.nbytes))]
    if x.size >= WORTH:
        run(part, parts)
    else:  # here, without a word to BLAS: of a small image, that would be a tenth of the time
        for index in parts:
            part(index)


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


# ------------------------------------------------------------------------------------------------- the largest


def max_pool2d(x: Array, how: Window) -> tuple[Array, Array, Array]:
    """Maximum over windows, (N, C, H, W) -> (N, C, P, Q), and where it stands. NaN wins, padding never does.

    Where: a mask for each place in the kernel but the first, within the rows (kw - 1, N, C, H, Q) and then down the
    columns (kh - 1, N, C, P, Q). It says whether the place has more than all before it. So the first maximum stands at
    the last place whose mask is true, and a backward pass needs neither x nor the maxima.
    """
    height, (rows, columns) = x.shape[2], lay_windows(x.shape[2:], how)
    out = make_like(x, rows.count, columns.count)
    across = make_masks(x, height, columns.count, how.kernel[1] - 1)
    down = make_masks(x, rows.count, columns.count, how.kernel[0] - 1)

    def pool(index: Any) -> None:
        halfway = borrow_like("halfway", x[index], height, columns.count)
        best, after = out[index], (slice(None), *index)
        find_largest(x[index], columns, halfway, across[after])
        find_largest(halfway, rows, best, down[after])
        if x.dtype.kind == "f" and np.isnan(best.max(initial=-np.inf)):  # what is compared with NaN is always false
            find_largest(x[index], columns, halfway, across[after], exceeds_or_is_nan)
            find_largest(halfway, rows, best, down[after], exceeds_or_is_nan)

    share_parts(pool, x)
    return out, across, down


def find_largest(x: Array, axis: Axis, out: Array, masks: Array, exceeds: Callable[..., Any] = np.greater) -> None:
    """Into `out`, the largest that each window sees along an axis; into `masks`, which places had more than before."""
    begun = axis.inside and len(axis.taps) > 1
    if begun:  # two places of the kernel at once, and nothing to fill in before
        (_, first), (_, second) = axis.taps[:2]
        before, pixels = gather("before", x[first], axis), gather("pixels", x[second], axis)
        exceeds(pixels, before, out=masks[0])
        np.maximum(before, pixels, out=out)
    elif axis.blind:
        out[...] = find_lowest(x.dtype)
    for i, ((fresh, seen_first), (seeing, seen)) in enumerate(axis.firsts[2 * begun :], 2 * begun):
        out[fresh] = x[seen_first]
        if i:
            masks[i - 1][fresh] = True
            pixels = gather("pixels", x[seen], axis)
            exceeds(pixels, out[seeing], out=masks[i - 1][seeing])
            np.maximum(out[seeing], pixels, out=out[seeing])


def gather(name: str, pixels: Array, axis: Axis) -> Array:
    """The same pixels, side by side in memory: NumPy copies short runs in half the time that it computes along them."""
    if not axis.scattered:
        return pixels
    dense = borrow_like(name, pixels, *pixels.shape[2:])
    np.copyto(dense, pixels)
    return dense


def exceeds_or_is_nan(x: Array, best: Array, out: Array) -> None:
    """Whether x is above `best`, for an order in which NaN is above all numbers."""
    np.greater(x, best, out=out)
    out |= np.isnan(x) & ~np.isnan(best)


def find_lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def make_masks(x: Array, height: int, width: int, count: int) -> Array:
    """`count` uninitialised masks (N, C, height, width), each laid out in memory as x is."""
    (order, back), shape = order_axes(x.strides), (*x.shape[:2], height, width)
    masks = np.empty((count, *(shape[axis] for axis in order)), bool)
    return masks.transpose(0, *(1 + axis for axis in back))


def max_pool2d_input(g: Array, across: Array, down: Array, size: Pair, how: Window) -> Array:
    """Gradient of the input: each window's g goes to its first maximum, (N, C, P, Q) -> (N, C, *size).

    across, down: the masks of `max_pool2d`.
    """
    rows, columns = lay_windows(size, how)
    if len(masks := down if len(down) else across):  # without a mask, a window is one pixel
        strides = masks.strides[1:]
        g = g if order_axes(g.strides) == order_axes(strides) else copy_like(g, strides)
    dx = make_like(g, *size)

    def pool(index: Any) -> None:
        routed, after = borrow_like("routed", g[index], size[0], columns.count), (slice(None), *index)
        route(g[index], down[after], rows, routed)
        route(routed, across[after], columns, dx[index])

    share_parts(pool, dx)
    return dx


def route(g: Array, masks: Array, axis: Axis, out: Array) -> None:
    """Into `out`, give each window's g to the place that has its first maximum along the axis.

    Places are taken from the last to the first. One whose mask is true takes what is there of g, and leaves zero to
    those before it. Both are done to the bits of g, without a branch; see `integers_like`.
    """
    bits, direct = integers_like(g.dtype), axis.apart and not axis.scattered
    left, here = g.view(bits), out.view(bits)
    if not axis.tiling:
        out[...] = 0
    if len(masks) > 1 or not axis.tiling:
        left = left.copy("K")
    for i in range(len(masks), 0, -1):
        seeing, seen = axis.taps[i]
        taken = here[seen] if direct else borrow_like("taken", here[seen], *here[seen].shape[2:])
        np.multiply(left[seeing], masks[i - 1][seeing], out=taken)
        if not direct:
            give(taken.view(g.dtype), axis, out[seen])
        if axis.tiling and i == 1:  # the last of them, and the first place takes all that it left
            left = np.bitwise_xor(left, taken, out=here[axis.taps[0][1]] if direct else taken)
        else:
            left[seeing] ^= taken
    seeing, seen = axis.taps[0]
    if not (direct and axis.tiling and len(masks)):
        give(left[seeing].view(g.dtype), axis, out[seen])


def give(g: Array, axis: Axis, out: Array) -> None:
    """Write g there, or add it where windows overlap."""
    if axis.apart:
        out[...] = g
    else:
        out += g


def max_pool2d_gather(v: Array, across: Array, down: Array, how: Window) -> Array:
    """The transpose of that: v where each window's first maximum stands, (N, C, H, W) -> (N, C, P, Q)."""
    rows, columns = lay_windows(v.shape[2:], how)
    for axis, masks in ((columns, across), (rows, down)):
        gathered = np.zeros_like(masks, v.dtype, shape=masks.shape[1:])
        for i, (seeing, seen) in enumerate(axis.taps):
            np.copyto(gathered[seeing], v[seen], where=masks[i - 1][seeing] if i else True)
        v = gathered
    return v


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
    """Gradient of the input: (N, C, P, Q) -> (N, C, *size), laid out in memory as a convolution's result."""
    rows, columns = lay_windows(size, how)
    dx = np.empty_like(BATCH_LAST, g.dtype, shape=(*g.shape[:2], *size))
    g = put_batch_innermost(g).transpose(3, 1, 0, 2)
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
