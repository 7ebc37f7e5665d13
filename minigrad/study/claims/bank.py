"""What one filter loses and what a bank of filters keeps."""

from __future__ import annotations

from collections.abc import Mapping

from minigrad.study.claims.claim import Claim, Comparison, mean, percent, run
from minigrad.study.figures import markup, measures, slider
from minigrad.study.records import Results

TASKS = ("presence", "relation")


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """Accuracy of the sum with one filter and with eight, at convergence."""
    return [
        Comparison(f"{task} F={F}", mean(run(results, task, "sum", F), "accuracy"), sense, limits[name])  # type: ignore[arg-type]
        for task in TASKS
        for F, sense, name in ((1, "<=", "one"), (8, ">=", "bank"))
    ]


def numbers(results: Results) -> dict[str, str]:
    """The accuracies in the prose."""
    return {
        f"{task}_{F}": percent(mean(run(results, task, "sum", F), "accuracy")) for task in TASKS for F in (1, 2, 4, 8)
    }


CLAIM = Claim(
    name="bank",
    claim="One filter can lose information, a bank does not",
    prediction="",
    limits={"one": 0.90, "bank": 0.98},
    compare=compare,
    numbers=numbers,
    prose="",
    written_for="holds",
    draw=lambda results: (
        slider.draw(results) + markup.details("Linear probes on one channel and on all", measures.probes(results))
    ),
)
