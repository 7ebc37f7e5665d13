"""What is done to many parameters at once: limiting their gradients, and packing them into one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from minigrad.ops.shape import cat
from minigrad.tensor import Tensor, as_tensor


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [tensor.grad for tensor in tensors if tensor.grad is not None]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients, in place, so that their norm as one vector is at most `max_norm`; return the norm
    before.

    Source: Pascanu et al. 2013, with PyTorch's 1e-6 in the denominator.
    """
    gradients = _gradients(parameters)
    norms = [np.linalg.norm(g.array.reshape(-1), norm_type) for g in gradients]
    total = (
        np.linalg.norm(np.array(norms, gradients[0].dtype if gradients else np.float32), norm_type) if norms else 0.0
    )
    if error_if_nonfinite and not np.isfinite(total):
        raise RuntimeError(f"clip_grad_norm_: the gradients' norm of order {norm_type} is {total}; nothing was scaled")
    scale = min(1.0, max_norm / (float(total) + 1e-6)) if not math.isnan(total) else total
    for g in gradients:
        g.array *= scale
        g.bump_version()
    return as_tensor(total)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clamp every element of the gradients, in place, to [-clip_value, clip_value]."""
    for g in _gradients(parameters):
        np.clip(g.array, -clip_value, clip_value, out=g.array)
        g.bump_version()


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of all parameters as one vector."""
    out: Tensor = cat([parameter.reshape(-1) for parameter in parameters])
    return out


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy what `parameters_to_vector` packed back into the parameters."""
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
