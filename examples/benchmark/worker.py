"""One framework in one process: `python worker.py FRAMEWORK THREADS` answers each line of input, a task, in JSON.

A task that is given as a third argument is the only one. With `quick` as the last argument each thing is timed for a
fifth of the time, ten calls at the least.
"""

import importlib
import json
import resource
import sys
import time

import work

QUICK = sys.argv[-1] == "quick"
SECONDS = 0.4  # of timing a thing, and at least
STEPS = 10 if QUICK else 40  # calls, except that
PATIENCE = 2 if QUICK else 4  # seconds are enough for the slowest


def timed(call, seconds=SECONDS, steps=STEPS):
    """Milliseconds of a call, at the least and in the middle, after a warm-up."""
    start, times = time.perf_counter(), []
    seconds = seconds / 5 if QUICK else seconds
    while (passed := time.perf_counter() - start) < seconds or len(times) < steps + 5:
        if passed > PATIENCE and len(times) > 6:
            break
        before = time.perf_counter()
        call()
        times.append((time.perf_counter() - before) * 1e3)
    times = times[5:]  # the warm-up
    return summary(times)


def summary(times):
    times = sorted(times)
    return {"min": times[0], "median": times[len(times) // 2], "calls": len(times)}


def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


def network(framework, name):
    """A training step; and the network's multiplications in a forward pass, where they were counted."""
    step, size = framework.training_step(name)
    return {**timed(step), "size": size}


def memory(framework, name):
    """Megabytes that ten steps need above what the import took, at the highest."""
    before = megabytes()
    step, _ = framework.training_step(name)
    for _ in range(10):
        step()
    return megabytes() - before


def contractions(framework):
    return {
        str((*shape, direction)): timed(framework.contraction(shape, direction), 0.2)
        for shape in work.CONTRACTIONS
        for direction in work.DIRECTIONS
    }


def steps(framework):
    results = {name: timed(framework.step(name), 0.2) for name in work.STEPS}
    results |= {f"conv {name}": timed(framework.convolution(name), 0.2) for name in work.CONVOLUTIONS}
    return results | {f"{name}.step": timed(framework.optimizer(name), 0.2) for name in work.OPTIMIZERS}


def tiny(framework):
    """Microseconds of an operation on one element, forward and backward."""
    count, call = framework.tiny()
    result = timed(call, 0.4, 200)
    return {key: result[key] * 1e3 / count for key in ("min", "median")}


def chains(framework):
    """Milliseconds to walk back along a chain, by its length."""
    times = {}
    for length in (1_000, 3_000, 10_000, 30_000, 100_000):
        runs = []
        for _ in range(5):
            backward = framework.chain(length)
            start = time.perf_counter()
            backward()
            runs.append((time.perf_counter() - start) * 1e3)
            del backward
        times[length] = min(runs)
    return times


GROWTH = {"batch": (8, 16, 32, 64, 128), "channels": (8, 16, 32, 64), "side": (8, 16, 32, 64)}


def growth(framework):
    """Milliseconds of a convolution and a ReLU, there and back, by what grows."""
    middle = {"batch": 32, "channels": 16, "side": 16}
    return {
        axis: {size: timed(framework.growth(**{**middle, axis: size}), 0.2)["min"] for size in sizes}
        for axis, sizes in GROWTH.items()
    }


def sgemm():
    """Operations in a second of a 2048 x 2048 matrix product with NumPy's own BLAS threads, at the best."""
    import numpy as np

    a = np.random.default_rng(0).standard_normal((2048, 2048), np.float32)
    out = np.empty_like(a)
    return 2 * 2048**3 / (timed(lambda: np.matmul(a, a, out=out), 2)["min"] / 1e3)


TASKS = {f.__name__: f for f in (network, memory, contractions, steps, tiny, chains, growth)}


def answer(framework, task):
    """What a task of the form "kind" or "kind:argument" finds."""
    if task == "sgemm":
        return sgemm()
    if task == "version":
        return {"name": framework.NAME, "version": framework.VERSION}
    kind, _, argument = task.partition(":")
    return TASKS[kind](framework, argument) if argument else TASKS[kind](framework)


def main(name, threads, *tasks):
    framework = importlib.import_module(f"with_{name}")
    framework.use_threads(int(threads))
    for task in tasks or map(str.strip, sys.stdin):
        print(json.dumps(answer(framework, task)), flush=True)


if __name__ == "__main__":
    main(*(argument for argument in sys.argv[1:] if argument != "quick"))
