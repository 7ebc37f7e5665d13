"""The gradient of a convolution's input, which is the forward pass of a transposed convolution, too.

What it is stands in `definition.py`. It is summed for each pixel (`gather`, a convolution of g), or what each window
gives is added to the pixels that it saw (`scatter`). `add_windows` chooses.
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
from minigrad.kernels.pixel_rows import lay_rows, list_moves, plan_rows, split_rows
from minigrad.kernels.products import matmul
from minigrad.kernels.threads import PRODUCTS
from minigrad.kernels.windows import CHUNK, Pair, Window, find_overlap

SPARSE = 1.5  # how many times as many products of pixels as of windows are worth more than the sums of those,
SUMS = 32  # filters a group that take as long as a sum: with fewer of them, more products are worth it
GIVEN = 200_000  # numbers that are added at once, without a thought of caches and threads,
STRETCHES = 6_000  # and so many stretches of them in memory: a short one takes as long as eight numbers


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
    """Into `rows` (H, C, W, N), the sum for each pixel, in the way that is the quickest."""
    (o, c, _, _), (p, q), (sh, sw), upstream = w.shape, g.shape[2:], how.stride, put_batch_innermost(g)
    if not (g.size and w.size):
        rows[...] = 0
    elif are_few(g, w, how):
        scatter_at_once(upstream, w, rows, how)
    elif rows.shape[0] * rows.shape[2] > SPARSE * (1 + SUMS * how.groups / o) * (p * sh) * (q * sw):
        scatter(upstream, w, rows, how)
    elif sw > 1 and how.groups == 1 and o >= c:
        gather_rows(np.ascontiguousarray(upstream), turn(w, 1), rows, how)
    else:
        gather(upstream, turn(w, how.groups), rows, how)


def are_few(g: Array, w: Array, how: Window) -> bool:
    """Whether the numbers that all windows give, kh·kw·C each, are so few that calls of NumPy take longer.

    There are twenty calls for each convolution of `gather`, so with a stride this is quicker than stride·stride of them
    (in half of 190 random cases, twice as quick). Without one, what few filters give is sooner summed by a product.
    """
    (n, o, _, q), (_, c, kh, kw), groups = g.shape, w.shape, how.groups
    given = g.size // o * groups * c * kh * kw
    enough = o // groups >= (4 * c if how.stride == (1, 1) else 2)
    return bool(enough and given <= min(GIVEN, STRETCHES * (n if n > 1 else q)))


def turn(w: Array, groups: int) -> Array:
    """(O, C/groups, kh, kw) -> (C, O/groups, kh, kw): channels exchanged, for the convolutions of `gather`."""
    o, c, kh, kw = w.shape
    return w.reshape(groups, o // groups, c, kh, kw).swapaxes(1, 2).reshape(groups * c, o // groups, kh, kw)


# ------------------------------------------------------------------------------------------- a sum for each pixel


def gather(upstream: Array, turned: Array, rows: Array, how: Window) -> None:
    """Into `rows` (H, C, W, N), what all windows give a pixel: convolutions of g (P, O, Q, N) with the filters turned
    around.

    Every `stride`-th pixel is seen by the same places of the filter, so there are stride·stride convolutions without
    a stride (for 2·2: a quarter of the products that one among zeros would have).
    """
    (sh, sw), looks = how.stride, list[Look]()
    down, across = ([meet(i, *axis) for i in range(axis[1])] for axis in how.axes())
    for i, (taken, top, dh) in enumerate(down):
        for j, (taken_across, left, dw) in enumerate(across):
            places, filters = rows[i::sh, :, j::sw], turned[:, :, taken, taken_across]
            if filters.size and places.size:
                looks.append((filters, places, Window(filters.shape[2:], (1, 1), (top, left), (dh, dw), how.groups)))
            else:
                places[...] = 0
    if looks:
        convolve(upstream, looks)


def gather_rows(upstream: Array, turned: Array, rows: Array, how: Window) -> None:
    """The same with the columns of the kernel side by side: gathered by rows, and added by columns (pixel_rows.py).

    That is a product for every `stride`-th row instead of one for each pair of a row and a column. It is quicker where
    g has as many channels as the pixels (measured for 4 x 4 places and stride 2: half to two thirds of the time).
    """
    moves = [(j, seen, seeing) for j, seeing, seen in list_moves(how, upstream.shape[2], rows.shape[2])]
    work, (sh, sw), tasks = count_work(upstream, upstream.size * turned[:, 0].size, how), how.stride, list[Task]()
    threads = -(-count_threads(work) // sh)
    for i, (taken, top, apart) in enumerate(meet(i, *next(how.axes())) for i in range(sh)):
        places, filters = rows[i::sh], turned[:, :, taken]
        if filters.size and places.size:
            bank = lay_rows(filters)
            for part in split_rows(upstream, places, top, apart):
                tasks += plan_rows(*part, bank, moves, sw, None, threads)
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


# ------------------------------------------------------------------------------------------ a sum for each window


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


def scatter_at_once(upstream: Array, w: Array, rows: Array, how: Window) -> None:
    """Into `rows` (H, C, W, N), what each window gives the pixels that it saw, with a single product, where calls take
    longer than the work: it is added along the rows first, and then row by row."""
    (o, c, kh, kw), groups, (p, _, q, n), (_, channels, width, _) = w.shape, how.groups, upstream.shape, rows.shape
    bank = w.reshape(groups, o // groups, c * kh * kw).swapaxes(1, 2)
    given = matmul(bank, upstream.reshape(p, groups, o // groups, q * n)).reshape(p, channels, kh, kw, q, n)
    lines = np.zeros((p, channels, kh, width, n), rows.dtype)
    add_along(given.transpose(3, 4, 0, 1, 2, 5), lines.transpose(3, 0, 1, 2, 4), 1, how)
    rows[...] = 0
    add_along(lines.transpose(2, 0, 1, 3, 4), rows, 0, how)


def add_along(given: Array, pixels: Array, axis: int, how: Window) -> None:
    """Add (k, p, …), what p windows of k places along an axis give, to the pixels (size, …) that they saw, window by
    window or place by place, whichever are fewer."""
    (k, p), size = given.shape[:2], len(pixels)
    step, pad, apart = how.stride[axis], how.padding[axis], how.dilation[axis]
    for i in range(min(k, p)):
        if p < k:
            places, seen = find_overlap(i * step - pad, apart, k, size)
            pixels[seen] += given[places, i]
        else:
            windows, seen = find_overlap(i * apart - pad, step, p, size)
            pixels[seen] += given[i, windows]
