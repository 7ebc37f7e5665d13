"""The graph, read for drawing: which operations and sources there are, in which calls the operations ran.

What was recorded says all; without a record the tape itself still tells operations, shapes, parameters and whatever the
rules have saved. What it does not keep, an operand without a gradient, is drawn as unknown.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator
from dataclasses import dataclass, field

import numpy as np

from minigrad import autograd
from minigrad.autograd import Leaf, Node, Value
from minigrad.nn import Parameter
from minigrad.tensor import Tensor
from minigrad.viz.record import OPERANDS, Call, Operand, Operation, Record, Source, make_source, parameters_of


@dataclass(eq=False)
class Scope:
    """A call, or several steps that were folded into one, with what ran directly in it, in order."""

    call: Call
    parent: Scope | None = None
    items: list[Scope | Operation] = field(default_factory=list)
    folded: int = 1
    label: str = ""

    @property
    def level(self) -> int:
        """How many calls of modules are around it: 0 for the model, −1 for the whole graph."""
        if self.parent is None:
            return -1
        return self.parent.level + (1 if self.call.kind or not self.call.path else 0)

    def lineage(self) -> list[Scope]:
        """This scope and those around it, the whole graph first."""
        scopes: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            scopes.append(scope)
            scope = scope.parent
        return scopes[::-1]

    def operations(self) -> list[Operation]:
        """All operations in it, in the order in which they ran."""
        found: list[Operation] = []
        todo: list[Scope | Operation] = [self]
        while todo:
            item = todo.pop()
            if isinstance(item, Scope):
                todo.extend(reversed(item.items))
            else:
                found.append(item)
        return found

    def scopes(self) -> Iterator[Scope]:
        """All scopes in it, itself first."""
        todo = [self]
        while todo:
            scope = todo.pop()
            yield scope
            todo.extend(item for item in reversed(scope.items) if isinstance(item, Scope))


class Tape:
    """The part of the graph that some tensors depend on, as a tree of scopes."""

    def __init__(self, roots: list[Tensor], seen: Record):
        self.seen = seen
        self.nodes = autograd.reachable(dict.fromkeys(t.node for t in roots if t.node))[::-1]  # parents first
        self.of: dict[Node, Operation | Source] = {}
        self.unknown = False  # whether an operand was not kept
        for node in self.nodes:
            self.of[node] = self.read_leaf(node) if isinstance(node, Leaf) else self.read_operation(node)
        self.roots: list[Operation | Source] = []
        for tensor in roots:
            found = self.of[tensor.node] if tensor.node else seen.find(tensor)
            self.roots.append(self.of[found] if isinstance(found, Node) else found)
        self.operations, self.sources = self.collect()
        parts: list[Operation | Source] = [*self.operations, *self.sources]
        self.users: dict[Operation | Source, list[Operation]] = {part: [] for part in parts}
        for operation in self.operations:
            for operand in operation.operands:
                self.users[operand.source].append(operation)
        self.owned = {source for source in self.sources if self.is_owned(source)}
        self.root = Scope(Call("", ""))
        self.scope: dict[Operation | Source, Scope] = {}
        current = self.root
        for operation in self.operations:
            current = self.enter(current, operation.calls)
            current.items.append(operation)
            self.scope[operation] = current
        self.place_sources(self.operations)

    def read_leaf(self, leaf: Leaf) -> Source:
        """The source for a leaf, whose tensor may be gone."""
        if leaf.serial in self.seen.leaves:
            return self.seen.leaves[leaf.serial]
        tensor = leaf.tensor()
        if tensor is not None:
            return make_source(tensor, (leaf.serial, 0))
        return Source(leaf.shape, leaf.dtype, leaf=leaf, order=(leaf.serial, 0))

    def read_operation(self, node: Node) -> Operation:
        """The operation of a node: as it was recorded, or what the node still tells of it."""
        operation = self.seen.operations.get(node.serial)
        if operation is not None:
            operation.node = node
            for operand in operation.operands:
                if isinstance(operand.source, Node) and operand.source in self.of:
                    operand.source = self.of[operand.source]
            return operation
        operation = Operation(node.name, node.shape, node.dtype, (node.serial, 0), node=node, recorded=False)
        parents = {rule.argument: parent for rule, parent in node.edges}
        saved = node.saved or {}
        out = saved.get("out")
        if isinstance(out, np.ndarray) and out.size == 1:
            operation.value = out.item()
        for position, name in enumerate(parameters_of(node.primitive.forward) if node.primitive else ()):
            value = saved.get(name)
            if name in parents:
                operation.operands.append(Operand(name, position, self.of[parents[name]], True))
            elif isinstance(value, Value | np.ndarray) or (name in saved and name in OPERANDS):
                operation.operands.append(Operand(name, position, self.find_saved(value, operation)))
            elif name in saved:
                operation.settings[name] = value
            elif name in OPERANDS:
                self.unknown = True
                unknown = Source((), node.dtype, "unknown", order=operation.order)
                operation.operands.append(Operand(name, position, unknown))
        return operation

    def find_saved(self, value: object, operation: Operation) -> Operation | Source:
        """What a saved value is: known, or a source of its own."""
        if isinstance(value, Value) and value.node in self.of:
            return self.of[value.node]
        if not isinstance(value, Value | np.ndarray):
            return make_source(value, operation.order)
        found = self.seen.find(value)
        return self.of[found] if isinstance(found, Node) else found

    def collect(self) -> tuple[list[Operation], list[Source]]:
        """All that the roots depend on, by gradient or not: operations in order, sources by their first use."""
        operations: dict[Operation, None] = {}
        sources: dict[Source, None] = {}
        todo: list[Operation | Source] = [*self.roots, *self.of.values()]
        while todo:
            part = todo.pop()
            if isinstance(part, Source):
                sources[part] = None
            elif part not in operations:
                operations[part] = None
                for operand in part.operands:
                    if isinstance(operand.source, Node):
                        operand.source = Source(operand.source.shape, operand.source.dtype, order=part.order)
                    todo.append(operand.source)
        ordered = sorted(operations, key=lambda operation: operation.order)
        first = dict.fromkeys(
            operand.source for operation in ordered for operand in operation.operands
            if isinstance(operand.source, Source)
        )  # fmt: skip
        return ordered, list(first | sources)

    def is_owned(self, source: Source) -> bool:
        """Whether a module or a repeated block may have a source for itself: not what is fed into it."""
        tensor = source.tensor() if source.tensor else None
        if source.kind != "constant" or isinstance(tensor, Parameter):
            return True
        return source.leaf is None and not source.fed and id(tensor) not in self.seen.given

    def enter(self, current: Scope, calls: tuple[Call, ...]) -> Scope:
        """The scope for these calls, going on in the current one as far as they are the same."""
        lineage = current.lineage()
        depth = 0
        while depth < min(len(calls), len(lineage) - 1) and lineage[depth + 1].call is calls[depth]:
            depth += 1
        scope = lineage[depth]
        for call in calls[depth:]:
            inner = Scope(call, scope, label=call.label)
            scope.items.append(inner)
            scope = inner
        return scope

    def place_sources(self, drawn: list[Operation], own: Container[Operation | Source] | None = None) -> None:
        """A source that can be owned belongs to the innermost scope that has all its drawn uses, any other to none.

        own: what the steps of loops have for themselves; anything else stays outside of a loop's frame.
        """
        places: dict[Operation | Source, list[Scope]] = {}
        for operation in drawn:
            lineage: list[Scope] | None = None
            for operand in operation.operands:
                source = operand.source
                if isinstance(source, Source) and source in self.owned:
                    lineage = lineage or self.scope[operation].lineage()
                    before = places.get(source, lineage)
                    places[source] = [a for a, b in zip(before, lineage, strict=False) if a is b]
        for source in self.sources:
            place = places.get(source, [self.root])
            if own is not None and source not in own:
                place = list(itertools.takewhile(lambda scope: scope.folded == 1, place))
            self.scope[source] = place[-1]
