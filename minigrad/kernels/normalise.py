"""Sums by channel and the normalisation of a batch that is built on them.

Where the mean is no larger than two deviations, nothing need be centred first: sums of products are at most five times
what is left of them, and x · factor + shift is as exact as (x - mean) · factor. That saves a pass over the images each
time. It is checked every time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from minigrad.kernels.memory import LONG, Array, borrow, order_axes, short_buffer
from minigrad.kernels.threads import BLOCK, WORTH, one_blas_thread, share_slices

SHORT = 64  # numbers of a channel side by side from which they are added up as rows; below, many channels are a row
RUN = 256  # float32 numbers that may be added up one by one without losing digits


def view_by_channel(x: Array, order: Sequence[int]) -> Array:
    """An (N, C, *) array as (outer, C, inner): a view if it lies in memory in that order of axes, else a copy."""
    x = x.transpose(order)
    k = list(order).index(1)
    outer, inner = prod(x.shape[:k]), prod(x.shape[k + 1 :])
    return np.ascontiguousarray(x).reshape(outer, x.shape[k], inner)


def as_lines(x: Array) -> Array:
    """(outer, C, inner) as lines of one channel if they are long enough for NumPy, else of all channels."""
    outer, channels, inner = x.shape
    return x.reshape(outer * channels, inner) if inner >= LONG else x.reshape(outer, channels * inner)


def as_factors(values: Array, x: Array) -> Array:
    """Values (C,) to go with `as_lines(x)`: a column, or lines that repeat them (NumPy is fastest with these)."""
    outer, channels, inner = x.shape
    values = values.astype(x.dtype, copy=False)
    if inner >= LONG:
        return np.tile(values, outer)[:, None]
    return np.broadcast_to(np.repeat(values, inner), (outer, channels * inner))


def share_lines(task: Callable[[slice], object], x: Array) -> None:
    """Call `task` for slices of (lines, length) that stay in cache."""
    length = max(1, x.shape[1])
    with one_blas_thread(), short_buffer(length):
        share_slices(task, len(x), max(1, 2 * BLOCK // length), WORTH // length)


# ---------------------------------------------------------------------------------------------------- sums


def channel_sum(x: Array) -> Array:
    """Sum of each channel of (N, C, *): (C,). As products with ones, which BLAS adds up faster than NumPy does."""
    order, _ = order_axes(x.strides)
    return add_up_channels(view_by_channel(x, order)).astype(x.dtype)


def add_up_channels(x: Array, y: Array | None = None) -> Array:
    """For (outer, C, inner), the sum over each channel in float64: (C,); with y, of x and of x · y: (2, C)."""
    outer, channels, inner = x.shape
    if inner >= SHORT:
        add, shape, parts = add_up_lines, (outer * channels, inner), (outer, channels, 1)
    else:
        add, shape, parts = add_up_rows, (outer, channels * inner), (1, channels, inner)
    sums = add(x.reshape(shape), None if y is None else y.reshape(shape))
    sums = sums.reshape(len(sums), *parts).sum((1, 3))
    return sums[0] if y is None else sums  # type: ignore[no-any-return]


def add_up_lines(x: Array, y: Array | None) -> Array:
    """The sums of x, and of x · y, along each line: (1 or 2, lines), in float64."""
    sums, ones = np.empty((1 if y is None else 2, len(x)), x.dtype), np.ones(x.shape[1], x.dtype)

    def add(s: slice) -> None:
        np.matmul(x[s], ones, out=sums[0, s])
        if y is not None:
            np.vecdot(x[s], y[s], out=sums[1, s])

    share_lines(add, x)
    return sums.astype(np.float64, copy=False)


def add_up_rows(x: Array, y: Array | None) -> Array:
    """The sums of x, and of x · y, down the lines: (1 or 2, length), in float64."""
    sums = np.zeros((1 if y is None else 2, x.shape[1]))
    step = max(1, min(RUN, 2 * BLOCK // max(1, x.shape[1])))
    ones = np.ones(step, x.dtype)
    with one_blas_thread():
        for i in range(0, len(x), step):
            part = x[i : i + step]
            sums[0] += ones[: len(part)] @ part
            if y is not None:
                product = np.multiply(part, y[i : i + step], out=borrow("product", part.shape, x.dtype))
                sums[1] += ones[: len(part)] @ product
    return sums


def channel_moments(x: Array) -> tuple[Array, Array]:
    """Mean and variance (without Bessel's correction) of each channel of (N, C, *): two arrays (C,)."""
    rows = view_by_channel(x, order_axes(x.strides)[0])
    count = max(1, rows.shape[0] * rows.shape[2])
    mean, square = add_up_channels(rows, rows) / count
    variance = square - mean * mean
    if not (mean * mean <= 4 * variance).all():
        centred = rows - mean.astype(x.dtype)[:, None]
        shift, variance = add_up_channels(centred, centred) / count
        variance = variance - shift * shift
    return mean.astype(x.dtype), variance.astype(x.dtype)


def channel_products(x: Array, y: Array) -> Array:
    """The sum of x · y over each channel of (N, C, *): (C,)."""
    order, _ = order_axes(x.strides)
    total: Array = add_up_channels(view_by_channel(x, order), view_by_channel(y, order))[1].astype(x.dtype)
    return total


def sum_upstream(g: Array, x: Array, mean: Array, deviation: Array) -> Array:
    """The sums of g and of g (x - mean) over each channel of (N, C, *): (2, C), in float64."""
    order, _ = order_axes(x.strides)
    upstream, rows = view_by_channel(g, order), view_by_channel(x, order)
    if (mean * mean <= 4 * deviation * deviation).all():
        total, product = add_up_channels(upstream, rows)
        return np.stack([total, product - mean * total])
    return add_up_channels(upstream, rows - mean.astype(x.dtype)[:, None])


# --------------------------------------------------------------------------------------------- normalisation


def normalise(x: Array, weight: Array | None, bias: Array | None, mean: Array, deviation: Array) -> Array:
    """(x - mean) / deviation * weight + bias, all but x (N, C, *) of shape (C,)."""
    factor = (1 if weight is None else weight) / deviation
    if is_near(mean, deviation, factor):
        return move(x, None, factor, (0 if bias is None else bias) - mean.astype(np.float64) * factor)
    return move(x, mean, factor, bias)


def is_near(mean: Array, deviation: Array, factor: Array) -> bool:
    """Whether x · factor - mean · factor is as exact as (x - mean) · factor, up to three roundings."""
    return bool((mean * mean <= 4 * deviation * deviation).all() and np.isfinite(factor).all())


def scale(x: Array, weight: Array | None, bias: Array | None) -> Array:
    """x (N, C, *) times weight plus bias, both (C,) or None."""
    return move(x, None, np.ones(x.shape[1], x.dtype) if weight is None else weight, bias)


def move(x: Array, centre: Array | None, factor: Array, shift: Array | None) -> Array:
    """(x - centre) · factor + shift for x (N, C, *) and the others (C,); a pass is left out for None."""
    out = np.empty_like(x)
    order, _ = order_axes(out.strides)
    view = view_by_channel(x, order)
    rows, results = as_lines(view), as_lines(view_by_channel(out, order))
    centres, shifts = (None if a is None else as_factors(a, view) for a in (centre, shift))
    factors = as_factors(factor, view)

    def fill(s: slice) -> None:
        target = multiply_distance(rows[s], None if centres is None else centres[s], factors[s], results[s])
        if shifts is not None:
            target += shifts[s]

    share_lines(fill, rows)
    return out


def multiply_distance(x: Array, centre: Array | None, factor: Array, out: Array) -> Array:
    """(x - centre) · factor, or x · factor without a centre."""
    if centre is None:
        return np.multiply(x, factor, out=out)
    np.subtract(x, centre, out=out)
    out *= factor
    return out


def normalise_input(g: Array, x: Array, weight: Array | None, mean: Array, deviation: Array, sums: Array) -> Array:
    """Gradient of `normalise` by x where `mean` and `deviation` are those of x itself (Ioffe & Szegedy 2015, 3).

    sums: what `sum_upstream` returns. The result is ((x - mean) · slope + g + shift) · factor.
    """
    out = np.empty_like(x)
    order, _ = order_axes(out.strides)
    view = view_by_channel(x, order)
    rows, upstream, results = (as_lines(a) for a in (view, view_by_channel(g, order), view_by_channel(out, order)))
    total, along = sums / (view.shape[0] * view.shape[2])
    slope, shift = -along / (deviation * deviation), -total
    factor = (1 if weight is None else weight) / deviation
    near = is_near(mean, deviation, slope)
    if near:
        shift = shift - mean * slope
    slopes, shifts, factors = (as_factors(a, view) for a in (slope, shift, factor))
    centres = None if near else as_factors(mean, view)

    def fill(s: slice) -> None:
        target = multiply_distance(rows[s], None if centres is None else centres[s], slopes[s], results[s])
        target += upstream[s]
        target += shifts[s]
        target *= factors[s]

    share_lines(fill, rows)
    return out
