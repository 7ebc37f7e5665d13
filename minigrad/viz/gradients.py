"""What flows back along each drawn edge: a backward pass of the picture's own, which changes no `.grad`.

A contribution is the gradient that arrives along one edge before it is added to the others. For a drawn edge that
stands for several (a collapsed module), they are taken together as one long vector.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Container, Hashable
from dataclasses import dataclass, field

import numpy as np

from minigrad import autograd
from minigrad.autograd import Leaf, Node, box
from minigrad.tensor import Tensor
from minigrad.viz.words import digits

THUMBNAIL = 16  # rows and columns at most


@dataclass
class Flow:
    """The gradient along an edge: `norm` ‖g_e‖, and `cosine` with the total that it becomes a part of."""

    norm2: float = 0.0
    dot: float = 0.0
    total2: float = 0.0
    count: int = 0  # of contributions
    thumbnail: np.ndarray | None = None
    value: float | None = None  # of a single number

    @property
    def norm(self) -> float:
        """‖g_e‖."""
        return math.sqrt(self.norm2)

    @property
    def cosine(self) -> float:
        """Cosine with the total; 0 where one of them vanishes."""
        scale = math.sqrt(self.norm2) * math.sqrt(self.total2)
        return self.dot / scale if scale > 0 else 0.0


@dataclass
class Arrival:
    """The gradient of a tensor: its norm, and ρ = ‖Σ g_e‖ / Σ ‖g_e‖: 1 where all agree, 0 where they cancel."""

    norm: float
    rho: float
    count: int
    thumbnail: np.ndarray | None = None
    values: list[float] = field(default_factory=list)  # the contributions, of a single number
    value: float | None = None

    def words(self) -> str:
        """The gradient, and how far its contributions agree."""
        size = f"gradient {digits(self.value)}" if self.value is not None else f"|gradient| {self.norm:.3g}"
        return size + (f"; ρ = {self.rho:.2f} of {self.count} contributions" if self.count > 1 else "")


@dataclass
class Gradients:
    """A backward pass: `edges` by drawn edge, `nodes` by tape node."""

    edges: dict[Hashable, Flow] = field(default_factory=dict)
    nodes: dict[Node, Arrival] = field(default_factory=dict)


@dataclass
class Pending:
    """Contributions to one node that are still coming in, added up by drawn edge."""

    sums: dict[Hashable, np.ndarray] = field(default_factory=dict)
    counts: dict[Hashable, int] = field(default_factory=dict)
    norms: float = 0.0
    values: list[float] = field(default_factory=list)


class Measure:
    """A backward pass in progress: contributions come in edge by edge, and a node is finished when it sends its own."""

    def __init__(self, edge: Callable[[Node, str, Node], Hashable], drawn: Container[Node]):
        self.edge, self.drawn = edge, drawn
        self.found = Gradients()
        self.pending: dict[Node, Pending] = {}

    def add(self, node: Node, key: Hashable, g: np.ndarray) -> None:
        """A contribution to a node, by a drawn edge."""
        part = self.pending.setdefault(node, Pending())
        part.sums[key] = part.sums[key] + g if key in part.sums else g
        part.counts[key] = part.counts.get(key, 0) + 1
        part.norms += norm(g)
        if g.size == 1:
            part.values.append(g.item())

    def finish(self, node: Node) -> None:
        """All contributions to a node are there: their sum, and how each drawn edge agrees with it."""
        part = self.pending.pop(node, None)
        if part is None:
            return
        total: np.ndarray = functools.reduce(np.add, part.sums.values())
        size = norm(total)
        if node in self.drawn:
            rho = size / part.norms if part.norms > 0 else 1.0
            value = total.item() if total.size == 1 else None
            count = sum(part.counts.values())
            self.found.nodes[node] = Arrival(size, rho, count, thumbnail(total), part.values, value)
        for key, g in part.sums.items():
            if key is not None:
                self.join(self.found.edges.setdefault(key, Flow()), g, total, part.counts[key])

    def join(self, flow: Flow, g: np.ndarray, total: np.ndarray, count: int) -> None:
        """Take what came by an edge into that edge's flow."""
        only = flow.count == 0
        flow.norm2 += norm(g) ** 2
        flow.dot += float(np.vdot(np.asarray(g, np.float64), np.asarray(total, np.float64)))
        flow.total2 += norm(total) ** 2
        flow.count += count
        flow.thumbnail = thumbnail(g) if only else None
        flow.value = g.item() if only and g.size == 1 else None

    def see(self, node: Node, argument: str, parent: Node, g: Tensor) -> None:
        """The engine's observer. What comes out of a node comes after all that went into it."""
        self.finish(node)
        self.add(parent, self.edge(node, argument, parent), g.array)


def measure(
    root: Tensor,
    nodes: list[Node],
    edge: Callable[[Node, str, Node], Hashable],
    start: Hashable,
    drawn: Container[Node],
) -> Gradients:
    """Run backward from `root` over `nodes`; `edge(node, argument, parent)` names the drawn edge, None for none.

    start: the drawn edge by which the upstream gradient comes. drawn: the nodes whose total is wanted, too. Hooks are
    not run, nothing is freed, and no `.grad` is touched. Raises RuntimeError where the graph has been freed, and as
    `grad` does for a root that is no scalar.
    """
    for node in nodes:
        if node.saved is None:
            raise RuntimeError(
                f"graph: the gradients cannot be shown: an earlier backward has freed what {node.name} had saved; "
                "draw before backward, or say backward(retain_graph=True)"
            )
    passed = Measure(edge, drawn)
    if root.node is None:
        return passed.found
    passed.add(root.node, start, np.ones_like(root.array))
    leaves = [box(np.empty(node.shape, node.dtype), node) for node in nodes if isinstance(node, Leaf)]
    hooks = {node: node.hooks for node in nodes if node.hooks}
    try:
        for node in hooks:
            node.hooks = None
        with autograd.observe(on_contribution=passed.see):
            autograd.grad(root, leaves, retain_graph=True)
    finally:
        for node, before in hooks.items():
            node.hooks = before
    for node in list(passed.pending):
        passed.finish(node)
    return passed.found


def norm(g: np.ndarray) -> float:
    """The Euclidean norm of all elements, in float64."""
    if g.size == 1:
        return abs(float(g.item()))
    return float(np.linalg.norm(np.asarray(g, np.float64).ravel()))


def thumbnail(array: np.ndarray, most: int = THUMBNAIL) -> np.ndarray | None:
    """A matrix of at most `most` rows and columns: the first of the leading dimensions, every k-th row and column.

    None for an empty array.
    """
    if array.size == 0:
        return None
    while array.ndim > 2:
        array = array[0]
    matrix = np.atleast_2d(np.asarray(array, np.float64))
    rows, columns = (-(-n // most) for n in matrix.shape)
    return matrix[::rows, ::columns].copy()
