"""Weights that are computed from other parameters before every forward: `weight_norm` and `spectral_norm`."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeVar

import numpy as np

from minigrad.nn.convolution import ConvTranspose1d, ConvTranspose2d
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor, from_numpy, randn

M = TypeVar("M", bound=Module)


def attach(module: M, name: str, compute: Any) -> M:
    """Let `compute(module)` give the attribute `name` before every forward; until then it keeps its values."""
    weight = getattr(module, name).detach()
    delattr(module, name)
    setattr(module, name, weight)
    module.register_forward_pre_hook(partial(refresh, name, compute))
    return module


def check_module(operation: str, module: Any, name: str = "") -> None:
    """Raise a TypeError unless this is a module, or a ValueError unless it has the weight of that name."""
    if not isinstance(module, Module):
        raise TypeError(f"{operation}: expected a Module, got {type(module).__name__}")
    if name and not isinstance(getattr(module, name, None), Tensor):
        raise ValueError(f"{operation}: {type(module).__name__} has no weight {name!r}")


def refresh(name: str, compute: Any, module: Module, args: Any) -> None:
    """The hook: compute the attribute anew."""
    setattr(module, name, compute(module))


def detach(module: M, name: str, kind: Any) -> M:
    """Undo `attach`: what was computed last becomes a parameter."""
    check_module(kind.__name__, module)
    for number, hook in list(module._hooks.get("forward_pre", {}).items()):
        call = hook.function
        if isinstance(call, partial) and call.func is refresh and call.args[0] == name and call.args[1].func is kind:
            del module._hooks["forward_pre"][number]
            mode, module.training = module.training, False  # so that computing it changes nothing
            weight = call.args[1](module).detach()
            module.training = mode
            for part in [n for n in module.__dict__ if n.startswith(f"{name}_")]:
                delattr(module, part)
            delattr(module, name)
            setattr(module, name, Parameter(weight))
            return module
    raise ValueError(f"{kind.__name__}: {type(module).__name__}.{name} is not computed so")


# ------------------------------------------------------------------------------------------------------ weight norm


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Learn length and direction apart: weight = g v / ‖v‖ for each index of `dim`, or for the whole with None.

    The parameter becomes two, `weight_g` and `weight_v`. Source: Salimans & Kingma 2016.
    """
    check_module("weight_norm", module, name)
    weight = getattr(module, name)
    dims = tuple(i for i in range(weight.ndim) if i != dim)
    setattr(module, f"{name}_g", Parameter(weight.detach().norm(2, dims, keepdim=dim is not None)))
    setattr(module, f"{name}_v", Parameter(weight.detach()))
    return attach(module, name, partial(scale_direction, name, dims, dim is not None))


def scale_direction(name: str, dims: tuple[int, ...], keepdim: bool, module: Module) -> Tensor:
    """g v / ‖v‖."""
    v = getattr(module, f"{name}_v")
    out: Tensor = v * (getattr(module, f"{name}_g") / v.norm(2, dims, keepdim=keepdim))
    return out


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Undo `weight_norm`: the weight is one parameter again."""
    return detach(module, name, scale_direction)


# ---------------------------------------------------------------------------------------------------- spectral norm


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divide the weight, as a matrix of rows along `dim`, by its largest singular value.

    A step of the power method before every forward in training follows it, with the buffers `weight_u` and `weight_v`;
    the parameter is called `weight_orig`. dim: 0 unless given, but 1 in transposed convolutions.
    Source: Miyato et al. 2018. Raises TypeError for what is no module, and ValueError for one without the weight.
    """
    check_module("spectral_norm", module, name)
    if n_power_iterations < 1:
        raise ValueError(f"spectral_norm: n_power_iterations must be positive, got {n_power_iterations}")
    if dim is None:
        dim = 1 if isinstance(module, ConvTranspose1d | ConvTranspose2d) else 0
    weight = getattr(module, name)
    rows = weight.shape[dim]
    setattr(module, f"{name}_orig", Parameter(weight.detach()))
    for buffer, size in ((f"{name}_u", rows), (f"{name}_v", weight.numel() // rows)):
        start = randn(size, dtype=weight.dtype).array
        module.register_buffer(buffer, from_numpy(start / max(np.linalg.norm(start), eps)))
    return attach(module, name, partial(divide_by_largest, name, n_power_iterations, eps, dim))


def divide_by_largest(name: str, steps: int, eps: float, dim: int, module: Module) -> Tensor:
    """The weight over its largest singular value, as far as the power method has found it."""
    weight = getattr(module, f"{name}_orig")
    matrix = weight.movedim(dim, 0).reshape(weight.shape[dim], -1)
    u, v = getattr(module, f"{name}_u").array, getattr(module, f"{name}_v").array
    if module.training:
        for _ in range(steps):
            v[...] = matrix.array.T @ u
            v /= max(np.linalg.norm(v), eps)
            u[...] = matrix.array @ v
            u /= max(np.linalg.norm(u), eps)
    largest = (matrix @ v.copy()) @ u.copy()
    out: Tensor = weight / largest
    return out


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Undo `spectral_norm`: the weight, divided as it was last, is the parameter again."""
    return detach(module, name, divide_by_largest)
