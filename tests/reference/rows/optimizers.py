"""Optimizers, with every option, on a function of two groups of parameters."""

from __future__ import annotations

from typing import Any

from ..calls import Room, positive, x

ROOM = Room("optimizers")
add = ROOM.add


def optimize(
    library: Any,
    a: Any,
    b: Any,
    optimizer: str,
    scheduler: str = "",
    schedule: dict[str, Any] | None = None,
    steps: int = 20,
    **options: Any,
) -> Any:
    """Minimise a function of two groups, one at a tenth of the rate: both after steps 1, 2, 5 and the last.

    One further parameter never has a gradient. With a schedule, the learning rates of all steps as well.
    """
    a, b = (t.detach().requires_grad_(True) for t in (a, b))
    idle = (a.detach() * 1).requires_grad_(True)
    groups = [{"params": [a, idle]}, {"params": [b], "lr": options["lr"] / 10}]
    optim = getattr(library.optim, optimizer)(groups, **options)
    plan = getattr(library.optim.lr_scheduler, scheduler)(optim, **schedule or {}) if scheduler else None
    rates, kept = [], []
    for step in range(1, steps + 1):
        optim.zero_grad()
        loss = ((a * b).tanh() + (a - 0.5) ** 2).sum() + (b * b).sum()
        loss.backward()
        optim.step()
        if plan is not None:
            plan.step(*[loss.item()] if scheduler == "ReduceLROnPlateau" else [])
        rates.append(
            [group["lr"] for group in optim.param_groups]
            + list(optim.param_groups[0].get("betas", ()))
            + [optim.param_groups[0].get("momentum", 0.0)]
        )
        if step in (1, 2, 5, steps):
            kept += [a.detach().clone(), b.detach().clone()]
    return *kept, idle.detach(), library.tensor(rates, dtype=library.float64)


OPTIMIZERS: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"momentum": 0.8, "dampening": 0.3},
        {"weight_decay": 0.1},
        {"momentum": 0.9, "weight_decay": 0.05, "nesterov": True},
        {"maximize": True},
    ],
    "Adam": [
        {},
        {"betas": (0.8, 0.95), "eps": 1e-4},
        {"weight_decay": 0.1},
        {"amsgrad": True},
        {"maximize": True},
    ],
    "AdamW": [{}, {"weight_decay": 0.2}, {"betas": (0.5, 0.9), "amsgrad": True}],
    "RMSprop": [
        {},
        {"alpha": 0.9, "eps": 1e-3},
        {"momentum": 0.9},
        {"centered": True},
        {"centered": True, "momentum": 0.5, "weight_decay": 0.1},
    ],
    "Adagrad": [{}, {"lr_decay": 0.1}, {"weight_decay": 0.1, "initial_accumulator_value": 0.3, "eps": 1e-4}],
    "Adadelta": [{}, {"rho": 0.95, "weight_decay": 0.1}, {"eps": 1e-3, "maximize": True}],
    "Adamax": [{}, {"betas": (0.8, 0.95), "weight_decay": 0.1}, {"eps": 1e-3, "maximize": True}],
    "NAdam": [
        {},
        {"momentum_decay": 6e-3, "weight_decay": 0.1},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
        {"betas": (0.8, 0.95), "maximize": True},
    ],
    "RAdam": [
        {},
        {"betas": (0.8, 0.9), "weight_decay": 0.1},
        {"betas": (0.8, 0.9), "weight_decay": 0.1, "decoupled_weight_decay": True},
        {"eps": 1e-6, "maximize": True},
    ],
    "ASGD": [{}, {"lambd": 0.1, "alpha": 0.5, "t0": 5}, {"t0": 10, "weight_decay": 0.1, "maximize": True}],
    "Rprop": [{}, {"etas": (0.6, 1.3), "step_sizes": (1e-3, 0.1)}, {"maximize": True}],
}
for optimizer, rows in OPTIMIZERS.items():
    for options in rows:
        add(optimize, x(3), positive(2, 1), optimizer, lr=0.05, **options)


def minimize(library: Any, a: Any, b: Any, steps: int = 3, **options: Any) -> Any:
    """LBFGS on the same function, of one group: where both are after each step, and the losses."""
    a, b = (t.detach().requires_grad_(True) for t in (a, b))
    optim = library.optim.LBFGS([a, b], **options)
    kept, losses = [], []

    def closure() -> Any:
        optim.zero_grad()
        loss = ((a * b).tanh() + (a - 0.5) ** 2).sum() + (b * b).sum()
        loss.backward()
        return loss

    for _ in range(steps):
        losses.append(optim.step(closure).item())
        kept += [a.detach().clone(), b.detach().clone()]
    return *kept, library.tensor(losses, dtype=library.float64)


for options in ({}, {"lr": 0.3}, {"max_iter": 2, "line_search_fn": "strong_wolfe"}, {"history_size": 1, "max_iter": 3}):
    add(minimize, x(3), positive(2, 1), **options)
