"""The gradient on a picture: how wide and in which colour each edge is, what each vertex says of it, and the replay."""

from __future__ import annotations

import math
from collections.abc import Hashable

from minigrad.autograd import Node
from minigrad.tensor import Tensor
from minigrad.viz import html
from minigrad.viz.fold import State
from minigrad.viz.gradients import Arrival, Flow, Gradients, measure
from minigrad.viz.painter import RESULT, Painter
from minigrad.viz.record import Operation, Source
from minigrad.viz.sources import put_in, rule_source
from minigrad.viz.view import Unit
from minigrad.viz.words import digits

MOST_NODES = 5000  # of so many the page knows the gradient in closed boxes, too
CANCELLING = 0.5  # a node with a smaller ρ is marked
AGREEING = 0.995  # where all cosines are as large, colour would say the same on all edges


class FlowPainter:
    """Runs backward once for the picture and puts what it shows on edges and vertices."""

    def __init__(self, painter: Painter, result: Tensor):
        self.painter, self.tape, self.folds = painter, painter.tape, painter.folds
        self.node_of = {part: node for node, part in self.tape.of.items()}
        wanted = {self.node_of[unit] for unit in painter.vertices if isinstance(unit, Operation | Source)
                  and unit in self.node_of}  # fmt: skip
        for state in self.drawn_states():
            wanted |= {self.node_of[producer] for producer in state.producers if producer in self.node_of}
        if len(self.tape.nodes) <= MOST_NODES:
            wanted |= set(self.tape.nodes)
        self.found: Gradients = measure(result, self.tape.nodes, self.edge_name, (RESULT, 0), wanted)
        painter.arrival_of = self.arrival
        self.paint_edges()
        self.paint_vertices()
        if any(node.hooks for node in self.tape.nodes):
            painter.picture.notes.append("Hooks on the gradients were not run.")

    def drawn_states(self) -> list[State]:
        """The loops' states that have a vertex."""
        return [state for state in self.folds.states if state in self.painter.keys]

    def edge_name(self, node: Node, argument: str, parent: Node) -> Hashable:
        """What names the drawn edge for one contribution; None if there is none."""
        user = self.tape.of[node]
        assert isinstance(user, Operation)
        position = next(operand.position for operand in user.operands if operand.argument == argument)
        return self.painter.edge_name(user, position, self.tape.of[parent])

    def paint_edges(self) -> None:
        """Widths by norm; colours by the cosine with the total, unless it says the same on all edges."""
        picture, flows = self.painter.picture, self.found.edges
        norms = [flow.norm for flow in flows.values() if flow.norm > 0]
        most = max(norms, default=1.0)
        least = max(min(min(norms, default=most), most / 10), most / 1e4)
        telling = any(flow.cosine < AGREEING for flow in flows.values() if flow.norm > 0)
        for name, edge in self.painter.edges.items():
            flow = flows.get(name)
            if flow is None:
                continue
            edge.strength = strength(flow.norm, least, most)
            edge.agreement = flow.cosine if telling and flow.norm > 0 else None
            edge.dashed = flow.norm == 0
            edge.tip = f"{edge.tip + ': ' if edge.tip else ''}{flow_text(flow)}"
        samples = (most, (most * least) ** 0.5, least)
        picture.widths = [(strength(n, least, most), f"|gradient| {n:.2g}") for n in samples]
        colour = (
            "its colour is the cosine with the tensor's total gradient" if telling
            else "and all contributions agree in direction with their totals"
        )  # fmt: skip
        several = any(arrival and arrival.count > 1 for arrival in map(self.arrival, self.painter.vertices))
        rho = (
            " ρ = |Σ g| / Σ |g| is 1 where contributions agree and 0 where they cancel; below 0.5 the outline is "
            "vermilion."
        )
        picture.notes.append(
            "An edge's width is the norm of the gradient that arrives along it, on a logarithmic scale; "
            f"{colour}.{rho * several}"
        )

    def paint_vertices(self) -> None:
        """What arrives in all at each vertex; at a loop's state, from the first step to the last."""
        for unit, vertex in self.painter.vertices.items():
            arrival = self.arrival(unit)
            if arrival is not None:
                if not self.is_in_loop(unit):
                    vertex.late = len(vertex.lines)
                    vertex.lines += arrival_lines(arrival)
                    vertex.marked = arrival.count > 1 and arrival.rho < CANCELLING
                said = arrival.words()
                vertex.tip = f"{vertex.tip} {said}".strip()
                vertex.facts["gradient"] = said
        for state in self.drawn_states():
            vertex = self.painter.vertices[state]
            steps = [self.found.nodes.get(self.node_of[p]) if p in self.node_of else None for p in state.producers]
            vertex.curve = [arrival.norm if arrival else 0.0 for arrival in steps]
            ends = f"|grad| {digits(vertex.curve[0], '.2g')} … {digits(vertex.curve[-1], '.2g')}"
            vertex.late = len(vertex.lines)
            vertex.lines.append(ends)
            vertex.facts["gradient"] = f"|gradient| from the first step to the last: {ends.removeprefix('|grad| ')}"
        if self.folds.count:
            self.painter.picture.notes.append(
                "An edge of a repeated block stands for all its repetitions. A state's curve is the norm of its "
                "gradient from the first step to the last, a line for a power of ten."
            )

    def is_in_loop(self, unit: Unit) -> bool:
        """Whether a vertex stands for several steps, so that the first's numbers would mislead."""
        return isinstance(unit, Operation | Source) and unit in self.folds.steps

    def arrival(self, unit: Unit) -> Arrival | None:
        """The gradient of an operation or a source."""
        node = self.node_of.get(unit) if isinstance(unit, Operation | Source) else None
        return self.found.nodes.get(node) if node is not None else None

    # ------------------------------------------------------------------------------------------- the replay

    def replay(self) -> list[html.Step]:
        """The steps of backward, for the page: one for each drawn vertex, as the gradients become complete."""
        numbers = {name: i for i, name in enumerate(self.painter.edges)}
        titles = {vertex.key: vertex.lines[0] for vertex in self.painter.picture.vertices}
        place_of = {vertex.key: i for i, vertex in enumerate(self.painter.picture.vertices)}
        arriving: dict[str, list[Hashable]] = {}
        leaving: dict[str, list[Hashable]] = {}
        for name, edge in self.painter.edges.items():
            if name in self.found.edges:
                arriving.setdefault(edge.tail, []).append(name)
                leaving.setdefault(edge.head, []).append(name)
        steps = []
        for unit in self.backward_order():
            key = self.painter.keys[unit]
            if key not in arriving:
                continue
            arrival = self.arrival(unit)
            step = html.Step(place_of[key], titles[key])
            step.text = arrival.words() if arrival else ""
            step.thumbnail = arrival.thumbnail if arrival else None
            edges = self.painter.edges
            step.arriving = [self.part(numbers, "from", titles[edges[n].head], n) for n in arriving[key]]
            step.leaving = [self.part(numbers, "to", titles[edges[n].tail], n) for n in leaving.get(key, [])]
            step.rules = self.rules(unit, arrival)
            steps.append(step)
        names = [step.title for step in steps]
        for number, step in enumerate(steps):  # titles that several steps have are told apart
            name = step.title
            if names.count(name) > 1:
                step.title = f"{name} ({names[: number + 1].count(name)} of {names.count(name)})"
        return steps

    def backward_order(self) -> list[Unit]:
        """The drawn units as their gradients become complete: users before what they use."""
        order: list[tuple[tuple[float, int], int, Unit]] = []
        for place, (unit, parts) in enumerate(self.painter.view.units.items()):
            if isinstance(unit, Source):
                users = [self.folds.original(user).order for user in self.tape.users[unit]]
                first = min(users, default=(unit.order[0] + 1, 0))
                order.append(((first[0] - 0.5, first[1]), place, unit))
            elif isinstance(unit, State):
                first = min(user.order for user, _ in unit.users)
                order.append(((first[0] - 0.25, first[1]), place, unit))
            else:
                order.append((max(part.order for part in parts if isinstance(part, Operation)), place, unit))
        return [unit for _, _, unit in sorted(order, key=lambda entry: (entry[0], -entry[1]), reverse=True)]

    def rules(self, unit: Unit, arrival: Arrival | None) -> list[html.Ruling]:
        """The rules that a vertex runs, with numbers put into them where they are single numbers."""
        if isinstance(unit, State | Source):
            return []
        operations = [unit] if isinstance(unit, Operation) else [
            part for part in self.painter.view.units[unit] if isinstance(part, Operation)
        ]  # fmt: skip
        found: list[html.Ruling] = []
        for operation in operations[::-1]:
            for rule, _ in operation.node.edges if operation.node else ():
                if len(found) == html.MOST_RULES:
                    return found
                numbers = {}
                if isinstance(unit, Operation) and arrival is not None and arrival.value is not None:
                    numbers = {o.argument: self.painter.values.get(o.source, o.source.value) for o in unit.operands}
                    numbers |= {"g": arrival.value, "out": self.painter.values.get(unit)}
                found.append(html.Ruling(rule.argument, rule_source(rule), put_in(rule, numbers)))
        return found

    def part(self, numbers: dict[Hashable, int], way: str, end: str, name: Hashable) -> html.Part:
        """An edge with what flows along it, its role and the vertex at its other end, for the page."""
        flow, edge = self.found.edges[name], self.painter.edges[name]
        role = edge.label or self.role(name)
        return html.Part(numbers[name], f"{way} {end}: {flow_text(flow)}", f"∂/∂{role}" if role else "", flow.thumbnail,
                         flow.cosine)  # fmt: skip

    def role(self, name: Hashable) -> str:
        """The argument of an operation that an edge leads to."""
        _, head, position = name if isinstance(name, tuple) and len(name) == 3 else (None, None, -1)
        if isinstance(head, Operation):
            return next((o.argument for o in head.operands if o.position == position), "")
        return ""


def strength(norm: float, least: float, most: float) -> float:
    """Width in px on a logarithmic scale: 7 for the largest norm, 1.2 for the least and for what is below."""
    if norm <= least:
        return 1.2
    return round(1.2 + 5.8 * math.log10(norm / least) / math.log10(most / least), 2)


def flow_text(flow: Flow) -> str:
    """What arrives along an edge, in words."""
    size = f"gradient {digits(flow.value)}" if flow.value is not None else f"|gradient| {flow.norm:.3g}"
    several = f", {flow.count} contributions together" if flow.count > 1 else ""
    return f"{size}, cosine with the total {digits(flow.cosine, '+.2f')}{several}"


def arrival_lines(arrival: Arrival) -> list[str]:
    """What a vertex says of its gradient."""
    if arrival.value is not None:
        terms = " + ".join(digits(v) for v in arrival.values).replace("+ −", "− ")
        several = 1 < len(arrival.values) <= 4
        lines = [f"grad {digits(arrival.value)}{' = ' + terms if several else ''}"]
    else:
        lines = [f"|grad| {arrival.norm:.3g}"]
    return lines + ([f"ρ {arrival.rho:.2f} of {arrival.count}"] if arrival.count > 1 else [])
