"""Is the sum more accurate than other reductions? Where only a difference of channels tells, and elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minigrad.study.claims.claim import Claim, Comparison, Missing, need, per_seed, points, run
from minigrad.study.figures import accuracy
from minigrad.study.figures.accuracy import Difference
from minigrad.study.records import Record, Results
from minigrad.study.stats import Interval, bootstrap, equivalent, holm, no_difference, paired

OPEN = ("and", "distractors", "correlated", "common")  # the tasks that are not saturated
RENAMED = ("mean", "sum+17", "alternating")  # the sum under other names: the yardstick
MARGIN = 0.01  # of accuracy: what counts as a difference
FAMILY = ("max", "min", "median", "product", "l2", "logsumexp", "softmax", "abs", "geomean", "tied", "untied", "concat")


def better_start(results: Results, task: str, arm: str) -> Record:
    """The trainings of an arm from the start that did better on the images that rates are chosen by."""
    tuned = need(results, "tune", task=task, arm=arm, F=8)
    found = {r["init"]: max(r["accuracy"]) for r in tuned}
    return run(results, task, arm, 8, max(found, key=lambda init: (found[init], init == "he")))


def differences(results: Results) -> list[Difference]:
    """The sum minus every arm of the family on every open task; what was not run, or diverged, is left out.

    The t test's p, corrected by Holm over all of them; and the p of two one-sided tests at ±1 point.
    """
    pairs: dict[str, np.ndarray] = {}  # "task arm": a difference a seed
    for task in OPEN:
        for arm in FAMILY:
            try:
                both = [per_seed(better_start(results, task, name), "accuracy") for name in ("sum", arm)]
            except Missing:
                continue
            if np.isfinite(both).all():
                pairs[f"{task} {arm}"] = both[0] - both[1]
    corrected = holm({name: no_difference(d) for name, d in pairs.items()})
    found = []
    for name, d in pairs.items():
        task, arm = name.split(" ")
        found.append(Difference(task, arm, bootstrap(d), corrected[name], equivalent(d, MARGIN)))
    return found


def yardstick(results: Results) -> float:
    """The largest difference, on any open task, between the sum and the sum under another name; 0 if none was run."""
    names = [(task, arm) for task in OPEN for arm in RENAMED if results.where("run", task=task, arm=arm, F=8)]
    pairs = [[per_seed(run(results, task, name), "accuracy") for name in ("sum", arm)] for task, arm in names]
    return max((abs(float(np.mean(a - b))) for a, b in pairs), default=0.0)


def against(results: Results, task: str, arm: str, level: float = 0.95) -> Interval:
    """The sum minus an arm on a task, each from its better start."""
    reference, other = (per_seed(better_start(results, task, name), "accuracy") for name in ("sum", arm))
    return paired(reference, other, level)


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """The sum minus the maximum on each open task; a 90 % interval within the margin is two one-sided tests at 5 %."""
    found = [
        Comparison(f"{task}: sum − max", against(results, task, "max"), ">", limits[task])
        for task in ("common", "correlated", "and")
    ]
    value = against(results, "distractors", "max", 0.9)
    return [*found, Comparison("distractors: sum − max (90 %)", value, "within", limits["margin"])]


def numbers(results: Results) -> dict[str, str]:
    """The differences to the maximum by task, and the yardstick."""
    out = {task: points(against(results, task, "max")) for task in OPEN}
    return out | {
        "yardstick": f"{100 * yardstick(results):.1f} points",
        "late": f"{100 * late(results):.1f} points",
        "longer": points(longer(results)),
    }


def longer(results: Results) -> Interval:
    """The sum minus the maximum on common-mode digits after twice as many steps, each from its better start."""
    found = {}
    for arm in ("sum", "max"):
        init = better_start(results, "common", arm)["init"]
        found[arm] = per_seed(need(results, "longer", task="common", arm=arm, init=init)[0], "accuracy")
    return paired(found["sum"], found["max"])


def late(results: Results) -> float:
    """The largest change, on any open task, of the sum's or the maximum's mean accuracy over the last third."""
    runs = [better_start(results, task, arm) for task in OPEN for arm in ("sum", "max")]
    return max(abs(float(np.mean(per_seed(found, "late")))) for found in runs)


CLAIM = Claim(
    name="accuracy",
    claim="Is the sum more accurate than a maximum?",
    prediction="sum − max > 5 points on common-mode digits, > 0 on grey digits and on “and”, and within ±1 point "
    "among distractors, F = 8, each from its better start and at its own rate",
    limits={"common": 0.05, "correlated": 0.0, "and": 0.0, "margin": MARGIN},
    compare=compare,
    numbers=numbers,
    prose="On common-mode digits, where only a difference of channels tells, the sum was ahead of the maximum by "
    "{common}. Elsewhere ten seeds show no difference, and exclude none of a point: {correlated} on grey digits, {and} "
    "on “and”, {distractors} among distractors. How fine is this ruler? Under other names, as the mean or with 17 "
    "added, the sum differs from itself by up to {yardstick}: from rounding alone. Over the last third of training the "
    "accuracies of the sum and the maximum changed by {late} at most, that of the maximum on common-mode digits. After "
    "twice as many steps the difference there was {longer}.",
    written_for="undecided",
    draw=lambda results: accuracy.draw(results, differences(results), yardstick(results)),
)
