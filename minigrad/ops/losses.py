"""Losses that have rules of their own, one node each: on a toy batch the nodes cost more than the arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.autograd import Array, primitive
from minigrad.ops.elementwise import clamp, log

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


# ----------------------------------------------------------------------------------------------- probabilities


def bound_log(p: Any) -> Any:
    """log p, no less than -100."""
    return clamp(log(clamp(p, min=np.finfo(p.dtype).tiny)), min=-100.0)


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
