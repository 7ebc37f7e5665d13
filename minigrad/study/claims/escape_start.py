"""Does a start that cancels announce itself by a big loss and big gradients?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from minigrad.study.claims.claim import Claim, Comparison, exact, need, per_seed, short
from minigrad.study.jobs import Job, Profile
from minigrad.study.records import Results

TASKS = ("polarity", "presence")


def compare(results: Results, limits: Mapping[str, float]) -> list[Comparison]:
    """In which share of seeds the first loss and the first gradient are as large as a random start's."""
    out = []
    for task in TASKS:
        found = {start: need(results, "escape", task=task, mode="full", start=start)[0] for start in STARTS}
        for name in ("loss", "gradient"):
            a, b = (per_seed(found[start], f"start_{name}") for start in STARTS)
            what = f"{task}: share of seeds with {name} ≥ random's"
            out.append(Comparison(what, exact(float((a >= b).mean())), ">=", limits["share"]))
    return out


STARTS = ("cancelling", "random")


def numbers(results: Results) -> dict[str, str]:
    """Mean first loss and gradient, by task and start."""
    return {
        f"{task}_{start}_{name}": short(
            float(np.mean(per_seed(need(results, "escape", task=task, mode="full", start=start)[0], f"start_{name}")))
        )
        for task in TASKS
        for start in STARTS
        for name in ("loss", "gradient")
    }


def jobs(profile: Profile) -> Iterable[Job]:
    """Escapes on both tasks, from a start that cancels in every mode and from a random one."""
    steps, seeds = profile.escape_steps, list(profile.seeds)
    for task in TASKS:
        for mode, start in (("full", "random"), *((mode, "cancelling") for mode in profile.escape_modes)):
            settings = {"task": task, "mode": mode, "start": start, "lr": 0.1, "steps": steps, "seeds": seeds}
            yield Job("escape", settings, steps / 25)


CLAIM = Claim(
    name="start",
    claim="Cancellation means big loss and big gradients (claim 1)",
    prediction="from a start that cancels exactly, loss and gradient ≥ those of a random start in ≥ 9 of 10 seeds, on "
    "polarity and presence",
    limits={"share": 0.9},
    compare=compare,
    numbers=numbers,
    jobs=jobs,
    prose="The first step tells. Where red and blue cancel exactly, loss and gradient were not bigger than at a "
    "random start but smaller, on average over ten seeds. On polarity the loss was {polarity_cancelling_loss} "
    "against {polarity_random_loss} and the gradient’s norm {polarity_cancelling_gradient} against "
    "{polarity_random_gradient}; on presence {presence_cancelling_loss} against {presence_random_loss} and "
    "{presence_cancelling_gradient} against {presence_random_gradient}. It is no wonder: answers that cancel "
    "leave the network at guessing, and a random start may guess worse than that.",
    written_for="fails",
    draw=lambda results: "",
)
