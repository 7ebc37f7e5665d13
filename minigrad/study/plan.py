"""What is run, and in which order: probes and searches first, then the trainings, then the clock.

For those who read records: `Results.load(path)` (records.py), then `results.where("run", task="polarity", F=8)`. A
record is one flat dict with `kind`, `key` (a text that names the job and its settings: same key, same numbers) and
`seconds` of processor time. The function that makes a record (KINDS) states its other fields. The first record of a
study is of the kind "study": profile, version, seeds, tasks, arms.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from minigrad.kernels.threads import one_blas_thread, set_num_threads
from minigrad.study import additions, dose, escape, mirror, probes, split, statements, trainings
from minigrad.study.arms import ARMS
from minigrad.study.claims import CLAIMS
from minigrad.study.executors import Launcher, serial
from minigrad.study.jobs import PROTOCOL, Job, Profile
from minigrad.study.records import Record, Store, plain
from minigrad.study.tasks import TASKS

DEVIATIONS = (  # from the protocol, and why
    "Networks that differ in their seed alone train side by side, as the groups of one network: ten in the time of "
    "three. A test holds that each one becomes what it becomes alone, up to rounding.",
    "Tasks that every reduction learns (the saturated ones) have no search for a rate: all of them take 0.01, and they "
    "are shown apart.",
    "Mean, sum + 17 and alternating signs begin and step as the identity says. What is left between them and the sum "
    "is rounding: it is the yardstick.",
    "The second start, scaled to unit variance, was given to the sum, the maximum, and the reductions whose output "
    "He’s start scales otherwise: product, L2, Σ|r| and geometric mean.",
    "How long to train was fixed for each task by a pilot of the sum and the maximum at three rates; other reductions "
    "may be on their way still, as the table of the last third says.",
    "On common-mode digits the search gave the maximum a lower rate than the pilot had, and it was still on its way. "
    "Decided after the run began: there the sum and the maximum were also trained for twice as long.",
    "Banks of other sizes than eight, whose sums are read linearly, take the rate found for eight.",
    "Concatenation with a narrower next layer, an arm of the first edition, was left out: no question names it.",
    "Wilcoxon’s test was planned for differences of accuracy. Over ten seeds it cannot fall below 0.094 once it is "
    "corrected for 48 pairs, which was noticed after the run. The page gives t tests; no verdict rests on either.",
    "Weight decay is that of PyTorch’s Adam, added to the gradient. It takes the rate found without decay.",
    "Gradient flow is judged at C = 16 and shown at 3, 16 and 64.",
)
SATURATED_RATE, BANK_STEPS = 0.01, 6000
SCALED = ("sum", "max", "product", "l2", "abs", "geomean")  # arms with a second start, of unit variance
WITH_WEIGHTS = ("sum", "mean", "max", "abs", "product", "median")  # arms whose trained filters are recorded

KINDS: dict[str, Callable[..., Record]] = {
    "tune": trainings.tune,
    "run": trainings.run,
    "longer": trainings.longer,
    "decay": trainings.decay,
    "kept": trainings.kept,
    "equivalence": trainings.equivalence,
    "dose": dose.dose,
    "split": split.split,
    "escape": escape.escape,
    "mirror": mirror.mirror,
    "unmatched": trainings.unmatched,
    "slider": trainings.slider,
    "negative": trainings.negative,
    "photo": trainings.photo,
    "statement": statements.confirm,
    "start": probes.start,
    "depth": probes.depth,
    "energy": probes.energy,
    "cost": probes.cost,
    "maps": probes.maps,
    "window": probes.window,
}


def work(job: Job) -> Record:
    """Do one job, with one thread: what a worker process runs."""
    for path in job.files:
        additions.load(path)
    set_num_threads(1)
    begun = time.process_time()
    with one_blas_thread(), np.errstate(all="ignore"):  # what overflows becomes a record, not a warning
        found = KINDS[job.kind](**job.settings)
    head = {"kind": job.kind, "key": job.key, "seconds": round(time.process_time() - begun, 2)}
    record: Record = plain({**head, **job.settings, **found})
    return record


# ---------------------------------------------------------------------------------------------------- the stages


def arms_on(profile: Profile, task: str) -> list[str]:
    """The arms that a task compares: two channels are for the even reductions and the sum, photographs a check."""
    if task == "polarity-rb":
        return [name for name in profile.arms if name == "sum" or ARMS[name].even(2)]
    if task == "photographs":
        return [name for name in profile.arms if name in ("sum", "mean", "max", "tied", "concat")]
    return list(profile.arms)


class Cell(NamedTuple):
    """What has a learning rate of its own: an arm on a task, from a start, with F filters."""

    task: str
    arm: str
    init: str
    F: int = 8


def cells(profile: Profile, only: Sequence[str]) -> list[Cell]:
    """The trainings whose accuracy counts: every arm on every task, from each start where rates are searched.

    And banks of the sum on presence and relation, for what one filter loses.
    """
    wanted = [task for task in profile.tasks if not only or task in only]
    found = [
        Cell(task, arm, init)
        for task in wanted
        for arm in arms_on(profile, task)
        for init in profile.inits
        if init == "he" or (arm in SCALED and not TASKS[task].saturated)
    ]
    banks = [Cell(task, "sum", "he", F) for task in ("presence", "relation") if task in wanted for F in profile.banks]
    return [*found, *(cell for cell in banks if cell.F != 8)]


def has_search(cell: Cell) -> bool:
    """Whether a cell's rate is searched: not on a task that eight filters saturate, nor for the sum renamed."""
    return (cell.F != 8 or not TASKS[cell.task].saturated) and not ARMS[cell.arm].renames_sum


def first_stage(profile: Profile, only: Sequence[str]) -> list[Job]:
    """What depends on nothing: identities, pictures, the claims' own jobs, and the search for learning rates."""
    own = [job for claim in CLAIMS for job in claim.jobs(profile) if job.kind != "cost"]
    jobs = [*proofs(profile), *pictures(profile), *own, *searches(profile, only)]
    return [job for job in jobs if _wanted(job, only)]


def proofs(profile: Profile) -> list[Job]:
    """The identities, through the engine."""
    jobs = [Job("statement", {"name": statement.name}) for statement in statements.STATEMENTS]
    jobs.append(Job("start", {"n": profile.filters}, 3))
    for arm, optimizer in profile.disguises:
        settings = {"arm": arm, "optimizer": optimizer, "steps": max(2, round(200 * profile.shorten))}
        jobs.append(Job("equivalence", settings, 2))
    for arm in profile.reducing:
        for F in (1, 8) if ARMS[arm].even(2) else ():
            task = "polarity" if ARMS[arm].even(3) else "polarity-rb"
            jobs.append(Job("negative", {"arm": arm, "task": task, "F": F, **profile.small()}, 1))
    return jobs


def pictures(profile: Profile) -> list[Job]:
    """What the page draws beside the claims."""
    small = profile.small()
    return [
        Job("window", {}),
        *(Job("maps", {"arm": arm}, 0.1) for arm in profile.arms if ARMS[arm].reduces),
        *(Job("energy", {"arm": arm, "C": C}, 0.3) for arm in profile.reducing for C in (3, 16, 64)),
        Job("slider", {"lr": small["lr"], "steps": small["steps"], "seed": 0}, 1),
        *(Job("photo", {"filters": filters, **small}, 1) for filters in ("random", "trained")),
        *(
            Job("kept", {"task": "random", "F": F, "lr": 0, "steps": 0, "seeds": list(profile.seeds)}, 0.2)
            for F in profile.kept
        ),
    ]


def searches(profile: Profile, only: Sequence[str]) -> list[Job]:
    """The searches for learning rates, one a cell."""
    shared = {"grid": list(profile.lrs), "seeds": list(profile.tuning_seeds)}
    return [
        Job("tune", {**cell._asdict(), "steps": steps_of(cell, profile), **shared}, weight(cell, profile))
        for cell in cells(profile, only)
        if has_search(cell)
    ]


def steps_of(cell: Cell, profile: Profile) -> int:
    """Minibatches of training; a single filter learns later than eight."""
    return profile.steps(cell.task) if cell.F == 8 else max(2, round(BANK_STEPS * profile.shorten))


def weight(cell: Cell, profile: Profile) -> float:
    """How long ten networks of a cell train, beside others."""
    return steps_of(cell, profile) / 1000 * (4 if cell.arm == "median" else 1)


def second_stage(profile: Profile, only: Sequence[str], done: Iterable[Record]) -> list[Job]:
    """The trainings, each with the learning rate found for its cell, and what else is measured on the sum's."""
    best = {Cell(r["task"], r["arm"], r["init"], r["F"]): r["best"] for r in done if r["kind"] == "tune"}
    first: list[Job] = []
    later: list[Job] = []
    for cell in cells(profile, only):
        searched = Cell(cell.task, "sum", "he") if ARMS[cell.arm].renames_sum else cell
        if has_search(searched) and searched not in best:
            continue  # its search failed
        settings = {
            "lr": best.get(searched, SATURATED_RATE),
            "steps": steps_of(cell, profile),
            "seeds": list(profile.seeds),
            "points": profile.points,
            "keep": cell.F == 8 and cell.init == "he" and cell.arm in WITH_WEIGHTS,
        }
        job = Job("run", {**cell._asdict(), **settings}, weight(cell, profile))
        (first if cell.arm in ("sum", "max") else later).append(job)  # what most is asked about comes first
    both = [job.settings for job in first if job.settings["task"] == "common" and job.settings["F"] == 8]
    twice = [
        Job(
            "longer",
            {name: s[name] for name in ("task", "arm", "init", "lr")} | {"steps": 2 * s["steps"], "seeds": s["seeds"]},
            16,
        )
        for s in both
    ]
    sums = on_sums(profile, {cell.task: lr for cell, lr in best.items() if cell[1:] == ("sum", "he", 8)})
    return [job for job in (*first, *twice, *sums, *later) if _wanted(job, only)]


def on_sums(profile: Profile, rates: Mapping[str, float]) -> list[Job]:
    """What is measured on trained sums alone, each with its rate: decay, unmatched answers, what a bank keeps."""
    jobs = []
    for task, lr in rates.items():
        settings = {"lr": lr, "steps": profile.steps(task), "seeds": list(profile.seeds)}
        jobs += [Job("decay", {"task": task, "decay": decay, **settings}, 4) for decay in profile.decays]
        if task == "distractors":
            jobs += [Job("unmatched", {"layer": layer, "task": task, **settings}, 4) for layer in (1, 2)]
        if task in ("common", "correlated"):
            jobs += [Job("kept", {"task": task, "F": F, **settings}, 4) for F in profile.kept if F <= 16]
    return jobs


def third_stage(profile: Profile) -> list[Job]:
    """The clock: one at a time, when nothing else of the study is running."""
    return [job for claim in CLAIMS for job in claim.jobs(profile) if job.kind == "cost"]


def _wanted(job: Job, only: Sequence[str]) -> bool:
    return not only or job.kind == "tune" or job.settings.get("task", only[0]) in only


# ------------------------------------------------------------------------------------------------------- the study


def study(
    profile: Profile,
    store: Store,
    launch: Launcher,
    only: Sequence[str] = (),
    progress: Callable[[float, float], None] = lambda done, total: None,
) -> dict[str, Exception]:
    """Run what `store` does not have yet, and put it there; returns the jobs that failed, by key.

    `launch(function, jobs)` yields (job, record or exception) as they finish (`executors.py`);
    `progress(done, total)` is told the effort behind and in all.
    """
    head = head_record(profile, only)
    if store.done.get("study") != head:
        store.add(head)
    failed: dict[str, Exception] = {}
    first, last = first_stage(profile, only), third_stage(profile)
    stages: list[tuple[Callable[[], list[Job]], Launcher]] = [
        (lambda: first, launch),
        (lambda: second_stage(profile, only, store.done.values()), launch),
        (lambda: last, serial),
    ]
    found = [{"kind": "tune", **job.settings, "best": 0.0} for job in first if job.kind == "tune"]
    guess = effort(second_stage(profile, only, found))  # before the rates are known
    sizes = [effort(first), guess, effort(last)]
    for index, (plan, start) in enumerate(stages):
        jobs = [Job(job.kind, job.settings, job.effort, profile.files) for job in plan()]
        sizes[index] = effort(jobs)
        waiting = [job for job in jobs if job.key not in store.done]
        behind = sum(sizes[:index]) + effort(jobs) - effort(waiting)
        progress(behind, sum(sizes))
        for job, outcome in start(work, waiting):
            if isinstance(outcome, Exception):
                failed[job.key] = outcome
            else:
                store.add(outcome)
            behind += job.effort
            progress(behind, sum(sizes))
    return failed


def head_record(profile: Profile, only: Sequence[str]) -> Record:
    """The record that says which study this is."""
    return {
        "kind": "study",
        "key": "study",
        "seconds": 0,
        "profile": profile.name,
        "protocol": PROTOCOL,
        "version": version(),
        "seeds": list(profile.seeds),
        "tasks": [task for task in profile.tasks if not only or task in only],
        "arms": list(profile.arms),
    }


def effort(jobs: Iterable[Job]) -> float:
    """How long these jobs take, in an arbitrary unit."""
    return sum(job.effort for job in jobs)


def version() -> str:
    """minigrad's version."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("minigrad-whysum")
    except PackageNotFoundError:  # run from a checkout
        return "checkout"
