"""Does training from a start that cancels end as well as from a random one?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minigrad.study.claims.claim import Claim, Comparison, exact, need, per_seed
from minigrad.study.claims.escape import MODES, TASKS, record, with_gradient
from minigrad.study.figures import measures
from minigrad.study.records import Results


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """The worst accuracy among the seeds with a gradient; a seed that diverged has none."""
    out = []
    for task in TASKS:
        for mode in MODES:
            found = record(results, task, mode)
            reached = np.nan_to_num(per_seed(found, "accuracy"), nan=-np.inf)[with_gradient(found)]
            worst = float(reached.min(initial=np.inf))
            out.append(Comparison(f"{task}, {mode}: worst seed", exact(worst), ">=", limits["accuracy"]))
    return out


def numbers(results: Results) -> dict[str, str]:
    """How many of the ten seeds were right in 95 % of the cases, from a start that cancels and from a random one."""
    out = {"steps": f"{record(results, 'presence', 'full')['steps']:,}"}
    for task in TASKS:
        for mode in MODES:
            out[f"{task}_{mode}"] = str(int((per_seed(record(results, task, mode), "accuracy") >= 0.95).sum()))
        (other,) = need(results, "escape", task=task, mode="full", start="random")
        out[f"{task}_random"] = str(int((per_seed(other, "accuracy") >= 0.95).sum()))
    return out


CLAIM = Claim(
    name="arrive",
    claim="… and then learns what a random start learns",
    prediction="after 2,000 steps ≥ 95 % accuracy in every seed that has a gradient at the start, with full-batch "
    "descent and with minibatches, on both tasks. (The pilot, on other seeds, met this on polarity and missed it on "
    "presence.)",
    limits={"accuracy": 0.95},
    compare=compare,
    numbers=numbers,
    prose="After {steps} full-batch steps {polarity_full} of 10 seeds were right in at least 95 % of the cases on "
    "polarity, and {presence_full} on presence. That is what random starts reach: {polarity_random} and "
    "{presence_random}. With minibatches it was {polarity_minibatch} and {presence_minibatch}: on presence "
    "one seed ended at guessing. So a start that cancels is left, but it is not harmless. The pilot, on ten "
    "other seeds, said so too: one began without any gradient, and three more descents on presence got stuck.",
    written_for="fails",
    draw=lambda results: f'<div class="wide">{measures.escape(results)}</div>',
)
