"""Convolution and pooling on plain arrays: what makes them fast lives here, and no Tensor.

Arrays are logical (N, C, H, W) views of any memory layout; `kernel`, `stride`, `padding` and `dilation` are
pairs of ints; padding is zeros on both sides (for the maximum, nothing). `minigrad.ops` says the calculus.

Convolutions leave their results in memory as (H, C, W, N), image rows outermost and the batch innermost,
behind a logical (N, C, H, W) view. That one choice makes most of the speed:

- A window shifted by one column is the same memory shifted by N elements, and the images of a batch are
  neighbours: copies, maxima and sums run over long contiguous stretches, for any kernel, stride and size.
- The columns of im2col, ordered (row, channel, kernel column), are shared by windows above one another: kw
  copies of the image serve instead of kh * kw (Cho & Brand 2017, "MEC", arXiv 1706.06873).
- An output row is one matrix product straight into its place; a 1x1 convolution needs no copy at all.
- Elementwise operations keep the layout, and flattening to (N, C * H * W) is a view.

The work is cut into chunks whose columns stay in a core's cache, in buffers that live on, and shared over
threads. Neither the cut nor the order of any sum depends on the number of threads: so the results do not.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import threads

Array = NDArray[Any]
Pair = tuple[int, int]


class Windows(NamedTuple):
    """Where windows lie on an image: a `grid` of (P, Q) of them on an image of `size` (H, W)."""

    size: Pair
    grid: Pair
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair

    def taps(self) -> Iterator[tuple[Any, Any]]:
        """For each kernel position: which windows see a pixel of the image there, and those pixels."""
        (kh, kw), (sh, sw), (ph, pw), (dh, dw) = self[2:]
        for i in range(kh):
            p, h = _overlap(i * dh - ph, sh, self.grid[0], self.size[0])
            for j in range(kw):
                q, w = _overlap(j * dw - pw, sw, self.grid[1], self.size[1])
                yield (..., p, q), (..., h, w)

    def inside(self) -> bool:
        """Whether no window looks beyond the image."""
        axes = zip(*self, strict=True)
        return all(pad == 0 and (grid - 1) * s + d * (k - 1) < size for size, grid, k, s, pad, d in axes)

    def tiling(self) -> bool:
        """Whether every pixel belongs to exactly one window."""
        return (
            self.kernel == self.stride
            and self.padding == (0, 0)
            and self.dilation == (1, 1)
            and self.size == (self.grid[0] * self.kernel[0], self.grid[1] * self.kernel[1])
        )


def output_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool = False
) -> int:
    """Number of windows along an axis: those that fit, or with `ceil_mode` those that begin inside the input
    or its left padding (PyTorch's rules)."""
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return span // stride + 1
    count = -(-span // stride) + 1
    return count - 1 if (count - 1) * stride >= size + padding else count


def _windows(
    x: Array, kernel: Sequence[int], stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool = False
) -> Windows:
    size, axes = x.shape[2:], zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    p, q = (output_size(*axis, ceil_mode) for axis in axes)
    return Windows((size[0], size[1]), (p, q), (kernel[0], kernel[1]), stride, padding, dilation)


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


def _batch_innermost(a: Array) -> Array:
    """(N, C, H, W) -> (H, C, W, N) with an image row of the batch contiguous: a view if it is so already."""
    rows = _rows(a)
    if rows[:1, :1].flags.c_contiguous:
        return rows
    out = np.empty_like(rows, order="C")
    # eight images at a time: their cache lines are still there when the next column is read (measured 2.5x)
    threads.run(lambda i: np.copyto(out[..., i : i + 8], rows[..., i : i + 8]), range(0, len(a), 8))
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

BLOCK = 1 << 16  # elements of an elementwise task: some hundred kilobytes, a few ten microseconds
LARGE = 2 * BLOCK  # elements from which it pays to share cheap work
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
        threads.run(task, range(0, max(rows, columns), size))
        return out
    if 0 in (x.ndim, y.ndim) or x.size * y.shape[-1] <= SMALL:
        return np.matmul(x, y)  # type: ignore[no-any-return]
    with threads.one_blas_thread():
        return np.matmul(x, y)  # type: ignore[no-any-return]


def _memory_order(x: Array) -> list[int]:
    """The axes of an array, outermost in memory first."""
    return sorted(range(x.ndim), key=x.strides.__getitem__, reverse=True)


def _memory(*arrays: Array) -> list[Array] | None:
    """The arrays as one-dimensional views, element by element, if they lie in memory densely and alike."""
    first = arrays[0]
    order = _memory_order(first)
    flat = [a.transpose(order) for a in arrays if a.shape == first.shape]
    if len(flat) == len(arrays) and all(a.flags.c_contiguous for a in flat):
        return [a.reshape(-1) for a in flat]
    return None


def _blocks(size: int, block: int = BLOCK) -> list[slice]:
    return [slice(i, min(i + block, size)) for i in range(0, size, block)]


def elementwise(ufunc: np.ufunc, *operands: Any, block: int = BLOCK) -> Array:
    """`ufunc(*operands)`, in blocks over the threads where the operands are large arrays of one dtype that lie
    alike in memory, and Python numbers."""
    first = operands[0]
    if type(first) is np.ndarray and first.size >= 2 * block and first.dtype.kind == "f":
        arrays = [a for a in operands if type(a) is not float and type(a) is not int]
        out = np.empty_like(first)
        if all(type(a) is np.ndarray and a.dtype == first.dtype for a in arrays) and (flat := _memory(out, *arrays)):
            target, *rest = flat
            views = iter(rest)
            sources = [next(views) if type(a) is np.ndarray else a for a in operands]

            def task(s: slice) -> None:
                ufunc(*[a[s] if type(a) is np.ndarray else a for a in sources], out=target[s])

            threads.run(task, _blocks(first.size, block))
            return out
    result: Array = ufunc(*operands)
    return result


def by_blocks(function: Callable[[Array], Array], x: Array, block: int = BLOCK // 4) -> Array:
    """`function(x)` for one made of several elementwise steps: on large arrays block by block, over the threads,
    so that what is between the steps stays in cache. The result has the dtype of x."""
    if x.size >= 2 * block and x.dtype.kind == "f":
        out = np.empty_like(x)
        if flat := _memory(out, x):
            target, source = flat

            def task(s: slice) -> None:
                target[s] = function(source[s])

            threads.run(task, _blocks(x.size, block))
            return out
    return function(x)


_zeros = np.zeros(BLOCK, np.float32)


def relu(x: Array) -> Array:
    """The maximum of x and 0."""
    out = np.empty_like(x)
    if x.dtype == np.float32 and x.size > BLOCK // 4 and (flat := _memory(x, out)):
        # against an array of zeros NumPy's maximum is vectorised, against a number it is not (measured 4x)
        source, target = flat
        task = lambda s: np.maximum(source[s], _zeros[: s.stop - s.start], out=target[s])
        threads.run(task, _blocks(x.size))
        return out
    return np.maximum(x, 0, out=out)


def gate(x: Array, y: Array) -> Array:
    """x where y is not negative or zero, else 0: the gradient of `relu` with y its result."""
    if x.dtype == y.dtype and x.dtype.kind == "f" and x.size > BLOCK // 4:
        out = np.empty_like(x)
        if flat := _memory(x, y, out):
            source, sign, target = flat
            bits = _bits(x.dtype)

            def task(s: slice) -> None:
                closed = np.less_equal(sign[s], 0)
                np.multiply(source[s].view(bits), ~closed, out=target[s].view(bits))

            threads.run(task, _blocks(x.size))
            return out
    return np.where(np.less_equal(y, 0), x.dtype.type(0), x)


def _bits(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The integers of a dtype's size. Bits times 0 or 1 is a masked copy without a branch, exact for infinities
    and NaN, too (measured 10x on `np.where`, 4x on `np.copyto(where=)`)."""
    return np.dtype(f"i{dtype.itemsize}")


# ----------------------------------------------------------------------------------------------- convolution

COLUMNS = 512  # columns of a matrix product: wide enough for full speed, narrow enough to stay in cache
CHUNK = 1 << 20  # bytes of im2col columns in a chunk, about a core's second-level cache
PARTIALS = 16  # partial sums of a weight gradient, added up in order: as many threads can share its work


class _Columns:
    """im2col by chunks: `matrix(p, q, n)` holds what the windows of those rows, columns and images see.

    Its shape is (groups, p, kh * C / groups * kw, q * n): a matrix for each row of windows.
    """

    def __init__(self, x: Array, windows: Windows, groups: int, dtype: np.dtype[Any]) -> None:
        self.windows, self.dtype = windows, dtype
        rows = _batch_innermost(x)
        h, c, w, n = rows.shape
        self.x = rows.reshape(h, groups, c // groups, w, n).transpose(1, 0, 2, 3, 4)  # (G, H, C / G, W, N)
        (kh, kw), (sh, _) = windows.kernel, windows.stride
        # windows above one another share rows of columns, unless they are dilated or do not overlap
        self.shared = windows.dilation[0] == 1 and sh < kh
        self.step = sh if self.shared else kh
        pointwise = windows[2:5] == ((1, 1), (1, 1), (0, 0))
        self.plain = pointwise and x.dtype == dtype and rows.flags.c_contiguous
        p, q = windows.grid
        deep = n if n < 2 * COLUMNS else COLUMNS
        wide = min(q, max(1, COLUMNS // deep))
        tall = min(p, max(4, CHUNK // (self.step * c * kw * wide * deep * dtype.itemsize)))
        self.chunks = [
            (slice(i, min(i + tall, p)), slice(j, min(j + wide, q)), slice(k, min(k + deep, n)))
            for i in range(0, p, tall)
            for j in range(0, q, wide)
            for k in range(0, n, deep)
        ]

    def matrix(self, p: slice, q: slice, n: slice) -> Array:
        x = self.x[..., n]
        groups, _, c, _, deep = x.shape
        (kh, kw), (sh, sw), (ph, pw), (dh, dw) = self.windows[2:]
        tall, wide = p.stop - p.start, q.stop - q.start
        if self.plain:  # a 1x1 convolution at every pixel: the image is its own columns
            return x[:, p, :, q].reshape(groups, tall, c, wide * deep)
        rows = (tall - 1) * self.step + kh
        columns = _scratch("columns", (groups, rows, c, kw, wide, deep), self.dtype)
        for j in range(kw):
            left = (q.start * sw + j * dw - pw, sw)
            if self.shared:
                _fill(columns[:, :, :, j], x, (p.start * sh - ph, 1), left)
            else:
                for i in range(kh):
                    _fill(columns[:, i::kh, :, j], x, (p.start * sh + i * dh - ph, sh), left)
        item, row = self.dtype.itemsize, columns.strides[1]
        strides = (columns.strides[0], self.step * row, wide * deep * item, item)
        return np.ndarray((groups, tall, kh * c * kw, wide * deep), self.dtype, columns, strides=strides)


def _fill(columns: Array, x: Array, vertical: Pair, horizontal: Pair) -> None:
    """Copy the pixels at two axes' (start, stride) into `columns` (G, rows, C / G, q, N), zeros outside."""
    p, h = _overlap(*vertical, columns.shape[1], x.shape[1])
    q, w = _overlap(*horizontal, columns.shape[3], x.shape[3])
    columns[:, p, :, q] = x[:, h, :, w]
    if p.start:
        columns[:, : p.start] = 0
    if p.stop < columns.shape[1]:
        columns[:, p.stop :] = 0
    if q.start:
        columns[:, p, :, : q.start] = 0
    if q.stop < columns.shape[3]:
        columns[:, p, :, q.stop :] = 0


def conv2d(
    x: Array, w: Array, bias: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """Cross-correlation: (N, C, H, W), (O, C / groups, kh, kw), (O,) -> (N, O, P, Q)."""
    windows = _windows(x, w.shape[2:], stride, padding, dilation)
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
        biases = None if bias is None else bias.reshape(groups, 1, o // groups, 1)

        def chunk(span: tuple[slice, slice, slice]) -> None:
            target = _chunk(rows, *span, groups)
            np.matmul(weights, columns.matrix(*span), out=target)
            if biases is not None:
                target += biases  # here, while the chunk is in cache

        threads.run(chunk, columns.chunks)
    return out


def _chunk(rows: Array, p: slice, q: slice, n: slice, groups: int) -> Array:
    """View a chunk of (P, O, Q, N) as matrices: (groups, p, O / groups, q * n)."""
    part = rows[p, :, q, n]
    tall, o, wide, deep = part.shape
    return part.reshape(tall, groups, o // groups, wide * deep).transpose(1, 0, 2, 3)


def conv2d_weight(
    g: Array, x: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """Gradient of the weights: (N, O, P, Q), (N, C, H, W) -> (O, C / groups, kh, kw), `size` = (kh, kw)."""
    dtype = np.result_type(g, x)
    o, c, (kh, kw) = g.shape[1], x.shape[1] // groups, size
    if not (g.size and x.size and kh * kw):
        return np.zeros((o, c, kh, kw), dtype)
    columns = _Columns(x, _windows(x, size, stride, padding, dilation), groups, dtype)
    rows = _batch_innermost(g)
    parts = min(PARTIALS, len(columns.chunks))
    partial = np.zeros((parts, groups, o // groups, kh * c * kw), dtype)

    def part(k: int) -> None:
        for span in columns.chunks[k::parts]:
            planes = _chunk(rows, *span, groups)
            products = _scratch("products", (*planes.shape[:3], kh * c * kw), dtype)
            np.matmul(planes, columns.matrix(*span).transpose(0, 1, 3, 2), out=products)
            partial[k] += products.sum(1)

    threads.run(part, range(parts))
    total: Array = partial.sum(0)
    return total.reshape(o, kh, c, kw).transpose(0, 2, 1, 3)


def conv2d_input(
    g: Array, w: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
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
    threads.run(band, range(0, height, tall))
    return out


# --------------------------------------------------------------------------------------------------- pooling



def _parts(x: Array) -> list[Any]:
    """Indices that cut an array along images or channels, whichever lie further apart, to cache size."""
    axis = int(abs(x.strides[0]) < abs(x.strides[1]))
    length = x.shape[axis]
    step = max(1, CHUNK // 4 * length // max(1, x.nbytes))
    return [(slice(None),) * axis + (slice(i, i + step),) for i in range(0, length, step)]


def _empty_like(x: Array, grid: Sequence[int], dtype: Any = None) -> Array:
    """An uninitialised (N, C, *grid) array whose axes lie in memory in the same order as those of `x`."""
    return np.empty_like(x, dtype, shape=(*x.shape[:2], *grid))


def max_pool2d(
    x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool = False
) -> Array:
    """Maximum over windows: (N, C, H, W) -> (N, C, P, Q). NaN wins, padding never does."""
    windows = _windows(x, kernel, stride, padding, dilation, ceil_mode)
    out = _empty_like(x, windows.grid)
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min

    def part(index: Any) -> None:
        maxima, pixels, taps = out[index], x[index], windows.taps()
        maxima[...] = pixels[next(taps)[1]] if windows.inside() else lowest
        for seen, taken in taps if windows.inside() else windows.taps():
            np.maximum(maxima[seen], pixels[taken], out=maxima[seen])

    threads.run(part, _parts(x))
    return out


def _firsts(x: Array, out: Array, windows: Windows) -> Iterator[tuple[Array, Any, Any]]:
    """For each kernel position: a mask of those among the windows `seen` whose first maximum is there.

    A mask is good until the next one is asked for.
    """
    order = _memory_order(out)
    shape, back = [out.shape[axis] for axis in order], np.argsort(order)
    free, match = (_scratch(name, shape, np.dtype(bool)).transpose(back) for name in ("free", "match"))
    free[...] = True
    broken = bool(np.isnan(out).any())  # a window's maximum is then its first NaN, and that equals nothing
    for seen, taken in windows.taps():
        here, left = match[seen], free[seen]
        np.equal(x[taken], out[seen], out=here)
        if broken:
            here |= np.isnan(x[taken])
        here &= left
        left ^= here
        yield here, seen, taken


def max_pool2d_input(
    g: Array, x: Array, out: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    """Gradient of the input: each window's `g` goes to its first maximum, (N, C, P, Q) -> (N, C, H, W)."""
    windows = Windows(x.shape[2:], out.shape[2:], kernel, stride, padding, dilation)
    tiling = windows.tiling()
    dx = _empty_like(x, windows.size, g.dtype)
    bits = _bits(g.dtype)

    def part(index: Any) -> None:
        pixels, source = dx[index], g[index].view(bits)
        if not tiling:
            pixels[...] = 0
        for here, seen, taken in _firsts(x[index], out[index], windows):
            if tiling:
                np.multiply(source, here, out=pixels[taken].view(bits))
            else:
                pixels[taken] += np.multiply(source[seen], here).view(g.dtype)

    threads.run(part, _parts(x))
    return dx


def max_pool2d_gather(
    v: Array, x: Array, out: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    """The adjoint: `v` at each window's first maximum, (N, C, H, W) -> (N, C, P, Q)."""
    windows = Windows(x.shape[2:], out.shape[2:], kernel, stride, padding, dilation)
    gathered = _empty_like(out, windows.grid, v.dtype)
    gathered[...] = 0
    for here, seen, taken in _firsts(x, out, windows):
        np.copyto(gathered[seen], v[taken], where=here)
    return gathered


def _divisors(
    windows: Windows, ceil_mode: bool, count_include_pad: bool, override: int | None, dtype: Any
) -> Array | int:
    """What each window's sum is divided by: `override`, or its number of elements, (P, Q) where that varies
    (PyTorch's rule: padding counts with `count_include_pad`, what `ceil_mode` adds beyond it never does)."""
    if override is not None:
        return override
    if windows.inside() or (count_include_pad and not ceil_mode):
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
    windows = _windows(x, kernel, stride, padding, (1, 1), ceil_mode)
    out = _empty_like(x, windows.grid)
    divisors = _divisors(windows, ceil_mode, count_include_pad, divisor_override, x.dtype)

    def part(index: Any) -> None:
        sums, pixels, taps = out[index], x[index], windows.taps()
        sums[...] = pixels[next(taps)[1]] if windows.inside() else 0
        for seen, taken in taps if windows.inside() else windows.taps():
            sums[seen] += pixels[taken]
        sums /= divisors

    threads.run(part, _parts(x))
    return out


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
    tiling = windows.tiling()
    dx = _empty_like(g, size)
    divisors = _divisors(windows, ceil_mode, count_include_pad, divisor_override, g.dtype)

    def part(index: Any) -> None:
        pixels, shares = dx[index], g[index] / divisors
        if not tiling:
            pixels[...] = 0
        for seen, taken in windows.taps():
            if tiling:
                pixels[taken] = shares
            else:
                pixels[taken] += shares[seen]

    threads.run(part, _parts(dx))
    return dx


# --------------------------------------------------------------------------------------------- normalisation


def _by_channel(x: Array, order: Sequence[int]) -> Array:
    """An (N, C, *) array as (outer, C, inner): a view if it lies in memory in that order of axes, else a copy."""
    x = x.transpose(order)
    k = list(order).index(1)
    outer, inner = prod(x.shape[:k]), prod(x.shape[k + 1 :])
    return np.ascontiguousarray(x).reshape(outer, x.shape[k], inner)


def _slabs(x: Array) -> list[slice]:
    """Cut (outer, C, inner) along its outer axis to cache size."""
    step = max(1, BLOCK // max(1, x[:1].size))
    return [slice(i, i + step) for i in range(0, len(x), step)]


def channel_moments(x: Array) -> tuple[Array, Array]:
    """Mean and variance (without Bessel's correction) of each channel of (N, C, *): two arrays (C,)."""
    rows = _by_channel(x, _memory_order(x))
    count = max(1, rows.shape[0] * rows.shape[2])
    partial = np.empty(rows.shape[:2], x.dtype)
    slabs = _slabs(rows)
    threads.run(lambda s: np.sum(rows[s], 2, out=partial[s]), slabs)
    mean = (partial.sum(0, np.float64) / count).astype(x.dtype)

    def squares(s: slice) -> None:
        centred = np.subtract(rows[s], mean[:, None], out=_scratch("centred", rows[s].shape, x.dtype))
        np.vecdot(centred, centred, out=partial[s])

    threads.run(squares, slabs)
    return mean, (partial.sum(0, np.float64) / count).astype(x.dtype)


def normalise(x: Array, weight: Array | None, bias: Array | None, mean: Array, deviation: Array) -> Array:
    """(x - mean) / deviation * weight + bias, all but x (N, C, *) of shape (C,)."""
    out = np.empty_like(x)
    order = _memory_order(out)
    rows, results = _by_channel(x, order), _by_channel(out, order)
    scale = 1 / deviation if weight is None else weight / deviation

    def slab(s: slice) -> None:
        target = np.subtract(rows[s], mean[:, None], out=results[s])
        target *= scale[:, None]
        if bias is not None:
            target += bias[:, None]

    threads.run(slab, _slabs(rows))
    return out


def normalise_input(g: Array, x: Array, weight: Array | None, mean: Array, deviation: Array) -> Array:
    """Gradient of `normalise` by x where `mean` and `deviation` are those of x itself (Ioffe & Szegedy 2015, 3)."""
    out = np.empty_like(x)
    order = _memory_order(out)
    rows, upstream, results = (_by_channel(a, order) for a in (x, g, out))
    count = rows.shape[0] * rows.shape[2]
    along, total = (_channel_sums(upstream, rows, mean) / count)[:, :, None]  # means of g (x - mean) and of g
    along = -(along / (deviation * deviation)[:, None]).astype(x.dtype)
    scale = (1 / deviation if weight is None else weight / deviation)[:, None]
    total = total.astype(x.dtype)

    def slab(s: slice) -> None:
        target = np.subtract(rows[s], mean[:, None], out=results[s])
        target *= along
        target += upstream[s]
        target -= total
        target *= scale

    threads.run(slab, _slabs(rows))
    return out


def normalise_weight(g: Array, x: Array, mean: Array, deviation: Array) -> Array:
    """Gradient of `normalise` by its weight."""
    order = _memory_order(x)
    along: Array = _channel_sums(_by_channel(g, order), _by_channel(x, order), mean)[0] / deviation
    return along.astype(g.dtype)


def _channel_sums(g: Array, x: Array, mean: Array) -> Array:
    """Sums of g (x - mean) and of g over each channel of (outer, C, inner): (2, C), in float64."""
    partial = np.empty((2, *x.shape[:2]), x.dtype)

    def slab(s: slice) -> None:
        centred = np.subtract(x[s], mean[:, None], out=_scratch("centred", x[s].shape, x.dtype))
        np.vecdot(g[s], centred, out=partial[0, s])
        np.sum(g[s], 2, out=partial[1, s])

    threads.run(slab, _slabs(x))
    sums: Array = partial.sum(1, np.float64)
    return sums
