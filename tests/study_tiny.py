"""A study of seconds, for tests that kill it: `python tests/study_tiny.py FILE EXECUTOR`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from minigrad.study.executors import launcher
from minigrad.study.jobs import QUICK
from minigrad.study.plan import study
from minigrad.study.records import Store

TINY = dataclasses.replace(
    QUICK,
    name="tiny",
    tasks=("distractors", "presence"),
    arms=("sum", "mean", "max"),
    seeds=(0, 1),
    inits=("he", "unit"),
    banks=(1, 8),
    decays=(0.0,),
    kept=(1,),
    lrs=(0.003, 0.01),
    tuning_seeds=(1000,),
    points=2,
    depth_channels=(3,),
    depth_seeds=1,
    doses=(3,),
    escape_steps=2,
    escape_modes=("minibatch",),
    disguises=(("mean", "sgd"),),
    filters=1000,
    cost_channels=(),  # a clock never says the same twice
    shorten=0.002,
)

if __name__ == "__main__":
    with Store(Path(sys.argv[1])) as store:
        print("started", flush=True)
        failed = study(TINY, store, launcher(sys.argv[2], 1))
    sys.exit(bool(failed))
