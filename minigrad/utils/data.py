"""`minigrad.data` by PyTorch's path."""

from minigrad.data import *  # noqa: F403
from minigrad.data import __all__ as __all__
