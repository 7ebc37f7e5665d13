"""What is run, and in which order: probes and searches first, then the trainings, then the clock.

For those who read records: `Results.load(path)` (records.py), then `results.where("run", task="polarity", F=8)`. A
record is one flat dict with `kind`, `key` (a text that names the job and its settings: same key, same numbers) and
`seconds` of processor time. The function that makes a record (KINDS) states its other fields. The first record of a
study is of the kind "study": profile, version, seeds, tasks, arms.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

import numpy as np

from minigrad.kernels.threads import one_blas_thread, set_num_threads
from minigrad.study import additions, dose, escape, mirror, probes, split, statements, trainings
from minigrad.study.arms import ARMS
from minigrad.study.claims import CLAIMS
from minigrad.study.executors import Launcher, serial
from minigrad.study.jobs import Job, Profile
from minigrad.study.records import Record, Store, plain
from minigrad.study.tasks import TASKS

DEVIATIONS = (  # from the protocol as it was first written, and why
    "Networks that differ in their seed alone train side by side, as the groups of one network: ten in the time of "
    "three. A test holds that each one becomes what it becomes alone, up to rounding.",
    "Learning rates were searched once a family of tasks (edges and photographs on “and”, digits on “distractors”) for "
    "each reduction and initialisation, at F = 8 and with two tuning seeds; the middle one of those within half a "
    "point of the best was taken. For digits the search judged by images that are also among the test images.",
    "Training is short (120 minibatches of 32 for edges and photographs, 200 for digits): differences are differences "
    "after that, not at convergence.",
    "The second initialisation was trained at F = 8 only; the photographs with five arms at F = 8, as a sanity check.",
    "Escapes are plain descent with momentum 0.9 and one learning rate, 0.1, without a search, on 128 images, and stop "
    "after 200 steps.",
    "Gradient flow is judged at C = 16 and shown at 3, 16 and 64; the product’s blindness on two channels, where it is "
    "even; unmatched filters by the better of plain cosines and those with each patch’s mean removed.",
    "Unmatched filters, photographs and paired negatives were measured with three seeds, without intervals.",
)
WITH_WEIGHTS = ("sum", "mean", "max", "abs", "product", "median")  # arms whose trained filters are recorded

KINDS: dict[str, Callable[..., Record]] = {
    "tune": trainings.tune,
    "run": trainings.run,
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


def widths_on(profile: Profile, task: str, init: str) -> list[int]:
    """The F that a task is run with."""
    widths = profile.widths.get(init, ())
    if task == "photographs":
        return [F for F in widths if F == 8 and init == "he"]
    return [F for F in widths if F in (1, 8)] if task == "polarity-rb" else list(widths)


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
    ]


def searches(profile: Profile, only: Sequence[str]) -> list[Job]:
    """The searches for learning rates, one for each arm and initialisation on each task that rates are taken from."""
    wanted = dict.fromkeys(TASKS[task].tuned_on or task for task in profile.tasks if not only or task in only)
    return [
        Job(
            "tune",
            {
                "task": task,
                "arm": arm,
                "init": init,
                "F": 8,
                "grid": list(profile.lrs),
                "steps": profile.steps(task),
                "seeds": list(profile.tuning_seeds),
            },
            2,
        )
        for task in wanted
        for init in profile.widths
        for arm in profile.arms
    ]


def second_stage(profile: Profile, only: Sequence[str], done: Iterable[Record]) -> list[Job]:
    """The trainings, each with the learning rate found for its arm and initialisation on its family of tasks, F = 8."""
    best = {(r["task"], r["arm"], r["init"]): r["best"] for r in done if r["kind"] == "tune"}
    cells = [
        (task, arm, F, init, best[found])
        for F in (8, 1, 4, 2)  # the widths that most is asked about come first
        for init in profile.widths
        for task in profile.tasks
        for arm in arms_on(profile, task)
        if F in widths_on(profile, task, init) and (found := (TASKS[task].tuned_on or task, arm, init)) in best
    ]
    jobs = [
        Job(
            "run",
            {
                "task": task,
                "arm": arm,
                "F": F,
                "init": init,
                "lr": lr,
                "steps": profile.steps(task),
                "seeds": list(profile.seeds),
                "points": profile.points,
                "keep": F == 8 and init == "he" and arm in WITH_WEIGHTS,
            },
            1 + F / 2,
        )
        for task, arm, F, init, lr in cells
    ]
    return [job for job in jobs if _wanted(job, only)]


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
    # before the learning rates are known, the number of trainings is that of the searches times the widths
    widths = list(chain.from_iterable(profile.widths.values()))
    guess = sum(1 + F / 2 for F in widths) * sum(job.kind == "tune" for job in first) / len(profile.widths)
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
