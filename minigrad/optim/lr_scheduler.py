"""The schedules by PyTorch's path: see schedule.py for what they share, factors.py, cycles.py and plans.py for each."""

from functools import partial
from typing import TYPE_CHECKING

from minigrad.instead import refuse_name
from minigrad.optim.cycles import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from minigrad.optim.factors import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from minigrad.optim.plans import ChainedScheduler, ReduceLROnPlateau, SequentialLR
from minigrad.optim.schedule import LRScheduler

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR",
    "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "PolynomialLR",
    "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip

_LRScheduler = LRScheduler  # PyTorch's older name

if not TYPE_CHECKING:  # a type checker would take it for a promise that every name exists
    __getattr__ = partial(refuse_name, __name__)
    __dir__ = __all__.copy  # what completion offers
