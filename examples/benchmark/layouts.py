"""Time both layouts of a residual network of 60, 600 and 3,000 vertices, with its modules as frames and without.

    python examples/benchmark/layouts.py

Processor time of the built-in layout, the least of five, against the bar (5, 50 and 500 ms for plain graphs); the
elapsed time of `dot`, a program of its own, once, if it is on the PATH.
"""

import argparse
import shutil
import time

from minigrad.viz import dot, layout
from minigrad.viz.picture import Cluster, Edge, Picture, Vertex

SIZES = {60: 5, 600: 50, 3000: 500}  # vertices: ms


def residual_network(size: int, frames: bool) -> Picture:
    """Blocks of two convolutions with their parameters, a sum and a rectifier; every fourth skips further back."""
    picture = Picture([Vertex("x", ["x", "64×3×32×32 float32"], "input")])
    last = earlier = "x"
    number = 0
    while len(picture.vertices) < size:
        block = f"blocks.{number}"
        inner = last
        if frames:
            picture.clusters.append(Cluster(block, f"{block} Block"))
        for part in ("conv1", "conv2"):
            name = f"{block}.{part}"
            if frames:
                picture.clusters.append(Cluster(name, f"{name} Conv2d", block))
            home = name if frames else ""
            picture.vertices += [
                Vertex(f"{name}.weight", ["weight", "16×16×3×3 float32"], "parameter", home),
                Vertex(f"{name}.bias", ["bias", "16 float32"], "parameter", home),
                Vertex(f"{name}.op", ["convolution", "padding 1", "→ 64×16×28×28"], "operation", home),
            ]
            picture.edges += [Edge(tail, f"{name}.op") for tail in (inner, f"{name}.weight", f"{name}.bias")]
            inner = f"{name}.op"
        home = block if frames else ""
        picture.vertices += [Vertex(f"{block}.add", ["add", "→ 64×16×28×28"], "operation", home)]
        picture.vertices += [Vertex(f"{block}.relu", ["relu", "→ 64×16×28×28"], "operation", home)]
        picture.edges += [
            Edge(inner, f"{block}.add"),
            Edge(last, f"{block}.add"),
            Edge(f"{block}.add", f"{block}.relu"),
        ]
        if number % 4 == 3:
            picture.edges.append(Edge(earlier, f"{block}.add"))
            earlier = f"{block}.relu"
        last = f"{block}.relu"
        number += 1
    return picture


def main() -> None:
    """Print the table."""
    print(f"{'vertices':>8}  {'frames':>6}  {'built-in, ms':>12}  {'bar, ms':>7}  {'dot, ms':>8}")
    for size, bar in SIZES.items():
        for frames in (False, True):
            picture = residual_network(size, frames)
            times = []
            for _ in range(5):
                start = time.process_time()
                layout.layout(picture)
                times.append(time.process_time() - start)
            elapsed = "absent"
            if shutil.which("dot"):
                start = time.perf_counter()
                try:
                    dot.layout(picture, timeout=120)
                    elapsed = f"{1000 * (time.perf_counter() - start):.0f}"
                except dot.DotError as error:
                    elapsed = f"({error})"
            print(f"{size:>8}  {frames!s:>6}  {1000 * min(times):>12.1f}  {bar:>7}  {elapsed:>8}", flush=True)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
