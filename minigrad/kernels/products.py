"""Matrix products, shared over our own threads instead of those of BLAS, which spin on after their work."""

from __future__ import annotations

import numpy as np

from minigrad.kernels.memory import Array
from minigrad.kernels.threads import (
    MODEST,
    PRODUCTS,
    RESULT,
    SMALL,
    TILE,
    multiplies_as_it_lies,
    one_blas_thread,
    run,
)

FEW = 32  # rows or columns of a result for which BLAS should not rearrange the other matrix
WIDE = 256  # lines of a tile, beyond which they leave the cache
LONG = 768  # numbers to a sum from which tiles are fast where the second matrix lies transposed


def matmul(x: Array, y: Array) -> Array:
    """`np.matmul`, on our threads if the matrices are two, and on one if they are stacked."""
    if x.ndim == y.ndim > 1 and x.shape[-1] == y.shape[-2] == 1:
        return np.multiply(x, y, order="C")  # matmul has no BLAS for a column and a row (measured: five times as long)
    if 0 in (x.ndim, y.ndim) or x.size * y.shape[-1] <= (SMALL if 1 in x.shape[-2:] + y.shape[-2:] else MODEST):
        return np.matmul(x, y)  # type: ignore[no-any-return]
    if x.ndim == 2 == y.ndim and x.shape[1] == y.shape[0]:
        if x.size * y.shape[1] >= PRODUCTS:
            return multiply(x, y)
        if lines := find_tile(x, y):
            return multiply_tiles(x, y, lines)
    with one_blas_thread():
        return np.matmul(x, y)  # type: ignore[no-any-return]


def match_rows(x: Array, y: Array) -> Array:
    """The product of each row of x with each row of y: (n, k), (m, k) -> (n, m).

    BLAS rearranges one of them before it multiplies. So the fewer rows go first, and the result is turned around
    (measured with 32 rows and 512: 1.7 times as fast).
    """
    if len(x) >= len(y):
        return matmul(x, y.T)
    return np.ascontiguousarray(matmul(y, x.T).T)


def multiply(x: Array, y: Array) -> Array:
    """The product of two matrices, cut along its longer side into as many blocks for any number of threads."""
    (rows, inner), columns = x.shape, y.shape[1]
    out = np.empty((rows, columns), np.result_type(x, y))
    longer, shorter = max(rows, columns), min(rows, columns)
    # blocks that are large enough for the other factor, which BLAS prepares anew for each, to cost little
    size = max(64, -(-longer // 8), (1 << 20) // (inner * shorter + 1))

    def fill(i: int) -> None:
        if columns >= rows:
            np.matmul(x, y[:, i : i + size], out=out[:, i : i + size])
        else:
            np.matmul(x[i : i + size], y, out=out[i : i + size])

    run(fill, range(0, longer, size), share=rows * inner * columns >= PRODUCTS)
    return out


def multiply_tiles(x: Array, y: Array, lines: int) -> Array:
    """The product of two matrices by so many lines of the longer side at once, which BLAS does on one thread."""
    if lines >= max(len(x), y.shape[1]):
        return np.matmul(x, y)  # type: ignore[no-any-return]
    out = np.empty((len(x), y.shape[1]), x.dtype)
    if len(x) > y.shape[1]:
        for i in range(0, len(x), lines):
            np.matmul(x[i : i + lines], y, out=out[i : i + lines])
    else:
        for i in range(0, y.shape[1], lines):
            np.matmul(x, y[:, i : i + lines], out=out[:, i : i + lines])
    return out


def find_tile(x: Array, y: Array) -> int:
    """How many lines of a product's longer side OpenBLAS takes as they lie; 0 where it should rearrange the matrices.

    That takes longer than the product of few rows, or of sums of few products. OpenBLAS leaves it out, and takes one
    thread by itself, up to `TILE` multiplications (measured with a batch of 64, 1600 features and 10 classes: half the
    time; with a batch of 4 and weights of 512 x 2048: half forward, and a fifth to two fifths back).
    """
    if not x.dtype == y.dtype == np.float32 or not multiplies_as_it_lies():
        return 0
    (rows, inner), columns = x.shape, y.shape[1]
    shorter, products = min(rows, columns), rows * inner * columns
    transposed = y.strides[0] < y.strides[1]
    if products <= TILE:
        return 0 if transposed and rows * columns > RESULT else max(rows, columns)
    few = 1 < shorter <= FEW or (inner <= FEW // 2 and products > 4 * TILE)
    if not few or (transposed and inner < LONG):
        return 0
    most = min(TILE // (shorter * inner), RESULT // shorter if transposed else WIDE)
    return most // 64 * 64 or (most // 16 * 16 if transposed else 0)
