"""The claims of the study, a file each, in the order of the page. Another claim is a file here and its name below."""

from __future__ import annotations

from minigrad.study.claims import (
    accuracy,
    arrive,
    bank,
    cost,
    crafted,
    dose,
    escape,
    escape_start,
    flow,
    lost,
    mirror,
    near_zero,
    split,
    unmatched,
)
from minigrad.study.claims.claim import Claim as Claim
from minigrad.study.claims.claim import Verdict as Verdict
from minigrad.study.claims.claim import judge
from minigrad.study.records import Results

CLAIMS = [
    module.CLAIM
    for module in (
        dose, split, lost, bank, crafted, escape_start, escape, arrive, mirror, accuracy, flow, unmatched, near_zero,
        cost,
    )
]  # fmt: skip


def verdicts(results: Results) -> list[Verdict]:
    """The verdict on every claim, from the records alone."""
    return [judge(claim, results) for claim in CLAIMS]
