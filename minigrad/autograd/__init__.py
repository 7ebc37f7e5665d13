"""The engine: gradients of what was recorded, operations of your own, and modes in which nothing is recorded.

Read `tape.py` first: what a node keeps, how operations are recorded, how the graph is walked.

`modes.py`: recording on and off. `hooks.py`: seeing gradients on their way.
`guards.py`: dtypes, versions of memory, messages. `function.py`: operations in PyTorch's form.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from minigrad.autograd.function import Function as Function
from minigrad.autograd.guards import describe as describe
from minigrad.autograd.hooks import RemovableHandle as RemovableHandle
from minigrad.autograd.modes import enable_grad as enable_grad
from minigrad.autograd.modes import inference_mode as inference_mode
from minigrad.autograd.modes import is_grad_enabled as is_grad_enabled
from minigrad.autograd.modes import no_grad as no_grad
from minigrad.autograd.modes import observe as observe
from minigrad.autograd.modes import set_grad_enabled as set_grad_enabled
from minigrad.autograd.modes import state as state
from minigrad.autograd.tape import Array as Array
from minigrad.autograd.tape import Leaf as Leaf
from minigrad.autograd.tape import Node as Node
from minigrad.autograd.tape import Primitive as Primitive
from minigrad.autograd.tape import Rule as Rule
from minigrad.autograd.tape import Value as Value
from minigrad.autograd.tape import backpropagate as backpropagate
from minigrad.autograd.tape import backward as backward
from minigrad.autograd.tape import box as box
from minigrad.autograd.tape import grad as grad
from minigrad.autograd.tape import primitive as primitive
from minigrad.autograd.tape import reachable as reachable
from minigrad.autograd.variable import Variable as Variable
from minigrad.instead import missing_name

if TYPE_CHECKING:
    from minigrad import func as functional
    from minigrad.checks import detect_anomaly as detect_anomaly
    from minigrad.checks import gradcheck as gradcheck
    from minigrad.checks import gradgradcheck as gradgradcheck
    from minigrad.checks import set_detect_anomaly as set_detect_anomaly
else:
    __all__ = [  # PyTorch's names, and `primitive`; what else is here is the engine's own, for the library's packages
        "Function", "Variable", "backward", "detect_anomaly", "enable_grad", "functional", "grad", "gradcheck",
        "gradgradcheck", "inference_mode", "is_grad_enabled", "no_grad", "primitive", "set_detect_anomaly",
        "set_grad_enabled",
    ]  # fmt: skip
    __dir__ = __all__.copy  # what completion offers

    def __getattr__(name: str) -> object:
        """PyTorch's other names in `autograd`, which build on tensors."""
        if name == "functional":
            return import_module("minigrad.func")
        if name in ("detect_anomaly", "gradcheck", "gradgradcheck", "set_detect_anomaly"):
            return getattr(import_module("minigrad.checks"), name)
        if name.startswith("__"):
            raise AttributeError(name)
        raise missing_name(__name__, name)
