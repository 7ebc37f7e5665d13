"""What a job is, and how much of the study is run: the quick profile and the full one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minigrad.study.arms import ARMS
from minigrad.study.records import Record
from minigrad.study.tasks import SHORT, TASKS

PROTOCOL = 2  # edition of what is measured and how; claims judge no records of another


@dataclass(frozen=True)
class Job:
    """One record to be: its kind, the settings that its function takes, and how long it takes beside others.

    files: the files of arms and tasks that a reader added, for the process that does the job.
    """

    kind: str
    settings: Record
    effort: float = 1.0
    files: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """A name that says everything the result depends on."""
        return "/".join([self.kind, *(f"{name}={value}" for name, value in self.settings.items())])


@dataclass(frozen=True)
class Profile:
    """How much of the study is run. Only what a claim's cohort names is judged; the rest is shown."""

    name: str
    tasks: tuple[str, ...]
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    inits: tuple[str, ...]  # starts of every arm on the tasks that are not saturated
    banks: tuple[int, ...]  # numbers of filters of the sum on presence and relation
    decays: tuple[float, ...]
    kept: tuple[int, ...]  # numbers of sums from which a linear reader reads a photograph
    lrs: tuple[float, ...]
    tuning_seeds: tuple[int, ...]
    points: int  # moments of measurement
    depth_channels: tuple[int, ...]
    depth_seeds: int
    doses: tuple[float, ...]  # amplitudes of the picture that the channels share
    escape_steps: int
    escape_modes: tuple[str, ...]
    disguises: tuple[tuple[str, str], ...]  # affine arms and optimizers that are compared with the sum's
    filters: int  # Gaussian filters that answer an aligned and an opponent edge
    cost_channels: tuple[int, ...]
    shorten: float = 1.0  # of the tasks' steps
    files: tuple[str, ...] = ()  # of arms and tasks that a reader added

    @property
    def reducing(self) -> list[str]:
        """The arms that are reductions of their own."""
        return [name for name in self.arms if not ARMS[name].control]

    def steps(self, task: str) -> int:
        """Minibatches of training on a task."""
        return max(2, round(TASKS[task].steps * self.shorten))

    def small(self) -> dict[str, Any]:
        """Settings of the short trainings whose filters are drawn."""
        return {"lr": 0.01, "steps": max(2, round(SHORT * self.shorten)), "seeds": list(self.seeds[:3])}


QUICK = Profile(
    name="quick",
    tasks=("distractors", "polarity"),
    arms=("sum", "mean", "sum+17", "max", "product"),
    seeds=(0, 1, 2),
    inits=("he",),
    banks=(1, 8),
    decays=(0.0,),
    kept=(1, 8),
    lrs=(0.003, 0.01, 0.03),
    tuning_seeds=(1000, 1001),
    points=10,
    depth_channels=(16,),
    depth_seeds=3,
    doses=(0, 3),
    escape_steps=200,
    escape_modes=("full", "minibatch"),
    disguises=(("mean", "adam"), ("sum+17", "sgd"), ("alternating", "sgd")),
    filters=400_000,
    cost_channels=(16,),
    shorten=0.1,
)

FULL = Profile(
    name="full",
    tasks=tuple(TASKS),
    arms=tuple(name for name in ARMS if name != "concat-matched"),
    seeds=tuple(range(10)),
    inits=("he", "unit"),
    banks=(1, 2, 8),
    decays=(0.0, 1e-4, 1e-3),
    kept=(1, 2, 4, 8, 16, 27),
    lrs=(0.0003, 0.001, 0.003, 0.01, 0.03),
    tuning_seeds=(1000, 1001, 1002),
    points=10,
    depth_channels=(3, 16, 64),
    depth_seeds=10,
    doses=(0, 0.5, 1, 2, 3),
    escape_steps=2000,
    escape_modes=("full", "minibatch"),
    disguises=tuple((arm, by) for arm in ("mean", "sum+17", "alternating") for by in ("sgd", "adam")),
    filters=400_000,
    cost_channels=(3, 16, 64),
)
