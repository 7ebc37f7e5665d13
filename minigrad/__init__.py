"""A tiny reverse-mode autodiff engine in NumPy: its public names, and nothing else.

A function whose words name no shape works element by element, and its tensors broadcast. Shapes that do not fit are a
ValueError, a dimension or an index that there is not is an IndexError, and what is no tensor is a TypeError.
"""

import typing as _typing
from importlib import import_module as _import_module
from types import ModuleType as _ModuleType

import numpy as _np

from minigrad import autograd as autograd
from minigrad import func as func
from minigrad import functional as functional
from minigrad import kernels as kernels
from minigrad import nn as nn
from minigrad import ops as ops
from minigrad import random as random
from minigrad.autograd import enable_grad as enable_grad
from minigrad.autograd import grad as grad
from minigrad.autograd import inference_mode as inference_mode
from minigrad.autograd import is_grad_enabled as is_grad_enabled
from minigrad.autograd import no_grad as no_grad
from minigrad.autograd import primitive as primitive
from minigrad.autograd import set_grad_enabled as set_grad_enabled
from minigrad.checks import *
from minigrad.device import *
from minigrad.dtypes import *
from minigrad.instead import refuse_name as _refuse_name
from minigrad.kernels.threads import get_num_threads as get_num_threads
from minigrad.kernels.threads import set_num_threads as set_num_threads
from minigrad.ops.arithmetic import *
from minigrad.ops.arrangement import *
from minigrad.ops.conv import *
from minigrad.ops.counting import *
from minigrad.ops.elementwise import *
from minigrad.ops.exponentials import *
from minigrad.ops.extremes import *
from minigrad.ops.indexing import *
from minigrad.ops.linalg import *
from minigrad.ops.reductions import *
from minigrad.ops.scans import *
from minigrad.ops.selection import *
from minigrad.ops.shape import *
from minigrad.random import *
from minigrad.saving import *
from minigrad.tensor import Tensor as Tensor
from minigrad.tensor.creation import *
from minigrad.tensor.distributions import *
from minigrad.tensor_types import *

if _typing.TYPE_CHECKING:
    from minigrad import channels as channels
    from minigrad import data as data
    from minigrad import distributions as distributions
    from minigrad import optim as optim
    from minigrad import utils as utils
    from minigrad import viz as viz
    from minigrad.viz import graph as graph

float16, float32, float64 = _np.dtype("float16"), _np.dtype("float32"), _np.dtype("float64")
int8, int16, int32, int64 = _np.dtype("int8"), _np.dtype("int16"), _np.dtype("int32"), _np.dtype("int64")
uint8, bool = _np.dtype("uint8"), _np.dtype("bool")
float, double, half = float32, float64, float16
int, long, short = int32, int64, int16
inf, nan, pi = _np.inf, _np.nan, _np.pi

__version__ = "0.1.0"

__all__ = sorted(
    [name for name, value in globals().items() if not (name.startswith("_") or isinstance(value, _ModuleType))]
    + ["autograd", "channels", "data", "distributions", "func", "functional", "graph", "kernels", "nn", "ops"]
    + ["optim", "random", "utils", "viz"]
)


def __dir__() -> list[str]:
    """The public names; what stands beside them is of use inside only."""
    return __all__


if not _typing.TYPE_CHECKING:  # a type checker would take it for a promise that every name exists

    def __getattr__(name: str) -> object:
        """What is loaded when it is first asked for: who draws nothing does not wait for what pictures need."""
        if name == "graph":
            return _import_module("minigrad.viz").graph
        if name in ("channels", "data", "distributions", "optim", "utils", "viz"):
            return _import_module(f"minigrad.{name}")
        _refuse_name(__name__, name)
