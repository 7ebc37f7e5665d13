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

CHUNK = 1 << 19  # bytes of im2col columns made at once: with what is made of them, a core's second-level cache
LARGE = 1 << 22  # the same where several threads are at work
STRIP = 1 << 20  # bytes of them for a row of windows, unless there are few
FRAME = 1 << 22  # bytes of an image that is framed at once
COLUMNS = 1024  # columns from which a matrix product is at full speed


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


# ---------------------------------------------------------------------------------------------------- pieces


class Part(NamedTuple):
    """Windows of a convolution that one task works on: `shape` (p, q, n) of them.

    look: the number of the convolution that they are of, where several look at one image. windows: where they stand in
    its results (P, O, Q, N). corner: the first pixel of the piece that they see. strip: the number of the stretch of
    columns and images that they are from.
    """

    look: int
    shape: tuple[int, int, int]
    windows: tuple[slice, ...]
    corner: Pair
    strip: int


class Piece(NamedTuple):
    """Rows of an image (H, C, W, N) with the zeros around it, and the windows that look at them.

    pixels: what of the image is in it. span: (h, w) pixels with the zeros. place: where in an (h, C, w, N) of that span
    the pixels belong. borders: what of it is outside of the image.
    """

    pixels: tuple[slice, ...]
    span: Pair
    place: tuple[slice, ...]
    borders: tuple[tuple[slice, ...], ...]
    parts: tuple[Part, ...]


@functools.lru_cache(1024)
def cut_pieces(
    shape: tuple[int, int, int, int], looks: tuple[tuple[Window, Pair], ...], itemsize: int, threads: int = 1
) -> tuple[Piece, ...]:
    """Cut convolutions of images (N, C, H, W), each with its options and (P, Q) windows, for so many threads.

    For a single thread the columns of a part stay in cache. For several the parts are large: who comes back from a
    call of NumPy may have to wait for another thread that holds the interpreter's lock, longer than the cache saves.
    Parts are whole rows of a strip, so what is summed for each row and strip does not depend on the threads.
    """
    n, c, _, width = shape
    tallest = max(p for _, (p, _) in looks)
    if not (n and tallest and all(q for _, (_, q) in looks)):
        return ()
    framed = max(how.stride[0] for how, _ in looks) * c * width * n * itemsize  # bytes of pixels for a row of windows
    rows = cut_evenly(tallest, max(1, FRAME // max(1, framed)))
    share = -(-threads // len(looks))
    return tuple(make_piece(part, shape, looks, itemsize, share) for part in cut(tallest, rows))


def make_piece(
    rows: slice, shape: tuple[int, int, int, int], looks: tuple[tuple[Window, Pair], ...], itemsize: int, threads: int
) -> Piece:
    """The windows in some rows of several convolutions: `threads` parts of each, or more if those are too large."""
    n, c, height, width = shape
    counts = [(i, how, min(rows.stop, p) - rows.start, q) for i, (how, (p, q)) in enumerate(looks) if rows.start < p]
    spans = [look_along(rows.start, p, q, how) for _, how, p, q in counts]
    top, left = (min(starts) for starts in zip(*(start for start, _ in spans), strict=True))
    bottom, right = (max(stops) for stops in zip(*(stop for _, stop in spans), strict=True))
    first, last = (min(max(0, i), height) for i in (top, bottom))
    begin, end = (min(max(0, i), width) for i in (left, right))
    every = slice(None)
    borders = [
        (slice(0, first - top),),
        (slice(last - top, bottom - top),),
        (every, every, slice(0, begin - left)),
        (every, every, slice(end - left, right - left)),
    ]
    parts = []
    for look, how, p, q in counts:
        (sh, sw), (ph, pw) = how.stride, how.padding
        tall, strips = cut_strips((n, c, p, q), how, itemsize, threads)
        for (strip, (images, columns)), part in product(enumerate(strips), cut(p, tall)):
            y, x = rows.start + part.start, columns.start
            parts.append(
                Part(
                    look=look,
                    shape=(part.stop - part.start, columns.stop - x, images.stop - images.start),
                    windows=(slice(y, rows.start + part.stop), every, columns, images),
                    corner=(y * sh - ph - top, x * sw - pw - left),
                    strip=strip,
                )
            )
    return Piece(
        pixels=(slice(first, last), every, slice(begin, end)),
        span=(bottom - top, right - left),
        place=(slice(first - top, last - top), every, slice(begin - left, end - left)),
        borders=tuple(border for border in borders if border[-1].start < border[-1].stop),
        parts=tuple(parts),
    )


def cut_strips(
    counts: tuple[int, int, int, int], how: Window, itemsize: int, threads: int
) -> tuple[int, list[tuple[slice, slice]]]:
    """How many rows of windows a part has, and the stretches of images and columns of one; from counts (n, c, p, q)."""
    (n, c, p, q), (kh, kw) = counts, how.kernel
    if how.kernel == how.stride == (1, 1):  # the pixels are the columns already
        return cut_evenly(p, -(-p // threads)), [(slice(0, n), slice(0, q))]
    most = max(COLUMNS, STRIP // max(1, kh * (c // how.groups) * kw * itemsize))
    deep = n if n < 2 * most else most
    wide = cut_evenly(q, most // deep) if deep == n else 1
    row = max(1, kept_rows(how) * c * kw * wide * deep * itemsize)  # bytes of columns for a row of windows
    tall = cut_evenly(-(-p // threads), max(4, (CHUNK if threads == 1 else LARGE) // row))
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


def look_along(row: int, p: int, q: int, how: Window) -> tuple[Pair, Pair]:
    """Where the first and the last of (p, q) windows look, those from a row of windows on: (top, left), (bottom, right)
    of the pixels, ends not included."""
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = how[:4]
    bottom, right = (row + p - 1) * sh - ph + dh * (kh - 1) + 1, (q - 1) * sw - pw + dw * (kw - 1) + 1
    return (row * sh - ph, -pw), (bottom, right)
