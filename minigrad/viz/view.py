"""What of a tape is drawn: which modules are open, what is folded, and what is left out when there is too much.

A *unit* is what becomes one vertex: an operation or a leaf (a Node), a collapsed module (a Scope), or the Middle of
a long tape.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from minigrad.autograd import Leaf, Node
from minigrad.viz.tape import Scope, Tape


class Middle:
    """Operations in the middle of a long tape that are drawn as one box."""


Unit = Node | Scope | Middle


class View:
    """The choice of units for a tape. `notes` says what is not shown, and how to see it."""

    def __init__(self, tape: Tape, budget: int, depth: int | None, expand: Iterable[str], fold: bool | None):
        if budget < 10:
            raise ValueError(f"graph: budget is the number of vertices to draw, at least 10, got {budget}")
        self.tape = tape
        self.notes: list[str] = []
        self.trivial = {s for s in tape.root.scopes() if s.parent and self.single(s)}
        wanted = self.named(expand)
        if fold or (fold is None and depth is None and self.count(math.inf, set()) > budget):
            tape.fold()
            if tape.folds:
                self.notes.append(f"Repeated blocks are drawn once ({tape.folds} of them; fold=False draws each).")
        more = f"a larger budget than {budget}" if depth is None else f"a larger depth than {depth}"
        if depth is None:
            deepest = max((s.depth for s in tape.root.scopes()), default=0)
            depth = next((d for d in range(deepest, 0, -1) if self.count(d, wanted) <= budget), 0)
        self.units = self.choose(depth, wanted)
        closed = [unit for unit in self.units if isinstance(unit, Scope)]
        if closed:
            names = ", ".join(s.path or s.kind for s in closed[:4]) + (", …" if len(closed) > 4 else "")
            inside = sum(len(self.units[s]) for s in closed)
            self.notes.append(
                f"{len(closed):,} box{'es are' if len(closed) > 1 else ' is'} collapsed ({names}; {inside:,} in all): "
                f"expand=[{(closed[0].path or closed[0].kind)!r}] opens one, {more} opens more."
            )
        if len(self.units) > budget:
            self.cut(budget)

    def single(self, scope: Scope) -> bool:
        """Whether a module's call is one operation without parameters of its own: it then gets no frame."""
        operation = scope.items[0]
        if len(scope.items) > 1 or isinstance(operation, Scope):
            return False
        return not any(isinstance(p, Leaf) and self.tape.scope[p] is scope for _, p in operation.edges)

    def named(self, paths: Iterable[str]) -> set[Scope]:
        """The scopes to open whatever the budget says. Raises KeyError for a path that is not there."""
        by_path: dict[str, list[Scope]] = {}
        for scope in self.tape.root.scopes():
            by_path.setdefault(scope.path or scope.kind, []).append(scope)
        opened: set[Scope] = set()
        for path in [paths] if isinstance(paths, str) else paths:
            if path not in by_path:
                there = ", ".join(p for p in by_path if p) or "no modules (draw the module, or use record=)"
                raise KeyError(f"graph: expand={path!r}, but the graph has {there}")
            for scope in by_path[path]:
                opened.update(scope.lineage())
        return opened

    def shut(self, depth: float, wanted: set[Scope]) -> dict[Scope, Scope | None]:
        """For each scope, the collapsed one that it is hidden in, if any."""
        found: dict[Scope, Scope | None] = {}
        for scope in self.tape.root.scopes():
            outer = found[scope.parent] if scope.parent else None
            opened = scope.depth <= depth or scope in wanted or scope in self.trivial
            found[scope] = outer or (None if opened else scope)
        return found

    def choose(self, depth: float, wanted: set[Scope]) -> dict[Unit, list[Node]]:
        """The units, each with its nodes, in the order of the tape."""
        shut = self.shut(depth, wanted)
        units: dict[Unit, list[Node]] = {}
        for node in self.tape.nodes:
            if node not in self.tape.first:
                units.setdefault(shut[self.tape.scope[node]] or node, []).append(node)
        return units

    def count(self, depth: float, wanted: set[Scope]) -> int:
        """How many vertices there would be."""
        return len(self.choose(depth, wanted))

    def cut(self, budget: int) -> None:
        """Merge operations in the middle into one box, until both ends fit the budget.

        Operations that follow each other on the tape are merged, so no path leaves the box and comes back.
        """
        tape = self.tape
        order = [unit for unit in self.units if not isinstance(unit, Leaf)]
        outside = [self.frame(unit) is tape.root for unit in order]
        start, length, run = 0, 0, 0
        for place, free in enumerate(outside):
            run = run + 1 if free else 0
            if run > length:
                start, length = place - run + 1, run
        keep = budget // 2
        while True:
            merged = order[start + keep : start + length - keep]
            hidden = {node for unit in merged for node in self.units[unit]}
            leaves = [
                leaf
                for leaf in tape.leaves
                if leaf in self.units and all(tape.original(u) in hidden for u in tape.users[leaf])
            ]
            left = len(self.units) - len(merged) - len(leaves) + 1
            if left <= budget or keep <= 2:
                break
            keep = max(2, int(keep * 0.8))
        if len(merged) < 2:
            return
        middle = Middle()
        gone: set[Unit] = {*merged, *leaves}
        first = merged[0]
        units: dict[Unit, list[Node]] = {}
        for unit, nodes in self.units.items():
            if unit is first:
                units[middle] = []
            if unit not in gone:
                units[unit] = nodes
        units[middle] = [node for unit in self.units if unit in gone for node in self.units[unit]]
        self.units = units
        self.notes.append(
            f"{len(units[middle]):,} vertices in the middle are drawn as one box: budget={len(tape.nodes)} draws all."
        )

    def frame(self, unit: Unit) -> Scope:
        """The scope whose frame a unit is drawn in."""
        if isinstance(unit, Middle):
            return self.tape.root
        scope = unit.parent if isinstance(unit, Scope) else self.tape.scope[unit]
        while scope in self.trivial and scope is not None:
            scope = scope.parent
        return scope or self.tape.root
