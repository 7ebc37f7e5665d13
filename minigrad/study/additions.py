"""Arms and tasks that a reader adds: a Python file whose `Arm` and `Task` objects are shown and never judged."""

from __future__ import annotations

import runpy
from functools import cache

from minigrad.study.arms import ARMS, COMMITTED_ARMS, Arm
from minigrad.study.tasks import COMMITTED_TASKS, TASKS, Task


@cache
def load(path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Put a file's arms and tasks beside those that are there; returns their names, arms and tasks.

    Raises OSError if the file cannot be read, and ValueError if it defines none or takes a name of the study's own.
    """
    found = list(dict.fromkeys(value for value in runpy.run_path(path).values() if isinstance(value, Arm | Task)))
    arms = {item.name: item for item in found if isinstance(item, Arm)}
    tasks = {item.name: item for item in found if isinstance(item, Task)}
    if not found:
        raise ValueError(f"{path}: defines neither an Arm nor a Task")
    for item in found:
        if item.name in COMMITTED_ARMS + COMMITTED_TASKS or not item.name:
            raise ValueError(f"{path}: {item.name!r} is no free name; the study has its own of that name")
    ARMS.update(arms)
    TASKS.update(tasks)
    return tuple(arms), tuple(tasks)
