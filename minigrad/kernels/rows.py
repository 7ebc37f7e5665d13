"""Rows of numbers that are normalised each by itself: softmax, its logarithm, and standardisation, with gradients.

All arrays are (rows, length), contiguous, and of float32 or float64. Rows are taken block by block: what is between the
steps stays in cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.kernels.memory import Array, short_buffer
from minigrad.kernels.sums import RUN, add_up_rows, ones
from minigrad.kernels.threads import BLOCK, WORTH, share_slices

NARROW = 32  # numbers in a row up to which more rows than that are quicker upright
DOT = 1 << 13  # numbers up to which a product with ones is as exact as a sum in pairs, and less than half as long

LEAST, MOST = 1e-3, 1e20  # a sum of exponentials between these lost no digits, though none was shifted

maximum_along: Any = np.maximum.reduce  # untyped: NumPy's stubs know a reduction only with a literal keepdims


def share_rows(task: Callable[[slice], object], x: Array) -> None:
    """Call `task` for slices of rows that stay in cache."""
    if not x.size:
        return  # rows without numbers would divide by a sum of 0
    each, worth = x.shape[1], WORTH // 2
    with short_buffer(each):
        share_slices(task, len(x), max(1, BLOCK // each), worth // each)


def sum_rows(x: Array) -> Array:
    """The sum of each row, as a column: (rows, 1)."""
    length = x.shape[1]
    if length > DOT:
        return np.add.reduce(x, axis=1, keepdims=True)
    return np.vecdot(x, ones(length, x.dtype))[:, None]  # type: ignore[no-any-return]


# ------------------------------------------------------------------------------------------------------ softmax


def find_largest(x: Array) -> Array:
    """The largest number of each row, as a column: (rows, 1).

    NumPy begins anew with each row. It takes all rows at once where short ones are copied to stand upright (measured
    with 2048 rows of 10: a tenth of the time).
    """
    if x.shape[1] <= NARROW < len(x):
        return maximum_along(np.ascontiguousarray(x.T), axis=0, initial=-math.inf)[:, None]  # type: ignore[no-any-return]
    return maximum_along(x, axis=1, keepdims=True, initial=-math.inf)  # type: ignore[no-any-return]


def subtract_largest(x: Array, out: Array) -> None:
    """x less the largest number of its row, so that no exponential overflows; not a number where that is infinite."""
    with np.errstate(invalid="ignore"):
        np.subtract(x, find_largest(x), out=out)


def softmax(x: Array) -> Array:
    """eˣ / Σ eˣ along each row.

    Only rows whose sum is too large or too small are shifted by their largest number: to find it costs a pass, too.
    """
    out = np.empty_like(x)

    def fill(s: slice) -> None:
        part = out[s]
        with np.errstate(over="ignore", invalid="ignore"):
            sums = sum_rows(np.exp(x[s], out=part))
            wrong = ~((sums >= LEAST) & (sums <= MOST))[:, 0]
            if wrong.any():
                moved = np.empty_like(part[wrong])
                subtract_largest(x[s][wrong], moved)
                sums[wrong] = sum_rows(np.exp(moved, out=moved))
                part[wrong] = moved
        part *= 1 / sums

    share_rows(fill, x)
    return out


def softmax_input(g: Array, out: Array) -> Array:
    """The gradient of `softmax`, from its result: out · (g - Σ g · out)."""
    grad = np.empty_like(g)

    def fill(s: slice) -> None:
        np.subtract(g[s], np.vecdot(g[s], out[s])[:, None], out=grad[s])
        grad[s] *= out[s]

    share_rows(fill, g)
    return grad


def log_softmax(x: Array) -> Array:
    """x - log Σ eˣ along each row."""
    out = np.empty_like(x)

    def fill(s: slice) -> None:
        part = out[s]
        subtract_largest(x[s], part)
        part -= np.log(sum_rows(np.exp(part)))

    share_rows(fill, x)
    return out


def log_softmax_input(g: Array, out: Array) -> Array:
    """The gradient of `log_softmax`, from its result: g - exp(out) · Σ g."""
    grad = np.empty_like(g)

    def fill(s: slice) -> None:
        part = np.exp(out[s], out=grad[s])
        part *= sum_rows(g[s])
        np.subtract(g[s], part, out=part)

    share_rows(fill, g)
    return grad


# ------------------------------------------------------------------------------------------------ cross-entropy


def class_entropy(x: Array, index: Array) -> tuple[Array, Array]:
    """-log softmax(x) at the class of each row: (rows) for an index (rows); and its slope, (rows, classes): softmax(x),
    less 1 at the class."""
    losses, slopes = np.empty(len(x), x.dtype), np.empty_like(x)

    def fill(s: slice) -> None:
        part = slopes[s]
        subtract_largest(x[s], part)
        line, place = part.reshape(-1), np.arange(0, part.size, part.shape[1]) + index[s]
        chosen = line[place]
        sums = sum_rows(np.exp(part, out=part))
        np.subtract(np.log(sums[:, 0]), chosen, out=losses[s])
        part *= 1 / sums
        line[place] -= 1

    share_rows(fill, x)
    return losses, slopes


# ---------------------------------------------------------------------------------------------- standardisation


def standardise(x: Array, weight: Array | None, bias: Array | None, eps: float) -> tuple[Array, Array, Array]:
    """Each row with mean 0 and variance 1, times the weight plus the bias (length); then that without these two, and
    1 / √(variance + eps) of each row, a column."""
    out, standard, scale = np.empty_like(x), np.empty_like(x), np.empty((len(x), 1), x.dtype)
    length = x.shape[1]

    def fill(s: slice) -> None:
        part = np.subtract(x[s], sum_rows(x[s]) / length, out=standard[s])
        scale[s] = 1 / np.sqrt(np.vecdot(part, part)[:, None] / length + eps)
        part *= scale[s]
        np.multiply(part, 1 if weight is None else weight, out=out[s])
        if bias is not None:
            out[s] += bias

    share_rows(fill, x)
    return out, standard, scale


def standardise_input(g: Array, weight: Array | None, standard: Array, scale: Array) -> Array:
    """The gradient of `standardise`: (h - mean h - standard · mean (h · standard)) · scale, where h = g · weight."""
    grad = np.empty_like(g)
    length = g.shape[1]

    def fill(s: slice) -> None:
        h = g[s] if weight is None else g[s] * weight
        part = np.multiply(standard[s], np.vecdot(h, standard[s])[:, None] / -length, out=grad[s])
        part += h
        part -= sum_rows(h) / length
        part *= scale[s]

    share_rows(fill, g)
    return grad


def sum_products(x: Array, y: Array) -> Array:
    """The sum of x · y over the rows: (length)."""
    if len(x) <= RUN and x.size <= BLOCK // 2:
        return np.einsum("ij,ij->j", x, y)  # type: ignore[no-any-return]
    return add_up_rows(x, y)[1].astype(x.dtype)  # type: ignore[no-any-return]
