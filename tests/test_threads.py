"""Shared worker threads: how many, that every task is done, and that the user's settings stay."""

import multiprocessing
import os
import threading
import time

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from minigrad.kernels import threads


@pytest.fixture(autouse=True)
def _restored():
    before = threads.get_num_threads()
    yield
    threads.set_num_threads(before)


def blas_threads():
    return [library.num_threads for library in ThreadpoolController().select(user_api="blas").lib_controllers]


def test_number_of_threads_is_what_was_set():
    threads.set_num_threads(3)
    assert threads.get_num_threads() == 3


@pytest.mark.parametrize("count", [0, -1, 1.0, "2", True, None])
def test_a_wrong_number_is_refused_and_changes_nothing(count):
    threads.set_num_threads(3)
    with pytest.raises(ValueError, match="set_num_threads: expected an integer of at least 1"):
        threads.set_num_threads(count)
    assert threads.get_num_threads() == 3


@pytest.mark.parametrize(
    "limit, count",
    [(None, 8), ("max 100000\n", 8), ("150000 100000\n", 2), ("1000 100000\n", 1), ("900000 100000\n", 8), ("", 8)],
)
def test_the_default_is_bounded_by_affinity_and_by_a_containers_quota(tmp_path, monkeypatch, limit, count):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    if limit is not None:
        (tmp_path / "cpu.max").write_text(limit)
    assert threads.count_cpus(tmp_path / "cpu.max") == count


@pytest.mark.parametrize("wish, count", [("3", 3), ("4,2", 4), ("", None), ("0", None), ("many", None)])
def test_omp_num_threads_is_heeded(monkeypatch, wish, count):
    monkeypatch.setenv("OMP_NUM_THREADS", wish)
    monkeypatch.setattr(threads, "_count", None)
    assert threads.get_num_threads() == (count or threads.count_cpus())


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("tasks", [0, 1, 2, 100])
def test_every_task_is_done_once(count, tasks):
    threads.set_num_threads(count)
    done = []
    threads.run(done.append, range(tasks))
    assert sorted(done) == list(range(tasks))


def test_tasks_run_at_once_on_as_many_threads_as_are_set():
    threads.set_num_threads(3)
    meeting = threading.Barrier(3, timeout=10)
    threads.run(lambda _: meeting.wait(), range(3))  # would time out with fewer


def test_one_thread_means_the_caller():
    threads.set_num_threads(1)
    names = []
    threads.run(lambda _: names.append(threading.current_thread()), range(4))
    assert set(names) == {threading.current_thread()}


def test_the_first_error_is_raised_when_all_have_stopped_and_the_next_call_works():
    threads.set_num_threads(2)
    before = blas_threads()

    def task(i):
        if i == 3:
            raise ZeroDivisionError("task 3")

    with pytest.raises(ZeroDivisionError, match="task 3"):
        threads.run(task, range(10))
    assert blas_threads() == before
    done = []
    threads.run(done.append, range(10))
    assert len(done) == 10


def test_a_call_inside_a_task_runs_where_it_is():
    threads.set_num_threads(2)
    places = []

    def outer(_):
        threads.run(lambda _: places.append((here, threading.get_ident())), range(3))

    def place(i):
        nonlocal here
        with lock:
            here = threading.get_ident()
            outer(i)

    here, lock = None, threading.Lock()
    threads.run(place, range(4))
    assert len(places) == 12 and all(outside == inside for outside, inside in places)


def test_errstate_of_the_caller_holds_in_the_workers():
    threads.set_num_threads(2)
    meeting = threading.Barrier(2, timeout=10)

    def task(_):
        meeting.wait()  # so that each thread has one
        np.float32(1) / np.zeros(1, "f4")

    with np.errstate(divide="ignore"):
        threads.run(task, range(2))
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        threads.run(task, range(2))


def test_blas_is_held_to_one_thread_inside_and_restored_after():
    for library in ThreadpoolController().select(user_api="blas").lib_controllers:
        library.set_num_threads(2)
    seen = []
    with threads.one_blas_thread():
        threads.run(lambda _: seen.extend(blas_threads()), range(2))
        assert set(blas_threads()) == {1}
    assert set(seen) == {1}
    assert set(blas_threads()) == {2}


def test_a_blas_setting_made_meanwhile_by_the_user_is_kept():
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    before = blas_threads()
    try:
        with threads.one_blas_thread():
            for library in libraries:
                library.set_num_threads(2)
        assert set(blas_threads()) == {2}
    finally:
        for library, count in zip(libraries, before, strict=True):
            library.set_num_threads(count)


def test_several_user_threads_share_the_workers():
    threads.set_num_threads(3)
    before, done = blas_threads(), [[] for _ in range(6)]

    def use(mine):
        for _ in range(50):
            threads.run(mine.append, range(7))

    users = [threading.Thread(target=use, args=(mine,)) for mine in done]
    for user in users:
        user.start()
    for user in users:
        user.join(timeout=30)
    assert [len(mine) for mine in done] == [350] * 6
    assert blas_threads() == before


def _child(queue):
    done = []
    threads.run(done.append, range(20))
    queue.put((sorted(done), set(blas_threads())))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12 warns of what is tested here
def test_a_forked_child_has_workers_of_its_own():
    threads.set_num_threads(2)
    for library in ThreadpoolController().select(user_api="blas").lib_controllers:
        library.set_num_threads(2)
    threads.run(time.sleep, [0, 0])  # the parent's workers are there
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def fork_and_ask(_=None):
        child = context.Process(target=_child, args=(queue,))
        child.start()
        answer = queue.get()
        child.join(timeout=10)
        return answer

    assert fork_and_ask() == (list(range(20)), {2})
    with threads.one_blas_thread():  # forked in the middle of a kernel: the child gets the user's setting
        assert fork_and_ask() == (list(range(20)), {2})
