"""`minigrad.functional` at the path where PyTorch has it; nothing of its own."""

from minigrad.functional import *  # noqa: F403
from minigrad.functional import __all__ as __all__
