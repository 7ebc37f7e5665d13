"""`minigrad.functional` at the path where PyTorch has it; nothing of its own."""

from typing import TYPE_CHECKING

from minigrad.functional import *  # noqa: F403
from minigrad.functional import __all__ as __all__

if not TYPE_CHECKING:
    from minigrad.functional import __getattr__ as __getattr__
