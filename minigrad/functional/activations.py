"""Functions applied element by element, and those that weigh elements along a dimension.

Each is a composition; PyTorch's choice of a derivative at a kink is in how the pieces meet. With `inplace=True` the
result stands in the input's memory, too.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

from minigrad import random
from minigrad.autograd.strangers import expect_tensors
from minigrad.functional.checks import overwrite
from minigrad.instead import public
from minigrad.ops import elementwise, exponentials
from minigrad.ops.elementwise import sigmoid, softplus, tanh, where
from minigrad.ops.shape import chunk
from minigrad.tensor import Tensor, from_numpy
from minigrad.tensor.inplace import change, in_place

# ------------------------------------------------------------------------------------------------ element by element


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(0, x)."""
    if inplace:
        return overwrite(input, "relu_", elementwise.relu(input))
    return elementwise.relu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where positive, else `negative_slope` x."""
    if inplace:
        return change(input, "leaky_relu_", leaky_relu, negative_slope)
    return elementwise.leaky_relu(input, negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, else `alpha` (exp(x) - 1). Source: Clevert et al. 2016."""
    if inplace:
        return change(input, "elu_", elu, alpha)
    return elementwise.elu(input, alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """1.0507 elu(x) with alpha 1.6733, which keep mean 0 and variance 1. Source: Klambauer et al. 2017."""
    if inplace:
        return change(input, "selu_", selu)
    return elementwise.elu(input, 1.6732632423543772, 1.0507009873554805)


@expect_tensors
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, else `alpha` (exp(x / alpha) - 1). Source: Barron 2017.

    Raises ValueError for an alpha of 0.
    """
    if inplace:
        return change(input, "celu_", celu, alpha)
    if alpha == 0:
        raise ValueError("celu: alpha must not be 0")
    return elementwise.elu(input / alpha) * alpha


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x sigmoid(x)."""
    if inplace:
        return change(input, "silu_", silu)
    return elementwise.silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(log(1 + exp(x))). Source: Misra 2019."""
    if inplace:
        return change(input, "mish_", mish)
    return input * tanh(softplus(input))


@expect_tensors
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x between `min_val` and `max_val`, else the nearer of the two; no gradient at either.

    Raises ValueError if min_val is larger than max_val.
    """
    if inplace:
        return change(input, "hardtanh_", hardtanh, min_val, max_val)
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val {min_val} is larger than max_val {max_val}")
    if input.dtype.kind != "f":
        min_val, max_val = int(min_val), int(max_val)
    return elementwise.hardtanh(input, min_val, max_val)


@expect_tensors
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(0, x), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


@expect_tensors
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """(x + 3) / 6 held between 0 and 1."""
    if inplace:
        return change(input, "hardsigmoid_", hardsigmoid)
    return where(input <= -3, 0.0, where(input >= 3, 1.0, (input + 3) / 6))


@expect_tensors
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x hardsigmoid(x). Source: Howard et al. 2019."""
    if inplace:
        return change(input, "hardswish_", hardswish)
    return where(input < -3, 0.0, where(input <= 3, input * (input + 3) / 6, input))


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is larger than `threshold`, else `value`."""
    if inplace:
        return threshold_(input, threshold, value)
    return where(input <= threshold, value, input)


def logsigmoid(input: Tensor) -> Tensor:
    """log(1 / (1 + exp(-x))), without overflow."""
    return elementwise.logsigmoid(input)


@expect_tensors
def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return input - tanh(input)


@expect_tensors
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved by `lambd` towards 0, which nothing passes.

    Raises ValueError for a negative `lambd`.
    """
    if lambd < 0:
        raise ValueError(f"softshrink: lambd must not be negative, got {lambd}")
    return where(input > lambd, input - lambd, where(input < -lambd, input + lambd, input * 0))


@expect_tensors
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where it is farther than `lambd` from 0, else 0."""
    return where((input >= -lambd) & (input <= lambd), 0.0, input)


@expect_tensors
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where positive, else weight · x; one weight, or one for each channel of (N, C, *). Source: He et al. 2015.

    Raises ValueError for another number of weights than 1 or C.
    """
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or weight.numel() not in (1, channels):
        raise ValueError(f"prelu: expected one weight or {channels}, got shape {weight.shape} for {input.shape}")
    slope = weight.reshape((1, -1) + (1,) * (input.ndim - 2) if input.ndim > 1 else (1,) * input.ndim)
    return where(input > 0, input, slope * input)


relu_, leaky_relu_, elu_, selu_ = in_place(relu), in_place(leaky_relu), in_place(elu), in_place(selu)
celu_, hardtanh_, threshold_ = in_place(celu), in_place(hardtanh), in_place(threshold)

# ------------------------------------------------------------------------------------------------ along a dimension


def _choose_dim(name: str, input: Tensor, dim: int | None) -> int:
    """`dim`, or PyTorch's choice where none is given, with its warning."""
    if dim is not None:
        return dim
    warnings.warn(f"Implicit dimension choice for {name}: the result depends on it, so say dim=...", stacklevel=4)
    return 0 if input.ndim in (0, 1, 3) else 1


@expect_tensors
def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike | None = None) -> Tensor:
    """exp(x) along `dim`, divided by its sum; computed in `dtype` if one is given.

    >>> softmax(Tensor([[0.0, 0.0], [0.0, 1.0]]), dim=1)
    tensor([[0.5   , 0.5   ],
            [0.2689, 0.7311]])
    """
    return exponentials.softmax(input if dtype is None else input.to(dtype), _choose_dim("softmax", input, dim))


@expect_tensors
def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike | None = None) -> Tensor:
    """The logarithm of softmax along `dim`; computed in `dtype` if one is given."""
    return exponentials.log_softmax(input if dtype is None else input.to(dtype), _choose_dim("log_softmax", input, dim))


@expect_tensors
def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike | None = None) -> Tensor:
    """softmax(-x) along `dim`; computed in `dtype` if one is given."""
    return exponentials.softmax(-input if dtype is None else -input.to(dtype), _choose_dim("softmin", input, dim))


@expect_tensors
def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1,
    generator: np.random.Generator | None = None,
) -> Tensor:  # fmt: skip
    """softmax((logits + Gumbel noise) / tau); `hard`: one-hot, with the gradient of that. Source: Jang et al. 2017.

    The result has the shape of the logits. Along `dim` it sums to 1.
    """
    noise = (generator or random.default_generator).gumbel(size=logits.shape).astype(logits.dtype)
    soft = exponentials.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    classes = np.arange(logits.shape[dim]).reshape((-1,) + (1,) * (logits.ndim - 1 - dim % logits.ndim))
    chosen = (soft.array.argmax(dim, keepdims=True) == classes).astype(logits.dtype)
    return from_numpy(chosen) - soft.detach() + soft


@expect_tensors
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along `dim` times the sigmoid of the second. Source: Dauphin et al. 2017.

    Raises ValueError unless the length of `dim` is even; the result has half of it.
    """
    if input.ndim == 0 or input.shape[dim] % 2:
        raise ValueError(f"glu: the halves of dimension {dim} must be equally long, got shape {input.shape}")
    values, gates = chunk(input, 2, dim)
    return values * sigmoid(gates)


if not TYPE_CHECKING:
    __all__ = public(globals())
