"""Does training leave a start at which every opponent edge cancels?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minigrad.study.claims.claim import Claim, Comparison, exact, need, per_seed
from minigrad.study.figures import film
from minigrad.study.records import Results


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """The worst seed's accuracy; a seed that diverged has none."""
    out = []
    for task in ("polarity", "presence"):
        for mode in ("full", "minibatch"):
            (record,) = need(results, "escape", task=task, mode=mode, start="cancelling")
            lowest = float(np.nan_to_num(per_seed(record, "accuracy"), nan=-np.inf).min())
            out.append(Comparison(f"{task} {mode}: worst seed", exact(lowest), ">=", limits["accuracy"]))
    return out


def numbers(results: Results) -> dict[str, str]:
    """In how many seeds at least 95 % were right after 200 steps."""
    (record,) = need(results, "escape", task="presence", mode="full", start="cancelling")
    found = per_seed(record, "accuracy")
    return {"left": str(int((found >= 0.95).sum())), "seeds": str(len(found)), "steps": str(record["steps"])}


CLAIM = Claim(
    name="escape",
    claim="Training leaves the cancelling start (claim 1)",
    prediction="≥ 95 % accuracy in every seed, with full-batch descent and with minibatches, on both tasks",
    limits={"accuracy": 0.95},
    compare=compare,
    numbers=numbers,
    prose="On polarity every seed left the start that cancels. On presence {left} of {seeds} had left it after {steps} "
    "steps of full-batch descent. That is no sign that the others stay: {steps} steps are "
    "few, and near such a start the gradient is small. How long it takes is a matter of the next, longer run.",
    written_for="open",
    open="Descent stopped after 200 steps. A seed that had not left by then may have been on its way.",
    draw=film.draw,
)
