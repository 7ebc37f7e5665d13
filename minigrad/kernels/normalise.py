"""Sums by channel and the normalisation of a batch that is built on them.

Where the mean is no larger than two deviations, nothing need be centred first: sums of products are at most five times
what is left of them, and x · factor + shift is as exact as (x - mean) · factor. That saves a pass over the images each
time. It is checked every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from minigrad.kernels.memory import LONG_LINE, Array, order_axes
from minigrad.kernels.sums import add_up_channels, share_lines, take


def view_by_channel(x: Array, order: Sequence[int]) -> Array:
    """An (N, C, *) array as (outer, C, inner): a view if it lies in memory in that order of axes, else a copy."""
    x = x.transpose(order)
    k = list(order).index(1)
    outer, inner = prod(x.shape[:k]), prod(x.shape[k + 1 :])
    return np.ascontiguousarray(x).reshape(outer, x.shape[k], inner)


def as_lines(x: Array) -> Array:
    """(outer, C, inner) as lines of one channel if they are long enough for NumPy, else of all channels."""
    outer, channels, inner = x.shape
    return x.reshape(outer * channels, inner) if inner >= LONG_LINE else x.reshape(outer, channels * inner)


def as_factors(values: Array, x: Array) -> Array:
    """Values (C,) to go with `as_lines(x)`: a column, or one line that repeats them; NumPy is fastest with these."""
    values = values.astype(x.dtype, copy=False)
    if x.shape[2] >= LONG_LINE:
        return np.tile(values, len(x))[:, None]
    return np.repeat(values, x.shape[2])[None]


# ---------------------------------------------------------------------------------------------------- sums


def channel_sum(x: Array) -> Array:
    """Sum of each channel of (N, C, *): (C,)."""
    order, _ = order_axes(x.strides)
    return add_up_channels(view_by_channel(x, order)).astype(x.dtype)


class Moments:
    """The mean and the deviation of each channel, (C,), and whether no mean is larger than two deviations."""

    def __init__(self, mean: Array, deviation: Array):
        self.mean, self.deviation = mean, deviation
        self.near = bool((np.abs(mean) <= 2 * deviation).all())


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


def sum_upstream(g: Array, x: Array, moments: Moments) -> Array:
    """The sums of g and of g (x - mean) over each channel of (N, C, *): (2, C), in float64."""
    order, _ = order_axes(x.strides)
    upstream, rows = view_by_channel(g, order), view_by_channel(x, order)
    if not moments.near:
        return add_up_channels(upstream, rows - moments.mean.astype(x.dtype)[:, None])
    sums = add_up_channels(upstream, rows)
    sums[1] -= moments.mean * sums[0]
    return sums


# --------------------------------------------------------------------------------------------- normalisation


def normalise(x: Array, weight: Array | None, bias: Array | None, moments: Moments) -> Array:
    """(x - mean) / deviation * weight + bias, all but x (N, C, *) of shape (C,)."""
    factor = (1 if weight is None else weight) / moments.deviation
    if not moments.near:
        return move(x, moments.mean, factor, bias)
    shift = moments.mean * -factor
    return move(x, None, factor, shift if bias is None else bias + shift)


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
        target = multiply_distance(rows[s], None if centres is None else take(centres, s), take(factors, s), results[s])
        if shifts is not None:
            target += take(shifts, s)

    share_lines(fill, rows)
    return out


def multiply_distance(x: Array, centre: Array | None, factor: Array, out: Array) -> Array:
    """(x - centre) · factor, or x · factor without a centre."""
    if centre is None:
        return np.multiply(x, factor, out=out)
    np.subtract(x, centre, out=out)
    out *= factor
    return out


def normalise_input(g: Array, x: Array, weight: Array | None, moments: Moments, sums: Array) -> Array:
    """Gradient of `normalise` by x where the moments are those of x itself (Ioffe & Szegedy 2015, 3).

    sums: what `sum_upstream` returns. The result is ((x - mean) · slope + g + shift) · factor.
    """
    out = np.empty_like(x)
    order, _ = order_axes(out.strides)
    view = view_by_channel(x, order)
    rows, upstream, results = (as_lines(a) for a in (view, view_by_channel(g, order), view_by_channel(out, order)))
    total, along = sums / (view.shape[0] * view.shape[2])
    mean, deviation = moments.mean, moments.deviation
    slope, shift, centres = -along / (deviation * deviation), -total, None
    if moments.near and np.isfinite(slope).all():
        shift -= mean * slope
    else:
        centres = as_factors(mean, view)
    factor = (1 if weight is None else weight) / deviation
    slopes, shifts, factors = (as_factors(a, view) for a in (slope, shift, factor))

    def fill(s: slice) -> None:
        target = multiply_distance(rows[s], None if centres is None else take(centres, s), take(slopes, s), results[s])
        target += upstream[s]
        target += take(shifts, s)
        target *= take(factors, s)

    share_lines(fill, rows, passes=2)
    return out
