"""Convolution and pooling on plain arrays: what makes them fast lives here, and no Tensor.

Arrays are logical (N, C, H, W) views of any memory layout; `kernel`, `stride`, `padding` and `dilation` are
pairs of ints; padding is zeros on both sides (for the maximum, nothing). `minigrad.ops` says the calculus.

Convolutions leave their results in memory as (H, C, W, N), image rows outermost and the batch innermost,
behind a logical (N, C, H, W) view. That one choice makes most of the speed:

- A window shifted by one column is the same memory shifted by N elements, and the images of a batch are
  neighbours: copies, maxima and sums run over long contiguous stretches, for any kernel, stride and size.
- The columns of im2col, ordered (row, channel, kernel column), are shared by windows above one another: the
  image is held kw times instead of kh * kw (Cho & Brand 2017, "MEC", arXiv 1706.06873).
- An output row is one matrix product straight into its place; a 1x1 convolution needs no copy at all.
- Pooling goes along the rows first, where memory is contiguous, and then along the columns of what is left.
- Elementwise operations keep the layout, and flattening to (N, C * H * W) is a view.

The work is cut into chunks whose columns stay in a core's cache, in buffers that live on. A chunk is few NumPy calls,
each as long as can be: threads that come back from short ones wait for the interpreter's lock more than they work.
Only what takes longer than to hand it over is shared over threads. Neither the cut nor the order of any sum depends on
their number: so the results do not.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from . import threads

Array = NDArray[Any]
Pair = tuple[int, int]


class Windows(NamedTuple):
    """Where windows lie on an image: a `grid` of (P, Q) of them on an image of `size` (H, W).

    What is asked for again in every step of a training is worked out once: on toy images that costs as much as
    the arithmetic.
    """

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
        overlaps = [_overlap(i * dilation - padding, stride, grid, size) for i in range(kernel)]
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
        wide = _even(q, width // deep) if deep == n else 1
        tall = _even(p, max(4, CHUNK // (self.step() * c * kw * wide * deep * itemsize)))
        return tuple(
            (slice(i, min(i + tall, p)), slice(j, min(j + wide, q)), slice(k, min(k + deep, n)))
            for i in range(0, p, tall)
            for j in range(0, q, wide)
            for k in range(0, n, deep)
        )

    def step(self) -> int:
        """Rows of columns from a window to the one below it: those are shared where windows overlap undilated."""
        return min(self.stride[0], self.kernel[0]) if self.dilation[0] == 1 else self.kernel[0]


def _even(count: int, most: int) -> int:
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
def _windows(
    shape: Sequence[int], kernel: Sequence[int], stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool = False
) -> Windows:
    h, w = shape[2:]
    p, q = (output_size(*axis, ceil_mode) for axis in zip((h, w), kernel, stride, padding, dilation, strict=True))
    return Windows((h, w), (p, q), (kernel[0], kernel[1]), stride, padding, dilation)


def _overlap(offset: int, stride: int, count: int, size: int) -> tuple[slice, slice]:
    """Of `count` positions offset, offset + stride, ...: those inside [0, size), and what they are."""
    first = max(0, -(offset // stride))
    last = max(first, min(count, (size - 1 - offset) // stride + 1))
    start = offset + first * stride
    return slice(first, last), slice(start, start + (last - first) * stride, stride)


# ---------------------------------------------------------------------------------------------------- layout


def _rows(a: Array) -> Array:
    return a.transpose(2, 1, 3, 0)  # (N, C, H, W) -> (H, C, W, N)


def _images(n: int, c: int, h: int, w: int, dtype: Any) -> Array:
    """An uninitialised (N, C, H, W) array, in memory (H, C, W, N); one that owns its memory is never copied."""
    return np.empty_like(_batch_last, dtype, shape=(n, c, h, w))


_batch_last = np.empty((2, 2, 2, 2)).transpose(3, 1, 0, 2)


def _copy_rows(target: Array, rows: Array) -> None:
    """Copy (H, C, W, N) into a target whose images are innermost in memory."""
    step = rows.shape[3] if rows.strides[3] == rows.itemsize else 8
    for i in range(0, rows.shape[3], step or 1):
        # eight images at a time: their cache lines are still there when the next column is read (measured 2.5x)
        np.copyto(target[..., i : i + step], rows[..., i : i + step])


def _batch_innermost(a: Array) -> Array:
    """(N, C, H, W) -> (H, C, W, N) with an image row of the batch contiguous: a view if it is so already."""
    rows = _rows(a)
    if rows[:1, :1].flags.c_contiguous:
        return rows
    out = np.empty_like(rows, order="C")
    threads.run(lambda h: _copy_rows(out[h : h + 1], rows[h : h + 1]), range(len(rows)), share=a.size >= WORTH)
    return out


def _keep_freed_memory() -> None:
    """Have glibc keep freed arrays for the next ones, up to 512 MB in all and 64 MB each, instead of handing them
    back to the system, which then has to map and clear every page anew: a training step had 750 to 2,000 page
    faults, an eighth of its time. MINIGRAD_KEEP_MEMORY=0 leaves the allocator as it is; other systems are."""
    if sys.platform == "linux" and os.environ.get("MINIGRAD_KEEP_MEMORY") != "0":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, 64 << 20)
            mallopt(M_TRIM_THRESHOLD, 512 << 20)


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # <malloc.h>
_keep_freed_memory()

_local = threading.local()


def _scratch(name: str, shape: Sequence[int], dtype: Any) -> Array:
    """An uninitialised array in memory that this thread keeps for its next use under that name."""
    size = prod(shape) * dtype.itemsize
    memory = getattr(_local, name, None)
    if memory is None or memory.size < size:
        memory = np.empty(size, np.uint8)
        setattr(_local, name, memory)
    return np.ndarray(shape, dtype, memory)


# ------------------------------------------------------------------------------- products and elementwise work

BLOCK = 1 << 16  # elements of an elementwise task of several steps: what is between them stays in cache
WORTH = 1 << 20  # elements from which cheap work is worth sharing: to hand over costs 0.1 to 0.3 ms on some machines
PRODUCTS = 1 << 24  # multiplications from which matrix products are worth it, too: half a millisecond of a core
SMALL = 9_000  # products below which BLAS libraries use one thread by themselves


def matmul(x: Array, y: Array) -> Array:
    """`np.matmul` on our threads instead of those of BLAS, which spin on after their work (see threads.py)."""
    if x.ndim == 2 == y.ndim and x.shape[1] == y.shape[0]:
        (rows, inner), columns = x.shape, y.shape[1]
        if rows * inner * columns <= SMALL:
            return np.matmul(x, y)  # type: ignore[no-any-return]
        out = np.empty((rows, columns), np.result_type(x, y))
        # blocks of columns or of rows, large enough that preparing the other factor anew costs little
        size = max(64, -(-max(rows, columns) // 8), (1 << 20) // (inner * min(rows, columns) + 1))
        if columns >= rows:
            task = lambda i: np.matmul(x, y[:, i : i + size], out=out[:, i : i + size])
        else:
            task = lambda i: np.matmul(x[i : i + size], y, out=out[i : i + size])
        threads.run(task, range(0, max(rows, columns), size), share=rows * inner * columns >= PRODUCTS)
        return out
    if 0 in (x.ndim, y.ndim) or x.size * y.shape[-1] <= SMALL:
        return np.matmul(x, y)  # type: ignore[no-any-return]
    with threads.one_blas_thread():
        return np.matmul(x, y)  # type: ignore[no-any-return]


@functools.lru_cache(1024)
def _order(strides: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """The axes of an array, outermost in memory first; and where each of them went."""
    order = sorted(range(len(strides)), key=strides.__getitem__, reverse=True)
    return order, sorted(range(len(order)), key=order.__getitem__)


def _memory(*arrays: Array) -> list[Array] | None:
    """The arrays as one-dimensional views, element by element, if they lie in memory densely and alike."""
    first = arrays[0]
    order, _ = _order(first.strides)
    flat = [a.transpose(order) for a in arrays if a.shape == first.shape]
    if len(flat) == len(arrays) and all(a.flags.c_contiguous for a in flat):
        return [a.reshape(-1) for a in flat]
    return None


def _share(task: Callable[[slice], object], size: int, block: int, worth: int = WORTH) -> None:
    """Call `task` for slices of `block` elements that make up `size`, on the threads from `worth` elements on."""
    slices = [slice(i, min(i + block, size)) for i in range(0, size, block)]
    if size >= worth:
        threads.run(task, slices)
    else:
        for s in slices:
            task(s)


def by_blocks(function: Callable[[Array], Array], x: Array) -> Array:
    """`function(x)` for an elementwise one of many steps or a costly one: on large arrays block by block, over the
    threads, so that what is between the steps stays in cache. The result has the dtype of x."""
    block = 2 * BLOCK
    if x.size >= 2 * block and x.dtype.kind == "f":
        out = np.empty_like(x)
        if flat := _memory(out, x):
            target, source = flat

            def task(s: slice) -> None:
                target[s] = function(source[s])

            _share(task, x.size, block, 4 * block)
            return out
    return function(x)


def relu(x: Array) -> Array:
    """The maximum of x and 0."""
    if x.dtype.kind == "f" and x.size > BLOCK // 8:
        return np.clip(x, 0, np.inf)  # vectorised, which NumPy's maximum with a number is not (measured 3x)
    return np.maximum(x, 0, out=np.empty_like(x))


def gate(x: Array, y: Array) -> Array:
    """x where y is not negative or zero, else 0: the gradient of `relu` with y its result."""
    if x.dtype == y.dtype and x.dtype.kind == "f" and x.size > BLOCK // 4:
        out = np.empty_like(x)
        if flat := _memory(x, y, out):
            bits = _bits(x.dtype)
            source, sign, target = flat[0].view(bits), flat[1], flat[2].view(bits)

            def task(s: slice) -> None:
                closed = np.less_equal(sign[s], 0, out=_scratch("closed", (s.stop - s.start,), np.dtype(bool)))
                np.multiply(source[s], np.logical_not(closed, out=closed), out=target[s])

            _share(task, x.size, 2 * BLOCK)
            return out
    return np.where(np.less_equal(y, 0), x.dtype.type(0), x)


def _lines(values: Array, length: int) -> Array:
    """Values (C,) to go with lines (C, length): repeated along them, for NumPy goes through two whole arrays in half
    the time that it needs for an array and a column (measured); a column where that would be large."""
    return np.repeat(values, length).reshape(-1, length) if values.size * length <= BLOCK else values[:, None]


def _bits(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The integers of a dtype's size. Bits times 0 or 1 is a masked copy without a branch, exact for infinities
    and NaN, too (measured 10x on `np.where`, 4x on `np.copyto(where=)`)."""
    return np.dtype(f"i{dtype.itemsize}")


# ----------------------------------------------------------------------------------------------- convolution

CHUNK = 1 << 20  # bytes of im2col columns in a chunk, about a core's second-level cache
COLUMNS = 512  # columns from which a matrix product is at full speed
PARTIALS = 16  # partial sums of a weight gradient, added up in order: as many threads can share its work


class _Columns:
    """im2col by chunks: `matrix(p, q, n)` holds what the windows of those rows, columns and images see.

    Its shape is (groups, p, kh * C / groups * kw, q * n): a matrix for each row of windows.
    """

    def __init__(self, x: Array, windows: Windows, groups: int, dtype: np.dtype[Any]) -> None:
        self.rows, self.windows, self.groups, self.dtype = _rows(x), windows, groups, dtype
        self.chunks = windows.chunks(x.shape[0], x.shape[1], dtype.itemsize)

    def patch(self, p: slice, q: slice, n: slice) -> Array:
        """The pixels that windows see, with the zeros around the image, as an (h, C, w, n) array."""
        top, bottom, first, last = self.windows.region(0, p.start, p.stop)
        left, right, begin, end = self.windows.region(1, q.start, q.stop)
        image = self.rows[first:last, :, begin:end, n]
        shape = (bottom - top, image.shape[1], right - left, image.shape[3])
        if image.shape == shape and image.strides[3] == image.itemsize and image.dtype == self.dtype:
            return image
        frame = _scratch("frame", shape, self.dtype)
        if last - first < bottom - top:
            frame[: first - top] = 0
            frame[last - top :] = 0
        if end - begin < right - left:
            frame[:, :, : begin - left] = 0
            frame[:, :, end - left :] = 0
        _copy_rows(frame[first - top : last - top, :, begin - left : end - left], image)
        return frame

    def matrix(self, p: slice, q: slice, n: slice) -> Array:
        patch, groups, item = self.patch(p, q, n), self.groups, self.dtype.itemsize
        (kh, kw), (sh, sw), _, (dh, dw) = self.windows[2:]
        down, channel, right, _ = patch.strides
        c, tall, wide, deep = patch.shape[1] // groups, p.stop - p.start, q.stop - q.start, patch.shape[3]
        shape = (groups, tall, kh * c * kw, wide * deep)
        if kw == sw == 1 and right == deep * item and (kh == 1 or dh * down == c * channel):
            # a kernel of one column: the rows of pixels are the columns already
            return as_strided(patch, shape, (c * channel, sh * down, channel, item))
        step = self.windows.step()
        if step < kh:  # windows above one another share rows
            height, inner, rows = (tall - 1) * step + kh, 1, (down, down)
        else:
            height, inner, rows = tall, kh, (sh * down, dh * down)
        columns = _scratch("columns", (groups, height, inner, c, kw, wide, deep), self.dtype)
        seen = (c * channel, *rows, channel, dw * right, sw * right, item)
        np.copyto(columns, as_strided(patch, columns.shape, seen))
        line = wide * deep * item
        matrices = (columns.strides[0], step * c * kw * line, line, item)
        return np.ndarray(shape, self.dtype, columns, strides=matrices)


def conv2d(x: Array, w: Array, bias: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """Cross-correlation: (N, C, H, W), (O, C / groups, kh, kw), (O,) -> (N, O, P, Q)."""
    windows = _windows(x.shape, w.shape[2:], stride, padding, dilation)
    dtype = np.result_type(x, w)
    n, (o, c, kh, kw), (p, q) = x.shape[0], w.shape, windows.grid
    out = _images(n, o, p, q, dtype)
    rows = _rows(out)
    if not w.size:
        out[...] = 0
    if out.size and w.size:
        columns = _Columns(x, windows, groups, dtype)
        weights = w.reshape(groups, o // groups, c, kh, kw).transpose(0, 1, 3, 2, 4)
        weights = np.ascontiguousarray(weights.reshape(groups, 1, o // groups, kh * c * kw), dtype)
        biases = None
        if bias is not None:
            wide, deep = (s.stop - s.start for s in columns.chunks[0][1:])
            biases = _lines(bias.astype(dtype), wide * deep).reshape(groups, 1, o // groups, -1)

        def chunk(span: tuple[slice, slice, slice]) -> None:
            target = _chunk(rows, *span, groups)
            np.matmul(weights, columns.matrix(*span), out=target)
            if biases is not None:  # here, while the chunk is in cache
                target += biases[..., : target.shape[3]]

        threads.run(chunk, columns.chunks, share=out.size * weights.shape[3] >= PRODUCTS)
    return out


def _chunk(rows: Array, p: slice, q: slice, n: slice, groups: int) -> Array:
    """View a chunk of (P, O, Q, N) as matrices: (groups, p, O / groups, q * n)."""
    part = rows[p, :, q, n]
    tall, o, wide, deep = part.shape
    return part.reshape(tall, groups, o // groups, wide * deep).transpose(1, 0, 2, 3)


def conv2d_weight(g: Array, x: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """Gradient of the weights: (N, O, P, Q), (N, C, H, W) -> (O, C / groups, kh, kw), `size` = (kh, kw)."""
    dtype = np.result_type(g, x)
    o, c, (kh, kw) = g.shape[1], x.shape[1] // groups, size
    if not (g.size and x.size and kh * kw):
        return np.zeros((o, c, kh, kw), dtype)
    columns = _Columns(x, _windows(x.shape, size, stride, padding, dilation), groups, dtype)
    rows = _batch_innermost(g)
    parts = min(PARTIALS, len(columns.chunks))
    partial = np.zeros((parts, groups, kh * c * kw, o // groups), dtype)

    def part(k: int) -> None:
        for span in columns.chunks[k::parts]:
            planes = _chunk(rows, *span, groups)
            products = _scratch("products", (*planes.shape[:2], kh * c * kw, o // groups), dtype)
            np.matmul(columns.matrix(*span), planes.transpose(0, 1, 3, 2), out=products)
            partial[k] += products.sum(1)

    threads.run(part, range(parts), share=g.size * partial.shape[2] >= PRODUCTS)
    total: Array = partial.sum(0)
    return total.reshape(groups, kh, c, kw, o // groups).transpose(0, 4, 2, 1, 3).reshape(o, c, kh, kw)


def conv2d_input(g: Array, w: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """Gradient of the input: (N, O, P, Q), (O, C / groups, kh, kw) -> (N, C, H, W), `size` = (H, W)."""
    o, c, kh, kw = w.shape
    weights = w.reshape(groups, o // groups, c, kh, kw)
    if stride == (1, 1):
        # gather: itself a convolution, of g with the kernel turned around and its channels exchanged
        turned = weights.transpose(0, 2, 1, 3, 4)[..., ::-1, ::-1].reshape(groups * c, o // groups, kh, kw)
        margin = (dilation[0] * (kh - 1) - padding[0], dilation[1] * (kw - 1) - padding[1])
        return conv2d(g, turned, None, stride, margin, dilation, groups)
    return _scatter(g, weights, size, stride, padding, dilation)


def _scatter(g: Array, w: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Array:
    """The input gradient as matrix products added onto the pixels that each window saw (col2im).

    w: (G, O / G, C / G, kh, kw). A task owns some rows of the result, and takes the windows that touch them.
    """
    groups, o, c, kh, kw = w.shape
    (n, _, p, q), (height, width) = g.shape, size
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    dtype = np.result_type(g, w)
    out = _images(n, groups * c, height, width, dtype)
    out[...] = 0
    if not (g.size and w.size):
        return out
    rows = _rows(out).reshape(height, groups, c, width, n)
    weights = np.ascontiguousarray(w.transpose(0, 3, 4, 2, 1).reshape(groups, kh * kw * c, o), dtype)
    planes = _batch_innermost(g).reshape(p, groups, o, q * n)
    columns = [_overlap(j * dw - pw, sw, q, width) for j in range(kw)]

    def band(top: int) -> None:
        for h in range(top, min(top + tall, height)):
            for i in range(kh):
                k, rest = divmod(h + ph - i * dh, sh)
                if rest == 0 and 0 <= k < p:
                    products = _scratch("products", (groups, kw * c, q * n), dtype)
                    np.matmul(weights[:, i * kw * c : (i + 1) * kw * c], planes[k], out=products)
                    for j, (seen, taken) in enumerate(columns):
                        rows[h, :, :, taken] += products.reshape(groups, kw, c, q, n)[:, j, :, seen]

    tall = max(1, height // PARTIALS)
    threads.run(band, range(0, height, tall), share=g.size * kh * kw * c >= PRODUCTS)
    return out


# --------------------------------------------------------------------------------------------------- pooling
#
# A window's maximum is the maximum of its rows' maxima, and its sum the sum of its rows' sums: so each function
# here does one axis, and pooling is twice that (measured 3-4x on one pass over all kernel positions). Its first
# maximum, row by row, is the first maximum of the first row whose maximum is the window's.


PART = 1 << 21  # bytes of an image that are pooled at once


def _pool(part: Callable[[Any], None], x: Array) -> None:
    """Call `part` with indices that cut x along images or channels, whichever lie further apart."""
    axis = int(abs(x.strides[0]) < abs(x.strides[1]))
    length = x.shape[axis]
    if x.size:
        step, worth = max(1, PART * length // x.nbytes), WORTH * length // x.size
        _share(lambda s: part((slice(None),) * axis + (s,)), length, step, worth)


def _empty_like(x: Array, grid: Sequence[int], dtype: Any = None) -> Array:
    """An uninitialised (N, C, *grid) array whose axes lie in memory in the same order as those of `x`."""
    return np.empty_like(x, dtype, shape=(*x.shape[:2], *grid))


def _scratch_like(name: str, x: Array, grid: Sequence[int], dtype: Any = None) -> Array:
    """As `_empty_like`, in memory that the thread keeps under that name."""
    (order, back), shape = _order(x.strides), (*x.shape[:2], *grid)
    memory = _scratch(name, [shape[axis] for axis in order], np.dtype(dtype or x.dtype))
    return memory.transpose(back)


def _along(ufunc: np.ufunc, x: Array, windows: Windows, axis: int, out: Array, empty: Any) -> Array:
    """Into `out`, combine by `ufunc` what each window sees along one axis, `empty` if it sees nothing."""
    taps, begun = windows.along(axis), windows.inside(axis) and windows.kernel[axis] > 1
    if begun:
        ufunc(x[taps[0][1]], x[taps[1][1]], out=out)
    else:
        out[...] = empty
    for seen, taken in taps[2 * begun :]:
        ufunc(out[seen], x[taken], out=out[seen])
    return out


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def max_pool2d(x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool = False) -> Array:
    """Maximum over windows: (N, C, H, W) -> (N, C, P, Q). NaN wins, padding never does."""
    windows = _windows(x.shape, kernel, stride, padding, dilation, ceil_mode)
    out = _empty_like(x, windows.grid)
    lowest = _lowest(x.dtype)

    def part(index: Any) -> None:
        columns = _scratch_like("pooled", x[index], (windows.grid[0], windows.size[1]))
        _along(np.maximum, x[index], windows, 0, columns, lowest)
        _along(np.maximum, columns, windows, 1, out[index], lowest)

    _pool(part, x)
    return out


def _firsts(x: Array, out: Array, windows: Windows, axis: int) -> Iterator[tuple[Array, Any, Any]]:
    """For each kernel position along an axis: a mask of those among the windows `seen` whose first maximum is there.

    A mask is good until the next one is asked for.
    """
    free, match = (_scratch_like(name, out, out.shape[2:], bool) for name in ("free", "match"))
    free[...] = True
    broken = bool(np.isnan(out).any())  # a window's maximum is then its first NaN, and that equals nothing
    *taps, last = windows.along(axis)
    for seen, taken in taps:
        here, left = match[seen], free[seen]
        np.equal(x[taken], out[seen], out=here)
        if broken:
            here |= np.isnan(x[taken])
        here &= left
        left ^= here
        yield here, seen, taken
    seen, taken = last
    yield free[seen], seen, taken  # it must be in the last place if it was in none before


def _route(g: Array, x: Array, best: Array, windows: Windows, axis: int, out: Array) -> Array:
    """Into `out`, give each window's `g` to the first of the x it sees along the axis that equals its `best`."""
    bits = _bits(g.dtype)
    if not windows.tiling(axis):
        out[...] = 0
    for here, seen, taken in _firsts(x, best, windows, axis):
        if windows.apart(axis):
            np.multiply(g[seen].view(bits), here, out=out[taken].view(bits))
        else:
            out[taken] += np.multiply(g[seen].view(bits), here).view(g.dtype)
    return out


def max_pool2d_input(
    g: Array, x: Array, out: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    """Gradient of the input: each window's `g` goes to its first maximum, (N, C, P, Q) -> (N, C, H, W)."""
    windows = Windows(x.shape[2:], out.shape[2:], kernel, stride, padding, dilation)
    dx = _empty_like(x, windows.size, g.dtype)

    def part(index: Any) -> None:
        rows = _scratch_like("pooled", x[index], (windows.size[0], windows.grid[1]))
        _along(np.maximum, x[index], windows, 1, rows, -np.inf)
        routed = _scratch_like("routed", x[index], rows.shape[2:], g.dtype)
        _route(g[index], rows, out[index], windows, 0, routed)
        _route(routed, x[index], rows, windows, 1, dx[index])

    _pool(part, x)
    return dx


def max_pool2d_gather(
    v: Array, x: Array, out: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    """The adjoint: `v` at each window's first maximum, (N, C, H, W) -> (N, C, P, Q)."""
    windows = Windows(x.shape[2:], out.shape[2:], kernel, stride, padding, dilation)
    rows = _empty_like(x, (windows.size[0], windows.grid[1]))
    _along(np.maximum, x, windows, 1, rows, -np.inf)
    gathered = v
    for axis, image, best in ((1, x, rows), (0, rows, out)):
        source, gathered = gathered, np.zeros_like(best, v.dtype)
        for here, seen, taken in _firsts(image, best, windows, axis):
            np.copyto(gathered[seen], source[taken], where=here)
    return gathered


def _divisors(
    windows: Windows, ceil_mode: bool, count_include_pad: bool, override: int | None, dtype: Any
) -> Array | int:
    """What each window's sum is divided by: `override`, or its number of elements, (P, Q) where that varies
    (PyTorch's rule: padding counts with `count_include_pad`, what `ceil_mode` adds beyond it never does)."""
    if override is not None:
        return override
    if (windows.inside(0) and windows.inside(1)) or (count_include_pad and not ceil_mode):
        return prod(windows.kernel)
    counts: list[Array] = []
    for size, grid, k, s, pad, _ in zip(*windows, strict=True):
        start = np.arange(grid) * s - pad
        stop = np.minimum(start + k, size + pad)
        if not count_include_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, size)
        counts.append(stop - start)
    return np.outer(counts[0], counts[1]).astype(dtype)


def avg_pool2d(
    x: Array,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Average over windows: (N, C, H, W) -> (N, C, P, Q)."""
    windows = _windows(x.shape, kernel, stride, padding, (1, 1), ceil_mode)
    out = _empty_like(x, windows.grid)
    divisors = _divisors(windows, ceil_mode, count_include_pad, divisor_override, x.dtype)

    def part(index: Any) -> None:
        columns = _scratch_like("pooled", x[index], (windows.grid[0], windows.size[1]))
        _along(np.add, x[index], windows, 0, columns, 0)
        sums = _along(np.add, columns, windows, 1, out[index], 0)
        sums /= divisors

    _pool(part, x)
    return out


def _spread(g: Array, windows: Windows, axis: int, out: Array) -> None:
    """Into `out`, add each window's `g` to all that it sees along an axis."""
    if not windows.tiling(axis):
        out[...] = 0
    for seen, taken in windows.along(axis):
        if windows.apart(axis):
            out[taken] = g[seen]
        else:
            out[taken] += g[seen]


def avg_pool2d_input(
    g: Array,
    size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Gradient of the input: (N, C, P, Q) -> (N, C, H, W), `size` = (H, W)."""
    windows = Windows(size, g.shape[2:], kernel, stride, padding, (1, 1))
    dx = _empty_like(g, size)
    divisors = _divisors(windows, ceil_mode, count_include_pad, divisor_override, g.dtype)

    def part(index: Any) -> None:
        rows = _scratch_like("pooled", dx[index], (size[0], windows.grid[1]))
        _spread(g[index] / divisors, windows, 0, rows)
        _spread(rows, windows, 1, dx[index])

    _pool(part, dx)
    return dx


# ------------------------------------------------------------------------------------------ sums by channel


def _by_channel(x: Array, order: Sequence[int]) -> Array:
    """An (N, C, *) array as (outer, C, inner): a view if it lies in memory in that order of axes, else a copy."""
    x = x.transpose(order)
    k = list(order).index(1)
    outer, inner = prod(x.shape[:k]), prod(x.shape[k + 1 :])
    return np.ascontiguousarray(x).reshape(outer, x.shape[k], inner)


def _slabs(task: Callable[[slice], object], x: Array) -> None:
    """Call `task` for slices of the outer axis of (outer, C, inner) that stay in cache."""
    each = max(1, x[:1].size)
    with threads.one_blas_thread():
        _share(task, len(x), max(1, 2 * BLOCK // each), WORTH // each)


def _channel_lines(values: Array, x: Array) -> Array:
    return _lines(values.astype(x.dtype, copy=False), x.shape[2])


def channel_sum(x: Array) -> Array:
    """Sum of each channel of (N, C, *): (C,). As products with ones, which BLAS adds up faster than NumPy does."""
    rows = _by_channel(x, _order(x.strides)[0])
    partial, ones = np.empty(rows.shape[:2], x.dtype), np.ones(rows.shape[2], x.dtype)
    _slabs(lambda s: np.matmul(rows[s], ones, out=partial[s]), rows)
    total: Array = partial.sum(0, np.float64).astype(x.dtype)
    return total


def _channel_products(x: Array, y: Array, mean: Array | None) -> Array:
    """For (outer, C, inner), the sums of each channel of x - mean and of (x - mean) y: (2, C), in float64."""
    partial, ones = np.empty((2, *x.shape[:2]), x.dtype), np.ones(x.shape[2], x.dtype)
    centre = None if mean is None else _channel_lines(mean, x)

    def slab(s: slice) -> None:
        a, b = x[s], y[s]
        if centre is not None:
            a = np.subtract(a, centre, out=_scratch("centred", a.shape, x.dtype))
        np.matmul(a, ones, out=partial[0, s])
        np.vecdot(a, a if x is y else b, out=partial[1, s])

    _slabs(slab, x)
    sums: Array = partial.sum(1, np.float64)
    return sums


# --------------------------------------------------------------------------------------------- normalisation
#
# Where the mean is no larger than two deviations, sums of products need not be centred first: what then cancels is
# at most a factor of five. That saves a pass over the image, and is looked at every time.


def channel_moments(x: Array) -> tuple[Array, Array]:
    """Mean and variance (without Bessel's correction) of each channel of (N, C, *): two arrays (C,)."""
    rows = _by_channel(x, _order(x.strides)[0])
    count = max(1, rows.shape[0] * rows.shape[2])
    mean, square = _channel_products(rows, rows, None) / count
    variance = square - mean * mean
    if not (mean * mean <= 4 * variance).all():
        shift, variance = _channel_products(rows, rows, mean) / count
        variance = variance - shift * shift
    return mean.astype(x.dtype), variance.astype(x.dtype)


def normalise(x: Array, weight: Array | None, bias: Array | None, mean: Array, deviation: Array) -> Array:
    """(x - mean) / deviation * weight + bias, all but x (N, C, *) of shape (C,)."""
    out = np.empty_like(x)
    order, _ = _order(out.strides)
    rows, results = _by_channel(x, order), _by_channel(out, order)
    centre = _channel_lines(mean, rows)
    scale = _channel_lines(1 / deviation if weight is None else weight / deviation, rows)
    shift = None if bias is None else _channel_lines(bias, rows)

    def slab(s: slice) -> None:
        target = np.subtract(rows[s], centre, out=results[s])
        target *= scale
        if shift is not None:
            target += shift

    _slabs(slab, rows)
    return out


def normalise_input(g: Array, x: Array, weight: Array | None, mean: Array, deviation: Array) -> Array:
    """Gradient of `normalise` by x where `mean` and `deviation` are those of x itself (Ioffe & Szegedy 2015, 3)."""
    out = np.empty_like(x)
    order, _ = _order(out.strides)
    rows, upstream, results = (_by_channel(a, order) for a in (x, g, out))
    total, along = _upstream_sums(upstream, rows, mean, deviation) / (rows.shape[0] * rows.shape[2])
    slope = _channel_lines(-along / (deviation * deviation), rows)
    centre, offset = _channel_lines(mean, rows), _channel_lines(total, rows)
    scale = _channel_lines(1 / deviation if weight is None else weight / deviation, rows)

    def slab(s: slice) -> None:
        target = np.subtract(rows[s], centre, out=results[s])
        target *= slope
        target += upstream[s]
        target -= offset
        target *= scale

    _slabs(slab, rows)
    return out


def normalise_weight(g: Array, x: Array, mean: Array, deviation: Array) -> Array:
    """Gradient of `normalise` by its weight."""
    order, _ = _order(x.strides)
    along = _upstream_sums(_by_channel(g, order), _by_channel(x, order), mean, deviation)[1]
    slope: Array = (along / deviation).astype(g.dtype)
    return slope


def _upstream_sums(g: Array, x: Array, mean: Array, deviation: Array) -> Array:
    """Sums of g and of g (x - mean) over each channel of (outer, C, inner): (2, C), in float64."""
    if (mean * mean <= 4 * deviation * deviation).all():
        total, product = _channel_products(g, x, None)
        return np.stack([total, product - mean * total])
    centred = x - _channel_lines(mean, x)
    return _channel_products(g, centred, None)
