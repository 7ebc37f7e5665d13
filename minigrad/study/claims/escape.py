"""Does training leave a start at which every opponent edge cancels?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minigrad.study.claims.claim import Claim, Comparison, exact, need, per_seed
from minigrad.study.figures import film
from minigrad.study.records import Record, Results

TASKS, MODES = ("polarity", "presence"), ("full", "minibatch")


def record(results: Results, task: str, mode: str) -> Record:
    """The descents from filters that cancel."""
    return need(results, "escape", task=task, mode=mode, start="cancelling")[0]


def with_gradient(found: Record) -> np.ndarray:
    """Which seeds (S,) have a gradient at the start: where all ReLUs of the next layer are shut there is none."""
    return np.asarray(per_seed(found, "start_gradient") > 0)


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """The share of the seeds with a gradient in which the slices of red and blue have parted."""
    out = []
    for task in TASKS:
        for mode in MODES:
            found = record(results, task, mode)
            left = ~np.isnan(per_seed(found, "left")[with_gradient(found)])
            share = exact(float(left.mean())) if len(left) else exact(float("nan"))
            out.append(Comparison(f"{task}, {mode}: share of seeds that leave", share, ">=", limits["share"]))
    return out


def numbers(results: Results) -> dict[str, str]:
    """When the start was left, by the middle and by the last seed, and how many seeds had no gradient."""
    out = {}
    for task in TASKS:
        for mode in MODES:
            found = record(results, task, mode)
            left = per_seed(found, "left")
            out[f"{task}_{mode}_left"] = f"{np.nanmedian(left):.0f}"
            out[f"{task}_{mode}_last"] = f"{np.nanmax(left):.0f}"
    out["shut"] = str(int((~with_gradient(record(results, "presence", "full"))).sum()))
    out["steps"] = str(record(results, "presence", "full")["steps"])
    return out


CLAIM = Claim(
    name="escape",
    claim="Training leaves the cancelling start (claim 1)",
    prediction="w_R and w_B part (‖w_R − w_B‖ ≥ ‖w_R + w_B‖ / 10) in at least 9 of 10 seeds that have a gradient at "
    "the start, with full-batch descent and with minibatches, on both tasks",
    limits={"share": 0.9},
    compare=compare,
    numbers=numbers,
    prose="Red’s and blue’s slices are equal at the start, so that every edge that rises in one and falls in the "
    "other cancels. Images differ in which way their edges go, and that pulls the slices apart. In all ten "
    "seeds they part, on both tasks, with full batches and with minibatches. On polarity half of the seeds "
    "had left after {polarity_full_left} steps and the last after {polarity_full_last}; on presence after "
    "{presence_full_left} and {presence_full_last}.",
    written_for="holds",
    draw=film.draw,
)
