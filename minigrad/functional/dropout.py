"""Dropout: elements or whole channels set to 0 at random, in training only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from minigrad import random
from minigrad.autograd.strangers import expect_tensors
from minigrad.functional.checks import check_tensors, overwrite
from minigrad.instead import public
from minigrad.tensor import Tensor, as_tensor

Generator: TypeAlias = "np.random.Generator | None"  # not looked at here: NumPy's generators are slow to load


def _drop(
    name: str, input: Tensor, mask: tuple[int, ...], p: float, training: bool, inplace: bool, generator: Generator
) -> Tensor:
    """The input times 1 / (1 - p) with probability 1 - p, else times 0, by draws of the shape `mask`."""
    _check_probability(name, p)
    if not training or p == 0:
        return input
    kept = _draw_kept(mask, p, generator).astype(input.dtype)
    out: Tensor = input * as_tensor(kept * (1 / (1 - p) if p < 1 else 0), dtype=input.dtype)
    return overwrite(input, f"{name}_", out) if inplace else out


def _check_probability(name: str, p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{name}: p is a probability in [0, 1], got {p}")


def _draw_kept(shape: tuple[int, ...], p: float, generator: Generator) -> np.ndarray:
    """True with probability 1 - p."""
    kept: np.ndarray = (generator or random.default_generator).random(shape, dtype=np.float32) >= p
    return kept


@expect_tensors
def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator = None
) -> Tensor:
    """Zero each element with probability `p` and scale the others by 1 / (1 - p); the input itself in evaluation.

    Source: Srivastava et al. 2014, in its inverted form.

    Raises ValueError unless p is in [0, 1]. The result has the input's shape.

    >>> dropout(Tensor([1.0, 2.0]), training=False)
    tensor([1., 2.])
    """
    return _drop("dropout", input, input.shape, p, training, inplace, generator)


def _drop_channels(
    name: str, images: int, input: Tensor, p: float, training: bool, inplace: bool, generator: Generator
) -> Tensor:
    """`_drop` for each channel of (N, C, …) with so many further dimensions, or of (C, …)."""
    if input.ndim not in (images + 1, images + 2):
        raise ValueError(f"{name}: expected {images + 1} or {images + 2} dimensions, got shape {input.shape}")
    return _drop(name, input, (*input.shape[:-images], *(1,) * images), p, training, inplace, generator)


@expect_tensors
def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator = None
) -> Tensor:
    """Zero whole channels of (N, C, L) or (C, L) with probability `p`, scaling the others by 1 / (1 - p).

    Raises ValueError for another number of dimensions than 2 or 3, or unless p is in [0, 1].
    """
    return _drop_channels("dropout1d", 1, input, p, training, inplace, generator)


@expect_tensors
def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator = None
) -> Tensor:
    """Zero whole channels of (N, C, H, W) with probability `p`, scaling the others by 1 / (1 - p).

    As in PyTorch three dimensions are (N, C, L). Source: Tompson et al. 2015.

    Raises ValueError for another number of dimensions than 3 or 4, or unless p is in [0, 1].
    """
    if input.ndim == 3:
        return _drop_channels("dropout2d", 1, input, p, training, inplace, generator)
    return _drop_channels("dropout2d", 2, input, p, training, inplace, generator)


@expect_tensors
def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator = None
) -> Tensor:
    """Zero whole channels of (N, C, D, H, W) or (C, D, H, W) with probability `p`, the others scaled by 1 / (1 - p).

    Raises ValueError for another number of dimensions than 4 or 5, or unless p is in [0, 1].
    """
    return _drop_channels("dropout3d", 3, input, p, training, inplace, generator)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False, *, generator: Generator = None
) -> Tensor:
    """Set each element to selu's lower limit with probability `p`, then keep mean 0 and variance 1.

    Source: Klambauer et al. 2017.

    Raises ValueError unless p is in [0, 1]. The result has the input's shape.
    """
    check_tensors("alpha_dropout", input=input)
    _check_probability("alpha_dropout", p)
    if not training or p == 0:
        return input
    limit = 1.7580993408473766  # -selu(-∞)
    scale = 1 / math.sqrt((limit * limit * p + 1) * (1 - p)) if p < 1 else 0.0
    kept = _draw_kept(input.shape, p, generator)
    shift = scale * limit * (p - ~kept)
    out = input * as_tensor(kept * scale, dtype=input.dtype) + as_tensor(shift, dtype=input.dtype)
    return overwrite(input, "alpha_dropout_", out) if inplace else out


if not TYPE_CHECKING:
    __all__ = public(globals())
