"""PyTorch's path to what loads data: `minigrad.utils.data` is `minigrad.data`."""

from functools import partial
from typing import TYPE_CHECKING

from minigrad.instead import refuse_name
from minigrad.utils import data

__all__ = ["data"]

if not TYPE_CHECKING:  # a type checker would take it for a promise that every name exists
    __getattr__ = partial(refuse_name, __name__)
    __dir__ = __all__.copy  # what completion offers
