"""What a convolution, its two transposes and the poolings are: windows and einsum, slow, and what all tests go by.

The fast kernels of the same names give the same numbers. Everything here follows from `look`, which says what pixel a
window sees at each of its places. It uses no other file of this room but the one that declares `Window`.

n: image, c: input channel, o: output channel, p and q: row and column of a window, i and j: row and column within it,
g as a letter of an equation: group.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad.kernels.windows import Pair, Window

Array = NDArray[Any]


def begin(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> Array:
    """Where windows begin along an axis: from the padding on, every `stride` pixels, as long as they fit.

    With `ceil_mode` (PyTorch's rule) there may be one more, which ends beyond: if there is something left for it to
    see, and if it begins inside the image or the padding before it.
    """
    starts = np.arange(-padding, size + padding, stride)
    ends = starts + dilation * (kernel - 1) + 1
    return starts[(ends - stride < size + padding) & (starts < size) if ceil_mode else ends <= size + padding]


def place(size: Pair, how: Window) -> tuple[Array, Array]:
    """The rows (P, 1, kh, 1) and columns (1, Q, 1, kw) that windows look at, some of them outside of the image."""
    axes = zip(size, how.kernel, how.stride, how.padding, how.dilation, strict=True)
    rows, columns = (begin(*axis, how.ceil_mode)[:, None] + axis[4] * np.arange(axis[1]) for axis in axes)
    return rows[:, None, :, None], columns[None, :, None, :]


def look(size: Pair, how: Window) -> Array:
    """(P, Q, kh, kw): the number of the pixel, row by row, that each window sees at each place; H·W where there is
    none."""
    (height, width), (rows, columns) = size, place(size, how)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return np.where(inside, rows * width + columns, height * width)


def see(x: Array, how: Window, outside: Any = 0) -> Array:
    """(N, C, H, W) -> (N, C, P, Q, kh, kw): what each window sees, with the value `outside` around the image."""
    n, c, h, w = x.shape
    pixels = np.concatenate([x.reshape(n, c, h * w), np.full((n, c, 1), outside, x.dtype)], 2)
    return pixels[:, :, look((h, w), how)]


def give_back(seen: Array, size: Pair, how: Window) -> Array:
    """(N, C, P, Q, kh, kw) -> (N, C, H, W): the transpose of `see`, which adds up what all windows give a pixel."""
    (n, c), (h, w) = seen.shape[:2], size
    pixels = np.zeros((n, c, h * w + 1), seen.dtype)
    index: Any = (slice(None), slice(None), look(size, how))
    np.add.at(pixels, index, seen)
    return pixels[:, :, :-1].reshape(n, c, h, w)


# ----------------------------------------------------------------------------------------------- convolution


def split(a: Array, groups: int, axis: int) -> Array:
    """The same array with `axis` divided into (groups, rest)."""
    return a.reshape(*a.shape[:axis], groups, a.shape[axis] // groups, *a.shape[axis + 1 :])


def conv2d(x: Array, w: Array, bias: Array | None, how: Window) -> Array:
    """(N, C, H, W), (O, C/groups, kh, kw), (O) or None -> (N, O, P, Q): every output channel sums over the input
    channels of its group and over the window."""
    seen, filters = split(see(x, how), how.groups, 1), split(w, how.groups, 0)
    # This is where the sum over c happens: c, i and j stand on the left of the arrow and not on its right.
    out: Array = np.einsum("ngcpqij,gocij->ngopq", seen, filters)
    out = out.reshape(len(x), len(w), *out.shape[3:])
    return out if bias is None else out + bias[:, None, None]


def conv2d_input(g: Array, w: Array, size: Pair, how: Window) -> Array:
    """(N, O, P, Q), (O, C/groups, kh, kw) -> (N, C, *size): every input channel sums over the output channels of its
    group and over the windows that saw its pixel."""
    upstream, filters = split(g, how.groups, 1), split(w, how.groups, 0)
    # No sum over c: every input channel gets the same g, and its own w decides what arrives.
    given = np.einsum("ngopq,gocij->ngcpqij", upstream, filters)
    return give_back(given.reshape(len(g), how.groups * w.shape[1], *given.shape[3:]), size, how)


def conv2d_weight(g: Array, x: Array, how: Window) -> Array:
    """(N, O, P, Q), (N, C, H, W) -> (O, C/groups, kh, kw): each pair of channels sums over images and windows."""
    upstream, seen = split(g, how.groups, 1), split(see(x, how), how.groups, 1)
    dw: Array = np.einsum("ngopq,ngcpqij->gocij", upstream, seen)
    return dw.reshape(g.shape[1], *dw.shape[2:])


# --------------------------------------------------------------------------------------------------- pooling


def max_pool2d(x: Array, how: Window) -> Array:
    """(N, C, H, W) -> (N, C, P, Q): the largest that each window sees. NaN is larger than all; the outside never is."""
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return see(x, how, lowest).max((4, 5))  # type: ignore[no-any-return]


def find_first(x: Array, how: Window) -> Array:
    """(N, C, P, Q): the number of the pixel where each window, row by row, sees its maximum first."""
    (n, c, height, width), places = x.shape, how.kernel[0] * how.kernel[1]
    pixels = look((height, width), how)  # (P, Q, kh, kw)
    p, q = np.ogrid[: pixels.shape[0], : pixels.shape[1]]
    seen, best = see(x, how), max_pool2d(x, how)[..., None, None]
    fits = (pixels < height * width) & ((seen == best) | (seen != seen))  # NaN does not equal itself
    first = fits.reshape(n, c, p.size, q.size, places).argmax(-1)
    return pixels.reshape(p.size, q.size, places)[p, q, first]  # type: ignore[no-any-return]


def max_pool2d_input(g: Array, x: Array, how: Window) -> Array:
    """(N, C, P, Q) -> (N, C, H, W): each window's g goes to its first maximum."""
    n, c, h, w = x.shape
    images, channels = np.ogrid[:n, :c]
    dx = np.zeros((n, c, h * w), g.dtype)
    index: Any = (images[..., None, None], channels[..., None, None], find_first(x, how))
    np.add.at(dx, index, g)
    return dx.reshape(x.shape)


def max_pool2d_gather(v: Array, x: Array, how: Window) -> Array:
    """(N, C, H, W) -> (N, C, P, Q): v where each window's first maximum stands in x; the transpose of the former."""
    (n, c, h, w), (images, channels) = v.shape, np.ogrid[: v.shape[0], : v.shape[1]]
    return v.reshape(n, c, h * w)[images[..., None, None], channels[..., None, None], find_first(x, how)]


def count_elements(size: Pair, how: Window, count_include_pad: bool) -> Array:
    """(P, Q): how many elements a window has inside the image, or inside image and padding; never beyond those."""
    (height, width), (rows, columns), (ph, pw) = size, place(size, how), how.padding
    ph, pw = (ph, pw) if count_include_pad else (0, 0)
    inside = (rows >= -ph) & (rows < height + ph) & (columns >= -pw) & (columns < width + pw)
    return inside.sum((2, 3))  # type: ignore[no-any-return]


def avg_pool2d(x: Array, how: Window, count_include_pad: bool = True, divisor: int | None = None) -> Array:
    """(N, C, H, W) -> (N, C, P, Q): the sum of what each window sees over its number of elements, or over `divisor`."""
    size = (x.shape[2], x.shape[3])
    return see(x, how).sum((4, 5)) / (divisor or count_elements(size, how, count_include_pad))  # type: ignore[no-any-return]


def avg_pool2d_input(
    g: Array, size: Pair, how: Window, count_include_pad: bool = True, divisor: int | None = None
) -> Array:
    """(N, C, P, Q) -> (N, C, *size): each window's g over its divisor goes to all that it sees."""
    shares = (g / (divisor or count_elements(size, how, count_include_pad)))[..., None, None]
    return give_back(np.broadcast_to(shares, (*g.shape, *how.kernel)), size, how)
