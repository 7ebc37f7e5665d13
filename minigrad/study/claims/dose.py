"""Why do channels cancel? Dose and response: the more the channels share, the more the trained weights cancel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np

from minigrad.study.claims.claim import Claim, Comparison, mean, need, per_seed
from minigrad.study.figures import mechanism
from minigrad.study.jobs import Job, Profile
from minigrad.study.records import Record, Results
from minigrad.study.stats import Interval, bootstrap, paired

DOSES, RATES = (0, 0.5, 1, 2, 3), (0.01, 0.003)  # amplitudes of the shared picture; the first rate is judged
STEPS = 8000
RISING = DOSES[:4]  # in the pilot the response levelled off beyond


def record(results: Results, amplitude: float, lr: float = RATES[0]) -> Record:
    """The trainings of one dose."""
    return need(results, "dose", amplitude=amplitude, lr=lr)[0]


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """Excess cancellation at both ends, its rise from dose to dose, and how much it still changed at the end."""
    found = {a: per_seed(record(results, a), "excess") for a in DOSES}
    out = [
        Comparison("excess at a = 0", bootstrap(found[0]), "<", limits["zero"]),
        *(Comparison(f"excess at a = {a}", bootstrap(found[a]), ">", limits["zero"]) for a in (1, 2, 3)),
    ]
    for low, high in pairwise(RISING):
        out.append(Comparison(f"rise from {low} to {high}", paired(found[high], found[low]), ">", limits["zero"]))
    for a in DOSES:
        last = late(results, a)
        out.append(Comparison(f"gain over the last third, a = {a}", last, "<=", limits["late"]))
        out.append(Comparison(f"gain over the last third, a = {a}", last, ">=", -limits["late"]))
    return out


def late(results: Results, amplitude: float) -> Interval:
    """How much the excess changed over the last third of the steps."""
    found = record(results, amplitude)
    curve = np.array(found["curve"], float)
    at = int(np.abs(np.array(found["step"]) - 2 * found["steps"] / 3).argmin())
    return bootstrap(curve[-1] - curve[at])


def numbers(results: Results) -> dict[str, str]:
    """Excess and accuracy, by dose."""
    out = {}
    for end in (0, 3):
        out[f"low_{end}"] = f"{mean(record(results, end, RATES[1]), 'excess').mean:+.2f}".replace("-", "−")
    for a in DOSES:
        name = str(a).replace(".", "_")
        value, low, high = mean(record(results, a), "excess")
        out[f"excess_{name}"] = f"{value:+.2f}".replace("-", "−")
        out[f"interval_{name}"] = f"[{low:+.2f}, {high:+.2f}]".replace("-", "−")
        out[f"accuracy_{name}"] = f"{100 * mean(record(results, a), 'accuracy').mean:.0f} %"
    return out


def jobs(profile: Profile) -> Iterable[Job]:
    """Every dose; in a full study also at a lower rate."""
    steps = max(2, round(STEPS * profile.shorten))
    for lr in RATES[: 2 if profile.name == "full" else 1]:
        for a in profile.doses:
            settings = {"amplitude": a, "lr": lr, "steps": steps, "seeds": list(profile.seeds), "points": 13}
            yield Job("dose", settings, steps / 1000 * len(profile.seeds) / 10)


CLAIM = Claim(
    name="dose",
    claim="Trained channels cancel where they share what hides a difference (claim 7)",
    prediction="excess cancellation of the trained sum is below 0 where the channels share nothing (a = 0), rises with "
    "each dose up to a = 2 and is above 0 from a = 1 on; it changes by at most 0.02 over the last third of training",
    limits={"zero": 0.0, "late": 0.02},
    compare=compare,
    numbers=numbers,
    jobs=jobs,
    prose="The digits here show only in a difference. Red is a·n + d/2 and blue a·n − d/2: d is the digit to be "
    "named, n another one that all three channels show. With a = 0 nothing is shared, and the trained "
    "channels cancel less than chance, {excess_0} {interval_0}. With a = ½ they are near chance, at "
    "{excess_0_5}. With a = 1, 2 and 3 they cancel more than chance: {excess_1}, {excess_2} and {excess_3} "
    "{interval_3}. Beyond a = 2 it rises no more.\n"
    "So the weights choose. Where red and blue show the digit alone, with opposite signs, their slices get "
    "opposite signs too, and the answers add up. Where a shared picture hides the digit, the same slices "
    "cancel that picture. The digits are learned either way: {accuracy_0} of unseen ones are named right at a "
    "= 0, and {accuracy_3} at a = 3. At a third of the learning rate it is much the same: {low_0} at a = 0, "
    "{low_3} at a = 3.",
    written_for="holds",
    draw=mechanism.dose,
)
