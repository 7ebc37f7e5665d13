"""Schedules in which the rate goes up and down, and the momentum with some the other way."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any, Literal

from minigrad.optim.optimizer import Group
from minigrad.optim.schedule import LRScheduler, repeat_for, set_rate
from minigrad.options import declare, option


@declare
class CosineAnnealingWarmRestarts(LRScheduler):
    """eta_min + (base - eta_min) (1 + cos(π T_cur / T_i)) / 2, where T_cur counts from the last restart.

    The first restart comes after T_i = T_0 steps, and each later one after T_mult times as many as the one before.
    `step(epoch)` may be given parts of an epoch, such as epoch + i / batches. Source: Loshchilov & Hutter 2017.
    """

    T_0: int = option(least=1)
    T_mult: int = option(default=1, least=1)
    eta_min: float = option(default=0.0)
    last_epoch: int = option(default=-1)

    def __post_init__(self) -> None:
        self.T_i: float = self.T_0
        self.T_cur: float = self.last_epoch
        super().__post_init__()

    def check(self) -> None:
        """A cycle is a whole number of steps."""
        super().check()
        if not isinstance(self.T_0, int) or not isinstance(self.T_mult, int) or not self.T_i > 0:
            raise ValueError(
                f"CosineAnnealingWarmRestarts: T_0 and T_mult must be integers, got {self.T_0} and {self.T_mult}"
            )

    def _set_time(self, epoch: float | None) -> None:
        if epoch is None and self.last_epoch >= 0:
            self.last_epoch += 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
            return
        epoch = epoch or 0
        if epoch < 0:
            raise ValueError(f"CosineAnnealingWarmRestarts: epoch must be at least 0, got {epoch}")
        restarts = self._count_restarts(epoch)
        self.last_epoch = math.floor(epoch)
        self.T_i = self.T_0 * self.T_mult**restarts
        passed = self.T_0 * (restarts if self.T_mult == 1 else (self.T_mult**restarts - 1) / (self.T_mult - 1))
        self.T_cur = epoch - passed

    def _count_restarts(self, epoch: float) -> int:
        if epoch < self.T_0:
            return 0
        if self.T_mult == 1:
            return int(epoch // self.T_0)
        return int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))

    def get_lr(self) -> list[float]:
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return self.map_base(lambda base: self.eta_min + (base - self.eta_min) * height)


class MomentumCycle(LRScheduler):
    """A schedule that sets the momentum, or Adam's first beta, too: each group keeps the ends of its range."""

    cycle_momentum: bool

    def _start_momenta(self, low: float | list[float], high: float | list[float], fresh: bool) -> None:
        groups, options = self.optimizer.param_groups, self.optimizer.defaults
        if "betas" not in options and "momentum" not in options:
            raise ValueError(
                f"{type(self).__name__}: {self.optimizer.name} has no momentum to cycle; use cycle_momentum=False"
            )
        lows, highs = repeat_for(groups, "base_momentum", low), repeat_for(groups, "max_momentum", high)
        for group, least, most in zip(groups, lows, highs, strict=True):
            if fresh:
                group.update(base_momentum=least, max_momentum=most)

    def _map_groups(self, function: Callable[[Group], float], *names: str) -> list[float]:
        """A function of each group; one that was added later has not what it needs."""
        groups = self.optimizer.param_groups
        self._check_groups(sum(all(name in group for name in names) for group in groups))
        return [function(group) for group in groups]


@declare
class CyclicLR(MomentumCycle):
    """Up from base_lr to max_lr in step_size_up steps and back in step_size_down, again and again (Smith 2017).

    In cycle c = 1, 2, … the height is multiplied by 1 ("triangular"), by 2^(1 - c) ("triangular2"), by gamma^t
    ("exp_range"), or by `scale_fn` of c or t, as `scale_mode` is "cycle" or "iterations". Momentum goes the other way.
    """

    base_lr: float | list[float] = option()
    max_lr: float | list[float] = option()
    step_size_up: float = option(default=2000, above=0)
    step_size_down: float | None = option(default=None, above=0)
    mode: Literal["triangular", "triangular2", "exp_range"] = option(default="triangular")
    gamma: float = option(default=1.0)
    scale_fn: Callable[[float], float] | None = option(default=None)
    scale_mode: Literal["cycle", "iterations"] = option(default="cycle", among=("cycle", "iterations"))
    cycle_momentum: bool = option(default=True)
    base_momentum: float | list[float] = option(default=0.8)
    max_momentum: float | list[float] = option(default=0.9)
    last_epoch: int = option(default=-1)

    def __post_init__(self) -> None:
        self._check_optimizer(self.optimizer)
        self.check()
        groups, fresh = self.optimizer.param_groups, self.last_epoch == -1
        bases = repeat_for(groups, "base_lr", self.base_lr)
        self.max_lrs = repeat_for(groups, "max_lr", self.max_lr)
        if self.scale_fn is None:
            self.scale_mode = "iterations" if self.mode == "exp_range" else "cycle"
        if self.cycle_momentum:
            self._start_momenta(self.base_momentum, self.max_momentum, fresh)
        for group, base in zip(groups, bases, strict=True):
            if fresh:
                set_rate(group, base)
        super().__post_init__()
        self.base_lrs = bases

    def check(self) -> None:
        """There must be a way to scale the cycles."""
        super().check()
        if self.mode not in ("triangular", "triangular2", "exp_range") and self.scale_fn is None:
            raise ValueError(f"CyclicLR: mode must be triangular, triangular2 or exp_range, got {self.mode!r}")

    def _get_height(self) -> float:
        """Between 0 and 1: how far up the rate is."""
        down = self.step_size_up if self.step_size_down is None else self.step_size_down
        size = float(self.step_size_up + down)
        rise = self.step_size_up / size
        cycle = math.floor(1 + self.last_epoch / size)
        place = 1.0 + self.last_epoch / size - cycle
        share = place / rise if place <= rise else (place - 1) / (rise - 1)
        at = cycle if self.scale_mode == "cycle" else self.last_epoch
        if self.scale_fn is not None:
            return share * self.scale_fn(at)
        return share * {"triangular": 1.0, "triangular2": 2.0 ** (1 - cycle), "exp_range": self.gamma**at}[self.mode]

    def get_lr(self) -> list[float]:
        self._check_groups(len(self.base_lrs))
        height = self._get_height()
        return [base + (top - base) * height for base, top in zip(self.base_lrs, self.max_lrs, strict=True)]

    def get_momenta(self) -> list[float]:
        if not self.cycle_momentum:
            return []
        height, low, high = self._get_height(), "base_momentum", "max_momentum"
        return self._map_groups(lambda group: group[high] - (group[high] - group[low]) * height, low, high)

    def state_dict(self) -> dict[str, Any]:
        """All but `scale_fn`, for which stands None; of an object that can be called, its attributes."""
        function = self.scale_fn
        kept = None if function is None or isinstance(function, types.FunctionType) else dict(vars(function))
        return {**super().state_dict(), "scale_fn": kept}

    def _take_state(self, values: dict[str, Any]) -> None:
        if values["scale_fn"]:
            vars(self.scale_fn).update(values["scale_fn"])
        super()._take_state({**values, "scale_fn": self.scale_fn})


@declare
class OneCycleLR(MomentumCycle):
    """Up from max_lr / div_factor to max_lr, then down to that start / final_div_factor; momentum the other way.

    The rise takes the share `pct_start` of `total_steps` (or epochs · steps_per_epoch) steps. With `three_phase` the
    rate first falls back to the start in as many steps as it rose. Source: Smith & Topin 2019.
    """

    max_lr: float | list[float] = option()
    total_steps: int | None = option(default=None, above=0)
    epochs: int | None = option(default=None, above=0)
    steps_per_epoch: int | None = option(default=None, above=0)
    pct_start: float = option(default=0.3, least=0, most=1)
    anneal_strategy: Literal["cos", "linear"] = option(default="cos", among=("cos", "linear"))
    cycle_momentum: bool = option(default=True)
    base_momentum: float | list[float] = option(default=0.85)
    max_momentum: float | list[float] = option(default=0.95)
    div_factor: float = option(default=25.0)
    final_div_factor: float = option(default=1e4)
    three_phase: bool = option(default=False)
    last_epoch: int = option(default=-1)

    def __post_init__(self) -> None:
        self._check_optimizer(self.optimizer)
        if self.total_steps is None:
            if self.epochs is None or self.steps_per_epoch is None:
                raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
            self.total_steps = self.epochs * self.steps_per_epoch
        self.check()
        groups, fresh = self.optimizer.param_groups, self.last_epoch == -1
        tops = repeat_for(groups, "max_lr", self.max_lr)
        if self.cycle_momentum:
            self._start_momenta(self.base_momentum, self.max_momentum, fresh)
        for group, top in zip(groups, tops, strict=True):
            if fresh:
                start = top / self.div_factor
                group.update(initial_lr=start, max_lr=top, min_lr=start / self.final_div_factor)
        super().__post_init__()

    def check(self) -> None:
        """There is a whole number of steps."""
        super().check()
        if not isinstance(self.total_steps, int):
            raise ValueError(f"OneCycleLR: total_steps must be a positive integer, got {self.total_steps}")

    def _set_time(self, epoch: float | None) -> None:
        super()._set_time(epoch)
        if self.last_epoch > (self.total_steps or 0):
            raise ValueError(f"OneCycleLR: step {self.last_epoch} of a cycle of {self.total_steps}")

    def _get_phase(self) -> tuple[float, list[str], list[str]]:
        """How much of the present phase has passed, and between which of a group's rates and momenta it leads."""
        total, rise = self.total_steps or 0, float(self.pct_start * (self.total_steps or 0))
        rates, momenta = ["initial_lr", "max_lr", "min_lr"], ["max_momentum", "base_momentum", "max_momentum"]
        ends = [0.0, rise - 1, total - 1]
        if self.three_phase:
            rates, momenta = ["initial_lr", "max_lr", "initial_lr", "min_lr"], [*momenta, "max_momentum"]
            ends = [0.0, rise - 1, 2 * rise - 2, total - 1]
        i = next((i for i in range(1, len(ends)) if self.last_epoch <= ends[i]), len(ends) - 1)
        length = ends[i] - ends[i - 1]
        share = (self.last_epoch - ends[i - 1]) / length if length else 1.0
        return share, rates[i - 1 : i + 1], momenta[i - 1 : i + 1]

    def _anneal(self, share: float, names: list[str]) -> list[float]:
        """A value between two of each group's."""
        start, end = names
        if self.anneal_strategy == "linear":
            return self._map_groups(lambda group: (group[end] - group[start]) * share + group[start], *names)
        height = (1 + math.cos(math.pi * share)) / 2
        return self._map_groups(lambda group: group[end] + (group[start] - group[end]) * height, *names)

    def get_lr(self) -> list[float]:
        share, rates, _ = self._get_phase()
        return self._anneal(share, rates)

    def get_momenta(self) -> list[float]:
        share, _, momenta = self._get_phase()
        return self._anneal(share, momenta) if self.cycle_momentum else []
