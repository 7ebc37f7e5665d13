"""Functions of Tensors that are built from the primitives: activations, losses, normalisation, resampling.

Also the door to the primitives that PyTorch keeps under `nn.functional` (`conv2d`, `max_pool2d`, and more). What is
written here composes operations and so needs no rule of its own. A function whose words name no shape works element by
element.
"""

from functools import partial
from typing import TYPE_CHECKING

from minigrad.functional.activations import *
from minigrad.functional.dropout import *
from minigrad.functional.images import *
from minigrad.functional.losses import *
from minigrad.functional.margins import *
from minigrad.functional.normalisation import *
from minigrad.functional.sequences import *
from minigrad.functional.vectors import *
from minigrad.instead import public as _public
from minigrad.instead import refuse_name as _refuse_name
from minigrad.ops.conv import conv1d as conv1d
from minigrad.ops.conv import conv2d as conv2d
from minigrad.ops.conv import conv_transpose2d as conv_transpose2d
from minigrad.ops.elementwise import gelu as gelu
from minigrad.ops.elementwise import sigmoid as sigmoid
from minigrad.ops.elementwise import softplus as softplus
from minigrad.ops.elementwise import tanh as tanh
from minigrad.ops.linalg import linear as linear
from minigrad.ops.pool import adaptive_avg_pool2d as adaptive_avg_pool2d
from minigrad.ops.pool import adaptive_max_pool2d as adaptive_max_pool2d
from minigrad.ops.pool import avg_pool2d as avg_pool2d
from minigrad.ops.pool import max_pool2d as max_pool2d
from minigrad.ops.pool import max_unpool2d as max_unpool2d
from minigrad.ops.shape import pad as pad

if not TYPE_CHECKING:  # a type checker reads the imports, and would take __getattr__ for a promise of every name
    __all__ = _public(globals(), "minigrad")
    __getattr__ = partial(_refuse_name, "minigrad.nn.functional")
    __dir__ = __all__.copy  # what completion offers
