"""Are most weights near zero after training?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minigrad.study.claims.claim import Claim, Comparison, per_seed, percent, run
from minigrad.study.figures import filters, markup, measures
from minigrad.study.records import Results
from minigrad.study.stats import bootstrap

TASKS = ("polarity", "presence", "relation", "which", "and", "correlated", "distractors", "common")


def shares(results: Results) -> tuple[np.ndarray, np.ndarray]:
    """Share near zero and accuracy lost by pruning, a seed each (S,), the means over the cohort's tasks."""
    found = [run(results, task, "sum") for task in TASKS]
    share = np.mean([per_seed(r, "near_zero") for r in found], axis=0)
    return share, np.mean([per_seed(r, "accuracy") - per_seed(r, "pruned") for r in found], axis=0)


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """Both against a Gaussian's share and a point of accuracy."""
    share, lost = (bootstrap(values) for values in shares(results))
    return [
        Comparison("share near zero, by the start's σ", share, ">", limits["share"]),
        Comparison("accuracy lost by pruning", lost, "<", limits["cost"]),
    ]


def numbers(results: Results) -> dict[str, str]:
    """Both in percent."""
    return dict(zip(("share", "lost"), (percent(bootstrap(values)) for values in shares(results)), strict=True))


CLAIM = Claim(
    name="near zero",
    claim="Most trained weights are near zero (claim 3)",
    prediction="without decay: share with |w| < 0.1 σ of the start above a Gaussian's 0.08, and pruning the smaller "
    "half costs < 1 point",
    limits={"share": 0.08, "cost": 0.01},
    compare=compare,
    numbers=numbers,
    prose="After a short training without decay, {share} of the sum’s weights were below a tenth of the standard "
    "deviation that they had at the start; a Gaussian has 8 % there. Leaving out the smaller half cost {lost} of "
    "all answers. But a filter that has grown is measured here by the width that it had before it grew.",
    written_for="open",
    open="Only the start’s σ was the measure, there was no decay, and training was short.",
    draw=lambda results: (
        filters.draw(results)
        + markup.details("Near-zero weights and pruning", measures.weights(results))
        + f'<div class="wide">{measures.photographs(results)}</div>'
    ),
)
