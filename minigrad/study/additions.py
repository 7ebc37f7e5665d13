"""Arms and tasks that a reader adds: a Python file whose `Arm` and `Task` objects are shown and never judged."""

from __future__ import annotations

import runpy
import traceback
from functools import cache

import numpy as np

from minigrad.channels.reduce import REDUCTIONS, reduce_by
from minigrad.study.arms import ARMS, COMMITTED_ARMS, Arm
from minigrad.study.tasks import COMMITTED_TASKS, TASKS, Task
from minigrad.tensor import tensor


@cache
def load(path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Put a file's arms and tasks beside those that are there; returns their names, arms and tasks.

    Raises OSError if the file cannot be read, and ValueError if it fails, if it defines none, if it takes a name of the
    study's own, or if what it defines cannot be trained.
    """
    with open(path, "rb"):
        pass  # what the file itself cannot open is another error
    try:
        found = list(dict.fromkeys(value for value in runpy.run_path(path).values() if isinstance(value, Arm | Task)))
    except Exception as error:
        raise ValueError(f"{path}{_line_of(error, path)}: {type(error).__name__}: {error}") from None
    arms = {item.name: item for item in found if isinstance(item, Arm)}
    tasks = {item.name: item for item in found if isinstance(item, Task)}
    if not found:
        raise ValueError(f"{path}: defines neither an Arm nor a Task")
    for item in found:
        if item.name in COMMITTED_ARMS + COMMITTED_TASKS or not item.name:
            raise ValueError(f"{path}: {item.name!r} is no free name; the study has its own of that name")
        try:
            if isinstance(item, Arm):
                check_arm(item)
            else:
                check_task(item)
        except Exception as error:
            raise ValueError(f"{path}{_line_of(error, path)}: {item.name!r}: {error}") from None
    ARMS.update(arms)
    TASKS.update(tasks)
    return tuple(arms), tuple(tasks)


def _line_of(error: Exception, path: str) -> str:
    """Which line of the file failed, in words; nothing if it was none of them."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}" if error.filename == path else ""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f", line {lines[-1]}" if lines else ""


def check_arm(arm: Arm) -> None:
    """Reduce a few responses, forward and backward."""
    if not callable(arm.reduce) and (arm.reduce or arm.name) not in (*REDUCTIONS, "concat"):
        raise ValueError(f"reduce must be a function (r, dim) -> Tensor or one of {[*REDUCTIONS]}")
    if arm.reduces:
        r = tensor(np.linspace(-1.0, 1.0, 48, dtype=np.float32).reshape(2, 1, 3, 2, 2, 2), requires_grad=True)
        reduce_by(arm.function, r, 2).sum().backward()


def check_task(task: Task) -> None:
    """Draw a few images and labels; a ValueError if a network could not be trained on them."""
    for split in ("train", "test"):
        x, y = (np.asarray(part) for part in task.make(np.random.default_rng(0), 8, split))
        if x.ndim != 4 or x.shape[:2] != (8, task.channels) or x.dtype != np.float32:
            wanted = f"float32 (8, {task.channels}, H, W)"
            raise ValueError(f"make(rng, 8, {split!r}) must give images as {wanted}, got {x.dtype} {x.shape}")
        if y.shape != (8,) or y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= task.classes:
            wanted = f"8 whole numbers from 0 to {task.classes - 1}"
            raise ValueError(f"make(rng, 8, {split!r}) must give {wanted} as labels, got {y.dtype} {y.tolist()}")
