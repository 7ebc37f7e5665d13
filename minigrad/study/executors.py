"""Where jobs run: in processes of this machine, on a Dask cluster, under MPI, or one after the other.

A launcher is called with a function and jobs and yields (job, result or exception) in the order they finish. All
but `serial` are a `concurrent.futures` executor behind one loop, which starts a broken executor anew.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias

Outcome: TypeAlias = tuple[Any, Any]  # the job, and its result or the exception that it raised
Launcher: TypeAlias = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[Outcome]]
Opener: TypeAlias = Callable[[], AbstractContextManager[Executor]]

ATTEMPTS = 3  # executors that may break in a row without a single result before their jobs are given up


def serial(function: Callable[[Any], Any], jobs: Sequence[Any]) -> Iterator[Outcome]:
    """One job after the other, in this process."""
    for job in jobs:
        try:
            yield job, function(job)
        except Exception as error:
            yield job, error


def concurrent(open_executor: Opener) -> Launcher:
    """A launcher on an executor; when a worker dies and takes it down, a new one gets the jobs that are left."""

    def launch(function: Callable[[Any], Any], jobs: Sequence[Any]) -> Iterator[Outcome]:
        waiting, breaks, last = list(jobs), 0, BrokenExecutor("the executor broke")
        while waiting and breaks < ATTEMPTS:
            if breaks:  # the job at the head may be what kills workers: let the others go first
                waiting = [*waiting[1:], waiting[0]]
            breaks += 1
            with open_executor() as executor:
                try:
                    futures = {executor.submit(function, job): job for job in waiting}
                except BrokenExecutor as error:
                    last = error
                    continue
                for future in as_completed(futures):
                    try:
                        outcome = future.result()
                    except BrokenExecutor as error:
                        last = error
                        continue  # this job was not done: it stays among the waiting
                    except Exception as error:
                        outcome = error
                    breaks = 0
                    waiting.remove(futures[future])
                    yield futures[future], outcome
        for job in waiting:
            yield job, last

    return launch


def launcher(spec: str, workers: int) -> Launcher:
    """The launcher that `--executor` names: "processes", "serial", "mpi" or "dask://HOST:PORT".

    Raises ValueError for another name, ModuleNotFoundError where its package is missing.
    """
    if spec == "serial":
        return serial
    if spec == "processes":
        return concurrent(lambda: processes(workers))
    if spec == "mpi":
        return concurrent(mpi)
    if spec.startswith("dask://") and spec != "dask://":
        return concurrent(lambda: dask("tcp://" + spec.removeprefix("dask://")))
    raise ValueError(f"executor: expected processes, serial, mpi or dask://HOST:PORT, got {spec!r}")


@contextmanager
def processes(workers: int) -> Iterator[Executor]:
    """A pool of fresh Python processes; left early, it ends them at once."""
    context = multiprocessing.get_context("spawn")  # forking would copy the threads' locks, but not the threads
    pool = ProcessPoolExecutor(workers, context, initializer=_settle)
    try:
        yield pool
    except BaseException:  # Ctrl-C, or whoever took the results stopped: what is under way is not waited for
        for process in list((pool._processes or {}).values()):
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _settle() -> None:
    """In a worker: leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # a killed parent closes no queue: without this its workers would wait for ever


@contextmanager
def dask(address: str) -> Iterator[Executor]:
    """A running Dask cluster's workers; Dask itself gives a dead worker's jobs to the others."""
    from distributed import Client

    connect: Any = Client  # typed or not, as Dask is installed or not
    with connect(address, timeout=20) as client:
        yield client.get_executor()


@contextmanager
def mpi() -> Iterator[Executor]:
    """The other ranks of this MPI run: `mpiexec -n 9 python -m mpi4py.futures -m minigrad.study --executor mpi`."""
    from mpi4py.futures import MPIPoolExecutor

    with MPIPoolExecutor() as executor:
        yield executor
