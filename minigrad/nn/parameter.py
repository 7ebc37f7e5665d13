"""`Parameter`, what a module learns, and how layers make theirs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.device import check_device
from minigrad.dtypes import as_dtype
from minigrad.nn import init
from minigrad.tensor import Tensor, tensor


class Parameter(Tensor):
    """A tensor that a module learns: as an attribute of one it is among its `parameters()`.

    It shares the memory of a tensor that it is made from; of anything else it holds a copy, in the dtype of an array.
    """

    def __init__(self, data: Any, requires_grad: bool = True):
        source = data if isinstance(data, Tensor) else tensor(data)
        self.array, self.version = source.array, source.version
        self.requires_grad = requires_grad

    def __reduce__(self) -> Any:
        return type(self), (self.array, self.requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


def new_parameter(*shape: int, device: Any = None, dtype: DTypeLike | None = None) -> Parameter:
    """A Parameter of this shape, on the CPU, whose elements are yet to be set."""
    check_device(device, "Parameter")
    return Parameter(np.empty(shape, as_dtype(dtype)))


def check_positive(layer: str, **sizes: Any) -> None:
    """Raise a ValueError unless all are whole numbers from 1."""
    for name, size in sizes.items():
        if not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(f"{layer}: {name} must be a positive integer, got {size!r}")


def draw_by_fan_in(weight: Parameter, bias: Parameter | None, fan_in: int) -> None:
    """PyTorch's start of linear maps: Kaiming's with a = √5, whose bound works out as 1/√fan_in."""
    bound = 1 / math.sqrt(fan_in)
    init.uniform_(weight, -bound, bound)
    if bias is not None:
        init.uniform_(bias, -bound, bound)
