"""Schedules that multiply the rate by a factor of the time t. Each docstring gives the resulting closed form."""

from __future__ import annotations

import math
import types
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

from minigrad.optim.schedule import LRScheduler, repeat_for
from minigrad.options import declare, option

Factor = Callable[[int], float]


@declare
class StepLR(LRScheduler):
    """base · gamma^⌊t / step_size⌋.

    >>> import minigrad as mg
    >>> from minigrad import optim
    >>> optimizer = optim.SGD([mg.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = StepLR(optimizer, step_size=2, gamma=0.1)
    >>> rates = []
    >>> for epoch in range(4):
    ...     rates += schedule.get_last_lr()
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [1.0, 1.0, 0.1, 0.1]
    """

    step_size: int = option(least=1)
    gamma: float = option(default=0.1)
    last_epoch: int = option(default=-1)

    def get_lr(self) -> list[float]:
        due = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return self.scale(self.gamma if due else 1.0)

    def get_closed_form(self) -> list[float]:
        return self.map_base(lambda base: base * self.gamma ** (self.last_epoch // self.step_size))


@declare
class MultiStepLR(LRScheduler):
    """base · gamma^(number of milestones ≤ t)."""

    milestones: Iterable[int] = option()
    gamma: float = option(default=0.1)
    last_epoch: int = option(default=-1)

    def __post_init__(self) -> None:
        self.milestones = sorted(self.milestones)
        super().__post_init__()

    def get_lr(self) -> list[float]:
        return self.scale(self.gamma ** list(self.milestones).count(self.last_epoch))

    def get_closed_form(self) -> list[float]:
        passed = bisect_right(list(self.milestones), self.last_epoch)
        return self.map_base(lambda base: base * self.gamma**passed)


@declare
class ConstantLR(LRScheduler):
    """base · factor before t = total_iters, then base."""

    factor: float = option(default=1.0 / 3, above=0, most=1)
    total_iters: int = option(default=5)
    last_epoch: int = option(default=-1)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return self.scale(self.factor)
        return self.scale(1.0 / self.factor if self.last_epoch == self.total_iters else 1.0)

    def get_closed_form(self) -> list[float]:
        return self.map_base(lambda base: base * (1.0 if self.last_epoch >= self.total_iters else self.factor))


@declare
class LinearLR(LRScheduler):
    """base · (start_factor + (end_factor - start_factor) · min(t, total_iters) / total_iters)."""

    start_factor: float = option(default=1.0 / 3, above=0, most=1)
    end_factor: float = option(default=1.0, least=0, most=1)
    total_iters: int = option(default=5)
    last_epoch: int = option(default=-1)

    def get_lr(self) -> list[float]:
        t, slope = self.last_epoch, self.end_factor - self.start_factor
        if t == 0:
            return self.scale(self.start_factor)
        if self._is_initial or t > self.total_iters:
            return self.scale(1.0)
        return self.scale(1 + slope / (self.total_iters * self.start_factor + (t - 1) * slope))

    def get_closed_form(self) -> list[float]:
        share = min(self.total_iters, self.last_epoch) / self.total_iters
        return self.map_base(lambda base: base * (self.start_factor + (self.end_factor - self.start_factor) * share))


@declare
class ExponentialLR(LRScheduler):
    """base · gammaᵗ."""

    gamma: float = option()
    last_epoch: int = option(default=-1)

    def get_lr(self) -> list[float]:
        return self.scale(1.0 if self._is_initial else self.gamma)

    def get_closed_form(self) -> list[float]:
        return self.map_base(lambda base: base * self.gamma**self.last_epoch)


@declare
class PolynomialLR(LRScheduler):
    """base · (1 - min(t, total_iters) / total_iters)^power."""

    total_iters: int = option(default=5, least=1)
    power: float = option(default=1.0)
    last_epoch: int = option(default=-1)

    def get_lr(self) -> list[float]:
        t, last = self.last_epoch, self.total_iters
        if self._is_initial or t > last:
            return self.scale(1.0)
        return self.scale(((1.0 - t / last) / (1.0 - (t - 1) / last)) ** self.power)

    def get_closed_form(self) -> list[float]:
        share = min(self.total_iters, self.last_epoch) / self.total_iters
        return self.map_base(lambda base: base * (1.0 - share) ** self.power)


@declare
class CosineAnnealingLR(LRScheduler):
    """eta_min + (base - eta_min) (1 + cos(π t / T_max)) / 2 (Loshchilov & Hutter 2017, eq. 5, without restarts)."""

    T_max: int = option(least=1)
    eta_min: float = option(default=0.0)
    last_epoch: int = option(default=-1)

    def get_lr(self) -> list[float]:
        """What is above eta_min is multiplied by the ratio of two successive values of 1 + cos."""
        t, least = self.last_epoch, self.eta_min
        if self._is_initial:
            return self.scale(1.0)
        if (t - 1 - self.T_max) % (2 * self.T_max) == 0:  # that ratio's denominator is 0: the rate was at its least
            rises = self.map_base(lambda base: (base - least) * (1 - math.cos(math.pi / self.T_max)) / 2)
            return [rate + rise for rate, rise in zip(self._get_rates(), rises, strict=True)]
        ratio = (1 + math.cos(math.pi * t / self.T_max)) / (1 + math.cos(math.pi * (t - 1) / self.T_max))
        return [ratio * (rate - least) + least for rate in self._get_rates()]

    def get_closed_form(self) -> list[float]:
        height = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return self.map_base(lambda base: self.eta_min + (base - self.eta_min) * height)


# ------------------------------------------------------------------------------------------------- a user's function


@declare
class LambdaLR(LRScheduler):
    """base · lr_lambda(t), with one function for all groups or a list of one each.

    A function is not saved with the state; an object that can be called is, by its attributes.
    """

    lr_lambda: Factor | list[Factor] = option()
    last_epoch: int = option(default=-1)

    def __post_init__(self) -> None:
        self._check_optimizer(self.optimizer)
        self.lr_lambdas: list[Factor] = repeat_for(
            self.optimizer.param_groups, "lr_lambda", vars(self).pop("lr_lambda")
        )
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"{type(self).__name__}: lr_lambda must be a function, got {type(function).__name__}")
        super().__post_init__()

    def _get_factors(self) -> list[float]:
        self._check_groups(len(self.lr_lambdas))
        return [function(self.last_epoch) for function in self.lr_lambdas]

    def get_lr(self) -> list[float]:
        return [base * factor for base, factor in zip(self.base_lrs, self._get_factors(), strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """All but the functions, for which stands None, or their attributes."""
        kept = [None if isinstance(f, types.FunctionType) else dict(vars(f)) for f in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": kept}

    def _take_state(self, values: dict[str, Any]) -> None:
        for function, attributes in zip(self.lr_lambdas, values["lr_lambdas"], strict=True):
            if attributes:
                vars(function).update(attributes)
        super()._take_state({key: value for key, value in values.items() if key != "lr_lambdas"})


@declare
class MultiplicativeLR(LambdaLR):
    """base · lr_lambda(1) · lr_lambda(2) · … · lr_lambda(t)."""

    def get_lr(self) -> list[float]:
        if self._is_initial:
            return self.scale(1.0)
        return [rate * factor for rate, factor in zip(self._get_rates(), self._get_factors(), strict=True)]
