"""Training on data that are their own mirror image, from equal red and blue slices: what makes the slices part?

Every image of `presence` comes with its red-blue exchange, noise and all. While w_R = w_B, each pair then pulls the
difference of the slices both ways alike: its gradient is zero, and only rounding errors part them. Whether an error
grows is a matter of the loss's curvature h across: descent with rate lr and momentum 0.9 multiplies it by the larger
root of ρ² - (1.9 - lr·h) ρ + 0.9 = 0. That is outside of ±1 where h < 0 (a saddle) and where lr·h > 3.8 (a valley too
narrow for the step).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad import optim
from minigrad.autograd import grad
from minigrad.study.arms import ARMS
from minigrad.study.escape import LEFT, draw_biases
from minigrad.study.networks import WATCHED, Data, Floats, Network, begin, losses
from minigrad.study.records import Record
from minigrad.study.tasks import BLUE, RED, presence, swapped
from minigrad.tensor import Tensor, tensor

PAIRS, FILTERS, MOMENTUM = 64, 8, 0.9
LIMIT = 2 * (1 + MOMENTUM)  # of lr · h, beyond which a step overshoots by more than it corrects

WINDOW = {"float32": (-10.0, -5.0), "float64": (-28.0, -7.0)}  # ln ‖w_R − w_B‖ where growth is compared with theory


def mirror(lr: float, dtype: str, steps: int, seeds: Sequence[int]) -> Record:
    """Descend on mirrored images of `presence`, and hold the growth of ‖w_R − w_B‖ to the loss's curvature across.

    left [S] (first step at which the slices have parted; null if never); and of the steps at which ln ‖w_R − w_B‖ rises
    through WINDOW: began [S] (the first), grown [S] (rise of the logarithm), predicted [S] (the same, from h), rate [S]
    (rise a step), curvature [S] (h at the first); step [T], curve [S][T] (log10 ‖w_R − w_B‖).
    """
    data = Data(*(np.stack(part) for part in zip(*(mirrored(seed) for seed in seeds), strict=True)))
    data.x = data.x.astype(dtype)
    network = Network(ARMS["untied"], FILTERS, "presence", len(seeds))
    begin(network, ARMS["untied"], seeds, "he", data[:WATCHED][0])
    draw_biases(network, seeds)
    network.to(np.dtype(dtype))
    optimizer = optim.SGD(list(network.parameters()), lr=lr, momentum=MOMENTUM)
    x, y = data[: 2 * PAIRS]
    states: list[list[Floats]] = []
    apart, whole = [], []
    for _ in range(steps):
        w = network.conv.weight.array.reshape(len(seeds), FILTERS, 3, 9)
        apart.append(np.linalg.norm((w[:, :, RED] - w[:, :, BLUE]).reshape(len(seeds), -1), axis=1))
        whole.append(np.linalg.norm((w[:, :, RED] + w[:, :, BLUE]).reshape(len(seeds), -1), axis=1))
        states.append([p.array.copy() for p in network.parameters()])
        if (apart[-1] > 2 * LEFT * whole[-1]).all():
            break
        optimizer.zero_grad()
        losses(network(x), y).sum().backward()
        optimizer.step()
    gap = np.array(apart).T  # (S, T)
    parted = gap >= LEFT * np.array(whole).T
    log = np.log(np.maximum(gap, np.finfo(float).tiny))
    windows = [window(row, *WINDOW[dtype]) for row in log]
    found = [follow(k, range(*at), states, data, lr) for k, at in enumerate(windows)]
    grown = np.array([row[last] - row[first] for row, (first, last) in zip(log, windows, strict=True)])
    shown = np.arange(0, len(states), 5)
    return {
        "left": [int(row.argmax()) if row.any() else None for row in parted],
        "began": [first for first, _ in windows],
        "grown": grown,
        "predicted": [rise for rise, _ in found],
        "rate": grown / [max(last - first, 1) for first, last in windows],
        "curvature": [h for _, h in found],
        "step": shown,
        "curve": np.round(log[:, shown] / np.log(10), 2),
    }


def mirrored(seed: int) -> tuple[Floats, Floats]:
    """Noisy images of `presence` with their red-blue exchanges behind them, and labels."""
    return swapped(*presence(np.random.default_rng([seed, 326643]), PAIRS), flips_label=False)


def window(log: Floats, low: float, high: float) -> tuple[int, int]:
    """The steps [first, last] between which a curve rises from `low` to `high` for the last time; (0, 0) if never."""
    above = np.flatnonzero(log >= high)
    if not len(above):
        return 0, 0
    last = int(above[0])
    below = np.flatnonzero(log[:last] <= low)
    return (int(below[-1]) + 1, last - 1) if len(below) else (0, 0)


def follow(copy: int, steps: range, states: list[list[Floats]], data: Data, lr: float) -> tuple[float, float]:
    """The sum of ln |ρ| over these steps that one copy's curvatures across predict, and the first of them."""
    network = Network(ARMS["untied"], FILTERS, "presence", 1)
    network.to(np.float64)
    x, y = Data(data.x[copy : copy + 1].astype(float), data.y[copy : copy + 1])[: 2 * PAIRS]
    direction: Floats = np.random.default_rng(copy).standard_normal((FILTERS, 3, 3))
    curvatures: list[float] = []
    for step in steps:
        for own, shared in zip(network.parameters(), states[step], strict=True):
            own.array[:] = np.split(shared, len(data.x))[copy]
            own.bump_version()
        for _ in range(6 if curvatures else 30):
            h, direction = across(network, x, y, direction)
        curvatures.append(h)
    return float(sum(np.log(growth(lr * h)) for h in curvatures)), curvatures[0] if curvatures else np.nan


def across(network: Network, x: Tensor, y: Tensor, direction: Floats) -> tuple[float, Floats]:
    """One step of power iteration: the loss's curvature along `direction` of w_R − w_B, and H times the direction."""
    v = np.zeros(network.conv.weight.shape)
    v[:, RED] = direction / np.linalg.norm(direction) / np.sqrt(2)
    v[:, BLUE] = -v[:, RED]
    (g,) = grad(losses(network(x), y).sum(), [network.conv.weight], create_graph=True)
    (hv,) = grad((g * tensor(v)).sum(), [network.conv.weight])
    return float((hv.array * v).sum()), hv.array[:, RED] - hv.array[:, BLUE]


def growth(step: float) -> float:
    """|ρ|, by which a deviation grows a step of descent with momentum, for step = lr · h."""
    return float(np.abs(np.roots([1, -(1 + MOMENTUM - step), MOMENTUM])).max())
