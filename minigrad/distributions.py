"""The distributions that policies and variational networks draw from: draws, log-probabilities and entropies.

A distribution has the shape of its parameters, which broadcast. `sample` gives draws without a gradient; `rsample`,
where there is one, lets the gradient pass to the parameters. All else is composed of operations on tensors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import no_grad
from minigrad.functional import binary_cross_entropy_with_logits
from minigrad.instead import public, refuse_name
from minigrad.ops.arrangement import broadcast_tensors
from minigrad.ops.elementwise import log, log1p
from minigrad.tensor import Tensor, as_tensor, rand, randn
from minigrad.tensor.distributions import multinomial


class Distribution:
    """What all have: a shape, and draws without a gradient. validate_args is PyTorch's; values are not checked."""

    batch_shape: tuple[int, ...]

    def __repr__(self) -> str:
        """The parameters, as PyTorch shows them: single numbers, and of tensors the shapes."""
        given = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        if {"probs", "logits"} <= set(given):  # one was computed from the other
            given.popitem()
        shown = (f"{name}: {value.shape if value.ndim else value.item()}" for name, value in given.items())
        return f"{type(self).__name__}({', '.join(shown)})"

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws of shape (*sample_shape, *batch_shape), through which the gradient passes to the parameters."""
        raise NotImplementedError(f"{type(self).__name__}: a draw has no gradient; use sample() and log_prob()")

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws of shape (*sample_shape, *batch_shape), without a gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of each value, or of its density."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The expectation of -log_prob."""
        raise NotImplementedError


class Normal(Distribution):
    """Normal distributions with means `loc` and standard deviations `scale` > 0.

    loc and scale broadcast to the shape S of a draw; `sample((n,))` gives (n, *S).

    >>> Normal(0.0, 1.0).log_prob(0.0)
    tensor(-0.9189)
    """

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self.loc, self.scale = broadcast_tensors(as_tensor(loc), as_tensor(scale))
        if not (self.scale.array > 0).all():
            raise ValueError(f"Normal: expected scale > 0, got {self.scale.array.min()}")
        self.batch_shape = self.loc.shape

    mean = property(lambda self: self.loc)
    stddev = property(lambda self: self.scale)
    variance = property(lambda self: self.scale**2)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """loc + scale · noise."""
        noise = randn((*sample_shape, *self.batch_shape), dtype=self.loc.dtype)
        return self.loc + self.scale * noise

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density at each value."""
        squared = (value - self.loc) ** 2 / (2 * self.scale**2)
        return -squared - log(self.scale) - math.log(math.sqrt(2 * math.pi))

    def entropy(self) -> Tensor:
        """(1 + log 2π) / 2 + log scale."""
        return log(self.scale) + (0.5 + 0.5 * math.log(2 * math.pi))


class Uniform(Distribution):
    """Uniform distributions from `low` up to `high`.

    low and high broadcast to the shape S of a draw; `sample((n,))` gives (n, *S).
    """

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None):
        self.low, self.high = broadcast_tensors(as_tensor(low), as_tensor(high))
        if not (self.low.array < self.high.array).all():
            raise ValueError("Uniform: expected low < high everywhere")
        self.batch_shape = self.low.shape

    mean = property(lambda self: (self.low + self.high) / 2)
    variance = property(lambda self: (self.high - self.low) ** 2 / 12)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """low + (high - low) · noise."""
        noise = rand((*sample_shape, *self.batch_shape), dtype=self.low.dtype)
        return self.low + (self.high - self.low) * noise

    def log_prob(self, value: Tensor) -> Tensor:
        """-log(high - low) inside, -∞ outside."""
        inside = (value >= self.low) & (value < self.high)
        return log(inside.to(self.low.dtype)) - log(self.high - self.low)

    def entropy(self) -> Tensor:
        """log(high - low)."""
        return log(self.high - self.low)


def choose(name: str, probs: Any, logits: Any) -> None:
    if (probs is None) == (logits is None):
        raise ValueError(f"{name}: give either probs or logits")


def keep_inside(probs: Tensor) -> Tensor:
    """Probabilities a little away from 0 and 1, so that their logarithms are finite."""
    eps = float(np.finfo(probs.dtype).eps)
    return probs.clamp(eps, 1 - eps)


class Categorical(Distribution):
    """Classes, as likely as `probs` (…, C) says once it is divided by its sums, or as the softmax of `logits` says.

    Draws are int64 and have the shape without its last dimension. Raises ValueError unless one of both is given.
    """

    def __init__(self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None):
        choose("Categorical", probs, logits)
        if probs is not None:
            probs = as_tensor(probs)
            if not (probs.array >= 0).all():
                raise ValueError(f"Categorical: expected probs ≥ 0, got {probs.array.min()}")
            self.probs = probs / probs.sum(-1, keepdim=True)
            self.logits = log(keep_inside(self.probs))
        elif logits is not None:
            logits = as_tensor(logits)
            self.logits = logits - logits.logsumexp(-1, keepdim=True)
            self.probs = self.logits.softmax(-1)
        self.batch_shape = self.probs.shape[:-1]

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Classes of shape (*sample_shape, *batch_shape), int64."""
        rows = self.probs.detach().reshape(-1, self.probs.shape[-1])
        drawn = multinomial(rows, math.prod(sample_shape), True)
        return drawn.T.reshape((*sample_shape, *self.batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of each class's probability."""
        index, logits = broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        """-Σ p log p."""
        return -(self.logits.clamp(min=float(np.finfo(self.logits.dtype).min)) * self.probs).sum(-1)


class Bernoulli(Distribution):
    """1 with probability `probs`, or sigmoid(`logits`), else 0.

    Draws have the shape S of what is given; `sample((n,))` gives (n, *S). Raises ValueError unless one of both is.
    """

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        choose("Bernoulli", probs, logits)
        if probs is not None:
            self.probs = as_tensor(probs)
            if not ((self.probs.array >= 0) & (self.probs.array <= 1)).all():
                raise ValueError("Bernoulli: expected probs in [0, 1]")
            inside = keep_inside(self.probs)
            self.logits = log(inside) - log1p(-inside)
        else:
            self.logits = as_tensor(logits)
            self.probs = self.logits.sigmoid()
        self.batch_shape = self.probs.shape

    mean = property(lambda self: self.probs)
    variance = property(lambda self: self.probs * (1 - self.probs))

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws of shape (*sample_shape, *batch_shape)."""
        return self.probs.detach().expand((*sample_shape, *self.batch_shape)).bernoulli()

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of each 0 or 1."""
        logits, target = broadcast_tensors(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, target, reduction="none")

    def entropy(self) -> Tensor:
        """-p log p - (1 - p) log(1 - p)."""
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The expectation under p of log p - log q, of two Normals, two Categoricals or two Bernoullis.

    Of the shape that both broadcast to. Raises NotImplementedError for other pairs.
    """
    if isinstance(p, Normal) and isinstance(q, Normal):
        ratio = (p.scale / q.scale) ** 2
        return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - log(ratio))
    if isinstance(p, Categorical) and isinstance(q, Categorical):
        return (p.probs * (p.logits - q.logits)).sum(-1)
    if isinstance(p, Bernoulli) and isinstance(q, Bernoulli):
        return binary_cross_entropy_with_logits(q.logits, p.probs, reduction="none") - p.entropy()
    raise NotImplementedError(f"kl_divergence: not of {type(p).__name__} and {type(q).__name__}; write the formula")


if not TYPE_CHECKING:
    __all__ = [name for name in public(globals()) if name not in ("choose", "keep_inside")]
    __dir__ = __all__.copy  # what completion offers

    def __getattr__(name: str) -> Any:
        refuse_name(__name__, name)
