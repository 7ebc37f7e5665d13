"""PyTorch's older names for tensors of a dtype, as `FloatTensor`: they make tensors, and `isinstance` knows them."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.device import check_device
from minigrad.dtypes import TYPED
from minigrad.tensor import Tensor, empty, tensor

__all__ = [
    "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor",
    "LongTensor", "ShortTensor",
]  # fmt: skip


class TensorType:
    """The tensors of one dtype. Calling it makes one: of sizes, with arbitrary elements, or with those of a sequence.

    >>> LongTensor([1, 2]), FloatTensor(2, 3).shape
    (tensor([1, 2]), (2, 3))
    """

    def __init__(self, name: str):
        self.__name__ = name
        self.dtype = TYPED[name]

    def __call__(self, *data: Any, device: Any = None) -> Tensor:
        check_device(device, self.__name__)
        if all(isinstance(length, int | np.integer) for length in data):
            return empty(*data or (0,), dtype=self.dtype)
        if len(data) != 1 or isinstance(data[0], float | str):
            raise TypeError(f"{self.__name__}: expected sizes, or one sequence of elements, got {data}")
        if isinstance(data[0], Tensor) and data[0].dtype != self.dtype:
            raise TypeError(f"{self.__name__}: expected elements of {self.dtype}, got a tensor of {data[0].dtype}")
        return data[0].detach() if isinstance(data[0], Tensor) else tensor(data[0], dtype=self.dtype)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == self.dtype

    def __repr__(self) -> str:
        return f"<class 'minigrad.{self.__name__}'>"


FloatTensor, DoubleTensor, HalfTensor = TensorType("FloatTensor"), TensorType("DoubleTensor"), TensorType("HalfTensor")
LongTensor, IntTensor, ShortTensor = TensorType("LongTensor"), TensorType("IntTensor"), TensorType("ShortTensor")
CharTensor, ByteTensor, BoolTensor = TensorType("CharTensor"), TensorType("ByteTensor"), TensorType("BoolTensor")
