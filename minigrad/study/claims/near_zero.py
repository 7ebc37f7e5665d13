"""Are most weights near zero after training?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minigrad.study.claims.claim import Claim, Comparison, need, per_seed, percent
from minigrad.study.figures import filters, markup, measures
from minigrad.study.records import Results
from minigrad.study.stats import Interval, bootstrap, share_of_directions

TASKS = ("and", "distractors", "correlated", "common")


def over_tasks(results: Results, decay: float, field: str) -> Interval:
    """A field of the sum's networks trained with this decay, the mean over the cohort's tasks."""
    rows = [per_seed(need(results, "decay", task=task, decay=decay)[0], field) for task in TASKS]
    return bootstrap(np.mean(rows, axis=0))


def lost(results: Results, decay: float) -> Interval:
    """Accuracy lost without the smaller half of the layer's weights, the mean over the cohort's tasks."""
    found = [need(results, "decay", task=task, decay=decay)[0] for task in TASKS]
    return bootstrap(np.mean([per_seed(r, "accuracy") - per_seed(r, "pruned") for r in found], axis=0))


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """Whether most are near zero, by either σ; and what half of them are worth."""
    names = {"near_start": "the start's σ", "near_own": "each filter's own"}
    near = [
        Comparison(f"share near zero by {words}", over_tasks(results, 0, name), ">", limits["most"])
        for name, words in names.items()
    ]
    return [*near, Comparison("accuracy lost by pruning half", lost(results, 0), "<", limits["lost"])]


def numbers(results: Results) -> dict[str, str]:
    """Shares, sizes and losses by decay, in percent; `gaussian` for comparison."""
    gaussian = share_of_directions(27, 0.1 / 27**0.5)  # of its weights, |w| < a tenth of its own filter's size
    out = {"gaussian": f"{100 * gaussian:.0f} %"}
    for name, decay in (("none", 0), ("weak", 1e-4), ("strong", 1e-3)):
        out[f"start_{name}"] = percent(over_tasks(results, decay, "near_start"))
        out[f"own_{name}"] = percent(over_tasks(results, decay, "near_own"))
        out[f"lost_{name}"] = percent(lost(results, decay))
    return out


CLAIM = Claim(
    name="near zero",
    claim="Most trained weights are near zero (claim 3)",
    prediction="more than half of the weights have |w| < σ / 10, by the start’s σ and by each filter’s own, and "
    "pruning the smaller half costs < 1 point, without decay; expected after a pilot: it fails, with a tenth near "
    "zero",
    limits={"most": 0.5, "lost": 0.01},
    compare=compare,
    numbers=numbers,
    prose="Without decay {start_none} of the sum’s weights were below a tenth of the σ that they had at the start, "
    "and {own_none} below a tenth of their own filter’s; a Gaussian has {gaussian} there. Leaving out the smaller "
    "half cost {lost_none} of all answers. With decay 0.0001 the shares were {start_weak} and {own_weak}, with 0.001 "
    "{start_strong} and {own_strong}, and half could go for {lost_strong}.",
    written_for="fails",
    draw=lambda results: (
        filters.draw(results)
        + markup.details("Near-zero weights and pruning", measures.weights(results))
        + f'<div class="wide">{measures.photographs(results)}</div>'
    ),
)
