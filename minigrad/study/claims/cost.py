"""Is the sum the cheapest?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from minigrad.study.arms import ARMS
from minigrad.study.claims.claim import Claim, Comparison, need
from minigrad.study.figures import measures
from minigrad.study.jobs import Job, Profile
from minigrad.study.records import Results
from minigrad.study.stats import Interval


def ratio(results: Results, C: int) -> Interval:
    """Time of a streamed maximum, forward and backward, over the sum's: the median over rounds and its interval."""
    record = need(results, "cost", arm="max", version="streamed", C=C)[0]
    return Interval(*(record[f"both_ratio{end}"] for end in ("", "_low", "_high")))


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """At C = 16 and 64."""
    return [Comparison(f"streamed max ÷ sum at C = {C}", ratio(results, C), ">=", limits["ratio"]) for C in (16, 64)]


def numbers(results: Results) -> dict[str, str]:
    """The medians."""
    return {f"C{C}": f"{ratio(results, C).mean:.0f}" for C in (16, 64)}


def jobs(profile: Profile) -> Iterable[Job]:
    """Every reduction, plain and where there is such a form streamed."""
    for C in profile.cost_channels:
        for arm in profile.reducing:
            for version in ("plain", "streamed"):
                if version == "plain" or (ARMS[arm].streamed and not ARMS[arm].affine):
                    yield Job("cost", {"arm": arm, "C": C, "version": version}, C / 30)


CLAIM = Claim(
    name="cost",
    claim="The sum is cheapest (claim 4)",
    prediction="forward and backward ≥ 1.5 times faster than the streamed max at C = 16 and 64",
    limits={"ratio": 1.5},
    compare=compare,
    numbers=numbers,
    jobs=jobs,
    prose="The sum over channels is the inner sum of one matrix product, so it costs nothing of its own. A maximum "
    "that keeps as little memory walks over the channels one by one. In this library it took {C16} times as "
    "long with 16 channels and {C64} times with 64.",
    written_for="holds",
    draw=lambda results: f'<div class="wide">{measures.cost(results)}</div>',
)
