"""Convolution and pooling on plain arrays: what makes them fast lives here, and no Tensor.

Arrays are logical (N, C, H, W) views of any memory layout; `stride`, `padding`, `dilation` and `kernel` are pairs of
ints, padding is zeros (minus infinity for the maximum) on both sides. `minigrad.ops.conv` and `.pool` say the calculus.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Pair = tuple[int, int]


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool = False) -> int:
    """Number of windows along an axis; a window that would overhang is dropped, or with `ceil_mode` kept
    if it begins inside the input or its left padding (PyTorch's rule)."""
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return span // stride + 1
    count = -(-span // stride) + 1
    return count - 1 if (count - 1) * stride >= size + padding else count


def _along(offset: int, size: int, windows: int, stride: int) -> tuple[slice, slice]:
    """The windows whose element at `offset` from the window's start lies inside [0, size), and those elements."""
    first = max(0, -(offset // stride))
    last = max(first, min(windows, (size - 1 - offset) // stride + 1))
    start = offset + first * stride
    return slice(first, last), slice(start, start + (last - first) * stride, stride)


def _taps(
    size: Pair, windows: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Iterator[tuple[Pair, Any, Any]]:
    """For every kernel position (i, j): which windows see a real element there, and which elements those are."""
    for i in range(kernel[0]):
        p, h = _along(i * dilation[0] - padding[0], size[0], windows[0], stride[0])
        for j in range(kernel[1]):
            q, w = _along(j * dilation[1] - padding[1], size[1], windows[1], stride[1])
            yield (i, j), (..., p, q), (..., h, w)


def _columns(x: Array, windows: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Array:
    """im2col: (N, C, H, W) -> (C, kh, kw, N, P, Q), zero where a window looks at padding."""
    n, c, *size = x.shape
    columns = np.zeros((c, *kernel, n, *windows), x.dtype)
    planes = x.transpose(1, 0, 2, 3)
    for (i, j), seen, taken in _taps((size[0], size[1]), windows, kernel, stride, padding, dilation):
        columns[:, i, j][seen] = planes[taken]
    return columns


def conv2d(
    x: Array, w: Array, bias: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """Cross-correlation: (N, C, H, W), (O, C/groups, kh, kw) -> (N, O, P, Q)."""
    n, _, *size = x.shape
    o, _, *kernel = w.shape
    p, q = (output_size(*axis) for axis in zip(size, kernel, stride, padding, dilation, strict=True))
    columns = _columns(x, (p, q), (kernel[0], kernel[1]), stride, padding, dilation)
    out = np.matmul(_grouped(w, groups), _grouped(columns, groups, 3)).reshape(o, n, p, q)
    if bias is not None:
        out += bias.reshape(o, 1, 1, 1)
    return out.transpose(1, 0, 2, 3)


def conv2d_weight(
    g: Array, x: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """Gradient of the weights: (N, O, P, Q), (N, C, H, W) -> (O, C/groups, kh, kw), (kh, kw) being `size`."""
    columns = _columns(x, g.shape[2:], size, stride, padding, dilation)
    planes = _grouped(g.transpose(1, 0, 2, 3), groups)
    out = np.matmul(planes, _grouped(columns, groups, 3).transpose(0, 2, 1))
    return out.reshape(g.shape[1], x.shape[1] // groups, *size)


def conv2d_input(
    g: Array, w: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """Gradient of the input: (N, O, P, Q), (O, C/groups, kh, kw) -> (N, C, H, W), (H, W) being `size`."""
    n, o, p, q = g.shape
    channels, kernel = w.shape[1] * groups, w.shape[2:]
    weights = _grouped(w, groups).transpose(0, 2, 1)
    columns = np.matmul(weights, _grouped(g.transpose(1, 0, 2, 3), groups)).reshape(channels, *kernel, n, p, q)
    out = np.zeros((channels, n, *size), columns.dtype)
    for (i, j), seen, taken in _taps(size, (p, q), kernel, stride, padding, dilation):
        out[taken] += columns[:, i, j][seen]
    return out.transpose(1, 0, 2, 3)


def _grouped(a: Array, groups: int, row_axes: int = 1) -> Array:
    """A matrix a group: the first `row_axes` axes become the rows, split among the groups; the others the columns."""
    rows, columns = (int(np.prod(part)) for part in (a.shape[:row_axes], a.shape[row_axes:]))
    return a.reshape(groups, rows // groups, columns)


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def max_pool2d(
    x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool = False
) -> Array:
    """Maximum over windows: (N, C, H, W) -> (N, C, P, Q). NaN wins, padding never does."""
    n, c, *size = x.shape
    p, q = (output_size(*axis, ceil_mode) for axis in zip(size, kernel, stride, padding, dilation, strict=True))
    out = _empty_like(x, (n, c, p, q))
    out[...] = _lowest(x.dtype)
    for _, seen, taken in _taps((size[0], size[1]), (p, q), kernel, stride, padding, dilation):
        np.maximum(out[seen], x[taken], out=out[seen])
    return out


def _firsts(
    x: Array, out: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Iterator[tuple[Array, Any, Any]]:
    """For every kernel position: a mask of the windows (among `seen`) whose first maximum is there."""
    free = np.ones_like(out, bool)
    for _, seen, taken in _taps(x.shape[2:], out.shape[2:], kernel, stride, padding, dilation):
        here = x[taken] == out[seen]
        here |= np.isnan(x[taken])
        here &= free[seen]
        free[seen] ^= here
        yield here, seen, taken


def max_pool2d_input(
    g: Array, x: Array, out: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    """Gradient of the input: each window's `g` goes to its first maximum, (N, C, P, Q) -> (N, C, H, W)."""
    dx = _empty_like(x, x.shape, g.dtype)
    dx[...] = 0
    for here, seen, taken in _firsts(x, out, kernel, stride, padding, dilation):
        np.add(dx[taken], g[seen], out=dx[taken], where=here)
    return dx


def max_pool2d_gather(
    v: Array, x: Array, out: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    """The adjoint: `v` at each window's first maximum, (N, C, H, W) -> (N, C, P, Q)."""
    gathered = _empty_like(out, out.shape, v.dtype)
    gathered[...] = 0
    for here, seen, taken in _firsts(x, out, kernel, stride, padding, dilation):
        np.copyto(gathered[seen], v[taken], where=here)
    return gathered


def _empty_like(x: Array, shape: tuple[int, ...], dtype: Any = None) -> Array:
    """An uninitialised array whose axes lie in memory in the same order as those of `x`."""
    order = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    memory = np.empty([shape[axis] for axis in order], dtype or x.dtype)
    return memory.transpose(np.argsort(order))


def _divisors(
    size: Pair, windows: Pair, kernel: Pair, stride: Pair, padding: Pair, include_pad: bool, override: int | None,
    dtype: Any,
) -> Array:
    """What each average divides by: (P, Q), the number of elements in the window (PyTorch's rule: padding counts
    with `include_pad`, what `ceil_mode` adds beyond it never does) or `override`."""
    if override is not None:
        return np.full(windows, override, dtype)
    counts = []
    for length, count, k, s, pad in zip(size, windows, kernel, stride, padding, strict=True):
        start = np.arange(count) * s - pad
        stop = np.minimum(start + k, length + pad)
        if not include_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, length)
        counts.append(stop - start)
    return np.outer(*counts).astype(dtype)


def avg_pool2d(
    x: Array, kernel: Pair, stride: Pair, padding: Pair, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Average over windows: (N, C, H, W) -> (N, C, P, Q)."""
    n, c, *size = x.shape
    p, q = (output_size(*axis, 1, ceil_mode) for axis in zip(size, kernel, stride, padding, strict=True))
    out = _empty_like(x, (n, c, p, q))
    out[...] = 0
    for _, seen, taken in _taps((size[0], size[1]), (p, q), kernel, stride, padding, (1, 1)):
        out[seen] += x[taken]
    out /= _divisors((size[0], size[1]), (p, q), kernel, stride, padding, count_include_pad, divisor_override, x.dtype)
    return out


def avg_pool2d_input(
    g: Array, size: Pair, kernel: Pair, stride: Pair, padding: Pair, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Array:
    """Gradient of the input: (N, C, P, Q) -> (N, C, H, W), (H, W) being `size`."""
    windows = (g.shape[2], g.shape[3])
    g = g / _divisors(size, windows, kernel, stride, padding, count_include_pad, divisor_override, g.dtype)
    dx = _empty_like(g, (*g.shape[:2], *size))
    dx[...] = 0
    for _, seen, taken in _taps(size, windows, kernel, stride, padding, (1, 1)):
        dx[taken] += g[seen]
    return dx
