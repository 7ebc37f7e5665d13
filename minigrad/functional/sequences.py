"""Convolution and pooling of sequences (N, C, L) or (C, L): those of images of height 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minigrad.autograd.strangers import expect_tensors
from minigrad.autograd.wording import error_of_a_sequence
from minigrad.instead import public
from minigrad.ops import conv, pool
from minigrad.tensor import Tensor

IntOrSingle = int | tuple[int] | Sequence[int]


def _single(name: str, option: str, value: Any, beside: int) -> tuple[int, int] | None:
    """An option of one dimension as one of two, with what it is along the other."""
    if value is None:
        return None
    values = tuple(value) if isinstance(value, Sequence) else (value,)
    if len(values) != 1:
        raise ValueError(f"{name}: {option} must be a number or one in a tuple, got {value!r}")
    return (beside, values[0])


def _lift(name: str, function: Any, input: Tensor, *args: Any, **options: Any) -> Any:
    """`function`, which has the name but for 1d in place of 2d, of the sequence as an image of height 1."""
    if input.ndim not in (2, 3):
        raise ValueError(f"{name}: expected an input (N, C, L) or (C, L), got shape {input.shape}")
    try:
        out = function(input.unsqueeze(-2), *args, **options)
    except (ValueError, TypeError) as error:
        raise error_of_a_sequence(name, error) from None
    return tuple(part.squeeze(-2) for part in out) if isinstance(out, tuple) else out.squeeze(-2)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrSingle = 1,
    padding: IntOrSingle = 0,
    output_padding: IntOrSingle = 0,
    groups: int = 1,
    dilation: IntOrSingle = 1,
) -> Tensor:
    """The transpose of `conv1d`: input (N, O, P) or (O, P), weight (O, C/groups, K), bias (C) -> (N, C, L) or (C, L).

    L = (P - 1)·stride - 2·padding + dilation·(K - 1) + output_padding + 1.

    Raises ValueError where shapes or options do not fit each other.
    """
    name = "conv_transpose1d"
    if weight.ndim != 3:
        raise ValueError(f"{name}: expected a weight (O, C/groups, K), got shape {weight.shape}")
    s, p = _single(name, "stride", stride, 1), _single(name, "padding", padding, 0)
    e, d = _single(name, "output_padding", output_padding, 0), _single(name, "dilation", dilation, 1)
    out: Tensor = _lift(name, conv.conv_transpose2d, input, weight.unsqueeze(-2), bias, s, p, e, groups, d)
    return out


@expect_tensors
def max_pool1d(
    input: Tensor,
    kernel_size: IntOrSingle,
    stride: IntOrSingle | None = None,
    padding: IntOrSingle = 0,
    dilation: IntOrSingle = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of (N, C, L) or (C, L); options as for `max_pool2d`."""
    name = "max_pool1d"
    k, s = _single(name, "kernel_size", kernel_size, 1), _single(name, "stride", stride, 1)
    p, d = _single(name, "padding", padding, 0), _single(name, "dilation", dilation, 1)
    return _lift(name, pool.max_pool2d, input, k, s, p, d, ceil_mode, return_indices)


@expect_tensors
def avg_pool1d(
    input: Tensor,
    kernel_size: IntOrSingle,
    stride: IntOrSingle | None = None,
    padding: IntOrSingle = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of (N, C, L) or (C, L); options as for `avg_pool2d`."""
    name = "avg_pool1d"
    k, s = _single(name, "kernel_size", kernel_size, 1), _single(name, "stride", stride, 1)
    p = _single(name, "padding", padding, 0)
    out: Tensor = _lift(name, pool.avg_pool2d, input, k, s, p, ceil_mode, count_include_pad)
    return out


@expect_tensors
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The mean over as many bins as asked for: (N, C, L) or (C, L) -> the same with output_size for L."""
    name = "adaptive_avg_pool1d"
    out: Tensor = _lift(name, pool.adaptive_avg_pool2d, input, _single(name, "output_size", output_size, 1))
    return out


@expect_tensors
def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of each of as many bins as asked for; shapes as for `adaptive_avg_pool1d`."""
    name = "adaptive_max_pool1d"
    return _lift(name, pool.adaptive_max_pool2d, input, _single(name, "output_size", output_size, 1), return_indices)


@expect_tensors
def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Each element where `max_pool1d` with return_indices found it, zeros elsewhere: (N, C, P) -> (N, C, L).

    Options and errors as for `max_unpool2d`.
    """
    name = "max_unpool1d"
    k, s = _single(name, "kernel_size", kernel_size, 1), _single(name, "stride", stride, 1)
    size = None if output_size is None else (1, list(output_size)[-1])
    flat = indices.unsqueeze(-2)
    out: Tensor = _lift(name, pool.max_unpool2d, input, flat, k, s, _single(name, "padding", padding, 0), size)
    return out


if not TYPE_CHECKING:
    __all__ = public(globals())
