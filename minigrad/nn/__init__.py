"""Neural networks: `nn.Module` and the layers, their start in `nn.init`, `nn.functional` and `nn.utils`."""

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
from minigrad.nn.parallel import DataParallel as DataParallel
from minigrad.nn.parameter import Parameter as Parameter
from minigrad.nn.pooling import *
from minigrad.nn.summary import summary as summary

if not TYPE_CHECKING:  # a type checker reads the imports, and would take __getattr__ for a promise of every name
    __all__ = [*_public(globals()), "functional", "init", "parallel", "utils"]
    __getattr__ = partial(_refuse_name, __name__)
    __dir__ = __all__.copy  # what completion offers
