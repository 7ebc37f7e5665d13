"""Convolution is one trilinear form, and this file is its calculus; `minigrad.kernels` makes it fast.

    ⟨g, convolution(x, w)⟩  =  Σ_{n,o,p} Σ_{c,k}  g[n, o, p] · x[n, c, s·p + d·k - pad] · w[o, c, k]

n: image of the batch, o: output channel, c: input channel, p: output position, k: position in the window; p and k are
pairs, s is the stride and d the dilation. Leave one factor out, and what is left is the derivative by that factor:

    without g   convolution         y[n, o, p]  sums over c, k     every output channel gathers from all input channels
    without x   convolution_input   x[n, c, i]  sums over o, p, k  every input channel gathers from all output channels
    without w   convolution_weight  w[o, c, k]  sums over n, p     each pair of channels has its own, over the batch

So each one's rules are the other two, to any order. Note what the sum over c in the first row means for its gradient:
the same g[n, o, p] goes to every input channel. Nothing is divided or routed; w decides what arrives.

This is step 3 of the ladder (examples/learn/step3_convolution.py), plus options, a bias, groups, sequences, and checks
of what is given.
"""

from __future__ import annotations

import functools
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import Array, primitive
from minigrad.autograd.strangers import expect_tensors
from minigrad.autograd.wording import error_of_a_sequence
from minigrad.kernels import convolution as kernels
from minigrad.kernels import input_gradient
from minigrad.kernels.windows import Pair, Window
from minigrad.ops.elementwise import add
from minigrad.ops.reductions import sum
from minigrad.ops.shape import pad, reshape, squeeze, unsqueeze

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "conv1d", "conv2d", "conv_transpose2d",
]  # fmt: skip

IntOrPair = int | tuple[int, int] | list[int]


@primitive(
    x=lambda g, x_shape, w, how: convolution_input(g, w, x_shape[2:], how),
    w=lambda g, x, how: convolution_weight(g, x, how),
    bias=lambda g: sum(g, (0, 2, 3)),
)
def convolution(x: Array, w: Array, bias: Array, how: Window) -> Array:
    """(N, C, H, W), (O, C/groups, K, L) -> (N, O, P, Q): sums over input channels and window; `bias` (O) or None."""
    return kernels.conv2d(x, w, bias, how)


@primitive(
    y=lambda g, w, how: convolution(g, w, None, how),
    w=lambda g, y, how: convolution_weight(y, g, how),
)
def convolution_input(y: Array, w: Array, size: Pair, how: Window) -> Array:
    """(N, O, P, Q), (O, C/groups, K, L) -> (N, C, *size): sums over output channels and positions."""
    return input_gradient.conv2d_input(y, w, size, how)


@primitive(
    y=lambda g, x, how: convolution(x, g, None, how),
    x=lambda g, y, x_shape, how: convolution_input(y, g, x_shape[2:], how),
)
def convolution_weight(y: Array, x: Array, how: Window) -> Array:
    """(N, O, P, Q), (N, C, H, W) -> (O, C/groups, K, L): sums over batch and positions."""
    return kernels.conv2d_weight(y, x, how)


# ---------------------------------------------------------------------------------------------------- public names


@expect_tensors
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
    Raises ValueError where shapes or options do not fit each other, and TypeError where dtypes do not.
    """
    if isinstance(padding, str):
        input, padding = pad_by_name(input, weight, stride, padding, dilation)
    if len(input.shape) == 3:
        return squeeze(conv2d(unsqueeze(input, 0), weight, bias, stride, padding, dilation, groups), 0)
    how = read_window("conv2d", weight.shape[2:], stride, padding, dilation, groups)
    shapes = (input.shape, weight.shape, None if bias is None else bias.shape)
    check_fit("conv2d", *shapes, (input.dtype, weight.dtype, getattr(bias, "dtype", weight.dtype)), how)
    return convolution(input, weight, bias, how)


@expect_tensors
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
    if len(weight.shape) != 3 or len(input.shape) not in (2, 3):
        raise ValueError(
            f"conv1d: expected input (N, C, L) or (C, L) and weight (O, C/groups, K), got shapes "
            f"{tuple(input.shape)} and {tuple(weight.shape)}"
        )
    s, d = single("conv1d", "stride", stride), single("conv1d", "dilation", dilation)
    p = padding if isinstance(padding, str) else (0, single("conv1d", "padding", padding))
    if input.shape[-2] != weight.shape[1] * groups:
        raise ValueError(
            f"conv1d: the weight asks for {weight.shape[1] * groups} input channels, got input {tuple(input.shape)}, "
            f"weight {tuple(weight.shape)}, groups {groups}"
        )
    try:
        out = conv2d(unsqueeze(input, -2), unsqueeze(weight, -2), bias, (1, s), p, (1, d), groups)
    except (ValueError, TypeError) as error:
        raise error_of_a_sequence("conv1d", error) from None
    return squeeze(out, -2)


@expect_tensors
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
    Raises ValueError where shapes or options do not fit each other, and TypeError where dtypes do not.
    """
    name = "conv_transpose2d"
    if len(input.shape) == 3:
        batch = unsqueeze(input, 0)
        return squeeze(conv_transpose2d(batch, weight, bias, stride, padding, output_padding, groups, dilation), 0)
    how = read_window(name, weight.shape[2:], stride, padding, dilation, groups)
    extra = pair(name, "output_padding", output_padding, 0)
    shapes = (input.shape, weight.shape, None if bias is None else bias.shape)
    check_channels(name, *shapes, (input.dtype, weight.dtype, getattr(bias, "dtype", weight.dtype)), groups, True)
    if any(e >= max(s, d) for e, s, d in zip(extra, how.stride, how.dilation, strict=True)):
        raise ValueError(f"{name}: output_padding {extra} must be below stride {how.stride} or dilation {how.dilation}")
    # what the windows reach without margins, which are cut off and added to afterwards
    whole = tuple((n - 1) * s + d * (k - 1) + 1 for n, (k, s, _, d) in zip(input.shape[2:], how.axes(), strict=True))
    size = tuple(n - 2 * p + e for n, p, e in zip(whole, how.padding, extra, strict=True))
    if min(size) < 1:
        raise ValueError(
            f"{name}: the result would have size {size}; input {tuple(input.shape)}, padding {how.padding}"
        )
    if all(e < s for e, s in zip(extra, how.stride, strict=True)):
        out = convolution_input(input, weight, size, how)
    else:  # conv2d would find room for a further window in an image of this size
        (top, left), (below, right) = how.padding, extra
        out = convolution_input(input, weight, whole, how._replace(padding=(0, 0)))
        out = pad(out, (-left, right - left, -top, below - top))
    return out if bias is None else add(out, reshape(bias, (1, -1, 1, 1)))


# ---------------------------------------------------------------------------------------- options, read and checked


def read_window(
    name: str, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int = 1, ceil_mode: bool = False
) -> Window:
    """The options of `name` as one value; an error says which of them is wrong."""
    if not isinstance(groups, int | np.integer):
        raise TypeError(f"{name}: groups must be an integer, got {groups!r}")
    pairs = (pair(name, "stride", stride, 1), pair(name, "padding", padding, 0), pair(name, "dilation", dilation, 1))
    return Window(kernel, *pairs, int(groups), ceil_mode)


def pair(name: str, option: str, value: Any, least: int) -> Pair:
    """An option of two dimensions, given as one number for both or as two."""
    try:
        values = (value, value) if isinstance(value, int | np.integer) else value
        first, second = values if len(values) == 2 else (*values, *values)
        if first >= least and second >= least:
            return index(first), index(second)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{name}: {option} must be a number or a pair of at least {least}, got {value!r}")


def single(name: str, option: str, value: Any) -> int:
    """An option of one dimension, given as a number or as a tuple of one; `conv2d` looks at how large it is."""
    try:
        (number,) = (value,) if isinstance(value, int | np.integer) else value
        return index(number)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: {option} must be a number or a tuple of one, got {value!r}") from None


def pad_by_name(input: Any, weight: Any, stride: Any, padding: str, dilation: Any) -> tuple[Any, Pair]:
    """The input and its margins for padding 'same' or 'valid'; an odd margin is added to the input itself."""
    if padding == "valid":
        return input, (0, 0)
    if padding != "same":
        raise ValueError(f"conv2d: padding must be a number, a pair, 'same' or 'valid', got {padding!r}")
    if (strides := pair("conv2d", "stride", stride, 1)) != (1, 1):
        raise ValueError(f"conv2d: padding 'same' needs stride 1, got {strides}")
    if len(weight.shape) != 4:
        return input, (0, 0)  # an error in a moment
    dilations = pair("conv2d", "dilation", dilation, 1)
    rows, columns = (d * (k - 1) for d, k in zip(dilations, weight.shape[2:], strict=True))
    if rows % 2 or columns % 2:
        input = pad(input, (0, columns % 2, 0, rows % 2))
    return input, (rows // 2, columns // 2)


Shape = tuple[int, ...]


@functools.lru_cache(1024)  # what has passed once passes again
def check_fit(name: str, x: Shape, w: Shape, bias: Shape | None, dtypes: tuple[Any, ...], how: Window) -> None:
    """Raise an error unless the shapes of a convolution's arguments, their dtypes and its options fit each other."""
    check_channels(name, x, w, bias, dtypes, how.groups)
    for n, (k, _, p, d) in zip(x[2:], how.axes(), strict=True):
        if k < 1 or n + 2 * p < d * (k - 1) + 1:
            raise ValueError(
                f"{name}: windows of {how.kernel} with dilation {how.dilation} do not fit an image of {x[2:]} "
                f"with padding {how.padding}"
            )


def check_channels(
    name: str, x: Shape, w: Shape, bias: Shape | None, dtypes: tuple[Any, ...], groups: Any, transposed: bool = False
) -> None:
    """Raise an error unless numbers of dimensions and channels fit each other, and dtypes are the same.

    A weight has shape (out, in/groups, kh, kw), or if `transposed`, (in, out/groups, kh, kw).
    """
    shapes = f"got input {x}, weight {w}, groups {groups}"
    if len(x) != 4 or len(w) != 4:
        raise ValueError(f"{name}: expected an input of 3 or 4 and a weight of 4 dimensions, {shapes}")
    if groups < 1 or w[0] % groups:
        raise ValueError(f"{name}: groups must divide the channels, {shapes}")
    expected, outputs = (w[0], w[1] * groups) if transposed else (w[1] * groups, w[0])
    if x[1] != expected:
        hint = "; the channels come second: say .permute(0, 3, 1, 2)" if x[3] == expected < x[1] else ""
        raise ValueError(f"{name}: the weight asks for {expected} input channels, {shapes}{hint}")
    if bias is not None and bias != (outputs,):
        raise ValueError(f"{name}: expected a bias of shape ({outputs},), got {bias}")
    for what, dtype in zip(("weight", "bias"), dtypes[1:], strict=True):
        if dtype != dtypes[0]:
            hint = "say input.float() / 255 of images" if dtypes[0] == "uint8" else "bring one .to() the other"
            raise TypeError(f"{name}: input is {dtypes[0]} but {what} is {dtype}; {hint}")
