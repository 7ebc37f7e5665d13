"""Graphviz: a Picture as DOT text, and the coordinates that the `dot` program finds for it, read back.

Vertices are called n0, n1, … in DOT, so that no name of a user's is ever parsed; their text is in the labels, and
their sizes are ours, so that both layouts are drawn by the same writer.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from minigrad.viz.picture import BODY, LINE, OVALS, SMALL, TITLE, Box, Cluster, Layout, Picture, text_width
from minigrad.viz.svg import COLOURS, escape

if TYPE_CHECKING:
    import graphviz

INCH = 72.0
MARGIN = 16.0
PATIENCE = 2.0  # seconds
INSTALL = "install Graphviz (Debian, Ubuntu: apt install graphviz; macOS: brew install graphviz; graphviz.org)"


class DotError(RuntimeError):
    """The `dot` program is missing, failed or did not answer in time."""


class DotTimeout(DotError):
    """The `dot` program did not answer in time."""


def digraph(picture: Picture) -> graphviz.Digraph:
    """The picture as a `graphviz.Digraph`; making it needs the Python package only, not the program."""
    import graphviz

    whole = graphviz.Digraph(
        comment=picture.title.replace("\n", " "),
        graph_attr={"rankdir": picture.direction, "ranksep": "0.42", "nodesep": "0.3", "fontname": "Helvetica"},
        node_attr={"fontname": "Helvetica", "fontsize": str(TITLE), "fixedsize": "true", "style": "filled"},
        edge_attr={"arrowhead": "normal", "arrowsize": "0.7", "color": "#57606a", "labelfontsize": str(SMALL)},
    )  # fmt: skip
    names = {v.key: f"n{i}" for i, v in enumerate(picture.vertices)}
    frames = {c.key: f"cluster_{i}" for i, c in enumerate(picture.clusters)}

    def fill(graph: graphviz.Digraph, key: str) -> None:
        for vertex in picture.vertices:
            if vertex.cluster == key:
                width, height = vertex.size
                shape = "ellipse" if vertex.kind in OVALS else "box"
                fill_colour, outline = COLOURS[vertex.kind][0], COLOURS[f"{vertex.kind}-line"][0]
                graph.node(names[vertex.key], label(vertex.lines), shape=shape, fillcolor=fill_colour, color=outline,
                           width=f"{width / INCH:.4f}", height=f"{height / INCH:.4f}")  # fmt: skip
        for cluster in picture.clusters:
            if cluster.parent == key:
                # Room for the label is kept by the graph's own units; ours is drawn at the same place.
                with graph.subgraph(name=frames[cluster.key]) as inner:
                    inner.attr(label=graphviz.escape(cluster.label), labeljust="l", fontsize=str(BODY), style="rounded",
                               color="#8b949e")  # fmt: skip
                    fill(inner, cluster.key)

    fill(whole, "")
    for edge in picture.edges:
        role = {"headlabel": graphviz.escape(edge.label)} if edge.label else {}
        way = {"dir": "back"} if edge.back else {}
        whole.edge(names[edge.tail], names[edge.head], penwidth=f"{edge.strength:.2f}",
                   style="dashed" if edge.dashed else "solid", **role, **way)  # fmt: skip
    return whole


def label(lines: list[str]) -> str:
    """The lines of a vertex as DOT's HTML, each in its own size, so that they fit into the shape."""
    spelled = [escape(line) or " " for line in lines]
    rest = "".join(f'<BR/><FONT POINT-SIZE="{BODY}">{line}</FONT>' for line in spelled[1:])
    return f"<<B>{spelled[0]}</B>{rest}>"


def run(text: str, output: str, timeout: float) -> bytes:
    """What `dot -T<output>` makes of DOT text. Raises DotError if it is missing, fails, or needs over `timeout` s."""
    program = shutil.which("dot")
    if program is None:
        raise DotError(f"the program `dot` is not on the PATH; {INSTALL}")
    try:
        done = subprocess.run([program, f"-T{output}"], input=text.encode(), capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise DotTimeout(f"`dot` was stopped after {timeout:g} s without an answer") from None
    except OSError as error:
        raise DotError(f"`dot` could not be started: {error}") from None
    if done.returncode != 0 or not done.stdout:
        reason = " ".join(done.stderr.decode(errors="replace").split())[:300] or f"exit status {done.returncode}"
        raise DotError(f"`dot` failed: {reason}")
    return done.stdout


def layout(picture: Picture, timeout: float | None = None) -> Layout:
    """The coordinates that `dot` finds, in the same form as the built-in layout's. Raises DotError."""
    graph = digraph(picture)
    # Without a head the curve goes on to the outline, where our own arrow ends.
    graph.edge_attr["arrowhead"] = graph.edge_attr["arrowtail"] = "none"
    answer = run(graph.source, "json0", PATIENCE if timeout is None else timeout)
    try:
        return read(picture, json.loads(answer))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise DotError(f"`dot` answered with something unreadable: {type(error).__name__} {error}") from None


def read(picture: Picture, answer: dict[str, Any]) -> Layout:
    """The coordinates in `dot`'s JSON; there y grows upwards, and points are 1/72 inch, which we take for px."""
    _, _, width, height = numbers(answer["bb"])

    def place(x: float, y: float) -> tuple[float, float]:
        return round(x + MARGIN, 2), round(height - y + MARGIN, 2)

    objects = {thing["name"]: thing for thing in answer["objects"]} if picture.vertices else {}
    vertices, clusters, labels = {}, {}, {}
    for i, vertex in enumerate(picture.vertices):
        vertices[vertex.key] = Box(*place(*numbers(objects[f"n{i}"]["pos"])), *vertex.size)
    for i, cluster in enumerate(picture.clusters):
        left, bottom, right, top = numbers(objects[f"cluster_{i}"]["bb"])
        (x0, y0), (x1, y1) = place(left, top), place(right, bottom)
        clusters[cluster.key] = Box((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0)
        labels[cluster.key] = (x0 + 6, y0 + LINE)
        width = max(width, x0 - MARGIN + label_width(cluster))
    edges = []
    for given in answer.get("edges", []):
        points = [place(*numbers(pair)) for pair in given["pos"].split() if pair[1] != ","]
        edges.append(points)
    if len(edges) != len(picture.edges):
        raise ValueError(f"{len(edges)} edges for {len(picture.edges)}")
    # dot may list edges in another order than ours: pair them by their ends.
    waiting: dict[tuple[int, int], list[list[tuple[float, float]]]] = {}
    for given, points in zip(answer.get("edges", []), edges, strict=True):
        waiting.setdefault((given["tail"], given["head"]), []).append(points)
    numbers_of = {v.key: objects[f"n{i}"]["_gvid"] for i, v in enumerate(picture.vertices)}
    ordered = [waiting[numbers_of[e.tail], numbers_of[e.head]].pop(0) for e in picture.edges]
    return Layout(width + 2 * MARGIN, height + 2 * MARGIN, vertices, clusters, ordered, labels, "dot")


def label_width(cluster: Cluster) -> float:
    """The room that a cluster's label takes, in px."""
    return text_width(cluster.label, BODY) + 12


def numbers(text: str) -> list[float]:
    """The numbers in `1,2.5`."""
    return [float(part) for part in text.split(",")]
