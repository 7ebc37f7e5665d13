"""The tape, read for drawing: which operations there are, in which module's call each one ran, what is folded.

`record` watches a forward pass when asked to (the engine's observer and forward hooks, both gone after the block);
without it the tape itself still tells operations, shapes, parameters and whatever the rules have saved.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad import autograd
from minigrad.autograd import Leaf, Node, Value
from minigrad.nn import Module, Parameter
from minigrad.tensor import Tensor

LONGEST_PERIOD = 8  # a repeated block is looked for up to so many modules or operations long
REPEATS = 3  # and is folded from so many repetitions on,
OPERATIONS = 24  # if it has no modules in it, from so many operations on


class Record:
    """What `record` has seen: for each operation's serial number its call, its settings and, if small, its result."""

    def __init__(self) -> None:
        self.calls: dict[int, tuple[tuple[str, str], ...]] = {}  # outermost call first, each (path, class)
        self.settings: dict[int, dict[str, Any]] = {}
        self.values: dict[int, np.ndarray] = {}
        self.names: dict[int, str] = {}  # of parameters and buffers, by id; `kept` holds them, so ids stay theirs
        self.kept: list[Tensor] = []

    def name(self, name: str, tensor: Tensor) -> None:
        """Call `tensor` by this name in pictures."""
        self.names[id(tensor)] = name
        self.kept.append(tensor)


@contextmanager
def record(*modules: Module) -> Iterator[Record]:
    """Watch the operations of this thread in a `with` block: `mg.graph(loss, record=...)` then shows their modules.

    Settings (stride, padding, …) and the values of single numbers are kept, too. Raises TypeError for what is no
    Module and ValueError for a module that contains itself.
    """
    seen = Record()
    stack: list[tuple[Module, tuple[str, str]]] = []
    times: dict[str, int] = {}

    def enter(path: str, kind: str) -> Callable[..., None]:
        def hook(module: Module, args: Any) -> None:
            times[path] = times.get(path, 0) + 1
            again = f" (call {times[path]})" if times[path] > 1 else ""
            stack.append((module, (path + again, kind)))

        return hook

    def leave(module: Module, args: Any, out: Any) -> None:
        while stack and stack.pop()[0] is not module:  # calls that ended with an error, which someone caught
            pass

    def forward(node: Node | None, name: str, args: tuple[Any, ...], out: Tensor) -> None:
        if node is None or node.primitive is None:
            return
        seen.calls[node.serial] = tuple(call for _, call in stack)
        arguments = zip(inspect.signature(node.primitive.forward).parameters, args, strict=False)
        seen.settings[node.serial] = {k: v for k, v in arguments if not isinstance(v, Value | np.ndarray)}
        if out.array.size == 1:
            seen.values[node.serial] = out.array

    with ExitStack() as hooks:
        for number, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(f"record: expected modules, got {type(module).__name__}")
            prefix = "" if number == 0 else f"model{number + 1}"
            for path, inner in module.named_modules(prefix):
                kind = type(inner).__name__
                hooks.enter_context(inner.register_forward_pre_hook(enter(path, kind)))
                hooks.enter_context(inner.register_forward_hook(leave))
            for name, tensor in (*module.named_parameters(prefix), *module.named_buffers(prefix)):
                seen.name(name, tensor)
        hooks.enter_context(autograd.observe(on_forward=forward))
        yield seen


@dataclass(eq=False)
class Scope:
    """A module's call on the tape, or several that were folded into one, with what ran directly in it, in order."""

    path: str
    kind: str  # name of the module's class; "" for the whole graph and for what was folded
    label: str
    parent: Scope | None = None
    items: list[Scope | Node] = field(default_factory=list)
    folded: int = 1

    @property
    def depth(self) -> int:
        """0 for the whole graph."""
        return 0 if self.parent is None else self.parent.depth + 1

    def lineage(self) -> list[Scope]:
        """This scope and those around it, the whole graph first."""
        scopes, scope = [], self
        while scope is not None:
            scopes.append(scope)
            scope = scope.parent  # type: ignore[assignment]
        return scopes[::-1]

    def operations(self) -> list[Node]:
        """All operations in it, in the order in which they ran."""
        found: list[Node] = []
        todo: list[Scope | Node] = [self]
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
    """The part of the tape that some tensors depend on, as a tree of scopes."""

    def __init__(self, roots: list[Tensor], seen: Record):
        nodes = [tensor.node for tensor in roots]
        self.nodes = read([node for node in nodes if node])
        self.leaves = [node for node in self.nodes if isinstance(node, Leaf)]
        # What a module or a repeated block may have for itself: its parameters, not what is fed into it.
        self.owned = {leaf for leaf in self.leaves if isinstance(leaf.tensor(), Parameter)} or set(self.leaves)
        self.users: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        self.seen = seen
        self.root = Scope("", "", "")
        self.scope: dict[Node, Scope] = {}
        self.first: dict[Node, Node] = {}  # an operation of a folded repetition -> that of the first one
        self.copies: dict[Node, dict[int, int]] = {}  # number of the fold -> of the repetition
        self.folds = 0
        current = self.root
        for node in self.nodes:
            for _, parent in node.edges:
                self.users[parent].append(node)
            if not isinstance(node, Leaf):
                current = self.enter(current, seen.calls.get(node.serial, ()))
                current.items.append(node)
                self.scope[node] = current
        while len(self.root.items) == 1 and isinstance(self.root.items[0], Scope):  # a frame around everything
            self.root.items = self.root.items[0].items
            for item in self.root.items:
                if isinstance(item, Scope):
                    item.parent = self.root
                else:
                    self.scope[item] = self.root
        self.place_leaves()

    def enter(self, current: Scope, calls: tuple[tuple[str, str], ...]) -> Scope:
        """The scope for these calls, going on in the current one as far as they agree."""
        lineage = current.lineage()
        depth = 0
        while depth < min(len(calls), len(lineage) - 1) and lineage[depth + 1].path == calls[depth][0]:
            depth += 1
        scope = lineage[depth]
        for path, kind in calls[depth:]:
            inner = Scope(path, kind, f"{path} {kind}".strip(), scope)
            scope.items.append(inner)
            scope = inner
        return scope

    def place_leaves(self) -> None:
        """A leaf that can be owned belongs to the innermost scope that has all its uses, any other to none."""
        lineages: dict[Scope, list[Scope]] = {scope: scope.lineage() for scope in self.root.scopes()}
        for leaf in self.leaves:
            common: list[Scope] | None = None
            if leaf in self.owned:
                for user in self.users[leaf]:
                    lineage = lineages[self.scope[self.original(user)]]
                    if leaf not in self.copies:  # what all repetitions share is outside of them
                        lineage = list(itertools.takewhile(lambda scope: scope.folded == 1, lineage))
                    common = lineage if common is None else [a for a, b in zip(common, lineage, strict=False) if a is b]
            self.scope[leaf] = common[-1] if common else self.root

    # ------------------------------------------------------------------------------------------- repeated blocks

    def fold(self) -> None:
        """Draw what is repeated in a row three times or more once, with the number of times."""
        todo = [self.root]
        while todo:
            scope = todo.pop()
            self.fold_items(scope)
            todo.extend(item for item in scope.items if isinstance(item, Scope))
        self.place_leaves()

    def fold_items(self, scope: Scope) -> None:
        """Fold the repetitions among the direct contents of one scope."""
        items = scope.items
        numbers: dict[Any, int] = {}
        kinds = [numbers.setdefault(self.mark(item), len(numbers)) for item in items]
        # matches[p][i]: how far the items from i on are the same as those p places later
        matches = [[0] * len(kinds) for _ in range(LONGEST_PERIOD + 1)]
        for period in range(1, LONGEST_PERIOD + 1):
            for i in range(len(kinds) - period - 1, -1, -1):
                matches[period][i] = matches[period][i + 1] + 1 if kinds[i] == kinds[i + period] else 0
        kept: list[Scope | Node] = []
        place = 0
        while place < len(items):
            period, times = self.repetition(matches, items, place)
            if times < REPEATS:
                kept.append(items[place])
                place += 1
                continue
            blocks = [items[place + k * period : place + (k + 1) * period] for k in range(times)]
            kept.append(self.folded(scope, blocks))
            place += period * times
        scope.items = kept

    def repetition(self, matches: list[list[int]], items: list[Scope | Node], place: int) -> tuple[int, int]:
        """The period and the number of blocks, from `place` on, that cover most; (1, 1) if nothing repeats."""
        best = (1, 1)
        for period in range(1, LONGEST_PERIOD + 1):
            times = 1 + matches[period][place] // period
            if times >= REPEATS and period * times > best[0] * best[1]:
                blocks = (items[place + k * period : place + (k + 1) * period] for k in range(times))
                pattern = self.wiring(next(blocks))
                same = 1 + sum(1 for _ in itertools.takewhile(lambda b: self.wiring(b) == pattern, blocks))  # noqa: B023
                bare = not any(isinstance(item, Scope) for item in items[place : place + period])
                worth = max(best[0] * best[1] + 1, OPERATIONS if bare else 0)
                if same >= REPEATS and period * same >= worth:
                    best = (period, same)
        return best

    def mark(self, item: Scope | Node) -> Any:
        """What two items must have in common to be repetitions of each other."""
        if isinstance(item, Node):
            return (item.name, item.shape, item.dtype.str)
        return (item.kind, self.wiring([item]))

    def wiring(self, block: list[Scope | Node]) -> tuple[Any, ...]:
        """The operations in a block and how they are connected among themselves, comparable between blocks."""
        nodes = self.contents(block)
        numbers = {node: i for i, node in enumerate(nodes)}
        return tuple(
            (node.name, node.shape, node.dtype.str, tuple(numbers.get(parent, -1) for _, parent in node.edges))
            for node in nodes
        )

    def contents(self, block: list[Scope | Node]) -> list[Node]:
        """The operations of a block, and the leaves that it owns, each before its first user."""
        operations = [n for item in block for n in (item.operations() if isinstance(item, Scope) else [item])]
        inside = set(operations)
        found: dict[Node, None] = {}
        for node in operations:
            for _, parent in node.edges:
                if parent in self.owned and all(user in inside for user in self.users[parent]):
                    found[parent] = None
            found[node] = None
        return list(found)

    def folded(self, parent: Scope, blocks: list[list[Scope | Node]]) -> Scope:
        """A scope with the first block in it, to which the others' operations are assigned."""
        first, last = blocks[0], blocks[-1]
        self.folds += 1
        nodes = self.contents(first)
        for number, block in enumerate(blocks):
            for node, original in zip(self.contents(block), nodes, strict=True):
                self.copies.setdefault(node, {})[self.folds] = number
                if number:
                    self.first[node] = original
        names = [item.path if isinstance(item, Scope) else item.name for item in (first[0], last[-1])]
        label = f"{len(blocks)} × repeated ({' … '.join(names)}); the first is drawn"
        scope = Scope(f"{names[0]} ×{len(blocks)}", "", label, parent, first, len(blocks))
        for item in first:
            if isinstance(item, Scope):
                item.parent = scope
            else:
                self.scope[item] = scope
        return scope

    def original(self, node: Node) -> Node:
        """The operation or leaf that is drawn for this one."""
        while node in self.first:
            node = self.first[node]
        return node

    def drawn(self, parent: Node, node: Node) -> tuple[Node, Node] | None:
        """The edge that stands for the one from `parent` to `node`; None for one between two folded repetitions."""
        while True:
            here, there = self.copies.get(parent), self.copies.get(node)
            if here and there and any(there.get(fold, number) != number for fold, number in here.items()):
                return None
            ends = self.first.get(parent, parent), self.first.get(node, node)
            if ends == (parent, node):
                return ends
            parent, node = ends


def read(roots: list[Node]) -> list[Node]:
    """All nodes that the roots depend on, parents first, and leaves right before their first user."""
    order: dict[Node, None] = {}
    for node in reversed(autograd.reachable(dict.fromkeys(roots))):
        if not isinstance(node, Leaf):
            order.update((parent, None) for _, parent in node.edges if isinstance(parent, Leaf))
            order[node] = None
    order.update(dict.fromkeys(roots))
    return list(order)
