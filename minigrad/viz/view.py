"""What of a tape is drawn: which calls are open, what is folded, and what is left out when there is too much.

A *unit* is what becomes one vertex: an Operation, a Source, a closed call (a Scope), the State of a loop, or the Middle
of a long tape.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from minigrad.nn import Parameter
from minigrad.viz.fold import REPEATS, Folds, State
from minigrad.viz.record import Operation, Source
from minigrad.viz.tape import Scope, Tape


class Middle:
    """Operations in the middle of a long tape that are drawn as one box."""


Part = Operation | Source
Unit = Operation | Source | Scope | State | Middle


@dataclass(frozen=True)
class Options:
    """What the reader asks for. depth: levels of modules below the model that are open, None for as many as fit."""

    budget: int = 150
    depth: int | None = None
    expand: tuple[str, ...] = ()
    fold: bool | None = None
    parameters: bool = True
    constants: bool = True
    operations: bool = True
    inputs: frozenset[int] = field(default_factory=frozenset)  # ids of tensors that are inputs


class View:
    """The choice of units for a tape. `notes` says what is not shown, and how to see it."""

    def __init__(self, tape: Tape, options: Options):
        if options.budget < 10:
            raise ValueError(f"graph: budget is the number of vertices to draw, at least 10, got {options.budget}")
        self.tape, self.options = tape, options
        self.folds = Folds(tape)
        self.notes: list[str] = []
        self.trivial = {scope for scope in tape.root.scopes() if scope.parent and self.is_trivial(scope)}
        wanted = self.named(options.expand)
        budget, depth = options.budget, options.depth
        limit = math.inf if depth is None else depth
        if options.fold or (options.fold is None and self.count(limit, wanted) > budget):
            self.folds.fold_all(2 if options.fold else REPEATS)
        if depth is None:
            deepest = max((scope.level for scope in tape.root.scopes()), default=0) + 1
            depth = next((d for d in range(deepest, 0, -1) if self.count(d, wanted) <= budget), 0)
        self.units = self.choose(depth, wanted)
        if len(self.units) + len(tape.roots) > budget:
            self.cut(budget)
        self.say_what_is_closed()

    def say_what_is_closed(self) -> None:
        """The notes on what was folded and closed."""
        around = [self.frame(unit) for unit in self.units]
        folded = {scope for frame in dict.fromkeys(around) for scope in frame.lineage() if scope.folded > 1}
        if folded:
            self.notes.append(f"Repeated blocks are drawn once ({len(folded)} of them; fold=False draws each).")
        closed = [unit for unit in self.units if isinstance(unit, Scope) and unit.call.kind and not unit.call.leaf]
        if closed:
            names = ", ".join(s.call.path or s.call.kind for s in closed[:4]) + (", …" if len(closed) > 4 else "")
            self.notes.append(
                f"{len(closed):,} module{'s are' if len(closed) > 1 else ' is'} closed ({names}): "
                f"expand=[{(closed[0].call.path or closed[0].call.kind)!r}] opens one, a larger depth or budget more."
            )
        if self.tape.unknown and any(isinstance(unit, Source) and unit.kind == "unknown" for unit in self.units):
            self.notes.append(
                "? is an operand without a gradient, which the tape does not keep. To see it, draw the function, "
                "mg.graph(function, inputs), or give record= what `with mg.viz.record() as seen` saw."
            )

    def is_trivial(self, scope: Scope) -> bool:
        """Whether an open call needs no frame: a single operation, or the model with nothing outside of it."""
        if scope.parent is self.tape.root and len(self.tape.root.items) == 1 and scope.call.kind:
            return True
        operation = scope.items[0]
        if len(scope.items) > 1:
            return False
        if isinstance(operation, Scope):  # a layer that is one call of a function, which is one operation
            if operation.call.kind or isinstance(operation.items[0], Scope) or len(operation.items) > 1:
                return False
            operation = operation.items[0]
        if not scope.call.kind:
            return True
        own = (self.tape.scope[o.source].lineage() for o in operation.operands if isinstance(o.source, Source))
        return not any(scope in lineage for lineage in own)

    def named(self, paths: Iterable[str]) -> set[Scope]:
        """The scopes to open whatever the budget says. Raises KeyError for a path that is not there."""
        by_path: dict[str, list[Scope]] = {}
        for scope in self.tape.root.scopes():
            by_path.setdefault(scope.call.path or scope.call.kind, []).append(scope)
        opened: set[Scope] = set()
        for path in [paths] if isinstance(paths, str) else paths:
            if path == "*":
                opened.update(self.tape.root.scopes())
                continue
            if path not in by_path:
                there = ", ".join(p for p in by_path if p) or "no modules (draw the module, or use record=)"
                raise KeyError(f"graph: expand={path!r}, but the graph has {there}")
            for scope in by_path[path]:
                opened.update(scope.lineage())
        return opened

    def is_open(self, scope: Scope, depth: float, wanted: set[Scope]) -> bool:
        """Whether the content of a call is drawn."""
        if scope.parent is None or scope.folded > 1 or scope in wanted:
            return True
        if not scope.call.kind:  # a function
            return scope in self.trivial
        if scope.level >= depth:
            return self.options.operations and self.options.depth is None and scope in self.trivial
        return self.options.operations or not scope.call.leaf or scope.level == 0

    def shut(self, depth: float, wanted: set[Scope]) -> dict[Scope, Scope | None]:
        """For each scope, the closed one that it is hidden in, if any."""
        found: dict[Scope, Scope | None] = {}
        for scope in self.tape.root.scopes():
            outer = found[scope.parent] if scope.parent else None
            found[scope] = outer or (None if self.is_open(scope, depth, wanted) else scope)
        return found

    def kind(self, source: Source) -> str:
        """What a source is drawn as: an input, a parameter, or a constant."""
        tensor = source.tensor() if source.tensor else None
        if tensor is not None and id(tensor) in self.options.inputs:
            return "input"
        if isinstance(tensor, Parameter) or (source.leaf is not None and tensor is None and self.is_weight(source)):
            return "parameter"
        return "input" if source.leaf is not None else "constant"

    def is_weight(self, source: Source) -> bool:
        """Whether a tensor that is gone was a layer's: a temporary module's weights are."""
        arguments = {o.argument for user in self.tape.users[source] for o in user.operands if o.source is source}
        return arguments <= {"weight", "bias"}

    def is_shown(self, source: Source) -> bool:
        """Whether a source has a vertex of its own."""
        kind = self.kind(source)
        return {"parameter": self.options.parameters, "constant": self.options.constants}.get(kind, True)

    def choose(self, depth: float, wanted: set[Scope]) -> dict[Unit, list[Part]]:
        """The units, each with its parts, in order: each source before its first user, each state before its loop."""
        shut = self.shut(depth, wanted)
        units: dict[Unit, list[Part]] = {}
        first, placed = self.folds.first, set[Source]()
        states: dict[Scope, list[State]] = {}
        for state in self.folds.states:
            states.setdefault(state.scope, []).append(state)

        def place(part: Part) -> None:
            unit = shut[self.tape.scope[part]]
            if unit is None and isinstance(part, Source) and not self.is_shown(part):
                return
            units.setdefault(unit or part, []).append(part)

        for operation in self.tape.operations:
            for operand in operation.operands:
                source = operand.source
                if isinstance(source, Source) and source not in placed and source not in first:
                    placed.add(source)
                    place(source)
            if operation in first:
                continue
            for scope in self.tape.scope[operation].lineage() if states else ():
                if shut[scope] is None:
                    units.update((state, []) for state in states.pop(scope, ()))
            place(operation)
        for root in self.tape.roots:
            if isinstance(root, Source) and root not in placed:
                units.setdefault(root, []).append(root)
        return units

    def count(self, depth: float, wanted: set[Scope]) -> int:
        """How many vertices there would be, with the results."""
        return len(self.choose(depth, wanted)) + len(self.tape.roots)

    def cut(self, budget: int) -> None:
        """Merge what is in the middle into one box, until both ends fit the budget. Frames are merged whole."""
        groups: list[list[Unit]] = []
        last: Scope | Operation | None = None
        for unit in self.units:
            if isinstance(unit, Source):
                continue
            top = self.top(unit)
            if top is not last or not groups:
                groups.append([])
            groups[-1].append(unit)
            last = top
        keep = len(groups) // 2
        while True:
            merged = [unit for group in groups[keep : len(groups) - keep] for unit in group]
            hidden = {part for unit in merged for part in self.units[unit]}
            sources: list[Unit] = [u for u in self.units if isinstance(u, Source) and self.is_hidden(u, hidden)]
            left = len(self.units) - len(merged) - len(sources) + 1 + len(self.tape.roots)
            if left <= budget or keep == 0:
                break
            keep = min(keep - 1, int(keep * min(0.9, budget / left)))
        middle, gone = Middle(), {*merged, *sources}
        units: dict[Unit, list[Part]] = {}
        for unit, parts in self.units.items():
            if unit is merged[0]:
                units[middle] = []
            if unit not in gone:
                units[unit] = parts
        units[middle] = [part for unit in self.units if unit in gone for part in self.units[unit]]
        self.units = units
        self.notes.append(
            f"{len(units[middle]):,} operations and operands in the middle are drawn as one box: a larger budget than "
            f"{budget} draws more."
        )

    def is_hidden(self, source: Source, hidden: set[Part]) -> bool:
        """Whether all that uses a source is in `hidden`."""
        users = self.tape.users[source]
        return (
            bool(users) and source not in self.tape.roots and all(self.folds.original(user) in hidden for user in users)
        )

    def top(self, unit: Unit) -> Scope | Operation | None:
        """The outermost item that a unit is in."""
        scope = unit.scope if isinstance(unit, State) else unit if isinstance(unit, Scope) else None
        lineage = (scope or self.tape.scope[unit]).lineage()  # type: ignore[index]
        return lineage[1] if len(lineage) > 1 else unit if isinstance(unit, Operation) else None

    def frame(self, unit: Unit) -> Scope:
        """The scope whose frame a unit is drawn in."""
        if isinstance(unit, Middle):
            return self.tape.root
        if isinstance(unit, State):
            return unit.scope
        scope = unit.parent if isinstance(unit, Scope) else self.tape.scope[unit]
        return self.visible(scope)

    def visible(self, scope: Scope | None) -> Scope:
        """The innermost scope around, itself included, that has a frame."""
        while scope is not None and scope in self.trivial:
            scope = scope.parent
        return scope or self.tape.root
