"""The insides of closed boxes, for a page on which they open where they stand.

Each closed call gets a drawing of its own, in which the calls that it makes are closed again. An edge says which values
it carries, so that the page can lead what ends at a closed box to the place inside where it is used.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass, field
from typing import Any

from minigrad.viz import layout, svg
from minigrad.viz.painter import Painter
from minigrad.viz.picture import Box, Cluster, Edge, Picture, Vertex
from minigrad.viz.record import Operation, Source
from minigrad.viz.tape import Scope
from minigrad.viz.view import Part, Unit

MOST = 600  # closed boxes that open on a page
FRAME = "inside"

Point = tuple[float, float]


@dataclass
class Inside:
    """The inside of the closed vertex number `of`: its frame and its vertices as SVG, its edges as plain data.

    edges: {tail, head, points, carries, dashed, label}; tail or head is −1 where the edge passes the frame.
    """

    of: int
    size: Point
    svg: str
    vertices: list[Vertex] = field(default_factory=list)
    edges: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Insides:
    """What opens on a page: `carried[i]` are the numbers of the values on the picture's edge i."""

    carried: list[list[int]] = field(default_factory=list)
    drawings: list[Inside] = field(default_factory=list)


class Interior(Painter):
    """Paints the inside of one closed call; what comes in or goes out has a stub beyond the frame."""

    def __init__(self, around: Painter, scope: Scope):
        self.tape, self.folds, self.names, self.values = around.tape, around.folds, around.names, around.values
        self.around, self.inner, self.arrival_of = around, scope, around.arrival_of
        self.picture = Picture(clusters=[Cluster(FRAME, scope.label)], direction=around.picture.direction)
        self.keys: dict[Unit, str] = {}
        self.vertices: dict[Unit, Vertex] = {}
        self.edges, self.carried, self.counts, self.copies = {}, {}, {FRAME: 1}, around.copies
        self.view = copy.copy(around.view)
        self.view.options = dataclasses.replace(around.view.options, parameters=True, constants=True, operations=True)
        self.view.units = self.choose_units()
        self.unit_of = {part: unit for unit, parts in self.view.units.items() for part in parts}

    def choose_units(self) -> dict[Unit, list[Any]]:
        """What is directly in the call: operations, sources, and closed calls with their parts."""
        units: dict[Unit, list[Any]] = {}
        seen: set[Part] = set()
        for operation in self.inner.operations():
            parts: list[Part] = [o.source for o in operation.operands if isinstance(o.source, Source)]
            parts = [part for part in dict.fromkeys(parts) if part not in seen]
            seen.update(parts)
            for part in [*parts, operation]:
                lineage = self.tape.scope[part].lineage()
                if part not in self.folds.first and self.inner in lineage:
                    below = lineage[lineage.index(self.inner) + 1 :]
                    closed = [scope for scope in below if scope not in self.view.trivial]
                    units.setdefault(closed[0] if closed else part, []).append(part)
        return units

    def frame(self, scope: Scope) -> str:
        """All is in the one frame."""
        return FRAME

    def find_unit(self, part: Any) -> Unit | None:
        """A part's vertex, or the part itself where it is outside."""
        return self.unit_of.get(part) or (part if self.around.find_unit(part) is not None else None)

    def paint(self, leaving: dict[Any, None]) -> None:
        """Vertices, edges, and a stub for each value that comes in or goes out."""
        for unit in self.view.units:
            self.add_unit(unit)
            arrival = self.arrival_of(unit) if self.arrival_of else None
            if arrival is not None and unit not in self.folds.steps:
                self.vertices[unit].facts["gradient"] = arrival.words()
        for operation in self.inner.operations():
            for operand in operation.operands:
                name = self.edge_name(operation, operand.position, operand.source)
                if name is not None and name[0] not in self.keys:
                    self.add_stub(name[0])
                self.add_edge(operation, operand.position, operand.source, operand.gradient)
        for part in leaving:
            inner = self.unit_of.get(part)
            if inner is not None:
                stub = Vertex(self.key("out"), [""], "stub")
                self.picture.vertices.append(stub)
                self.edges["out", part] = Edge(self.keys[inner], stub.key)
                self.carried["out", part] = {part: None}
        self.picture.edges = list(self.edges.values())

    def add_stub(self, part: Any) -> None:
        """A place above the frame from which a value comes in."""
        stub = Vertex(self.key("in"), [""], "stub")
        self.keys[part] = stub.key
        self.picture.vertices.append(stub)


class Collector:
    """Draws the insides of all closed boxes, from the outermost in, and numbers vertices and values."""

    def __init__(self, painter: Painter):
        self.numbers: dict[Any, int] = {}
        self.count = len(painter.picture.vertices)
        places = {vertex.key: place for place, vertex in enumerate(painter.picture.vertices)}
        self.found = Insides([self.carries(painter, name) for name in painter.edges])
        todo = [(painter, unit, places[painter.keys[unit]]) for unit in painter.vertices if isinstance(unit, Scope)]
        for around, scope, number in todo:  # grows while it is walked
            interior = Interior(around, scope)
            if len(interior.view.units) > 1 and len(self.found.drawings) < MOST:
                interior.paint(leaving(around, scope))
                inside = self.draw(interior, number)
                places = {vertex.key: self.count + place for place, vertex in enumerate(inside.vertices)}
                self.count += len(inside.vertices)
                closed = [unit for unit in interior.vertices if isinstance(unit, Scope)]
                todo += [(interior, unit, places[interior.keys[unit]]) for unit in closed]

    def carries(self, painter: Painter, name: Any) -> list[int]:
        """The numbers of the values that an edge stands for."""
        return [self.numbers.setdefault(part, len(self.numbers)) for part in painter.carried.get(name, ())]

    def draw(self, interior: Interior, number: int) -> Inside:
        """Lay an inside out and cut it at its frame."""
        picture = interior.picture
        found = layout.layout(picture)
        frame = found.clusters[FRAME]
        dx, dy = -frame.left, -frame.top
        inside = Inside(number, (frame.width, frame.height), "", [v for v in picture.vertices if v.kind != "stub"])
        places = {vertex.key: self.count + place for place, vertex in enumerate(inside.vertices)}
        x, y = found.labels[FRAME]
        whole = Box(frame.width / 2, frame.height / 2, frame.width, frame.height)
        parts = [svg.cluster_shape(picture.clusters[0], whole, x + dx, y + dy)]
        for vertex in inside.vertices:
            box = found.vertices[vertex.key]
            moved = Box(box.x + dx, box.y + dy, box.width, box.height)
            parts.append(svg.vertex_shape(places[vertex.key], vertex, moved))
        inside.svg = "".join(parts)
        across = picture.direction == "LR"
        for name, edge, points in zip(interior.edges, picture.edges, found.edges, strict=True):
            limit = frame.width if across else frame.height
            cut = cut_at_frame([(px + dx, py + dy) for px, py in points], limit, across)
            inside.edges.append({
                "tail": places.get(edge.tail, -1), "head": places.get(edge.head, -1),
                "points": [round(value, 1) for point in cut for value in point],
                "carries": self.carries(interior, name), "dashed": edge.dashed, "label": edge.label,
            })  # fmt: skip
        self.found.drawings.append(inside)
        return inside


def collect(painter: Painter) -> Insides:
    """The insides of all boxes of a picture that were closed when it was drawn."""
    return Collector(painter).found


def leaving(around: Painter, scope: Scope) -> dict[Any, None]:
    """The values that go out of a closed call."""
    found: dict[Any, None] = {}
    for name, carried in around.carried.items():
        if isinstance(name, tuple) and name[0] is scope:
            found.update(carried)
    return {part: None for part in found if isinstance(part, Operation)}


def cut_at_frame(points: list[Point], limit: float, across: bool) -> list[Point]:
    """The part of an edge between the frame's two sides, 0 and `limit` down (or across); it passes them straight."""
    down = 0 if across else 1

    def clip(point: Point) -> Point:
        value = min(max(point[down], 0.0), limit)
        return (value, point[1]) if across else (point[0], value)

    pieces = [points[i : i + 4] for i in range(0, len(points) - 1, 3)]
    inside = [piece for piece in pieces if piece[-1][down] > 1e-6 and piece[0][down] < limit - 1e-6] or pieces[:1]
    return [clip(inside[0][0]), *(clip(point) for piece in inside for point in piece[1:])]
