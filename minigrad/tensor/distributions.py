"""Draws from distributions whose parameters are tensors: one draw for each element, or several for each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import random
from minigrad.autograd import Value, box
from minigrad.autograd.strangers import expect_tensors
from minigrad.dtypes import as_dtype
from minigrad.tensor.convert import row
from minigrad.tensor.draws import Source, draw

if TYPE_CHECKING:
    from minigrad.tensor.tensor import Tensor

__all__ = ["bernoulli", "multinomial", "normal"]


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Source = None) -> Tensor:
    """Draws from normal distributions, each with its mean and standard deviation, which broadcast; of `size` if given.

    No gradient flows through a draw.

    Raises RuntimeError for a negative standard deviation, and TypeError where there is neither a tensor nor a size.
    """
    arrays = [as_plain(value, dtype) for value in (mean, std)]
    tensors = [value.array for value in (mean, std) if isinstance(value, Value)]
    if size is None and not tensors:
        raise TypeError("normal: expected a tensor as mean or std, or a size")
    if (arrays[1] < 0).any():
        raise RuntimeError(f"normal: expected std ≥ 0, got {arrays[1].min()}")
    shape = np.broadcast_shapes(arrays[0].shape, arrays[1].shape) if size is None else row((size,))
    kind = np.result_type(*tensors) if tensors else as_dtype(dtype)
    return box((arrays[0] + arrays[1] * draw("standard_normal", shape, kind, generator)).astype(kind, copy=False))


@expect_tensors
def bernoulli(input: Any, p: float | None = None, *, generator: Source = None) -> Tensor:
    """1 with the probability that `input` has there (or with `p` everywhere), else 0; of input's shape and dtype.

    Raises RuntimeError for a probability outside of [0, 1].
    """
    shares = input.array if p is None else np.full(input.shape, p)
    if not ((shares >= 0) & (shares <= 1)).all():
        raise RuntimeError("bernoulli: expected probabilities from 0 to 1")
    return box((draw("random", input.shape, np.float64, generator) < shares).astype(input.dtype))


@expect_tensors
def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Source = None) -> Tensor:
    """For each row of weights (C,) or (N, C), numbers of columns, as likely as their weights: (…, num_samples), int64.

    Without replacement no number comes twice in a row, so each row needs as many weights above 0.

    Raises RuntimeError for negative weights, and for more samples than there are weights above 0, if none may come
    twice.
    """
    if input.dtype.kind != "f":
        raise TypeError(f"multinomial: expected floating weights, got {input.dtype}")
    weights = input.array.astype(np.float64)
    if weights.ndim not in (1, 2) or not np.isfinite(weights).all() or (weights < 0).any():
        raise RuntimeError(f"multinomial: expected finite weights ≥ 0 of shape (C,) or (N, C), got shape {input.shape}")
    fewest = int((weights > 0).sum(-1).min()) if weights.size else 0
    if num_samples < 1 or fewest < (1 if replacement else num_samples):
        raise RuntimeError(
            f"multinomial: {num_samples} samples from rows of which one has {fewest} weights above 0"
            + ("" if replacement else ", without replacement")
        )
    source = random.default_generator if generator is None else generator
    rows = weights.reshape(-1, weights.shape[-1])
    drawn = [source.choice(len(w), num_samples, replacement, w / w.sum()) for w in rows]
    return box(np.asarray(drawn, np.int64).reshape(*weights.shape[:-1], num_samples))


def as_plain(value: Any, dtype: Any) -> np.ndarray:
    return value.array if isinstance(value, Value) else np.asarray(value, as_dtype(dtype))
