"""PyTorch's older name for a tensor in code that asks for gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigrad.autograd.tape import Value

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


class VariableType(type):
    """Lets `isinstance(x, Variable)` be true of every tensor."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Value)


class Variable(metaclass=VariableType):
    """`Variable(tensor, requires_grad)` is a tensor with the same memory, a leaf. A tensor itself will do as well."""

    def __new__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Tensor:  # type: ignore[misc]
        """volatile: accepted, and without effect, as in PyTorch; use no_grad()."""
        if not isinstance(data, Value):
            raise TypeError(f"Variable: expected a tensor, got {type(data).__name__}")
        tensor: Tensor = data.detach()
        return tensor.requires_grad_(requires_grad)
