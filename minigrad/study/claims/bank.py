"""Is one filter enough for a relation of channels, and is a bank?"""

from __future__ import annotations

from collections.abc import Mapping

from minigrad.study.claims.claim import Claim, Comparison, mean, per_seed, percent, run
from minigrad.study.figures import markup, measures, slider
from minigrad.study.records import Results

TASKS = ("presence", "relation")


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """Accuracy of the sum with one filter and with eight, at convergence."""
    return [
        Comparison(f"{task} F={F}", mean(run(results, task, "sum", F), "accuracy"), ">=", limits[name])
        for task in TASKS
        for F, name in ((1, "one"), (8, "bank"))
    ]


def numbers(results: Results) -> dict[str, str]:
    """The accuracies in the prose."""
    out = {f"{task}_{F}": percent(mean(run(results, task, "sum", F), "accuracy")) for task in TASKS for F in (1, 2, 8)}
    alone = per_seed(run(results, "presence", "sum", 1), "accuracy")
    learned = alone[alone >= CLAIM.limits["one"]]
    rest = alone[alone < CLAIM.limits["one"]]
    shares = {"least": f"{100 * learned.min():.1f} %", "rest": f"{100 * rest.mean():.0f} %"}
    return out | {"stuck": str(len(rest)), "learned": str(len(learned))} | shares


CLAIM = Claim(
    name="bank",
    claim="One filter is enough for a relation of channels, once it is trained",
    prediction="at convergence the sum is right in ≥ 95 % with one filter and in ≥ 98 % with eight, on presence and "
    "on relation",
    limits={"one": 0.95, "bank": 0.98},
    compare=compare,
    numbers=numbers,
    prose="Is there an opponent edge of either polarity? Trained until nothing changed any more, one filter was "
    "right in {presence_1} of the cases. In {learned} seeds it reached at least {least}; in {stuck} it was right in "
    "{rest}, as a filter is that sees edges of one polarity alone. Two filters were right in {presence_2}, eight in "
    "{presence_8}. Do red’s and blue’s edges oppose each other? One filter: {relation_1}, eight: {relation_8}. A "
    "single sum cancels some edges, but training mostly picks one that keeps those that it needs.",
    written_for="undecided",
    draw=lambda results: (
        slider.draw(results) + markup.details("Linear probes on one channel and on all", measures.probes(results))
    ),
)
