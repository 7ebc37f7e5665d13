"""Where windows lie on an image, and what each of them sees: numbers only, worked out once for a shape.

On toy images that costs as much as the arithmetic, so whatever a training step asks for again is kept.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

Pair = tuple[int, int]

CHUNK = 1 << 20  # bytes of im2col columns in a chunk, about a core's second-level cache
COLUMNS = 512  # columns from which a matrix product is at full speed


class Window(NamedTuple):
    """How a convolution or a pooling looks at an image: its options as one value. Pairs are (rows, columns).

    padding: pixels on either side, zeros for a sum, and for a maximum nothing. groups: of a convolution. ceil_mode: of
    a pooling, whether a last window may end beyond image and padding (PyTorch's word).
    """

    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    ceil_mode: bool = False

    def axes(self) -> Iterator[tuple[int, int, int, int]]:
        """Kernel, stride, padding and dilation along the rows' and along the columns' axis."""
        return zip(self.kernel, self.stride, self.padding, self.dilation, strict=True)


def count_windows(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool = False) -> int:
    """Number of windows along an axis: those that fit, or with `ceil_mode` those that begin inside the input or its
    left padding (PyTorch's rules); less than 1 if there is no room for one."""
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return span // stride + 1
    count = -(-span // stride) + 1
    return count - 1 if (count - 1) * stride >= size + padding else count


Tap = tuple[Any, Any]


@dataclass(frozen=True)
class Axis:
    """The windows along one axis of an image.

    taps: for each place in the kernel, two indices: the windows that see a pixel there, and those pixels.
    firsts: the same in two parts: the windows that see their first pixel there, and those that saw one before.
    blind: whether a window sees nothing at all. inside: whether no window looks beyond the image. apart: whether no
    pixel belongs to two windows. tiling: whether every pixel belongs to exactly one. scattered: whether the pixels at a
    place lie apart in memory, in runs of a batch: every other column.
    """

    count: int
    taps: tuple[Tap, ...]
    firsts: tuple[tuple[Tap, Tap], ...]
    blind: bool
    inside: bool
    apart: bool
    tiling: bool
    scattered: bool


@functools.lru_cache(1024)
def lay_windows(size: Pair, how: Window) -> tuple[Axis, Axis]:
    """The windows along the rows' and along the columns' axis of an image (*, H, W)."""
    rows, columns = (
        lay_axis(n, *axis, how.ceil_mode, (slice(None),) * behind)
        for behind, n, axis in zip((1, 0), size, how.axes(), strict=True)
    )
    return rows, columns


def lay_axis(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool, behind: tuple[slice, ...]
) -> Axis:
    """The windows along an axis that has as many others behind it as `behind` has slices."""
    count = count_windows(size, kernel, stride, padding, dilation, ceil_mode)
    overlaps = [find_overlap(i * dilation - padding, stride, count, size) for i in range(kernel)]

    def index(seeing: slice, seen: slice) -> Tap:
        return (..., seeing, *behind), (..., seen, *behind)

    inside = padding == 0 and (count - 1) * stride + dilation * (kernel - 1) < size
    apart = dilation == 1 and kernel <= stride
    firsts: list[tuple[Tap, Tap]] = []
    begun, sighted = count, 0  # windows from `begun` on have seen a pixel: later places see those ahead
    for seeing, seen in overlaps:
        middle = max(seeing.start, min(seeing.stop, begun))
        cut_at = seen.start + (middle - seeing.start) * stride
        fresh = index(slice(seeing.start, middle), slice(seen.start, cut_at, stride))
        firsts.append((fresh, index(slice(middle, seeing.stop), slice(cut_at, seen.stop, stride))))
        sighted += middle - seeing.start
        begun = min(begun, seeing.start) if seeing.start < seeing.stop else begun
    return Axis(
        count=count,
        taps=tuple(index(*overlap) for overlap in overlaps),
        firsts=tuple(firsts),
        blind=sighted < count,
        inside=inside,
        apart=apart,
        tiling=apart and inside and kernel == stride and size == count * kernel,
        scattered=stride > 1 and not behind,
    )


def find_overlap(offset: int, stride: int, count: int, size: int) -> tuple[slice, slice]:
    """Of `count` positions offset, offset + stride, …: those inside [0, size), and what they are."""
    first = max(0, -(offset // stride))
    last = max(first, min(count, (size - 1 - offset) // stride + 1))
    start = offset + first * stride
    return slice(first, last), slice(start, start + (last - first) * stride, stride)


# ---------------------------------------------------------------------------------------------------- chunks


class Chunk(NamedTuple):
    """Windows that a convolution works on at once: `shape` (p, q, n) of them, and the pixels that they see.

    windows: where they stand in results (P, O, Q, N). pixels: what they see of an image (H, C, W, N). span: (h, w)
    pixels from the first to the last that they look at. place: where in an (h, C, w, n) of that span the pixels
    belong. borders: what of it is outside of the image.
    """

    shape: tuple[int, int, int]
    windows: tuple[slice, ...]
    pixels: tuple[slice, ...]
    span: Pair
    place: tuple[slice, ...]
    borders: tuple[tuple[slice, ...], ...]


@functools.lru_cache(1024)
def cut_chunks(shape: tuple[int, int, int, int], how: Window, itemsize: int) -> tuple[Chunk, ...]:
    """Cut the windows on images (N, C, H, W) so that the columns of a chunk stay in cache."""
    n, c, height, width = shape
    (kh, kw), (rows, columns) = how.kernel, lay_windows((height, width), how)
    p, q = rows.count, columns.count
    if not (n and p and q):
        return ()
    most = max(COLUMNS, CHUNK // max(1, kh * c * kw * itemsize))
    deep = n if n < 2 * most else most
    wide = cut_evenly(q, most // deep) if deep == n else 1
    tall = cut_evenly(p, max(4, CHUNK // max(1, kept_rows(how) * c * kw * wide * deep * itemsize)))
    parts = product(cut(p, tall), cut(q, wide), cut(n, deep))
    return tuple(make_chunk(*part, (height, width), how) for part in parts)


def cut(count: int, step: int) -> list[slice]:
    """Slices of `step`, the last one of what is left, that make up `count`."""
    return [slice(i, min(i + step, count)) for i in range(0, count, step)]


def kept_rows(how: Window) -> int:
    """Rows of columns from a window to the one below it: they are shared where windows overlap and are undilated."""
    return min(how.stride[0], how.kernel[0]) if how.dilation[0] == 1 else how.kernel[0]


def cut_evenly(count: int, most: int) -> int:
    """The size of parts, at most `most`, that cut `count` most evenly."""
    return -(-count // -(-count // max(1, most)))


def make_chunk(p: slice, q: slice, n: slice, size: Pair, how: Window) -> Chunk:
    (top, bottom, first, last), (left, right, begin, end) = (
        look_along(part, size, *axis) for part, size, axis in zip((p, q), size, how.axes(), strict=True)
    )
    every = slice(None)
    borders = [
        (slice(0, first - top),),
        (slice(last - top, bottom - top),),
        (every, every, slice(0, begin - left)),
        (every, every, slice(end - left, right - left)),
    ]
    return Chunk(
        shape=(p.stop - p.start, q.stop - q.start, n.stop - n.start),
        windows=(p, every, q, n),
        pixels=(slice(first, last), every, slice(begin, end), n),
        span=(bottom - top, right - left),
        place=(slice(first - top, last - top), every, slice(begin - left, end - left)),
        borders=tuple(border for border in borders if border[-1].start < border[-1].stop),
    )


def look_along(windows: slice, size: int, kernel: int, stride: int, padding: int, dilation: int) -> tuple[int, ...]:
    """What windows see along an axis: from pixel to pixel, and from where to where that is inside the image."""
    start = windows.start * stride - padding
    stop = (windows.stop - 1) * stride - padding + dilation * (kernel - 1) + 1
    begin = min(max(0, start), size)
    return start, stop, begin, max(begin, min(size, stop))
