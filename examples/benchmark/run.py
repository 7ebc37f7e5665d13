"""Time minigrad against its peers: `python examples/benchmark/run.py`, six to eight minutes; `--quick`, two.

Every framework works in a process of its own, one at a time, round by round: in one process their threads would fight
for the processors, and on a shared machine only what was measured side by side can be compared. So quote the ratios.
Before each round it is measured how much of the machine others use, and while it lasts, too: a disturbed round is
repeated. A peer that is not installed is named and left out; nothing is installed.
Writes `results.json`, `results.md` and, with matplotlib, `results.png` into `--out` (default: beside this file, and
then the README's table of speed, too).
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
import time
from pathlib import Path

import load
import nets
import report
import work

HERE = Path(__file__).resolve().parent
PEERS = {"torch": "torch", "jax": "jax", "mygrad": "mygrad", "autograd": "autograd"}  # framework: module it needs
EXTRA = 3  # rounds that may be repeated for a task


class Workers:
    """A process for each framework, which waits until it is asked."""

    def __init__(self, frameworks, threads, quick):
        self.threads, self.quick = threads, quick
        self.processes = {f: self.start(f) for f in frameworks}

    def start(self, framework, *task):
        path = os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
        variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(variables, str(self.threads)), "PYTHONPATH": path}
        for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # both frameworks take what suits the processor
            environment.pop(name, None)
        command = [sys.executable, str(HERE / "worker.py"), framework, str(self.threads), *task]
        command += ["quick"] * self.quick
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)

    def ask(self, framework, task):
        """What a framework answers, in its process that lives on."""
        process = self.processes[framework]
        print(task, file=process.stdin, flush=True)
        return self.read(process, framework, task)

    def ask_anew(self, framework, task):
        """What a framework answers in a process that does nothing else."""
        process = self.start(framework, task)
        answer = self.read(process, framework, task)
        process.wait()
        return answer

    def read(self, process, framework, task):
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"\n{framework} did not answer {task}; its error stands above")
        return json.loads(line)

    def numbers(self):
        return [os.getpid(), *(p.pid for p in self.processes.values())]

    def stop(self):
        for process in self.processes.values():
            process.stdin.close()
            process.wait()


def ask_in_rounds(workers, results, task, rounds, only, end):
    """Ask the frameworks in turn, for so many rounds; repeat those that were disturbed until time is up."""
    frameworks = [f for f in only if f in workers.processes]
    found = []  # (processors that others used, the answers) of each round
    while sum(others <= load.QUIET for others, _ in found) < rounds and len(found) < rounds + EXTRA:
        if len(found) >= rounds and time.monotonic() > end:
            break
        print(f"\r\x1b[K{task}, round {len(found) + 1}", end="", file=sys.stderr, flush=True)
        before = load.wait_for_quiet(workers.numbers())
        watch = load.Watch(workers.numbers())
        answers = {f: workers.ask(f, task) for f in frameworks}
        found.append((max(before, watch.others()), answers))
    print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    best = sorted(found, key=lambda one: one[0])[:rounds]
    results["answers"][task] = {f: [answers[f] for _, answers in best] for f in frameworks}
    results["others"][task] = [round(others, 2) for others, _ in best]


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


def processor():
    """The kind of machine, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def measure(options):
    """Everything that is timed, and the machine that it was timed on."""
    end = time.monotonic() + 60 * options.minutes
    missing = [name for name, module in PEERS.items() if importlib.util.find_spec(module) is None]
    if hasattr(os, "sched_setaffinity"):  # for those that take their threads from the processors there are
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    frameworks = ["minigrad", *(name for name in PEERS if name not in missing)]
    workers = Workers(frameworks, options.threads, options.quick)
    results = {"threads": options.threads, "answers": {}, "others": {}}
    both = ("minigrad", "torch")
    versions = [workers.ask(f, "version") for f in frameworks]
    for name in nets.NETS:
        only = frameworks if name in work.NETWORKS else both
        ask_in_rounds(workers, results, f"network:{name}", options.rounds, only, end)
    for task in ("contractions", "steps", "tiny"):
        ask_in_rounds(workers, results, task, min(3, options.rounds), both, end)
    for task in ("chains", "growth"):
        ask_in_rounds(workers, results, task, 1, both, end)
    workers.stop()
    for name in work.NETWORKS:
        task = f"memory:{name}"
        results["answers"][task] = {f: [workers.ask_anew(f, task)] for f in both if f in frameworks}
    results["sgemm"] = max(workers.ask_anew("minigrad", "sgemm") for _ in range(2))
    results["imports"] = imports(options.rounds)
    results["machine"] = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "processor": f"{processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "versions": ["{name} {version}".format(**version) for version in versions],
        "missing": [report.NAMES[name] for name in missing],
    }
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="quiet rounds of each network, the frameworks in turn")
    parser.add_argument("--threads", type=int, default=2, help="threads for every framework")
    parser.add_argument("--minutes", type=float, default=6, help="how long disturbed rounds are repeated")
    parser.add_argument("--quick", action="store_true", help="time everything for a fifth of the time")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the results")
    options = parser.parse_args()
    results = json.loads(json.dumps(measure(options)))  # with the keys that a file has
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    report.write(results, options.out)
    if options.out.resolve() == HERE:
        report.write_readme(results)


if __name__ == "__main__":
    main()
