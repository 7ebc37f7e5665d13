"""What windows see, as matrices (im2col), and the products of those with filters.

The columns lie in buffers that live on, and stay in a core's cache. For each part of a piece there are two long calls
of NumPy, a copy and a product: threads that come back from short ones wait for the interpreter's lock more than they
work.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.kernels.memory import Array, borrow, copy_rows
from minigrad.kernels.windows import Part, Piece, Window, cut_evenly

TILE = 10**6  # multiplications of a product that OpenBLAS does as it lies
FEW = 32  # filters, up to which that is faster


def gather_columns(pixels: Array, part: Part, how: Window) -> Array:
    """What some windows see of the pixels (h, C, w, n) of their piece: im2col, a matrix for each row of windows.

    The matrices are (groups, p, kh·C/groups·kw, q·n). Those of windows above one another share rows: the image is held
    kw times instead of kh·kw (Cho & Brand 2017, "MEC", arXiv 1706.06873).
    """
    (kh, kw), (sh, sw), _, (dh, dw), groups, _ = how
    (top, left), (tall, wide, deep), images = part.corner, part.shape, part.windows[3]
    pixels = pixels[top:, :, left:, images]
    c, (down, channel, right, item) = pixels.shape[1] // groups, pixels.strides
    matrices = (groups, tall, kh * c * kw, wide * deep)
    if kw == sw == 1 and right == deep * item and (kh == 1 or dh * down == c * channel):
        # a kernel of one column: the rows of pixels are the columns already
        return as_strided(pixels, matrices, (c * channel, sh * down, channel, item))
    if wide == dw == 1 and channel == kw * right and right == deep * item and (kh == 1 or dh * down == c * channel):
        # a window as wide as the image: so they are
        return as_strided(pixels, matrices, (c * channel, sh * down, right, item))
    if dh == 1 and sh < kh:  # windows above one another share rows: each row of pixels is copied once
        step, height, rows, (by, within) = sh, (tall - 1) * sh + kh, 1, (down, down)
    else:
        step, height, rows, (by, within) = kh, tall, kh, (sh * down, dh * down)
    columns = borrow("columns", (groups, height, rows, c, kw, wide, deep), pixels.dtype)
    seen = (c * channel, by, within, channel, dw * right, sw * right, item)
    np.copyto(columns, as_strided(pixels, columns.shape, seen))
    line = wide * deep * item
    return np.ndarray(matrices, columns.dtype, columns, strides=(columns.strides[0], step * c * kw * line, line, item))


def frame(image: Array, piece: Piece) -> Array:
    """The pixels of an image (H, C, W, N) that a piece sees, with zeros around the image and the batch innermost.

    It is done before the work is shared: it is short calls, for which threads would wait for each other.
    """
    pixels, (h, w) = image[piece.pixels], piece.span
    if not piece.borders and pixels.strides[3] == pixels.itemsize:
        return pixels
    framed = borrow("frame", (h, pixels.shape[1], w, pixels.shape[3]), pixels.dtype)
    for border in piece.borders:
        framed[border] = 0
    copy_rows(framed[piece.place], pixels)
    return framed


def as_matrices(part: Array, groups: int) -> Array:
    """View results (p, O, q, n) as matrices: (groups, p, O/groups, q·n)."""
    tall, o, wide, deep = part.shape
    return part.reshape(tall, groups, o // groups, wide * deep).transpose(1, 0, 2, 3)


# ---------------------------------------------------------------------------------------------------- few filters


def multiply(filters: Array, columns: Array, out: Array) -> None:
    """filters (groups, 1, O, K) @ columns (groups, p, K, q·n) -> out (groups, p, O, q·n), in tiles of columns.

    With few filters, BLAS libraries take longer to rearrange the columns than to multiply them. OpenBLAS leaves that
    out of products of at most `TILE` multiplications (measured with 16 filters: twice as fast). Long filters are cut
    into two or more, so that a tile is wide enough.
    """
    o, k, length = *filters.shape[2:], columns.shape[3]
    most = TILE // max(1, o * 64)  # length of a filter
    if o > FEW or k > 4 * most or not (width := find_tile(length, TILE // max(1, o * min(k, most)))):
        np.matmul(filters, columns, out=out)
        return

    def tiles(a: Array) -> Array:
        return a.reshape(*a.shape[:3], -1, width).swapaxes(2, 3)  # a view

    step = cut_evenly(k, most)
    np.matmul(filters[:, :, None, :, :step], tiles(columns[:, :, :step]), out=tiles(out))
    for i in range(step, k, step):
        more = borrow("more", out.shape, out.dtype)
        np.matmul(filters[:, :, None, :, i : i + step], tiles(columns[:, :, i : i + step]), out=tiles(more))
        out += more


@functools.lru_cache(1024)
def find_tile(length: int, most: int) -> int:
    """The largest divisor of `length` up to `most` that is a multiple of 64, or if there is none, of 32; or 0."""
    for step in (64, 32):
        for width in range(min(most, length) // step * step, 0, -step):
            if length % width == 0:
                return width
    return 0
