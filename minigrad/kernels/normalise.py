"""Sums by channel and the normalisation of a batch that is built on them.

Where the mean is no larger than two deviations, sums of products need not be centred first: they are at most five times
what is left of them. That saves a pass over the images. It is checked every time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from minigrad.kernels.memory import Array, borrow, order_axes, repeat_along
from minigrad.kernels.threads import BLOCK, WORTH, one_blas_thread, share_slices

SHORT = 16  # numbers of a channel side by side from which products with ones are faster than sums of long rows


def view_by_channel(x: Array, order: Sequence[int]) -> Array:
    """An (N, C, *) array as (outer, C, inner): a view if it lies in memory in that order of axes, else a copy."""
    x = x.transpose(order)
    k = list(order).index(1)
    outer, inner = prod(x.shape[:k]), prod(x.shape[k + 1 :])
    return np.ascontiguousarray(x).reshape(outer, x.shape[k], inner)


def share_slabs(task: Callable[[slice], object], x: Array) -> None:
    """Call `task` for slices of the outer axis of (outer, C, inner) that stay in cache."""
    each = max(1, x[:1].size)
    with one_blas_thread():
        share_slices(task, len(x), max(1, 2 * BLOCK // each), WORTH // each)


def repeat_channels(values: Array, x: Array) -> Array:
    return repeat_along(values.astype(x.dtype, copy=False), x.shape[2])


def channel_sum(x: Array) -> Array:
    """Sum of each channel of (N, C, *): (C,). As products with ones, which BLAS adds up faster than NumPy does."""
    rows = view_by_channel(x, order_axes(x.strides)[0])
    if rows.shape[2] < SHORT:
        return sum_short_products(rows, rows, None)[0].astype(x.dtype)  # type: ignore[no-any-return]
    partial, ones = np.empty(rows.shape[:2], x.dtype), np.ones(rows.shape[2], x.dtype)
    share_slabs(lambda s: np.matmul(rows[s], ones, out=partial[s]), rows)
    total: Array = partial.sum(0, np.float64).astype(x.dtype)
    return total


def sum_channel_products(x: Array, y: Array, mean: Array | None) -> Array:
    """For (outer, C, inner), the sums of each channel of x - mean and of (x - mean) y: (2, C), in float64."""
    if x.shape[2] < SHORT:
        return sum_short_products(x, y, mean)
    partial, ones = np.empty((2, *x.shape[:2]), x.dtype), np.ones(x.shape[2], x.dtype)
    centre = None if mean is None else repeat_channels(mean, x)

    def slab(s: slice) -> None:
        a, b = x[s], y[s]
        if centre is not None:
            a = np.subtract(a, centre, out=borrow("centred", a.shape, x.dtype))
        np.matmul(a, ones, out=partial[0, s])
        np.vecdot(a, a if x is y else b, out=partial[1, s])

    share_slabs(slab, x)
    sums: Array = partial.sum(1, np.float64)
    return sums


def sum_short_products(x: Array, y: Array, mean: Array | None) -> Array:
    """`sum_channel_products` where channels are short in memory: down the outer axis, in long rows of all channels."""
    outer, channels, inner = x.shape
    sums = np.zeros((2, channels * inner))
    step = max(1, min(256, BLOCK // max(1, channels * inner)))  # that few float32 numbers lose no digits
    for i in range(0, outer, step):
        a = x[i : i + step] if mean is None else x[i : i + step] - mean[:, None]
        b = a if x is y else y[i : i + step]
        a, b = a.reshape(len(a), -1), b.reshape(len(a), -1)
        sums += np.add.reduce(a, axis=0), np.einsum("ij,ij->j", a, b)
    total: Array = sums.reshape(2, channels, inner).sum(2)
    return total


def channel_moments(x: Array) -> tuple[Array, Array]:
    """Mean and variance (without Bessel's correction) of each channel of (N, C, *): two arrays (C,)."""
    rows = view_by_channel(x, order_axes(x.strides)[0])
    count = max(1, rows.shape[0] * rows.shape[2])
    mean, square = sum_channel_products(rows, rows, None) / count
    variance = square - mean * mean
    if not (mean * mean <= 4 * variance).all():
        shift, variance = sum_channel_products(rows, rows, mean) / count
        variance = variance - shift * shift
    return mean.astype(x.dtype), variance.astype(x.dtype)


def normalise(x: Array, weight: Array | None, bias: Array | None, mean: Array, deviation: Array) -> Array:
    """(x - mean) / deviation * weight + bias, all but x (N, C, *) of shape (C,)."""
    out = np.empty_like(x)
    order, _ = order_axes(out.strides)
    rows, results = view_by_channel(x, order), view_by_channel(out, order)
    centre = repeat_channels(mean, rows)
    scale = repeat_channels(1 / deviation if weight is None else weight / deviation, rows)
    shift = None if bias is None else repeat_channels(bias, rows)

    def slab(s: slice) -> None:
        target = np.subtract(rows[s], centre, out=results[s])
        target *= scale
        if shift is not None:
            target += shift

    share_slabs(slab, rows)
    return out


def scale(x: Array, weight: Array | None, bias: Array | None) -> Array:
    """x (N, C, *) times weight plus bias, both (C,) or None."""
    out = np.empty_like(x)
    order, _ = order_axes(out.strides)
    rows, results = view_by_channel(x, order), view_by_channel(out, order)
    factor = repeat_channels(np.ones(rows.shape[1], x.dtype) if weight is None else weight, rows)
    shift = None if bias is None else repeat_channels(bias, rows)

    def slab(s: slice) -> None:
        target = np.multiply(rows[s], factor, out=results[s])
        if shift is not None:
            target += shift

    share_slabs(slab, rows)
    return out


def channel_products(x: Array, y: Array) -> Array:
    """The sum of x · y over each channel of (N, C, *): (C,)."""
    order, _ = order_axes(x.strides)
    total: Array = sum_channel_products(view_by_channel(x, order), view_by_channel(y, order), None)[1].astype(x.dtype)
    return total


def normalise_input(g: Array, x: Array, weight: Array | None, mean: Array, deviation: Array) -> Array:
    """Gradient of `normalise` by x where `mean` and `deviation` are those of x itself (Ioffe & Szegedy 2015, 3)."""
    out = np.empty_like(x)
    order, _ = order_axes(out.strides)
    rows, upstream, results = (view_by_channel(a, order) for a in (x, g, out))
    total, along = sum_upstream(upstream, rows, mean, deviation) / (rows.shape[0] * rows.shape[2])
    slope = repeat_channels(-along / (deviation * deviation), rows)
    centre, offset = repeat_channels(mean, rows), repeat_channels(total, rows)
    scale = repeat_channels(1 / deviation if weight is None else weight / deviation, rows)

    def slab(s: slice) -> None:
        target = np.subtract(rows[s], centre, out=results[s])
        target *= slope
        target += upstream[s]
        target -= offset
        target *= scale

    share_slabs(slab, rows)
    return out


def normalise_weight(g: Array, x: Array, mean: Array, deviation: Array) -> Array:
    """Gradient of `normalise` by its weight."""
    order, _ = order_axes(x.strides)
    along = sum_upstream(view_by_channel(g, order), view_by_channel(x, order), mean, deviation)[1]
    slope: Array = (along / deviation).astype(g.dtype)
    return slope


def sum_upstream(g: Array, x: Array, mean: Array, deviation: Array) -> Array:
    """Sums of g and of g (x - mean) over each channel of (outer, C, inner): (2, C), in float64."""
    if (mean * mean <= 4 * deviation * deviation).all():
        total, product = sum_channel_products(g, x, None)
        return np.stack([total, product - mean * total])
    centred = x - repeat_channels(mean, x)
    return sum_channel_products(g, centred, None)
