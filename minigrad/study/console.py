"""What the study says on a console: how far it is, and its results as text, in any width and any encoding."""

from __future__ import annotations

import io
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from minigrad.study.claims import verdicts
from minigrad.study.records import Results

Progress = Callable[[float, float], None]
WIDEST, NAME, CELL = 96, 17, 13  # characters of a line, of an arm's name, and of a task's column


def width() -> int:
    """How many characters a line may have."""
    return max(24, min(WIDEST, shutil.get_terminal_size().columns))


def replace_unknown_characters() -> None:
    """Let a console that cannot show "≥" show "?" instead."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def say(words: str, stream: TextIO | None = None) -> None:
    """Print each line, folded where it is too wide; a character that the stream cannot show becomes "?"."""
    stream = stream or sys.stdout
    text = "\n".join(
        textwrap.fill(line, width(), break_long_words=False, break_on_hyphens=False) if len(line) > width() else line
        for line in words.split("\n")
    )
    try:
        print(text, file=stream)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        print(text.encode(encoding, "replace").decode(encoding), file=stream)


@contextmanager
def progress(name: str = "study", every: float = 30.0) -> Iterator[Progress]:
    """Tell how much is done and how much time is left: a bar on a terminal; a line in a log, `every` so many seconds.

    Yields `tell(done, total)`.
    """
    if sys.stderr.isatty():
        with _bar(name) as tell:
            yield tell
    else:
        yield lines(name, every, sys.stderr)


@contextmanager
def _bar(name: str) -> Iterator[Progress]:
    from tqdm import tqdm

    form = "{l_bar}{bar}| {elapsed}, {remaining} left"
    with tqdm(
        total=1.0, bar_format=form, smoothing=0.05, desc=name, mininterval=0.5, dynamic_ncols=True
    ) as shown:  # fmt: skip

        def tell(done: float, total: float) -> None:
            shown.total = total
            if shown.n == 0 and done:  # what earlier runs left says nothing about this one's speed
                shown.initial = done
            shown.n = done
            shown.refresh()

        yield tell


def lines(name: str, every: float, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> Progress:
    """Progress for a log: `study: 40 %, 0:12 so far, about 0:18 left`, and nothing that needs a terminal."""
    begun = said = clock()
    first: float | None = None
    ended = False

    def tell(done: float, total: float) -> None:
        nonlocal said, first, ended
        first = done if first is None else first  # what earlier runs left says nothing about this one's speed
        now, part = clock(), done / (total or 1)
        if ended or (part < 1 and now - said < every):
            return
        said, ended = now, part >= 1
        spent, fresh = now - begun, done - first
        left = f", about {_minutes(spent * (total - done) / fresh)} left" if fresh > 0 and part < 1 else ""
        print(f"{name}: {100 * part:.0f} %, {_minutes(spent)} so far{left}", file=stream, flush=True)

    return tell


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def table(results: Results, columns: int = WIDEST) -> str:
    """Accuracies at F = 8 and the claims with what was measured, as text with lines of so many characters."""
    tasks = results.values("run", "task")
    fit = max(1, (columns - NAME) // CELL)
    found: list[str] = []
    for first in range(0, len(tasks), fit):
        found += [*_accuracies(results, tasks[first : first + fit]), ""]
    same = "mean, sum+17 and alternating are the sum with other weights: what differs there is rounding."
    found += [textwrap.fill(same, columns), ""]
    judged = verdicts(results)
    for v in judged:
        if v.verdict != "not judged":
            found.append(textwrap.fill(f"{v.claim.claim}: {v.verdict}", columns))
            found.append(textwrap.indent(textwrap.fill(v.measured, columns - 4), "    "))
    rest = sum(v.verdict == "not judged" for v in judged)
    if rest:
        found.append(textwrap.fill(f"{rest} other claims: not judged, for too little was run", columns))
    return "\n".join(found)


def _accuracies(results: Results, tasks: list[str]) -> Iterator[str]:
    yield f"{'test accuracy':{NAME}}" + "".join(f"{task[: CELL - 2]:>{CELL}}" for task in tasks)
    for arm in results.values("run", "arm"):
        cells = []
        for task in tasks:
            found = results.one("run", task=task, arm=arm, F=8, init="he")
            known = found is not None and None not in found["accuracy"]
            cells.append(
                f"{sum(found['accuracy']) / len(found['accuracy']):{CELL}.3f}" if found and known else " " * CELL
            )
        yield f"{arm[: NAME - 1]:{NAME}}{''.join(cells)}".rstrip()
