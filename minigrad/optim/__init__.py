"""Optimizers, and the schedules of their learning rates in `optim.lr_scheduler`."""

from functools import partial
from typing import TYPE_CHECKING

from minigrad.instead import refuse_name
from minigrad.optim import lr_scheduler, optimizer
from minigrad.optim.adaptive import Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, RAdam, RMSprop
from minigrad.optim.descent import ASGD, SGD, Rprop
from minigrad.optim.lbfgs import LBFGS
from minigrad.optim.optimizer import Optimizer

__all__ = [  # noqa: RUF022 (a list for type checkers)
    "ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "NAdam", "Optimizer", "RAdam", "RMSprop",
    "Rprop", "SGD", "lr_scheduler",
]  # fmt: skip

if not TYPE_CHECKING:  # a type checker would take it for a promise that every name exists
    __getattr__ = partial(refuse_name, __name__)
    __dir__ = __all__.copy  # what completion offers
