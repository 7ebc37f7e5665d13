"""Losses that ask for a margin: between scores of classes, between distances, between ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minigrad.functional.activations import logsigmoid
from minigrad.functional.checks import (
    ArrayLike,
    check_same,
    check_tensors,
    choose_reduction,
    constant,
    reduce_losses,
    through_float32,
    whole_numbers,
)
from minigrad.functional.vectors import pairwise_distance
from minigrad.instead import public
from minigrad.ops.elementwise import minimum, relu, softplus, sqrt, where
from minigrad.ops.pool import take_places
from minigrad.tensor import Tensor

# --------------------------------------------------------------------------------------------- pairs and triples


@through_float32
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - t (input1 - input2)): t = 1 where the first should be the larger one, -1 where the second.

    Raises ValueError unless the three have as many dimensions as each other.
    """
    name = "margin_ranking_loss"
    reduction = choose_reduction(name, reduction, size_average, reduce)
    check_tensors(name, input1=input1, input2=input2, target=target)
    if not input1.ndim == input2.ndim == target.ndim:
        raise ValueError(
            f"{name}: expected three tensors of as many dimensions, got {input1.shape}, {input2.shape}, {target.shape}"
        )
    return reduce_losses((margin - target * (input1 - input2)).clamp(min=0), reduction)


@through_float32
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """A distance x where the target is 1, max(0, margin - x) where it is -1.

    input, target: of one shape, reduced to a scalar unless reduction="none".
    """
    reduction = choose_reduction("hinge_embedding_loss", reduction, size_average, reduce)
    check_tensors("hinge_embedding_loss", input=input, target=target)
    apart = where(target != 1, (margin - input).clamp(min=0), 0.0)
    return reduce_losses(apart + where(target != -1, input, 0.0), reduction)


@through_float32
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1: (N, D), (N, D), (N,); or (D,), (D,), ().

    Raises ValueError for other shapes than these.
    """
    name = "cosine_embedding_loss"
    reduction = choose_reduction(name, reduction, size_average, reduce)
    check_tensors(name, input1=input1, input2=input2, target=target)
    if input1.shape != input2.shape or input1.ndim not in (1, 2) or target.shape != input1.shape[:-1]:
        raise ValueError(
            f"{name}: expected (N, D), (N, D) and (N,), or (D,), (D,) and (); got {input1.shape}, {input2.shape} and "
            f"{target.shape}"
        )
    squares = (input1.square().sum(-1) + 1e-12) * (input2.square().sum(-1) + 1e-12)
    cosine = (input1 * input2).sum(-1) / sqrt(squares)
    losses = where(target == 1, 1 - cosine, 0.0) + where(target == -1, (cosine - margin).clamp(min=0), 0.0)
    return reduce_losses(losses, reduction)


@through_float32
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + ‖anchor - positive‖ - ‖anchor - negative‖) of (N, D) each; `swap` takes the nearer negative.

    Source: Balntas et al. 2016.

    Raises ValueError unless the margin is positive.
    """
    if margin <= 0:
        raise ValueError(f"triplet_margin_loss: margin must be positive, got {margin}")
    reduction = choose_reduction("triplet_margin_loss", reduction, size_average, reduce)
    check_tensors("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    near, far = pairwise_distance(anchor, positive, p, eps), pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduce_losses((margin + near - far).clamp(min=0), reduction)


# ----------------------------------------------------------------------------------------------- scores of classes


def _place_classes(name: str, input: Tensor, target: ArrayLike, least: int) -> np.ndarray:
    """A target for (N, C) or (C,) as int64, checked to be among the classes; -1 is one of them if `least` is."""
    check_tensors(name, input=input, target=target)
    index = whole_numbers(name, "target", target)
    if input.ndim not in (1, 2):
        raise ValueError(f"{name}: expected scores (N, C) or (C,), got shape {input.shape}")
    if index.size and not (index.min() >= least and index.max() < input.shape[-1]):
        raise IndexError(f"{name}: targets from {index.min()} to {index.max()} for {input.shape[-1]} classes")
    return index


@through_float32
def multi_margin_loss(
    input: Tensor,
    target: ArrayLike,
    p: int = 1,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ_{j≠y} weight[y] max(0, margin - x[y] + x[j])^p / C, for scores (N, C) and classes y (N,); p is 1 or 2.

    Raises ValueError for another p, and unless there is one class for each row of scores.
    """
    name = "multi_margin_loss"
    reduction = choose_reduction(name, reduction, size_average, reduce)
    index = _place_classes(name, input, target, 0)
    if p not in (1, 2):
        raise ValueError(f"{name}: p must be 1 or 2, got {p}")
    if index.shape != input.shape[:-1]:
        raise ValueError(f"{name}: a target of shape {index.shape} for scores of shape {input.shape}")
    places = index[..., None]
    losses = relu(margin - take_places(input, places) + input) ** p
    losses = losses * (np.arange(input.shape[-1]) != places).astype(input.dtype)
    if weight is not None:
        losses = losses * constant(input, weight)[places]
    return reduce_losses(losses.sum(-1) / input.shape[-1], reduction)


@through_float32
def multilabel_margin_loss(
    input: Tensor,
    target: ArrayLike,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ_{y, j} max(0, 1 - x[y] + x[j]) / C over the target's classes y and all other classes j, for scores (N, C).

    target: classes (N, C), of which those before the first -1 count.

    Raises ValueError unless both have one shape.
    """
    name = "multilabel_margin_loss"
    reduction = choose_reduction(name, reduction, size_average, reduce)
    index = _place_classes(name, input, target, -1)
    check_same(name, input, target)
    valid = np.logical_and.accumulate(index >= 0, -1)
    index = np.where(valid, index, 0)
    others = np.ones(input.shape, np.bool_)
    np.logical_and.at(others, (*np.indices(index.shape, sparse=True)[:-1], index), ~valid)
    wanted = (valid[..., :, None] & others[..., None, :]).astype(input.dtype)
    losses = relu(1 - take_places(input, index).unsqueeze(-1) + input.unsqueeze(-2)) * wanted
    return reduce_losses(losses.sum((-2, -1)) / input.shape[-1], reduction)


@through_float32
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-t x)), for targets t of 1 and -1.

    input, target: of one shape, reduced to a scalar unless reduction="none".
    """
    reduction = choose_reduction("soft_margin_loss", reduction, size_average, reduce)
    check_tensors("soft_margin_loss", input=input, target=target)
    return reduce_losses(softplus(-target * input, threshold=np.inf), reduction)


@through_float32
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: ArrayLike | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the classes of -weight (t log σ(x) + (1 - t) log σ(-x)), for scores and targets t (N, C)."""
    name = "multilabel_soft_margin_loss"
    reduction = choose_reduction(name, reduction, size_average, reduce)
    check_tensors(name, input=input, target=target)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * constant(input, weight)
    return reduce_losses(losses.mean(-1), reduction)


if not TYPE_CHECKING:
    __all__ = public(globals())
