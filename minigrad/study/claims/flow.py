"""Does the sum let gradients flow through depth, and does nothing else?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np

from minigrad.study.claims.claim import Claim, Comparison, need, per_seed
from minigrad.study.figures import depth
from minigrad.study.jobs import Job, Profile
from minigrad.study.records import Record, Results
from minigrad.study.stats import Interval, bootstrap

RIVALS = ("max", "min", "median", "product", "l2", "logsumexp", "softmax", "abs", "geomean")
UNDERFLOW = 1e-30  # nothing below it is a measurement in float32


def decades(record: Record) -> Interval:
    """By how many decades the gradient ratio is off 1, a geometric mean over seeds; infinite where one underflows."""
    ratios = np.nan_to_num(per_seed(record, "ratio"))
    if ratios.min() < UNDERFLOW or ratios.max() > 1 / UNDERFLOW:
        return Interval(np.inf, np.inf, np.inf)
    mean, low, high = bootstrap(np.log10(ratios))
    ends = sorted((abs(low), abs(high)))
    return Interval(abs(mean), 0.0 if low <= 0 <= high else ends[0], ends[1])


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """At C = 16, under both initialisations: the sum within the limit, the others beyond it."""
    out = []
    for init in ("he", "unit"):
        for arm in ("sum", *RIVALS):
            record = need(results, "depth", arm=arm, init=init, C=16)[0]
            sense: Literal["<=", ">"] = "<=" if arm == "sum" else ">"
            out.append(Comparison(f"{arm} ({init}), decades", decades(record), sense, limits["decades"]))
    return out


def numbers(results: Results) -> dict[str, str]:
    """The reductions that stay within a decade, by initialisation."""
    return {init: enumerate_words([NAMES.get(arm, arm) for arm in kept(results, init)]) for init in ("he", "unit")}


def kept(results: Results, init: str) -> list[str]:
    """The reductions other than the sum's own names that stay within the limit from one start."""
    found = {arm: decades(need(results, "depth", arm=arm, init=init, C=16)[0]) for arm in RIVALS}
    return [arm for arm, value in found.items() if value.high <= CLAIM.limits["decades"]]


def enumerate_words(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words or ["none"])


NAMES = {
    "l2": "the L2 norm",
    "max": "the maximum",
    "softmax": "the softmax-weighted sum",
    "abs": "the sum of sizes |r|",
}


def jobs(profile: Profile) -> Iterable[Job]:
    """Ten layers of each reduction, under both initialisations."""
    for C in profile.depth_channels:
        for init in ("he", "unit"):
            for arm in profile.reducing:
                seeds = list(profile.seeds[: profile.depth_seeds])
                yield Job("depth", {"arm": arm, "init": init, "C": C, "layers": 10, "seeds": seeds}, C / 8)


CLAIM = Claim(
    name="flow",
    claim="The sum has the best gradient flow (claim 5)",
    prediction="gradient ratio over 10 layers (C = 16) in [0.1, 10] for the sum and for no reduction that is not "
    "affine, under both initialisations",
    limits={"decades": 1.0},
    compare=compare,
    numbers=numbers,
    jobs=jobs,
    prose="Through ten layers the sum keeps its gradient within a factor of ten, before any training. It is not the "
    "only one. So does, under He’s start, {he}; and where each reduction is scaled to unit variance, {unit}. "
    "Some gradients are too small for float32: the table says that they underflow.",
    written_for="fails",
    draw=lambda results: depth.draw(results),
)
