"""Where windows lie on an image, and what each of them sees: numbers only, worked out once for a shape.

On toy images that costs as much as the arithmetic, so whatever a training step asks for again is cached.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

Pair = tuple[int, int]

CHUNK = 1 << 20  # bytes of im2col columns in a chunk, about a core's second-level cache
COLUMNS = 512  # columns from which a matrix product is at full speed


class Window(NamedTuple):
    """How a convolution or a pooling looks at an image: the options of all of them as one value."""

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    ceil_mode: bool = False


class Windows(NamedTuple):
    """Where windows lie on an image: a `grid` of (P, Q) of them on an image of `size` (H, W)."""

    size: Pair
    grid: Pair
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair

    @functools.lru_cache(1024)
    def along(self, axis: int) -> tuple[tuple[Any, Any], ...]:
        """For each kernel position along the rows' (0) or columns' (1) axis: which windows see pixels of the image
        there, and those pixels."""
        size, grid, kernel, stride, padding, dilation = (pair[axis] for pair in self)
        overlaps = [find_overlap(i * dilation - padding, stride, grid, size) for i in range(kernel)]
        rest = (slice(None),) * (1 - axis)
        return tuple(((..., seen, *rest), (..., taken, *rest)) for seen, taken in overlaps)

    @functools.lru_cache(1024)
    def inside(self, axis: int) -> bool:
        """Whether no window looks beyond the image along this axis."""
        size, grid, kernel, stride, padding, dilation = (pair[axis] for pair in self)
        return padding == 0 and (grid - 1) * stride + dilation * (kernel - 1) < size

    @functools.lru_cache(1024)
    def apart(self, axis: int) -> bool:
        """Whether no pixel belongs to two windows along this axis."""
        return self.dilation[axis] == 1 and self.kernel[axis] <= self.stride[axis]

    @functools.lru_cache(1024)
    def tiling(self, axis: int) -> bool:
        """Whether every pixel belongs to exactly one window along this axis."""
        size, grid, kernel, stride, _, _ = (pair[axis] for pair in self)
        return self.apart(axis) and self.inside(axis) and kernel == stride and size == grid * kernel

    @functools.lru_cache(1024)
    def region(self, axis: int, first: int, last: int) -> tuple[int, int, int, int]:
        """What the windows `first` to `last` (without it) see along an axis: from pixel to pixel, and the part of
        it that is inside the image."""
        size, _, kernel, stride, padding, dilation = (pair[axis] for pair in self)
        start = first * stride - padding
        stop = (last - 1) * stride - padding + dilation * (kernel - 1) + 1
        begin = min(max(0, start), size)
        return start, stop, begin, max(begin, min(size, stop))

    @functools.lru_cache(1024)
    def chunks(self, n: int, c: int, itemsize: int) -> tuple[tuple[slice, slice, slice], ...]:
        """Cut the windows of `n` images of `c` channels so that the columns of a chunk stay in cache."""
        (p, q), (kh, kw) = self.grid, self.kernel
        width = max(COLUMNS, CHUNK // (kh * c * kw * itemsize))
        deep = n if n < 2 * width else width
        wide = cut_evenly(q, width // deep) if deep == n else 1
        tall = cut_evenly(p, max(4, CHUNK // (self.step() * c * kw * wide * deep * itemsize)))
        return tuple(
            (slice(i, min(i + tall, p)), slice(j, min(j + wide, q)), slice(k, min(k + deep, n)))
            for i in range(0, p, tall)
            for j in range(0, q, wide)
            for k in range(0, n, deep)
        )

    def step(self) -> int:
        """Rows of columns from a window to the one below it: those are shared where windows overlap undilated."""
        return min(self.stride[0], self.kernel[0]) if self.dilation[0] == 1 else self.kernel[0]


def cut_evenly(count: int, most: int) -> int:
    """The size of parts, at most `most`, that cut `count` most evenly."""
    return -(-count // -(-count // max(1, most)))


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool = False) -> int:
    """Number of windows along an axis: those that fit, or with `ceil_mode` those that begin inside the input
    or its left padding (PyTorch's rules)."""
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return span // stride + 1
    count = -(-span // stride) + 1
    return count - 1 if (count - 1) * stride >= size + padding else count


@functools.lru_cache(1024)
def lay_windows(
    shape: Sequence[int], kernel: Sequence[int], stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool = False
) -> Windows:
    h, w = shape[2:]
    p, q = (output_size(*axis, ceil_mode) for axis in zip((h, w), kernel, stride, padding, dilation, strict=True))
    return Windows((h, w), (p, q), (kernel[0], kernel[1]), stride, padding, dilation)


def find_overlap(offset: int, stride: int, count: int, size: int) -> tuple[slice, slice]:
    """Of `count` positions offset, offset + stride, ...: those inside [0, size), and what they are."""
    first = max(0, -(offset // stride))
    last = max(first, min(count, (size - 1 - offset) // stride + 1))
    start = offset + first * stride
    return slice(first, last), slice(start, start + (last - first) * stride, stride)
