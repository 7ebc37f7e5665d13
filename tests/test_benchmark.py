"""The benchmark works, without its peers: all of minigrad's part runs, and the arithmetic of the report is right."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "examples" / "benchmark"


@pytest.fixture(scope="module")
def modules():
    sys.path.insert(0, str(HERE))
    try:
        import run
        import with_minigrad
        import work
        import worker

        yield run, work, worker, with_minigrad
    finally:
        sys.path.remove(str(HERE))


def test_everything_that_is_timed_runs(modules):
    _, work, worker, ours = modules
    for name in work.NETWORKS:
        step = ours.training_step(name)
        first = step()
        for _ in range(5):
            last = step()
        assert last < first  # it does train
    for direction in work.DIRECTIONS:
        ours.contraction((2, 3, 8, 4), direction)()
    for name in work.STEPS:
        ours.step(name)()
    for name in work.CONVOLUTIONS:
        ours.convolution(name)()
    for name in work.OPTIMIZERS:
        ours.optimizer(name)()
    ours.growth(2, 4, 8)()
    ours.chain(100)()
    count, call = ours.tiny()
    call()
    assert count == 100
    assert set(worker.timed(call, 0.0, 3)) == {"min", "median", "calls"}


def test_ratios_are_taken_within_a_round(modules):
    run, *_ = modules
    results = run.Results(["minigrad", "torch"], 2)
    rounds = {"minigrad": [2.0, 30.0, 3.0], "torch": [1.0, 10.0, 2.0]}  # the second round was disturbed
    results.answers = {"task": {f: [{"min": t} for t in times] for f, times in rounds.items()}}
    assert results.ratio("task", "torch", "min") == 2.0  # of 2, 3 and 1.5
    assert results.least("task", "minigrad", "min") == 2.0


def test_slope_is_the_exponent_of_growth(modules):
    run, *_ = modules
    assert run.slope({"10": 5.0, "100": 500.0}) == pytest.approx(2)
    assert run.slope({"1": 1.0, "8": 1.0, "2": 9.0, "16": 2.0}) == pytest.approx(1)  # between the two largest


def test_a_worker_answers_in_json():
    command = [sys.executable, str(HERE / "worker.py"), "minigrad", "version", "1"]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert '"name": "minigrad"' in done.stdout
