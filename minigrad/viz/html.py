"""One page to explore a picture, which loads nothing: what a click shows, what opens, and the replay."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.viz.interior import Insides
from minigrad.viz.picture import OVALS, Picture, Vertex
from minigrad.viz.svg import ILLEGAL, escape

MOST_RULES = 6  # of a collapsed module, so many are shown


@dataclass
class Part:
    """An edge's number, what arrives along it in words, its role, a small picture of it, its cosine with the total."""

    edge: int
    text: str
    role: str = ""
    thumbnail: np.ndarray | None = None
    cosine: float = 1.0


@dataclass
class Ruling:
    """A rule that runs: for which argument, its source, and with numbers in it where they are single numbers."""

    argument: str
    source: str
    numbers: str = ""


@dataclass
class Step:
    """One step of backward: the vertex whose gradient is complete, what arrived, and what its rules send on."""

    vertex: int
    title: str
    text: str = ""
    thumbnail: np.ndarray | None = None
    arriving: list[Part] = field(default_factory=list)
    leaving: list[Part] = field(default_factory=list)
    rules: list[Ruling] = field(default_factory=list)
    forward: bool = False


START = """"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const frame = byId("picture");
const svg = frame.querySelector("svg");
"""


@functools.cache
def read_beside(name: str) -> str:
    """The text of a file that stands beside this one; it is read once."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def page(picture: Picture, svg: str, steps: list[Step], insides: Insides) -> str:
    """A page to explore the picture, with the controls of a replay if there are steps, on which `insides` open."""
    template = read_beside("explore.html")
    places = {vertex.key: i for i, vertex in enumerate(picture.vertices)}
    carried = insides.carried or [[] for _ in picture.edges]
    inner = [vertex for inside in insides.drawings for vertex in inside.vertices]
    rules: dict[str, int] = {}
    data = json.dumps(
        {
            "vertices": [describe_vertex(vertex, rules) for vertex in (*picture.vertices, *inner)],
            "edges": [
                {"tail": places[e.tail], "head": places[e.head], "back": e.back, "carries": values}
                for e, values in zip(picture.edges, carried, strict=True)
            ],
            "insides": [
                {"of": i.of, "size": i.size, "svg": i.svg, "count": len(i.vertices), "edges": i.edges}
                for i in insides.drawings
            ],
            "rules": list(rules),
            "steps": [as_json(step) for step in steps],
            "across": picture.direction == "LR",
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
    parts = {
        "TITLE": escape(picture.title),
        "STYLE": read_beside("explore.css"),
        "SVG": svg,
        # What could end the script element, or start a comment in it, is spelled as JSON escapes.
        "DATA": ILLEGAL.sub("�", data).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        "SCRIPT": START + read_beside("frames.js") + read_beside("explore.js"),
        "HIDDEN": "" if steps else "hidden",
    }
    pieces = template.split("%%")  # text, name, text, name, …: one pass, so that no user text is taken for a name
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


def describe_vertex(vertex: Vertex, rules: dict[str, int]) -> dict[str, Any]:
    """What the page shows of a vertex when it is clicked; `rules` numbers the sources of all rules."""
    facts = ({"name": vertex.tip} if vertex.tip and vertex.kind in OVALS else {}) | vertex.facts
    numbers = [rules.setdefault(source(), len(rules)) for source in vertex.rules]
    return {"title": vertex.lines[0], "kind": vertex.kind, "facts": facts, "rules": numbers}


def forward_steps(picture: Picture) -> list[Step]:
    """Forward, vertex by vertex: what comes in and what it becomes."""
    arriving: dict[str, list[Part]] = {}
    titles = {vertex.key: vertex.lines[0] for vertex in picture.vertices}
    for number, edge in enumerate(picture.edges):
        if not edge.back:
            arriving.setdefault(edge.head, []).append(Part(number, f"from {titles[edge.tail]}", edge.label))
    steps = []
    for place, vertex in enumerate(picture.vertices):
        said = vertex.lines[1 : vertex.late] if vertex.late else vertex.lines[1:]
        steps.append(Step(place, vertex.lines[0], "  ".join(said), arriving=arriving.get(vertex.key, []), forward=True))
    return steps


def as_json(step: Step) -> dict[str, Any]:
    """A step as the page's script reads it."""

    def parts(of: list[Part]) -> list[dict[str, Any]]:
        return [
            {"edge": p.edge, "text": p.text, "role": p.role, "image": image(p.thumbnail), "cosine": round(p.cosine, 3)}
            for p in of
        ]

    return {
        "vertex": step.vertex, "title": step.title, "text": step.text, "image": image(step.thumbnail),
        "arriving": parts(step.arriving), "leaving": parts(step.leaving),
        "rules": [vars(rule) for rule in step.rules], "forward": step.forward,
    }  # fmt: skip


def image(values: np.ndarray | None) -> list[list[float]] | None:
    """A small matrix with three digits; not finite: 0."""
    if values is None:
        return None
    return [[float(f"{v:.3g}") for v in row] for row in np.nan_to_num(values, posinf=0.0, neginf=0.0).tolist()]
