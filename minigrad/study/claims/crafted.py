"""Do channels cancel only if features are correlated or specially crafted?"""

from __future__ import annotations

from collections.abc import Mapping

from minigrad.study.claims.claim import Claim, Comparison, mean, percent, run
from minigrad.study.figures import measures
from minigrad.study.records import Results


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """Excess cancellation of the sum where only a difference of channels shows the digit."""
    value = mean(run(results, "common", "sum"), "excess")
    return [Comparison("common-mode digits: excess cancellation after training", value, "<=", limits["excess"])]


def numbers(results: Results) -> dict[str, str]:
    """Accuracy and excess."""
    found = run(results, "common", "sum")
    value, low, high = mean(found, "excess")
    return {
        "accuracy": percent(mean(found, "accuracy")),
        "excess": f"{value:+.2f} [{low:+.2f}, {high:+.2f}]".replace("-", "−"),
    }


CLAIM = Claim(
    name="crafted",
    claim="Cancellation only if crafted or correlated (claim 7)",
    prediction="common-mode digits: excess cancellation ≤ 0 after training",
    limits={"excess": 0.0},
    compare=compare,
    numbers=numbers,
    prose="These digits are hidden under a common part that only a difference of channels takes away. After 200 "
    "minibatches the sum had learned little of it: {accuracy} were right. Its excess cancellation, the index minus "
    "what random signs give, was {excess}. What it is once the task is learned, these records do not say.",
    written_for="open",
    open="The task was far from learned when training stopped.",
    draw=measures.cancellation,
)
