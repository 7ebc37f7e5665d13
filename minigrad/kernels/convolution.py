"""Convolution and its two transposes by matrix products over im2col columns, a chunk at a time.

What they are stands in `definition.py`. Here the columns of a chunk stay in a core's cache, in buffers that live on. A
chunk is few NumPy calls, each as long as can be: threads that come back from short ones wait for the interpreter's lock
more than they work. Only what takes longer than to hand it over is shared over threads. Neither the cut nor the order
of any sum depends on their number: so the results do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.kernels.memory import (
    Array,
    as_rows,
    borrow,
    copy_rows,
    empty_images,
    put_batch_innermost,
    repeat_along,
)
from minigrad.kernels.threads import PRODUCTS, run
from minigrad.kernels.windows import Pair, Windows, find_overlap, lay_windows

PARTIALS = 16  # partial sums of a weight gradient, added up in order: as many threads can share its work


class Columns:
    """im2col by chunks: `matrix(p, q, n)` holds what the windows of those rows, columns and images see.

    Its shape is (groups, p, kh * C / groups * kw, q * n): a matrix for each row of windows.
    """

    def __init__(self, x: Array, windows: Windows, groups: int, dtype: np.dtype[Any]) -> None:
        self.rows, self.windows, self.groups, self.dtype = as_rows(x), windows, groups, dtype
        self.chunks = windows.chunks(x.shape[0], x.shape[1], dtype.itemsize)

    def patch(self, p: slice, q: slice, n: slice) -> Array:
        """The pixels that windows see, with the zeros around the image, as an (h, C, w, n) array."""
        top, bottom, first, last = self.windows.region(0, p.start, p.stop)
        left, right, begin, end = self.windows.region(1, q.start, q.stop)
        image = self.rows[first:last, :, begin:end, n]
        shape = (bottom - top, image.shape[1], right - left, image.shape[3])
        if image.shape == shape and image.strides[3] == image.itemsize and image.dtype == self.dtype:
            return image
        frame = borrow("frame", shape, self.dtype)
        if last - first < bottom - top:
            frame[: first - top] = 0
            frame[last - top :] = 0
        if end - begin < right - left:
            frame[:, :, : begin - left] = 0
            frame[:, :, end - left :] = 0
        copy_rows(frame[first - top : last - top, :, begin - left : end - left], image)
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
        columns = borrow("columns", (groups, height, inner, c, kw, wide, deep), self.dtype)
        seen = (c * channel, *rows, channel, dw * right, sw * right, item)
        np.copyto(columns, as_strided(patch, columns.shape, seen))
        line = wide * deep * item
        matrices = (columns.strides[0], step * c * kw * line, line, item)
        return np.ndarray(shape, self.dtype, columns, strides=matrices)


def conv2d(x: Array, w: Array, bias: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """Cross-correlation: (N, C, H, W), (O, C / groups, kh, kw), (O,) -> (N, O, P, Q)."""
    windows = lay_windows(x.shape, w.shape[2:], stride, padding, dilation)
    dtype = np.result_type(x, w)
    n, (o, c, kh, kw), (p, q) = x.shape[0], w.shape, windows.grid
    out = empty_images(n, o, p, q, dtype)
    rows = as_rows(out)
    if not w.size:
        out[...] = 0
    if out.size and w.size:
        columns = Columns(x, windows, groups, dtype)
        weights = w.reshape(groups, o // groups, c, kh, kw).transpose(0, 1, 3, 2, 4)
        weights = np.ascontiguousarray(weights.reshape(groups, 1, o // groups, kh * c * kw), dtype)
        biases = None
        if bias is not None:
            wide, deep = (s.stop - s.start for s in columns.chunks[0][1:])
            biases = repeat_along(bias.astype(dtype), wide * deep).reshape(groups, 1, o // groups, -1)

        def chunk(span: tuple[slice, slice, slice]) -> None:
            target = as_matrices(rows, *span, groups)
            np.matmul(weights, columns.matrix(*span), out=target)
            if biases is not None:  # here, while the chunk is in cache
                target += biases[..., : target.shape[3]]

        run(chunk, columns.chunks, share=out.size * weights.shape[3] >= PRODUCTS)
    return out


def as_matrices(rows: Array, p: slice, q: slice, n: slice, groups: int) -> Array:
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
    columns = Columns(x, lay_windows(x.shape, size, stride, padding, dilation), groups, dtype)
    rows = put_batch_innermost(g)
    parts = min(PARTIALS, len(columns.chunks))
    partial = np.zeros((parts, groups, kh * c * kw, o // groups), dtype)

    def part(k: int) -> None:
        for span in columns.chunks[k::parts]:
            planes = as_matrices(rows, *span, groups)
            products = borrow("products", (*planes.shape[:2], kh * c * kw, o // groups), dtype)
            np.matmul(columns.matrix(*span), planes.transpose(0, 1, 3, 2), out=products)
            partial[k] += products.sum(1)

    run(part, range(parts), share=g.size * partial.shape[2] >= PRODUCTS)
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
    return scatter(g, weights, size, stride, padding, dilation)


def scatter(g: Array, w: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Array:
    """The input gradient as matrix products added onto the pixels that each window saw (col2im).

    w: (G, O / G, C / G, kh, kw). A task owns some rows of the result, and takes the windows that touch them.
    """
    groups, o, c, kh, kw = w.shape
    (n, _, p, q), (height, width) = g.shape, size
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    dtype = np.result_type(g, w)
    out = empty_images(n, groups * c, height, width, dtype)
    out[...] = 0
    if not (g.size and w.size):
        return out
    rows = as_rows(out).reshape(height, groups, c, width, n)
    weights = np.ascontiguousarray(w.transpose(0, 3, 4, 2, 1).reshape(groups, kh * kw * c, o), dtype)
    planes = put_batch_innermost(g).reshape(p, groups, o, q * n)
    columns = [find_overlap(j * dw - pw, sw, q, width) for j in range(kw)]

    def band(top: int) -> None:
        for h in range(top, min(top + tall, height)):
            for i in range(kh):
                k, rest = divmod(h + ph - i * dh, sh)
                if rest == 0 and 0 <= k < p:
                    products = borrow("products", (groups, kw * c, q * n), dtype)
                    np.matmul(weights[:, i * kw * c : (i + 1) * kw * c], planes[k], out=products)
                    for j, (seen, taken) in enumerate(columns):
                        rows[h, :, :, taken] += products.reshape(groups, kw, c, q, n)[:, j, :, seen]

    tall = max(1, height // PARTIALS)
    run(band, range(0, height, tall), share=g.size * kh * kw * c >= PRODUCTS)
    return out
