"""Three findings were measured once more in PyTorch (`reference/study.py`): same sign, and intervals that meet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")

from minigrad.study.claims import dose
from minigrad.study.claims.claim import mean, per_seed, run
from minigrad.study.stats import Interval, bootstrap, paired

FOUND = json.loads((Path(__file__).parent / "reference" / "study.json").read_text())


def agree(ours: Interval, theirs: Interval) -> bool:
    """Whether two intervals meet and both exclude 0 on the same side."""
    meet = ours.low <= theirs.high and theirs.low <= ours.high
    return bool(meet and ours.low * ours.high > 0 and theirs.low * ours.low > 0 and theirs.high * ours.low > 0)


@pytest.mark.parametrize("amplitude", [0, 3])
def test_excess_cancellation_by_dose_is_the_same_in_pytorch(amplitude, published):
    ours = mean(dose.record(published, amplitude), "excess")
    assert agree(ours, bootstrap(FOUND[f"dose_{amplitude}"])), (ours, bootstrap(FOUND[f"dose_{amplitude}"]))


def test_the_sum_is_ahead_of_the_maximum_on_common_mode_digits_in_pytorch_too(published):
    runs = {arm: run(published, "common", arm) for arm in ("sum", "max")}  # from He's start, at the rates found for it
    assert {arm: record["lr"] for arm, record in runs.items()} == FOUND["rates"]
    ours = paired(*(per_seed(runs[arm], "accuracy") for arm in ("sum", "max")))
    theirs = bootstrap(np.array(FOUND["common_sum"]) - np.array(FOUND["common_max"]))
    assert agree(ours, theirs), (ours, theirs)


@pytest.mark.parametrize("task", ["polarity", "presence"])
def test_descent_leaves_the_cancelling_start_in_pytorch_too(task):
    moved = [run for run in FOUND[f"escape_{task}"] if run["moves"]]
    assert len(moved) >= 4 and all(run["left"] for run in moved)
