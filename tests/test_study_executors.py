"""Jobs run to the end wherever they are run, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from minigrad.study import executors


def square(n: int) -> int:
    return n * n


def fails_at_two(n: int) -> int:
    if n == 2:
        raise ValueError("two")
    return n


def dies_once(job: tuple[str, int]) -> int:
    """The first worker that takes up job 3 is killed; it leaves a mark, so that the next one is not."""
    folder, n = job
    mark = Path(folder) / "died"
    if n == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def always_dies(n: int) -> int:
    if n == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def slow(n: int) -> int:
    time.sleep(0.3)
    return n


@pytest.mark.parametrize("spec", ["serial", "processes"])
def test_every_job_is_answered_once(spec):
    answers = list(executors.launcher(spec, 2)(square, range(7)))
    assert sorted(answers) == [(n, n * n) for n in range(7)]


@pytest.mark.parametrize("spec", ["serial", "processes"])
def test_a_job_that_fails_does_not_stop_the_others(spec):
    answers = dict(executors.launcher(spec, 2)(fails_at_two, range(5)))
    assert isinstance(answers.pop(2), ValueError) and answers == {n: n for n in (0, 1, 3, 4)}


def test_the_jobs_of_a_worker_that_dies_are_run_again(tmp_path):
    jobs = [(str(tmp_path), n) for n in range(8)]
    answers = list(executors.launcher("processes", 2)(dies_once, jobs))
    assert sorted(answers) == [(job, job[1]) for job in jobs]
    assert (tmp_path / "died").exists()


def test_a_job_that_kills_every_worker_is_given_up_and_the_others_are_done():
    answers = dict(executors.launcher("processes", 1)(always_dies, range(3)))
    assert isinstance(answers.pop(1), executors.BrokenExecutor) and answers == {0: 0, 2: 2}


def test_leaving_early_waits_for_nothing():
    jobs = executors.launcher("processes", 2)(slow, range(40))
    next(jobs)
    begun = time.perf_counter()
    jobs.close()
    assert time.perf_counter() - begun < 5  # all would take 6


def test_no_jobs_start_no_workers():
    assert list(executors.launcher("processes", 2)(square, [])) == []


@pytest.mark.parametrize("spec", ["threads", "dask://", ""])
def test_an_unknown_executor_is_named_with_the_known_ones(spec):
    with pytest.raises(ValueError, match="processes, serial, mpi or dask://HOST:PORT"):
        executors.launcher(spec, 1)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py.futures", None)
    with pytest.raises(ModuleNotFoundError, match=r"mpi4py\.futures"):
        list(executors.launcher("mpi", 1)(square, [1]))


@pytest.mark.filterwarnings("default")  # Dask's own, when a worker is lost
def test_a_dask_cluster_of_two_workers_survives_the_loss_of_one():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, protocol="tcp", silence_logs=50
    ) as cluster:
        address = cluster.scheduler_address.removeprefix("tcp://")
        answers = []
        for answer in executors.launcher(f"dask://{address}", 1)(slow, range(12)):
            answers.append(answer)
            if len(answers) == 2:
                os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
    assert sorted(answers) == [(n, n) for n in range(12)]
