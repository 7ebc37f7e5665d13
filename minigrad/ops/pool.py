"""Pooling: the largest or the mean of each window. Each pooling has a transpose, and is the rule of it in turn."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import Array, primitive
from minigrad.autograd.strangers import expect_tensors
from minigrad.kernels import pooling as kernels
from minigrad.kernels.windows import Pair, Window, count_windows
from minigrad.ops.conv import IntOrPair, pair, read_window
from minigrad.ops.extremes import max
from minigrad.ops.indexing import subscript
from minigrad.ops.linalg import matmul, matrix_transpose
from minigrad.ops.reductions import mean
from minigrad.ops.shape import flatten, reshape, squeeze, stack, unsqueeze

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

# The forward keeps where each window's first maximum stands, as masks: `across` within the rows, `down` the columns.


@primitive(
    x=lambda g, across, down, x_shape, how: max_pool_scatter(g, across, down, x_shape[2:], how),
    keeps=("across", "down"),
)
def max_pool(x: Array, how: Window) -> Any:
    """(N, C, H, W) -> (N, C, P, Q): the largest element of each window."""
    return kernels.max_pool2d(x, how)


@primitive(y=lambda g, across, down, how: max_pool_gather(g, across, down, how))
def max_pool_scatter(y: Array, across: Array, down: Array, size: Pair, how: Window) -> Array:
    """(N, C, P, Q) -> (N, C, *size): each window's y to the place of its first maximum."""
    return kernels.max_pool2d_input(y, across, down, size, how)


@primitive(v=lambda g, across, down, v_shape, how: max_pool_scatter(g, across, down, v_shape[2:], how))
def max_pool_gather(v: Array, across: Array, down: Array, how: Window) -> Array:
    """(N, C, H, W) -> (N, C, P, Q): v at the place of each window's first maximum."""
    return kernels.max_pool2d_gather(v, across, down, how)


@primitive(x=lambda g, x_shape, how, counted, divisor: avg_pool_spread(g, x_shape[2:], how, counted, divisor))
def avg_pool(x: Array, how: Window, counted: bool, divisor: int | None) -> Array:
    """(N, C, H, W) -> (N, C, P, Q): the mean of each window; `counted`: whether padding counts as elements."""
    return kernels.avg_pool2d(x, how, counted, divisor)


@primitive(y=lambda g, how, counted, divisor: avg_pool(g, how, counted, divisor))
def avg_pool_spread(y: Array, size: Pair, how: Window, counted: bool, divisor: int | None) -> Array:
    """(N, C, P, Q) -> (N, C, *size): each window's y shared among its elements."""
    return kernels.avg_pool2d_input(y, size, how, counted, divisor)


# ---------------------------------------------------------------------------------------------------- public names


@functools.lru_cache(1024)  # what has passed once passes again
def check_fit(name: str, shape: tuple[int, ...], how: Window) -> None:
    """Raise a ValueError unless the options of a pooling fit each other and the image."""
    if len(shape) != 4:
        raise ValueError(f"{name}: expected an input (N, C, H, W) or (C, H, W), got shape {shape}")
    if any(2 * p > k for p, k in zip(how.padding, how.kernel, strict=True)):
        raise ValueError(f"{name}: padding {how.padding} must be at most half of kernel_size {how.kernel}")
    if any(count_windows(n, *axis, how.ceil_mode) < 1 for n, axis in zip(shape[2:], how.axes(), strict=True)):
        raise ValueError(
            f"{name}: windows of {how.kernel} with dilation {how.dilation} do not fit an image of {shape[2:]} with "
            f"padding {how.padding}"
        )


@expect_tensors
def max_pool2d(
    input: Any,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window: (N, C, H, W) or (C, H, W) -> (N, C, P, Q) or (C, P, Q).

    stride: kernel_size unless given. padding: of -inf. ceil_mode: keep a last window that overhangs.
    return_indices: also give where each maximum stands in its image of H·W elements. A tie goes to the first.

    Raises ValueError where no window fits the image with its padding.

    >>> import minigrad as mg
    >>> max_pool2d(mg.arange(16.0).reshape(1, 1, 4, 4), 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    if len(input.shape) == 3:
        out = max_pool2d(unsqueeze(input, 0), kernel_size, stride, padding, dilation, ceil_mode, return_indices)
        return (squeeze(out[0], 0), squeeze(out[1], 0)) if return_indices else squeeze(out, 0)
    kernel = pair("max_pool2d", "kernel_size", kernel_size, 1)
    steps = kernel if stride is None or stride == [] else stride
    how = read_window("max_pool2d", kernel, steps, padding, dilation, ceil_mode=bool(ceil_mode))
    check_fit("max_pool2d", input.shape, how)
    out = max_pool(input, how)
    if not return_indices:
        return out
    h, w = input.shape[2:]
    places = np.broadcast_to(np.arange(h * w, dtype=np.int64).reshape(h, w), tuple(input.shape))
    _, across, down = kernels.max_pool2d(input.detach().numpy(), how)
    return out, max_pool_gather(places, across, down, how)


@expect_tensors
def avg_pool2d(
    input: Any,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window: (N, C, H, W) or (C, H, W) -> (N, C, P, Q) or (C, P, Q).

    stride: kernel_size unless given. count_include_pad: whether zeros of the padding count among the elements.
    divisor_override: divide by this instead of the number of elements.

    Raises ValueError where no window fits or divisor_override is 0, and TypeError for an input of whole numbers.
    """
    if len(input.shape) == 3:
        args = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
        return squeeze(avg_pool2d(unsqueeze(input, 0), *args), 0)
    if divisor_override == 0:
        raise ValueError("avg_pool2d: divisor_override must not be 0")
    if input.dtype.kind != "f":
        raise TypeError(f"avg_pool2d: expected a floating input, got {input.dtype}; say .float()")
    kernel = pair("avg_pool2d", "kernel_size", kernel_size, 1)
    steps = kernel if stride is None or stride == [] else stride
    how = read_window("avg_pool2d", kernel, steps, padding, 1, ceil_mode=bool(ceil_mode))
    check_fit("avg_pool2d", input.shape, how)
    return avg_pool(input, how, bool(count_include_pad), divisor_override)


def output_pair(name: str, input: Any, output_size: Any) -> Pair:
    """The output size of an adaptive pooling; None keeps the input's."""
    sizes = (output_size, output_size) if isinstance(output_size, int | None) else tuple(output_size)
    if input.ndim not in (3, 4) or len(sizes) != 2:
        raise ValueError(
            f"{name}: expected an input (N, C, H, W) or (C, H, W) and a size or pair of sizes, got shape "
            f"{tuple(input.shape)} and {output_size!r}"
        )
    return pair(
        name, "output_size", tuple(n if s is None else s for s, n in zip(sizes, input.shape[-2:], strict=True)), 1
    )


def bins(n: int, count: int) -> list[tuple[int, int]]:
    """Start and end of each of `count` bins over n elements; neighbours overlap where count does not divide n."""
    return [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]


@expect_tensors
def adaptive_avg_pool2d(input: Any, output_size: Any) -> Tensor:
    """The mean over as many bins as asked for: (N, C, H, W) or (C, H, W) -> the same with output_size for (H, W)."""
    rows, columns = output_pair("adaptive_avg_pool2d", input, output_size)
    h, w = input.shape[-2:]
    if (rows, columns) == (1, 1):
        return mean(input, (-2, -1), keepdim=True)
    if input.ndim == 4 and h % rows == 0 and w % columns == 0:
        return avg_pool2d(input, (h // rows, w // columns))
    # Averaging over bins is linear and separable: a matrix for the rows, one for the columns.
    return matmul(matmul(averaging(h, rows, input.dtype), input), matrix_transpose(averaging(w, columns, input.dtype)))


def averaging(n: int, count: int, dtype: Any) -> Any:
    """The (count, n) matrix that averages over bins."""
    matrix = np.zeros((count, n), dtype)
    for i, (start, end) in enumerate(bins(n, count)):
        matrix[i, start:end] = 1 / (end - start)
    return matrix


@expect_tensors
def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of each of as many bins as asked for; shapes as for adaptive_avg_pool2d.

    return_indices: also give where each maximum stands in its image of H·W elements. A tie goes to the first.
    """
    rows, columns = output_pair("adaptive_max_pool2d", input, output_size)
    h, w = input.shape[-2:]
    if h % rows == 0 and w % columns == 0:
        return max_pool2d(input, (h // rows, w // columns), return_indices=return_indices)
    values, places = [], []
    for top, bottom in bins(h, rows):
        for left, right in bins(w, columns):
            value, index = max(flatten(subscript(input, (..., slice(top, bottom), slice(left, right))), -2), -1)
            width = right - left
            values.append(value)
            places.append((top + index.array // width) * w + left + index.array % width)
    shape = (*input.shape[:-2], rows, columns)
    out = reshape(stack(values, -1), shape)
    return (out, reshape(stack(places, -1), shape)) if return_indices else out


# ------------------------------------------------------------------------------------------------------- unpooling


@primitive(x=lambda g, index: take_places(g, index))
def put_places(x: Array, index: Array, length: int) -> Array:
    """(*, P) -> (*, length): each element at its place in `index` (*, P), zeros elsewhere; the last of several."""
    out = np.zeros((*x.shape[:-1], length), x.dtype)
    np.put_along_axis(out, np.asarray(index), x, -1)
    return out


@primitive(x=lambda g, x_shape, index: add_places(g, index, x_shape[-1]))
def take_places(x: Array, index: Array) -> Array:
    """(*, length) -> (*, P): the elements at the places that `index` (*, P) gives."""
    return np.take_along_axis(x, np.asarray(index), -1)


@primitive(x=lambda g, index: take_places(g, index))
def add_places(x: Array, index: Array, length: int) -> Array:
    """The transpose of `take_places`: what shares a place is added up."""
    out = np.zeros((*x.shape[:-1], length), x.dtype)
    index = np.asarray(index)
    np.add.at(out, (*np.indices(index.shape, sparse=True)[:-1], index), x)
    return out


def max_unpool2d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Each element where `max_pool2d` with return_indices found it, zeros elsewhere: (N, C, P, Q) -> (N, C, H, W).

    output_size: (H, W), or a shape that ends so; (P - 1)·stride - 2·padding + kernel_size unless given.

    Raises ValueError unless input and indices have one shape, and IndexError for an index outside of the image.
    """
    name = "max_unpool2d"
    kernel, margins = pair(name, "kernel_size", kernel_size, 1), pair(name, "padding", padding, 0)
    strides = kernel if stride is None else pair(name, "stride", stride, 1)
    if input.shape != indices.shape or input.ndim not in (3, 4):
        raise ValueError(f"{name}: expected input and indices of one shape, got {input.shape} and {indices.shape}")
    smallest = zip(input.shape[-2:], strides, margins, kernel, strict=True)
    size = [(n - 1) * s - 2 * p + k for n, s, p, k in smallest] if output_size is None else list(output_size)[-2:]
    out = put_places(flatten(input, -2), flatten(indices, -2), size[0] * size[1])
    return reshape(out, (*input.shape[:-2], *size))
