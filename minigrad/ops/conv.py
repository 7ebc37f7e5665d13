"""Convolution is one trilinear form, and this file is its calculus; `kernels` makes it fast.

    ⟨g, convolution(x, w)⟩  =  Σ_{n,o,p} Σ_{c,k}  g[n, o, p] · x[n, c, s·p + d·k - pad] · w[o, c, k]

n: image of the batch, o: output channel, c: input channel, p: output position, k: position in the window; p and k are
pairs, s is the stride and d the dilation. Leave one factor out, and what is left is the derivative by that factor:

    without g   convolution         y[n, o, p]  sums over c, k     every output channel gathers from all input channels
    without x   convolution_input   x[n, c, i]  sums over o, p, k  every input channel gathers from all output channels
    without w   convolution_weight  w[o, c, k]  sums over n, p     each pair of channels has its own, over the batch

So each one's rules are the other two, to any order. Note what the sum over c in the first row means for its gradient:
the same g[n, o, p] goes to every input channel. Nothing is divided or routed; w decides what arrives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import Array, primitive
from minigrad.kernels import convolution as kernels
from minigrad.ops.elementwise import add
from minigrad.ops.reductions import sum
from minigrad.ops.shape import pad, reshape, squeeze, unsqueeze

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

Pair = tuple[int, int]
IntOrPair = int | tuple[int, int] | list[int]


@primitive(
    x=lambda g, x_shape, w, stride, padding, dilation, groups: convolution_input(
        g, w, x_shape[2:], stride, padding, dilation, groups
    ),
    w=lambda g, x, w_shape, stride, padding, dilation, groups: convolution_weight(
        g, x, w_shape[2:], stride, padding, dilation, groups
    ),
    bias=lambda g: sum(g, (0, 2, 3)),
)
def convolution(x: Array, w: Array, bias: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """(N, C, H, W), (O, C/groups, K, L) -> (N, O, P, Q): sums over input channels and window; `bias` (O) or None."""
    return kernels.conv2d(x, w, bias, stride, padding, dilation, groups)


@primitive(
    y=lambda g, w, stride, padding, dilation, groups: convolution(g, w, None, stride, padding, dilation, groups),
    w=lambda g, y, w_shape, stride, padding, dilation, groups: convolution_weight(
        y, g, w_shape[2:], stride, padding, dilation, groups
    ),
)
def convolution_input(
    y: Array, w: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """(N, O, P, Q), (O, C/groups, K, L) -> (N, C, *size): sums over output channels and positions."""
    return kernels.conv2d_input(y, w, size, stride, padding, dilation, groups)


@primitive(
    y=lambda g, x, stride, padding, dilation, groups: convolution(x, g, None, stride, padding, dilation, groups),
    x=lambda g, y, x_shape, stride, padding, dilation, groups: convolution_input(
        y, g, x_shape[2:], stride, padding, dilation, groups
    ),
)
def convolution_weight(
    y: Array, x: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """(N, O, P, Q), (N, C, H, W) -> (O, C/groups, *size): sums over batch and positions."""
    return kernels.conv2d_weight(y, x, size, stride, padding, dilation, groups)


# ---------------------------------------------------------------------------------------------------- public names


def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: IntOrPair = 1,
    padding: IntOrPair | str = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve images with filters: cross-correlation, as the field has it.

    input (N, C, H, W) or (C, H, W), weight (O, C/groups, K, L), bias (O) -> (N, O, P, Q) or (O, P, Q) with
    P = ⌊(H + 2·padding - dilation·(K - 1) - 1) / stride⌋ + 1, and Q likewise. padding: zeros on either side, or
    'valid' (none), or 'same' (P = H, for stride 1; an odd margin has its larger part below and to the right).
    Raises ValueError where shapes or options do not fit each other.
    """
    name = "conv2d"
    strides, dilations = pair(name, "stride", stride, 1), pair(name, "dilation", dilation, 1)
    if input.ndim == 3:
        return squeeze(conv2d(unsqueeze(input, 0), weight, bias, strides, padding, dilations, groups), 0)
    check_channels(name, input, weight, bias, groups, 1, weight.shape[0] if weight.ndim else 0)
    margins: Pair = (0, 0)
    if padding == "same":
        if strides != (1, 1):
            raise ValueError(f"{name}: padding 'same' needs stride 1, got {strides}")
        total = [d * (k - 1) for d, k in zip(dilations, weight.shape[2:], strict=True)]
        margins = (total[0] // 2, total[1] // 2)
        if any(t % 2 for t in total):
            input = pad(input, (0, total[1] % 2, 0, total[0] % 2))
    elif isinstance(padding, str):
        if padding != "valid":
            raise ValueError(f"{name}: padding must be a number, a pair, 'same' or 'valid', got {padding!r}")
    else:
        margins = pair(name, "padding", padding, 0)
    for n, p, d, k in zip(input.shape[2:], margins, dilations, weight.shape[2:], strict=True):
        if k < 1 or n + 2 * p < d * (k - 1) + 1:
            raise ValueError(
                f"{name}: windows of {tuple(weight.shape[2:])} with dilation {dilations} do not fit an image of "
                f"{tuple(input.shape[2:])} with padding {margins}"
            )
    return convolution(input, weight, bias, strides, margins, dilations, groups)


def conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: int | tuple[int] = 1,
    padding: int | tuple[int] | str = 0,
    dilation: int | tuple[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve sequences: input (N, C, L) or (C, L), weight (O, C/groups, K), bias (O) -> (N, O, P) or (O, P).

    A convolution of images of height 1; options and errors as for `conv2d`.
    """
    if weight.ndim != 3 or input.ndim not in (2, 3):
        raise ValueError(
            f"conv1d: expected input (N, C, L) or (C, L) and weight (O, C/groups, K), got shapes "
            f"{tuple(input.shape)} and {tuple(weight.shape)}"
        )
    s, d = single(stride), single(dilation)
    p = padding if isinstance(padding, str) else (0, single(padding))
    out = conv2d(unsqueeze(input, -2), unsqueeze(weight, -2), bias, (1, s), p, (1, d), groups)
    return squeeze(out, -2)


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
    groups: int = 1,
    dilation: IntOrPair = 1,
) -> Tensor:
    """The transpose of `conv2d`, that is, the gradient of its input, as an operation of its own.

    input (N, O, P, Q) or (O, P, Q), weight (O, C/groups, K, L), bias (C) -> (N, C, H, W) or (C, H, W) with
    H = (P - 1)·stride - 2·padding + dilation·(K - 1) + output_padding + 1, and W likewise.
    Raises ValueError where shapes or options do not fit each other.
    """
    name = "conv_transpose2d"
    strides, margins = pair(name, "stride", stride, 1), pair(name, "padding", padding, 0)
    dilations, extra = pair(name, "dilation", dilation, 1), pair(name, "output_padding", output_padding, 0)
    if input.ndim == 3:
        batch = unsqueeze(input, 0)
        return squeeze(conv_transpose2d(batch, weight, bias, strides, margins, extra, groups, dilations), 0)
    channels = weight.shape[1] * groups if weight.ndim == 4 else 0
    check_channels(name, input, weight, bias, groups, 0, channels)
    if any(e >= max(s, d) for e, s, d in zip(extra, strides, dilations, strict=True)):
        raise ValueError(f"{name}: output_padding {extra} must be smaller than stride {strides} or {dilations}")
    size = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, s, p, d, k, e in zip(input.shape[2:], strides, margins, dilations, weight.shape[2:], extra, strict=True)
    )
    if min(size) < 1:
        raise ValueError(f"{name}: the result would have size {size}; input {tuple(input.shape)}, padding {margins}")
    if all(e < s for e, s in zip(extra, strides, strict=True)):
        out = convolution_input(input, weight, size, strides, margins, dilations, groups)
    else:  # conv2d would find room for a further window in an image of this size, so crop the margins apart
        whole = tuple(n + 2 * p - e for n, p, e in zip(size, margins, extra, strict=True))
        out = convolution_input(input, weight, whole, strides, (0, 0), dilations, groups)
        (top, left), (more_below, more_right) = margins, extra
        out = pad(out, (-left, more_right - left, -top, more_below - top))
    return out if bias is None else add(out, reshape(bias, (1, -1, 1, 1)))


def pair(name: str, option: str, value: Any, least: int) -> Pair:
    """An option of two dimensions, given as one number for both or as two."""
    values = (value, value) if isinstance(value, int | np.integer) else tuple(value)
    if len(values) == 1:
        values *= 2
    if len(values) != 2 or not all(isinstance(v, int | np.integer) and v >= least for v in values):
        raise ValueError(f"{name}: {option} must be a number or a pair of at least {least}, got {value!r}")
    return int(values[0]), int(values[1])


def single(value: Any) -> int:
    """An option of one dimension, given as a number or as a tuple of one."""
    return int(value if isinstance(value, int | np.integer) else value[0])


def check_channels(
    name: str, input: Any, weight: Any, bias: Any, groups: int, channel_axis: int, out_channels: int
) -> None:
    """Raise a ValueError unless input, weight, bias and groups fit each other."""
    shapes = f"got input {tuple(input.shape)}, weight {tuple(weight.shape)}, groups {groups}"
    if input.ndim != 4 or weight.ndim != 4:
        raise ValueError(f"{name}: expected an input of 3 or 4 and a weight of 4 dimensions, {shapes}")
    if not isinstance(groups, int | np.integer) or groups < 1 or weight.shape[0] % groups:
        raise ValueError(f"{name}: groups must divide the channels, {shapes}")
    expected = weight.shape[channel_axis] * (groups if channel_axis == 1 else 1)
    if input.shape[1] != expected:
        raise ValueError(f"{name}: the weight asks for {expected} input channels, {shapes}")
    if bias is not None and tuple(bias.shape) != (out_channels,):
        raise ValueError(f"{name}: expected a bias of shape ({out_channels},), got {tuple(bias.shape)}")
    if input.dtype != weight.dtype:
        raise TypeError(f"{name}: input is {input.dtype} but weight is {weight.dtype}; bring one .to() the other")
