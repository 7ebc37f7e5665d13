"""Normalisation of groups of channels, each image by itself, from one number for each channel of each image, a cell.

Sums over cells are all that is needed of the images; what follows from them is arithmetic on (N, C), and the result
is the images times one number a cell plus another. So no image is ever copied into an order of its groups.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from minigrad.kernels.memory import Array, borrow, order_axes
from minigrad.kernels.sums import add_up_lines, add_up_rows, share_lines, take


class Cells:
    """How (N, C, *) is seen as lines to which one number a cell can be told: as it lies, if that is NC* or *CN."""

    def __init__(self, x: Array):
        order = order_axes(x.strides)[0]
        self.last = order[-1] == 0 and x.transpose(order).flags.c_contiguous  # the images are innermost
        self.order = order if self.last else list(range(x.ndim))
        shape, channel = [x.shape[a] for a in self.order], self.order.index(1)
        self.count = x.shape[:2]
        self.inner = prod(shape[channel + 1 : -1]) if self.last else prod(shape[2:])
        self.shape = (prod(shape[:channel]), prod(shape[channel:])) if self.last else (prod(shape[:2]), self.inner)
        self.size = prod(x.shape[2:])  # of a cell

    def view(self, x: Array) -> Array:
        """The lines of x, or of another array of its shape: a view if it lies as x does."""
        return np.ascontiguousarray(x.transpose(self.order)).reshape(self.shape)

    def make(self, x: Array) -> tuple[Array, Array]:
        """A new array like x, which owns its memory, and its lines."""
        new = np.empty_like(x) if self.last else np.empty(x.shape, x.dtype)
        return new, new.transpose(self.order).reshape(self.shape)

    def add_up(self, x: Array, y: Array) -> Array:
        """The sums of x and of x · y, both as lines, over each cell: (2, N, C), in float64."""
        if not self.last:
            return add_up_lines(x[:, None], y[:, None]).reshape(2, *self.count)
        n, channels = self.count
        sums: Array = add_up_rows(x, y).reshape(2, channels, self.inner, n).sum(2).transpose(0, 2, 1)
        return sums

    def spread(self, values: Array, dtype: np.dtype[Any]) -> Array:
        """Values (N, C) as factors of the lines: one line, or a column."""
        values = values.astype(dtype)
        return np.repeat(values.T[:, None], self.inner, 1).reshape(1, -1) if self.last else values.reshape(-1, 1)


class Groups:
    """The mean and the deviation of each group of each image, (N, G) in float64."""

    def __init__(self, x: Array, groups: int, eps: float):
        self.size = x.shape[1] // groups  # channels
        self.cells = Cells(x)
        lines = self.cells.view(x)
        self.mean, square = self.average(self.cells.add_up(lines, lines))
        variance = square - self.mean * self.mean
        self.near = bool((self.mean * self.mean <= 4 * variance).all())  # so that nothing need be centred first
        self.deviation = np.sqrt(variance + eps)

    def average(self, sums: Array) -> Array:
        """Sums (2, N, C) over the cells as means over each group, (2, N, G)."""
        n, channels = sums.shape[1:]
        count = self.size * self.cells.size
        return sums.reshape(2, n, channels // self.size, self.size).sum(3) / count  # type: ignore[no-any-return]

    def repeat(self, values: Array) -> Array:
        """Values (N, G) for each channel: (N, C)."""
        return np.repeat(values, self.size, 1)


def normalise(x: Array, weight: Array | None, bias: Array | None, groups: Groups) -> Array:
    """(x - mean) / deviation of the group, times weight plus bias, both (C,)."""
    factor = groups.repeat(1 / groups.deviation) * (1 if weight is None else weight)
    shift = (0 if bias is None else bias) - groups.repeat(groups.mean) * factor
    return combine(groups.cells, x, factor, None, None, shift)


def sum_upstream(g: Array, x: Array, groups: Groups) -> Array:
    """The sums of g and of g (x - mean) over each cell: (2, N, C), in float64."""
    sums = groups.cells.add_up(groups.cells.view(g), groups.cells.view(x))
    sums[1] -= groups.repeat(groups.mean) * sums[0]
    return sums


def normalise_input(g: Array, x: Array, weight: Array | None, groups: Groups, sums: Array) -> Array:
    """Gradient of `normalise` by x; sums: what `sum_upstream` returns. It is x · slope + g · factor + shift."""
    factor = groups.repeat(1 / groups.deviation) * (1 if weight is None else weight)
    total, along = groups.average(sums * (1 if weight is None else weight))
    slope = -along / groups.deviation**3
    shift = -total / groups.deviation - groups.mean * slope
    return combine(groups.cells, x, groups.repeat(slope), g, factor, groups.repeat(shift))


def combine(cells: Cells, x: Array, a: Array, y: Array | None, b: Array | None, c: Array) -> Array:
    """x · a + y · b + c for a, b and c of each cell, (N, C)."""
    out, results = cells.make(x)
    rows, others = cells.view(x), None if y is None else cells.view(y)
    slopes, shifts = cells.spread(a, x.dtype), cells.spread(c, x.dtype)
    factors = None if b is None else cells.spread(b, x.dtype)

    def fill(s: slice) -> None:
        target = np.multiply(rows[s], take(slopes, s), out=results[s])
        if others is not None and factors is not None:
            part = borrow("product", target.shape, x.dtype)
            target += np.multiply(others[s], take(factors, s), out=part)
        target += take(shifts, s)

    share_lines(fill, rows, passes=1 if y is None else 2)
    return out
