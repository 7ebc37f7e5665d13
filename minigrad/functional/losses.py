"""Losses of classes, of probabilities and of numbers, which most networks are trained with.

Every one ends with `reduction`: "none", "mean" or "sum". PyTorch's older options size_average and reduce are heard.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minigrad.functional.activations import logsigmoid
from minigrad.functional.checks import (
    ArrayLike,
    array_of,
    check_same,
    check_tensors,
    choose_reduction,
    constant,
    reduce_losses,
    through_float32,
    whole_numbers,
)
from minigrad.instead import public
from minigrad.ops.elementwise import where
from minigrad.ops.exponentials import log_softmax
from minigrad.ops.losses import bernoulli_loss, class_entropy, logistic_loss, pick_classes
from minigrad.tensor import Tensor, as_tensor

# ------------------------------------------------------------------------------------------------------------ classes


def _check_targets(
    name: str, input: Tensor, target: ArrayLike, weight: ArrayLike | None, ignore_index: int
) -> tuple[NDArray[np.int64], NDArray[Any] | None, NDArray[np.bool_]]:
    """The target with ignored places pointing to class 0, each place's weight (None: all 1), and which are ignored."""
    check_tensors(name, input=input, target=target)
    dim = 1 if input.ndim > 1 else 0
    classes = input.shape[dim] if input.ndim else 0
    hint = ""
    if input.ndim and target.shape == input.shape and input.ndim > 1:
        hint = "; for one-hot vectors say target.argmax(1), or in cross_entropy target.float()"
    elif target.ndim == input.ndim and target.ndim > 1 and target.shape[1] == 1:
        hint = "; say target.squeeze(1)"
    if input.dtype.kind != "f" and array_of(target).dtype.kind == "f":
        raise TypeError(f"{name}: the input is {input.dtype} and the target {target.dtype}; are they exchanged?")
    index = whole_numbers(name, "target", target)
    if input.ndim == 0 or index.shape != input.shape[:dim] + input.shape[dim + 1 :]:
        raise ValueError(
            f"{name}: expected class scores (N, C, *) and a target (N, *), or (C,) and a single class; "
            f"got scores of shape {input.shape} and a target of shape {index.shape}{hint}"
        )
    if weight is None and (index.view(np.uint64) < classes).all() and not 0 <= ignore_index < classes:
        return index, None, np.zeros((), bool)  # the usual case; as unsigned, -1 is very large
    ignored = index == ignore_index
    if (wrong := index[~ignored & ((index < 0) | (index >= classes))]).size:
        raise IndexError(f"{name}: target {wrong[0]} is out of bounds for {classes} classes, 0 to {classes - 1}")
    index = np.where(ignored, 0, index)
    return index, np.where(ignored, 0, _class_weights(name, input, weight)[index]), ignored


def _class_weights(name: str, input: Tensor, weight: ArrayLike | None) -> NDArray[Any]:
    classes = input.shape[1 if input.ndim > 1 else 0]
    if weight is None:
        return np.ones(classes, input.dtype)
    if weight.shape != (classes,):
        raise ValueError(f"{name}: expected a weight for each of {classes} classes, got shape {weight.shape}")
    return constant(input, weight)


@through_float32
def nll_loss(
    input: Tensor,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-weight[y] · input[y] for log-probabilities (N, C, *) and integer classes y (N, *); or (C,) and one class.

    The mean is weighted: the sum over the weights of the targets. Places whose target is `ignore_index` count nothing.

    Raises IndexError for a class that there is not, TypeError for a floating target, and ValueError for shapes that do
    not belong together.
    """
    reduction = choose_reduction("nll_loss", reduction, size_average, reduce)
    index, coefficients, _ = _check_targets("nll_loss", input, target, weight, ignore_index)
    coefficients = np.ones(index.shape, input.dtype) if coefficients is None else coefficients
    return _reduce_weighted(pick_classes(input, index, -coefficients), coefficients, reduction)


def _reduce_weighted(losses: Tensor, coefficients: NDArray[Any], reduction: str) -> Tensor:
    if reduction != "mean":
        return reduce_losses(losses, reduction)
    return losses.sum() / (float(coefficients.sum()) or float("nan"))  # no target left: PyTorch's 0 / 0


@through_float32
def cross_entropy(
    input: Tensor,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-Σ_c weight[c] q[c] log softmax(input)[c], for scores (N, C, *) or (C,).

    `target` is a class (N, *) of integer dtype, or probabilities of floating dtype and of the input's shape. Smoothing
    mixes it with the uniform distribution: q = (1 - ε) target + ε / C (Szegedy et al. 2016). For classes, the mean is
    over the weights of the targets, and places whose target is `ignore_index` count nothing; for probabilities it is
    over the places.

    Gives a scalar, or with reduction="none" one loss for each target. Raises IndexError for a class that there is not,
    TypeError for a floating target of classes, and ValueError for shapes that do not belong together.

    >>> scores = Tensor([[2.0, 0.0], [0.0, 2.0]])
    >>> cross_entropy(scores, Tensor([0, 1]).long())
    tensor(0.1269)
    """
    name = "cross_entropy"
    reduction = choose_reduction(name, reduction, size_average, reduce)
    check_tensors(name, input=input, target=target)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"{name}: label_smoothing must be in [0, 1], got {label_smoothing}")
    dim = 1 if input.ndim > 1 else 0
    if array_of(target).dtype.kind == "f" and target.ndim == input.ndim:  # probabilities
        check_same(name, input, target)
        if ignore_index >= 0:
            raise ValueError(f"{name}: ignore_index {ignore_index} is for classes; the target holds probabilities")
        weights = _stand_at(_class_weights(name, input, weight), input.ndim, dim)
        q = as_tensor(target)
        if label_smoothing:
            q = q * (1 - label_smoothing) + label_smoothing / input.shape[dim]
        losses = -(log_softmax(input, dim) * q * weights).sum(dim)
        if reduction == "mean":
            return losses.sum() / (losses.numel() or float("nan"))
        return reduce_losses(losses, reduction)

    index, coefficients, ignored = _check_targets(name, input, target, weight, ignore_index)
    if label_smoothing or input.ndim == 1:
        coefficients = np.ones(index.shape, input.dtype) if coefficients is None else coefficients
        log_p = log_softmax(input, dim)
        losses = pick_classes(log_p, index, -coefficients)
        uniform = (log_p * _stand_at(_class_weights(name, input, weight), input.ndim, dim)).sum(dim)
        uniform = uniform.masked_fill(ignored, 0.0)
        losses = losses * (1 - label_smoothing) - uniform * (label_smoothing / input.shape[dim])
        return _reduce_weighted(losses, coefficients, reduction)
    number = index.size if coefficients is None else float(coefficients.sum())
    total = {"none": None, "sum": 1.0, "mean": number or float("nan")}[reduction]  # no target left: PyTorch's 0 / 0
    return class_entropy(input, index, coefficients, total)


def _stand_at(values: NDArray[Any], ndim: int, dim: int) -> NDArray[Any]:
    """(C,) with as many dimensions as it takes to stand at `dim`."""
    return values.reshape((-1,) + (1,) * (ndim - dim - 1))


# ------------------------------------------------------------------------------------------------------------ numbers


def _subtract(name: str, input: Tensor, target: ArrayLike) -> Tensor:
    check_tensors(name, input=input, target=target)
    if input.shape != target.shape:
        warnings.warn(
            f"{name}: an input of shape {input.shape} and a target of shape {target.shape} are broadcast, "
            "which is seldom what was meant; give both the same shape",
            stacklevel=4,
        )
    return input - target


def _weigh(name: str, losses: Tensor, weight: ArrayLike | None, reduction: str, over_weights: bool = True) -> Tensor:
    """The losses times their weights, reduced; the mean is over the weights, or over their number."""
    if weight is None:
        return reduce_losses(losses, reduction)
    if weight.shape != losses.shape:
        raise ValueError(f"{name}: a weight of shape {weight.shape} for losses of shape {losses.shape}")
    losses = losses * weight
    if reduction == "mean" and over_weights:
        return losses.sum() / as_tensor(weight).sum()
    return reduce_losses(losses, reduction)


@through_float32
def mse_loss(
    input: Tensor,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: ArrayLike | None = None,
) -> Tensor:
    """(input - target)², reduced; the mean is over the weights where there are any.

    input, target: of one shape; others broadcast, with a warning. Gives a scalar, or that shape with reduction="none".
    """
    reduction = choose_reduction("mse_loss", reduction, size_average, reduce)
    return _weigh("mse_loss", _subtract("mse_loss", input, target).square(), weight, reduction)


@through_float32
def l1_loss(
    input: Tensor,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: ArrayLike | None = None,
) -> Tensor:
    """|input - target|, reduced; the mean is over the weights where there are any.

    input, target: of one shape; others broadcast, with a warning. Gives a scalar, or that shape with reduction="none".
    """
    reduction = choose_reduction("l1_loss", reduction, size_average, reduce)
    return _weigh("l1_loss", _subtract("l1_loss", input, target).abs(), weight, reduction)


@through_float32
def smooth_l1_loss(
    input: Tensor,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d² / (2 beta) where |d| < beta, else |d| - beta / 2, for d = input - target. Source: Girshick 2015.

    input, target: of one shape. Raises ValueError for a negative beta.
    """
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    reduction = choose_reduction("smooth_l1_loss", reduction, size_average, reduce)
    difference = _subtract("smooth_l1_loss", input, target)
    losses = distance = difference.abs()
    if beta:
        losses = where(distance < beta, difference.square() * (0.5 / beta), distance - 0.5 * beta)
    return reduce_losses(losses, reduction)


@through_float32
def huber_loss(
    input: Tensor,
    target: ArrayLike,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: ArrayLike | None = None,
) -> Tensor:
    """d² / 2 where |d| ≤ delta, else delta (|d| - delta / 2), for d = input - target. Source: Huber 1964.

    input, target: of one shape. Raises ValueError unless delta is positive.
    """
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    reduction = choose_reduction("huber_loss", reduction)
    difference = _subtract("huber_loss", input, target)
    distance = difference.abs()
    losses = where(distance <= delta, difference.square() * 0.5, (distance - 0.5 * delta) * delta)
    return _weigh("huber_loss", losses, weight, reduction, over_weights=False)


# ------------------------------------------------------------------------------------------------------ probabilities


@through_float32
def binary_cross_entropy(
    input: Tensor,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-weight (t log p + (1 - t) log(1 - p)) for probabilities p = input and targets t in [0, 1] of the same shape.

    Logarithms are no less than -100, so that the loss stays finite.

    Gives a scalar, or with reduction="none" the input's shape. Raises ValueError for other shapes than one for both,
    and for an input outside of [0, 1].
    """
    name = "binary_cross_entropy"
    reduction = choose_reduction(name, reduction, size_average, reduce)
    check_tensors(name, input=input, target=target)
    check_same(name, input, target)
    if input.numel() and not (np.min(input.array) >= 0 and np.max(input.array) <= 1):
        raise ValueError(
            f"{name}: expected probabilities in [0, 1], got values from {np.min(input.array)} to "
            f"{np.max(input.array)}; for scores there is binary_cross_entropy_with_logits"
        )
    losses = bernoulli_loss(input, target)
    return reduce_losses(losses if weight is None else losses * constant(input, weight), reduction)


@through_float32
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: ArrayLike | None = None,
) -> Tensor:
    """binary_cross_entropy of sigmoid(input), without overflow; `pos_weight` multiplies the terms of t = 1.

    input, target: of one shape; weights broadcast to it. Gives a scalar, or that shape with reduction="none". Raises
    ValueError for a target of another shape.
    """
    name = "binary_cross_entropy_with_logits"
    reduction = choose_reduction(name, reduction, size_average, reduce)
    check_tensors(name, input=input, target=target)
    check_same(name, input, target)
    if pos_weight is None:
        losses = logistic_loss(input, target)
        return reduce_losses(losses if weight is None else losses * constant(input, weight), reduction)
    t = as_tensor(target)
    # -(pos_weight · t log σ(x) + (1 - t) log σ(-x)) with log σ(-x) = log σ(x) - x
    scale = t * (constant(input, pos_weight) - 1) + 1
    losses = (1 - t) * input - logsigmoid(input) * scale
    return reduce_losses(losses if weight is None else losses * constant(input, weight), reduction)


def _times_log(x: Any) -> Any:
    """x log x, and 0 at 0."""
    return where(x == 0, 0.0, x * where(x == 0, 1.0, x).log())


@through_float32
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """t (log t - input) for log-probabilities `input` and probabilities t, or their logarithms with `log_target`.

    reduction: also "batchmean", the sum over the number of examples, which is the Kullback–Leibler divergence.

    input, target: of one shape. Raises ValueError for a reduction that there is not.
    """
    batch = reduction == "batchmean"
    reduction = choose_reduction("kl_div", "sum" if batch else reduction, size_average, reduce)
    check_tensors("kl_div", input=input, target=target)
    if reduction == "mean":
        warnings.warn("kl_div: reduction='mean' is over all elements; the divergence is 'batchmean'", stacklevel=3)
    losses = target.exp() * (target - input) if log_target else _times_log(target) - target * input
    total = reduce_losses(losses, reduction)
    return total / input.shape[0] if batch and input.ndim else total


@through_float32
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) - t·input for the logarithm of a rate, or without `log_input` rate - t log(rate + eps).

    full: with Stirling's approximation of log t! where t > 1.

    input, target: of one shape. Gives a scalar, or that shape with reduction="none".
    """
    reduction = choose_reduction("poisson_nll_loss", reduction, size_average, reduce)
    check_tensors("poisson_nll_loss", input=input, target=target)
    losses = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        large = where(target > 1, target, 1.0)
        stirling = large * large.log() - large + 0.5 * (large * (2 * math.pi)).log()
        losses = losses + where(target > 1, stirling, 0.0)
    return reduce_losses(losses, reduction)


@through_float32
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log v + (input - target)² / v) / 2 for a variance v, at least `eps`, of the input's shape, or with a length of 1
    where one holds for all; or one for each row.

    full: with the constant log(2π) / 2. Source: Nix & Weigend 1994.

    Raises ValueError for a negative variance, and for one of another shape.
    """
    name = "gaussian_nll_loss"
    reduction = choose_reduction(name, reduction)
    check_tensors(name, input=input, target=target)
    v = as_tensor(np.full(input.shape, var, input.dtype)) if isinstance(var, float | int) else var
    if v.shape == input.shape[:-1]:
        v = v.unsqueeze(-1)
    if v.ndim != input.ndim or any(n not in (1, most) for n, most in zip(v.shape, input.shape, strict=True)):
        raise ValueError(f"{name}: var of shape {v.shape} for an input of shape {input.shape}")
    if (v.array < 0).any():
        raise ValueError(f"{name}: a variance is not negative, got {v.array.min()}")
    v = v + np.maximum(eps - v.array, 0).astype(v.dtype)  # held up for the value, while its gradient goes through
    losses = (v.log() + (input - target).square() / v) * 0.5
    return reduce_losses(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


if not TYPE_CHECKING:
    __all__ = public(globals())
