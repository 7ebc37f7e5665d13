"""The gradient of a convolution's input, which is the forward pass of a transposed convolution, too.

What it is stands in `definition.py`. It is summed for each pixel (a convolution of g, in `convolution.py`), or for each
window (products with the filters, which are added to the pixels that the window saw).
"""

from __future__ import annotations

from functools import partial
from math import gcd

import numpy as np

from minigrad.kernels.convolution import (
    PARTIALS,
    Look,
    Task,
    are_sequences,
    convolve,
    count_threads,
    count_work,
    share_products,
)
from minigrad.kernels.memory import BATCH_LAST, UPRIGHT_LINES, Array, borrow, put_batch_innermost
from minigrad.kernels.pixel_rows import lay_rows, list_moves, plan_rows
from minigrad.kernels.threads import PRODUCTS
from minigrad.kernels.windows import CHUNK, Pair, Window, find_overlap

SPARSE = 1.5  # how many times as many products of pixels as of windows are worth more than the sums of those,
SUMS = 32  # filters a group that take as long as a sum: with fewer of them, more products are worth it


@np.errstate(invalid="ignore")  # BLAS multiplies infinities by zeros in places that are no result
def conv2d_input(g: Array, w: Array, size: Pair, how: Window) -> Array:
    """Gradient of the input: (N, O, P, Q), (O, C/groups, kh, kw) -> (N, C, *size).

    It is summed for each pixel over the windows that may have seen it, which are a convolution of g, if there are not
    many more pixels than the windows see. Otherwise most of those are outside of g, and what each window gives is
    added to the pixels that it saw: products by the size of g, though sums that BLAS does not do.
    """
    shape, dtype = (len(g), w.shape[1] * how.groups, *size), np.result_type(g, w)
    if are_sequences(shape, how):
        out = np.empty_like(UPRIGHT_LINES, dtype, shape=shape)
        add_windows(g.swapaxes(2, 3), w.swapaxes(2, 3), out.transpose(3, 1, 2, 0), how.turn())
    else:
        out = np.empty_like(BATCH_LAST, dtype, shape=shape)
        add_windows(g, w, out.transpose(2, 1, 3, 0), how)
    return out


def add_windows(g: Array, w: Array, rows: Array, how: Window) -> None:
    """Into `rows` (H, C, W, N), the sum for each pixel, the one way or the other."""
    (p, q), (sh, sw), upstream = g.shape[2:], how.stride, put_batch_innermost(g)
    if not (g.size and w.size):
        rows[...] = 0
    elif rows.shape[0] * rows.shape[2] > SPARSE * (1 + SUMS * how.groups / len(w)) * (p * sh) * (q * sw):
        scatter(upstream, w, rows, how)
    else:
        gather(upstream, w, rows, how)


def gather(upstream: Array, w: Array, rows: Array, how: Window) -> None:
    """Into `rows` (H, C, W, N), what all windows give a pixel: convolutions of g (P, O, Q, N) with the filters turned
    around and their channels exchanged.

    Every `stride`-th pixel is seen by the same places of the filter, so there are stride·stride convolutions without
    a stride (for 2·2: a quarter of the products that one among zeros would have).
    """
    (o, c, kh, kw), groups, (sh, sw) = w.shape, how.groups, how.stride
    turned = w.reshape(groups, o // groups, c, kh, kw).swapaxes(1, 2).reshape(groups * c, o // groups, kh, kw)
    down, across = ([meet(i, *axis) for i in range(axis[1])] for axis in how.axes())
    if sw > 1 and groups == 1 and all(dh == 1 for _, _, dh in down):
        gather_rows(np.ascontiguousarray(upstream), turned, rows, how, down)
        return
    looks: list[Look] = []
    for i, (taken, top, dh) in enumerate(down):
        for j, (taken_across, left, dw) in enumerate(across):
            places, filters = rows[i::sh, :, j::sw], turned[:, :, taken, taken_across]
            if filters.size and places.size:
                looks.append((filters, places, Window(filters.shape[2:], (1, 1), (top, left), (dh, dw), groups)))
            else:
                places[...] = 0
    if looks:
        convolve(upstream, looks)


def gather_rows(upstream: Array, turned: Array, rows: Array, how: Window, down: list[tuple[slice, int, int]]) -> None:
    """The same with the columns of the kernel side by side: gathered by rows, and added by columns.

    That is a product for every `stride`-th row instead of one for each pair of a row and a column. Measured for 4 x 4
    places and stride 2: half to two thirds of the time.
    """
    moves = [(j, seen, seeing) for j, seeing, seen in list_moves(how, upstream.shape[2], rows.shape[2])]
    work = count_work(upstream, upstream.size * turned[:, 0].size, how)
    threads = -(-count_threads(work) // how.stride[0])
    tasks: list[Task] = []
    for i, (taken, top, _) in enumerate(down):
        places, filters = rows[i :: how.stride[0]], turned[:, :, taken]
        if filters.size and places.size:
            tasks += plan_rows(upstream, lay_rows(filters), places, top, moves, how.stride[1], None, threads)
        else:
            places[...] = 0
    share_products(tasks, work)


def meet(remainder: int, kernel: int, stride: int, padding: int, dilation: int) -> tuple[slice, int, int]:
    """Which places of a kernel see pixels `remainder`, `remainder` + stride, … and how those see the windows.

    The places as a slice, the last first; the padding before the first window that the first pixel would see; and the
    distance of the windows that a pixel sees.
    """
    common = gcd(stride, dilation)
    step, apart = stride // common, dilation // common
    first = next((i for i in range(min(step, kernel)) if (remainder + padding - i * dilation) % stride == 0), None)
    if first is None:
        return slice(0, 0), 0, 1
    count = len(range(first, kernel, step))
    nearest = (remainder + padding - first * dilation) // stride
    last = first + (count - 1) * step
    return slice(last, first - step if first >= step else None, -step), (count - 1) * apart - nearest, apart


def scatter(upstream: Array, w: Array, rows: Array, how: Window) -> None:
    """Into `rows` (H, C, W, N), what each window gives the pixels that it saw: products of g (P, O, Q, N) with the
    filters, added window by window or place by place of the kernel, whichever are fewer (col2im).

    A task owns some rows of the result and takes the windows that touch them.
    """
    (o, c, kh, kw), groups, (height, _, width, n), (p, _, q, _) = w.shape, how.groups, rows.shape, upstream.shape
    (sh, _), (ph, _), (dh, _) = how.stride, how.padding, how.dilation
    filters = w.reshape(groups, o // groups, c, kh, kw).transpose(0, 3, 2, 4, 1)  # (groups, kh, C/groups, kw, O/groups)
    filters = np.ascontiguousarray(filters)
    given_to = upstream.reshape(p, groups, o // groups, q * n).swapaxes(0, 1)
    pixels = rows.reshape(height, groups, c, width, n).swapaxes(0, 1)
    work, each = upstream.size * w[0].size, groups * c * kw * q * n * rows.itemsize
    tall = max(1, min(-(-height // (PARTIALS if work >= PRODUCTS else 1)), CHUNK // each))

    def add(places: slice, windows: slice, seen: slice, top: int) -> None:
        """What `places` rows of the kernel give: those of one window to all rows that are seen, or the reverse."""
        count = max(places.stop - places.start, windows.stop - windows.start)
        given = borrow("products", (groups, count, c, kw, q, n), rows.dtype)
        bank = filters[:, places].reshape(groups, -1, c * kw, o // groups)
        np.matmul(bank, given_to[:, windows], out=given.reshape(groups, count, c * kw, q * n))
        add_columns(given, pixels[:, top:][:, seen], how)

    def add_rows(top: int) -> None:
        bottom = min(top + tall, height)
        rows[top:bottom] = 0
        for k in range(min(p, kh)):
            if p < kh:
                places, seen = find_overlap(k * sh - ph - top, dh, kh, bottom - top)
                windows = slice(k, k + 1)
            else:
                windows, seen = find_overlap(k * dh - ph - top, sh, p, bottom - top)
                places = slice(k, k + 1)
            if seen.start < seen.stop:
                add(places, windows, seen, top)

    share_products([partial(add_rows, top) for top in range(0, height, tall)], work)


def add_columns(given: Array, pixels: Array, how: Window) -> None:
    """Add (groups, rows, C/groups, kw, q, n) to the pixels (groups, rows, C/groups, W, n) that they are for."""
    (kw, q), width = given.shape[3:5], pixels.shape[3]
    (_, sw), (_, pw), (_, dw) = how.stride, how.padding, how.dilation
    for k in range(min(q, kw)):
        if q < kw:
            places, seen = find_overlap(k * sw - pw, dw, kw, width)
            pixels[:, :, :, seen] += given[:, :, :, places, k]
        else:
            windows, seen = find_overlap(k * dw - pw, sw, q, width)
            pixels[:, :, :, seen] += given[:, :, :, k, windows]
