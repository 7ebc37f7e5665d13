"""The worker threads that kernels share their work over: how many there are, and how tasks are run on them.

NumPy lets go of the interpreter lock inside copies, ufuncs and matrix products, so plain threads do run at
once. While they do, BLAS is held to one thread each. That holds for a single task too: the threads of a BLAS
library go on spinning for milliseconds after their work is done, and would take the processor from ours
(measured with OpenBLAS: a kernel right after a two-thread product of 64x1024x10 took 2-3 times as long).
"""

from __future__ import annotations

import contextvars
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

BLOCK = 1 << 16  # elements of an elementwise task of several steps: what is between them stays in cache
WORTH = 1 << 20  # elements from which cheap work is worth sharing: to hand over costs 0.1 to 0.3 ms on some machines
PRODUCTS = 1 << 24  # multiplications from which matrix products are worth it, too: half a millisecond of a core
SMALL = 9_000  # multiplications below which BLAS libraries use one thread by themselves


def set_num_threads(count: int) -> None:
    """Let the kernels use `count` threads, the caller's included (process-wide; 1 starts none)."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"set_num_threads: expected an integer of at least 1, got {count!r}")
    _settings.count = count


def get_num_threads() -> int:
    """Number of threads that the kernels use: as set, else OMP_NUM_THREADS, else what the process may use."""
    if _settings.count is None:
        _settings.count = _default_count()
    return _settings.count


def _default_count() -> int:
    wish = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(wish) if wish.isdecimal() and int(wish) > 0 else count_cpus()


def count_cpus(limit: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Processors that this process may use: those of its affinity mask, or fewer if a container limits its time."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = map(int, limit.read_text().split())  # microseconds of processor time in each period
    except (OSError, ValueError):  # no container, or one whose quota is "max"
        return cpus
    return max(1, min(cpus, math.ceil(quota / period)))


def run(task: Callable[[T], object], items: Iterable[T], share: bool = True) -> None:
    """Call `task(item)` for every item, on up to `get_num_threads()` threads; an error is raised at the end.

    The items are taken up in order, by whichever thread is free: a task must not care which. Calls from
    several user threads share the workers. A call from inside a task runs where it is, as does one that is
    not to `share`: on virtual machines a worker was seen to start 0.1 ms after it is called, and to be as late
    in reporting, so little work is done sooner alone.
    """
    items = list(items)
    count = min(get_num_threads(), len(items)) if share and not getattr(_inside, "task", False) else 1
    with one_blas_thread():
        if count <= 1:
            for item in items:
                task(item)
            return
        job = _Job(task, items)
        for _ in range(count - 1):
            # the caller's context, so that its np.errstate holds in the workers
            _pool.put(contextvars.copy_context(), job)
        try:
            job.work()
            job.finished.wait()
        except BaseException:  # Ctrl-C while waiting: nothing may go on writing behind the caller's back
            job.abandon()
            raise
    if job.error is not None:
        raise job.error


def share_slices(task: Callable[[slice], object], size: int, block: int, worth: int = WORTH) -> None:
    """Call `task` for slices of `block` elements that make up `size`, on the threads from `worth` elements on."""
    slices = [slice(i, min(i + block, size)) for i in range(0, size, block)]
    if size >= worth:
        run(task, slices)
    else:
        for s in slices:
            task(s)


_inside = threading.local()  # .task: this thread is inside a task


class _Job:
    """A call of `run`: the items still to be taken up, and how many are not done."""

    def __init__(self, task: Callable[[Any], object], items: Iterable[Any]) -> None:
        self.task = task
        self.items = deque(items)
        self.left = len(self.items)
        self.error: BaseException | None = None
        self.lock = threading.Lock()
        self.finished = threading.Event()
        self.busy: set[int] = set()  # threads that are at work on it
        if not self.left:
            self.finished.set()

    def work(self) -> None:
        """Take up items until there are none."""
        outer, _inside.task = getattr(_inside, "task", False), True
        try:
            self.busy.add(threading.get_ident())
            while True:
                try:
                    item = self.items.popleft()
                except IndexError:
                    return
                try:
                    if self.error is None:
                        self.task(item)
                except BaseException as error:
                    self.error = error
                with self.lock:
                    self.left -= 1
                    if not self.left:
                        self.finished.set()
        finally:
            _inside.task = outer
            self.busy.discard(threading.get_ident())

    def abandon(self) -> None:
        """Take up no more items, and wait for those under way."""
        self.items.clear()
        while self.busy:
            time.sleep(0.001)


class _Pool:
    """Worker threads, started when first needed; they wait for jobs and never keep the process alive."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[tuple[contextvars.Context, _Job]] = SimpleQueue()
        self.lock = threading.Lock()
        self.workers = 0

    def put(self, context: contextvars.Context, job: _Job) -> None:
        if self.workers < get_num_threads() - 1:
            with self.lock:
                while self.workers < get_num_threads() - 1:
                    name = f"minigrad-{self.workers + 1}"
                    try:
                        threading.Thread(target=self.serve, name=name, daemon=True).start()
                    except RuntimeError:  # the system gives no more: do with those that there are
                        break
                    self.workers += 1
        if self.workers:
            self.jobs.put((context, job))

    def serve(self) -> None:
        while True:
            context, job = self.jobs.get()
            context.run(job.work)
            del context, job  # do not keep the last job's arrays alive while waiting


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread each; the outermost of these blocks, over all threads, restores the setting."""
    blas = _blas
    blas.acquire()
    try:
        yield
    finally:
        if blas is _blas:  # else this is a child forked inside the block, and the setting is restored already
            blas.release()


class _Blas:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.depth = 0
        self.libraries: list[Any] | None = None
        self.before: list[int] = []

    def acquire(self) -> None:
        with self.lock:
            if self.libraries is None:
                # imported here: it would cost `import minigrad` more than the rest of the library does
                from threadpoolctl import ThreadpoolController

                self.libraries = ThreadpoolController().select(user_api="blas").lib_controllers
            if not self.depth:
                self.before = [library.get_num_threads() for library in self.libraries]
                for library in self.libraries:
                    library.set_num_threads(1)
            self.depth += 1

    def release(self) -> None:
        with self.lock:
            self.depth -= 1
            if not self.depth:
                self.restore()

    def restore(self) -> None:
        for library, count in zip(self.libraries or [], self.before, strict=True):
            if library.get_num_threads() == 1:  # else the user has set another number meanwhile: that holds
                library.set_num_threads(count)


class _Settings:
    count: int | None = None


_settings, _pool, _blas = _Settings(), _Pool(), _Blas()


def _after_fork() -> None:
    """A forked child has none of its parent's threads, and locks that they held: begin anew."""
    global _pool, _blas
    outer, _pool, _blas = _blas, _Pool(), _Blas()
    _inside.task = False
    if outer.depth:
        outer.restore()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
