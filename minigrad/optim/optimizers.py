"""Optimizers, each written as its paper prints the update, in place and in PyTorch's order of operations.

θ is the parameter, g its gradient, α the learning rate `lr`, t the number of the step. What an optimizer
remembers of a parameter is a dictionary of arrays and numbers under PyTorch's names. Two scratch buffers
in each thread serve all parameters.
"""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad.autograd import describe, enable_grad
from minigrad.kernels import threads
from minigrad.tensor import Tensor

Array = NDArray[Any]
Group = dict[str, Any]
State = dict[str, Any]
MANY = 1 << 17  # numbers to update from which it pays to share them over threads, parameter by parameter
Params = Iterable[Tensor] | Iterable[Mapping[str, Any]]


class Optimizer:
    """What optimizers share: groups of parameters with options of their own, and the loop over them.

    A subclass gives the `defaults` of its options and defines `update`.
    """

    def __init__(self, params: Params, defaults: Mapping[str, Any]):
        self.defaults = dict(defaults)
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, State] = {}
        self.stepped = False  # whether step() was ever called; schedules ask
        self._scratch: dict[tuple[int, int, np.dtype[Any]], Array] = {}
        if isinstance(params, Tensor):
            raise TypeError(f"{self.name}: expected an iterable of Tensors or of groups, got a single Tensor")
        groups = list(params)
        if not groups:
            raise ValueError(f"{self.name}: got an empty list of parameters")
        if not isinstance(groups[0], Mapping):
            groups = [{"params": groups}]
        for group in groups:
            if not isinstance(group, Mapping):
                raise TypeError(
                    f"{self.name}: expected a group, a dictionary with 'params', got {type(group).__name__}"
                )
            self.add_param_group(group)

    @property
    def name(self) -> str:
        """The optimizer's name, for messages."""
        return type(self).__name__

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Optimize further parameters too, with the options in `param_group` and the defaults for the others."""
        group: Group = {**self.defaults, **param_group}
        given = group.get("params", ())
        if isinstance(given, set | frozenset):
            raise TypeError(f"{self.name}: parameters must have an order, which a set does not; use a list")
        group["params"] = params = [given] if isinstance(given, Tensor) else list(given)
        known = {"params", "name", "initial_lr", *self.defaults}
        if unknown := sorted(set(group) - known):
            raise ValueError(f"{self.name}: unknown option {', '.join(unknown)}; there are {', '.join(self.defaults)}")
        if not params:
            raise ValueError(f"{self.name}: a group without parameters")
        for i, parameter in enumerate(params):
            if not isinstance(parameter, Tensor):
                raise TypeError(f"{self.name}: parameter {i} is no Tensor but {type(parameter).__name__}")
            if not parameter.is_leaf:
                raise ValueError(f"{self.name}: parameter {i} was computed by {parameter.grad_fn}; it must be a leaf")
        everyone = [id(p) for g in [*self.param_groups, group] for p in g["params"]]
        if len(set(everyone)) < len(everyone):
            raise ValueError(f"{self.name}: a parameter appears more than once")
        self.check(group)
        self.param_groups.append(group)

    def check(self, group: Group) -> None:
        """Raise ValueError unless the group's options make sense. Here: none of these may be negative."""
        for option in (
            "lr",
            "momentum",
            "weight_decay",
            "eps",
            "alpha",
            "lr_decay",
            "initial_accumulator_value",
        ):
            if option in group and not group[option] >= 0:
                raise ValueError(f"{self.name}: {option} must not be negative, got {group[option]}")
        for i, beta in enumerate(group.get("betas", ())):
            if not 0 <= beta < 1:
                raise ValueError(f"{self.name}: beta {i} must be in [0, 1), got {beta}")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop all gradients, or fill them with zeros."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if set_to_none:
                    parameter.grad = None
                elif parameter.grad is not None:
                    parameter.grad = Tensor(np.zeros_like(parameter.array))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; `closure`, if given, computes the loss anew and is
        returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self.stepped = True
        tasks = [
            (parameter, self.state.setdefault(parameter, {}), group)
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        for parameter, _, _ in tasks:
            if not isinstance(parameter.grad, Tensor) or parameter.grad.array.shape != parameter.array.shape:
                raise ValueError(
                    f"{self.name}: a parameter {describe(parameter)} has a gradient {describe(parameter.grad)}; "
                    "expected a tensor of its shape, and nothing was updated"
                )
        if sum(parameter.array.size for parameter, _, _ in tasks) > MANY:
            threads.run(lambda task: self.update_one(*task), tasks)
        else:
            for task in tasks:
                self.update_one(*task)
        return loss

    def update_one(self, parameter: Tensor, state: State, group: Group) -> None:
        """Update one parameter, in whichever thread this is."""
        self.update(parameter.array, self.gradient(parameter, group), state, group)
        parameter.bump_version()

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        """Change `p` in place by one step along `g`; `state` starts empty."""
        raise NotImplementedError(f"{self.name} does not define update()")

    def gradient(self, parameter: Tensor, group: Group) -> Array:
        """g as the algorithms begin: negated to maximize, with weight decay as the gradient of λ‖θ‖²/2."""
        assert parameter.grad is not None
        g = parameter.grad.array
        if group.get("maximize"):
            g = np.negative(g, out=self.scratch(0, g))
        if weight_decay := group.get("weight_decay"):
            g = np.add(g, np.multiply(parameter.array, weight_decay, out=self.scratch(1, g)), out=self.scratch(0, g))
        return g

    def scratch(self, number: int, like: Array) -> Array:
        """Memory for intermediate results, of `like`'s shape and dtype. 0 may hold the gradient; 1 is free to
        use."""
        key = threading.get_ident(), number, like.dtype
        if key not in self._scratch or self._scratch[key].size < like.size:
            self._scratch[key] = np.empty(like.size, like.dtype)
        return self._scratch[key][: like.size].reshape(like.shape)

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

        Everything is checked first: if anything is wrong, a ValueError lists all of it and nothing has
        changed.
        """
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise ValueError(f"{self.name}.load_state_dict: expected a mapping with 'state' and 'param_groups'")
        try:
            self.state, self.param_groups[:] = self._checked(state_dict)
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError) as error:
            raise ValueError(
                f"{self.name}.load_state_dict, nothing changed: not what state_dict returned "
                f"({type(error).__name__}: {error})"
            ) from error

    def _checked(self, state_dict: Mapping[str, Any]) -> tuple[dict[Tensor, State], list[Group]]:
        """What to remember and the groups with their options, as a saved state has them."""
        saved, groups = state_dict["param_groups"], self.param_groups
        sizes = [len(group["params"]) for group in saved], [len(group["params"]) for group in groups]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f"{self.name}.load_state_dict: groups of {sizes[0]} parameters were saved, the optimizer has {sizes[1]}"
            )
        problems: list[str] = []
        merged = [self._merged(i, *pair, problems) for i, pair in enumerate(zip(saved, groups, strict=True))]
        owners = {
            number: (parameter, group)
            for old, group in zip(saved, merged, strict=True)
            for number, parameter in zip(old["params"], group["params"], strict=True)
        }
        state: dict[Tensor, State] = {}
        for number, remembered in state_dict["state"].items():
            if number not in owners:
                problems.append(f"state of a parameter {number!r}, which no group has")
                continue
            parameter, group = owners[number]
            state[parameter] = self._remembered(number, parameter, remembered, problems)
            if state[parameter] and not problems and (lacks := self._needed(parameter, group) - set(state[parameter])):
                problems.append(f"state of parameter {number} lacks {', '.join(sorted(lacks))}")
        if problems:
            raise ValueError(f"{self.name}.load_state_dict, nothing changed:\n  " + "\n  ".join(problems))
        return state, merged

    def _merged(self, number: int, old: Group, new: Group, problems: list[str]) -> Group:
        """The group `new` with the options of the saved one; what is wrong with them goes to `problems`."""
        before = len(problems)
        if missing := sorted(set(self.defaults) - set(old)):
            problems.append(f"group {number} lacks {', '.join(missing)}")
        for option, own in {**self.defaults, "initial_lr": 1.0}.items():
            if option in old and not alike(own, old[option]):
                problems.append(f"{option} of group {number} is {old[option]!r}, not like {own!r}")
        group = {**new, **{key: plain(copy.deepcopy(value)) for key, value in old.items() if key != "params"}}
        if len(problems) == before:
            if "betas" in group:
                group["betas"] = tuple(group["betas"])
            try:
                self.check(group)
            except ValueError as error:
                problems.append(f"group {number}: {error}")
        return group

    def _remembered(self, number: Any, parameter: Tensor, saved: Mapping[str, Any], problems: list[str]) -> State:
        """What was saved of one parameter, as copies in its dtype; what is wrong with it goes to `problems`."""
        state: State = {}
        for key, value in saved.items():
            if value is None:
                continue
            try:
                array = np.asarray(value.array if isinstance(value, Tensor) else value).copy()
            except (RuntimeError, TypeError, ValueError) as error:
                problems.append(f"no array for {key} of parameter {number}: {error}")
                continue
            if key == "step":  # PyTorch keeps it in a tensor
                if array.ndim == 0 and array >= 0:
                    state[key] = int(array)
                else:
                    problems.append(f"step of parameter {number} is {value!r}, not a number of steps")
            elif array.shape != parameter.shape or array.dtype.kind != "f":
                problems.append(
                    f"{key} of parameter {number} is {array.dtype}{list(array.shape)}, not {list(parameter.shape)}"
                )
            else:
                try:
                    with np.errstate(over="raise"):
                        state[key] = array.astype(parameter.dtype, copy=False)
                except FloatingPointError:
                    problems.append(f"{key} of parameter {number} has values beyond {parameter.dtype}")
        return state

    def _needed(self, parameter: Tensor, group: Group) -> set[str]:
        """What one step with the group's options leaves in the state of a parameter."""
        state: State = {}
        with np.errstate(all="ignore"):
            self.update(np.ones(1, parameter.dtype), np.ones(1, parameter.dtype), state, group)
        return set(state)

    def __repr__(self) -> str:
        lines = [f"{self.name} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def alike(own: Any, other: Any) -> bool:
    """Whether `other` can stand where `own` stands: the same text, a number for a number, rows of equal lengths."""
    if isinstance(own, list | tuple):
        return isinstance(other, list | tuple) and len(own) == len(other) and all(map(alike, own, other))
    if isinstance(own, int | float) and not isinstance(own, bool):
        return isinstance(other, int | float | np.number) and not isinstance(other, bool)
    return type(own) is type(other) and (not isinstance(own, str) or own == other)


def plain(value: Any) -> Any:
    """NumPy's numbers as Python's, which do not overflow; in rows, too."""
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value))
    return value.item() if isinstance(value, np.generic) else value


class SGD(Optimizer):
    """Gradient descent, with momentum as in Sutskever et al. 2013 (but α outside of the velocity, as in
    PyTorch).

    v ← μ v + (1 - dampening) g, beginning with v = g;  θ ← θ - α v, or with Nesterov's θ ← θ - α (g + μ v).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ):
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, group: Group) -> None:
        """Nesterov's momentum needs momentum, undampened."""
        super().check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError("SGD: nesterov needs a momentum and no dampening")

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        mu, step = float(group["momentum"]), self.scratch(1, p)
        if mu:
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = v = g.copy()
            else:
                v = state["momentum_buffer"]
                v *= mu
                v += g if not group["dampening"] else np.multiply(g, 1 - group["dampening"], out=step)
            g = np.add(g, np.multiply(v, mu, out=step), out=step) if group["nesterov"] else v
        p -= np.multiply(g, float(group["lr"]), out=step)


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1), and AMSGrad (Reddi et al. 2018) if `amsgrad`.

    m ← β₁ m + (1 - β₁) g;  v ← β₂ v + (1 - β₂) g²;  θ ← θ - α / (1 - β₁ᵗ) · m / (√(v / (1 - β₂ᵗ)) + ε).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ):
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        if not state:
            state.update(step=0, exp_avg=np.zeros_like(p), exp_avg_sq=np.zeros_like(p))
            if group["amsgrad"]:
                state["max_exp_avg_sq"] = np.zeros_like(p)
        state["step"] += 1
        m, v, t, s = state["exp_avg"], state["exp_avg_sq"], state["step"], self.scratch(1, p)
        beta1, beta2 = map(float, group["betas"])

        m *= beta1
        m += np.multiply(g, 1 - beta1, out=s)
        v *= beta2
        np.multiply(g, g, out=s)
        s *= 1 - beta2
        v += s
        if group["amsgrad"]:
            v = np.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])

        np.sqrt(v, out=s)
        s /= math.sqrt(1 - beta2**t)
        s += float(group["eps"])
        np.divide(m, s, out=s)
        s *= float(group["lr"]) / (1 - beta1**t)
        p -= s


class AdamW(Adam):
    """Adam with the weight decay beside the gradient, not in it: first θ ← θ (1 - α λ). Source: Loshchilov &
    Hutter 2019."""

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    def gradient(self, parameter: Tensor, group: Group) -> Array:
        """g without the weight decay."""
        return super().gradient(parameter, {"maximize": group["maximize"]})

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        p *= 1 - float(group["lr"]) * group["weight_decay"]
        super().update(p, g, state, group)


class RMSprop(Optimizer):
    """RMSprop (Tieleman & Hinton 2012, lecture 6.5), and if `centered` with the variance (Graves 2013).

    v ← a v + (1 - a) g²;  u = g / (√v + ε), with momentum b ← μ b + u;  θ ← θ - α u, or θ - α b.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ):
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        if not state:
            state.update(step=0, square_avg=np.zeros_like(p))
            if group["momentum"] > 0:
                state["momentum_buffer"] = np.zeros_like(p)
            if group["centered"]:
                state["grad_avg"] = np.zeros_like(p)
        state["step"] += 1
        v, s, alpha = state["square_avg"], self.scratch(1, p), float(group["alpha"])

        v *= alpha
        np.multiply(g, g, out=s)
        s *= 1 - alpha
        v += s
        if group["centered"]:
            mean = state["grad_avg"]
            mean *= alpha
            mean += np.multiply(g, 1 - alpha, out=s)
            np.multiply(mean, mean, out=s)
            np.sqrt(np.subtract(v, s, out=s), out=s)
        else:
            np.sqrt(v, out=s)
        s += float(group["eps"])
        u = np.divide(g, s, out=s)
        if group["momentum"] > 0:
            b = state["momentum_buffer"]
            b *= float(group["momentum"])
            b += u
            u = b
        p -= np.multiply(u, float(group["lr"]), out=s)


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan & Singer 2011), its rate α / (1 + (t - 1) · lr_decay): v ← v + g²;  θ ← θ - α g /
    (√v + ε)."""

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ):
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        if not state:
            state.update(step=0, sum=np.full_like(p, group["initial_accumulator_value"]))
        state["step"] += 1
        v, s = state["sum"], self.scratch(1, p)

        v += np.multiply(g, g, out=s)
        np.sqrt(v, out=s)
        s += float(group["eps"])
        np.divide(g, s, out=s)
        s *= float(group["lr"]) / (1 + (state["step"] - 1) * float(group["lr_decay"]))
        p -= s
