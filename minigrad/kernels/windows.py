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

CHUNK = 1 << 19  # bytes that stay in a core's second-level cache beside what is made of them
COLUMNS = 1 << 21  # bytes of im2col columns made at once: few rows of pixels are copied twice, and calls are long
FRAME = 1 << 21  # bytes of an image up to which to frame it costs less than short copies
STRIP = 1 << 20  # bytes of them for a row of windows, unless there are few
WIDE = 1024  # columns from which a matrix product is at full speed


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

    def turn(self) -> Window:
        """The same for an image whose rows and columns are exchanged."""
        turned = {name: getattr(self, name)[::-1] for name in ("kernel", "stride", "padding", "dilation")}
        return self._replace(**turned)


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


# ----------------------------------------------------------------------------------------------------- parts


class Part(NamedTuple):
    """Windows of a convolution that one task works on.

    look: the number of the convolution that they are of, where several look at one image. windows: where they stand in
    its results (P, O, Q, N). strip: the number of the stretch of columns and images that they are from.
    """

    look: int
    windows: tuple[slice, slice, slice, slice]
    strip: int

    def shape(self) -> tuple[int, int, int]:
        """How many windows there are: (p, q, n)."""
        rows, _, columns, images = self.windows
        return rows.stop - rows.start, columns.stop - columns.start, images.stop - images.start


@functools.lru_cache(1024)
def cut_parts(
    shape: tuple[int, int], looks: tuple[tuple[Window, Pair], ...], itemsize: int, threads: int = 1
) -> tuple[Part, ...]:
    """Cut convolutions of n images with c channels, each with its options and (P, Q) windows, for so many threads.

    Parts are whole rows of a strip, so what is summed for each row and strip does not depend on the threads.
    """
    (n, c), share = shape, -(-threads // len(looks))
    parts = []
    for look, (how, (p, q)) in enumerate(looks):
        if n and p and q:
            tall, strips = cut_strips((n, c, p, q), how, itemsize, share)
            for (strip, (images, columns)), rows in product(enumerate(strips), cut(p, tall)):
                parts.append(Part(look, (rows, slice(None), columns, images), strip))
    return tuple(parts)


def cut_strips(
    counts: tuple[int, int, int, int], how: Window, itemsize: int, threads: int
) -> tuple[int, list[tuple[slice, slice]]]:
    """How many rows of windows a part has, and the stretches of images and columns of one; from counts (n, c, p, q)."""
    (n, c, p, q), (kh, kw) = counts, how.kernel
    most = max(WIDE, STRIP // max(1, kh * (c // how.groups) * kw * itemsize))
    deep = n if n < 2 * most else most
    wide = cut_evenly(q, most // deep) if deep == n else 1
    row = max(1, kept_rows(how) * c * kw * wide * deep * itemsize)  # bytes of columns for a row of windows
    tall = cut_evenly(-(-p // threads), max(4, COLUMNS // row))
    return tall, [*product(cut(n, deep), cut(q, wide))]


def cut(count: int, step: int) -> list[slice]:
    """Slices of `step`, the last one of what is left, that make up `count`."""
    return [slice(i, min(i + step, count)) for i in range(0, count, step)]


def kept_rows(how: Window) -> int:
    """Rows of columns from a window to the one below it: they are shared where windows overlap and are undilated."""
    return min(how.stride[0], how.kernel[0]) if how.dilation[0] == 1 else how.kernel[0]


def cut_evenly(count: int, most: int) -> int:
    """The size of parts, at most `most`, that cut `count` most evenly."""
    return -(-count // -(-count // max(1, most)))


Band = tuple[slice, slice, int]  # windows, the places of the kernel where they see a pixel, and the first that they see


@functools.lru_cache(1024)
def list_bands(start: int, count: int, size: int, kernel: int, stride: int, dilation: int) -> tuple[Band, ...]:
    """What `count` windows see of an axis of `size` pixels, the first of them from pixel `start` on.

    Those that see no pixel but the image's are one band, and each of the others, at the edges, is one by itself.
    """
    inside, seen = find_overlap(start, stride, count, size - dilation * (kernel - 1))
    bands = [(inside, slice(0, kernel), seen.start)] if inside.start < inside.stop else []
    for i in range(count):
        if not inside.start <= i < inside.stop:
            places, seen = find_overlap(start + i * stride, dilation, kernel, size)
            bands.append((slice(i, i + 1), places, seen.start))
    return tuple(bands)
