"""Who does the work: how many threads kernels share it over, and how tasks are run on them.

NumPy lets go of the interpreter lock inside copies, ufuncs and matrix products, so plain threads do run at once. While
they do, BLAS is held to one thread each. That holds for a single task, too: the threads of a BLAS library go on
spinning for milliseconds after their work is done, and would take the processor from ours (measured with OpenBLAS: a
kernel right after a two-thread product of 64 × 1024 × 10 took two to three times as long).
"""

from __future__ import annotations

import contextvars
import functools
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

T = TypeVar("T")

BLOCK = 1 << 16  # elements of an elementwise task of several steps: what is between them stays in cache
WORTH = 1 << 20  # elements from which cheap work is worth sharing: to hand over costs 0.1 to 0.3 ms on some machines
PRODUCTS = 1 << 25  # multiplications from which matrix products are worth it, too: a third of a millisecond of a core
SMALL = 9_000  # multiplications up to which BLAS libraries use one thread by themselves, for a matrix and a vector
MODEST = 1 << 18  # and for two matrices: OpenBLAS's own thresholds, twenty microseconds of a core
TILE = 10**6  # multiplications of two float32 matrices that OpenBLAS does as they lie, on one thread
RESULT = 1200  # and numbers of their product, where the second matrix lies transposed


class State(threading.local):
    """What holds for the running thread only."""

    inside = False  # a task is running on it


state = State()
_count: int | None = None  # threads to use; None until somebody sets or asks it
_pool: ThreadPoolExecutor | None = None  # the workers, all threads but the caller's; None until they are needed


def set_num_threads(count: int) -> None:
    """Let the kernels use `count` threads, the caller's included (process-wide; 1 starts none)."""
    global _count, _pool
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"set_num_threads: expected an integer of at least 1, got {count!r}")
    if count != _count:
        _count, _pool = count, None


def get_num_threads() -> int:
    """Number of threads that the kernels use: as set, else OMP_NUM_THREADS, else what the process may use."""
    global _count
    if _count is None:
        wish = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
        _count = int(wish) if wish.isdecimal() and int(wish) > 0 else count_cpus()
    return _count


def count_cpus(limit: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Processors that this process may use: those of its affinity mask, or fewer if a container limits its time."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = map(int, limit.read_text().split())  # microseconds of processor time in each period
    except (OSError, ValueError):  # no container, or one whose quota is "max"
        return cpus
    return max(1, min(cpus, math.ceil(quota / period)))


# --------------------------------------------------------------------------------------------------- sharing


def run(task: Callable[[T], object], items: Iterable[T], share: bool = True) -> None:
    """Call `task(item)` for every item on up to `get_num_threads()` threads, the caller's among them.

    The items are taken up in order by whichever thread is free, and a task must not care which. Several threads may
    call at once, and share the workers. A call from inside a task runs where it is, and so does one that is not to
    `share`: a worker was seen to start 0.1 ms after it is called, so little work is done sooner alone. After an error
    no more items are taken up; it is raised when all threads have stopped.
    """
    todo = deque(items)
    others = min(get_num_threads(), len(todo)) - 1 if share and not state.inside else 0

    def work() -> None:
        outer, state.inside = state.inside, True
        try:
            while True:
                try:
                    item = todo.popleft()
                except IndexError:
                    return
                task(item)
        finally:
            todo.clear()  # empty, unless there was an error
            state.inside = outer

    with one_blas_thread():
        helpers = call_workers(work, others)
        try:
            work()
            for helper in helpers:
                if not helper.cancel():  # it has begun, and may have something in hand
                    helper.result()
        except BaseException:  # a task's error, or Ctrl-C: nothing may go on writing behind the caller's back
            todo.clear()
            stop_workers(helpers)
            raise


def call_workers(work: Callable[[], None], count: int) -> list[Future[None]]:
    """Have workers call `work` in the caller's context, so that its np.errstate holds there, too."""
    global _pool
    helpers: list[Future[None]] = []
    if count < 1:
        return helpers
    pool = _pool
    if pool is None:
        from concurrent.futures import ThreadPoolExecutor  # imported here: few programs need it at once

        pool = _pool = ThreadPoolExecutor(max(1, get_num_threads() - 1), "minigrad")
    try:
        for _ in range(count):
            helpers.append(pool.submit(contextvars.copy_context().run, work))
    except RuntimeError:  # the system gives no more threads: do with those that there are
        pass
    return helpers


def stop_workers(helpers: Iterable[Future[None]]) -> None:
    """Come back when those that have begun are done."""
    for helper in helpers:
        if not helper.cancel():
            helper.exception()


def share_slices(task: Callable[[slice], object], size: int, block: int, worth: int = WORTH) -> None:
    """Call `task` for slices that make up `size`: of `block` elements, or on the threads from `worth` elements on.

    Shared slices are larger. Between calls threads wait for the interpreter, longer than a cache saves (measured).
    """
    step = block if size < worth else min(find_share(size), 8 * block)
    slices = [slice(i, min(i + step, size)) for i in range(0, size, step)]
    if size < worth:
        for part in slices:
            task(part)
    else:
        run(task, slices)


def find_share(size: int) -> int:
    """The size of the parts that `size` is cut into for the threads: one each, and half of one for who is free first.

    A worker begins later than the caller. So the caller takes the last part, and nobody waits (measured, the middle of
    300 runs: two halves of 0.11 ms took 0.19 ms, and 0.16 ms with a third, smaller part).
    """
    return max(1, 2 * size // (2 * get_num_threads() + 1))


# ------------------------------------------------------------------------------------------------------ BLAS


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


class Blas:
    """The BLAS libraries of the process: how many blocks hold them to one thread, and what they were set to before."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.depth = 0
        self.libraries: list[Any] | None = None
        self.before: list[int] = []

    def acquire(self) -> None:
        with self.lock:
            libraries = self.find_libraries()
            if not self.depth:
                self.before = [library.get_num_threads() for library in libraries]
                for library in libraries:
                    library.set_num_threads(1)
            self.depth += 1

    def find_libraries(self) -> list[Any]:
        if self.libraries is None:
            # imported here: it would cost `import minigrad` more than the rest of the library does
            from threadpoolctl import ThreadpoolController

            self.libraries = ThreadpoolController().select(user_api="blas").lib_controllers
        return self.libraries

    def release(self) -> None:
        with self.lock:
            self.depth -= 1
            if not self.depth:
                self.restore()

    def restore(self) -> None:
        for library, count in zip(self.libraries or [], self.before, strict=True):
            if library.get_num_threads() == 1:  # else the user has set another number meanwhile: that holds
                library.set_num_threads(count)


_blas = Blas()


@functools.cache
def multiplies_as_it_lies() -> bool:
    """Whether BLAS multiplies small matrices without rearranging them first: OpenBLAS does so for AVX-512."""
    names = [getattr(library, "architecture", None) for library in _blas.find_libraries()]
    return any(name in ("SkylakeX", "Cooperlake", "SapphireRapids") for name in names)


def begin_anew() -> None:
    """A forked child has none of its parent's threads, and locks that they held."""
    global _pool, _blas
    outer, _pool, _blas = _blas, None, Blas()
    state.inside = False
    if outer.depth:
        outer.restore()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=begin_anew)
