"""Convolution and its two transposes by matrix products over im2col columns, a chunk at a time.

What the three are stands in `definition.py`. The columns of a chunk stay in a core's cache, in buffers that live on.
A chunk is few NumPy calls, each as long as can be: threads that come back from short ones wait for the interpreter's
lock more than they work. Neither the cut nor the order of any sum depends on the number of threads, so the results do
not.

This is step 6 of the ladder (examples/learn/step6_fast.py), plus all options of windows (windows.py), layouts and
buffers (memory.py) and threads (threads.py).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.kernels.memory import BATCH_LAST, Array, borrow, copy_rows, put_batch_innermost
from minigrad.kernels.threads import PRODUCTS, SMALL, run
from minigrad.kernels.windows import Chunk, Pair, Window, cut_chunks, find_overlap, lay_windows

TILE = 10**6  # multiplications of a product that OpenBLAS does as it lies
FEW = 32  # filters, up to which that is faster
PARTIALS = 16  # partial sums of a weight gradient, added up in order: as many threads can share its work


def conv2d(x: Array, w: Array, bias: Array | None, how: Window) -> Array:
    """Cross-correlation: (N, C, H, W), (O, C/groups, kh, kw), (O) or None -> (N, O, P, Q)."""
    (o, c, kh, kw), groups = w.shape, how.groups
    rows, columns = lay_windows(x.shape[2:], how)
    out = np.empty_like(BATCH_LAST, np.result_type(x, w), shape=(len(x), o, rows.count, columns.count))
    image, places = x.transpose(2, 1, 3, 0), out.transpose(2, 1, 3, 0)  # as (H, C, W, N)
    filters = w.reshape(groups, o // groups, c, kh, kw).transpose(0, 1, 3, 2, 4)
    filters = np.ascontiguousarray(filters).reshape(groups, 1, o // groups, kh * c * kw)
    chunks = cut_chunks(x.shape, how, x.itemsize)
    lines = repeat_bias(bias, chunks[0], groups) if bias is not None and chunks else None

    def fill(chunk: Chunk) -> None:
        target = as_matrices(places[chunk.windows], groups)
        # This is where the sum over c happens: a row of `filters` meets a column, and both run over i, c and j.
        multiply(filters, gather_columns(image, chunk, how), target)
        if lines is not None:
            target += lines[..., : target.shape[3]]  # while the chunk is in cache

    share_products(fill, chunks, out.size * c * kh * kw)
    return out


def conv2d_weight(g: Array, x: Array, how: Window) -> Array:
    """Gradient of the weights: (N, O, P, Q), (N, C, H, W) -> (O, C/groups, kh, kw)."""
    groups, (kh, kw), o, c = how.groups, how.kernel, g.shape[1], x.shape[1] // how.groups
    image, upstream = x.transpose(2, 1, 3, 0), put_batch_innermost(g)
    chunks = cut_chunks(x.shape, how, x.itemsize)
    parts = range(min(PARTIALS, len(chunks)))
    sums = np.zeros((len(parts), groups, kh * c * kw, o // groups), np.result_type(g, x))

    def add_up(part: int) -> None:
        for chunk in chunks[part :: len(parts)]:
            columns, rows = gather_columns(image, chunk, how), as_matrices(upstream[chunk.windows], groups)
            products = borrow("products", (*columns.shape[:3], o // groups), sums.dtype)
            # No sum over c: each row of `columns` is one (i, c, j), and meets each o. The sum is over q and n.
            np.matmul(columns, rows.transpose(0, 1, 3, 2), out=products)
            sums[part] += products.sum(1)

    share_products(add_up, parts, g.size * c * kh * kw)
    whole: Array = sums.sum(0)
    return whole.reshape(groups, kh, c, kw, o // groups).transpose(0, 4, 2, 1, 3).reshape(o, c, kh, kw)


def conv2d_input(g: Array, w: Array, size: Pair, how: Window) -> Array:
    """Gradient of the input: (N, O, P, Q), (O, C/groups, kh, kw) -> (N, C, *size)."""
    (o, c, kh, kw), (ph, pw), (dh, dw), groups = w.shape, how.padding, how.dilation, how.groups
    filters = w.reshape(groups, o // groups, c, kh, kw)
    if how.stride == (1, 1):
        # gather: this is itself a convolution, of g with the filters turned around and their channels exchanged
        turned = filters.transpose(0, 2, 1, 3, 4)[..., ::-1, ::-1].reshape(groups * c, o // groups, kh, kw)
        return conv2d(g, turned, None, how._replace(padding=(dh * (kh - 1) - ph, dw * (kw - 1) - pw)))
    return scatter(g, filters, size, how)


def scatter(g: Array, w: Array, size: Pair, how: Window) -> Array:
    """The input gradient as matrix products added onto the pixels that each window saw (col2im).

    w: (groups, O/groups, C/groups, kh, kw). A task owns some rows of the result and takes the windows that touch them.
    """
    groups, o, c, kh, kw = w.shape
    (n, _, p, q), (height, width) = g.shape, size
    (sh, sw), (ph, pw), (dh, dw) = how.stride, how.padding, how.dilation
    out = np.empty_like(BATCH_LAST, np.result_type(g, w), shape=(n, groups * c, height, width))
    out[...] = 0
    rows = out.transpose(2, 1, 3, 0).reshape(height, groups, c, width, n)
    filters = np.ascontiguousarray(w.transpose(0, 3, 4, 2, 1)).reshape(groups, kh, kw * c, o)
    upstream = put_batch_innermost(g).reshape(p, groups, o, q * n)
    columns = [find_overlap(j * dw - pw, sw, q, width) for j in range(kw)]

    def add_rows(top: int) -> None:
        for h in range(top, min(top + tall, height)):
            for i in range(kh):
                k, rest = divmod(h + ph - i * dh, sh)
                if rest == 0 and 0 <= k < p:
                    products = borrow("products", (groups, kw, c, q, n), out.dtype)
                    np.matmul(filters[:, i], upstream[k], out=products.reshape(groups, kw * c, q * n))
                    for j, (seeing, seen) in enumerate(columns):
                        rows[h, :, :, seen] += products[:, j, :, seeing]

    tall = max(1, height // PARTIALS)
    if g.size and w.size:
        share_products(add_rows, range(0, height, tall), g.size * c * kh * kw)
    return out


def gather_columns(image: Array, chunk: Chunk, how: Window) -> Array:
    """What the windows of a chunk see of an image (H, C, W, N): im2col, a matrix for each row of windows.

    The matrices are (groups, p, kh·C/groups·kw, q·n). Those of windows above one another share rows: the image is held
    kw times instead of kh·kw (Cho & Brand 2017, "MEC", arXiv 1706.06873).
    """
    (kh, kw), (sh, sw), _, (dh, dw), groups, _ = how
    pixels, (tall, wide, deep) = image[chunk.pixels], chunk.shape
    if chunk.borders or pixels.strides[3] != pixels.itemsize:
        pixels = frame(pixels, chunk)
    c, (down, channel, right, item) = pixels.shape[1] // groups, pixels.strides
    matrices = (groups, tall, kh * c * kw, wide * deep)
    if kw == sw == 1 and right == deep * item and (kh == 1 or dh * down == c * channel):
        # a kernel of one column: the rows of pixels are the columns already
        return as_strided(pixels, matrices, (c * channel, sh * down, channel, item))
    if dh == 1 and sh < kh:  # windows above one another share rows, so each row of pixels is copied once
        step, height, rows, (by, within) = sh, (tall - 1) * sh + kh, 1, (down, down)
    else:
        step, height, rows, (by, within) = kh, tall, kh, (sh * down, dh * down)
    columns = borrow("columns", (groups, height, rows, c, kw, wide, deep), pixels.dtype)
    seen = (c * channel, by, within, channel, dw * right, sw * right, item)
    np.copyto(columns, as_strided(pixels, columns.shape, seen))
    line = wide * deep * item
    return np.ndarray(matrices, columns.dtype, columns, strides=(columns.strides[0], step * c * kw * line, line, item))


def frame(pixels: Array, chunk: Chunk) -> Array:
    """The pixels that a chunk sees, (h, C, w, n) with the zeros around the image and the batch innermost in memory."""
    (h, w), (_, c, _, n) = chunk.span, pixels.shape
    framed = borrow("frame", (h, c, w, n), pixels.dtype)
    for border in chunk.borders:
        framed[border] = 0
    copy_rows(framed[chunk.place], pixels)
    return framed


def multiply(filters: Array, columns: Array, out: Array) -> None:
    """filters (groups, 1, O, K) @ columns (groups, p, K, q·n) -> out (groups, p, O, q·n), in tiles of columns.

    With few filters, BLAS libraries take longer to rearrange the columns than to multiply them. OpenBLAS leaves that
    out of products of at most `TILE` multiplications (measured with 16 filters: twice as fast).
    """
    o, k, length = *filters.shape[2:], columns.shape[3]
    if o <= FEW and (width := find_tile(length, TILE // max(1, o * k))):
        columns, out = (a.reshape(*a.shape[:3], -1, width).swapaxes(2, 3) for a in (columns, out))  # views
        np.matmul(filters[:, :, None], columns, out=out)
    else:
        np.matmul(filters, columns, out=out)


@functools.lru_cache(1024)
def find_tile(length: int, most: int) -> int:
    """The largest divisor of `length` up to `most` that is a multiple of 64, or if there is none, of 32; or 0."""
    for step in (64, 32):
        for width in range(min(most, length) // step * step, 0, -step):
            if length % width == 0:
                return width
    return 0


def as_matrices(part: Array, groups: int) -> Array:
    """View a chunk (p, O, q, n) as matrices: (groups, p, O/groups, q·n)."""
    tall, o, wide, deep = part.shape
    return part.reshape(tall, groups, o // groups, wide * deep).transpose(1, 0, 2, 3)


def repeat_bias(bias: Array, chunk: Chunk, groups: int) -> Array:
    """(O) -> (groups, 1, O/groups, q·n): NumPy adds whole arrays in half the time that a column takes (measured)."""
    return np.repeat(bias, chunk.shape[1] * chunk.shape[2]).reshape(groups, 1, len(bias) // groups, -1)


def share_products(task: Callable[[Any], object], items: Iterable[Any], products: int) -> None:
    """Call `task` for every item: on the threads if there are many products to be summed, and here if they are so few
    that BLAS, too, stays in one thread."""
    if products > SMALL:
        run(task, items, share=products >= PRODUCTS)
    else:
        for item in items:
            task(item)
