"""Convolution by the rows of pixels as they lie in memory, without im2col.

In an image (H, C, W, N) the rows above one another are a matrix (kh·C, W·N) already. A product with the filters of all
columns of the kernel at once, (kw·O, kh·C), gives what each of those columns adds to the results; then they are added
up, each moved to its place. No pixel is copied and no zero multiplied, and BLAS gets kw times as many filters, with
which it is faster (measured for 64 to 32 channels: 1.5x). The price is kw sums for each result.

The gradient of the input is such a convolution of g, and with a stride, one for every `stride`-th row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.kernels.columns import multiply
from minigrad.kernels.memory import Array, borrow, keep_apart
from minigrad.kernels.windows import CHUNK, COLUMNS, Window, cut, cut_evenly, find_overlap, list_bands

DEEP = 96  # pixels of all rows that a product sums from which it is worth the sums of its results

Move = tuple[int, slice, slice]  # a column of the kernel, the results that it adds to, and the products that it adds


def fits(image: Array, w: Array, windows: int, how: Window) -> bool:
    """Whether a convolution of an image (H, C, W, N) can be done by its rows, and is done sooner so.

    windows: how many there are in a row; the product is taken for all pixels, and more of them would be in vain. By
    rows, kw numbers are added for each of the O results, and by columns, kw are copied for each of the C channels. So
    few filters are sooner done by rows, and more of them where products are large. (Measured for 1140 random
    convolutions: the way that this finds takes 1 % longer than the quicker one, in the mean.)
    """
    o, c, kh, kw = w.shape
    simple = how.stride == (1, 1) and how.groups == 1 and image.flags.c_contiguous and kw > 1
    few = c >= 2 * o and 2 * windows >= image.shape[2]
    deep = 2 * c >= o and kh * c >= DEEP and 4 * windows >= 3 * image.shape[2]
    return simple and (few or deep)


def split_rows(image: Array, places: Array, top: int, apart: int) -> Iterator[tuple[Array, Array, int]]:
    """Convolutions that see rows next to each other, in place of one that sees rows `apart` of each other.

    Each is an image (H, C, W, N), the results (P, O, Q, N) and the zeros above the image that its windows begin at.
    """
    if apart == 1:
        yield image, places, top
        return
    for i in range(min(apart, len(places))):
        first = (i - top) % apart
        yield np.ascontiguousarray(image[first::apart]), places[i::apart], (top - i + first) // apart


def list_moves(how: Window, windows: int, width: int) -> list[tuple[int, slice, slice]]:
    """For each column of the kernel, the windows that see a pixel there, and those pixels."""
    (_, kw), (_, sw), (_, pw), (_, dw) = how[:4]
    return [(j, *find_overlap(j * dw - pw, sw, windows, width)) for j in range(kw)]


def lay_rows(w: Array) -> Array:
    """(O, C, kh, kw) -> (kw·O, kh·C): the filters of all columns of the kernel, to meet rows above one another.

    They lie in memory column by column: BLAS takes them so as well, and the filters of a gradient, whose channels are
    exchanged, are copied in less time (measured for 128 times 64 channels and 4 x 4 places: an eighth of it).
    """
    o, c, kh, kw = w.shape
    return np.ascontiguousarray(keep_apart(w).transpose(2, 1, 3, 0)).reshape(kh * c, kw * o).T


def plan_rows(
    image: Array, places: Array, top: int, bank: Array, moves: list[Move], step: int, bias: Array | None, threads: int
) -> list[Callable[[], None]]:
    """Tasks that convolve an image (H, C, W, N) with a bank of filters (kw·O, kh·C) into `places` (P, O, Q, N).

    top: the zeros above the image that the first row of windows begins at. step: every how many results a column of
    the kernel adds to.
    """
    (p, o, q, n), (_, c, width, _), kw_o = places.shape, image.shape, len(bank)
    lines = None if bias is None else np.repeat(bias, q * n).reshape(o, q, n)

    def fill(part: slice) -> None:
        products = borrow("products", (part.stop - part.start, kw_o, width * n), places.dtype)
        # This is where the sum over c happens: a row of the filters meets a column of pixels, over i and c.
        multiply_rows(bank, image, part.start - top, bank.shape[1] // c, products)
        # And here the one over j: what a column of the kernel gives is moved to the windows that see it there.
        add_moved(products.reshape(len(products), -1, o, width, n), moves, step, lines, places[part])

    row = kw_o * width * n * image.itemsize
    tall = cut_evenly(-(-p // threads), max(1, (CHUNK if threads == 1 else COLUMNS) // row))
    return [partial(fill, part) for part in cut(p, tall)]


def multiply_rows(bank: Array, image: Array, top: int, kh: int, out: Array) -> None:
    """bank (kw·O, kh·C) @ whole rows of pixels, from row `top` on, that windows see -> out (p, kw·O, W·N)."""
    height, c, width, n = image.shape
    length, line = width * n, width * n * image.itemsize
    for windows, places, first in list_bands(top, len(out), height, kh, 1, 1):
        if places.start == places.stop:  # these windows see no pixel
            out[windows] = 0
            continue
        shape = (1, windows.stop - windows.start, (places.stop - places.start) * c, length)
        rows = as_strided(image[first:], shape, (0, c * line, line, image.itemsize))
        multiply(bank[None, None, :, places.start * c : places.stop * c], rows, out[None, windows])


def add_moved(products: Array, moves: list[Move], step: int, lines: Array | None, out: Array) -> None:
    """Products (p, kw, O, W, N) -> out (p, O, Q, N), every `step`-th result of which gets the sum of some columns.

    They are added up where they lie, in long stretches, and put into their places at the end.
    """
    for first in range(min(step, out.shape[2])):
        places, count = slice(first, None, step), len(range(first, out.shape[2], step))
        mine = [move for move in moves if move[1].start % step == first and move[1].start < move[1].stop]
        mine.sort(key=lambda move: move[1].start - move[1].stop)  # the one that reaches most results is the first
        if not mine:
            out[:, :, places] = 0 if lines is None else lines[:, places]
            continue
        j, target, source = mine.pop(0)
        if source.stop - source.start == count:
            sums = products[:, j, :, source]
        else:
            sums = borrow("sums", (len(out), out.shape[1], count, out.shape[3]), out.dtype)
            begin = target.start // step
            sums[:, :, :begin] = sums[:, :, begin + source.stop - source.start :] = 0
            sums[:, :, begin : begin + source.stop - source.start] = products[:, j, :, source]
        for j, target, source in mine:
            begin = target.start // step
            sums[:, :, begin : begin + source.stop - source.start] += products[:, j, :, source]
        if lines is None:
            out[:, :, places] = sums
        else:
            np.add(sums, lines[:, places], out=out[:, :, places])
