"""Convolution by the rows of pixels as they lie in memory, without im2col.

In an image (H, C, W, N) the rows above one another are a matrix (kh·C, W·N) already. A product with the filters of all
columns of the kernel at once, (kw·O, kh·C), gives what each of those columns adds to the results; then they are added
up, each moved to its place. No pixel is copied and no zero multiplied, and BLAS gets kw times as many filters, with
which it is faster (measured for 64 to 32 channels: 1.5x). The price is kw sums for each result.

The gradient of the input is such a convolution of g, and with a stride, one for every `stride`-th row.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.kernels.memory import Array, borrow, compete
from minigrad.kernels.windows import CHUNK, COLUMNS, Window, cut, cut_evenly, find_overlap, list_bands

HIGH = 48  # filters of all columns of the kernel from which their product is fast
DEEP = 96  # pixels of all rows that it sums from which it is worth the sums of its results

Move = tuple[int, slice, slice]  # a column of the kernel, the results that it adds to, and the products that it adds


def fits(image: Array, w: Array, windows: int, how: Window) -> bool:
    """Whether a convolution of an image (H, C, W, N) can be done by its rows, and is done sooner so.

    windows: how many there are in a row. The product is taken for all pixels, and more of them would be in vain. Rows
    that compete for the cache are worth it only if there are more of them, or twice as many as filters.
    """
    o, c, kh, kw = w.shape
    simple = how.stride == (1, 1) and how.dilation[0] == 1 and how.groups == 1 and image.flags.c_contiguous
    useful = 4 * windows >= 3 * image.shape[2]
    deep = 2 * DEEP if compete(image.strides[1]) and c < 2 * o else DEEP
    return simple and useful and kw > 1 and kw * o >= HIGH and kh * c >= deep


def list_moves(how: Window, windows: int, width: int) -> list[tuple[int, slice, slice]]:
    """For each column of the kernel, the windows that see a pixel there, and those pixels."""
    (_, kw), (_, sw), (_, pw), (_, dw) = how[:4]
    return [(j, *find_overlap(j * dw - pw, sw, windows, width)) for j in range(kw)]


def plan_rows(
    image: Array, w: Array, places: Array, top: int, moves: list[Move], step: int, bias: Array | None, threads: int
) -> list[Callable[[], None]]:
    """Tasks that convolve an image (H, C, W, N) with filters (O, C, kh, kw) into `places` (P, O, Q, N).

    top: the zeros above the image that the first row of windows begins at. step: every how many results a column of
    the kernel adds to.
    """
    (o, c, kh, kw), (p, _, q, n) = w.shape, places.shape
    filters = np.ascontiguousarray(w.transpose(3, 0, 2, 1)).reshape(kw * o, kh * c)
    lines = None if bias is None else np.repeat(bias, q * n).reshape(o, q, n)

    def fill(part: slice) -> None:
        products = borrow("products", (part.stop - part.start, kw * o, image[0, 0].size), places.dtype)
        # This is where the sum over c happens: a row of the filters meets a column of pixels, over i and c.
        multiply_rows(filters, image, part.start - top, kh, products)
        # And here the one over j: what a column of the kernel gives is moved to the windows that see it there.
        add_moved(products.reshape(-1, kw, o, *image.shape[2:]), moves, step, lines, places[part])

    row = kw * o * image[0, 0].size * image.itemsize
    tall = cut_evenly(-(-p // threads), max(1, (CHUNK if threads == 1 else COLUMNS) // row))
    return [partial(fill, part) for part in cut(p, tall)]


def multiply_rows(filters: Array, image: Array, top: int, kh: int, out: Array) -> None:
    """filters (kw·O, kh·C) @ whole rows of pixels, from row `top` on, that windows see -> out (p, kw·O, W·N)."""
    height, c, width, n = image.shape
    length, line = width * n, width * n * image.itemsize
    for windows, places, first in list_bands(top, len(out), height, kh, 1, 1):
        shape = (windows.stop - windows.start, (places.stop - places.start) * c, length)
        rows = as_strided(image[first:], shape, (c * line, line, image.itemsize))
        np.matmul(filters[:, places.start * c : places.stop * c], rows, out=out[windows])


def add_moved(products: Array, moves: list[Move], step: int, lines: Array | None, out: Array) -> None:
    """Products (p, kw, O, W, N) -> out (p, O, Q, N), every `step`-th result of which gets the sum of some columns."""
    for first in range(min(step, out.shape[2])):
        places = slice(first, None, step)
        mine = [move for move in moves if move[1].start % step == first and move[1].start < move[1].stop]
        mine.sort(key=lambda move: move[1].start - move[1].stop)  # what reaches most results fills them
        count = len(range(first, out.shape[2], step))
        whole = mine.pop(0) if mine and len(range(*mine[0][1].indices(out.shape[2]))) == count else None
        filled = 0 if whole is None else products[:, whole[0], :, whole[2]]
        if lines is None:
            out[:, :, places] = filled
        else:
            np.add(filled, lines[:, places], out=out[:, :, places])
        for j, target, source in mine:
            out[:, :, target] += products[:, j, :, source]
