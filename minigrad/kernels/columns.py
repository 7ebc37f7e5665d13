"""What windows see, as matrices (im2col), and the products of those with filters.

The columns lie in buffers that live on, and stay in a core's cache. For each part of a piece there are two long calls
of NumPy, a copy and a product: threads that come back from short ones wait for the interpreter's lock more than they
work.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.kernels.memory import Array, borrow, compete, copy_rows, pad_line
from minigrad.kernels.windows import Part, Window, cut_evenly, list_bands

TILE = 10**6  # multiplications of a product that OpenBLAS does as it lies
FEW = 96  # filters, up to which that is faster
STACK = 480  # rows and columns of a matrix up to which OpenBLAS multiplies a vector without a lock
LONG_TILE = 256  # columns of a tile from which sums of tiles cost little


def gather_columns(image: Array, part: Part, how: Window) -> Array:
    """What some windows see of an image (H, C, W, N), with zeros around it: im2col, a matrix for each row of windows.

    The image's batch is innermost in memory, and (W, N) contiguous. The matrices are (groups, p, kh·C/groups·kw, q·n).
    Those of windows above one another share rows: the image is held kw times instead of kh·kw (Cho & Brand 2017, "MEC",
    arXiv 1706.06873). Windows that see no pixel but the image's are one copy, and each of the others is another.
    """
    if (columns := find_columns(image, part, how)) is not None:
        return columns
    (kh, kw), (sh, sw), (ph, pw), (dh, dw), groups, _ = how
    (tall, wide, deep), pixels = part.shape(), image[..., part.windows[3]]
    c, (down, channel, right, _), item = image.shape[1] // groups, pixels.strides, image.itemsize
    top, left = part.windows[0].start * sh - ph, part.windows[2].start * sw - pw
    if dh == 1 and sh < kh:  # windows above one another share rows: each row of pixels is copied once
        rows, height, step, by = 1, (tall - 1) * sh + kh, sh, 1
    else:
        rows, height, step, by = kh, tall, kh, sh
    line = pad_line(wide * deep * item)
    columns = borrow("columns", (groups, height, rows, c, kw, line // item), image.dtype)[..., : wide * deep]
    spread = columns.reshape(*columns.shape[:-1], wide, deep)
    strides = (c * channel, by * down, dh * down, channel, dw * right, sw * right, item)
    for above, i, first in list_bands(top, height, len(image), rows, by, dh):
        clear(spread[:, above], i, 2)
        for across, j, begin in list_bands(left, wide, image.shape[2], kw, sw, dw):
            clear(spread[:, above, i, :, :, across], j, 4)
            target = spread[:, above, i, :, j, across]
            if target.size:
                np.copyto(target, as_strided(pixels[first:, :, begin:], target.shape, strides))
    matrices, down = (groups, tall, kh * c * kw, wide * deep), step * c * kw * line
    return as_strided(columns, matrices, (columns.strides[0], down, line, item))


def frame(image: Array, above: int, beside: int) -> Array:
    """An image (H, C, W, N) with so many rows and columns of zeros around it, and its batch innermost in memory.

    Windows then see no edge, and their columns are one long copy. Threads that make several short ones wait for each
    other (measured: longer than those copies take together).
    """
    height, c, width, n = image.shape
    framed = borrow("frame", (height + 2 * above, c, width + 2 * beside, n), image.dtype)
    framed[:above] = framed[above + height :] = 0
    framed[:, :, :beside] = framed[:, :, beside + width :] = 0
    copy_rows(framed[above : above + height, :, beside : beside + width], image)
    return framed


def clear(a: Array, kept: slice, axis: int) -> None:
    """Set to zero what lies before and behind `kept` along an axis."""
    along = a.swapaxes(0, axis)
    if kept.start:
        along[: kept.start] = 0
    if kept.stop < len(along):
        along[kept.stop :] = 0


def find_columns(image: Array, part: Part, how: Window) -> Array | None:
    """The same where the rows of pixels are the columns already, and well so as they lie, or None.

    They are for a kernel of one column, and for windows as wide as the image, if nothing is around the image. Lines
    that compete for the cache are sooner copied (measured for 1·1 windows: two thirds of the time).
    """
    (kh, kw), (sh, sw), (ph, pw), (dh, dw), groups, _ = how
    (tall, wide, deep), (height, channels, width, n) = part.shape(), image.shape
    top, left = part.windows[0].start * sh - ph, part.windows[2].start * sw - pw
    bottom, end = top + (tall - 1) * sh + (kh - 1) * dh, left + (wide - 1) * sw + (kw - 1) * dw
    c, (down, channel, right, _), item = channels // groups, image.strides, image.itemsize
    if min(top, left) < 0 or bottom >= height or end >= width or deep < n or (kh > 1 and dh * down != c * channel):
        return None
    pixels = image[top:, :, left:]
    if kw == sw == 1 and not compete(channel):
        return as_strided(pixels, (groups, tall, kh * c, wide * n), (c * channel, sh * down, channel, item))
    if wide == 1 and kw == width and channel == width * right:
        return as_strided(pixels, (groups, tall, kh * c * kw, n), (c * channel, sh * down, right, item))
    return None


def as_matrices(part: Array, groups: int) -> Array:
    """View results (p, O, q, n) as matrices: (groups, p, O/groups, q·n)."""
    tall, o, wide, deep = part.shape
    return part.reshape(tall, groups, o // groups, wide * deep).transpose(1, 0, 2, 3)


# ---------------------------------------------------------------------------------------------------- few filters


def multiply(filters: Array, columns: Array, out: Array) -> None:
    """filters (groups, 1, O, K) @ columns (groups, p, K, q·n) -> out (groups, p, O, q·n), in tiles of columns.

    With few filters, BLAS libraries take longer to rearrange the columns than to multiply them. OpenBLAS leaves that
    out of products of at most `TILE` multiplications (measured with 16 filters: twice as fast). Long filters are cut
    into two, so that a tile is wide enough. A single filter is a vector: OpenBLAS takes a lock for each of its products
    that is long, and threads would wait for one another.
    """
    o, k, length = *filters.shape[2:], columns.shape[3]
    most = TILE // max(1, o * 64)  # length of a filter
    width = find_tile(length, STACK - k if o == 1 else TILE // max(1, o * min(k, most)))
    if not (k and width) or k > (most if o > FEW else 2 * most):
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


def multiply_along(columns: Array, rows: Array, out: Array) -> None:
    """columns (groups, p, K, q·n) @ rows (groups, p, q·n, O) -> out (groups, p, K, O), in long tiles, which are summed.

    It is the same trick for sums over q and n (measured for 8 channels and 16 filters: two thirds of the time).
    """
    (_, _, k, length), o = columns.shape, rows.shape[3]
    width = find_tile(length, TILE // max(1, k * o))
    if width == length or width < LONG_TILE:
        np.matmul(columns, rows, out=out)
        return
    products = borrow("products", (*out.shape[:2], length // width, k, o), out.dtype)
    tiles = columns.reshape(*columns.shape[:3], -1, width).swapaxes(2, 3), rows.reshape(*rows.shape[:2], -1, width, o)
    np.matmul(*tiles, out=products)
    np.add.reduce(products, axis=2, out=out)


@functools.lru_cache(1024)
def find_tile(length: int, most: int) -> int:
    """The largest divisor of `length` up to `most` that is a multiple of 64, or if there is none, of 32; or 0."""
    for step in (64, 32):
        for width in range(min(most, length) // step * step, 0, -step):
            if length % width == 0:
                return width
    return 0
