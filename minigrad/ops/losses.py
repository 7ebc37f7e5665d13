"""Losses that have rules of their own, one node each: on a toy batch the nodes cost more than the arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.autograd import Array, is_grad_enabled, primitive
from minigrad.kernels import rows as kernels
from minigrad.ops.elementwise import clamp, log, sigmoid, where
from minigrad.ops.exponentials import softmax
from minigrad.ops.shape import expand, reshape
from minigrad.ops.sums import total as add_up

# ----------------------------------------------------------------------------------------------------- classes


def class_places(index: Array) -> tuple[Array, ...]:
    """Where the classes `index` (N, *) stand in an array (N, C, *)."""
    grid = np.indices(index.shape, sparse=True)
    return (*grid[:1], index, *grid[1:])


def weigh(values: Array, weights: Array) -> Array:
    """Their product, 0 where the weight is 0: an ignored place counts nothing, be it infinite or not a number."""
    return np.multiply(values, weights, where=weights != 0, out=np.zeros_like(values))


@primitive(log_p=lambda g, log_p_shape, index, weights: scatter_classes(g, log_p_shape, index, weights))
def pick_classes(log_p: Array, index: Array, weights: Array) -> Array:
    """weights · log_p at each place's class: (N, C, *), (N, *), (N, *) -> (N, *); 0 where the weight is 0."""
    return weigh(log_p[class_places(index)], weights)


@primitive(y=lambda g, index, weights: pick_classes(g, index, weights))
def scatter_classes(y: Array, shape: tuple[int, ...], index: Array, weights: Array) -> Array:
    """The transpose of `pick_classes`: weights · y at each place's class, zeros elsewhere; 0 where the weight is 0."""
    out = np.zeros(shape, y.dtype)
    out[class_places(index)] = weigh(y, weights)
    return out


def class_entropy_rule(g: Any, input: Any, index: Array, weights: Array, total: float, slopes: Array) -> Any:
    if not is_grad_enabled():
        return class_entropy_input(g, slopes, weights, total, input.shape)
    chosen = np.zeros(input.shape, input.dtype)
    chosen[class_places(index)] = 1
    scale = expand(g if total is None else g / total, index.shape)
    if weights is not None:
        scale = where(weights != 0, scale * weights, 0.0)  # 0 also where all weights are, and the mean is no number
    return (softmax(input, 1) - chosen) * reshape(scale, (index.shape[0], 1, *index.shape[1:]))


@primitive(input=class_entropy_rule, keeps="slopes")
def class_entropy(input: Array, index: Array, weights: Array, total: float | None) -> Any:
    """-weights · log softmax(input) at each place's class, and 0 where the weight is 0; or their sum over `total`.

    input: (N, C, *). index: (N, *). weights: of the same shape, or None for 1. One node, and one pass over the scores.
    """
    rows, place = input if input.ndim == 2 else np.moveaxis(input, 1, -1), index.reshape(-1)
    losses, slopes = kernels.class_entropy(np.ascontiguousarray(rows).reshape(len(place), rows.shape[-1]), place)
    losses = losses.reshape(index.shape)
    if weights is not None:
        losses = weigh(losses, weights)
    return (losses if total is None else add_up(losses) / input.dtype.type(total)), slopes


@primitive()
def class_entropy_input(g: Array, slopes: Array, weights: Array, total: float | None, shape: tuple[int, ...]) -> Array:
    """What g, through `class_entropy`, becomes at the scores, of this shape; slopes: (places, C)."""
    scale = np.asarray(g if total is None else g / g.dtype.type(total))
    scale = scale if weights is None else scale * weights
    grad = slopes * (scale.reshape(-1, 1) if scale.ndim else scale)
    if weights is not None:
        grad[weights.reshape(-1) == 0] = 0
    return grad if len(shape) == 2 else np.moveaxis(grad.reshape(shape[0], *shape[2:], shape[1]), -1, 1)


# ----------------------------------------------------------------------------------------------- probabilities


def bound_log(p: Any) -> Any:
    """log p, no less than -100."""
    return clamp(log(clamp(p, min=np.finfo(p.dtype).tiny)), min=-100.0)


@primitive(input=lambda g, input, target: g * (sigmoid(input) - target), target=lambda g, input: -g * input)
def logistic_loss(input: Array, target: Array) -> Array:
    """`bernoulli_loss` of sigmoid(input): log(1 + eˣ) - t·x for x = input and t = target, without cancellation."""
    rest = np.log1p(np.exp(-np.abs(input)))  # added last: it may be small beside the others, which are equal then
    return np.maximum(input, 0) - target * input + rest


@primitive(
    input=lambda g, input, target: g * (input - target) / clamp(input * (1 - input), min=1e-12),
    target=lambda g, input: g * (bound_log(1 - input) - bound_log(input)),
)
def bernoulli_loss(input: Array, target: Array) -> Array:
    """-(t log p + (1 - t) log(1 - p)) for p = input and t = target, the logarithms no less than -100.

    The bound would cut the gradient where the loss is worst; PyTorch's rule keeps it finite and right there.
    """
    with np.errstate(divide="ignore"):
        log_p, log_q = np.maximum(np.log(input), -100), np.maximum(np.log1p(-input), -100)
    return -(target * log_p + (1 - target) * log_q)
