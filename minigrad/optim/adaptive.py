"""Optimizers that divide by what they remember of the gradient's size: Adam and its kin.

θ is the parameter, g its gradient, α the learning rate `lr`, t the number of the step. What is remembered of a
parameter has PyTorch's names, and the operations PyTorch's order. `p` and `g` are θ and g, block by block.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.dtypes import get_default_dtype
from minigrad.optim.optimizer import Array, Elementwise, Group, State, zeros
from minigrad.options import declare, option
from minigrad.tensor import Tensor


@declare
class Adam(Elementwise):
    """Adam (Kingma & Ba 2015, algorithm 1), and AMSGrad (Reddi et al. 2018) if `amsgrad`.

    m ← β₁ m + (1 - β₁) g;  v ← β₂ v + (1 - β₂) g²;  θ ← θ - α / (1 - β₁ᵗ) · m / (√(v / (1 - β₂ᵗ)) + ε).
    """

    lr: float | Tensor = option(default=1e-3, least=0)
    betas: tuple[float, float] = option(default=(0.9, 0.999), least=0, below=1)
    eps: float = option(default=1e-8, least=0)
    weight_decay: float = option(default=0.0, least=0)
    amsgrad: bool = option(default=False)
    decoupled_weight_decay: bool = option(default=False, kw_only=True)

    def start(self, p: Array, group: Group) -> State:
        return {"step": 0, **zeros(p, "exp_avg", "exp_avg_sq", *["max_exp_avg_sq"] * group["amsgrad"])}

    def change(self, p: Array, g: Array, state: State, o: Any) -> None:
        m, v = update_moments(g, state, o)
        if o.amsgrad:
            v = np.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        root = np.sqrt(v) / math.sqrt(1 - o.betas[1] ** state["step"]) + o.eps
        p -= o.lr / (1 - o.betas[0] ** state["step"]) * (m / root)


def update_moments(g: Array, state: State, o: Any) -> tuple[Array, Array]:
    """m and v of Adam, decaying averages of g and g²."""
    m, v, (beta1, beta2) = state["exp_avg"], state["exp_avg_sq"], o.betas
    m += (1 - beta1) * (g - m)
    v *= beta2
    v += (1 - beta2) * g * g
    return m, v


@declare
class AdamW(Adam):
    """Adam with the weight decay beside the gradient: first θ ← θ (1 - α λ). Source: Loshchilov & Hutter 2019."""

    weight_decay: float = option(default=1e-2, least=0)
    decoupled_weight_decay: bool = option(default=True, kw_only=True)


@declare
class Adamax(Elementwise):
    """Adam with the largest gradient in place of the root of the mean square (Kingma & Ba 2015, algorithm 2).

    m ← β₁ m + (1 - β₁) g;  u ← max(β₂ u, |g| + ε);  θ ← θ - α / (1 - β₁ᵗ) · m / u.
    """

    lr: float | Tensor = option(default=2e-3, least=0)
    betas: tuple[float, float] = option(default=(0.9, 0.999), least=0, below=1)
    eps: float = option(default=1e-8, least=0)
    weight_decay: float = option(default=0.0, least=0)

    def start(self, p: Array, group: Group) -> State:
        return {"step": 0, **zeros(p, "exp_avg", "exp_inf")}

    def change(self, p: Array, g: Array, state: State, o: Any) -> None:
        m, u, (beta1, beta2) = state["exp_avg"], state["exp_inf"], o.betas
        m += (1 - beta1) * (g - m)
        u *= beta2
        np.maximum(u, np.abs(g) + o.eps, out=u)
        p -= o.lr / (1 - beta1 ** state["step"]) * (m / u)


@declare
class NAdam(Elementwise):
    """Adam with Nesterov's momentum (Dozat 2016), m and v as in Adam, and μₜ = β₁ (1 - 0.96^(t · momentum_decay) / 2).

    θ ← θ - α ((1 - μₜ) / (1 - Πₜ) · g + μₜ₊₁ / (1 - Πₜ μₜ₊₁) · m) / (√(v / (1 - β₂ᵗ)) + ε), where Πₜ = μ₁ μ₂ … μₜ.
    """

    lr: float | Tensor = option(default=2e-3, least=0)
    betas: tuple[float, float] = option(default=(0.9, 0.999), least=0, below=1)
    eps: float = option(default=1e-8, least=0)
    weight_decay: float = option(default=0.0, least=0)
    momentum_decay: float = option(default=4e-3, least=0)
    decoupled_weight_decay: bool = option(default=False)

    def start(self, p: Array, group: Group) -> State:
        return {"step": 0, "mu_product": np.ones((), get_default_dtype()), **zeros(p, "exp_avg", "exp_avg_sq")}

    def advance(self, state: State, o: Any) -> None:
        """t, and the product of all μ so far."""
        super().advance(state, o)
        state["mu_product"] *= self._get_momentum(state["step"], o)

    def _get_momentum(self, t: int, o: Any) -> float:
        return float(o.betas[0] * (1 - 0.5 * 0.96 ** (t * o.momentum_decay)))

    def change(self, p: Array, g: Array, state: State, o: Any) -> None:
        m, v = update_moments(g, state, o)
        product, t = float(state["mu_product"]), state["step"]
        mu, mu_next = self._get_momentum(t, o), self._get_momentum(t + 1, o)
        root = np.sqrt(v / (1 - o.betas[1] ** t)) + o.eps
        p -= o.lr * (1 - mu) / (1 - product) * (g / root)
        p -= o.lr * mu_next / (1 - product * mu_next) * (m / root)


@declare
class RAdam(Elementwise):
    """Adam that leaves v out until its variance can be told (Liu et al. 2020, algorithm 2), m and v as in Adam.

    θ ← θ - α r m̂ / √v̂ where ρₜ > 5, or else θ ← θ - α m̂; m̂ = m / (1 - β₁ᵗ), √v̂ = (√v + ε) / √(1 - β₂ᵗ),
    ρ = 2 / (1 - β₂) - 1, ρₜ = ρ - 2 t β₂ᵗ / (1 - β₂ᵗ), r² = (ρₜ - 4) (ρₜ - 2) ρ / ((ρ - 4) (ρ - 2) ρₜ).
    """

    lr: float | Tensor = option(default=1e-3, least=0)
    betas: tuple[float, float] = option(default=(0.9, 0.999), least=0, below=1)
    eps: float = option(default=1e-8, least=0)
    weight_decay: float = option(default=0.0, least=0)
    decoupled_weight_decay: bool = option(default=False)

    def start(self, p: Array, group: Group) -> State:
        return {"step": 0, **zeros(p, "exp_avg", "exp_avg_sq")}

    def change(self, p: Array, g: Array, state: State, o: Any) -> None:
        m, v = update_moments(g, state, o)
        t, (beta1, beta2) = state["step"], o.betas
        correction = 1 - beta2**t
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * t * beta2**t / correction
        step = m / (1 - beta1**t) * o.lr
        if length > 5:
            ratio = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            step *= math.sqrt(correction) / (np.sqrt(v) + o.eps)
            step *= math.sqrt(ratio)
        p -= step


@declare
class RMSprop(Elementwise):
    """RMSprop (Tieleman & Hinton 2012, lecture 6.5), and if `centered` with the variance (Graves 2013).

    v ← a v + (1 - a) g²;  u = g / (√v + ε), with momentum b ← μ b + u;  θ ← θ - α u, or θ - α b.
    """

    lr: float | Tensor = option(default=1e-2, least=0)
    alpha: float = option(default=0.99, least=0)
    eps: float = option(default=1e-8, least=0)
    weight_decay: float = option(default=0.0, least=0)
    momentum: float = option(default=0.0, least=0)
    centered: bool = option(default=False)

    def start(self, p: Array, group: Group) -> State:
        names = ["momentum_buffer"] * (group["momentum"] > 0) + ["grad_avg"] * bool(group["centered"])
        return {"step": 0, **zeros(p, "square_avg", *names)}

    def change(self, p: Array, g: Array, state: State, o: Any) -> None:
        v = state["square_avg"]
        v *= o.alpha
        v += (1 - o.alpha) * g * g
        if o.centered:
            mean = state["grad_avg"]
            mean += (1 - o.alpha) * (g - mean)
            v = v - mean * mean
        u = g / (np.sqrt(v) + o.eps)
        if o.momentum > 0:
            b = state["momentum_buffer"]
            b *= o.momentum
            b += u
            u = b
        p -= o.lr * u


@declare
class Adagrad(Elementwise):
    """Adagrad (Duchi, Hazan & Singer 2011), its rate falling: αₜ = α / (1 + (t - 1) · lr_decay).

    v ← v + g²;  θ ← θ - αₜ g / (√v + ε).
    """

    lr: float | Tensor = option(default=1e-2, least=0)
    lr_decay: float = option(default=0.0, least=0)
    weight_decay: float = option(default=0.0, least=0)
    initial_accumulator_value: float = option(default=0.0, least=0)
    eps: float = option(default=1e-10, least=0)

    def start(self, p: Array, group: Group) -> State:
        return {"step": 0, "sum": np.full_like(p, group["initial_accumulator_value"])}

    def change(self, p: Array, g: Array, state: State, o: Any) -> None:
        v = state["sum"]
        v += g * g
        p -= o.lr / (1 + (state["step"] - 1) * o.lr_decay) * (g / (np.sqrt(v) + o.eps))


@declare
class Adadelta(Elementwise):
    """Adadelta (Zeiler 2012): steps in the parameter's own unit.

    v ← ρ v + (1 - ρ) g²;  u = √(d + ε) / √(v + ε) · g;  d ← ρ d + (1 - ρ) u²;  θ ← θ - α u.
    """

    lr: float | Tensor = option(default=1.0, least=0)
    rho: float = option(default=0.9, least=0, most=1)
    eps: float = option(default=1e-6, least=0)
    weight_decay: float = option(default=0.0, least=0)

    def start(self, p: Array, group: Group) -> State:
        return {"step": 0, **zeros(p, "square_avg", "acc_delta")}

    def change(self, p: Array, g: Array, state: State, o: Any) -> None:
        v, d = state["square_avg"], state["acc_delta"]
        v *= o.rho
        v += (1 - o.rho) * g * g
        u = np.sqrt(d + o.eps) / np.sqrt(v + o.eps) * g
        d *= o.rho
        d += (1 - o.rho) * u * u
        p -= o.lr * u
