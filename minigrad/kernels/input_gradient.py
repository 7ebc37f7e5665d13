"""The gradient of a convolution's input, which is the forward pass of a transposed convolution, too.

What it is stands in `definition.py`. It is summed for each pixel (`gather`, a convolution of g), or what each window
gives is added to the pixels that it saw (`scatter`). `add_windows` chooses.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from math import gcd, prod

import numpy as np

from minigrad.kernels.convolution import (
    Look,
    Task,
    are_sequences,
    convolve,
    count_threads,
    is_little,
    share_products,
)
from minigrad.kernels.memory import BATCH_LAST, UPRIGHT_LINES, Array, put_batch_innermost
from minigrad.kernels.pixel_rows import lay_rows, list_moves, plan_rows, split_rows
from minigrad.kernels.products import matmul
from minigrad.kernels.windows import Pair, Window, cut, find_overlap

GIVEN = 100_000  # numbers that windows give, up to which it is quicker to add them than to call NumPy more often,
STRETCHES = 6_000  # if they are in so few stretches of memory: a short one takes as long as thirty numbers
APART = 4  # pixels for each window, above which most products of a convolution of g are in vain
VAIN = 50  # products in vain in the time of a sum
PIECE = 1 << 17  # numbers that windows give in a task: they stay in cache
LARGEST = 1 << 20  # and those for a single channel, at the most: 4 MB


def conv2d_input(g: Array, w: Array, size: Pair, how: Window) -> Array:
    """Gradient of the input: (N, O, P, Q), (O, C/groups, kh, kw) -> (N, C, *size)."""
    shape, dtype = (len(g), w.shape[1] * how.groups, *size), np.result_type(g, w)
    if are_sequences(shape, how):
        out = np.empty_like(UPRIGHT_LINES, dtype, shape=shape)
        add_windows(g.swapaxes(2, 3), w.swapaxes(2, 3), out.transpose(3, 1, 2, 0), how.turn())
    else:
        out = np.empty_like(BATCH_LAST, dtype, shape=shape)
        add_windows(g, w, out.transpose(2, 1, 3, 0), how)
    return out


def add_windows(g: Array, w: Array, rows: Array, how: Window) -> None:
    """Into `rows` (H, C, W, N), the sum for each pixel, in the way that is the quickest.

    (For 970 random geometries with strides or large kernels, the way that is chosen takes 5 % longer than the quickest,
    in the mean.)
    """
    (p, q), (sh, sw), upstream = g.shape[2:], how.stride, put_batch_innermost(g)
    if not (g.size and w.size):
        rows[...] = 0
        return
    sparse = max(1, rows.shape[0] * rows.shape[2] / (p * sh * q * sw))  # pixels for each that a window begins at
    if is_scattered_sooner(g, w, how, sparse):
        scatter(upstream, w, rows, how)
    elif is_gathered_by_rows(g, w, how, sparse):
        gather_rows(np.ascontiguousarray(upstream), turn(w, 1), rows, how)
    else:
        gather(upstream, turn(w, how.groups), rows, how)


def is_scattered_sooner(g: Array, w: Array, how: Window, sparse: float) -> bool:
    """Whether windows give few numbers, kh·kw·C each, beside what `gather` would do.

    Sums that BLAS does not do are slow. They are worth it where `gather` makes many calls, for several convolutions, or
    many products in vain, for pixels that few windows see. Where there are few filters to sum over, those are quick.
    """
    (n, o, _, q), (_, c, kh, kw), groups = g.shape, w.shape, how.groups
    filters, given, looks = o // groups, g.size // o * groups * c * kh * kw, count_looks(how)
    if filters * sparse >= VAIN and (groups > 1 or filters == 1):
        return True
    if looks > 1:
        enough = looks * filters >= 8
    elif sparse <= APART or is_little(sparse * given * filters, c):
        enough = filters * sparse >= 4 * c
    else:
        enough = filters > 1
    stretches = STRETCHES * (n if n > 1 else q)
    return bool(enough and given <= min(sparse * GIVEN, sparse * stretches, LARGEST * c * groups))


def is_gathered_by_rows(g: Array, w: Array, how: Window, sparse: float) -> bool:
    """Whether `gather_rows` is quicker than `gather`: with a stride, if g has as many channels as the pixels; and where
    few windows see a pixel, as it leaves out those that do not."""
    o, c = w.shape[:2]
    if how.groups > 1 or is_little(sparse * g.size * w[0].size, c):
        return False
    return (how.stride[1] > 1 and o >= c) or (sparse > APART and 1 < o >= c / 4)


def count_looks(how: Window) -> int:
    """How many convolutions of g `gather` makes: for each pair of a stride's rows and columns that windows see, one."""
    return prod(s // gcd(s, d) for _, s, _, d in how.axes())


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
    looks: list[Look] = []
    sh, sw = how.stride
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

    That is a product for every `stride`-th row instead of one for each pair of a row and a column. Measured for 4 x 4
    places and stride 2: half to two thirds of the time.
    """
    moves = [(j, seen, seeing) for j, seeing, seen in list_moves(how, upstream.shape[2], rows.shape[2])]
    work, (sh, sw) = upstream.size * turned[:, 0].size, how.stride
    threads = -(-count_threads(work) // sh)
    tasks: list[Task] = []
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
    """Into `rows` (H, C, W, N), what each window gives the pixels that it saw: a product of the filters with g
    (P, O, Q, N), which is added along the rows of pixels, and then row by row (col2im). A task owns some channels."""
    (o, c, kh, kw), groups, (p, _, q, n), width = w.shape, how.groups, upstream.shape, rows.shape[2]
    filters, given_to = w.reshape(groups, o // groups, c, kh * kw), upstream.reshape(p, groups, o // groups, q * n)
    multiply = matmul if o > groups else np.multiply  # BLAS is slow at a column times a row

    def add(some: slice, part: slice) -> None:
        bank, channels = filters[some, :, part], slice(some.start * c + part.start, (some.stop - 1) * c + part.stop)
        given = multiply(bank.reshape(len(bank), o // groups, -1).swapaxes(1, 2), given_to[:, some])
        given = given.reshape(p, -1, kh, kw, q, n)
        lines = np.empty((*given.shape[:3], width, n), rows.dtype)
        add_along(given.transpose(3, 4, 0, 1, 2, 5), lines.transpose(3, 0, 1, 2, 4), 1, how)
        add_along(lines.transpose(2, 0, 1, 3, 4), rows[:, channels], 0, how)

    step = max(1, PIECE // (p * kh * kw * q * n))
    parts = list(product(cut(groups, max(1, step // c)), cut(c, step)))
    if len(parts) == 1:
        add(*parts[0])
    else:
        share_products([partial(add, *part) for part in parts], upstream.size * w[0].size)


def add_along(given: Array, pixels: Array, axis: int, how: Window) -> None:
    """Into the pixels (size, …) of an axis, the sums of what p windows of k places along it give, (k, p, …): window by
    window or place by place, whichever are fewer."""
    (k, p), size, count = given.shape[:2], len(pixels), min(given.shape[:2])
    step, pad, apart = how.stride[axis], how.padding[axis], how.dilation[axis]
    pixels[...] = 0
    for i in range(count):
        if p < k:
            places, seen = find_overlap(i * step - pad, apart, k, size)
            seeing, more = pixels[seen], given[places, i]
        else:
            windows, seen = find_overlap(i * apart - pad, step, p, size)
            seeing, more = pixels[seen], given[i, windows]
        if count == 1:
            seeing[...] = more
        else:
            seeing += more
