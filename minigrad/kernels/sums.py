"""Sums of lines and down lines, and of their products, as products with ones: BLAS adds up faster than NumPy does."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from minigrad.kernels.memory import Array, borrow, short_buffer
from minigrad.kernels.threads import BLOCK, SMALL, WORTH, one_blas_thread, run, share_slices

SHORT = 64  # numbers of a channel side by side from which they are added up as rows; below, many channels are a row
RUN = 256  # float32 numbers that may be added up one by one without losing digits


def share_lines(task: Callable[[slice], object], x: Array, passes: int = 1) -> None:
    """Call `task` for slices of (lines, length) that stay in cache; with more passes fewer lines are worth sharing."""
    length = max(1, x.shape[1])
    with short_buffer(length):
        share_slices(task, len(x), max(1, 2 * BLOCK // length), WORTH // passes // length)


def take(factors: Array, lines: slice) -> Array:
    """What of the factors goes with these lines."""
    return factors if len(factors) == 1 else factors[lines]


def add_up_channels(x: Array, y: Array | None = None) -> Array:
    """For (outer, C, inner), the sum over each channel in float64: (C,); with y, of x and of x · y: (2, C)."""
    outer, channels, inner = x.shape
    if inner >= SHORT:
        sums = np.add.reduce(add_up_lines(x, y), 1)
    else:
        rows = (outer, channels * inner)
        sums = add_up_rows(x.reshape(rows), None if y is None else y.reshape(rows))
        sums = np.add.reduce(sums.reshape(len(sums), channels, inner), 2)
    return sums[0] if y is None else sums  # type: ignore[no-any-return]


def repeat_wide(add: Callable[..., Array]) -> Callable[..., Array]:
    """Add up once more, in float64, where float32 is not wide enough: the square of 1e20 is infinite in it."""

    def add_up(x: Array, y: Array | None) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            sums = add(x, y)
            if x.dtype == np.float32 and not np.isfinite(sums).all():
                sums = add(x.astype(np.float64), None if y is None else y.astype(np.float64))
        return sums

    return add_up


@repeat_wide
def add_up_lines(x: Array, y: Array | None) -> Array:
    """For (outer, C, inner), the sums of x, and of x · y, along the last axis: (1 or 2, outer, C), in float64."""
    outer, channels, inner = x.shape
    sums, factors = np.empty((1 if y is None else 2, outer, channels), x.dtype), ones(inner, x.dtype)

    def add(s: slice) -> None:  # a matrix is never cut, so that slices of any size give the same bits
        np.matmul(x[s], factors, out=sums[0, s])
        if y is not None:
            np.vecdot(x[s], y[s], out=sums[1, s])

    with one_blas_thread():
        each = max(1, channels * inner)
        share_slices(add, outer, max(1, 2 * BLOCK // each), WORTH // each)
    return sums.astype(np.float64, copy=False)


@repeat_wide
def add_up_rows(x: Array, y: Array | None) -> Array:
    """The sums of x, and of x · y, down the lines: (1 or 2, length), in float64. Wide lines are cut into pieces."""
    lines, length = x.shape
    sums = np.zeros((1 if y is None else 2, length))
    width = max(1, min(length, 2 * BLOCK // max(1, min(lines, RUN))))
    step = max(RUN, 2 * BLOCK // width // RUN * RUN)

    def add(start: int) -> None:
        piece = slice(start, start + width)
        for i in range(0, lines, step):
            part = x[i : i + step, piece]
            add_runs(part, sums[0, piece])
            if y is not None:
                product = borrow("product", part.shape, x.dtype)
                add_runs(np.multiply(part, y[i : i + step, piece], out=product), sums[1, piece])

    if x.size >= WORTH:
        run(add, range(0, length, width))
    else:
        with nullcontext() if x.size <= SMALL else one_blas_thread():  # of little, BLAS makes one thread's work anyway
            for start in range(0, length, width):
                add(start)
    return sums


def add_runs(x: Array, total: Array) -> None:
    """Add the sums down the lines of x to the total; no more than RUN lines are added up in float32."""
    whole = len(x) // RUN * RUN
    if whole:
        runs = np.matmul(ones(RUN, x.dtype), x[:whole].reshape(-1, RUN, x.shape[1]))
        total += np.add.reduce(runs, 0, np.float64)
    if len(x) > whole:
        total += np.matmul(ones(len(x) - whole, x.dtype), x[whole:])


@functools.lru_cache(64)
def ones(length: int, dtype: np.dtype[Any]) -> Array:
    """So many ones, made once."""
    out = np.ones(length, dtype)
    out.flags.writeable = False
    return out
