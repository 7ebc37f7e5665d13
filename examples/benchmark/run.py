"""Time minigrad against its peers: `python examples/benchmark/run.py`, about ten minutes; `--quick`, two.

Every framework works in a process of its own, the processes in turn, round by round: in one process their threads
would fight for the processors, and on a shared machine only what was measured side by side can be compared. So quote
the ratios. A peer that is not installed is named and left out; nothing is installed.
Writes `results.json`, `results.md` and, with matplotlib, `results.png` into `--out` (default: beside this file).
"""

import argparse
import datetime
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import work

HERE = Path(__file__).resolve().parent
PEERS = {"torch": "torch", "jax": "jax", "mygrad": "mygrad", "autograd": "autograd"}  # framework: module it needs
NAMES = {
    "minigrad": "minigrad",
    "torch": "PyTorch",
    "jax": "JAX (jit)",
    "mygrad": "MyGrad",
    "autograd": "HIPS autograd",
}
BOTH = ("minigrad", "torch")  # what only these two are asked for


class Results:
    """What the workers answered: (task, framework) -> an answer for each round."""

    def __init__(self, frameworks, threads, quick=False):
        self.frameworks, self.threads, self.quick = frameworks, threads, quick
        self.answers = {}

    def ask(self, task, rounds, only=None):
        """Run a task in every framework in turn, `rounds` times over."""
        for i in range(rounds):
            for framework in only or self.frameworks:
                if framework not in self.frameworks:
                    continue
                print(f"\r\x1b[K{task}, round {i + 1} of {rounds}: {framework}", end="", file=sys.stderr, flush=True)
                answer = self.worker(framework, task)
                self.answers.setdefault(task, {}).setdefault(framework, []).append(answer)
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def worker(self, framework, task):
        path = os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
        variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(variables, str(self.threads)), "PYTHONPATH": path}
        command = [sys.executable, str(HERE / "worker.py"), framework, task, str(self.threads)]
        command += ["quick"] * self.quick
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"\n{framework}, {task} failed:\n{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])

    def values(self, task, framework, *keys):
        """One number a round."""
        numbers = []
        for answer in self.answers.get(task, {}).get(framework, []):
            for key in keys:
                answer = answer[key]
            numbers.append(answer)
        return numbers

    def least(self, task, framework, *keys):
        return min(self.values(task, framework, *keys))

    def ratio(self, task, peer, *keys):
        """minigrad's time divided by the peer's: the median over the rounds, each with the times of one round."""
        ours, theirs = self.values(task, "minigrad", *keys), self.values(task, peer, *keys)
        ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
        return ratios[len(ratios) // 2] if ratios else None


def imports(rounds):
    """Milliseconds that `import numpy` and `import minigrad` take in a new process, at the least."""
    code = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    times = {"numpy": [], "minigrad": []}
    with tempfile.TemporaryDirectory() as folder:  # compiled modules are kept there, whatever the settings are
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        for _ in range(5 * rounds):
            for module, found in times.items():
                command = [sys.executable, "-c", code.format(module)]
                options = {"cwd": HERE.parents[1], "env": environment, "capture_output": True, "text": True}
                found.append(float(subprocess.run(command, check=True, **options).stdout))
    return {module: min(found) * 1e3 for module, found in times.items()}


def slope(points):
    """Exponent of growth between the two largest sizes: log of the ratio of times over log of that of sizes."""
    from math import log

    (x0, y0), (x1, y1) = sorted((float(x), y) for x, y in points.items())[-2:]
    return log(y1 / y0) / log(x1 / x0)


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def number(x, digits=2):
    return "-" if x is None else f"{x:.{digits}f}"


def report(results, times, rate, machine):
    """The tables as Markdown."""
    peers = [f for f in results.frameworks if f != "minigrad"]
    parts = [f"{machine['date']}, {machine['processor']}, {results.threads} threads; " + ", ".join(machine["versions"])]
    if max(machine["load"]) > 1.5 * results.threads:
        parts.append(
            f"**Not a quiet machine**: its load went from {machine['load'][0]:.0f} to {machine['load'][1]:.0f} while "
            f"this was measured. Such ratios flatter whoever waits least for its threads to meet, and minigrad does: "
            "they say how the frameworks share a busy machine, and nothing about a quiet one."
        )
    if machine["missing"]:
        parts.append(f"Not installed, so not timed: {', '.join(machine['missing'])}.")
    rows = []
    for name in work.NETWORKS:
        task = f"network:{name}"
        for framework in results.frameworks:
            mins, medians = results.values(task, framework, "min"), results.values(task, framework, "median")
            ratio = number(results.ratio(task, framework, "min")), number(results.ratio(task, framework, "median"))
            rows.append([name, NAMES[framework], number(min(mins)), number(sorted(medians)[len(medians) // 2]), *ratio])
    header = ["training step", "framework", "min, ms", "median, ms", "minigrad's min ÷ its", "minigrad's median ÷ its"]
    parts.append(table(header, rows))

    if "torch" in peers:
        rows = []
        for shape in work.CONTRACTIONS:
            for direction in work.DIRECTIONS:
                key = str((*shape, direction))
                least = {f: results.least("contractions", f, key, "min") for f in BOTH}
                speed = {f: work.operations(shape) / least[f] * 1e3 / rate for f in BOTH}
                ratio = results.ratio("contractions", "torch", key, "min")
                cells = [number(least["minigrad"]), number(least["torch"]), number(ratio)]
                rows.append([str(shape), direction, *cells, *(f"{100 * speed[f]:.0f} %" for f in BOTH)])
        header = ["(N, C, side, O), 3x3", "contraction", "minigrad, ms", "PyTorch, ms", "ratio"]
        parts.append(table([*header, "minigrad, of sgemm", "PyTorch, of sgemm"], rows))
        parts.append(f"sgemm: {rate / 1e9:.0f} GFLOP/s at 2048 x 2048 x 2048.")
        rows = []
        for name in results.answers["steps"]["torch"][0]:
            least = [number(results.least("steps", f, name, "min"), 3) for f in BOTH]
            rows.append([name, *least, number(results.ratio("steps", "torch", name, "min"))])
        header = ["forward and backward, or update", "minigrad, ms", "PyTorch, ms", "ratio"]
        parts.append(table(header, rows))

    cells = [number(times["minigrad"], 0), number(times["numpy"], 0), number(times["minigrad"] / times["numpy"])]
    rows = [["import, ms (minigrad's with NumPy, and NumPy's)", *cells]]
    if "torch" in peers:
        ours, theirs = (results.least("tiny", f, "min") for f in BOTH)
        row = ["one-element operation, there and back, µs", number(ours), number(theirs)]
        rows.append([*row, number(results.ratio("tiny", "torch", "min"))])
        for name in work.NETWORKS:
            ours, theirs = (sorted(results.values(f"memory:{name}", f))[0] for f in BOTH)
            cells = [number(ours, 1), number(theirs, 1), number(ours / theirs)]
            rows.append([f"memory of {name}, MB above the import", *cells])
        ours, theirs = (results.answers["chains"][f][0] for f in BOTH)
        cells = [number(times_["100000"] / times_["10000"], 1) for times_ in (ours, theirs)]
        rows.append(["backward of a chain, 100,000 ÷ 10,000 operations", *cells, ""])
        for axis in results.answers["growth"]["minigrad"][0]:
            cells = [number(slope(results.answers["growth"][f][0][axis])) for f in BOTH]
            rows.append([f"growth with {axis}, exponent", *cells, ""])
    parts.append(table(["", "minigrad", "NumPy or PyTorch", "ratio"], rows))
    return "\n\n".join(parts) + "\n"


def picture(results, path):
    """Training steps as bars, and growth on logarithmic axes."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot as plt
    except ImportError:
        print("matplotlib is not installed: no picture")
        return
    figure, axes = plt.subplots(2, 3, figsize=(13, 7.5), layout="constrained")
    colours = dict(zip(NAMES, ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#7f7f7f"), strict=True))
    for axis, name in zip(axes[0], work.NETWORKS, strict=False):
        least = [results.least(f"network:{name}", f, "min") for f in results.frameworks]
        bars = axis.barh([NAMES[f] for f in results.frameworks], least, color=[colours[f] for f in results.frameworks])
        axis.bar_label(bars, [f"{ms:.1f} ms" for ms in least], padding=3)
        axis.set(xscale="log", xlim=(min(least) / 2, max(least) * 9), title=f"training step, {name}")
        axis.xaxis.set_major_formatter("{x:g}")
        axis.invert_yaxis()
    grow = [f for f in BOTH if f in results.frameworks]
    for axis, what in zip((axes[0, 2], *axes[1]), ("chain", "batch", "channels", "side"), strict=True):
        for framework in grow:
            answer = results.answers["chains" if what == "chain" else "growth"][framework][0]
            points = answer if what == "chain" else answer[what]
            xs = [float(x) for x in points]
            label = f"{NAMES[framework]}, exponent {slope(points):.2f}"
            axis.loglog(xs, list(points.values()), "o-", color=colours[framework], label=label)
        title = "backward of a chain" if what == "chain" else f"convolution and ReLU by {what}"
        axis.set(title=title, xlabel="operations" if what == "chain" else what, ylabel="ms")
        axis.set_xticks(xs, [f"{x:,.0f}" for x in xs], minor=False)
        axis.set_xticks([], minor=True)
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("")
        axis.legend()
    figure.savefig(path, dpi=100)


def processor():
    """The kind of machine, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each process is started, in turn")
    parser.add_argument("--threads", type=int, default=2, help="threads for every framework")
    parser.add_argument("--quick", action="store_true", help="time everything for a fifth of the time")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the results")
    options = parser.parse_args()
    rounds = options.rounds

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    missing = [name for name, module in PEERS.items() if importlib.util.find_spec(module) is None]
    for name in missing:
        print(f"{NAMES[name]} is not installed: left out")
    if hasattr(os, "sched_setaffinity"):  # for those that take their threads from the processors there are
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    results = Results(["minigrad", *(name for name in PEERS if name not in missing)], options.threads, options.quick)

    results.ask("version", 1)
    for network in work.NETWORKS:
        results.ask(f"network:{network}", rounds)
        results.ask(f"memory:{network}", rounds, BOTH)
    for task in ("contractions", "steps", "tiny"):
        results.ask(task, rounds, BOTH)
    for task in ("chains", "growth"):
        results.ask(task, 1, BOTH)
    rate = max(results.worker("minigrad", "sgemm") for _ in range(rounds))
    times = imports(rounds)

    machine = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "processor": f"{processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "versions": ["{name} {version}".format(**results.answers["version"][f][0]) for f in results.frameworks],
        "missing": [NAMES[name] for name in missing],
        "load": (load, os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0),
    }
    text = report(results, times, rate, machine)
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    measured = {"sgemm": rate, "imports": times, "answers": results.answers}
    record = {"machine": machine, "threads": options.threads, **measured}
    (options.out / "results.json").write_text(json.dumps(record, indent=1) + "\n")
    (options.out / "results.md").write_text(text)
    picture(results, options.out / "results.png")


if __name__ == "__main__":
    main()
