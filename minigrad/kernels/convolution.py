"""Convolution and the gradient of its weights by matrix products over im2col columns, a chunk at a time.

What they are stands in `definition.py`; how columns are made and few filters multiplied, in `columns.py`. Each
number is summed in the same order however many threads there are, so the results are the same bits.

This is step 6 of the ladder (examples/learn/step6_fast.py), plus all options of windows (windows.py), layouts and
buffers (memory.py) and threads (threads.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.kernels.columns import as_matrices, frame, gather_columns, join, multiply, multiply_along
from minigrad.kernels.memory import BATCH_LAST, UPRIGHT_LINES, Array, borrow, keep_apart, put_batch_innermost
from minigrad.kernels.pixel_rows import fits, lay_rows, list_moves, plan_rows, split_rows
from minigrad.kernels.products import matmul
from minigrad.kernels.threads import PRODUCTS, SMALL, get_num_threads, run
from minigrad.kernels.windows import (
    FRAME,
    Pair,
    Part,
    Window,
    count_windows,
    cut,
    cut_evenly,
    cut_parts,
    find_overlap,
    list_bands,
)

Task = Callable[[], object]
Look = tuple[Array, Array, Window]  # filters, where their results go, and how they look at an image

UPRIGHT = 32  # sequences from which a product for each of their places is sooner done than a copy of all windows
LITTLE = 1 << 23  # products below which calls of NumPy take longer than the work,
COPIED = 300_000  # if there are no more numbers than these to copy into columns
ROWS = 1 << 20  # numbers that a sum for each row of windows may always take: few long sums are the quickest
DOTS = 1 << 20  # bytes of g that a task takes where it is multiplied as it lies
PARTIALS = 16  # partial sums of large weight gradients, added up in order: as many threads can share the work
COPY = 16  # products in the time that an element of the columns takes


@np.errstate(invalid="ignore")  # BLAS multiplies infinities by zeros in places that are no result
def conv2d(x: Array, w: Array, bias: Array | None, how: Window) -> Array:
    """Cross-correlation: (N, C, H, W), (O, C/groups, kh, kw), (O) or None -> (N, O, P, Q)."""
    p, q = (count_windows(n, *axis) for n, axis in zip(x.shape[2:], how.axes(), strict=True))
    shape, dtype = (len(x), len(w), p, q), np.result_type(x, w)
    if are_sequences(x.shape, how):
        out = np.empty_like(UPRIGHT_LINES, dtype, shape=shape)
        convolve(x.transpose(3, 1, 2, 0), [(w.swapaxes(2, 3), out.transpose(3, 1, 2, 0), how.turn())], bias)
    else:
        out = np.empty_like(BATCH_LAST, dtype, shape=shape)
        convolve(x.transpose(2, 1, 3, 0), [(w, out.transpose(2, 1, 3, 0), how)], bias)
    return out


def are_sequences(shape: tuple[int, ...], how: Window) -> bool:
    """Whether these are many images (N, C, H, W) of one row, and windows of one row, without rows of zeros.

    They are sooner done as images of one column, whose pixels lie in memory as the filters want them: no window is
    copied (columns.py; measured for 64 sequences: two thirds of the time).
    """
    return shape[2] == how.kernel[0] == 1 < shape[3] and how.padding[0] == 0 and shape[0] >= UPRIGHT


def convolve(image: Array, looks: list[Look], bias: Array | None = None) -> None:
    """Convolve an image (H, C, W, N) with filters (O, C/groups, kh, kw), into results (P, O, Q, N) that are given."""
    products = sum(places.size * w[:1].size for w, places, _ in looks)
    if is_little(products, len(looks[0][0]) // looks[0][2].groups):
        for w, places, how in looks:
            convolve_at_once(image, w, places, how, bias)
    else:
        convolve_by_parts(image, looks, bias)


def is_little(products: float, filters: int) -> bool:
    """Whether calls of NumPy take longer than to copy all windows and multiply them by so many filters (of a group).

    Of 2200 random convolutions and gradients of weights, with up to 2^23 products, this finds the quicker way but for
    2 % of the time.
    """
    return products < min(LITTLE, COPIED * filters)


def convolve_at_once(image: Array, w: Array, places: Array, how: Window, bias: Array | None) -> None:
    """The same with a single copy and a single product, where calls take longer than the work."""
    # This is where the sum over c happens: a row of the filters meets a column, and both run over i, c and j.
    products = matmul(lay_filters(w, how.groups), copy_windows(image, places.shape[::2], how))
    places[...] = products.swapaxes(0, 1).reshape(places.shape)
    if bias is not None:
        places += bias[:, None, None]


def copy_windows(image: Array, count: Pair, how: Window) -> Array:
    """All that (p, q) windows of an image (H, C, W, N) see: (groups, p, kh·C/groups·kw, q·n)."""
    (height, channels, width, n), (p, q) = image.shape, count
    (kh, kw), (sh, sw), (ph, pw), (dh, dw), groups, _ = how
    tall, wide = (p - 1) * sh + (kh - 1) * dh + 1, (q - 1) * sw + (kw - 1) * dw + 1
    if ph or pw or tall > height or wide > width or not image.flags.c_contiguous:
        whole = np.zeros((tall, channels, wide, n), image.dtype)
        (into, rows), (across, columns) = find_overlap(-ph, 1, tall, height), find_overlap(-pw, 1, wide, width)
        whole[into, :, across] = image[rows, :, columns]
        image = whole
    pixels = join(image) if sw > 1 else image
    c, (down, channel, right, item) = channels // groups, pixels.strides
    steps = (c * channel, sh * down, dh * down, channel, dw * right, sw * right, item)
    windows: Array = np.ndarray((groups, p, kh, c, kw, q, pixels.shape[3]), pixels.dtype, pixels, 0, steps)
    if pixels is not image:
        windows = np.ascontiguousarray(windows).view(image.dtype)
    return windows.reshape(groups, p, kh * c * kw, q * n)


def convolve_by_parts(image: Array, looks: list[Look], bias: Array | None) -> None:
    """The same in parts, over the threads."""
    work = sum(count_work(image, places.size * w[:1].size, how) for w, places, how in looks)
    threads = count_threads(work)
    if len(looks) == 1 and fits(image, looks[0][0], looks[0][1].shape[2], looks[0][2]):
        w, places, how = looks[0]
        bank, moves = lay_rows(w), list_moves(how, places.shape[2], image.shape[2])
        threads = -(-threads // how.dilation[0])
        split = split_rows(image, places, how.padding[0], how.dilation[0])
        share_products([task for part in split for task in plan_rows(*part, bank, moves, 1, bias, threads)], work)
        return
    (_, channels, _, n), groups = image.shape, looks[0][2].groups
    image, hows = frame_edges(image, *(how for _, _, how in looks))
    geometry = tuple((how, places.shape[::2]) for how, (_, places, _) in zip(hows, looks, strict=True))
    parts = cut_parts((n, channels), geometry, image.itemsize, threads)
    filters = [lay_filters(w, groups) for w, _, _ in looks]
    lines = repeat_bias(bias, parts[0], groups) if bias is not None and parts else None

    def fill(part: Part) -> None:
        _, places, _ = looks[part.look]
        target = places[part.windows]
        adjacent = places.strides[2] == n * places.itemsize
        whole = target if adjacent else borrow("results", target.shape, places.dtype)
        results = as_matrices(whole, groups)
        # This is where the sum over c happens: a row of the filters meets a column, and both run over i, c and j.
        multiply(filters[part.look], gather_columns(image, part, hows[part.look]), results)
        if lines is not None:
            results += lines[..., : results.shape[3]]  # while the part is in cache
        if not adjacent:
            target[...] = whole

    share_products([partial(fill, part) for part in parts], work)


def frame_edges(image: Array, *hows: Window) -> tuple[Array, tuple[Window, ...]]:
    """An image (H, C, W, N) whose batch is innermost in memory, with zeros around it if it is small, and how windows
    look at that."""
    above, beside = (max(0, *padding) for padding in zip(*(how.padding for how in hows), strict=True))
    if not above + beside or image.nbytes > FRAME:
        return put_batch_innermost(image.transpose(3, 1, 0, 2)), hows
    framed = (how._replace(padding=(how.padding[0] - above, how.padding[1] - beside)) for how in hows)
    return frame(image, above, beside), tuple(framed)


def lay_filters(w: Array, groups: int) -> Array:
    """(O, C/groups, kh, kw) -> (groups, 1, O/groups, kh·C/groups·kw): rows in the order of the columns.

    Numbers of the same place lie side by side in memory, as OpenBLAS likes it (measured: a tenth less time).
    """
    o, c, kh, kw = w.shape
    filters = keep_apart(w).reshape(groups, o // groups, c, kh, kw).transpose(0, 3, 2, 4, 1)
    return np.ascontiguousarray(filters).reshape(groups, 1, kh * c * kw, o // groups).swapaxes(2, 3)


def repeat_bias(bias: Array, part: Part, groups: int) -> Array:
    """(O) -> (groups, 1, O/groups, q·n): NumPy adds whole arrays in half the time that a column takes (measured)."""
    _, q, n = part.shape()
    return np.repeat(bias, q * n).reshape(groups, 1, len(bias) // groups, -1)


# ------------------------------------------------------------------------------------- the gradient of the weights


@np.errstate(invalid="ignore")
def conv2d_weight(g: Array, x: Array, how: Window) -> Array:
    """Gradient of the weights: (N, O, P, Q), (N, C, H, W) -> (O, C/groups, kh, kw)."""
    if are_sequences(x.shape, how):
        return conv2d_weight(g.swapaxes(2, 3), x.swapaxes(2, 3), how.turn()).swapaxes(2, 3)
    groups, (kh, kw), o, c = how.groups, how.kernel, g.shape[1], x.shape[1] // how.groups
    upstream = put_batch_innermost(g)
    if is_little(g.size * c * kh * kw, o // groups):
        columns = copy_windows(x.transpose(2, 1, 3, 0), g.shape[2:], how)
        sums = matmul(columns, as_matrices(upstream, groups).swapaxes(2, 3)).sum(1)
    elif c == 1 == o // groups and how.stride[1] == 1:
        sums = sum_dots(put_batch_innermost(x), upstream, how)
    elif o * c * kh * kw * g.shape[2] <= max(2 * (x.size + g.size), ROWS):
        sums = sum_rows(x.transpose(2, 1, 3, 0), upstream, how)
    else:
        sums = sum_parts(x.transpose(2, 1, 3, 0), upstream, how)
    return sums.reshape(groups, kh, c, kw, o // groups).transpose(0, 4, 2, 1, 3).reshape(o, c, kh, kw)  # type: ignore[no-any-return]


def sum_rows(image: Array, upstream: Array, how: Window) -> Array:
    """(H, C, W, N), (P, O, Q, N) -> (groups, kh·C/groups·kw, O/groups): a sum for each row of windows, then theirs."""
    (_, channels, _, n), (p, o, q, _), groups = image.shape, upstream.shape, how.groups
    k = channels // groups * how.kernel[0] * how.kernel[1]
    work = count_work(image, upstream.size * k, how)
    image, (how,) = frame_edges(image, how)
    parts = cut_parts((n, channels), ((how, (p, q)),), image.itemsize, count_threads(work))
    strips = parts[-1].strip + 1 if parts else 0
    sums = np.empty((strips, groups, p, k, o // groups), np.result_type(image, upstream))

    def add_up(part: Part) -> None:
        rows = as_matrices(upstream[part.windows], groups).swapaxes(2, 3)
        # No sum over c: each row of the columns is one (i, c, j), and meets each o. The sum is over q and n.
        multiply_along(gather_columns(image, part, how), rows, sums[part.strip, :, part.windows[0]])

    share_products([partial(add_up, part) for part in parts], work)
    return sums.sum((0, 2))  # type: ignore[no-any-return]


def sum_dots(image: Array, upstream: Array, how: Window) -> Array:
    """The same for one channel and one filter a group, whose lines of pixels meet those of g as they lie.

    Measured for 3·3 places: half the time that copies and products of matrices and vectors take.
    """
    (height, channels, width, n), (p, _, q, _), item = image.shape, upstream.shape, image.itemsize
    (kh, kw), (sh, _), (ph, _), (dh, _) = how[:4]
    (down, channel, _, _), moves = image.strides, list_moves(how, q, width)
    sums = np.zeros((p, channels, kh, kw, 1), np.result_type(image, upstream))

    def add_up(rows: slice) -> None:
        for windows, i, top in list_bands(rows.start * sh - ph, rows.stop - rows.start, height, kh, sh, dh):
            mine = slice(rows.start + windows.start, rows.start + windows.stop)
            for j, seeing, seen in moves:
                given = upstream[mine, :, seeing]
                shape = (len(given), channels, i.stop - i.start, given.shape[2] * n)
                if given.size and shape[2] > 0:
                    strides = (sh * down, channel, dh * down, item)
                    pixels = as_strided(image[top:, :, seen], shape, strides)
                    np.vecdot(pixels, given.reshape(*shape[:2], 1, shape[3]), out=sums[mine, :, i, j, 0])

    work = count_work(image, upstream.size * kh * kw, how)
    tall = cut_evenly(p, max(1, DOTS // max(1, upstream[0].nbytes)))
    share_products([partial(add_up, rows) for rows in cut(p, tall)], work)
    return sums.sum(0)  # type: ignore[no-any-return]


def sum_parts(image: Array, upstream: Array, how: Window) -> Array:
    """The same for filters that are large beside the image: a sum for each of a few parts, and then of those."""
    (_, channels, _, n), (p, o, q, _), groups = image.shape, upstream.shape, how.groups
    k, dtype = channels // groups * how.kernel[0] * how.kernel[1], np.result_type(image, upstream)
    count = max(1, min(PARTIALS, PARTIALS * image.size // (k * o + 1)))
    image, (how,) = frame_edges(image, how)
    parts = cut_parts((n, channels), ((how, (p, q)),), image.itemsize, count)
    sums = np.zeros((count, groups, k, o // groups), dtype)

    def add_up(i: int) -> None:
        for part in parts[i::count]:
            columns, rows = gather_columns(image, part, how), as_matrices(upstream[part.windows], groups)
            for row in range(part.shape()[0]):
                products = borrow("products", (groups, 1, k, o // groups), dtype)
                multiply_along(columns[:, row : row + 1], rows[:, row : row + 1].swapaxes(2, 3), products)
                sums[i] += products[:, 0]

    share_products([partial(add_up, i) for i in range(min(count, len(parts)))], upstream.size * k)
    return sums.sum(0)  # type: ignore[no-any-return]


# ------------------------------------------------------------------------------------------------------- threads


def count_work(image: Array, products: int, how: Window) -> int:
    """What so many products and the columns for them cost, in products: an element of the columns as much as `COPY`."""
    return products + COPY * (image.size * how.kernel[1] // how.stride[1])


def count_threads(work: int) -> int:
    """The threads that so much work is worth."""
    return get_num_threads() if work >= PRODUCTS else 1


def share_products(tasks: Iterable[Task], work: int) -> None:
    """Do all tasks: on the threads if they are much work, and here if they are so little that BLAS, too, stays in one
    thread."""
    if work > SMALL:
        run(lambda task: task(), tasks, share=work >= PRODUCTS)
    else:
        for task in tasks:
            task()
