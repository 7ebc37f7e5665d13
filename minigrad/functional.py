"""Functions of Tensors that are built from the primitives: losses, normalisation, regularisation.

Also the door to the primitives that PyTorch keeps under `nn.functional` (`relu`, `conv2d`, `max_pool2d`, and more).
What is written here composes operations and so needs no rule of its own; the few that have rules say why.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minigrad import random
from minigrad.instead import refuse_name
from minigrad.ops.conv import conv1d, conv2d, conv_transpose2d
from minigrad.ops.elementwise import elu, gelu, leaky_relu, relu, sigmoid, silu, softplus, tanh, where
from minigrad.ops.linalg import linear
from minigrad.ops.losses import bernoulli_loss, pick_classes
from minigrad.ops.normalise import normalise_batch
from minigrad.ops.pool import adaptive_avg_pool2d, adaptive_max_pool2d, avg_pool2d, max_pool2d
from minigrad.ops.reductions import log_softmax, softmax
from minigrad.ops.shape import pad
from minigrad.tensor import Tensor, as_tensor, from_numpy

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout2d",
    "elu",
    "embedding",
    "gelu",
    "group_norm",
    "huber_loss",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]

if not TYPE_CHECKING:  # a type checker would take it for a promise that every name exists
    __getattr__ = partial(refuse_name, "minigrad.nn.functional")


ArrayLike: TypeAlias = "Tensor | NDArray[Any]"


# ------------------------------------------------------------------------------------------ layers' functions


def embedding(input: ArrayLike, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Rows of `weight` (V, D) by integer `input` (*): (*, D). Row `padding_idx` receives no gradient."""
    index = _integers("embedding", "input", input)
    rows = weight.shape[0]
    if index.size and not (index.min() >= 0 and index.max() < rows):
        raise IndexError(f"embedding: indices from {index.min()} to {index.max()}, expected them in [0, {rows - 1}]")
    out = weight[index]
    if padding_idx is None:
        return out
    return where((index == padding_idx % rows)[..., None], out.detach(), out)


def one_hot(input: ArrayLike, num_classes: int = -1) -> Tensor:
    """Integer classes (*) as int64 indicator vectors (*, num_classes); -1 takes the largest class that
    occurs."""
    index = _integers("one_hot", "input", input)
    if num_classes == -1:
        if index.size == 0:
            raise ValueError("one_hot: the number of classes cannot be found in an empty input; give num_classes")
        num_classes = int(index.max()) + 1
    if num_classes < 1:
        raise ValueError(f"one_hot: num_classes must be positive, got {num_classes}")
    if index.size and not (index.min() >= 0 and index.max() < num_classes):
        raise ValueError(
            f"one_hot: classes from {index.min()} to {index.max()}, expected them in [0, {num_classes - 1}]"
        )
    return from_numpy((index[..., None] == np.arange(num_classes)).astype(np.int64))


def _kept(shape: tuple[int, ...], dtype: np.dtype[Any], p: float, generator: np.random.Generator | None) -> Tensor:
    """1 / (1 - p) with probability 1 - p, else 0."""
    draws = (generator or random.default_generator).random(shape, dtype=np.float32)
    return from_numpy((draws >= p).astype(dtype) * (1 / (1 - p) if p < 1 else 0))


def _check_dropout(name: str, input: Tensor, p: float, inplace: bool) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{name}: p is a probability in [0, 1], got {p}")
    if inplace:
        raise ValueError(f"{name}: nothing is done in place here; write x = {name}(x)")


def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Zero each element with probability `p` and scale the others by 1 / (1 - p); in evaluation the input
    itself.

    Source: Srivastava et al. 2014, in its inverted form.
    """
    _check_dropout("dropout", input, p, inplace)
    return input * _kept(input.shape, input.dtype, p, generator) if training and p > 0 else input


def dropout2d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Zero whole channels of an (N, C, H, W) input with probability `p`, scaling the others by 1 / (1 - p).

    Source: Tompson et al. 2015.
    """
    _check_dropout("dropout2d", input, p, inplace)
    if input.ndim != 4:
        raise ValueError(f"dropout2d: expected an input (N, C, H, W), got shape {input.shape}")
    if not training or p == 0:
        return input
    return input * _kept((*input.shape[:2], 1, 1), input.dtype, p, generator)


# ---------------------------------------------------------------------------------------------- normalisation


def _affine(input: Tensor, weight: Tensor | None, bias: Tensor | None, shape: Sequence[int]) -> Tensor:
    if weight is not None:
        input = input * weight.reshape(shape)
    return input if bias is None else input + bias.reshape(shape)


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
    """Standardise each channel of an (N, C, *) input, then scale and shift it by `weight` and `bias`, each
    (C,).

    Training takes mean and variance of the batch and moves the running ones, in place, towards them by
    `momentum` (the running variance towards the unbiased one). Evaluation takes the running ones. Source:
    Ioffe & Szegedy 2015.
    """
    if input.ndim < 2:
        raise ValueError(f"batch_norm: expected an input (N, C, *), got shape {input.shape}")
    channels = input.shape[1]
    for name, value in {
        "running_mean": running_mean,
        "running_var": running_var,
        "weight": weight,
        "bias": bias,
    }.items():
        if value is not None and value.shape != (channels,):
            raise ValueError(
                f"batch_norm: {name} of shape {value.shape} for an input of shape {input.shape}, expected ({channels},)"
            )
    shape = (1, channels) + (1,) * (input.ndim - 2)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: evaluation needs running_mean and running_var")
        mean, std = _as(input, running_mean).reshape(shape), np.sqrt(_as(input, running_var) + eps)
        scale = (1 / std if weight is None else weight / std).reshape(shape)
        return _affine((input - mean) * scale, None, bias, shape)

    count = input.numel() // channels if channels else 0
    if count <= 1:
        raise ValueError(
            f"batch_norm: training needs more than one value per channel, got an input of shape {input.shape}"
        )
    out, mean_, variance_ = normalise_batch(input, weight, bias, eps)
    for running, batch in ((running_mean, mean_), (running_var, variance_ * (count / (count - 1)))):
        if running is not None:
            values = _array(running)
            values += momentum * (batch.reshape(channels) - values)
            if isinstance(running, Tensor):
                running.bump_version()
    return out


def _normalised_parts(input: Tensor, parts: int, eps: float) -> Tensor:
    """Each of so many equal parts of the input, in order, with zero mean and unit variance."""
    rows = input.reshape(1, parts, input.numel() // max(1, parts))
    return normalise_batch(rows, None, None, eps)[0].reshape(input.shape)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise over the last dimensions, whose sizes are `normalized_shape`; `weight` and `bias` have that
    shape.

    Source: Ba, Kiros & Hinton 2016.
    """
    sizes = tuple(normalized_shape)
    if not sizes or input.shape[-len(sizes) :] != sizes:
        raise ValueError(f"layer_norm: normalized_shape {sizes} does not end an input of shape {input.shape}")
    out = _normalised_parts(input, math.prod(input.shape[: -len(sizes)]), eps)
    return _affine(out, weight, bias, sizes)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise an (N, C, *) input over each of `num_groups` groups of channels; `weight` and `bias` are
    (C,).

    Source: Wu & He 2018.
    """
    if input.ndim < 2 or num_groups < 1 or input.shape[1] % num_groups:
        raise ValueError(
            f"group_norm: the channels of an input of shape {input.shape} do not divide into {num_groups} groups"
        )
    batch, channels = input.shape[:2]
    out = _normalised_parts(input, batch * num_groups, eps)
    return _affine(out, weight, bias, (1, channels) + (1,) * (input.ndim - 2))


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """`input` divided by its p-norm along `dim`, or by `eps` where the norm is smaller."""
    out: Tensor = input / input.norm(p, dim, keepdim=True).clamp(min=eps)
    return out


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1·x2 / (max(‖x1‖, eps) max(‖x2‖, eps)) along `dim`, of x1 and x2 broadcast to one shape."""
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    x1, x2 = x1.expand(shape), x2.expand(shape)
    norms = x1.norm(2, dim).clamp(min=eps) * x2.norm(2, dim).clamp(min=eps)
    out: Tensor = (x1 * x2).sum(dim) / norms
    return out


# ----------------------------------------------------------------------------------------------------- losses


def logsigmoid(input: Tensor) -> Tensor:
    """log(1 / (1 + exp(-input))), without overflow."""
    return -softplus(-input, threshold=np.inf)


def _class_targets(
    name: str, input: Tensor, target: ArrayLike, weight: ArrayLike | None, ignore_index: int
) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[np.bool_]]:
    """Checked: the target with ignored places pointing to class 0, each place's weight, and which are
    ignored."""
    index = _integers(name, "target", target)
    dim = 1 if input.ndim > 1 else 0
    if input.ndim == 0 or index.shape != input.shape[:dim] + input.shape[dim + 1 :]:
        raise ValueError(
            f"{name}: expected class scores (N, C, *) and a target (N, *), or (C,) and a single class; "
            f"got scores of shape {input.shape} and a target of shape {index.shape}"
        )
    classes = input.shape[dim]
    ignored = index == ignore_index
    if (wrong := index[~ignored & ((index < 0) | (index >= classes))]).size:
        raise IndexError(f"{name}: target {wrong[0]} is out of bounds for {classes} classes")
    index = np.where(ignored, 0, index)
    return index, np.where(ignored, 0, _class_weights(name, input, weight)[index]), ignored


def _class_weights(name: str, input: Tensor, weight: ArrayLike | None) -> NDArray[Any]:
    classes = input.shape[1 if input.ndim > 1 else 0]
    if weight is None:
        return np.ones(classes, input.dtype)
    if weight.shape != (classes,):
        raise ValueError(f"{name}: expected a weight for each of {classes} classes, got shape {weight.shape}")
    return _as(input, weight)


def nll_loss(
    input: Tensor,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-weight[y] · input[y] for log-probabilities (N, C, *) and integer classes y (N, *); or (C,) and one
    class.

    The mean is weighted: the sum over the weights of the targets. Places whose target is `ignore_index` count
    nothing.
    """
    _check_reduction("nll_loss", reduction)
    index, coefficients, _ = _class_targets("nll_loss", input, target, weight, ignore_index)
    return _weighted(pick_classes(input, index, -coefficients), coefficients, reduction)


def _weighted(losses: Tensor, coefficients: NDArray[Any], reduction: str) -> Tensor:
    if reduction != "mean":
        return _reduced(losses, reduction)
    return losses.sum() / (float(coefficients.sum()) or float("nan"))  # no target left: PyTorch's 0 / 0


def cross_entropy(
    input: Tensor,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-Σ_c weight[c] q[c] log softmax(input)[c], for scores (N, C, *) or (C,).

    `target` is a class (N, *) of integer dtype, or probabilities of floating dtype and of the input's shape.
    Smoothing mixes it with the uniform distribution: q = (1 - ε) target + ε / C (Szegedy et al. 2016). For
    classes, the mean is over the weights of the targets, and places whose target is `ignore_index` count
    nothing; for probabilities it is over the places.
    """
    _check_reduction("cross_entropy", reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"cross_entropy: label_smoothing must be in [0, 1], got {label_smoothing}")
    values, dim = _array(target), 1 if input.ndim > 1 else 0
    if values.dtype.kind == "f":
        if values.shape != input.shape:
            raise ValueError(
                f"cross_entropy: probabilities of shape {values.shape} for scores of shape {input.shape}, "
                "expected the same"
            )
        weights = _along(_class_weights("cross_entropy", input, weight), input.ndim, dim)
        q = as_tensor(target)
        if label_smoothing:
            q = q * (1 - label_smoothing) + label_smoothing / input.shape[dim]
        losses = -(log_softmax(input, dim) * q * weights).sum(dim)
        return _reduced(losses, reduction)

    index, coefficients, ignored = _class_targets("cross_entropy", input, target, weight, ignore_index)
    log_p = log_softmax(input, dim)
    losses = pick_classes(log_p, index, -coefficients)
    if label_smoothing:
        uniform = (log_p * _along(_class_weights("cross_entropy", input, weight), input.ndim, dim)).sum(dim)
        uniform = uniform.masked_fill(ignored, 0.0)
        losses = losses * (1 - label_smoothing) - uniform * (label_smoothing / input.shape[dim])
    return _weighted(losses, coefficients, reduction)


def _along(values: NDArray[Any], ndim: int, dim: int) -> NDArray[Any]:
    """(C,) with as many dimensions as it takes to stand at `dim`."""
    return values.reshape((-1,) + (1,) * (ndim - dim - 1))


def mse_loss(input: Tensor, target: ArrayLike, *, reduction: str = "mean") -> Tensor:
    """(input - target)², reduced."""
    return _reduced(_difference("mse_loss", input, target, reduction).square(), reduction)


def l1_loss(input: Tensor, target: ArrayLike, *, reduction: str = "mean") -> Tensor:
    """|input - target|, reduced."""
    return _reduced(_difference("l1_loss", input, target, reduction).abs(), reduction)


def huber_loss(input: Tensor, target: ArrayLike, *, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """d² / 2 where |d| ≤ delta, else delta (|d| - delta / 2), for d = input - target. Source: Huber 1964."""
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    distance = _difference("huber_loss", input, target, reduction).abs()
    losses = where(distance <= delta, distance.square() * 0.5, (distance - 0.5 * delta) * delta)
    return _reduced(losses, reduction)


def _difference(name: str, input: Tensor, target: ArrayLike, reduction: str) -> Tensor:
    _check_reduction(name, reduction)
    if input.shape != target.shape:
        warnings.warn(
            f"{name}: an input of shape {input.shape} and a target of shape {target.shape} are broadcast, "
            "which is seldom what was meant; give both the same shape",
            stacklevel=3,
        )
    return input - target


def binary_cross_entropy(
    input: Tensor, target: ArrayLike, weight: ArrayLike | None = None, *, reduction: str = "mean"
) -> Tensor:
    """-weight (t log p + (1 - t) log(1 - p)) for probabilities `input` and targets t in [0, 1] of the same
    shape.

    Logarithms are no less than -100, so that the loss stays finite.
    """
    _check_reduction("binary_cross_entropy", reduction)
    _check_same("binary_cross_entropy", input, target)
    if input.numel() and not (np.min(input.array) >= 0 and np.max(input.array) <= 1):
        raise ValueError(
            f"binary_cross_entropy: expected probabilities in [0, 1], got values from {np.min(input.array)} "
            f"to {np.max(input.array)}; for scores there is binary_cross_entropy_with_logits"
        )
    losses = bernoulli_loss(input, target)
    return _reduced(losses if weight is None else losses * _as(input, weight), reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    reduction: str = "mean",
    pos_weight: ArrayLike | None = None,
) -> Tensor:
    """binary_cross_entropy of sigmoid(input), without overflow; `pos_weight` multiplies the terms of t = 1."""
    _check_reduction("binary_cross_entropy_with_logits", reduction)
    _check_same("binary_cross_entropy_with_logits", input, target)
    t = as_tensor(target)
    # -(pos_weight · t log σ(x) + (1 - t) log σ(-x)) with log σ(-x) = log σ(x) - x
    losses = (1 - t) * input - logsigmoid(input) * (1.0 if pos_weight is None else t * (_as(input, pos_weight) - 1) + 1)
    return _reduced(losses if weight is None else losses * _as(input, weight), reduction)


# ----------------------------------------------------------------------------------------------------- checks


def _array(value: ArrayLike) -> NDArray[Any]:
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def _as(input: Tensor, value: ArrayLike) -> NDArray[Any]:
    """A constant in the input's dtype, so that it widens nothing."""
    return _array(value).astype(input.dtype, copy=False)


def _integers(name: str, what: str, value: ArrayLike) -> NDArray[np.int64]:
    array = _array(value)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected an integer {what}, got {array.dtype} of shape {array.shape}")
    return array.astype(np.int64, copy=False)


def _check_same(name: str, input: Tensor, target: ArrayLike) -> None:
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: an input of shape {input.shape} and a target of shape {target.shape}, expected the same"
        )


def _check_reduction(name: str, reduction: str) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{name}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}")


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()
