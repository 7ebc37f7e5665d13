"""The verdicts: how they are given, and that the published ones follow from the published records."""

from __future__ import annotations

import copy

import numpy as np
import pytest

pytest.importorskip("scipy")

from minigrad.study import hypotheses
from minigrad.study.__main__ import PUBLISHED
from minigrad.study.hypotheses import HYPOTHESES, Comparison, exact, judge
from minigrad.study.records import Results
from minigrad.study.stats import Interval


@pytest.mark.parametrize(
    "low, high, sense, holds, fails",
    [
        (0.1, 0.2, "<=", True, False),
        (0.4, 0.6, "<=", False, False),
        (0.6, 0.7, "<=", False, True),
        (0.6, 0.7, ">=", True, False),
        (0.5, 0.5, ">", False, True),
        (0.5, 0.5, ">=", True, False),
        (float("nan"), float("nan"), "<=", False, True),  # what diverged has not passed
    ],
)
def test_an_interval_decides_only_if_all_of_it_is_on_one_side(low, high, sense, holds, fails):
    comparison = Comparison("x", Interval((low + high) / 2, low, high), sense, 0.5)
    assert (comparison.holds, comparison.fails) == (holds, fails)


def verdicts(results: Results) -> dict[int, str]:
    return {v.number: v.verdict for v in judge(results)}


def test_without_records_nothing_was_run():
    assert set(verdicts(Results([])).values()) == {"not run"}


def test_every_hypothesis_has_a_claim_a_criterion_and_limits():
    assert [h.number for h in HYPOTHESES] == list(range(1, 14))
    assert all(h.claim and h.criterion and h.limits for h in HYPOTHESES)


def test_one_comparison_that_fails_decides_and_one_that_is_open_leaves_open(monkeypatch):
    good, open_, bad = (Comparison("x", Interval(m, m - 0.1, m + 0.1), "<=", 0.5) for m in (0.2, 0.5, 0.8))
    for found, verdict in (([good, good], "holds"), ([good, open_], "undecided"), ([good, open_, bad], "fails")):
        h = hypotheses.Hypothesis(1, "c", "k", {"x": 1}, lambda results, limits, found=found: found)
        monkeypatch.setattr(hypotheses, "HYPOTHESES", [h])
        assert verdicts(Results([])) == {1: verdict}


def test_chance_is_near_when_the_interval_straddles_it():
    record = {"kind": "run", "key": "r", "task": "polarity", "arm": "abs", "F": 8, "init": "he", "chance": 0.5}
    for accuracy, verdict in (
        ([0.49, 0.51, 0.5, 0.5], True),
        ([0.8, 0.9, 0.7, 0.8], False),
        ([0.2, 0.3, 0.2, 0.1], False),
    ):
        (c,) = hypotheses.at_chance(
            Results([record | {"accuracy": accuracy}]), {"margin": 0.02}, [("polarity", "abs", 8)]
        )
        assert c.holds == verdict and c.fails == (not verdict)
    assert exact(0.5) == (0.5, 0.5, 0.5)


# ------------------------------------------------------------------------------------------ the published study


EXPECTED = {
    1: "holds",
    2: "holds",
    3: "fails",
    4: "holds",
    5: "fails",
    6: "fails",
    7: "fails",
    8: "fails",
    9: "fails",
    10: "fails",
    11: "undecided",
    12: "fails",
    13: "holds",
}


@pytest.fixture(scope="module")
def published() -> Results:
    return Results.load(PUBLISHED)


def change(results: Results, kind: str, changes, **fields) -> Results:
    records = copy.deepcopy(results.records)
    for record in Results(records).where(kind, **fields):
        changes(record)
    return Results(records)


def test_the_published_records_are_small_and_complete(published):
    assert PUBLISHED.stat().st_size <= 2_000_000
    study = published.one("study")
    assert study["profile"] == "full" and len(study["seeds"]) == 10
    kinds = {record["kind"] for record in published.records}
    assert kinds >= {"tune", "run", "equivalence", "start", "escape", "unmatched", "depth", "energy", "cost"}
    for record in published.where("run"):
        assert len(record["accuracy"]) == len(study["seeds"])


def test_the_published_verdicts_are_these(published):
    assert verdicts(published) == EXPECTED


def test_the_published_verdicts_follow_from_the_records(published):
    """Each verdict worked out once more, by other code than the judge's."""
    runs = {(r["task"], r["arm"], r["F"], r["init"]): np.array(r["accuracy"], float) for r in published.where("run")}
    mean = {cell: a.mean() for cell, a in runs.items()}
    given = verdicts(published)
    assert (given[1] == "holds") == (max(r["gap"] for r in published.where("equivalence")) <= 1e-10)
    (start,) = published.where("start")
    assert (given[2] == "holds") == (start["p_value"] >= 0.01 and start["difference"] <= 0.02)
    if given[3] == "holds":
        assert all(mean[t, "sum", 1, "he"] <= 0.8 and mean[t, "sum", 8, "he"] >= 0.98 for t in ("presence", "relation"))
    for number, cells in (
        (4, [(t, "tied", 8, "he") for t in ("polarity", "presence", "which")]),
        (
            11,
            [("polarity", a, F, "he") for a in ("abs", "l2") for F in (1, 8)]
            + [("polarity-rb", "product", F, "he") for F in (1, 8)],
        ),
    ):
        off = [abs(mean[cell] - (1 / 3 if cell[0] == "which" else 1 / 2)) for cell in cells]
        if given[number] == "holds":
            assert max(off) <= 0.02
        if given[number] == "fails":
            assert max(off) > 0.02
    escapes = [min(r["accuracy"]) for r in published.where("escape", start="cancelling") if r["mode"] != "mirrored"]
    assert (given[6] == "holds") == (min(escapes) >= 0.95)
    shares = [max(r["share"], r["share_centred"]) for r in published.where("unmatched")]
    assert (given[7] == "holds") == (min(shares) >= 0.95)
    costs = [r["both_ratio"] for r in published.where("cost", arm="max", version="streamed") if r["C"] > 3]
    assert (given[13] == "holds") == (min(costs) >= 1.5)
    if given[10] == "holds":
        assert mean_over_tasks(published, runs, "sum") - mean_over_tasks(published, runs, "max") > 0.01


def mean_over_tasks(published: Results, runs: dict, arm: str) -> float:
    tasks = {task for task, *_ in runs} - set(hypotheses.SANITY)
    return float(np.mean([runs[t, arm, 8, hypotheses.better_init(published, t, arm)].mean() for t in tasks]))


def test_other_records_give_other_verdicts(published):
    """No verdict is a constant: each one that can be turned by a change of its records is turned."""

    def put(field, value):
        return lambda record: record.update({field: value})

    worse = verdicts(change(published, "equivalence", put("gap", 1e-3), arm="mean"))
    assert worse[1] == "fails"
    assert verdicts(change(published, "start", put("p_value", 1e-6)))[2] == "fails"
    seeds = len(published.one("study")["seeds"])
    assert verdicts(change(published, "run", put("accuracy", [0.9] * seeds), arm="tied", F=8))[4] == "fails"
    escaped = change(published, "escape", put("accuracy", [1.0] * seeds))
    assert verdicts(escaped)[6] == "holds"
    assert (
        verdicts(change(escaped, "escape", put("accuracy", [0.5] * seeds), task="presence", mode="full"))[6] == "fails"
    )
    silent = change(published, "unmatched", put("share", 0.99))
    assert verdicts(silent)[7] == "holds"
    assert verdicts(change(published, "run", put("accuracy", [0.2] * seeds), arm="max", F=8))[10] == "holds"
    assert verdicts(change(published, "run", put("accuracy", [0.99] * seeds), arm="abs"))[11] == "fails"
    assert verdicts(change(published, "cost", put("both_ratio", 1.1), arm="max"))[13] == "fails"
    slow = change(published, "depth", put("ratio", [1e-5] * seeds), arm="sum", C=16)
    assert verdicts(slow)[9] == "fails"
