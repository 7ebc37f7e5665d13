"""What a claim is, and how it is judged from records: by its limits, on its cohort, and never on what a reader adds.

A claim holds if every interval that it compares lies wholly on the right side of its limit, fails if one lies wholly
on the wrong side, and is undecided otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from minigrad.study.jobs import PROTOCOL, Job, Profile
from minigrad.study.records import Record, Results
from minigrad.study.stats import Interval, bootstrap

Outcome = Literal["holds", "fails", "undecided", "open", "too few seeds", "not judged"]
SEEDS = tuple(range(10))  # of every verdict


class Comparison(NamedTuple):
    """An estimate, its interval, and the side of the limit on which the claim wants it."""

    what: str
    value: Interval
    sense: Literal["<=", ">=", "<", ">", "within"]  # within: between −limit and limit
    limit: float

    @property
    def holds(self) -> bool:
        """Whether the whole interval is on the right side."""
        return bool(_side(self.sense, self.value.low, self.limit) and _side(self.sense, self.value.high, self.limit))

    @property
    def fails(self) -> bool:
        """Whether the whole interval is on the wrong side, or there is none: what diverged has not passed."""
        if self.sense == "within":
            return not (self.value.low < self.limit and self.value.high > -self.limit)
        return not any(_side(self.sense, end, self.limit) for end in (self.value.low, self.value.high))

    def __str__(self) -> str:
        if np.isinf(self.value.mean):
            return f"{self.what}: underflows"
        ends = "" if self.value.low == self.value.high else f" [{short(self.value.low)}, {short(self.value.high)}]"
        return f"{self.what} {short(self.value.mean)}{ends}"


def _side(sense: str, value: float, limit: float) -> bool:
    sides = {"<=": value <= limit, ">=": value >= limit, "<": value < limit, ">": value > limit}
    return sides[sense] if sense != "within" else -limit < value < limit


def short(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}".replace("-", "−")


def exact(value: float) -> Interval:
    """A number that was counted or has no spread."""
    return Interval(value, value, value)


def no_jobs(profile: Profile) -> Iterable[Job]:
    """The jobs of a claim that needs none but the trainings of every arm on every task."""
    return ()


@dataclass(frozen=True)
class Claim:
    """A claim and everything that belongs to it: another one is another file like this one's.

    claim: a sentence. prediction: when it holds, in words, and `limits` in numbers, written down before the run.
    compare: what is compared with the limits, from the records of the claim's cohort. jobs: what it has measured.
    prose: what the page says of it, HTML with {fields} for the numbers that `numbers` takes from the records.
    written_for: the verdict that the prose was written for; another verdict keeps the prose off the page.
    draw: its picture. open: why the records do not decide it, whatever the limits say; empty if they do.
    """

    name: str
    claim: str
    prediction: str
    limits: Mapping[str, float]
    compare: Callable[[Results, Mapping[str, float]], list[Comparison]]
    prose: str
    written_for: Outcome
    draw: Callable[[Results], str]
    numbers: Callable[[Results], dict[str, str]] = lambda results: {}
    jobs: Callable[[Profile], Iterable[Job]] = no_jobs
    open: str = ""


class Verdict(NamedTuple):
    """What became of a claim."""

    claim: Claim
    measured: str
    verdict: Outcome


class Missing(LookupError):
    """The records that a claim needs are not there."""


def judge(claim: Claim, results: Results) -> Verdict:
    """The verdict on a claim, from the records of its cohort alone."""
    study = results.one("study")
    if study is not None and study.get("protocol") != PROTOCOL:
        return Verdict(claim, "these records are of another protocol", "not judged")
    try:
        comparisons = claim.compare(results, claim.limits)
    except Missing as error:
        return Verdict(claim, f"no record of {error}", "not judged")
    measured = "; ".join(str(c) for c in comparisons)
    if study is not None and not set(SEEDS) <= set(study["seeds"]):
        return Verdict(claim, measured, "too few seeds")
    if claim.open:
        return Verdict(claim, measured, "open")
    if any(c.fails for c in comparisons):
        return Verdict(claim, measured, "fails")
    return Verdict(claim, measured, "holds" if all(c.holds for c in comparisons) else "undecided")


# ------------------------------------------------------------------------------------------ from records to numbers


def need(results: Results, kind: str, **fields: Any) -> list[Record]:
    """The records that match; Missing if there is none."""
    found = results.where(kind, **fields)
    if not found:
        raise Missing(", ".join([kind, *(str(v) for v in fields.values() if not callable(v))]))
    return found


def run(results: Results, task: str, arm: str, F: int = 8, init: str = "he") -> Record:
    """The trainings of one cell."""
    return need(results, "run", task=task, arm=arm, F=F, init=init)[0]


def per_seed(record: Record, field: str) -> np.ndarray[Any, Any]:
    """One number a seed of the cohort; NaN for one that is not finite."""
    if field not in record:
        raise Missing(f"{record['kind']}, {field}")
    kept = [k for k, seed in enumerate(record.get("seeds", SEEDS[: len(record[field])])) if seed in SEEDS]
    return np.array([record[field][k] for k in kept], float)


def mean(record: Record, field: str) -> Interval:
    """Mean over the cohort's seeds with its interval."""
    return bootstrap(per_seed(record, field))


def percent(values: Interval) -> str:
    """`98.2 % [97.5, 98.8]`, from shares."""
    mean, low, high = (f"{100 * value:.1f}".replace("-", "−") for value in values)
    return f"{mean} % [{low}, {high}]"


def points(values: Interval) -> str:
    """`+1.2 points [−0.3, +2.7]`, from differences of shares."""
    mean, low, high = (f"{100 * value:+.1f}".replace("-", "−") for value in values)
    return f"{mean} points [{low}, {high}]"
