"""Functions of tensors: convolution, pooling, activations, normalisation, dropout, resampling and losses.

A function whose words name no shape works element by element. This is `minigrad.functional` at PyTorch's path.
"""

from typing import TYPE_CHECKING

from minigrad import functional as _functional
from minigrad.functional import *  # noqa: F403

if not TYPE_CHECKING:
    __all__, __getattr__, __dir__ = _functional.__all__, _functional.__getattr__, _functional.__dir__
