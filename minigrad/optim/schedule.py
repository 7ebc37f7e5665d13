"""`LRScheduler`, what all schedules share: the time t, the loop over an optimizer's groups, and the saved state.

As PyTorch's, most schedules multiply the rate that they find, so that several schedules of one optimizer compound.
Call `optimizer.step()` first, then `scheduler.step()`.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from minigrad.autograd import no_grad
from minigrad.instead import hide
from minigrad.optim.optimizer import Group, Optimizer
from minigrad.options import check_options, declare
from minigrad.saving import Check
from minigrad.tensor import Tensor


@declare
@hide("check get_closed_form get_momenta map_base scale")
class LRScheduler:
    """What schedules share: t, called `last_epoch`, the rates at t = 0, called `base_lrs`, and the loop over groups.

    A subclass defines `get_lr`. To resume, construct it as before and use `load_state_dict`, or load the optimizer's
    state and give the last t as `last_epoch`.

    Raises TypeError for what is no optimizer, and ValueError for options out of range.
    """

    optimizer: Optimizer

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        self._check_optimizer(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", float(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: group {i} has no initial_lr, so there is no schedule to resume at "
                    f"last_epoch={last_epoch}; load the optimizer's state first, or leave last_epoch out"
                )
        self.optimizer = optimizer
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._begin()

    def __post_init__(self) -> None:
        """Begin with the options that a subclass declares."""
        self._check_optimizer(self.optimizer)
        self.check()
        LRScheduler.__init__(self, self.optimizer, self.last_epoch)

    def _check_optimizer(self, optimizer: Any) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: expected an Optimizer, got {type(optimizer).__name__}")

    def check(self) -> None:
        """Raise a ValueError unless the options make sense."""
        check_options(type(self).__name__, self, vars(self))

    # ------------------------------------------------------------------------------------------------- the step

    def _begin(self) -> None:
        self._step_count = 1
        self._is_initial = True  # the rates found are those of t already
        self._advance()
        self._is_initial = False

    def __repr__(self) -> str:
        rates = ", ".join(f"{rate:g}" for rate in self._get_rates())
        return f"<{type(self).__name__} of {self.optimizer.name} at t = {self.last_epoch}: rate {rates}>"

    def step(self, epoch: float | None = None) -> None:
        """t ← t + 1, or t ← epoch, and the rates that belong to it."""
        if self._step_count == 1 and not self.optimizer.stepped:
            warnings.warn(
                f"{type(self).__name__}.step() before the optimizer's first step() skips the schedule's first rate",
                stacklevel=2,
            )
        self._advance(epoch)
        self._step_count += 1

    def _advance(self, epoch: float | None = None) -> None:
        """Go to a time and set the rates of all groups, or change nothing."""
        before = dict(vars(self))
        try:
            self._set_time(epoch)
            values = self.get_lr() if epoch is None else self.get_closed_form()
            momenta = self.get_momenta()
        except BaseException:
            vars(self).update(before)
            raise
        for group, rate in zip(self.optimizer.param_groups, values, strict=True):
            set_rate(group, rate)
        for group, momentum in zip(self.optimizer.param_groups, momenta, strict=False):
            group.update({"betas": (momentum, *group["betas"][1:])} if "betas" in group else {"momentum": momentum})
        self._last_lr = self._get_rates()

    def _set_time(self, epoch: float | None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else int(epoch)

    def _get_rates(self) -> list[float]:
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def get_lr(self) -> list[float]:
        """The rates at t, one a group, from the groups' present ones, which are those at t - 1, or from `base_lrs`."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr()")

    def get_closed_form(self) -> list[float]:
        """The rates at t from `base_lrs` alone, where there is such a form."""
        return self.get_lr()

    def get_momenta(self) -> list[float]:
        """The momenta at t, one a group, of a schedule that has them."""
        return []

    def scale(self, factor: float) -> list[float]:
        """The present rates times a factor, those of groups that were added later, too."""
        return [rate * factor for rate in self._get_rates()]

    def map_base(self, function: Callable[[float], float]) -> list[float]:
        """A function of each group's rate at t = 0, which a group that was added later does not have."""
        self._check_groups(len(self.base_lrs))
        return [function(base) for base in self.base_lrs]

    def _check_groups(self, known: int) -> None:
        if known != (count := len(self.optimizer.param_groups)):
            raise ValueError(
                f"{type(self).__name__}: the optimizer has {count} groups, the schedule knows of {known}; "
                "make it after add_param_group"
            )

    def get_last_lr(self) -> list[float]:
        """The rates now, one a group."""
        return list(self._last_lr)

    # ------------------------------------------------------------------------------------------------ its state

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs; the optimizer's part is in the optimizer's own."""
        return {key: value for key, value in vars(self).items() if key != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, or change nothing and say all that is wrong with it."""
        with Check(f"{type(self).__name__}.load_state_dict") as check:
            found = self._read_state(state_dict, check)
        for scheduler, values in found:
            scheduler._take_state(values)

    def _read_state(self, state: Mapping[str, Any], check: Check) -> list[tuple[LRScheduler, dict[str, Any]]]:
        """Pairs of schedules, this one and those that it is made of, and what each takes over."""
        own = self.state_dict()
        if set(own) - set(state) or any(key not in own and not str(key).startswith("_") for key in state):
            check.problems.append(f"expected {sorted(own)}, got {sorted(map(str, state))}")
            return []
        values = {key: check.option(key, state[key], value) for key, value in own.items()}
        twin = copy.copy(self)
        vars(twin).update(values)
        try:
            twin.check()
        except ValueError as error:
            check.problems.append(str(error))
        return [(self, values)]

    def _take_state(self, values: dict[str, Any]) -> None:
        vars(self).update(values)


def set_rate(group: Group, rate: float) -> None:
    """Set a group's rate; one that is a Tensor is filled."""
    if isinstance(group["lr"], Tensor):
        with no_grad():
            group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def repeat_for(groups: list[Group], name: str, value: Any) -> list[Any]:
    """A value for each group: those of a list, or one for all."""
    values = list(value) if isinstance(value, list | tuple) else [value] * len(groups)
    if len(values) != len(groups):
        raise ValueError(f"expected a {name} for each of {len(groups)} groups, got {len(values)}")
    return values
