"""Normalisation: each channel standardised by a mean and a deviation, with a kernel and so with rules of its own.

Composed of simpler operations, it would make ten passes over a feature map and keep four. The rules call kernels, too;
where they are themselves recorded, they are spelled out in operations on Tensors.
"""

from __future__ import annotations

import weakref
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import Array, is_grad_enabled, primitive
from minigrad.kernels import groups as group_kernels
from minigrad.kernels import normalise as kernels
from minigrad.kernels import rows as row_kernels

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


def standardise(input: Any, eps: float) -> tuple[Tensor, Tensor]:
    """(N, C, *) with zero mean and unit variance in each channel, and 1 / deviation (1, C, 1, …), as compositions."""
    dims = (0, *range(2, input.ndim))
    centred = input - input.mean(dims, True)  # the variance of what is centred already: a large mean costs no digits
    scale = (centred.square().mean(dims, True) + eps).rsqrt()
    return centred * scale, scale


class Batch(kernels.Moments):
    """The moments of a batch, and what the rules of one backward share: the sums of the upstream gradient."""

    def __init__(self, mean: Array, variance: Array, eps: float):
        super().__init__(mean, np.sqrt(variance + eps))
        self.eps = eps
        self.known: tuple[Any, int, Array] | None = None  # the gradient whose sums these are, and its version

    def sum_upstream(self, g: Tensor, input: Tensor) -> Array:
        """The sums of g and of g · (input - mean) over each channel, (2, C): computed for the first rule that asks."""
        sums = self.recall(g)
        if sums is None:
            sums = self.add_up(g.array, input.array)
            self.known = weakref.ref(g), g.version[0], sums
        return sums

    def add_up(self, g: Array, input: Array) -> Array:
        """The sums, of arrays."""
        return kernels.sum_upstream(g, input, self)

    def recall(self, g: Tensor) -> Array | None:
        """The sums of this very gradient, if a rule has asked for them already."""
        known = self.known
        return known[2] if known and known[0]() is g and known[1] == g.version[0] else None


def normalise_input_rule(g: Any, input: Any, weight: Any, batch: Batch) -> Any:
    if not is_grad_enabled():
        batch.known = None  # this rule comes first
        return gradient_of_input(g, input, weight, batch, batch.sum_upstream(g, input))
    dims = (0, *range(2, input.ndim))
    out, scale = standardise(input, batch.eps)
    if weight is not None:
        g = g * weight.reshape((-1,) + (1,) * (input.ndim - 2))
    return (g - g.mean(dims, True) - out * (g * out).mean(dims, True)) * scale


def normalise_weight_rule(g: Any, input: Any, batch: Batch) -> Any:
    if not is_grad_enabled():
        return as_gradient(batch.sum_upstream(g, input)[1] / batch.deviation, g)
    return (g * standardise(input, batch.eps)[0]).sum((0, *range(2, input.ndim)))


def normalise_bias_rule(g: Any, batch: Batch) -> Any:
    sums = None if is_grad_enabled() else batch.recall(g)
    return g.sum((0, *range(2, g.ndim))) if sums is None else as_gradient(sums[0], g)


@primitive()
def as_gradient(values: Array, g: Array) -> Array:
    """The values in the dtype of g."""
    return values.astype(g.dtype)


@primitive()
def gradient_of_input(g: Array, input: Array, weight: Array, batch: Batch, sums: Array) -> Array:
    """What g, through `normalise`, becomes at its input."""
    return kernels.normalise_input(g, input, weight, batch, sums)


@primitive(input=normalise_input_rule, weight=normalise_weight_rule, bias=normalise_bias_rule)
def normalise(input: Array, weight: Array, bias: Array, batch: Batch) -> Array:
    """(N, C, *) standardised by its own mean and deviation, then scaled by weight and moved by bias, both (C,)."""
    return kernels.normalise(input, weight, bias, batch)


def normalise_batch(input: Any, weight: Any, bias: Any, eps: float) -> tuple[Tensor, Array, Array]:
    """`normalise` by the moments of the input itself; then these, the mean (C,) and the variance (C,)."""
    if not input.array.size:  # an empty batch: nothing to standardise
        zeros, shape = np.zeros(input.shape[1], input.dtype), (-1,) + (1,) * (input.ndim - 2)
        scaled = input * (1.0 if weight is None else weight.reshape(shape))
        return scaled + (0.0 if bias is None else bias.reshape(shape)), zeros, zeros
    mean, variance = kernels.channel_moments(input.array)
    return normalise(input, weight, bias, Batch(mean, variance, eps)), mean, variance


# ----------------------------------------------------------------------------------------------- groups of channels


class Groups(Batch):
    """The moments of groups of channels, and the sums of the upstream gradient over each channel of each image."""

    def __init__(self, input: Array, count: int, eps: float):
        self.of = group_kernels.Groups(input, count, eps)
        self.count, self.eps, self.near, self.known = count, eps, self.of.near, None

    def add_up(self, g: Array, input: Array) -> Array:
        """The sums, of arrays: (2, N, C)."""
        return group_kernels.sum_upstream(g, input, self.of)

    def standardise(self, input: Any) -> tuple[Tensor, Tensor]:
        """The groups as rows (1, N · G, *) with zero mean and unit variance, and 1 / deviation, as compositions."""
        return standardise(input.reshape(1, input.shape[0] * self.count, -1), self.eps)


def groups_input_rule(g: Any, input: Any, weight: Any, groups: Groups) -> Any:
    if not is_grad_enabled():
        groups.known = None  # this rule comes first
        return gradient_of_groups(g, input, weight, groups, groups.sum_upstream(g, input))
    out, scale = groups.standardise(input)
    if weight is not None:
        g = g * weight.reshape((-1,) + (1,) * (input.ndim - 2))
    rows = g.reshape(out.shape)
    return ((rows - rows.mean(2, True) - out * (rows * out).mean(2, True)) * scale).reshape(input.shape)


def groups_weight_rule(g: Any, input: Any, groups: Groups) -> Any:
    if not is_grad_enabled():
        along = groups.sum_upstream(g, input)[1] / groups.of.repeat(groups.of.deviation)
        return as_gradient(along.sum(0), g)
    return (g * groups.standardise(input)[0].reshape(input.shape)).sum((0, *range(2, input.ndim)))


def groups_bias_rule(g: Any, groups: Groups) -> Any:
    sums = None if is_grad_enabled() else groups.recall(g)
    return g.sum((0, *range(2, g.ndim))) if sums is None else as_gradient(sums[0].sum(0), g)


@primitive()
def gradient_of_groups(g: Array, input: Array, weight: Array, groups: Groups, sums: Array) -> Array:
    """What g, through `group_norm`, becomes at its input."""
    return group_kernels.normalise_input(g, input, weight, groups.of, sums)


@primitive(input=groups_input_rule, weight=groups_weight_rule, bias=groups_bias_rule)
def normalise_near_groups(input: Array, weight: Array, bias: Array, groups: Groups) -> Array:
    """(N, C, *) standardised over groups of its channels, then scaled and moved by weight and bias, both (C,)."""
    return group_kernels.normalise(input, weight, bias, groups.of)


def normalise_groups(input: Any, weight: Any, bias: Any, count: int, eps: float) -> Tensor:
    """The input standardised over each group of channels of each image, then scaled and moved, both (C,) or None."""
    if input.ndim > 2 and input.array.size and input.array.dtype.kind == "f":
        groups = Groups(input.array, count, eps)
        if groups.near:
            return normalise_near_groups(input, weight, bias, groups)
    length = input.shape[1] // count * prod(input.shape[2:])
    out = standardise_rows(input, None, None, eps, length)  # each row centred first, for a large mean would cost digits
    return out if weight is None and bias is None else scale_channels(out, weight, bias)


# ------------------------------------------------------------------------------------------------ rows by themselves


def as_rows(x: Array, length: int) -> Array:
    """The elements in rows of this length."""
    return np.ascontiguousarray(x).reshape(x.size // max(1, length), length)


def rows_rule(g: Any, input: Any, weight: Any, eps: float, length: int, standard: Array, scale: Array) -> Any:
    if not is_grad_enabled():
        return gradient_of_rows(g, weight, standard, scale)
    g = g if weight is None else g * weight
    out, factor = standardise(input.reshape(1, -1, length), eps)
    rows = g.reshape(1, -1, length)
    return ((rows - rows.mean(2, True) - out * (rows * out).mean(2, True)) * factor).reshape(input.shape)


def row_weight_rule(g: Any, input: Any, weight_shape: Any, eps: float, length: int, standard: Array) -> Any:
    if not is_grad_enabled():
        return gradient_of_row_weight(g, standard, weight_shape)
    return g * standardise(input.reshape(1, -1, length), eps)[0].reshape(input.shape)


@primitive()
def gradient_of_rows(g: Array, weight: Array, standard: Array, scale: Array) -> Array:
    """What g, through `standardise_rows`, becomes at its input."""
    flat = None if weight is None else weight.reshape(-1)
    return row_kernels.standardise_input(as_rows(g, standard.shape[1]), flat, standard, scale).reshape(g.shape)


@primitive()
def gradient_of_row_weight(g: Array, standard: Array, shape: tuple[int, ...]) -> Array:
    """What g, through `standardise_rows`, becomes at its weight."""
    return row_kernels.sum_products(as_rows(g, standard.shape[1]), standard).reshape(shape)


@primitive(input=rows_rule, weight=row_weight_rule, bias=lambda g: g, keeps=("standard", "scale"))
def standardise_rows(input: Array, weight: Array, bias: Array, eps: float, length: int) -> Any:
    """Each part of the input of this length with zero mean and unit variance, times weight plus bias.

    These two, if there are any, have the shape of the last dimensions, which then are one part.
    """
    weight, bias = (a if a is None else np.ascontiguousarray(a).reshape(-1) for a in (weight, bias))
    out, standard, scale = row_kernels.standardise(as_rows(input, length), weight, bias, eps)
    return out.reshape(input.shape), standard, scale


# ------------------------------------------------------------------------------------------------- scaled channels


@primitive(
    input=lambda g, weight: scale_channels(g, weight, None),
    weight=lambda g, input: sum_channels(g, input),
    bias=lambda g: g.sum((0, *range(2, g.ndim))),
)
def scale_channels(input: Array, weight: Array, bias: Array) -> Array:
    """(N, C, *) times weight plus bias, each (C,) or None."""
    return kernels.scale(input, weight, bias)


@primitive(x=lambda g, y: scale_channels(y, g, None), y=lambda g, x: scale_channels(x, g, None))
def sum_channels(x: Array, y: Array) -> Array:
    """The sum of x · y over each channel: (N, C, *) twice -> (C,)."""
    return kernels.channel_products(x, y)
