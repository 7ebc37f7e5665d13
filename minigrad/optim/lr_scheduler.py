"""Schedules: the learning rate of an optimizer's groups as a function of how often `step()` was called.

As PyTorch's, most multiply the rate that they find, so that several schedules of one optimizer compound; each
docstring gives the resulting closed form. Call `optimizer.step()` first, then `scheduler.step()`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from minigrad.instead import missing
from minigrad.optim.optimizer import Group, Optimizer
from minigrad.saving import copy_plain, is_alike

INSTEAD = {  # names that PyTorch's users reach for first
    **dict.fromkeys(
        ["LambdaLR", "MultiplicativeLR", "PolynomialLR"], "subclass LRScheduler and define rate(group, base)"
    ),
    **dict.fromkeys(["SequentialLR", "ChainedScheduler"], "step several schedules in turn; their factors compound"),
    "CosineAnnealingWarmRestarts": "make a new CosineAnnealingLR at each restart",
    "CyclicLR": "use OneCycleLR",
    "ConstantLR": "use MultiStepLR",
}


if not TYPE_CHECKING:  # a type checker would take it for a promise that every name exists

    def __getattr__(name: str) -> Any:
        raise missing("module 'minigrad.optim.lr_scheduler'", name, INSTEAD)


DIVISORS = {"step_size", "T_max", "start_factor", "total_steps"}  # of a state, which therefore must be positive


class LRScheduler:
    """What schedules share: t, called `last_epoch`, the rates at t = 0, called `base_lrs`, and the loop over
    groups.

    A subclass defines `rate`. To resume, construct it as before and use `load_state_dict`, or load the
    optimizer's state and give the last t as `last_epoch`.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: expected an Optimizer, got {type(optimizer).__name__}")
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: group {i} has no initial_lr, so there is no schedule to resume at "
                    f"last_epoch={last_epoch}; load the optimizer's state first, or leave last_epoch out"
                )
        self.optimizer = optimizer
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self._resuming = last_epoch >= 0  # the rate found is that of last_epoch + 1 already
        self._advance()
        self._resuming = False

    def step(self) -> None:
        """t ← t + 1, and the rates that belong to it."""
        if self._step_count == 1 and not self.optimizer.stepped:
            warnings.warn(
                f"{type(self).__name__}.step() before the optimizer's first step() skips the schedule's first rate",
                stacklevel=2,
            )
        self._advance()

    def _advance(self) -> None:
        self._step_count += 1
        self.last_epoch += 1
        rates = [self.rate(group, base) for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True)]
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = rates

    def rate(self, group: Group, base: float) -> float:
        """The group's rate at t, from its present one, which is that at t - 1, and from that at 0, `base`."""
        raise NotImplementedError(f"{type(self).__name__} does not define rate()")

    def get_last_lr(self) -> list[float]:
        """The rates now, one a group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs; the optimizer's part is in the optimizer's own."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; an error, and no change, if it is another schedule's."""
        name, own = type(self).__name__, self.state_dict()
        if not isinstance(state_dict, Mapping) or set(state_dict) != set(own):
            got = sorted(map(str, state_dict)) if isinstance(state_dict, Mapping) else type(state_dict).__name__
            raise ValueError(f"{name}.load_state_dict: expected {sorted(own)}, got {got}")
        for key, value in own.items():
            if not is_alike(copy_plain(state_dict[key]), value):
                raise ValueError(f"{name}.load_state_dict: {key} is {state_dict[key]!r}, not like {value!r}")
            if key in DIVISORS and not state_dict[key] > 0:
                raise ValueError(f"{name}.load_state_dict: {key} must be positive, got {state_dict[key]!r}")
        self.__dict__.update({key: copy_plain(value) for key, value in state_dict.items()})


class StepLR(LRScheduler):
    """base · gamma^⌊t / step_size⌋."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1):
        if step_size < 1:
            raise ValueError(f"StepLR: step_size must be positive, got {step_size}")
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, group: Group, base: float) -> float:
        """Multiplied by gamma every `step_size` steps."""
        due = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return float(group["lr"] * self.gamma if due else group["lr"])


class MultiStepLR(LRScheduler):
    """base · gamma^(number of milestones ≤ t)."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1):
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, group: Group, base: float) -> float:
        """Multiplied by gamma at each milestone, twice at one that is given twice."""
        return float(group["lr"] * self.gamma ** self.milestones.count(self.last_epoch))


class ExponentialLR(LRScheduler):
    """base · gammaᵗ."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, group: Group, base: float) -> float:
        """Multiplied by gamma at every step."""
        return float(group["lr"] if self.last_epoch == 0 or self._resuming else group["lr"] * self.gamma)


class CosineAnnealingLR(LRScheduler):
    """eta_min + (base - eta_min) (1 + cos(π t / T_max)) / 2. Source: Loshchilov & Hutter 2017, eq. 5, without
    restarts."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1):
        if T_max < 1:
            raise ValueError(f"CosineAnnealingLR: T_max must be positive, got {T_max}")
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, group: Group, base: float) -> float:
        """What is above eta_min is multiplied by the ratio of two successive values of 1 + cos."""
        t = self.last_epoch
        if t == 0 or self._resuming:
            return float(group["lr"])
        if (t - 1 - self.T_max) % (2 * self.T_max) == 0:  # that ratio's denominator is 0: the rate was at its least
            return float(group["lr"] + (base - self.eta_min) * (1 - math.cos(math.pi / self.T_max)) / 2)
        ratio = (1 + math.cos(math.pi * t / self.T_max)) / (1 + math.cos(math.pi * (t - 1) / self.T_max))
        return float(self.eta_min + ratio * (group["lr"] - self.eta_min))


class LinearLR(LRScheduler):
    """base · (start_factor + (end_factor - start_factor) · min(t, total_iters) / total_iters)."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        if not 0 < start_factor <= 1:
            raise ValueError(f"LinearLR: start_factor must be in (0, 1], got {start_factor}")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: end_factor must be in [0, 1], got {end_factor}")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, group: Group, base: float) -> float:
        """Multiplied by the ratio of two successive factors."""
        t, slope = self.last_epoch, self.end_factor - self.start_factor
        if t == 0:
            return float(group["lr"] * self.start_factor)
        if self._resuming or t > self.total_iters:
            return float(group["lr"])
        return float(group["lr"] * (1 + slope / (self.total_iters * self.start_factor + (t - 1) * slope)))


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr, then down to that start / final_div_factor; momentum the other
    way.

    The rise takes the share `pct_start` of `total_steps` (or epochs · steps_per_epoch) steps. With
    `three_phase` the rate first falls back to the start in as many steps as it rose. Source: Smith & Topin
    2019.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"OneCycleLR: expected an Optimizer, got {type(optimizer).__name__}")
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        if not isinstance(total_steps, int) or total_steps <= 0:
            raise ValueError(f"OneCycleLR: the number of steps must be a positive integer, got {total_steps}")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start must be in [0, 1], got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        self.use_beta1 = "betas" in optimizer.defaults
        if cycle_momentum and not (self.use_beta1 or "momentum" in optimizer.defaults):
            raise ValueError(f"OneCycleLR: {optimizer.name} has no momentum to cycle; use cycle_momentum=False")
        self.total_steps = total_steps
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum

        rise = float(pct_start * total_steps)
        # each phase: its last step, and between which of a group's rates and momenta it leads
        self.phases: list[tuple[float, str, str, str, str]] = [
            (rise - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        ]
        if three_phase:
            self.phases += [(2 * rise - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")]
            self.phases += [(total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum")]
        else:
            self.phases += [(total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        if last_epoch == -1:
            groups = optimizer.param_groups
            tops = _for_each(groups, "max_lr", max_lr)
            lows = _for_each(groups, "base_momentum", base_momentum)
            highs = _for_each(groups, "max_momentum", max_momentum)
            for group, top, low, high in zip(groups, tops, lows, highs, strict=True):
                start = top / div_factor
                group.update(initial_lr=start, max_lr=top, min_lr=start / final_div_factor)
                if cycle_momentum:
                    group.update(base_momentum=low, max_momentum=high)
        super().__init__(optimizer, last_epoch)

    def step(self) -> None:
        """t ← t + 1, up to `total_steps`, and the rates and momenta that belong to it."""
        if self.last_epoch >= self.total_steps:
            raise ValueError(f"OneCycleLR: step {self.last_epoch + 1} of a cycle of {self.total_steps}")
        super().step()

    def rate(self, group: Group, base: float) -> float:
        """Along the phase that t lies in; sets the momentum, too."""
        t, first = self.last_epoch, 0.0
        for phase in self.phases:
            last, lr_from, lr_to, momentum_from, momentum_to = phase
            if t <= last or phase is self.phases[-1]:
                break
            first = last
        share = (t - first) / (last - first) if last > first else 1.0
        if self.cycle_momentum:
            momentum = self._between(group[momentum_from], group[momentum_to], share)
            group.update({"betas": (momentum, *group["betas"][1:])} if self.use_beta1 else {"momentum": momentum})
        return self._between(group[lr_from], group[lr_to], share)

    def _between(self, start: float, end: float, share: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * share
        return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _for_each(groups: list[Group], name: str, value: float | list[float]) -> list[float]:
    values = list(value) if isinstance(value, list | tuple) else [value] * len(groups)
    if len(values) != len(groups):
        raise ValueError(f"expected a {name} for each of {len(groups)} groups, got {len(values)}")
    return values


class ReduceLROnPlateau(LRScheduler):
    """rate · factor whenever the watched metric has not improved for more than `patience` calls of
    `step(metric)`.

    Better is less (mode "min") or more ("max") than the best by more than `threshold`, relative ("rel") or
    not ("abs"). After a reduction, `cooldown` calls are not counted. Reductions of less than `eps` are not
    made.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0.0,
        eps: float = 1e-8,
    ):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"ReduceLROnPlateau: expected an Optimizer, got {type(optimizer).__name__}")
        if not factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be less than 1, got {factor}")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                "ReduceLROnPlateau: mode must be 'min' or 'max' and threshold_mode 'rel' or 'abs', "
                f"got {mode!r} and {threshold_mode!r}"
            )
        self.optimizer = optimizer
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.min_lrs = _for_each(optimizer.param_groups, "min_lr", min_lr)
        self.eps = eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self.last_epoch = 0
        self._last_lr = [float(group["lr"]) for group in optimizer.param_groups]

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Hear of the metric's new value."""
        current = float(metrics)
        self.last_epoch += 1
        if self._is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                reduced = max(group["lr"] * self.factor, least)
                if group["lr"] - reduced > self.eps:
                    group["lr"] = reduced
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = [float(group["lr"]) for group in self.optimizer.param_groups]

    def _is_better(self, value: float) -> bool:
        share, margin = (self.threshold, 0.0) if self.threshold_mode == "rel" else (0.0, self.threshold)
        if self.mode == "min":
            return value < self.best * (1 - share) - margin
        return value > self.best * (1 + share) + margin
