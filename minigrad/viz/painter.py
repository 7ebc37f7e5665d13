"""A Picture of a View of the tape: what stands in each vertex, which edges there are, which frames."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from minigrad.tensor import Tensor
from minigrad.viz.fold import State
from minigrad.viz.gradients import Arrival
from minigrad.viz.picture import Cluster, Edge, Picture, Vertex, clean
from minigrad.viz.record import Operation, Source
from minigrad.viz.sources import rule_source
from minigrad.viz.tape import Scope, Tape
from minigrad.viz.view import Middle, Part, Unit, View
from minigrad.viz.words import (
    digits,
    operand_role,
    operation_name,
    shape_text,
    shorten_settings,
    spell_settings,
)

RESULT = "result"
EdgeName: TypeAlias = tuple[Unit, Unit, int]  # tail, head, and which operand of the head it is, −1 for a closed one
SIGNS = {"add": "+", "sub": "−", "mul": "×", "div": "÷", "pow": "^"}


class Painter:
    """Makes a Picture of a View. `inputs` and `results` map ids of tensors, and names, to what the user called them."""

    def __init__(self, tape: Tape, view: View, inputs: Mapping[int, str], results: Mapping[str, Tensor]):
        self.tape, self.view, self.folds = tape, view, view.folds
        self.names = {**tape.seen.names, **inputs}
        self.picture = Picture(legend=True)
        self.picture.notes += view.notes
        self.unit_of = {part: unit for unit, parts in view.units.items() for part in parts}
        self.keys: dict[Unit, str] = {}
        self.vertices: dict[Unit, Vertex] = {}
        self.frames: dict[Scope, str] = {}
        self.edges: dict[Hashable, Edge] = {}
        self.carried: dict[Hashable, dict[Any, None]] = {}  # by edge: the parts whose values it stands for
        self.counts: dict[str, int] = {}
        self.copies: dict[Part, list[Part]] = {}  # of what is drawn once for several
        self.values = self.known_values(results)
        self.arrival_of: Callable[[Unit], Arrival | None] | None = None  # if gradients are drawn
        for unit in view.units:
            self.add_unit(unit)
        for operation in tape.operations:
            for operand in operation.operands:
                self.add_edge(operation, operand.position, operand.source, operand.gradient)
        self.add_state_edges()
        roles: dict[str, int] = {}
        for edge in self.edges.values():
            roles[edge.head] = roles.get(edge.head, 0) + bool(edge.label)
        for edge in self.edges.values():  # a role is said where there are several
            edge.label = edge.label if roles[edge.head] > 1 else ""
        for number, ((name, tensor), part) in enumerate(zip(results.items(), tape.roots, strict=True)):
            self.add_result(number, name, tensor, part)
        if any(o.node and o.node.saved is None and not o.recorded for o in tape.operations):
            self.picture.notes.append(
                "An earlier backward has freed what the operations had saved: settings and constants that were not "
                "recorded are not shown."
            )

    def known_values(self, results: Mapping[str, Tensor]) -> dict[Part, float]:
        """Single numbers that are still somewhere: recorded, in leaves, among saved values."""
        found: dict[Part, float] = {}
        parts: list[Part] = [*self.tape.operations, *self.tape.sources]
        found.update((part, part.value) for part in parts if part.value is not None)
        for node in self.tape.of:
            for value in (node.saved or {}).values():
                array = getattr(value, "array", None)
                of = self.tape.of.get(getattr(value, "node", None))  # type: ignore[arg-type]
                if of is not None and array is not None and array.size == 1:
                    found.setdefault(of, array.item())
        for part, tensor in zip(self.tape.roots, results.values(), strict=True):
            if tensor.array.size == 1:
                found[part] = tensor.array.item()
        return found

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
        if isinstance(unit, Source):
            vertex = self.source_vertex(unit, scope)
        elif isinstance(unit, Operation):
            vertex = self.operation_vertex(unit)
        elif isinstance(unit, State):
            lines = ["state", f"of {len(unit.producers)} steps  {shape_text(unit.producers[0].shape)}"]
            vertex = Vertex(self.key("state"), lines, "state", tip="what each step hands to the next")
        else:
            vertex = self.closed_vertex(unit, scope)
        vertex.cluster = cluster
        self.keys[unit], self.vertices[unit] = vertex.key, vertex
        self.picture.vertices.append(vertex)

    def frame(self, scope: Scope) -> str:
        """The key of a scope's cluster, made when it is first needed."""
        if scope.parent is None:
            return ""
        if scope not in self.frames:
            outer = self.frame(self.view.visible(scope.parent))
            self.frames[scope] = self.key(scope.call.path or scope.call.kind)
            self.picture.clusters.append(Cluster(self.frames[scope], clean(scope.label, 80), outer))
        return self.frames[scope]

    def local(self, name: str, scope: Scope) -> str:
        """A path without that of the frame around."""
        around = scope.call.path.split(" ")[0]
        return name.removeprefix(f"{around}.") if around else name

    def source_vertex(self, source: Source, scope: Scope) -> Vertex:
        """An oval for a tensor or a number."""
        kind = self.view.kind(source)
        tensor = source.tensor() if source.tensor else None
        name = self.names.get(id(tensor)) if tensor is not None else None
        facts = {"shape": shape_text(source.shape, source.dtype)}
        if source.value is not None:
            facts["value"] = digits(source.value)
        if source.kind == "unknown":
            return Vertex(self.key("?"), ["?"], kind, tip="an operand that the tape does not keep", facts=facts)
        if name is None and source.value is not None and kind == "constant":
            return Vertex(self.key(digits(source.value)), [digits(source.value)], kind, facts=facts)
        if name is None:
            weights = {o.argument for user in self.tape.users[source] for o in user.operands if o.source is source}
            name = weights.pop() if kind == "parameter" and len(weights) == 1 else "tensor" if kind == "input" else kind
        lines = [clean(self.local(name, scope)), self.described(source.shape, source.dtype, source.value)]
        return Vertex(self.key(name), lines, kind, tip=name, facts=facts)

    def described(self, shape: tuple[int, ...], dtype: np.dtype[Any], value: float | None) -> str:
        """The second line of an oval: the value of a single number, else shape and dtype."""
        return f"= {digits(value)}" if value is not None else f"{shape_text(shape)} {dtype}"

    def operation_vertex(self, operation: Operation) -> Vertex:
        """A box with the name, settings that are not the usual ones, and what comes out."""
        name = operation_name(operation.name)
        scope: Scope | None = self.tape.scope[operation]
        suffix = ""
        while scope is not None and scope in self.view.trivial:
            if not scope.call.kind:
                name = operation_name(scope.call.path.split(" ")[0])
            elif scope.call.path and not suffix:
                suffix = f"  ({clean(scope.call.path.replace(' (call', ', call').removesuffix(')'), 24)})"
            scope = scope.parent
        settings = [clean(words, 32) for words in spell_settings(operation.settings, operation.name.startswith("conv"))]
        lines = [name + suffix, *self.formula(operation)]
        lines += (" · ".join(settings[i : i + 2]) for i in range(0, len(settings), 2))
        value = self.values.get(operation)
        shape = shape_text(operation.shape, operation.dtype)
        lines.append(f"= {digits(value)}" if value is not None else f"→ {shape}")
        facts = {"operation": name, "shape": shape} | ({"value": digits(value)} if value is not None else {})
        if operation.line:
            facts["line"] = f"{Path(operation.line[0]).name}:{operation.line[1]}"
        vertex = Vertex(self.key(name), lines, "operation", facts=facts)
        if operation.node:
            vertex.rules = [functools.partial(rule_source, rule) for rule, _ in operation.node.edges]
        return vertex

    def formula(self, operation: Operation) -> list[str]:
        """Where numbers are not drawn, what the operation does with one: `· − 1` and `1 − ·` differ."""
        operands = [operand.source for operand in operation.operands]
        if self.view.options.constants or operation.name not in SIGNS or len(operands) != 2:
            return []
        if not any(isinstance(source, Source) and source.kind == "number" for source in operands):
            return []
        left, right = (
            digits(s.value) if isinstance(s, Source) and s.kind == "number" and s.value is not None else "·"
            for s in operands
        )
        return [f"{left} {SIGNS[operation.name]} {right}"]

    def closed_vertex(self, unit: Scope | Middle, around: Scope) -> Vertex:
        """A box for a call that is not opened, or for the middle of a long tape."""
        parts = self.all_copies(self.view.units[unit])
        operations = [part for part in parts if isinstance(part, Operation)]
        parameters = [part for part in parts if isinstance(part, Source) and self.view.kind(part) == "parameter"]
        into, out = self.shapes_in(operations), self.shapes_out(operations)
        flow = f"{into} → {out}" if into else f"→ {out}"
        count = f"{len(operations):,} operation{'s' * (len(operations) != 1)}"
        if isinstance(unit, Middle):
            return Vertex(self.key("⋮"), ["⋮", count, flow], "module", facts={"shape": flow})
        call = unit.call
        facts = {"shape": flow} | ({"settings": call.settings} if call.settings else {})
        if call.line:
            facts["line"] = f"{Path(call.line[0]).name}:{call.line[1]}"
        if not call.kind:
            value = self.values.get(operations[-1])
            name = call.path.split(" ")[0]
            lines = [name, f"= {digits(value)}" if value is not None else flow]
            return Vertex(self.key(name), lines, "operation", tip=f"{count}: expand=[{call.path!r}]", facts=facts)
        title = clean(f"{self.local(call.path, around)} {call.kind}".strip())
        lines = [title]
        if call.leaf and shorten_settings(call.settings):
            lines.append(clean(shorten_settings(call.settings), 48))
        size = sum(int(np.prod(source.shape)) for source in parameters)
        if not call.leaf:
            lines.append(count + (f", {size:,} parameters" if size else ""))
        elif size:
            facts["parameters"] = f"{size:,}"
        kind = "layer" if call.leaf else "module"
        return Vertex(self.key(call.label), [*lines, flow], kind, tip=call.label, facts=facts)

    def all_copies(self, parts: list[Part]) -> list[Part]:
        """The parts with all that is folded into them, in order."""
        if not self.copies and self.folds.first:
            for part in self.folds.first:
                self.copies.setdefault(self.folds.original(part), []).append(part)
        if not self.copies:
            return parts
        found = [copy for part in parts for copy in (part, *self.copies.get(part, ()))]
        return sorted(dict.fromkeys(found), key=lambda part: part.order)

    def shapes_in(self, operations: list[Operation]) -> str:
        """The shapes of what comes in from outside, without parameters and constants."""
        inside = set(operations)
        found: dict[str, None] = {}
        for source in (operand.source for operation in operations for operand in operation.operands):
            if source not in inside if isinstance(source, Operation) else self.view.kind(source) == "input":
                found[shape_text(source.shape)] = None
        return ", ".join(list(found)[:3]) + (", …" if len(found) > 3 else "")

    def shapes_out(self, operations: list[Operation]) -> str:
        """The shapes of what goes out: of the operations that others use, or else of the last."""
        inside = set(operations)
        used = [o for o in operations if any(user not in inside for user in self.tape.users[o]) or o in self.tape.roots]
        found = dict.fromkeys(shape_text(o.shape) for o in used or operations[-1:])
        return ", ".join(list(found)[:3]) + (", …" if len(found) > 3 else "")

    def add_result(self, number: int, name: str, tensor: Tensor, part: Part) -> None:
        """The oval of a result, below what made it."""
        array = tensor.array
        value = array.item() if array.size == 1 else None
        key = self.key(name)
        lines = [clean(name), self.described(array.shape, array.dtype, value)]
        self.picture.vertices.append(Vertex(key, lines, RESULT, facts={"shape": shape_text(array.shape, array.dtype)}))
        source = self.unit_of.get(self.folds.original(part))
        if source is not None:
            self.edges[RESULT, number] = Edge(self.keys[source], key)
            self.carried[RESULT, number] = {self.folds.original(part): None}

    # ------------------------------------------------------------------------------------------- edges

    def find_unit(self, part: Part) -> Unit | None:
        """The unit that a part is drawn in."""
        return self.unit_of.get(part)

    def edge_name(self, user: Operation, position: int, source: Part) -> EdgeName | None:
        """What names the drawn edge for an operand; None if it is inside of a unit or from another step of a loop."""
        drawn = self.folds.original(user)
        assert isinstance(drawn, Operation)
        head = self.unit_of.get(drawn)
        state = self.folds.state.get((drawn, position))
        tail: Unit | None
        if state is not None and state in self.keys:
            if source is state.initial:
                initial = self.find_unit(self.folds.original(source))
                return (initial, state, 0) if initial is not None else None
            tail = state
        elif self.folds.is_handed_on(source, user):
            return None
        else:
            tail = self.find_unit(self.folds.original(source))
        if tail is None or head is None or tail is head:
            return None
        return (tail, head, position if isinstance(head, Operation) else -1)

    def add_edge(self, user: Operation, position: int, source: Part, gradient: bool) -> None:
        """Draw the edge by which `user` uses `source`; dashed where no gradient flows back."""
        name = self.edge_name(user, position, source)
        if name is None:
            return
        tail, head, _ = name
        self.carried.setdefault(name, {})[tail if isinstance(tail, State) else self.folds.original(source)] = None
        if name in self.edges:
            self.edges[name].dashed &= not gradient
            return
        label = ""
        if isinstance(head, Operation):
            label = operand_role(head.name, position, len(head.operands))
        edge = Edge(self.keys[tail], self.keys[head], 1.3 if gradient else 1.0, dashed=not gradient, label=label)
        edge.tip = "begins with" if isinstance(head, State) else label
        self.edges[name] = edge

    def add_state_edges(self) -> None:
        """From the state into the first step, and back from what each step hands on."""
        for state in self.folds.states:
            if state not in self.keys:
                continue
            for user, position in state.users:
                head = self.unit_of.get(user)
                if head is not None:
                    name = (state, head, position if isinstance(head, Operation) else -1)
                    self.edges.setdefault(name, Edge(self.keys[state], self.keys[head]))
                    self.carried.setdefault(name, {})[state] = None
            producer = self.unit_of.get(state.producers[0])
            if producer is not None:
                back = Edge(self.keys[state], self.keys[producer], back=True, tip="to the next step")
                self.edges[state, producer, "back"] = back
