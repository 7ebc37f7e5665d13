"""`minigrad.data` by PyTorch's path."""

from typing import TYPE_CHECKING

from minigrad import data as _data
from minigrad.data import *  # noqa: F403
from minigrad.data import __all__ as __all__

if not TYPE_CHECKING:
    __getattr__, __dir__ = _data.__getattr__, _data.__dir__
