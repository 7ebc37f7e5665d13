"""Do channels cancel only if features are correlated or specially crafted?"""

from __future__ import annotations

from collections.abc import Mapping

from minigrad.study.claims.claim import Claim, Comparison, mean, percent, run
from minigrad.study.figures import measures
from minigrad.study.records import Results

CRAFTED, CORRELATED, INDEPENDENT = "common", "correlated", ("and", "distractors")


def excess(results: Results, task: str) -> str:
    """Excess cancellation of the sum after training: `+0.21 [+0.19, +0.23]`."""
    value, low, high = mean(run(results, task, "sum"), "excess")
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]".replace("-", "−")


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """More than chance where only a difference shows the digit, less where channels agree, near it elsewhere."""
    value = mean(run(results, CRAFTED, "sum"), "excess")
    found = [Comparison(f"{CRAFTED}: excess cancellation", value, ">", limits["crafted"])]
    value = mean(run(results, CORRELATED, "sum"), "excess")
    found.append(Comparison(f"{CORRELATED}: excess cancellation", value, "<", limits["correlated"]))
    for task in INDEPENDENT:
        value = mean(run(results, task, "sum"), "excess")
        found.append(Comparison(f"{task}: excess cancellation", value, "within", limits["independent"]))
    return found


def numbers(results: Results) -> dict[str, str]:
    """Excess by task, and the accuracy where the label is in a difference."""
    out = {task: excess(results, task) for task in (CRAFTED, CORRELATED, *INDEPENDENT)}
    return out | {"accuracy": percent(mean(run(results, CRAFTED, "sum"), "accuracy"))}


CLAIM = Claim(
    name="crafted",
    claim="Cancellation only if crafted or correlated (claim 7)",
    prediction="excess cancellation > 0.1 on common-mode digits, < 0 on grey digits whose channels agree, and between "
    "−0.1 and 0.1 where channels are independent (and, distractors)",
    limits={"crafted": 0.1, "correlated": 0.0, "independent": 0.1},
    compare=compare,
    numbers=numbers,
    prose="The index, minus what random signs give, was {common} where only a difference of channels shows the digit, "
    "which the sum then read in {accuracy} of the cases. It was {correlated} on grey digits, whose channels are one, "
    "and {and} and {distractors} where channels are independent.",
    written_for="holds",
    draw=measures.cancellation,
)
