"""Optimizers, and the schedules of their learning rates in `optim.lr_scheduler`."""

from typing import TYPE_CHECKING, Any

from minigrad.optim import lr_scheduler
from minigrad.optim.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]


if not TYPE_CHECKING:  # a type checker would take it for a promise that every name exists

    def __getattr__(name: str) -> Any:
        raise AttributeError(
            f"module 'minigrad.optim' has no attribute {name!r}; there are {', '.join(__all__)}", name=name
        )
