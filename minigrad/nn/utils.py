"""What is done to many parameters at once: limiting their gradients, packing them into one vector, normalising them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from minigrad.autograd.strangers import expect_tensors
from minigrad.instead import public
from minigrad.nn.reparametrise import remove_spectral_norm as remove_spectral_norm
from minigrad.nn.reparametrise import remove_weight_norm as remove_weight_norm
from minigrad.nn.reparametrise import spectral_norm as spectral_norm
from minigrad.nn.reparametrise import weight_norm as weight_norm
from minigrad.ops.shape import cat
from minigrad.tensor import Tensor, as_tensor


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [tensor.grad for tensor in _as_list(parameters) if tensor.grad is not None]


def _as_list(tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    if tensors is None or hasattr(tensors, "parameters") or callable(tensors):
        raise TypeError(f"expected tensors, got {type(tensors).__name__}; say model.parameters()")
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


@expect_tensors
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors as one vector; that of float16 is computed in float32."""
    arrays = [tensor.array.reshape(-1) for tensor in _as_list(tensors)]
    if not arrays:
        return as_tensor(np.float32(0))
    wide = np.result_type(np.float32, arrays[0])
    norms = [np.linalg.norm(a.astype(np.result_type(np.float32, a), copy=False), norm_type) for a in arrays]
    total = np.linalg.norm(np.array(norms, wide), norm_type)
    if error_if_nonfinite and not np.isfinite(total):
        raise RuntimeError(f"get_total_norm: the norm of order {norm_type} is {total}; nothing was scaled")
    return as_tensor(total)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale all gradients, in place, by max_norm / (total_norm + 1e-6) if that is less than 1."""
    total = float(total_norm)
    scale = total if math.isnan(total) else min(1.0, max_norm / (total + 1e-6))
    for g in _gradients(parameters):
        g.array *= scale
        g.bump_version()


@expect_tensors
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients, in place, so that their norm as one vector is at most `max_norm`; return the norm before.

    Source: Pascanu et al. 2013, with PyTorch's 1e-6 in the denominator.

    >>> import minigrad as mg
    >>> w = mg.zeros(2, requires_grad=True)
    >>> (w * mg.tensor([3.0, 4.0])).sum().backward()
    >>> clip_grad_norm_([w], max_norm=1.0)
    tensor(5.)
    >>> w.grad
    tensor([0.6, 0.8])
    """
    tensors = _as_list(parameters)
    total = get_total_norm(_gradients(tensors), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(tensors, max_norm, total)
    return total


@expect_tensors
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Clamp every element of the gradients, in place, to [-clip_value, clip_value]."""
    for g in _gradients(parameters):
        np.clip(g.array, -clip_value, clip_value, out=g.array)
        g.bump_version()


@expect_tensors
def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of all parameters as one vector.

    Shapes S, T, … -> (|S| + |T| + …).
    """
    out: Tensor = cat([parameter.reshape(-1) for parameter in _as_list(parameters)])
    return out


@expect_tensors
def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy what `parameters_to_vector` packed back into the parameters.

    Raises ValueError for another number of elements.
    """
    tensors = list(parameters)
    expected = sum(tensor.numel() for tensor in tensors)
    if vec.shape != (expected,):
        raise ValueError(f"vector_to_parameters: expected a vector of {expected} elements, got shape {vec.shape}")
    start = 0
    for tensor in tensors:
        end = start + tensor.numel()
        tensor.array[...] = vec.array[start:end].reshape(tensor.shape)
        tensor.bump_version()
        start = end


if not TYPE_CHECKING:
    __all__ = public(globals(), "minigrad.nn")
    __dir__ = __all__.copy  # what completion offers
