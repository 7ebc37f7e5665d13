"""Optimizers that follow the gradient itself, or its sign: SGD, ASGD and Rprop.

θ is the parameter, g its gradient, α the learning rate `lr`, t the number of the step. What is remembered of a
parameter has PyTorch's names, and the operations PyTorch's order. `p` and `g` are θ and g, block by block.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from minigrad.dtypes import get_default_dtype
from minigrad.optim.optimizer import BLOCK, Array, Elementwise, Group, Optimizer, State, zeros
from minigrad.options import declare, option
from minigrad.tensor import Tensor


@declare
class SGD(Elementwise):
    """Gradient descent, with momentum as in Sutskever et al. 2013 (but α outside of the velocity, as in PyTorch).

    v ← μ v + (1 - dampening) g, beginning with v = g;  θ ← θ - α v, or with Nesterov's θ ← θ - α (g + μ v).

    >>> import minigrad as mg
    >>> w = mg.ones(1, requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w * 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8], requires_grad=True)
    """

    lr: float | Tensor = option(default=1e-3, least=0)
    momentum: float = option(default=0.0, least=0)
    dampening: float = option(default=0.0)
    weight_decay: float = option(default=0.0, least=0)
    nesterov: bool = option(default=False)

    def check(self, group: Group) -> None:
        """Nesterov's momentum needs momentum, undampened."""
        super().check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError("SGD: nesterov needs a momentum and no dampening")

    def start(self, p: Array, group: Group) -> State:
        return zeros(p, "momentum_buffer") if group["momentum"] else {}

    def cut(self, p: Array, g: Array, state: State, o: Any, block: int) -> list[Callable[[], None]]:
        """The velocity, which starts at zero, begins with g as it is."""
        o = o if state or not o.dampening else SimpleNamespace(**{**vars(o), "dampening": 0.0})
        return super().cut(p, g, state, o, block)

    def change(self, p: Array, g: Array, state: State, o: Any) -> None:
        if o.momentum:
            v = state["momentum_buffer"]
            v *= o.momentum
            v += (1 - o.dampening) * g if o.dampening else g
            g = g + o.momentum * v if o.nesterov else v
        p -= o.lr * g


@declare
class ASGD(Elementwise):
    """Averaged gradient descent (Polyak & Juditsky 1992): θ is as below, and the state's `ax` its average since `t0`.

    θ ← (1 - λ η) θ - η g;  ax ← ax + μ (θ - ax);  η = α / (1 + λ α t)^`alpha`;  μ = 1 / max(1, t - t0), λ = `lambd`.
    """

    lr: float | Tensor = option(default=1e-2, least=0)
    lambd: float = option(default=1e-4)
    alpha: float = option(default=0.75)
    t0: float = option(default=1e6)
    weight_decay: float = option(default=0.0, least=0)

    def start(self, p: Array, group: Group) -> State:
        eta, mu = (np.full((), value, get_default_dtype()) for value in (float(group["lr"]), 1.0))
        return {"step": 0, "eta": eta, "mu": mu, **zeros(p, "ax")}

    def update(self, p: Array, g: Array, state: State, o: Any) -> None:
        """η and μ of the next step are those of this one's t."""
        for piece in super().cut(p, g, state, o, BLOCK):
            piece()
        state["eta"][()] = o.lr / (1 + o.lambd * o.lr * state["step"]) ** o.alpha
        state["mu"][()] = 1 / max(1, state["step"] - o.t0)

    def cut(self, p: Array, g: Array, state: State, o: Any, block: int) -> list[Callable[[], None]]:
        """One piece, for what follows the change of all numbers."""
        return Optimizer.cut(self, p, g, state, o, block)

    def change(self, p: Array, g: Array, state: State, o: Any) -> None:
        ax, eta, mu = state["ax"], float(state["eta"]), float(state["mu"])
        p *= 1 - o.lambd * eta
        p -= eta * g
        if mu == 1:
            ax[...] = p
        else:
            ax += mu * (p - ax)


@declare
class Rprop(Elementwise):
    """A step size δ for each number, by the gradient's sign alone (Riedmiller & Braun 1993, without backtracking).

    δ ← δ η₊ where g keeps its sign, δ η₋ where it changes, and there g ← 0; δ within `step_sizes`;  θ ← θ - δ sign g.
    """

    lr: float | Tensor = option(default=1e-2, least=0)
    etas: tuple[float, float] = option(default=(0.5, 1.2), above=0)
    step_sizes: tuple[float, float] = option(default=(1e-6, 50.0))

    def check(self, group: Group) -> None:
        """One factor makes steps smaller, the other makes them larger."""
        super().check(group)
        if not group["etas"][0] < 1 < group["etas"][1]:
            raise ValueError(f"Rprop: etas must be below and above 1, got {group['etas']}")

    def start(self, p: Array, group: Group) -> State:
        return {"step": 0, **zeros(p, "prev"), "step_size": np.full_like(p, float(group["lr"]))}

    def change(self, p: Array, g: Array, state: State, o: Any) -> None:
        size, (less, more) = state["step_size"], o.etas
        sign = np.sign(g * state["prev"])
        size *= np.where(sign > 0, more, np.where(sign < 0, less, 1)).astype(size.dtype)
        np.clip(size, *o.step_sizes, out=size)
        g = np.where(sign < 0, 0, g)
        p -= np.sign(g) * size
        state["prev"][...] = g
