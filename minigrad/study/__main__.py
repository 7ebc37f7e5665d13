"""`python -m minigrad.study`: run the study, print what it measured, and write a page.

Without options it is a quick study of less than a minute, whose short page is `why_sum_quick.html`; `--full` writes
`why_sum.html`. Results go to disk as they come; after Ctrl-C or a kill the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from minigrad.study import additions, executors, report
from minigrad.study.claims import verdicts
from minigrad.study.jobs import FULL, QUICK, Profile
from minigrad.study.plan import study
from minigrad.study.records import Results, Store
from minigrad.study.tasks import TASKS

PUBLISHED = Path(__file__).with_name("full.jsonl")  # the records of the full study that come with minigrad


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(prog="python -m minigrad.study", description=__doc__)
    add = parser.add_argument
    add("--full", action="store_true", help="the whole protocol: within an hour on two cores")
    add("--only", nargs="+", default=[], metavar="TASK", help=f"of {', '.join(TASKS)}, or one that --add brings")
    add("--add", nargs="+", default=[], metavar="FILE", help="Python files with an Arm or a Task of your own")
    add("--seeds", type=int, metavar="N", help="number of test seeds (full: 10, quick: 3)")
    add("--out", type=Path, default=Path(), metavar="DIR", help="where page and records go (here)")
    add("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="worker processes (one a core)")
    add("--executor", default="processes", metavar="WHERE", help="processes, serial, mpi or dask://HOST:PORT")
    add("--report-only", action="store_true", help="rebuild the page: from DIR's records, or the published ones")
    options = parser.parse_args(argv)
    options.add = tuple(os.path.abspath(path) for path in options.add)
    try:
        options.added = [additions.load(path) for path in options.add]
    except (OSError, ValueError) as error:
        parser.error(f"--add: {error}")
    for task in options.only:
        if task not in TASKS:
            parser.error(f"--only: there is no task {task!r}; there are {', '.join(TASKS)}")
    for name, most in (("seeds", min(FULL.tuning_seeds)), ("jobs", 10_000)):
        if (value := getattr(options, name)) is not None and not 1 <= value <= most:
            parser.error(f"--{name}: expected 1 to {most:,}, got {value:,}")
    try:
        options.launch = executors.launcher(options.executor, options.jobs)
    except ValueError as error:
        parser.error(str(error))
    return options


def with_options(profile: Profile, options: argparse.Namespace) -> Profile:
    """A profile with the command line's seeds and tasks, and with the arms and tasks of the files it names."""
    tasks = tuple(options.only) or (*profile.tasks, *(name for _, tasks in options.added for name in tasks))
    return dataclasses.replace(
        profile,
        seeds=profile.seeds if options.seeds is None else tuple(range(options.seeds)),
        tasks=tasks,
        arms=(*profile.arms, *(name for arms, _ in options.added for name in arms)),
        files=options.add,
    )


def records_of(options: argparse.Namespace, profile: Profile) -> Path:
    """The file of a study's records: another number of seeds is another study."""
    usual = FULL if profile.name == "full" else QUICK
    suffix = "" if profile.seeds == usual.seeds else f"-{len(profile.seeds)}-seeds"
    return Path(options.out / "study-results" / f"{profile.name}{suffix}.jsonl")


def page_of(options: argparse.Namespace, path: Path, results: Results) -> Path:
    """The file of the page: a whole full study's is why_sum.html, and no other run overwrites it."""
    parts = ["why_sum"]
    if not (report.whole(results) and path.stem == "full"):
        parts += [path.stem, *options.only]
    return Path(options.out / ("_".join(parts) + ".html"))


def records_for_report(options: argparse.Namespace) -> Path:
    """The records that --report-only builds from: those of a full or quick study here, else the published ones."""
    full, quick = (records_of(options, with_options(profile, options)) for profile in (FULL, QUICK))
    candidates = [full] if options.full else [full, quick]
    return next((path for path in candidates if path.exists()), PUBLISHED)


@contextmanager
def bar() -> Iterator[Callable[[float, float], None]]:
    """A progress bar with the time left."""
    from tqdm import tqdm

    form = "{l_bar}{bar}| {elapsed}, {remaining} left"
    with tqdm(total=1.0, bar_format=form, smoothing=0.05, desc="study", mininterval=0.5) as shown:

        def progress(done: float, total: float) -> None:
            shown.total = total
            if shown.n == 0 and done:  # what earlier runs left says nothing about this one's speed
                shown.initial = done
            shown.n = done
            shown.refresh()

        yield progress


def table(results: Results) -> str:
    """Accuracies at F = 8 and the claims with what was measured, as text."""
    lines = [f"{'test accuracy':17}" + "".join(f"{task[:11]:>13}" for task in results.values("run", "task"))]
    for arm in results.values("run", "arm"):
        cells = []
        for task in results.values("run", "task"):
            found = results.one("run", task=task, arm=arm, F=8, init="he")
            known = found is not None and None not in found["accuracy"]
            cells.append(f"{sum(found['accuracy']) / len(found['accuracy']):13.3f}" if found and known else " " * 13)
        lines.append(f"{arm:17}" + "".join(cells))
    lines.append("Same start and batches for all: sum+17 starts 17 too high. With its bias moved it is the sum.")
    lines.append("")
    for v in verdicts(results):
        lines.append(f"{v.claim.claim}: {v.verdict}")
        if v.verdict != "not run":
            lines.append(textwrap.indent(textwrap.fill(v.measured, 96), "    "))
    return "\n".join(lines)


def replace_unknown_characters() -> None:
    """Let a console that cannot show "≥" show "?" instead."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    replace_unknown_characters()
    options = arguments(argv)
    begun, interrupted, failed = time.perf_counter(), False, {}
    if options.report_only:
        path = records_for_report(options)
    else:
        profile = with_options(FULL if options.full else QUICK, options)
        path = records_of(options, profile)
        try:
            with Store(path) as store, bar() as progress:
                failed = study(profile, store, options.launch, options.only, progress)
        except KeyboardInterrupt:
            interrupted = True
        except (OSError, ModuleNotFoundError) as error:
            print(f"minigrad.study: {error}", file=sys.stderr)
            return 2
    try:
        results = Results.load(path)
        page = report.write(results, page_of(options, path, results))
        print(table(results))
        print(f"\n{page}: {len(results)} records of {path}")
    except OSError as error:
        print(f"minigrad.study: {error}", file=sys.stderr)
        return 2
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        print(
            f"minigrad.study: {path} holds records that this version cannot read; move it away and run again "
            f"({type(error).__name__}: {error})",
            file=sys.stderr,
        )
        return 2
    for key, reason in failed.items():
        print(f"failed: {key}: {type(reason).__name__}: {reason}", file=sys.stderr)
    if interrupted:
        print("interrupted: the same command goes on from here", file=sys.stderr)
        return 130
    print(f"{time.perf_counter() - begun:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
