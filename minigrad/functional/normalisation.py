"""Normalisation: of a batch, of each example, of groups of channels, of vectors.

float16 is computed in float32, where sums of squares do not overflow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from minigrad.autograd.strangers import expect_tensors
from minigrad.functional.checks import ArrayLike, array_of, constant, through_float32
from minigrad.instead import public
from minigrad.ops.normalise import normalise_batch, normalise_groups, scale_channels, standardise_rows
from minigrad.ops.shape import repeat
from minigrad.tensor import Tensor, as_tensor


def _scale_and_shift(input: Tensor, weight: Tensor | None, bias: Tensor | None, shape: Sequence[int]) -> Tensor:
    if weight is not None:
        input = input * weight.reshape(shape)
    return input if bias is None else input + bias.reshape(shape)


@expect_tensors
@through_float32
def batch_norm(
    input: Tensor,
    running_mean: ArrayLike | None,
    running_var: ArrayLike | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise each channel of an (N, C, *) input, then scale and shift it by `weight` and `bias`, each (C,).

    Training takes mean and variance of the batch and moves the running ones, in place, towards them by `momentum` (the
    running variance towards the unbiased one). Evaluation takes the running ones. Source: Ioffe & Szegedy 2015.

    Raises ValueError where a statistic, weight or bias is not (C,), where evaluation has no statistics, and where
    training has one value a channel.
    """
    if input.ndim < 2:
        raise ValueError(f"batch_norm: expected an input (N, C, *), got shape {input.shape}")
    channels = input.shape[1]
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, value in given.items():
        if value is not None and value.shape != (channels,):
            raise ValueError(
                f"batch_norm: {name} of shape {value.shape} for an input of shape {input.shape}, expected ({channels},)"
            )
    if eps < 0 or (training and eps == 0):
        raise ValueError(f"batch_norm: eps must be positive, got {eps}")
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: evaluation needs running_mean and running_var")
        mean, std = constant(input, running_mean), np.sqrt(constant(input, running_var) + eps)
        scale = 1 / std if weight is None else weight / std
        return scale_channels(input, scale, -mean * scale if bias is None else bias - mean * scale)

    count = input.numel() // channels if channels else 0
    if count == 1:
        raise ValueError(
            f"batch_norm: training needs more than one value per channel, got an input of shape {input.shape}"
        )
    out, batch_mean, batch_var = normalise_batch(input, weight, bias, eps)
    if count:  # an empty batch says nothing
        _move_towards(running_mean, batch_mean, momentum)
        _move_towards(running_var, batch_var * (count / (count - 1)), momentum)
    return out


def _move_towards(running: ArrayLike | None, batch: np.ndarray, momentum: float) -> None:
    if running is not None:
        values = array_of(running)
        values += (momentum * (batch - values)).astype(values.dtype)
        if isinstance(running, Tensor):
            running.bump_version()


@expect_tensors
@through_float32
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise each channel of each example of (N, C, *), then scale and shift it by `weight` and `bias`, each (C,).

    The running statistics move towards the mean of the examples' own; without `use_input_stats` they are taken instead.
    Source: Ulyanov et al. 2016.

    Raises ValueError where a channel of an example has one value only.
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if input.ndim < 2 or math.prod(input.shape[2:]) == 1:
        raise ValueError(f"instance_norm: expected more than one value per channel, got shape {input.shape}")
    n, channels = input.shape[:2]
    if running_mean is None and running_var is None:
        return group_norm(input, channels, weight, bias, eps) if channels else input
    rows = input.reshape(1, n * channels, *input.shape[2:])
    given = (running_mean, running_var, weight, bias)
    mean, var, w, b = (value if value is None else repeat(value, (n,)) for value in given)
    out = batch_norm(rows, mean, var, w, b, True, momentum, eps).reshape(input.shape)
    for value, moved in ((running_mean, mean), (running_var, var)):
        if value is not None and moved is not None and n:
            value.array[...] = moved.array.reshape(n, channels).mean(0)
            value.bump_version()
    return out


@expect_tensors
@through_float32
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise over the last dimensions, whose sizes are `normalized_shape`, as are those of `weight` and `bias`.

    Source: Ba, Kiros & Hinton 2016.

    Raises ValueError unless the input's shape ends with `normalized_shape`. The result has the input's shape.

    >>> layer_norm(Tensor([[1.0, 3.0], [10.0, 30.0]]), (2,))
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """
    sizes = tuple(normalized_shape)
    if not sizes or input.shape[-len(sizes) :] != sizes:
        raise ValueError(f"layer_norm: normalized_shape {sizes} does not end an input of shape {input.shape}")
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and value.shape != sizes:
            raise ValueError(f"layer_norm: a {name} of shape {value.shape} for normalized_shape {sizes}")
    return standardise_rows(input, weight, bias, eps, math.prod(sizes))


@expect_tensors
@through_float32
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Standardise an (N, C, *) input over each of `num_groups` groups of channels; `weight` and `bias` are (C,).

    Source: Wu & He 2018.

    Raises ValueError unless C divides into `num_groups`.
    """
    if input.ndim < 2 or num_groups < 1 or input.shape[1] % num_groups:
        raise ValueError(
            f"group_norm: the channels of an input of shape {input.shape} do not divide into {num_groups} groups"
        )
    channels = input.shape[1]
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and value.shape != (channels,):
            raise ValueError(f"group_norm: a {name} of shape {value.shape} for {channels} channels")
    return normalise_groups(input, weight, bias, num_groups, eps)


@expect_tensors
@through_float32
def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide by the root of the mean square over the last dimensions, whose sizes are `normalized_shape`.

    eps: the dtype's own unless given. Source: Zhang & Sennrich 2019.

    Raises ValueError unless the input's shape ends with `normalized_shape`.
    """
    sizes = tuple(normalized_shape)
    if not sizes or input.shape[-len(sizes) :] != sizes:
        raise ValueError(f"rms_norm: normalized_shape {sizes} does not end an input of shape {input.shape}")
    square = input.square().mean(tuple(range(-len(sizes), 0)), keepdim=True)
    eps = float(np.finfo(input.dtype).eps) if eps is None else eps
    return _scale_and_shift(input * (square + eps).rsqrt(), weight, None, sizes)


@expect_tensors
@through_float32
def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divide (N, C, *) by (k + alpha · mean of the squares of `size` neighbouring channels)^beta.

    Source: Krizhevsky et al. 2012.

    Raises ValueError for fewer dimensions than 3, and for a size below 1.
    """
    if input.ndim < 3 or size < 1:
        raise ValueError(f"local_response_norm: expected an input (N, C, *) and a size ≥ 1, got {input.shape}, {size}")
    input = input if input.dtype.kind == "f" else input * 1.0
    channels = np.arange(input.shape[1])
    distance = channels[None, :] - channels[:, None]  # of the neighbour from the channel itself
    near = ((distance >= -(size // 2)) & (distance <= (size - 1) // 2)).astype(input.dtype) / size
    squares = input.square().flatten(2)  # (N, C, *) -> (N, C, L), and (C, C) @ (N, C, L)
    mean = (as_tensor(near) @ squares).reshape(input.shape)
    return input / (mean * alpha + k) ** beta


@expect_tensors
def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """`input` divided by its p-norm along `dim`, or by `eps` where the norm is smaller.

    >>> normalize(Tensor([[3.0, 4.0]]))
    tensor([[0.6, 0.8]])
    """
    out: Tensor = input / input.norm(p, dim, keepdim=True).clamp(min=eps)
    return out


if not TYPE_CHECKING:
    __all__ = public(globals())
