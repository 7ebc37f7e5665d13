"""Schedules of the learning rate, each with two optimizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..calls import Room, positive, x
from .optimizers import optimize

ROOM = Room("schedules")
add = ROOM.add

SCHEDULES: dict[str, list[dict[str, Any]]] = {
    "StepLR": [{"step_size": 3}, {"step_size": 4, "gamma": 0.5}],
    "MultiStepLR": [{"milestones": [3, 7]}, {"milestones": [2, 2, 9], "gamma": 0.3}],
    "ExponentialLR": [{"gamma": 0.9}],
    "CosineAnnealingLR": [{"T_max": 10}, {"T_max": 7, "eta_min": 1e-3}],
    "LinearLR": [{}, {"start_factor": 0.1, "end_factor": 0.8, "total_iters": 8}],
    "ConstantLR": [{}, {"factor": 0.2, "total_iters": 8}],
    "PolynomialLR": [{"total_iters": 12, "power": 2.0}, {"total_iters": 6}],
    "CosineAnnealingWarmRestarts": [{"T_0": 6}, {"T_0": 3, "T_mult": 2, "eta_min": 1e-3}],
    "CyclicLR": [
        {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 4},
        {"base_lr": [0.01, 0.02], "max_lr": 0.3, "step_size_up": 3, "step_size_down": 5, "mode": "triangular2"},
        {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 4, "mode": "exp_range", "gamma": 0.9},
    ],
    "OneCycleLR": [
        {"max_lr": 0.3, "total_steps": 20},
        {
            "max_lr": [0.3, 0.2],
            "epochs": 4,
            "steps_per_epoch": 5,
            "pct_start": 0.4,
            "anneal_strategy": "linear",
            "div_factor": 10.0,
            "final_div_factor": 100.0,
        },
        {"max_lr": 0.3, "total_steps": 20, "three_phase": True},
        {"max_lr": 0.3, "total_steps": 20, "cycle_momentum": False},
    ],
    "ReduceLROnPlateau": [
        {"patience": 1},
        {"mode": "max", "factor": 0.5, "patience": 0, "cooldown": 2},
        {"factor": 0.3, "patience": 1, "threshold": 0.5, "threshold_mode": "abs", "min_lr": 1e-3},
    ],
}
for scheduler, rows in SCHEDULES.items():
    for schedule in rows:
        add(optimize, x(3), positive(2, 1), "SGD", scheduler, schedule, lr=0.1, momentum=0.9)
    add(optimize, x(3), positive(2, 1), "Adam", scheduler, rows[0], lr=0.1)


PLANS: dict[str, Callable[[Any, Any], Any]] = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, [lambda t: 0.9**t, lambda t: 1 / (1 + t)]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda t: 1 - 1 / (t + 3)),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, total_iters=4), s.CosineAnnealingLR(o, 6), s.ExponentialLR(o, 0.8)], milestones=[4, 12]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, total_iters=4), s.ExponentialLR(o, 0.9), s.StepLR(o, 5)]
    ),
}


def follow(library: Any, a: Any, plan: str, steps: int = 18) -> Any:
    """The rates of two groups at each step."""
    parameters = [a.detach().clone().requires_grad_(True) for _ in range(2)]
    optim = library.optim.SGD([{"params": [parameters[0]], "lr": 0.3}, {"params": [parameters[1]]}], lr=0.1)
    scheduler = PLANS[plan](library.optim.lr_scheduler, optim)
    rates = []
    for _ in range(steps):
        rates.append([group["lr"] for group in optim.param_groups])
        optim.step()
        scheduler.step()
    return library.tensor(rates, dtype=library.float64)


for plan in PLANS:
    add(follow, x(1), plan)
