"""The thirteen hypotheses: claims and criteria as data, written down before the full run, and the program that judges.

A hypothesis is a list of comparisons of an estimate and its interval with a limit. It holds if every interval lies
wholly on the right side, fails if one lies wholly on the wrong side, and is undecided otherwise. Counts and other
exact numbers are intervals without width. Limits stand in HYPOTHESES and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from minigrad.study.records import Record, Results
from minigrad.study.reductions import ARMS
from minigrad.study.stats import Interval, bootstrap, equivalent, holm, paired, wilcoxon
from minigrad.study.tasks import TASKS

Outcome = Literal["holds", "fails", "undecided", "not run"]
SANITY = ("photographs", "polarity-rb")  # tasks that no mean over tasks includes


class Comparison(NamedTuple):
    """An estimate, its interval, and the side of the limit on which the hypothesis wants it."""

    what: str
    value: Interval
    sense: Literal["<=", ">=", "<", ">"]
    limit: float

    @property
    def holds(self) -> bool:
        """Whether the whole interval is on the right side."""
        return bool(_side(self.sense, self.value.low, self.limit) and _side(self.sense, self.value.high, self.limit))

    @property
    def fails(self) -> bool:
        """Whether the whole interval is on the wrong side, or there is none: what diverged has not passed."""
        low, high = (_side(self.sense, end, self.limit) for end in (self.value.low, self.value.high))
        return not (low or high)

    def __str__(self) -> str:
        ends = "" if self.value.low == self.value.high else f" [{short(self.value.low)}, {short(self.value.high)}]"
        return f"{self.what} {short(self.value.mean)}{ends}"


def _side(sense: str, value: float, limit: float) -> bool:
    return {"<=": value <= limit, ">=": value >= limit, "<": value < limit, ">": value > limit}[sense]


def short(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}"


def exact(value: float) -> Interval:
    """A number that was counted or has no spread."""
    return Interval(value, value, value)


@dataclass(frozen=True)
class Hypothesis:
    """A claim, its criterion in words and in limits, and the function that finds what to compare."""

    number: int
    claim: str
    criterion: str
    limits: Mapping[str, float]
    compare: Callable[[Results, Mapping[str, float]], list[Comparison]]
    explain: Callable[[Results], str] = field(default=lambda results: "")


class Verdict(NamedTuple):
    """What became of a hypothesis."""

    number: int
    claim: str
    criterion: str
    measured: str
    verdict: Outcome
    explanation: str


class Missing(LookupError):
    """The records that a hypothesis needs are not there."""


def judge(results: Results) -> list[Verdict]:
    """The verdict on every hypothesis, from the records alone."""
    verdicts = []
    for h in HYPOTHESES:
        try:
            comparisons = h.compare(results, h.limits)
        except Missing as error:
            verdicts.append(Verdict(h.number, h.claim, h.criterion, f"no record of {error}", "not run", ""))
            continue
        outcome: Outcome = (
            "fails"
            if any(c.fails for c in comparisons)
            else "holds"
            if all(c.holds for c in comparisons)
            else "undecided"
        )
        measured = "; ".join(str(c) for c in comparisons)
        verdicts.append(Verdict(h.number, h.claim, h.criterion, measured, outcome, h.explain(results)))
    return verdicts


def need(results: Results, kind: str, **fields: Any) -> list[Record]:
    """The records that match; Missing if there is none."""
    found = results.where(kind, **fields)
    if not found:
        raise Missing(", ".join([kind, *(str(v) for v in fields.values() if not callable(v))]))
    return found


def runs(results: Results, task: str, arm: str, F: int, init: str = "he") -> Record:
    """The trainings of one cell."""
    return need(results, "run", task=task, arm=arm, F=F, init=init)[0]


def accuracy(results: Results, task: str, arm: str, F: int, init: str = "he") -> Interval:
    """Mean test accuracy over seeds."""
    return bootstrap(runs(results, task, arm, F, init)["accuracy"])


# ------------------------------------------------------------------------------------------- what is compared


def disguised(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """H1."""
    return [
        Comparison(arm, exact(max(r["gap"] for r in need(results, "equivalence", arm=arm))), "<=", limits["gap"])
        for arm in ("mean", "sum+17", "alternating")
    ]


def ordinary_start(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """H2."""
    (record,) = need(results, "start")
    return [
        Comparison("KS p-value", exact(record["p_value"]), ">=", limits["p"]),
        Comparison("quantiles differ by", exact(record["difference"]), "<=", limits["quantile"]),
    ]


def bank(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """H3."""
    return [
        Comparison(f"{task} F={F}", accuracy(results, task, "sum", F), sense, limits[name])  # type: ignore[arg-type]
        for task in ("presence", "relation")
        for F, sense, name in ((1, "<=", "one"), (8, ">=", "bank"))
    ]


def tied(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """H4."""
    return at_chance(results, limits, [(task, "tied", 8) for task in ("polarity", "presence", "which")])


def at_chance(results: Results, limits: Mapping[str, float], cells: list[tuple[str, str, int]]) -> list[Comparison]:
    """Mean accuracies, each of which should be within a margin of guessing."""
    out = []
    for task, arm, F in cells:
        run = runs(results, task, arm, F)
        distance = abs(float(np.mean(np.array(run["accuracy"], float))) - run["chance"])
        value = bootstrap(run["accuracy"])
        ends = sorted((abs(value.low - run["chance"]), abs(value.high - run["chance"])))
        inside = value.low <= run["chance"] <= value.high
        interval = Interval(distance, 0.0 if inside else ends[0], ends[1])
        out.append(Comparison(f"{task} {arm} F={F}, distance from chance", interval, "<=", limits["margin"]))
    return out


def cancelling_start(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """H5."""
    out = []
    for task in ("polarity", "presence"):
        found = {
            start: need(results, "escape", task=task, mode="full", start=start)[0] for start in ("cancelling", "random")
        }
        for name in ("loss", "gradient"):
            a, b = (np.array(found[start][f"start_{name}"], float) for start in ("cancelling", "random"))
            share = float((a >= b).mean())
            out.append(
                Comparison(f"{task}: share of seeds with {name} ≥ random's", exact(share), ">=", limits["share"])
            )
    return out


def escapes(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """H6."""
    out = []
    for task in ("polarity", "presence"):
        for mode in ("full", "minibatch"):
            (record,) = need(results, "escape", task=task, mode=mode, start="cancelling")
            lowest = min(-np.inf if a is None else a for a in record["accuracy"])
            out.append(Comparison(f"{task} {mode}: worst seed", exact(lowest), ">=", limits["accuracy"]))
    return out


def silent(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """H7: of the share as it is and with patches' means removed, the one that is better for the claim."""
    return [
        Comparison(
            f"layer {r['layer']} (d = {r['d']}): share of |cos| < 0.1",
            exact(max(r["share"], r["share_centred"])),
            ">=",
            limits["share"],
        )
        for r in need(results, "unmatched")
    ]


def sparse(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """H8, on the mean over tasks."""
    found = need(results, "run", arm="sum", F=8, init="he", task=lambda t: t not in SANITY)
    share = np.mean([r["near_zero"] for r in found], axis=0)
    lost = np.mean([np.array(r["accuracy"], float) - np.array(r["pruned"], float) for r in found], axis=0)
    return [
        Comparison("share near zero", bootstrap(share), ">", limits["share"]),
        Comparison("accuracy lost by pruning", bootstrap(lost), "<", limits["cost"]),
    ]


def flows(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """H9, at C = 16: by how many decades the median gradient ratio is off 1."""
    out = []
    for init in ("he", "unit"):
        for r in need(results, "depth", init=init, C=16):
            known = ARMS[r["arm"]]
            if r["arm"] != "sum" and known.affine:
                continue
            values = [v for v in r["ratio"] if v]
            decades = abs(float(np.median(np.log10(values)))) if len(values) == len(r["ratio"]) else np.inf
            sense: Literal["<=", ">"] = "<=" if r["arm"] == "sum" else ">"
            out.append(Comparison(f"{r['arm']} ({init}): decades", exact(decades), sense, limits["decades"]))
    return out


def better_init(results: Results, task: str, arm: str) -> str:
    """The initialisation that did better on the tuning seeds."""
    tuned = need(results, "tune", task=TASKS[task].tuned_on, arm=arm)
    found: dict[str, float] = {r["init"]: max(r["accuracy"]) for r in tuned}
    return max(found, key=lambda init: (found[init], init == "he"))


def over_tasks(results: Results, arm: str, F: int = 8) -> np.ndarray[Any, Any]:
    """Accuracy a seed (S,), the mean over tasks, each at the arm's better initialisation."""
    tasks = [t for t in results.values("run", "task") if t not in SANITY]
    rows = [runs(results, t, arm, F, better_init(results, t, arm))["accuracy"] for t in tasks]
    if not rows:
        raise Missing("run")
    return np.asarray(np.mean(np.array(rows, float), axis=0))


def most_accurate(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """H10."""
    gain = paired(over_tasks(results, "sum"), over_tasks(results, "max"))
    return [
        Comparison("sum − max, mean over tasks", gain, ">", 0.0),
        Comparison("its estimate", exact(gain.mean), ">", limits["gain"]),
    ]


def blind(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """H11; the product of two channels."""
    cells = [("polarity", "abs", F) for F in (1, 8)] + [("polarity", "l2", F) for F in (1, 8)]
    return at_chance(results, limits, [*cells, *(("polarity-rb", "product", F) for F in (1, 8))])


def crafted(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """H12."""
    untied, shared = (runs(results, "common", arm, 8) for arm in ("sum", "tied"))
    gain = paired(untied["accuracy"], shared["accuracy"])
    return [
        Comparison("excess cancellation after training", bootstrap(untied["excess"]), "<=", limits["excess"]),
        Comparison("untied − tied", gain, "<=", limits["gain"]),
    ]


def cheapest(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """H13."""
    return [
        Comparison(
            f"streamed max ÷ sum at C = {C}",
            exact(need(results, "cost", arm="max", version="streamed", C=C)[0]["both_ratio"]),
            ">=",
            limits["ratio"],
        )
        for C in (16, 64)
    ]


# ------------------------------------------------------------------------------- surprises, explained by measurement


def symmetry(results: Results) -> str:
    """H6: what exact symmetry of the data does to full-batch descent."""
    lines = []
    for task in ("polarity", "presence"):
        accuracies = {
            mode: [a for r in results.where("escape", task=task, mode=mode, start="cancelling") for a in r["accuracy"]]
            for mode in ("full", "minibatch", "mirrored")
        }
        if all(accuracies.values()):
            told = ", ".join(f"{mode} {short(min(a))} to {short(max(a))}" for mode, a in accuracies.items())
            lines.append(f"{task}: accuracy by mode {told}")
    for r in results.where("escape", start="cancelling", mode=lambda mode: mode != "mirrored"):
        stuck = [k for k, a in enumerate(r["accuracy"]) if a is None or a < 0.95]
        if stuck:
            first = ", ".join(short(r["start_gradient"][k]) for k in stuck)
            usual = short(float(np.median(r["start_gradient"])))
            lines.append(
                f"{r['task']} {r['mode']}: first gradient of the seeds that stay {first}, median of all {usual}"
            )
    return (
        "Mirrored data are closed under swapping red and blue. Where the swap keeps the label, equal slices get equal "
        f"gradients and stay equal. {'; '.join(lines)}."
        if lines
        else ""
    )


def others(results: Results) -> str:
    """H10: every reduction beside the sum, Wilcoxon with Holm's correction and equivalence within a point."""
    try:
        reference = over_tasks(results, "sum")
        differences = {
            arm: reference - over_tasks(results, arm)
            for arm in results.values("run", "arm")
            if arm != "sum" and results.where("run", arm=arm, F=8)
        }
    except Missing:
        return ""
    tested = holm({arm: wilcoxon(d) for arm, d in differences.items()})
    told = [
        f"{arm} {100 * bootstrap(d).mean:+.1f} [{100 * bootstrap(d).low:+.1f}, {100 * bootstrap(d).high:+.1f}]"
        f" (p = {short(tested[arm])}{', equivalent' if equivalent(d, 0.01) < 0.05 else ''})"
        for arm, d in differences.items()
    ]
    text = "Sum minus each, in points, mean over tasks, Wilcoxon's p after Holm: " + "; ".join(told) + "."
    disguised = [100 * float(d.mean()) for arm, d in differences.items() if ARMS[arm].affine and not ARMS[arm].control]
    if disguised:  # a control: one function under several names, so what differs is start and learning rate
        text += (
            " Mean, sum + 17 and alternating signs are the sum in disguise: that they differ from it by "
            f"{min(disguised):+.1f} to {max(disguised):+.1f} points is what another start and learning rate do, and "
            "the yardstick for the others."
        )
    return text


def gradients_at_start(results: Results) -> str:
    """H5: mean loss and gradient of both starts."""
    lines = []
    for task in ("polarity", "presence"):
        for start in ("cancelling", "random"):
            for r in results.where("escape", task=task, mode="full", start=start):
                loss, gradient = (np.mean(np.array(r[f"start_{n}"], float)) for n in ("loss", "gradient"))
                lines.append(f"{task}, {start} start: loss {short(loss)}, gradient {short(gradient)}")
    return "; ".join(lines)


def widths(results: Results) -> str:
    """H3: the network and a linear probe of the first layer, by the number of filters."""
    lines = []
    for task in ("presence", "relation"):
        told = [
            f"F = {r['F']}: network {short(float(np.mean(np.array(r['accuracy'], float))))}, "
            f"linear probe {short(float(np.mean(np.array(r['probe_all'], float))))}"
            for r in sorted(results.where("run", task=task, arm="sum", init="he"), key=lambda r: r["F"])
        ]
        if told:
            lines.append(f"{task}: {'; '.join(told)}")
    return ". ".join(lines)


def paired_negatives(results: Results) -> str:
    """H11: accuracy where chance is no matter of sampling, on images together with their negatives."""
    told = [
        f"{r['arm']} F = {r['F']}: {short(min(r['accuracy']))} to {short(max(r['accuracy']))}"
        for r in results.where("negative")
    ]
    if not told:
        return ""
    return (
        "On independent test images guessing scatters around a half. Where each image comes with its negative, an even "
        f"reduction is right on exactly one of the two; accuracy over seeds there: {'; '.join(told)}."
    )


def underflow(results: Results) -> str:
    """H9: what the extreme numbers are."""
    gone = [
        f"{r['arm']} ({r['init']})"
        for r in results.where("depth", C=16)
        if any(v is None or not 1e-30 < v < 1e30 for v in r["ratio"])
    ]
    return f"No gradient arrived, or none that float32 can hold, in: {', '.join(gone)}." if gone else ""


def by_task(results: Results) -> str:
    """H8: both numbers for each task."""
    return "; ".join(
        f"{r['task']}: near zero {short(bootstrap(r['near_zero']).mean)}, pruned "
        f"{short(bootstrap(r['accuracy']).mean)} → {short(bootstrap(r['pruned']).mean)}"
        for r in results.where("run", arm="sum", F=8, init="he", task=lambda t: t not in SANITY)
    )


def common_mode(results: Results) -> str:
    """H12: accuracy of the sum, of tied weights and of concatenation where only a difference shows the digit."""
    return "; ".join(
        f"{arm}: accuracy {bootstrap(r['accuracy'])}, excess {bootstrap(r['excess'])}"
        for arm in ("sum", "tied", "untied", "concat")
        for r in results.where("run", task="common", arm=arm, F=8, init="he")
    )


def chance_of_directions(results: Results) -> str:
    """H7: what random directions would give."""
    return "; ".join(f"random directions in d = {r['d']}: {short(r['expected'])}" for r in results.where("unmatched"))


# ------------------------------------------------------------------------------------------------ the hypotheses

HYPOTHESES = [
    Hypothesis(
        1,
        "Mean, sum + 17 and alternating signs are the sum in disguise",
        "loss gap ≤ 1e-10 over 200 float64 steps, each",
        {"gap": 1e-10},
        disguised,
    ),
    Hypothesis(
        2,
        "There is no special cancellation at the start",
        "two-sample KS of aligned and opponent responses not rejected at 1 %; quantiles within 2 %",
        {"p": 0.01, "quantile": 0.02},
        ordinary_start,
    ),
    Hypothesis(
        3,
        "One filter can lose information, a bank does not",
        "sum, presence and relation: accuracy ≤ 0.80 at F = 1 and ≥ 0.98 at F = 8",
        {"one": 0.80, "bank": 0.98},
        bank,
        widths,
    ),
    Hypothesis(
        4,
        "The questioner is right if the weights are tied",
        "tied: chance ± 2 points on polarity, presence, which-channel (F = 8)",
        {"margin": 0.02},
        tied,
    ),
    Hypothesis(
        5,
        "Cancellation means big loss and big gradients (claim 1)",
        "from a start that cancels exactly, loss and gradient ≥ those of a random start in ≥ 9 of 10 seeds, on "
        "polarity and presence",
        {"share": 0.9},
        cancelling_start,
        gradients_at_start,
    ),
    Hypothesis(
        6,
        "Training leaves the cancelling start (claim 1)",
        "≥ 95 % accuracy in every seed, with full-batch descent and with minibatches, on both tasks",
        {"accuracy": 0.95},
        escapes,
        symmetry,
    ),
    Hypothesis(
        7,
        "An unmatched filter answers near zero (claim 2)",
        "|cos| < 0.1 for 95 % of unrelated patches, at d = 27 and at the second layer",
        {"share": 0.95},
        silent,
        chance_of_directions,
    ),
    Hypothesis(
        8,
        "Most trained weights are near zero (claim 3)",
        "without decay: share with |w| < 0.1 σ of the start above a Gaussian's 0.08, and pruning the smaller half "
        "costs < 1 point",
        {"share": 0.08, "cost": 0.01},
        sparse,
        by_task,
    ),
    Hypothesis(
        9,
        "The sum has the best gradient flow (claim 5)",
        "gradient ratio over 10 layers (C = 16, median) in [0.1, 10] for the sum and for no non-affine reduction, "
        "under both initialisations",
        {"decades": 1.0},
        flows,
        underflow,
    ),
    Hypothesis(
        10,
        "The sum is the most accurate",
        "beats max by > 1 point, interval above 0, on the mean over tasks, F = 8, each at its better initialisation",
        {"gain": 0.01},
        most_accurate,
        others,
    ),
    Hypothesis(
        11,
        "Even reductions are blind to polarity",
        "Σ|r|, L2, product (of two channels): chance ± 2 points on polarity, F = 1 and 8",
        {"margin": 0.02},
        blind,
        paired_negatives,
    ),
    Hypothesis(
        12,
        "Cancellation only if crafted or correlated (claim 7)",
        "common-mode digits: excess index ≤ 0 after training, and untied − tied ≤ 5 points",
        {"excess": 0.0, "gain": 0.05},
        crafted,
        common_mode,
    ),
    Hypothesis(
        13,
        "The sum is cheapest (claim 4)",
        "forward + backward ≥ 1.5 times faster than the streamed max at C = 16, 64",
        {"ratio": 1.5},
        cheapest,
    ),
]
