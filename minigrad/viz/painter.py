"""A Picture of a View of the tape: what stands in each vertex, which edges there are, and the gradient on them."""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from minigrad.autograd import Leaf, Node, Value
from minigrad.kernels.windows import Window
from minigrad.nn import Parameter
from minigrad.tensor import Tensor
from minigrad.viz import html
from minigrad.viz.gradients import Arrival, Flow, Gradients, measure
from minigrad.viz.picture import Cluster, Edge, Picture, Vertex, clean
from minigrad.viz.tape import Scope, Tape
from minigrad.viz.view import Unit, View

NEUTRAL = {"stride": "1", "dilation": "1", "groups": "1", "padding": "0"}  # settings that go without saying
CANCELLING = 0.5  # a node with a smaller ρ is marked
RESULT = "result"


class Painter:
    """Makes a Picture of a View: vertices with their text, edges, frames, and the gradients on them."""

    def __init__(self, tape: Tape, view: View, results: Mapping[Node, Tensor], inputs: list[Tensor], label: str):
        self.tape, self.view, self.seen = tape, view, tape.seen
        self.results = results
        self.inputs = {tensor.node: i for i, tensor in enumerate(inputs)}
        self.label = label
        self.picture = Picture()
        self.picture.notes += view.notes
        self.gradients: Gradients | None = None
        self.values = self.known_values()
        self.unit_of = {node: unit for unit, nodes in view.units.items() for node in nodes}
        self.keys: dict[Unit, str] = {}
        self.vertices: dict[Unit, Vertex] = {}
        self.frames: dict[Scope, str] = {}
        self.edges: dict[Hashable, Edge] = {}
        self.counts: dict[str, int] = {}
        self.result_keys: dict[Node, str] = {}
        self.constants: dict[int, str] = {}
        self.freed = any(node.saved is None for node in tape.nodes)
        for unit in view.units:
            self.add_unit(unit)
        for node in tape.nodes:
            for rule, parent in node.edges:
                self.add_edge(node, rule.argument, parent)
        for number, (node, tensor) in enumerate(results.items()):
            name = label if len(results) == 1 else f"{label} {number + 1}"
            key = self.result_keys[node] = self.key(RESULT)
            lines = [clean(name), self.described(tensor.array.shape, tensor.array.dtype, tensor.array)]
            self.picture.vertices.append(Vertex(key, lines, RESULT))
            source = self.unit_of[self.tape.original(node)]
            self.edges[RESULT, number] = Edge(self.keys[source], key)
        if self.freed:
            self.picture.notes.append(
                "An earlier backward has freed what the operations had saved: settings and constants that were not "
                "recorded are not shown."
            )

    def known_values(self) -> dict[Node, np.ndarray]:
        """Single numbers that are still somewhere: in leaves, among saved values, in what was recorded."""
        found: dict[Node, np.ndarray] = {}
        for node in self.tape.nodes:
            if isinstance(node, Leaf) and (tensor := node.tensor()) is not None:
                found[node] = tensor.array
            elif node.serial in self.seen.values:
                found[node] = self.seen.values[node.serial]
            for name, value in (node.saved or {}).items():
                if name == "out" and isinstance(value, np.ndarray):
                    found[node] = value
                elif isinstance(value, Value) and value.node is not None:
                    found[value.node] = value.array
        found.update((node, tensor.array) for node, tensor in self.results.items())
        return {node: array for node, array in found.items() if array.size == 1}

    def key(self, name: str) -> str:
        """A key that no other vertex has: the name, with a counter from the second on."""
        name = name or "unnamed"
        self.counts[name] = self.counts.get(name, 0) + 1
        return name if self.counts[name] == 1 else self.key(f"{name}#{self.counts[name]}")

    # ------------------------------------------------------------------------------------------- vertices

    def add_unit(self, unit: Unit) -> None:
        """The vertex of a unit."""
        scope = self.view.frame(unit)
        cluster = self.frame(scope)
        if isinstance(unit, Leaf):
            kind, name = self.leaf_name(unit)
            local = name.removeprefix(f"{scope.path.split(' ')[0]}.") if scope.path else name
            lines = [clean(local), self.described(unit.shape, unit.dtype, self.values.get(unit))]
            vertex = Vertex(self.key(name), lines, kind, cluster, tip=name)
        elif isinstance(unit, Node):
            vertex = Vertex(self.key(unit.name), self.operation_lines(unit), "operation", cluster)
            self.add_constants(unit, vertex.key, cluster)
        else:
            nodes = self.view.units[unit]
            leaves = [node for node in nodes if isinstance(node, Leaf)]
            operations = len(nodes) - len(leaves)
            size = sum(int(np.prod(leaf.shape)) for leaf in leaves)
            if isinstance(unit, Scope):
                title = f"{unit.folded} × {unit.path.split(' ')[0]}" if unit.folded > 1 else unit.label
            else:
                title = "⋮"
            last = next(node for node in reversed(nodes) if not isinstance(node, Leaf))
            lines = [clean(title), f"{operations:,} operation{'s' * (operations != 1)}"]
            lines += [f"{size:,} numbers in {len(leaves):,} leaves"] if leaves else []
            lines += [f"→ {shape_text(last.shape)}"]
            vertex = Vertex(self.key(title), lines, "module", cluster)
        self.keys[unit], self.vertices[unit] = vertex.key, vertex
        self.picture.vertices.append(vertex)

    def frame(self, scope: Scope) -> str:
        """The key of a scope's cluster, made when it is first needed."""
        if scope.parent is None:
            return ""
        if scope not in self.frames:
            parent = scope.parent
            while parent in self.view.trivial and parent.parent is not None:
                parent = parent.parent
            outer = self.frame(parent)
            self.frames[scope] = self.key(scope.path or scope.kind)
            self.picture.clusters.append(Cluster(self.frames[scope], clean(scope.label, 80), outer))
        return self.frames[scope]

    def leaf_name(self, leaf: Leaf) -> tuple[str, str]:
        """Kind and name of a leaf: as it was called, or counted."""
        tensor = leaf.tensor()
        if leaf in self.inputs:
            return "input", "input" if len(self.inputs) == 1 else f"input {self.inputs[leaf] + 1}"
        kind = "parameter" if isinstance(tensor, Parameter) else "input"
        if tensor is not None and id(tensor) in self.seen.names:
            return kind, self.seen.names[id(tensor)]
        return kind, kind if kind == "parameter" else "tensor"

    def operation_lines(self, node: Node) -> list[str]:
        """Name, settings that are not the usual ones, and what comes out."""
        settings = self.seen.settings.get(node.serial)
        if settings is None:
            saved = (node.saved or {}).items()
            settings = {k: v for k, v in saved if not k.endswith("_shape") and not isinstance(v, Value | np.ndarray)}
        spelled = []
        if isinstance(how := settings.get("how"), Window):  # one by one; a filter's size is told by its weight
            plain = ("kernel",) if node.name.startswith("convolution") else ()
            settings = {k: v for k, v in {**settings, **how._asdict()}.items() if k not in ("how", *plain)}
        for name, value in settings.items():
            words = spell(value)
            if words and name != "shape" and NEUTRAL.get(name) != words:
                spelled.append(f"{name} {clean(words, 24)}")
        path = self.tape.scope[node]
        title = node.name.lstrip("_")
        if path in self.view.trivial and path.path:
            title = f"{title}  ({clean(path.path.replace(' (call', ', call').removesuffix(')'), 24)})"
        lines = [title, *(" · ".join(spelled[i : i + 2]) for i in range(0, len(spelled), 2))]
        value = self.values.get(node)
        return [*lines, f"= {number(value)}" if value is not None else f"→ {shape_text(node.shape, node.dtype)}"]

    def described(self, shape: tuple[int, ...], dtype: np.dtype[Any], value: np.ndarray | None) -> str:
        """The second line of an oval: the value of a single number, else shape and dtype."""
        if value is not None and value.size == 1:
            return f"= {number(value)}"
        return f"{shape_text(shape)} {dtype}"

    def add_constants(self, node: Node, key: str, cluster: str) -> None:
        """Arrays without a gradient that an operation has saved, each once in the picture."""
        if node.primitive is None or self.freed:
            return
        arguments = set(inspect.signature(node.primitive.forward).parameters)
        for name, value in (node.saved or {}).items():
            array = value.array if isinstance(value, Value) else value
            if name not in arguments or not isinstance(array, np.ndarray) or getattr(value, "node", None) is not None:
                continue
            if id(array) not in self.constants:
                title = self.seen.names.get(id(value), name)
                constant = self.constants[id(array)] = self.key(title)
                lines = [clean(title), self.described(array.shape, array.dtype, array)]
                self.picture.vertices.append(Vertex(constant, lines, "constant", cluster))
            self.edges["constant", constant, key, name] = Edge(self.constants[id(array)], key, 1.0, dashed=True)

    # ------------------------------------------------------------------------------------------- edges, gradients

    def edge_name(self, node: Node, argument: str, parent: Node) -> Hashable:
        """What names the drawn edge for one of the tape; None if it is inside of a unit or between repetitions."""
        ends = self.tape.drawn(parent, node)
        if ends is None:
            return None
        tail, head = self.unit_of[ends[0]], self.unit_of[ends[1]]
        if tail is head:
            return None
        return (tail, head, argument if isinstance(head, Node) else "")

    def add_edge(self, node: Node, argument: str, parent: Node) -> None:
        """Draw the edge by which `node` uses `parent`."""
        name = self.edge_name(node, argument, parent)
        if name is not None and name not in self.edges:
            tail, head = self.unit_of[self.tape.original(parent)], self.unit_of[self.tape.original(node)]
            tip = f"{argument} of {node.name}" if isinstance(head, Node) else ""
            self.edges[name] = Edge(self.keys[tail], self.keys[head], tip=tip)

    def show_gradients(self, result: Tensor) -> None:
        """Run backward, and put what it shows on edges and vertices."""
        found = self.gradients = measure(
            result, self.tape.nodes, self.edge_name, (RESULT, 0), set(self.tape.nodes) & self.vertices.keys()
        )
        norms = [flow.norm for flow in found.edges.values() if flow.norm > 0]
        most = max(norms, default=1.0)
        least = max(min(min(norms, default=most), most / 10), most / 1e4)
        for name, edge in self.edges.items():
            flow = found.edges.get(name)
            if flow is None:
                continue
            edge.strength = strength(flow.norm, least, most)
            edge.agreement = flow.cosine
            edge.dashed = flow.norm == 0
            edge.tip = f"{edge.tip + ': ' if edge.tip else ''}{flow_text(flow)}"
        for unit, vertex in self.vertices.items():
            arrival = found.nodes.get(unit) if isinstance(unit, Node) else None
            if arrival is not None:
                vertex.lines += arrival_lines(arrival)
                vertex.tip = f"{vertex.tip} {arrival_text(arrival)}".strip()
                if arrival.count > 1 and arrival.rho < CANCELLING:
                    vertex.marked = True
        samples = (most, (most * least) ** 0.5, least)
        self.picture.widths = [(strength(n, least, most), f"‖gradient‖ {n:.2g}") for n in samples]
        self.picture.notes.append(
            "An edge's width is the norm of the gradient that arrives along it, on a logarithmic scale; its colour is "
            "the cosine with the tensor's total gradient. ρ = ‖Σ gₑ‖ / Σ ‖gₑ‖ is 1 where contributions agree and 0 "
            "where they cancel; below 0.5 the outline is vermilion."
        )
        if self.tape.folds:
            self.picture.notes.append(
                "An edge of a repeated block stands for all its repetitions; the numbers in a vertex are the first's."
            )
        if any(node.hooks for node in self.tape.nodes):
            self.picture.notes.append("Hooks on the gradients were not run.")

    def finish(self) -> None:
        """Hand the edges over, in a fixed order."""
        self.numbers = {name: i for i, name in enumerate(self.edges)}
        self.picture.edges = list(self.edges.values())

    def replay(self) -> list[html.Step]:
        """The steps of backward, for the page: one for each drawn vertex, as the gradients become complete."""
        found = self.gradients
        if found is None:
            return []
        order: list[tuple[float, int, Unit]] = []
        for place, (unit, nodes) in enumerate(self.view.units.items()):
            if isinstance(unit, Leaf):
                users = [user.serial for user in self.tape.users[unit]]
                order.append((min(users, default=unit.serial + 1) - 0.5, place, unit))
            else:
                order.append((max(node.serial for node in nodes), place, unit))
        titles = {vertex.key: vertex.lines[0] for vertex in self.picture.vertices}
        place_of = {vertex.key: i for i, vertex in enumerate(self.picture.vertices)}
        arriving: dict[str, list[Hashable]] = {}
        leaving: dict[str, list[Hashable]] = {}
        for name, edge in self.edges.items():
            if name in found.edges:
                arriving.setdefault(edge.tail, []).append(name)
                leaving.setdefault(edge.head, []).append(name)
        steps = []
        for _, _, unit in sorted(order, key=lambda entry: (-entry[0], entry[1])):
            key = self.keys[unit]
            if key not in arriving:
                continue
            step = html.Step(place_of[key], self.vertices[unit].lines[0])
            arrival = found.nodes.get(unit) if isinstance(unit, Node) else None
            step.text = arrival_text(arrival) if arrival else ""
            step.thumbnail = arrival.thumbnail if arrival else None
            step.arriving = [self.part("from", titles[self.edges[name].head], name) for name in arriving[key]]
            step.leaving = [self.part("to", titles[self.edges[name].tail], name) for name in leaving.get(key, [])]
            nodes = [unit] if isinstance(unit, Node) else self.view.units[unit]
            step.rules = [html.rule_source(rule) for node in nodes[::-1] for rule, _ in node.edges][: html.MOST_RULES]
            steps.append(step)
        return steps

    def part(self, way: str, end: str, name: Hashable) -> html.Part:
        """An edge with what flows along it and the vertex at its other end, for the page."""
        assert self.gradients
        flow = self.gradients.edges[name]
        return self.numbers[name], f"{way} {end}: {flow_text(flow)}", flow.thumbnail


def strength(norm: float, least: float, most: float) -> float:
    """Width in px on a logarithmic scale: 7 for the largest norm, 1.2 for the least and for what is below."""
    if norm <= least:
        return 1.2
    return round(1.2 + 5.8 * float(np.log10(norm / least) / np.log10(most / least)), 2)


def flow_text(flow: Flow) -> str:
    """What arrives along an edge, in words."""
    size = f"gradient {digits(flow.value)}" if flow.value is not None else f"‖gradient‖ {flow.norm:.3g}"
    several = f", {flow.count} contributions together" if flow.count > 1 else ""
    return f"{size}, cosine with the total {digits(flow.cosine, '+.2f')}{several}"


def arrival_lines(arrival: Arrival) -> list[str]:
    """What a vertex says of its gradient."""
    if arrival.value is not None:
        terms = " + ".join(digits(v) for v in arrival.values).replace("+ −", "− ")
        several = 1 < len(arrival.values) <= 4
        lines = [f"grad {digits(arrival.value)}{' = ' + terms if several else ''}"]
    else:
        lines = [f"‖grad‖ {arrival.norm:.3g}"]
    return lines + ([f"ρ {arrival.rho:.2f} of {arrival.count}"] if arrival.count > 1 else [])


def arrival_text(arrival: Arrival) -> str:
    """What a vertex's gradient is, in words."""
    size = f"gradient {digits(arrival.value)}" if arrival.value is not None else f"‖gradient‖ {arrival.norm:.3g}"
    return size + (f"; ρ = {arrival.rho:.2f} of {arrival.count} contributions" if arrival.count > 1 else "")


def shape_text(shape: tuple[int, ...], dtype: np.dtype[Any] | None = None) -> str:
    """64×3×28×28; a dtype other than float32 is said."""
    said = "" if dtype is None or dtype == np.float32 else f" {dtype}"
    return ("×".join(map(str, shape)) or "scalar") + said


def number(value: np.ndarray) -> str:
    """A single number in few letters."""
    return digits(value.item())


def digits(value: float, form: str = ".4g") -> str:
    """A number in few letters, with the minus sign of type."""
    return format(value, form).replace("-", "−")


def spell(value: Any) -> str:
    """A setting in few letters: (1, 1) as 1, slices as in an index, an array by its shape; "" for None and False."""
    if value is None or value is False:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, slice):
        step = "" if value.step is None else f":{value.step}"
        return f"{'' if value.start is None else value.start}:{'' if value.stop is None else value.stop}{step}"
    if isinstance(value, tuple | list):
        parts = [spell(part) or "None" for part in value]
        return parts[0] if len(parts) == 2 and parts[0] == parts[1] and ":" not in parts[0] else f"({', '.join(parts)})"
    if isinstance(value, Value | np.ndarray):
        array = value.array if isinstance(value, Value) else value
        return f"{array.dtype}[{shape_text(array.shape)}]"
    return "…" if value is Ellipsis else repr(value)
