"""PyTorch's names for a module on several devices. There is one device: the module computes as it is."""

from __future__ import annotations

from typing import Any

from minigrad.device import check_device
from minigrad.nn.module import Module

__all__ = ["DataParallel", "data_parallel"]

__dir__ = __all__.copy  # what completion offers


class DataParallel(Module):
    """A module as `.module` of this one, so that the names in its state_dict begin with "module.", as in PyTorch.

    device_ids, output_device: None or the CPU; there is no other.
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0):
        for device in (*(device_ids or ()), output_device):
            check_device(device, "DataParallel")
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        return self.module(*args, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: Any = None,
) -> Any:
    """What the module computes of its input, or of a tuple of inputs."""
    wrapped = DataParallel(module, device_ids, output_device)
    return wrapped(*(inputs if isinstance(inputs, tuple) else (inputs,)), **(module_kwargs or {}))
