"""The part of torchvision that scripts with small images need: `datasets`, `transforms` and `utils`.

Networks with trained weights are not among it: write the model, and load its weights with `load_state_dict`.
"""

from functools import partial
from typing import TYPE_CHECKING

from minigrad.instead import refuse_name
from minigrad.torch.vision import datasets, transforms, utils

__all__ = ["datasets", "transforms", "utils"]

if not TYPE_CHECKING:  # a type checker would take it for a promise that every name exists
    __getattr__ = partial(refuse_name, __name__)
    __dir__ = __all__.copy  # what completion offers
