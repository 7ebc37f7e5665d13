"""Look for convolutions whose cost explodes: `python examples/benchmark/geometries.py`, two minutes, needs PyTorch.

Times the forward pass and both gradients of random convolutions in minigrad and in PyTorch, in a process each and in
turn, and prints for each pass which took the most of PyTorch's time. Half of the convolutions are of the usual kind,
the others have windows as large as the image, or long and thin, strides, dilations or groups.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

PASSES = ("forward", "weight", "input")
SECONDS = 0.02  # of timing a pass, and at least three calls
PRODUCTS = 1 << 27  # of a convolution, at the most


def draw_geometry(source):
    """Batch, input channels, height, width, output channels, kernel, stride, padding, dilation and groups."""
    while True:
        n, c, o = (
            source.choice((1, 4, 16, 64)),
            source.choice((1, 3, 8, 16, 32, 64)),
            source.choice((1, 3, 8, 16, 32, 64)),
        )
        height, width = source.choice(((s := source.randint(4, 40), s), (source.randint(2, 40), source.randint(2, 40))))
        kind = source.choice(("usual", "usual", "usual", "whole", "row", "any"))
        k = source.choice((1, 3, 3, 4, 5, 7))
        kernel = {"usual": (k, k), "whole": (height, width), "row": (1, source.randint(1, width))}.get(
            kind, (source.randint(1, height), source.randint(1, width))
        )
        stride = source.choice((1, 1, 2, 3))
        padding = tuple(source.choice((0, k // 2)) for k in kernel)
        dilation = source.choice((1, 1, 1, 2))
        groups = source.choice((1, 1, 1, c if o % c == 0 else 1))
        sizes = [
            (s + 2 * p - dilation * (k - 1) - 1) // stride + 1
            for s, p, k in zip((height, width), padding, kernel, strict=True)
        ]
        if min(sizes) > 0 and n * o * sizes[0] * sizes[1] * kernel[0] * kernel[1] * c // groups <= PRODUCTS:
            return n, c, height, width, o, kernel, stride, padding, dilation, groups


def describe(geometry):
    n, c, height, width, o, kernel, stride, padding, dilation, groups = geometry
    options = f"stride {stride}, padding {tuple(padding)}, dilation {dilation}, groups {groups}"
    return f"({n}, {c}, {height}, {width}) with {o} filters {tuple(kernel)}, {options}"


def time_in_minigrad(geometry):
    """Functions that do the three passes."""
    import numpy as np

    from minigrad.kernels import convolution, input_gradient
    from minigrad.kernels.windows import Window

    n, c, height, width, o, kernel, stride, padding, dilation, groups = geometry
    rng = np.random.default_rng(0)

    def image(n, c, h, w):  # as a convolution leaves it
        return rng.standard_normal((h, c, w, n), np.float32).transpose(3, 1, 0, 2)

    x, w = image(n, c, height, width), rng.standard_normal((o, c // groups, *kernel), np.float32)
    how = Window(tuple(kernel), (stride, stride), tuple(padding), (dilation, dilation), groups)
    g = image(*convolution.conv2d(x, w, None, how).shape)
    return (
        lambda: convolution.conv2d(x, w, None, how),
        lambda: convolution.conv2d_weight(g, x, how),
        lambda: input_gradient.conv2d_input(g, w, (height, width), how),
    )


def time_in_torch(geometry):
    """The same in PyTorch."""
    import torch

    n, c, height, width, o, kernel, stride, padding, dilation, groups = geometry
    x, w = torch.randn(n, c, height, width), torch.randn(o, c // groups, *kernel)
    options = (stride, padding, dilation, groups)
    g = torch.randn_like(torch.conv2d(x, w, None, *options))
    rest = (None, [stride] * 2, padding, [dilation] * 2, False, [0, 0], groups)
    backward = torch.ops.aten.convolution_backward
    return (
        lambda: torch.conv2d(x, w, None, *options),
        lambda: backward(g, x, w, *rest, (False, True, False)),
        lambda: backward(g, x, w, *rest, (True, False, False)),
    )


def milliseconds(call):
    call()
    start, times = time.perf_counter(), []
    while len(times) < 3 or time.perf_counter() - start < SECONDS:
        before = time.perf_counter()
        call()
        times.append((time.perf_counter() - before) * 1e3)
    return min(times)


def work(framework, threads):
    """Answer each geometry, a line of JSON, with its times."""
    if framework == "torch":
        import torch as module
    else:
        import minigrad as module
    module.set_num_threads(threads)
    passes = time_in_torch if framework == "torch" else time_in_minigrad
    for line in sys.stdin:
        print(json.dumps([milliseconds(call) for call in passes(json.loads(line))]), flush=True)


def start(framework, threads):
    root = str(Path(__file__).resolve().parents[2])
    variables = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, __file__, "--threads", str(threads), "--worker", framework]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env={**os.environ, **variables, "PYTHONPATH": path}, **pipes)


def ask(worker, geometry):
    print(json.dumps(geometry), file=worker.stdin, flush=True)
    answer = worker.stdout.readline()
    if not answer:
        raise SystemExit(f"a worker failed at {describe(geometry)}")
    return json.loads(answer)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="convolutions to try")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    parser.add_argument("--threads", type=int, default=2, help="threads for either framework")
    parser.add_argument("--worst", type=int, default=5, help="how many to print for each pass")
    parser.add_argument("--worker", choices=("minigrad", "torch"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work(options.worker, options.threads)
    source, found = random.Random(options.seed), []
    workers = [start(framework, options.threads) for framework in ("minigrad", "torch")]
    for _ in range(options.count):
        geometry = draw_geometry(source)
        found.append((geometry, *(ask(worker, geometry) for worker in workers)))
    for i, name in enumerate(PASSES):
        ratios = sorted(((ours[i] / theirs[i], ours[i], theirs[i], g) for g, ours, theirs in found), reverse=True)
        over = sum(ratio > 3 for ratio, *_ in ratios)
        print(f"{name}: worst {ratios[0][0]:.1f}, median {ratios[len(ratios) // 2][0]:.2f}, {over} over 3")
        for ratio, ours, theirs, geometry in ratios[: options.worst]:
            print(f"  {ratio:5.1f}  {ours:7.3f} against {theirs:7.3f} ms  {describe(geometry)}")
    for worker in workers:
        worker.stdin.close()
        worker.wait()


if __name__ == "__main__":
    main()
