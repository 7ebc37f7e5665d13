"""What one filter loses and what a bank of filters keeps."""

from __future__ import annotations

from collections.abc import Mapping

from minigrad.study.claims.claim import Claim, Comparison, mean, percent, run
from minigrad.study.figures import markup, measures, slider
from minigrad.study.records import Results

TASKS = ("presence", "relation")


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """Accuracy of the sum with one filter and with eight."""
    return [
        Comparison(f"{task} F={F}", mean(run(results, task, "sum", F), "accuracy"), sense, limits[name])  # type: ignore[arg-type]
        for task in TASKS
        for F, sense, name in ((1, "<=", "one"), (8, ">=", "bank"))
    ]


def numbers(results: Results) -> dict[str, str]:
    """The accuracies in the prose."""
    return {f"{task}_{F}": percent(mean(run(results, task, "sum", F), "accuracy")) for task in TASKS for F in (1, 8)}


CLAIM = Claim(
    name="bank",
    claim="One filter can lose information, a bank does not",
    prediction="sum, presence and relation: accuracy ≤ 0.80 with one filter and ≥ 0.98 with eight",
    limits={"one": 0.80, "bank": 0.98},
    compare=compare,
    numbers=numbers,
    prose="Is there an opponent edge of either polarity? With one filter the sum was right in {presence_1} after a "
    "short training, with eight in {presence_8}. Do red’s and blue’s edges oppose each other? One filter was right in "
    "{relation_1}, eight in {relation_8}. So a filter that cancels something does not lose it for the network: other "
    "filters keep it. How much one filter could learn in a longer training, these records do not say.",
    written_for="open",
    open="Training stopped after 120 minibatches. What one filter had not learned by then is not what it cannot learn.",
    draw=lambda results: (
        slider.draw(results) + markup.details("Linear probes on one channel and on all", measures.probes(results))
    ),
)
