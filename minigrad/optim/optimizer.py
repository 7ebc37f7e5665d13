"""`Optimizer`, what all optimizers share: groups of parameters with options of their own, their state, and the step.

`Elementwise` is for those that treat each number of a parameter alike: they state one step as plain formulas, which
are worked out block by block, so that what is between lies in cache and no memory of a parameter's size is needed.
"""

from __future__ import annotations

import copy
import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import InitVar, fields
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad.autograd import RemovableHandle, describe, enable_grad, no_grad
from minigrad.instead import hide
from minigrad.kernels import threads
from minigrad.kernels.memory import flatten_alike
from minigrad.options import check_options, declare, option
from minigrad.saving import Check, copy_plain
from minigrad.tensor import Tensor

Array = NDArray[Any]
Group = dict[str, Any]
State = dict[str, Any]
Params = Iterable[Tensor] | Iterable[Mapping[str, Any]] | Iterable[tuple[str, Tensor]]

MANY = 1 << 17  # numbers to update from which it pays to share them over threads, parameter by parameter
BLOCK, SHARED = 1 << 15, 1 << 17  # numbers that are updated at once; with fewer, threads wait for the interpreter
NOTES = ("params", "param_names", "name", "initial_lr")  # what groups have beside options


@declare
@hide("check cut name read_options start stepped")
class Optimizer:
    """Groups of parameters with options of their own, what is remembered of each parameter, and the loop over them.

    A subclass gives the `defaults` of its options and defines `update` or, as in PyTorch, `step`.

    params: tensors, names with tensors, or dictionaries of "params" and options of their own. Raises ValueError for
    parameters that are none, no leaves or there twice, and for options out of range, and TypeError for a module.
    """

    params: InitVar[Params]

    def __init__(self, params: Params, defaults: Mapping[str, Any]):
        self.defaults = dict(defaults)
        self.param_groups: list[Group] = []
        self.state: defaultdict[Tensor, State] = defaultdict(dict)
        self.stepped = False  # whether step() was ever called; schedules ask
        self._step_pre_hooks: dict[int, Callable[..., Any]] = {}
        self._step_post_hooks: dict[int, Callable[..., Any]] = {}
        if isinstance(params, Tensor):
            raise TypeError(
                f"{self.name}: params argument given to the optimizer should be an iterable of Tensors or dicts, "
                "got a single Tensor"
            )
        if hasattr(params, "parameters") or callable(params):
            given = "a module" if hasattr(params, "parameters") else "a method that was not called"
            raise TypeError(f"{self.name}: expected parameters, got {given}; say model.parameters()")
        groups: list[Any] = list(params)
        if not groups:
            hint = "layers in a plain list are not found, use nn.ModuleList; a generator is empty once it was used"
            raise ValueError(f"{self.name}: optimizer got an empty parameter list; {hint}")
        if not isinstance(groups[0], Mapping):
            groups = [{"params": groups}]
        for group in groups:
            if not isinstance(group, Mapping):
                raise TypeError(
                    f"{self.name}: expected a group, a dictionary with 'params', got {type(group).__name__}"
                )
            self.add_param_group(group)

    def __post_init__(self, params: Params) -> None:
        Optimizer.__init__(self, params, {own.name: self.__dict__.pop(own.name) for own in fields(self)})

    def __init_subclass__(cls) -> None:
        if "step" in vars(cls):
            cls.step = observe_step(cls.step)  # type: ignore[method-assign]

    @property
    def name(self) -> str:
        """The optimizer's name, for messages."""
        return type(self).__name__

    # ---------------------------------------------------------------------------------------------- the groups

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Optimize further parameters too, with the options in `param_group` and the defaults for the others.

        Its "params" are one Tensor or an iterable of Tensors, or of names with Tensors as from `named_parameters`.
        """
        group: Group = {**self.defaults, **param_group}
        if unknown := [key for key in group if key not in self.defaults and key not in NOTES]:
            self._refuse_misspelt(unknown)
        group.update(self._read_parameters(group.get("params", ())))
        params = group["params"]
        if any(("param_names" in other) != ("param_names" in group) for other in self.param_groups):
            raise ValueError(f"{self.name}: all optimizer param groups should be with/without names")
        if len(set(map(id, params))) < len(params):
            raise ValueError(f"{self.name}: a parameter appears more than once in a group")
        if {id(p) for p in params} & {id(p) for other in self.param_groups for p in other["params"]}:
            raise ValueError(f"{self.name}: some parameters appear in more than one parameter group")
        self.check(group)
        self.param_groups.append(group)

    def _read_parameters(self, given: Any) -> Group:
        """{"params": [Tensor, ...]}, and "param_names" if there are names."""
        if isinstance(given, set | frozenset):
            raise TypeError(f"{self.name}: parameters must have an order, which a set does not; use a list")
        params: list[Any] = [given] if isinstance(given, Tensor) else list(given)
        names = [param[0] for param in params if isinstance(param, tuple)]
        if names and len(names) < len(params):
            raise ValueError(f"{self.name}: all optimizer params should be with/without names; some have none")
        params = [param[-1] if isinstance(param, tuple) else param for param in params]
        for i, parameter in enumerate(params):
            if not isinstance(parameter, Tensor):
                raise TypeError(f"{self.name}: parameter {i} is no Tensor but {type(parameter).__name__}")
            if not parameter.is_leaf:
                raise ValueError(f"{self.name}: parameter {i} was computed by {parameter.grad_fn}; it must be a leaf")
        return {"params": params, "param_names": names} if names else {"params": params}

    def _refuse_misspelt(self, unknown: list[str]) -> None:
        """A group may have what a script likes to keep there, but nothing that looks like a misspelt option."""
        from difflib import get_close_matches  # seldom needed

        for key in unknown:
            if meant := get_close_matches(key, self.defaults, 1, 0.8):
                raise ValueError(f"{self.name}: unknown option {key}; did you mean {meant[0]}?")

    def check(self, group: Group) -> None:
        """Raise a ValueError unless the group's options make sense."""
        if isinstance(lr := group.get("lr"), Tensor) and lr.numel() != 1:
            raise ValueError(f"{self.name}: an lr that is a Tensor must have one element, got shape {lr.shape}")
        check_options(self.name, self, group)

    # ------------------------------------------------------------------------------------------------ the step

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop all gradients, or fill them with zeros."""
        for group in self.param_groups:
            for parameter in group["params"]:
                clear_gradient(parameter, set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; `closure`, if given, computes the loss anew and is returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        tasks = [
            (parameter, self.state[parameter], options)
            for group in self.param_groups
            for options in [self.read_options(group)]
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        for parameter, _, _ in tasks:
            if not isinstance(parameter.grad, Tensor) or parameter.grad.array.shape != parameter.array.shape:
                raise ValueError(
                    f"{self.name}: a parameter {describe(parameter)} has a gradient {describe(parameter.grad)}; "
                    "expected a tensor of its shape, and nothing was updated"
                )
        updates = [(p.array, p.grad.array, state, options) for p, state, options in tasks]
        if sum(p.size for p, *_ in updates) > MANY and threads.get_num_threads() > 1:
            threads.run(lambda piece: piece(), [piece for update in updates for piece in self.cut(*update, SHARED)])
        else:
            for update in updates:
                self.update(*update)
        for parameter, _, _ in tasks:
            parameter.bump_version()
        return loss

    def read_options(self, group: Group) -> Any:
        """What `update` is given of a group: here the group itself."""
        return group

    def update(self, p: Array, g: Array, state: State, group: Any) -> None:
        """Change `p` in place by one step along the gradient `g`; `state` starts empty."""
        raise NotImplementedError(f"{self.name} does not define update()")

    def cut(self, p: Array, g: Array, state: State, group: Any, block: int) -> list[Callable[[], None]]:
        """`update` in pieces that threads may take up in any order: here one piece."""
        return [functools.partial(self.update, p, g, state, group)]

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; a pair that it returns replaces the arguments."""
        return RemovableHandle(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return RemovableHandle(self._step_post_hooks, hook)

    # ----------------------------------------------------------------------------------------------- its state

    def start(self, p: Array, group: Group) -> State:
        """What is remembered of a parameter before its first step; a saved state must be like it."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """{"state": number -> what is remembered, "param_groups": options, with numbers for parameters}.

        Numbers count the parameters through the groups. Arrays share their memory with the optimizer's.
        """
        numbers = {p: i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        return {
            "state": {numbers[p]: dict(state) for p, state in self.state.items()},
            "param_groups": [{**group, "params": [numbers[p] for p in group["params"]]} for group in self.param_groups],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over, as copies, what `state_dict` returned, here or in PyTorch.

        Everything is checked first: if anything is wrong, a ValueError lists all of it and nothing has changed.
        """
        with Check(f"{self.name}.load_state_dict") as check:
            saved = state_dict["param_groups"]
            sizes = [[len(group["params"]) for group in groups] for groups in (saved, self.param_groups)]
            if sizes[0] != sizes[1]:
                raise ValueError(
                    f"{self.name}.load_state_dict: groups of {sizes[0]} parameters were saved, "
                    f"the optimizer has {sizes[1]}"
                )
            pairs = enumerate(zip(saved, self.param_groups, strict=True))
            groups = [self._load_group(f"group {i}", old, new, check) for i, (old, new) in pairs]
            numbers = [number for group in saved for number in group["params"]]
            owners = [(parameter, group) for group in groups for parameter in group["params"]]
            places = dict(zip(numbers, owners, strict=True))
            if unknown := [number for number in state_dict["state"] if number not in places]:
                check.problems.append(f"there is a state of parameter {unknown}, which no group has")
            state: defaultdict[Tensor, State] = defaultdict(dict)
            if not check.problems:
                for number, old in state_dict["state"].items():
                    parameter, group = places[number]
                    state[parameter] = self._load_state(number, parameter, group, old, check)
        self.state, self.param_groups[:] = state, groups

    def _load_group(self, name: str, old: Group, new: Group, check: Check) -> Group:
        """The group `new` with the options of the saved one."""
        seldom = {own.name for own in fields(self) if own.kw_only}  # which older states lack
        if missing := sorted(set(self.defaults) - set(old) - seldom):
            check.problems.append(f"{name} lacks {', '.join(missing)}")
        likes = {**self.defaults, "initial_lr": 1.0}
        problems = len(check.problems)
        group = dict(new)
        for key, value in old.items():
            if key in likes:
                group[key] = check.option(f"{key} of {name}", value, copy_plain(likes[key]))
            elif key not in ("params", "param_names"):
                group[key] = copy_plain(copy.deepcopy(value))
        if len(check.problems) == problems:
            try:
                self.check(group)
            except ValueError as error:
                check.problems.append(f"{name}: {error}")
        return group

    def _load_state(self, number: Any, parameter: Tensor, group: Group, old: State, check: Check) -> State:
        """What was saved of one parameter, like what the optimizer would start with, as copies."""
        likes = self.start(parameter.array, group)
        found = {key: value for key, value in old.items() if value is not None}
        if found and (missing := sorted(set(likes) - set(found))):
            check.problems.append(f"the state of parameter {number} lacks {', '.join(missing)}")
        for key, value in found.items():
            name = f"{key} of parameter {number}"
            if isinstance(likes.get(key), np.ndarray):
                found[key] = check.array(name, value, likes[key])
            elif key in likes:  # a number of steps, which PyTorch keeps in a float tensor
                steps = check.option(name, value, likes[key])
                found[key] = int(steps)
                if steps != found[key] or steps < 0:
                    check.problems.append(f"{name} is {steps!r}, not a number of steps")
            else:
                found[key] = copy.deepcopy(value)
        return found

    def __repr__(self) -> str:
        lines = [f"{self.name} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key not in ("params", "param_names")]
        return "\n".join([*lines, ")"])


def observe_step(step: Callable[..., Any]) -> Callable[..., Any]:
    """A class's own `step` that calls the hooks and tells schedules that it was called."""

    @functools.wraps(step)
    def observed(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        for hook in tuple(self._step_pre_hooks.values()):
            if (replacement := hook(self, args, kwargs)) is not None:
                args, kwargs = replacement
        out = step(self, *args, **kwargs)
        self.stepped = True
        for hook in tuple(self._step_post_hooks.values()):
            hook(self, args, kwargs)
        return out

    return observed


Optimizer.step = observe_step(Optimizer.step)  # type: ignore[method-assign]


def clear_gradient(parameter: Tensor, set_to_none: bool) -> None:
    """Drop a gradient, or fill it with zeros in place and outside of the graph."""
    if set_to_none:
        parameter.grad = None
    elif (gradient := parameter.grad) is not None:
        if gradient.requires_grad:
            parameter.grad = gradient = gradient.detach()
        with no_grad():
            gradient.zero_()


# ------------------------------------------------------------------------------------------------ each number alike


@declare
@hide("advance change")
class Elementwise(Optimizer):
    """An optimizer whose step treats each number of a parameter alike: it is stated by `start` and `change`.

    `maximize` follows the gradient upwards. `foreach`, `fused` and `capturable` choose among PyTorch's programs for
    the same numbers, and change nothing here.
    """

    maximize: bool = option(default=False, kw_only=True)
    foreach: bool | None = option(default=None, kw_only=True)
    fused: bool | None = option(default=None, kw_only=True)
    capturable: bool = option(default=False, kw_only=True)
    differentiable: bool = option(default=False, kw_only=True)

    def check(self, group: Group) -> None:
        """Refuse, besides, what is not here."""
        super().check(group)
        if group.get("differentiable"):
            raise ValueError(f"{self.name}: differentiable=True is not here: no step is recorded. Use mg.grad")
        if group.get("fused") and group.get("foreach"):
            raise RuntimeError(f"{self.name}: fused and foreach cannot be True together")

    def read_options(self, group: Group) -> Any:
        """A group's options as attributes, numbers as Python's own: these never widen an array."""
        return SimpleNamespace(**{key: copy_plain(group[key]) for key in self.defaults})

    def update(self, p: Array, g: Array, state: State, o: Any) -> None:
        """Change `p` and the state block by block, in place."""
        for piece in self.cut(p, g, state, o, BLOCK):
            piece()

    def cut(self, p: Array, g: Array, state: State, o: Any, block: int) -> list[Callable[[], None]]:
        """`update` in pieces of so many numbers. What belongs to the whole parameter is changed at once."""
        if not state:
            state.update(self.start(p, vars(o)))
        self.advance(state, o)
        whole: list[Callable[[], None]] = [functools.partial(self._change_block, p, g, state, o)]
        if p.size <= block:
            return whole
        arrays = {k: v for k, v in state.items() if isinstance(v, np.ndarray) and v.shape == p.shape}
        flat = flatten_alike(p, g, *arrays.values())
        if flat is None:
            return whole
        pieces: list[Callable[[], None]] = []
        for start in range(0, p.size, block):
            parts = [array[start : start + block] for array in flat]
            part = {**state, **dict(zip(arrays, parts[2:], strict=True))}
            pieces.append(functools.partial(self._change_block, parts[0], parts[1], part, o))
        return pieces

    def advance(self, state: State, o: Any) -> None:
        """Change the numbers in the state, which belong to the whole parameter."""
        if "step" in state:
            state["step"] += 1

    def _change_block(self, p: Array, g: Array, state: State, o: Any) -> None:
        """The algorithm's step along g, negated to maximize, with weight decay as the gradient of λ‖θ‖²/2."""
        if o.maximize:
            g = -g
        if decay := getattr(o, "weight_decay", 0):
            if getattr(o, "decoupled_weight_decay", False):
                p *= 1 - o.lr * decay
            else:
                g = g + decay * p
        self.change(p, g, state, o)

    def change(self, p: Array, g: Array, state: State, o: Any) -> None:
        """Change `p`, a block of the parameter, in place; the state's arrays are of the same block, `o` has options."""
        raise NotImplementedError(f"{self.name} does not define change()")


def zeros(p: Array, *names: str) -> State:
    """Arrays of zeros like `p` under these names."""
    return {name: np.zeros_like(p) for name in names}
