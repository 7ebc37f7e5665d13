"""What sums of channels keep of a picture: by their number, and by what they were trained for."""

from __future__ import annotations

from collections.abc import Mapping

from minigrad.study.claims.claim import Claim, Comparison, need, per_seed, percent
from minigrad.study.figures import lost
from minigrad.study.records import Results
from minigrad.study.stats import Interval, bootstrap, paired


def read(results: Results, bank: str, F: int, what: str) -> Interval:
    """Share of variance of `what` that a linear reader finds in F sums of a bank."""
    return bootstrap(per_seed(need(results, "kept", task=bank, F=F)[0], what))


def gain(results: Results, bank: str, F: int, what: str) -> Interval:
    """The same beyond random filters from the same seeds."""
    trained, random = (need(results, "kept", task=name, F=F)[0] for name in (bank, "random"))
    return paired(per_seed(trained, what), per_seed(random, what))


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """What random banks keep with 1 and with 27 sums, and what training keeps and drops with 4."""
    found = [
        Comparison("R − B from 1 random sum", read(results, "random", 1, "difference"), "<=", limits["one"]),
        Comparison("R − B from 16 random sums", read(results, "random", 16, "difference"), ">=", limits["many"]),
    ]
    for bank, kept, dropped in (("common", "difference", "grey"), ("correlated", "grey", "difference")):
        what = f"from 4 sums trained on {bank}, minus random"
        found.append(Comparison(f"{kept} {what}", gain(results, bank, 4, kept), ">", 0.0))
        found.append(Comparison(f"{dropped} {what}", gain(results, bank, 4, dropped), "<", 0.0))
    return found


def numbers(results: Results) -> dict[str, str]:
    """Shares in percent: random_1_difference, common_4_grey and so on."""
    return {
        f"{bank}_{F}_{what}": percent(read(results, bank, F, what))
        for bank, counts in (("random", (1, 4, 8, 16)), ("common", (1, 4)), ("correlated", (1, 4)))
        for F in counts
        for what in ("whole", "grey", "difference")
    }


CLAIM = Claim(
    name="lost",
    claim="A bank of sums keeps what the label needs",
    prediction="R² of R − B from random filters ≤ 0.5 with one sum, ≥ 0.95 with 16; four filters trained where a "
    "difference tells hold more of R − B and less of grey than random ones, and those trained on grey digits the "
    "reverse",
    limits={"one": 0.5, "many": 0.95},
    compare=compare,
    numbers=numbers,
    prose="What is lost for good is what no filter keeps. A linear reader that sees one random sum of a "
    "photograph’s patch recovers {random_1_difference} of the variance of red minus blue. From eight sums it "
    "is {random_8_difference}, from 16 {random_16_difference}.\n"
    "Training chooses what is kept. One sum trained where a difference tells keeps {common_1_difference} of "
    "the difference and {common_1_grey} of the grey. Four trained on grey digits keep "
    "{correlated_4_difference} of the difference, where random ones keep {random_4_difference}, and "
    "{correlated_4_grey} of the grey. Undecided is only whether four sums trained on a difference keep less "
    "of the grey than random ones: {common_4_grey} against {random_4_grey}.",
    written_for="undecided",
    draw=lost.draw,
)
