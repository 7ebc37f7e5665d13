"""PyTorch's module names, and the part of minigrad that answers to each, for this process only.

Nothing is defined twice: `torch.X` is `minigrad.X`, so what minigrad gains is there at once. A real PyTorch that is
installed is not imported, and stays as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, MutableSequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np

import minigrad

FOLLOWED = "2.13.0"  # the PyTorch whose names and numbers minigrad follows

STANDS_FOR = {
    "torch": "minigrad",
    "torch.functional": "minigrad",
    "torch.accelerator": "minigrad.accelerator",
    "torch.autograd": "minigrad.autograd",
    "torch.autograd.function": "minigrad.autograd",
    "torch.autograd.functional": "minigrad.func",
    "torch.autograd.variable": "minigrad.autograd",
    "torch.backends": "minigrad.backends",
    "torch.backends.cuda": "minigrad.backends.cuda",
    "torch.backends.cudnn": "minigrad.backends.cudnn",
    "torch.backends.mps": "minigrad.backends.mps",
    "torch.cuda": "minigrad.cuda",
    "torch.distributions": "minigrad.distributions",
    "torch.mps": "minigrad.mps",
    "torch.nn": "minigrad.nn",
    "torch.nn.functional": "minigrad.nn.functional",
    "torch.nn.init": "minigrad.nn.init",
    "torch.nn.modules": "minigrad.nn",
    "torch.nn.modules.module": "minigrad.nn",
    "torch.nn.parallel": "minigrad.nn.parallel",
    "torch.nn.parameter": "minigrad.nn",
    "torch.nn.utils": "minigrad.nn.utils",
    "torch.optim": "minigrad.optim",
    "torch.optim.lr_scheduler": "minigrad.optim.lr_scheduler",
    "torch.optim.optimizer": "minigrad.optim",
    "torch.random": "minigrad.random",
    "torch.utils": "minigrad.utils",
    "torch.utils.data": "minigrad.data",
    "torch.utils.data.dataloader": "minigrad.data",
    "torch.utils.data.dataset": "minigrad.data",
    "torch.utils.data.sampler": "minigrad.data",
    "torch.xpu": "minigrad.xpu",
    "torchvision": "minigrad.torch.vision",
    "torchvision.datasets": "minigrad.torch.vision.datasets",
    "torchvision.transforms": "minigrad.torch.vision.transforms",
    "torchvision.utils": "minigrad.torch.vision.utils",
}
"""PyTorch's modules, and what answers for each. A module that is not here cannot be imported."""

OWN_NAMES: dict[str, dict[str, Any]] = {
    "torch": {
        "__version__": f"{FOLLOWED}+minigrad{minigrad.__version__}",
        "Size": tuple,
        "dtype": np.dtype,
        "finfo": np.finfo,
        "iinfo": np.iinfo,
        "compile": lambda model=None, **options: model if model is not None else lambda function: function,
        "set_float32_matmul_precision": lambda precision: None,
        "use_deterministic_algorithms": lambda mode, warn_only=False: None,
        "set_printoptions": lambda precision=4, threshold=1000, edgeitems=3, linewidth=80, **options: (
            np.set_printoptions(precision, threshold, edgeitems, linewidth)
        ),
    },
}
"""What PyTorch has and minigrad need not: nothing is compiled, and all that is computed is exact and reproducible."""

Handler = Callable[[str, str, str], Any]


class Borrowed(ModuleType):
    """A module of PyTorch's name whose names are those of a part of minigrad."""

    __path__: MutableSequence[str] = []  # noqa: RUF012 (`import torch.nn` asks for it, and finds sys.modules)
    handle_missing: Handler | None = None  # what to do in place of an error: (module, name, hint) -> a stand-in

    def __init__(self, name: str, target: Any):
        super().__init__(name, getattr(target, "__doc__", None))
        self.__dict__.update(OWN_NAMES.get(name, {}), _target=target)

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self.__dict__["_target"], name)
        except AttributeError as error:
            hint = str(error).partition("; ")[2]
        if Borrowed.handle_missing is not None and not name.startswith("__"):
            return Borrowed.handle_missing(self.__name__, name, hint)
        raise AttributeError(describe_missing(self.__name__, name, hint), name=name, obj=self)

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *dir(self.__dict__["_target"])})


class Gate(MetaPathFinder, Loader):
    """Is asked first for every module that is not loaded yet, and refuses those of PyTorch's that are not here."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """None for modules that are not PyTorch's; an ImportError that says what to use for those that are."""
        parent, _, name = fullname.rpartition(".")
        if fullname.partition(".")[0] not in ("torch", "torchvision"):
            return None
        try:
            found = getattr(sys.modules[parent], name)  # the error says what to use instead
        except AttributeError as error:
            raise ImportError(str(error), name=fullname) from None
        if Borrowed.handle_missing is None or isinstance(found, ModuleType):
            raise ImportError(describe_missing(parent, name, "there, it is no module"), name=fullname)
        return ModuleSpec(fullname, self, loader_state=found)

    def create_module(self, spec: ModuleSpec) -> Any:
        """The stand-in for a module that is missing."""
        return spec.loader_state

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: a stand-in needs no code."""


def describe_missing(module: str, name: str, hint: str) -> str:
    """The words for a name that minigrad lacks, with what to use instead where that is known."""
    return f"module {module!r} has no attribute {name!r} under minigrad" + (f"; {hint}" if hint else "")


def find_target(path: str) -> Any:
    """The module, or the namespace in one, that `path` names."""
    try:
        return import_module(path)
    except ModuleNotFoundError:
        parent, _, name = path.rpartition(".")
        return getattr(find_target(parent), name)


def install() -> None:
    """Let `import torch` and `import torchvision` in this process find minigrad. An imported PyTorch is an error."""
    if isinstance(sys.modules.get("torch"), Borrowed):
        return
    if "torch" in sys.modules:
        raise RuntimeError("minigrad.torch: PyTorch itself is imported in this process already; start another one")
    sys.meta_path.insert(0, Gate())
    for name, path in STANDS_FOR.items():
        target = find_target(path)
        module = Borrowed(name, target) if isinstance(target, ModuleType) else target
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent and isinstance(sys.modules[parent], Borrowed):
            setattr(sys.modules[parent], last, module)
