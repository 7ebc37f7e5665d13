"""Neural networks: `nn.Module` and the layers, their start in `nn.init`, `nn.functional` and `nn.utils`.

A layer's shapes are those of its function, and (*) is any shape. A layer whose words name no shape works element by
element. Options out of range are a ValueError where the layer is made.
"""

from functools import partial
from typing import TYPE_CHECKING

from minigrad.instead import public as _public
from minigrad.instead import refuse_name as _refuse_name
from minigrad.nn import functional, init, parallel, utils
from minigrad.nn.activations import *
from minigrad.nn.containers import *
from minigrad.nn.convolution import *
from minigrad.nn.dropout import *
from minigrad.nn.images import *
from minigrad.nn.linear import *
from minigrad.nn.losses import *
from minigrad.nn.module import Module as Module
from minigrad.nn.normalisation import *
from minigrad.nn.options import add_words_of_functions as _add_words_of_functions
from minigrad.nn.parallel import DataParallel as DataParallel
from minigrad.nn.parameter import Parameter as Parameter
from minigrad.nn.pooling import *
from minigrad.nn.summary import summary as summary

_add_words_of_functions(list(globals().values()))

if not TYPE_CHECKING:  # a type checker reads the imports, and would take __getattr__ for a promise of every name
    __all__ = [*_public(globals()), "functional", "init", "parallel", "utils"]
    __getattr__ = partial(_refuse_name, __name__)
    __dir__ = __all__.copy  # what completion offers
