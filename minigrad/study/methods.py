"""How the study measures, in the words of the page: what was fair, how long was trained, which rates were taken."""

from __future__ import annotations

from collections.abc import Iterable

from minigrad.study.claims.accuracy import OPEN
from minigrad.study.figures import markup, measures
from minigrad.study.figures.depth import INITS
from minigrad.study.plan import DEVIATIONS
from minigrad.study.records import Record, Results

NETWORK = (
    "Network: Conv 3 × 3 (3 → F, under test), ReLU, Conv 3 × 3 with stride 2, ReLU, mean over positions, linear; "
    "float32, and float64 for identities. Optimizer: Adam; for the starts that cancel, gradient descent with momentum."
)
FAIRNESS = (
    "The same batches and the same draws of weights per seed for all reductions. A learning rate for each reduction, "
    "task and start, chosen among five that lie three times apart, by three seeds of its own; where an edge of the "
    "five wins, the search goes beyond it. Of the rates within half a point of the best the upper middle one is taken.",
    "Real images stand in three parts: for training, for the choice of rates, and for judgement. Of the digits these "
    "are 997, 300 and 500; the last are by other writers.",
    "Every reduction begins with He’s start. Some have a second one, which centres the output and scales it to unit "
    "variance; the start that did better on the images for the choice of rates is compared.",
)
STATISTICS = (
    "Intervals are 95 % percentile bootstrap intervals over seeds, paired where two reductions are compared; with few "
    "seeds they are too narrow. Differences of accuracy: a paired t test, corrected by Holm’s method over "
    "all reductions and tasks of the picture, and two one-sided t tests against ±1 point.",
    "A verdict keeps to the reductions, tasks and ten seeds that its claim names; others are only shown. Predictions "
    "and limits were committed after pilots on seeds 100 to 109, and before this run trained seeds 0 to 9.",
    "Three of the published findings were measured once more in PyTorch, by a script that shares no code with the "
    "study (<code>tests/reference/study.py</code>): the response at doses 0 and 3, the sum against the maximum on "
    "common-mode digits from He’s start, and the escape. All signs are the same, and the intervals meet.",
)


def describe(results: Results) -> str:
    """The methods as a list, with tables of the rates and of how flat the curves were at the end."""
    study = results.one("study") or {}
    runs = results.where("run")
    hours = sum(record.get("seconds") or 0.0 for record in results.records) / 3600
    networks = sum(len(run["seeds"]) for run in runs)
    facts = [
        f"Profile {markup.escape(study.get('profile', 'unknown'))}: {len(results)} records, {networks} networks "
        f"trained for the accuracies, {hours:.2f} hours of computing in all.",
        NETWORK,
        *FAIRNESS,
    ]
    if runs:
        steps = "; ".join(f"{task} {_span(r['steps'] for r in runs if r['task'] == task)}" for task in _tasks(runs))
        facts.append(f"Minibatches of {_span(run['batch'] for run in runs)}, how many: {markup.escape(steps)}.")
    facts += STATISTICS
    if runs:
        facts += [f"Other than planned: {markup.escape(deviation)}" for deviation in DEVIATIONS]
    items = "".join(f"<li>{fact}</li>" for fact in facts)
    rates = markup.details("Learning rates tried and chosen", measures.tuning(results))
    return (
        f"<ul>{items}</ul>{markup.details('Was training long enough?', flatness(runs) + twice(results))}{rates}"
        "<p>Networks this small, on tasks this small, say what can happen and why; they do not say how often it "
        "happens in large networks on large data.</p>"
    )


def flatness(runs: list[Record]) -> str:
    """What the last third of training still changed of each reduction's accuracy, on the tasks that are compared."""
    found = [run for run in runs if run["task"] in OPEN and run["F"] == 8 and run["init"] == "he" and "late" in run]
    if not found:
        return markup.missing("accuracies over the last third of training")
    cells = {(run["arm"], run["task"]): measures.with_interval(run["late"], 100) for run in found}
    tasks = [task for task in OPEN if any(run["task"] == task for run in found)]
    arms = list(dict.fromkeys(run["arm"] for run in found))
    rows = [[markup.escape(arm), *(cells.get((arm, task), "–") for task in tasks)] for arm in arms]
    caption = "Accuracy gained over the last third of the steps, in points: mean over seeds [95 % interval]"
    return markup.table(caption, ["reduction", *tasks], rows)


def twice(results: Results) -> str:
    """The sum and the maximum on common-mode digits after twice as many steps."""
    found = results.where("longer")
    if not found:
        return markup.missing("the sum and the maximum, trained for twice as long")
    rows = [
        [
            markup.escape(r["arm"]),
            INITS[r["init"]],
            *(measures.with_interval(r[name], 100) for name in ("accuracy", "late")),
        ]
        for r in found
    ]
    caption = "Common-mode digits after twice as many steps: mean over seeds [95 % interval]"
    head = ["reduction", "start", "accuracy, %", "gained over the last third, points"]
    return markup.table(caption, head, rows, numbers_from=2)


def _tasks(runs: list[Record]) -> list[str]:
    return list(dict.fromkeys(run["task"] for run in runs))


def _span(values: Iterable[int]) -> str:
    found = sorted(set(values))
    return str(found[0]) if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"
