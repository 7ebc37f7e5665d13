"""Images and sequences in another size or another order, and their windows as columns.

Resampling is linear in the image and separable: a matrix for each of its dimensions.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minigrad.autograd.strangers import expect_tensors
from minigrad.functional.sequences import adaptive_avg_pool1d
from minigrad.instead import public
from minigrad.kernels.windows import Window
from minigrad.ops.conv import IntOrPair, conv2d, conv_transpose2d, pair
from minigrad.ops.linalg import matmul
from minigrad.ops.pool import adaptive_avg_pool2d, avg_pool_spread
from minigrad.ops.selection import index_select
from minigrad.ops.shape import movedim
from minigrad.tensor import Tensor, from_numpy

_DIMENSIONS = {"nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "linear": (1,), "bilinear": (2,), "trilinear": (3,),
              "bicubic": (2,), "area": (1, 2)}  # fmt: skip


@expect_tensors
def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resample (N, C, L), (N, C, H, W) or (N, C, D, H, W) to `size`, or to so many times its size.

    mode: "nearest", "nearest-exact", "linear" (and "bilinear", "trilinear"), "bicubic" or "area" (means over bins).
    align_corners: whether the corner elements' centres stay where they are, or their outer corners do.
    recompute_scale_factor: whether positions follow the rounded size instead of the given factor.

    Raises ValueError unless one of `size` and `scale_factor` is given, and NotImplementedError for a mode that the
    input's dimensions do not have.

    >>> interpolate(Tensor([[[0.0, 1.0]]]), scale_factor=2)
    tensor([[[0., 0., 1., 1.]]])
    """
    dims = input.ndim - 2
    if mode not in _DIMENSIONS or dims not in _DIMENSIONS[mode]:
        modes = [name for name, taken in _DIMENSIONS.items() if dims in taken]
        there = f"there are {', '.join(map(repr, modes))}" if modes else "expected (N, C, *) of 3 to 5 dimensions"
        raise NotImplementedError(f"interpolate: no mode {mode!r} for an input of shape {input.shape}; {there}")
    if antialias:
        raise NotImplementedError("interpolate: there is no antialias; use avg_pool2d to make an image smaller")
    smooth = "linear" in mode or mode == "bicubic"
    if align_corners is not None and not smooth:
        raise ValueError(f"interpolate: align_corners has no meaning for mode {mode!r}")
    sizes, scales = _output_sizes(input.shape[2:], size, scale_factor, recompute_scale_factor)
    if min((*input.shape[1:], *sizes), default=0) < 1:
        raise ValueError(f"interpolate: an input of shape {input.shape} cannot be brought to the size {sizes}")
    if mode == "area":
        return adaptive_avg_pool2d(input, sizes) if dims == 2 else adaptive_avg_pool1d(input, sizes)
    if dims == 2 and not smooth and _are_whole(input, sizes, scales):
        return _repeat_pixels(input, sizes)
    for axis, (n, scale) in enumerate(zip(sizes, scales, strict=True), start=2):
        step = input.shape[axis] / n if scale is None else 1 / scale
        if smooth:
            matrix = _resampling_matrix(input.shape[axis], n, step, mode == "bicubic", bool(align_corners))
            input = movedim(matmul(movedim(input, axis, -1), matrix.T.astype(input.dtype)), -1, axis)
        else:
            input = _take_nearest(input, axis, n, np.float32(step), 0.5 if mode == "nearest-exact" else 0.0)
    return input


def _output_sizes(
    lengths: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The size asked for, and for each dimension the factor that decides about positions, if it is not their ratio."""
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    if size is not None and recompute:
        raise ValueError("interpolate: recompute_scale_factor needs a scale_factor")
    given = size if scale_factor is None else scale_factor
    values = tuple(given) if isinstance(given, Sequence) else (given,) * len(lengths)
    if len(values) != len(lengths):
        what = "size" if scale_factor is None else "scale_factor"
        raise ValueError(f"interpolate: {what} {given!r} for an image of {len(lengths)} dimensions")
    if scale_factor is None:
        return tuple(map(int, values)), (None,) * len(values)
    sizes = tuple(math.floor(n * s) for n, s in zip(lengths, values, strict=True))
    return sizes, (None,) * len(values) if recompute else tuple(map(float, values))


def _are_whole(input: Tensor, sizes: tuple[int, ...], scales: tuple[float | None, ...]) -> bool:
    """Whether each pixel of a floating image is to be repeated a whole number of times along each dimension."""
    lengths = zip(input.shape[2:], sizes, scales, strict=True)
    return input.dtype.kind == "f" and all(n % k == 0 and scale in (None, n / k) for k, n, scale in lengths)


def _repeat_pixels(input: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Each pixel as a block: the transpose of the sum over such blocks. The result lies as a convolution leaves it."""
    (_, _, h, w), (height, width) = input.shape, sizes
    block = (height // h, width // w)
    return avg_pool_spread(input, (height, width), Window(block, block), True, 1)


def _take_nearest(input: Tensor, axis: int, n: int, step: np.float32, offset: float) -> Tensor:
    """Along `axis`, the element below each of n positions that are `step` apart."""
    length = input.shape[axis]
    if n % length == 0 and step == np.float32(length / n):  # each so many times: no index, and a quick gradient
        shape = input.shape[: axis + 1] + (n // length,) + input.shape[axis + 1 :]
        return input.unsqueeze(axis + 1).expand(shape).flatten(axis, axis + 1)
    places = np.floor((np.arange(n, dtype=np.float32) + np.float32(offset)) * step).astype(np.int64)
    return index_select(input, axis, np.minimum(places, length - 1))


def _resampling_matrix(length: int, n: int, step: float, cubic: bool, align_corners: bool) -> NDArray[np.float64]:
    """(n, length): what each element contributes to each of n positions. Source of the cubic: Keys 1981, a = -0.75."""
    if align_corners:
        positions = np.arange(n) * ((length - 1) / (n - 1) if n > 1 else 0.0)
    else:
        positions = (np.arange(n) + 0.5) * step - 0.5
    if not cubic:
        positions = np.clip(positions, 0, length - 1)
    below = np.floor(positions).astype(np.int64)
    matrix = np.zeros((n, length))
    for tap in range(-1, 3) if cubic else range(2):
        t = np.abs(positions - (below + tap))
        if cubic:
            weights = np.where(t <= 1, (1.25 * t - 2.25) * t * t + 1, ((-0.75 * t + 3.75) * t - 6) * t + 3)
        else:
            weights = 1 - t
        np.add.at(matrix, (np.arange(n), np.clip(below + tap, 0, length - 1)), weights)
    return matrix


@expect_tensors
def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate`, by PyTorch's older name."""
    warnings.warn("upsample is PyTorch's older name; use interpolate", stacklevel=3)
    return interpolate(input, size, scale_factor, mode, align_corners)


@expect_tensors
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels become pixels: (*, C·r², H, W) -> (*, C, H·r, W·r), r = `upscale_factor`. Source: Shi et al. 2016.

    Raises ValueError unless the channels divide by r².
    """
    r = upscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-3] % (r * r):
        raise ValueError(f"pixel_shuffle: the channels of shape {input.shape} do not divide by upscale_factor² = {r}²")
    *batch, c, h, w = input.shape
    k = len(batch)
    split = input.reshape(*batch, c // (r * r), r, r, h, w)
    order = (*range(k), k, k + 3, k + 1, k + 4, k + 2)
    return split.permute(order).reshape(*batch, c // (r * r), h * r, w * r)


@expect_tensors
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Pixels become channels, the inverse of `pixel_shuffle`: (*, C, H·r, W·r) -> (*, C·r², H, W).

    Raises ValueError unless height and width divide by r.
    """
    r = downscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-2] % r or input.shape[-1] % r:
        raise ValueError(f"pixel_unshuffle: the image of shape {input.shape} does not divide by downscale_factor = {r}")
    *batch, c, h, w = input.shape
    k = len(batch)
    split = input.reshape(*batch, c, h // r, r, w // r, r)
    order = (*range(k), k, k + 2, k + 4, k + 1, k + 3)
    return split.permute(order).reshape(*batch, c * r * r, h // r, w // r)


@expect_tensors
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of (N, C, *) dealt out anew, one of each group in turn. Source: Zhang et al. 2018.

    Raises ValueError unless C divides into `groups`.
    """
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise ValueError(f"channel_shuffle: the channels of shape {input.shape} do not divide into {groups} groups")
    return input.unflatten(1, (groups, -1)).transpose(1, 2).reshape(input.shape)


# A column is a convolution of each channel with one unit vector for each place of the window; `fold` is its transpose.


def _window_units(kernel: tuple[int, int], dtype: Any) -> Tensor:
    count = kernel[0] * kernel[1]
    return from_numpy(np.eye(count, dtype=dtype).reshape(count, 1, *kernel))


@expect_tensors
def unfold(
    input: Tensor, kernel_size: IntOrPair, dilation: IntOrPair = 1, padding: IntOrPair = 0, stride: IntOrPair = 1
) -> Tensor:
    """Windows as columns: (N, C, H, W) -> (N, C·kh·kw, L), L windows row by row; or without N.

    Raises ValueError for another number of dimensions, or where no window fits.

    >>> unfold(Tensor(1, 2, 4, 5), 3).shape  # 2 · 3 · 3 numbers in each of 2 · 3 windows
    (1, 18, 6)
    """
    if input.ndim == 3:
        return unfold(input.unsqueeze(0), kernel_size, dilation, padding, stride).squeeze(0)
    if input.ndim != 4:
        raise ValueError(f"unfold: expected an input (N, C, H, W) or (C, H, W), got shape {input.shape}")
    kernel = pair("unfold", "kernel_size", kernel_size, 1)
    n, c, h, w = input.shape
    images = input.reshape(n * c, 1, h, w)
    out = conv2d(images, _window_units(kernel, input.dtype), None, stride, padding, dilation)
    return out.reshape(n, c * kernel[0] * kernel[1], out.shape[2] * out.shape[3])


@expect_tensors
def fold(
    input: Tensor,
    output_size: IntOrPair,
    kernel_size: IntOrPair,
    dilation: IntOrPair = 1,
    padding: IntOrPair = 0,
    stride: IntOrPair = 1,
) -> Tensor:
    """Columns added up where their windows are, the transpose of `unfold`: (N, C·kh·kw, L) -> (N, C, *output_size).

    Raises ValueError unless L is the number of windows that `output_size` has.
    """
    if input.ndim == 2:
        return fold(input.unsqueeze(0), output_size, kernel_size, dilation, padding, stride).squeeze(0)
    size, kernel = pair("fold", "output_size", output_size, 1), pair("fold", "kernel_size", kernel_size, 1)
    options = [pair("fold", *option) for option in (("stride", stride, 1), ("padding", padding, 0))]
    (steps, margins), gaps = options, pair("fold", "dilation", dilation, 1)
    room = [n + 2 * p - d * (k - 1) - 1 for n, p, d, k in zip(size, margins, gaps, kernel, strict=True)]
    count = [r // s + 1 for r, s in zip(room, steps, strict=True)]
    places = kernel[0] * kernel[1]
    if input.ndim != 3 or input.shape[1] % places or input.shape[2] != count[0] * count[1]:
        raise ValueError(
            f"fold: expected an input (N, C·{places}, {count[0]}·{count[1]}) for output_size {size}, got {input.shape}"
        )
    n, c = input.shape[0], input.shape[1] // places
    windows = input.reshape(n * c, places, *count)
    extra = (room[0] % steps[0], room[1] % steps[1])
    units = _window_units(kernel, input.dtype)
    return conv_transpose2d(windows, units, None, steps, margins, extra, 1, gaps).reshape(n, c, *size)


if not TYPE_CHECKING:
    __all__ = public(globals())
