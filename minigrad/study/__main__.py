"""`python -m minigrad.study`: run the study, print what it measured, and write a page.

Without options it is a quick study of less than a minute, whose short page is `why_sum_quick.html`; `--full` writes
`why_sum.html`. Results go to disk as they come; after Ctrl-C or a kill the same command goes on where it stopped.
`--network model.onnx` measures the convolutions of a network of your own instead.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from importlib import import_module
from pathlib import Path

try:
    from minigrad.study import additions, console, executors, report
    from minigrad.study.foreign.images import PIXELS
    from minigrad.study.jobs import FULL, QUICK, Profile
    from minigrad.study.plan import study
    from minigrad.study.records import Results, Store
    from minigrad.study.tasks import TASKS
except KeyboardInterrupt:  # Ctrl-C in the first moments
    print("minigrad.study: interrupted before it began", file=sys.stderr)
    sys.exit(130)

NEEDED = ("sklearn", "scipy", "tqdm")  # packages that a run imports sooner or later
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
    add("--network", type=Path, metavar="FILE", help="measure your own network's convolutions: an ONNX file")
    add("--images", type=Path, metavar="DIR", help="PNG, JPEG or .npy files for it (two bundled photographs)")
    add("--pixels", choices=PIXELS, help="pixels for it: unit 0…1 (the usual), signed −1…1, bytes 0…255, or imagenet")
    options = parser.parse_args(argv)
    if options.network is None and (options.images or options.pixels):
        parser.error("--images and --pixels are for --network FILE")
    if options.network and (options.full or options.only or options.add or options.seeds or options.report_only):
        parser.error("--network takes --images, --pixels and --out, and no option of the study")
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


# ------------------------------------------------------------------------------------------------------ what is done


def run_study(options: argparse.Namespace) -> int:
    """Run the study or what is left of it, then say and write what it found."""
    begun, interrupted, failed = time.perf_counter(), False, {}
    profile = with_options(FULL if options.full else QUICK, options)
    path = records_of(options, profile)
    try:
        with Store(path) as store, console.progress() as tell:
            failed = study(profile, store, options.launch, options.only, tell)
    except KeyboardInterrupt:
        interrupted = True
    except OSError as error:
        return cannot_write(options.out, error)
    status = report_of(options, path)
    for key, reason in failed.items():
        complain(f"failed: {key}: {type(reason).__name__}: {reason}")
    if interrupted:
        return go_on()
    console.say(f"{time.perf_counter() - begun:.0f} s")
    return status or (1 if failed else 0)


def report_of(options: argparse.Namespace, path: Path) -> int:
    """Write the page of a file of records and print what they say; returns the exit status."""
    try:
        results = Results.load(path)
        page = page_of(options, path, results)
        text, said = report.page(results), [console.table(results, console.width()), report.summary(results)]
    except OSError as error:
        return complain(str(error))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return complain(
            f"{path} holds records that this version cannot read; move it away and run again "
            f"({type(error).__name__}: {error})"
        )
    try:
        report.replace(page, text)
    except OSError as error:
        return cannot_write(options.out, error)
    console.say("\n\n".join([*filter(None, said), f"{page}: {len(results)} records of {path}"]))
    return 0


def own_network(options: argparse.Namespace) -> int:
    """Measure the network that --network names."""
    from minigrad.study.foreign import command
    from minigrad.study.foreign.onnx_network import NetworkError

    try:
        shown = console.progress(options.network.name)
        said = command.run(options.network, options.images, options.out, options.pixels, shown)
    except NetworkError as error:
        return complain(str(error))
    except OSError as error:
        return cannot_write(options.out, error)
    console.say(said)
    return 0


def complain(words: str) -> int:
    """Say on the error stream what is wrong; returns the exit status for it."""
    console.say(f"minigrad.study: {words}", sys.stderr)
    return 2


def cannot_write(out: Path, error: OSError) -> int:
    """Name the folder that cannot be written, and what stands in the way."""
    return complain(f"--out {out} cannot be written: {error.strerror}" if error.strerror else str(error))


def go_on(network: bool = False) -> int:
    """Say after Ctrl-C how to go on; returns the exit status for it."""
    complain("interrupted: " + ("no page was written" if network else "the same command goes on from here"))
    return 130


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = None
    try:
        console.replace_unknown_characters()
        options = arguments(argv)
        if options.network:
            return own_network(options)
        if options.report_only:
            return report_of(options, records_for_report(options))
        for package in NEEDED:
            import_module(package)
        return run_study(options)
    except ModuleNotFoundError as error:
        extra = "networks" if options and options.network else "study"
        name = error.name.partition(".")[0] if error.name else str(error)
        return complain(f"{name} is not installed; this does it: pip install 'minigrad-whysum[{extra}]'")
    except KeyboardInterrupt:
        return go_on(bool(options and options.network))


if __name__ == "__main__":
    sys.exit(main())
