"""Does a filter answer a patch that it does not match with almost nothing?"""

from __future__ import annotations

from collections.abc import Mapping

from minigrad.study.claims.claim import Claim, Comparison, need, per_seed, percent
from minigrad.study.figures import measures
from minigrad.study.records import Record, Results
from minigrad.study.stats import Interval, bootstrap, share_of_directions

NEAR = 0.1  # |cos| below which an answer counts as near zero


def shares(results: Results) -> dict[int, tuple[Record, Interval]]:
    """By layer: the record, and the share of patches with |cos| < 0.1, plain or centred, whichever is larger."""
    out = {}
    for layer in (1, 2):
        record = need(results, "unmatched", layer=layer)[0]
        measured = (bootstrap(per_seed(record, name)) for name in ("share", "share_centred"))
        out[layer] = record, max(measured, key=lambda interval: interval.mean)
    return out


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """The share of patches with |cos| < 0.1 minus the share of random directions of the same dimension."""
    out = []
    for layer, (record, share) in shares(results).items():
        chance = share_of_directions(record["d"], NEAR)
        excess = Interval(*(value - chance for value in share))
        what = f"layer {layer} (d = {record['d']}): share of |cos| < 0.1, minus random directions'"
        out.append(Comparison(what, excess, ">=", limits["excess"]))
    return out


def numbers(results: Results) -> dict[str, str]:
    """Shares in percent, measured and of random directions."""
    out = {}
    for layer, (record, share) in shares(results).items():
        out[f"share_{layer}"] = percent(share)
        out[f"random_{layer}"] = f"{100 * share_of_directions(record['d'], NEAR):.0f} %"
    return out


CLAIM = Claim(
    name="unmatched",
    claim="An unmatched filter answers near zero (claim 2)",
    prediction="at both layers more unrelated patches have |cos| < 0.1 than random directions of the same dimension; "
    "expected after a pilot: more at the first layer, fewer at the second",
    limits={"excess": 0.0},
    compare=compare,
    numbers=numbers,
    prose="In few dimensions random directions are far from orthogonal. Of the answers of a random filter, "
    "{random_1} have |cos| &lt; 0.1 in the 27 dimensions of a first layer, and {random_2} in the 72 of a "
    "second one. Trained filters on patches of photographs: {share_1} and {share_2}. At the first layer "
    "unmatched answers are a little smaller than chance makes them, at the second larger. At neither are most "
    "of them near zero.",
    written_for="fails",
    draw=lambda results: measures.unmatched(results),
)
