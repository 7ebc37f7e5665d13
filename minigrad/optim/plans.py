"""Schedules that are made of others, or that follow a metric."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from minigrad.optim.optimizer import Optimizer
from minigrad.optim.schedule import LRScheduler, repeat_for, set_rate
from minigrad.options import declare, option
from minigrad.saving import Check


class Composite(LRScheduler):
    """A schedule that is made of others of the same optimizer."""

    _schedulers: Sequence[LRScheduler]

    def _check_parts(self, optimizer: Any, schedulers: Sequence[Any]) -> None:
        name = type(self).__name__
        if not schedulers:
            raise ValueError(f"{name}: expects at least one scheduler, but got no scheduler")
        for i, scheduler in enumerate(schedulers):
            if not isinstance(scheduler, LRScheduler):
                raise TypeError(f"{name}: scheduler {i} is no LRScheduler but {type(scheduler).__name__}")
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(f"{name}: scheduler {i} is a ReduceLROnPlateau, which needs a metric at each step")
            if scheduler.optimizer is not optimizer:
                raise ValueError(
                    f"{name}: expects all schedulers to belong to the same optimizer; scheduler {i} does not"
                )

    def _undo(self) -> None:
        """Take back the first step that each part made when it was made."""
        for scheduler in self._schedulers:
            if isinstance(scheduler, Composite):
                scheduler._undo()
            else:
                scheduler.last_epoch -= 1

    def state_dict(self) -> dict[str, Any]:
        """Its own state, and under "_schedulers" those of its parts."""
        return {**super().state_dict(), "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def _read_state(self, state: Mapping[str, Any], check: Check) -> list[tuple[LRScheduler, dict[str, Any]]]:
        parts = list(state["_schedulers"])
        if len(parts) != len(self._schedulers):
            check.problems.append(f"{len(parts)} schedulers were saved, there are {len(self._schedulers)}")
            return []
        own = {k: v for k, v in super().state_dict().items() if k != "_schedulers"}
        found: list[tuple[LRScheduler, dict[str, Any]]] = [
            (self, {key: check.option(key, state[key], value) for key, value in own.items()})
        ]
        for scheduler, part in zip(self._schedulers, parts, strict=True):
            found += scheduler._read_state(part, check)
        return found


class SequentialLR(Composite):
    """One schedule after another: at each of the `milestones` the next one begins, from its own t = 0.

    Raises ValueError unless there is one milestone fewer than schedules, and all are of one optimizer.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ):
        self._check_parts(optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: expects one scheduler more than milestones, got {len(schedulers)} schedulers and "
                f"{len(milestones)} milestones"
            )
        self.optimizer = optimizer
        self._schedulers = schedulers
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:
            set_rate(group, group["initial_lr"])
        self._undo()
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._begin()
        self._step_count = 1
        self._last_lr = first.get_last_lr()

    def _advance(self, epoch: float | None = None) -> None:
        t = self.last_epoch + 1 if epoch is None else int(epoch)
        i = bisect_right(self._milestones, t)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == t:
            scheduler._advance(0)
        else:
            scheduler._advance()
        self.last_epoch = t
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(Composite):
    """Several schedules at once: each step is one of each of them, so that their factors compound."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None):
        optimizer = optimizer or getattr(next(iter(schedulers), None), "optimizer", None)
        self._check_parts(optimizer, schedulers)
        assert optimizer is not None
        self.optimizer = optimizer
        self._schedulers = schedulers
        self._step_count = 1
        self._last_lr = self._get_rates()

    def _advance(self, epoch: float | None = None) -> None:
        groups, rates = self.optimizer.param_groups, self._get_rates()
        before = [dict(group) for group in groups], [dict(vars(scheduler)) for scheduler in self._schedulers]
        try:
            for scheduler in self._schedulers:
                scheduler._advance(epoch)
        except BaseException:
            for target, values in zip((*groups, *map(vars, self._schedulers)), (*before[0], *before[1]), strict=True):
                target.update(values)
            for group, rate in zip(groups, rates, strict=True):
                set_rate(group, rate)
            raise
        self._last_lr = self._get_rates()


@declare
class ReduceLROnPlateau(LRScheduler):
    """rate · factor whenever the metric has not improved for more than `patience` calls of `step(metric)`.

    Better is less (mode "min") or more ("max") than the best by more than `threshold`, relative ("rel") or not ("abs").
    After a reduction, `cooldown` calls are not counted. Reductions of less than `eps` are not made.

    >>> import minigrad as mg
    >>> from minigrad import optim
    >>> optimizer = optim.SGD([mg.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [0.5]
    """

    mode: Literal["min", "max"] = option(default="min", among=("min", "max"))
    factor: float = option(default=0.1, below=1)
    patience: int = option(default=10)
    threshold: float = option(default=1e-4)
    threshold_mode: Literal["rel", "abs"] = option(default="rel", among=("rel", "abs"))
    cooldown: int = option(default=0)
    min_lr: float | list[float] = option(default=0.0)
    eps: float = option(default=1e-8)

    def __post_init__(self) -> None:
        self._check_optimizer(self.optimizer)
        self.check()
        self.min_lrs: list[float] = repeat_for(self.optimizer.param_groups, "min_lr", self.min_lr)
        self.best = math.inf if self.mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self.last_epoch = 0
        self._last_lr = self._get_rates()

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Hear of the metric's new value."""
        current = float(metrics)
        self._check_groups(len(self.min_lrs) if isinstance(self.min_lr, list) else len(self.optimizer.param_groups))
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self._get_rates()

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(self.min_lrs) < len(groups):
            self.min_lrs = repeat_for(groups, "min_lr", self.min_lr)
        for group, rate, least in zip(groups, self._get_rates(), self.min_lrs, strict=True):
            reduced = max(rate * self.factor, least)
            if rate - reduced > self.eps:
                set_rate(group, reduced)

    def _is_better(self, value: float) -> bool:
        share, margin = (self.threshold, 0.0) if self.threshold_mode == "rel" else (0.0, self.threshold)
        if self.mode == "min":
            return value < self.best * (1 - share) - margin
        return value > self.best * (1 + share) + margin
