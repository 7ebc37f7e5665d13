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
from minigrad.kernels.threads import RESULT, TILE, multiplies_as_it_lies
from minigrad.kernels.windows import Part, Window, cut_evenly, list_bands

SUM = 32  # and sums of at least so many products
SHORT, LONG = 32, 512  # columns of such a product between which it is fast
MANY = 64  # filters, or three times as many rows of columns, from which a product that is not small is fast, too
STACK = 480  # rows and columns of a matrix up to which OpenBLAS multiplies a vector without a lock


def gather_columns(image: Array, part: Part, how: Window) -> Array:
    """What some windows see of an image (H, C, W, N), with zeros around it: im2col, a matrix for each row of windows.

    The image's batch is innermost in memory, and (W, N) contiguous. The matrices are (groups, p, kh·C/groups·kw, q·n).
    Those of windows above one another share rows: the image is held kw times instead of kh·kw (Cho & Brand 2017, "MEC",
    arXiv 1706.06873). Windows that see no pixel but the image's are one copy, and each of the others is another.
    """
    if (columns := find_columns(image, part, how)) is not None:
        return columns
    (kh, kw), (sh, sw), (ph, pw), (dh, dw), groups, _ = how
    (tall, wide, deep), pixels = part.shape(), join(image[..., part.windows[3]])
    c, (down, channel, right, _), item = image.shape[1] // groups, pixels.strides, image.itemsize
    top, left = part.windows[0].start * sh - ph, part.windows[2].start * sw - pw
    if dh == 1 and sh < kh:  # windows above one another share rows: each row of pixels is copied once
        rows, height, step, by = 1, (tall - 1) * sh + kh, sh, 1
    else:
        rows, height, step, by = kh, tall, kh, sh
    line = pad_line(wide * deep * item)
    columns = borrow("columns", (groups, height, rows, c, kw, line // item), image.dtype)[..., : wide * deep]
    spread = join(columns.reshape(*columns.shape[:-1], wide, deep))
    strides = (c * channel, by * down, dh * down, channel, dw * right, sw * right, pixels.itemsize)
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


def join(pixels: Array) -> Array:
    """Pixels (…, N) as one number each where their images are as long as one, of 8 or 16 bytes.

    Where pixels lie apart NumPy calls a copy for each of them, but not for a number (measured for 4 images and stride
    2: a convolution takes half the time).
    """
    length = pixels.shape[-1] * pixels.itemsize
    return pixels.view(f"c{length}") if length in (8, 16) and pixels.shape[-1] > 1 else pixels


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


# ------------------------------------------------------------------------------------------------------- products


def multiply(filters: Array, columns: Array, out: Array) -> None:
    """filters (groups, 1, O, K) @ columns (groups, p, K, q·n) -> out (groups, p, O, q·n), in tiles of columns.

    BLAS rearranges the columns before it multiplies them, and with few filters that takes longer. OpenBLAS leaves it
    out of products of at most `TILE` multiplications (measured with 16 filters: 1.5x as fast, with 64 1.2x).
    """
    (groups, p, k, length), o = columns.shape, filters.shape[2]
    if k == 1:
        np.multiply(filters, columns, out=out)  # BLAS is slow at a column times a row
        return
    if o == 1:
        multiply_vector(filters, columns, out)
        return
    deep = TILE // (o * min(length, SHORT))
    if o < MANY and k > deep:  # a sum of several products
        multiply(filters[..., :deep], columns[:, :, :deep], out)
        for i in range(deep, k, deep):
            more = borrow("more", out.shape, out.dtype)
            multiply(filters[..., i : i + deep], columns[:, :, i : i + deep], more)
            out += more
        return
    rows, width = find_tile(o, k, length) if multiplies_as_it_lies() else (o, length)
    if width == length:
        np.matmul(filters, columns, out=out)
        return
    whole, bank, places = length - length % width, filters.reshape(groups, 1, -1, rows, k), (groups, p, o // rows, rows)
    tiles = columns[..., :whole].reshape(groups, p, 1, k, -1, width).swapaxes(3, 4)
    np.matmul(bank[:, :, :, None], tiles, out=out[..., :whole].reshape(*places, -1, width).swapaxes(3, 4))
    if whole < length:
        np.matmul(bank, columns[:, :, None, :, whole:], out=out[..., whole:].reshape(*places, -1))


@functools.lru_cache(1024)
def find_tile(o: int, k: int, length: int) -> tuple[int, int]:
    """How many filters of length k, of o, and how many columns, of `length`, a product takes at best."""
    if o * k * length <= TILE:
        return o, length
    most = TILE // (o * k)
    if most >= SHORT:
        return o, min(most, LONG) // 64 * 64 if most >= 64 else SHORT
    rows = next((i for i in range(TILE // (k * SHORT), 7, -1) if o % i == 0), o)
    return rows, SHORT if rows < o else length


def multiply_vector(vector: Array, columns: Array, out: Array) -> None:
    """The same with a single filter. OpenBLAS takes a lock for each product with it that is long, and threads would
    wait for one another."""
    k, length = columns.shape[2:]
    width = next((i for i in range(min(length, STACK - k) // 32 * 32, 0, -32) if length % i == 0), length)

    def tiles(a: Array) -> Array:
        return a.reshape(*a.shape[:3], -1, width).swapaxes(2, 3)  # a view

    np.matmul(vector[:, :, None], tiles(columns), out=tiles(out))


def multiply_along(columns: Array, upstream: Array, out: Array) -> None:
    """columns (groups, p, K, q·n) @ upstream (groups, p, q·n, O) -> out (groups, p, K, O): the same for sums over q
    and n (measured for 32 filters: 1.3x as fast)."""
    (_, _, k, length), o = columns.shape, upstream.shape[3]
    rows, width = find_sum(k, o, length) if multiplies_as_it_lies() else (k, length)
    multiply_stacked(columns[..., :width], upstream[..., :width, :], out, rows)
    for left in range(width, length, width):
        piece, more = slice(left, left + width), borrow("more", out.shape, out.dtype)
        multiply_stacked(columns[..., piece], upstream[..., piece, :], more, rows)
        out += more


@functools.lru_cache(1024)
def find_sum(k: int, o: int, length: int) -> tuple[int, int]:
    """How many rows of columns, of k, and how many columns, of `length`, a product with o lines of g has at best.

    OpenBLAS multiplies matrices as they lie only if the result has at most `RESULT` numbers, too.
    """
    as_it_is = k * o <= RESULT and k * o * length <= TILE
    large = o > MANY and (k > 3 * MANY or 4 * o > RESULT)
    if as_it_is or large or length < SUM:
        return k, length
    rows = min(k, max(1, RESULT // o))
    width = length
    if min(rows, 8) * o * length > TILE:
        width = -(-cut_evenly(length, TILE // (o * min(rows, 16))) // 64) * 64
    return cut_rows(k, min(rows, max(1, TILE // (o * width)))), width


def cut_rows(count: int, most: int) -> int:
    """The largest number up to `most` that divides `count` and is a multiple of 4, or at least that."""
    most = min(count, most if most < 4 else most // 4 * 4)
    return next((rows for rows in range(most, 0, -4) if count % rows == 0), most)


def multiply_stacked(a: Array, b: Array, out: Array, rows: int) -> None:
    """a (…, m, k) @ b (…, k, n) -> out (…, m, n) by products of so many rows, with one call of NumPy and one for the
    rows that are left."""
    m, k = a.shape[-2:]
    whole = m // rows * rows
    if whole == rows == m:
        np.matmul(a, b, out=out)
        return
    if whole:
        tiles = a[..., :whole, :].reshape(*a.shape[:-2], -1, rows, k)
        np.matmul(tiles, b[..., None, :, :], out=out[..., :whole, :].reshape(*out.shape[:-2], -1, rows, out.shape[-1]))
    if whole < m:
        np.matmul(a[..., whole:, :], b, out=out[..., whole:, :])
