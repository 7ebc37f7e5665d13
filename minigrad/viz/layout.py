"""The built-in layered layout: coordinates for a Picture with no program installed.

A cluster is laid out by itself and is then one big vertex of the cluster around it, so frames cannot overlap and
no foreign vertex comes into one. On each level: longest-path ranks; an invisible vertex wherever an edge passes a
rank; barycentre sweeps for the order in a rank; isotonic regression for x (the least-squares optimum that keeps the
order and the distances). Between two ranks edges are curves in a strip that holds nothing else, and beside the
vertices of a rank they go straight down, so that an edge never crosses a vertex. After Sugiyama, Tagawa & Toda,
"Methods for visual understanding of hierarchical system structures", IEEE SMC 11 (1981).
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from minigrad.viz.picture import BODY, OVALS, Box, Cluster, Layout, Picture, text_width
from minigrad.viz.ranks import Item, Link, align, assign_ranks, order_ranks, place_x, stack_shared

GAP_Y, PADDING, LABEL, MARGIN = 30.0, 12.0, 20.0, 16.0
ACROSS = 46.0  # the gap between ranks from left to right, where roles are written above and below the edges

Point = tuple[float, float]
Station = tuple[float, float, float]  # x, top and bottom of a place where an edge goes straight down


@dataclass
class Level:
    """One cluster with what is directly in it, laid out with its upper left corner at (0, 0)."""

    items: dict[str, Item] = field(default_factory=dict)  # by key, of vertices and of child clusters
    routes: dict[int, list[Item]] = field(default_factory=dict)  # by edge: where it passes, port to port
    ranks: list[list[Item]] = field(default_factory=list)
    tops: list[float] = field(default_factory=list)
    bottoms: list[float] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0
    label: Point = (0.0, 0.0)


def layout(picture: Picture) -> Layout:
    """Coordinates for `picture`. Raises ValueError for a cycle, or a cluster that a path leaves and enters again."""
    with collector_paused():
        return lay_out(Hierarchy(picture))


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Leave the search for reference cycles until the end: all items of a layout go at once, and it takes a third."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def lay_out(hierarchy: Hierarchy) -> Layout:
    """All levels, then their places in each other."""
    levels = {key: Level() for key in hierarchy.order}
    for key in hierarchy.order:  # children before parents, and what comes below before what is above
        levels[key] = hierarchy.level(key, levels, hierarchy.ahead(key, levels))
    # Once more where several edges pass a frame side by side: now it is known where they go to.
    anchors = hierarchy.outside(levels)
    again = {outer for key in anchors for outer in hierarchy.ancestry[key]}
    for key in hierarchy.order:
        if key in again:
            levels[key] = hierarchy.level(key, levels, anchors.get(key, {}))
    found = hierarchy.absolute(levels)
    return turn(found) if hierarchy.across else found


def turn(found: Layout) -> Layout:
    """The layout with x and y exchanged: from left to right instead of from top to bottom."""
    return Layout(
        found.height,
        found.width,
        {key: Box(b.y, b.x, b.height, b.width) for key, b in found.vertices.items()},
        {key: Box(b.y, b.x, b.height, b.width) for key, b in found.clusters.items()},
        [[(y, x) for x, y in points] for points in found.edges],
        {key: (y, x) for key, (x, y) in found.labels.items()},
        found.engine,
    )


class Hierarchy:
    """The tree of a picture's clusters; every edge is cut where it passes through a frame."""

    def __init__(self, picture: Picture):
        self.picture = picture
        clusters = {"": Cluster("", "")} | {c.key: c for c in picture.clusters}
        keys = {v.key for v in picture.vertices} | clusters.keys()
        if len(keys) != 1 + len(picture.vertices) + len(picture.clusters):
            raise ValueError("layout: a vertex or cluster has no key, or one that another has")
        self.labels = {c.key: c.label for c in clusters.values()}
        self.parent = {v.key: v.cluster for v in picture.vertices} | {c.key: c.parent for c in picture.clusters}
        self.ancestry = {"": [""]}  # root first
        for cluster in picture.clusters:
            path, key = [cluster.key], cluster.key
            while key:
                key = clusters[key].parent
                path.append(key)
            self.ancestry[cluster.key] = path[::-1]
        self.order = sorted(clusters, key=lambda key: len(self.ancestry[key]))[::-1]  # the deepest first
        self.children: dict[str, list[str]] = {key: [] for key in clusters}
        for key, parent in self.parent.items():
            self.children[parent].append(key)
        self.across = picture.direction == "LR"  # laid out from top to bottom, and turned at the end
        self.sizes = {v.key: v.size[::-1] if self.across else v.size for v in picture.vertices}
        self.ovals = {v.key for v in picture.vertices if v.kind in OVALS}
        self.leaves = {v.key for v in picture.vertices if v.kind in ("parameter", "constant")}
        self.cut_edges(clusters)

    def cut_edges(self, clusters: Iterable[str]) -> None:
        """Cut every edge where it passes through a frame."""
        # pieces[cluster]: (edge, item at its upper end or None for the frame, item at its lower end or None)
        self.pieces: dict[str, list[tuple[int, str | None, str | None]]] = {key: [] for key in clusters}
        for number, edge in enumerate(self.picture.edges):
            up = [*self.ancestry[self.parent[edge.tail]], edge.tail]
            down = [*self.ancestry[self.parent[edge.head]], edge.head]
            common = 0
            while up[common + 1] == down[common + 1]:
                common += 1
                if common + 1 == min(len(up), len(down)):
                    raise ValueError(f"layout: an edge from {edge.tail} to itself")
            for depth in range(common + 1, len(up) - 1):
                self.pieces[up[depth]].append((number, up[depth + 1], None))
            self.pieces[up[common]].append((number, up[common + 1], down[common + 1]))
            for depth in range(common + 1, len(down) - 1):
                self.pieces[down[depth]].append((number, None, down[depth + 1]))
        ends = [(key, *piece) for key, pieces in self.pieces.items() for piece in pieces]
        self.upper = {(key, number): upper for key, number, upper, _ in ends if upper is not None}
        self.lower = {(key, number): lower for key, number, _, lower in ends if lower is not None}

    def level(self, key: str, levels: dict[str, Level], anchors: dict[int, float]) -> Level:
        """Lay out one cluster, given its children."""
        level = self.fill(key, levels, anchors)
        order_ranks(level.ranks)
        for child, item in level.items.items():
            if item.mirrored:
                self.mirror(child, levels)
                for link in item.above + item.below:
                    item.attach(link, self.port(levels, child, link.number, link in item.above))
        for child, item in level.items.items():
            if child not in levels:
                item.spread(0.5 if child in self.ovals else 0.8)
        for child, item in level.items.items():
            if child in levels:
                item.centre()
        place_x(level.ranks)
        for route in level.routes.values():
            align(route, level.ranks)
        self.frame(level, key)
        return level

    def mirror(self, key: str, levels: dict[str, Level]) -> None:
        """Exchange left and right in a cluster that is laid out, and in those in it."""
        level = levels[key]
        around = level.width + (LABEL if self.across else 0.0)  # there, the label has a strip on the left
        for item in (item for rank in level.ranks for item in rank):
            item.x = around - item.x
            for link in item.above + item.below:
                link.here, link.there = -link.here, -link.there
        for rank in level.ranks:
            rank.reverse()
        if not self.across:
            level.label = (level.width - level.label[0] - text_width(self.labels[key], BODY), level.label[1])
        for child in self.children[key]:
            if child in levels:
                self.mirror(child, levels)

    def fill(self, key: str, levels: dict[str, Level], anchors: dict[int, float]) -> Level:
        """Put what is in a cluster into ranks, with an invisible item wherever an edge passes one."""
        level = Level()
        pieces = self.pieces[key]
        for child in self.children[key]:
            inner = levels.get(child)
            width, height = (inner.width, inner.height) if inner else self.sizes[child]
            level.items[child] = Item(width, height, passing=False, cluster=inner is not None)
        assign_ranks(key, level.items, pieces)
        ports = {number: self.port(levels, lower, number, True) for number, _, lower in pieces}
        stack_shared(level.items, pieces, ports, self.leaves)
        depth = 1 + max((item.rank for item in level.items.values()), default=-1)
        level.ranks = [[] for _ in range(depth + 2)]  # the first and the last are the frame
        for item in level.items.values():
            item.rank += 1
        for number, upper, lower in pieces:
            first = level.items[upper].rank + 1 if upper is not None else 0
            last = level.items[lower].rank - 1 if lower is not None else depth + 1
            route = [Item(rank=rank) for rank in range(first, last + 1)]
            for item in route:
                level.ranks[item.rank].append(item)
            if lower is None:
                route[-1].anchor = anchors.get(number)
            elif upper is None:
                route[0].anchor = anchors.get(number)
            level.routes[number] = route
            ends = [level.items[upper]] if upper is not None else []
            chain = [*ends, *route, *([level.items[lower]] if lower is not None else [])]
            for a, b in pairwise(chain):
                out = 0.0 if a.passing else self.port(levels, upper, number, False)
                into = 0.0 if b.passing else self.port(levels, lower, number, True)
                weight = (1.0, 2.0, 8.0)[a.passing + b.passing] * (0.002 if upper in self.leaves else 1.0)
                a.below.append(Link(b, out, into, weight, number))
                b.above.append(Link(a, into, out, weight, number))
        for child in sorted(level.items, key=lambda child: child in self.leaves):
            level.ranks[level.items[child].rank].append(level.items[child])
        for rank in (level.ranks[0], level.ranks[-1]):
            if anchors and all(item.anchor is not None for item in rank):
                rank.sort(key=lambda item: item.anchor or 0.0)
        return level

    def port(self, levels: dict[str, Level], key: str | None, number: int, entering: bool) -> float:
        """x, from the middle of cluster `key`, at which edge `number` passes its frame; 0 for a vertex."""
        level = levels.get(key) if key else None
        if level is None:
            return 0.0
        route = level.routes[number]
        return route[0 if entering else -1].x - level.width / 2

    def frame(self, level: Level, key: str) -> None:
        """Give the level y coordinates and a frame; its label stands where no edge comes in."""
        inside = [item for rank in level.ranks for item in rank]
        left = min((item.x - item.width / 2 for item in inside), default=0.0)
        right = max((item.x + item.width / 2 for item in inside), default=0.0)
        padding = PADDING if key else MARGIN
        y = 0.0
        for number, rank in enumerate(level.ranks):
            height = max((item.height for item in rank), default=0.0)
            level.tops.append(y)
            level.bottoms.append(y + height)
            slant = max((abs(item.x - link.wish) for item in rank for link in item.below), default=0.0)
            ending = number == 0 or number == len(level.ranks) - 2
            y += height + (padding if ending else (ACROSS if self.across else GAP_Y) + min(50.0, 0.12 * slant))
        level.height = level.bottoms[-1]
        left, right = left - padding, right + padding
        if key and self.across:  # the label gets a strip of its own, above once all is turned
            left -= LABEL
            level.label = (14.0, 6.0)
            level.height = max(level.height, text_width(self.labels[key], BODY) + 12)
            level.tops[-1] = level.bottoms[-1] = level.height
        elif key:
            label = text_width(self.labels[key], BODY) + 12
            ports = sorted(x for i in level.ranks[0] for x in (i.x, *(k.item.x + k.there for k in i.below)))
            if not ports or ports[0] - left >= label:
                x = left
            elif right - ports[-1] >= label:
                x = right - label
            else:
                left = min(left, ports[0] - label)
                x = left
            right = max(right, left + label)
            level.label = (x - left + 6, 14.0)
            level.tops = level.tops[:1] + [y + LABEL for y in level.tops[1:]]
            level.bottoms = level.bottoms[:1] + [y + LABEL for y in level.bottoms[1:]]
            level.height += LABEL
        level.width = right - left
        for item in inside:
            item.x -= left

    def ahead(self, key: str, levels: dict[str, Level]) -> dict[int, float]:
        """If several edges leave a frame for one other that is laid out already: where each of them enters that one."""
        leaving = [number for number, _, lower in self.pieces[key] if lower is None]
        goals = {self.lower.get((self.parent[key], number)) for number in leaving} if len(leaving) > 1 else set()
        goal = goals.pop() if len(goals) == 1 else None
        if goal is None or goal not in levels or not levels[goal].ranks:
            return {}
        return {number: self.port(levels, goal, number, True) for number in leaving}

    def outside(self, levels: dict[str, Level]) -> dict[str, dict[int, float]]:
        """For frames that several edges pass in the wrong order: where each goes to, relative to the frame's middle.

        Of those that enter, only where one frame at most is at the other ends: if both ends of the same edges gave way,
        they would cross again.
        """
        anchors: dict[str, dict[int, float]] = {}
        for key in reversed(levels):  # the outermost first: those in it give way with it
            if not key:
                continue
            around = anchors.get(self.parent[key], {})
            middle = levels[self.parent[key]].items[key].x
            for entering in (False, True):
                passing = [
                    number for number, upper, lower in self.pieces[key] if (upper if entering else lower) is None
                ]
                frames = [number for number in passing if self.picture.edges[number].tail not in self.leaves]
                if len(passing) < 2 or (entering and len(frames) > 1):
                    continue
                goals = {n: self.other_end(levels, key, n, entering) - middle for n in passing}
                if around.keys() >= goals.keys():
                    goals = {n: around[n] for n in passing}
                routes, end = levels[key].routes, 0 if entering else -1
                if sorted(goals, key=goals.__getitem__) != sorted(passing, key=lambda n: routes[n][end].x):
                    anchors.setdefault(key, {}).update(goals)
        return anchors

    def other_end(self, levels: dict[str, Level], key: str, number: int, entering: bool) -> float:
        """x, in the level around cluster `key`, of the nearest bend or end of an edge that passes key's frame."""
        outer = self.parent[key]
        level = levels[outer]
        if route := level.routes[number]:
            return route[-1 if entering else 0].x
        other = (self.upper if entering else self.lower)[outer, number]
        return level.items[other].x + self.port(levels, other, number, not entering)

    def absolute(self, levels: dict[str, Level]) -> Layout:
        """Put the levels into each other and join the pieces of the edges."""
        corners: dict[str, Point] = {"": (0.0, 0.0)}
        boxes: dict[str, Box] = {}
        stations: dict[str, dict[int, list[Station]]] = {}  # level -> edge -> (x, top, bottom)
        for key in reversed(self.order):
            level, (x0, y0) = levels[key], corners[key]
            for child, item in level.items.items():
                middle = (level.tops[item.rank] + level.bottoms[item.rank]) / 2
                if child in self.leaves:  # near what uses it, if others in its rank are higher
                    middle = level.bottoms[item.rank] - item.height / 2
                boxes[child] = Box(x0 + item.x, y0 + middle, item.width, item.height)
                corners[child] = (boxes[child].left, boxes[child].top)
            stations[key] = {
                number: [(x0 + i.x, y0 + level.tops[i.rank], y0 + level.bottoms[i.rank]) for i in route]
                for number, route in level.routes.items()
            }
        bands = {
            child: (corners[key][1] + levels[key].tops[item.rank], corners[key][1] + levels[key].bottoms[item.rank])
            for key in self.order
            for child, item in levels[key].items.items()
        }
        edges = self.draw_edges(levels, boxes, stations, bands)
        top = levels[""]
        clusters = {c.key: boxes.pop(c.key) for c in self.picture.clusters}
        labels = {k: (corners[k][0] + levels[k].label[0], corners[k][1] + levels[k].label[1]) for k in clusters}
        return Layout(top.width, top.height, boxes, clusters, edges, labels, "built-in")

    def draw_edges(
        self, levels: dict[str, Level], boxes: dict[str, Box], stations: dict[str, dict[int, list[Station]]],
        bands: dict[str, Point],
    ) -> list[list[Point]]:  # fmt: skip
        """Join the pieces of each edge, level by level, from the outline of its tail to that of its head."""
        passing: list[list[Station]] = [[] for _ in self.picture.edges]
        for number, edge in enumerate(self.picture.edges):
            up = self.ancestry[self.parent[edge.tail]]
            down = self.ancestry[self.parent[edge.head]]
            common = sum(1 for a, b in zip(up, down, strict=False) if a == b)
            # A frame may be shorter than its rank is high: up to the rank's edge, too, it goes straight.
            for key in reversed(up[common:]):
                *others, (x, above, _) = stations[key][number]
                passing[number] += [*others, (x, above, bands[key][1])]
            passing[number] += stations[up[common - 1]][number]
            for key in down[common:]:
                (x, _, below), *others = stations[key][number]
                passing[number] += [(x, bands[key][0], below), *others]
        tails, heads = [0.0] * len(passing), [0.0] * len(passing)
        for level in levels.values():
            for item in (item for child, item in level.items.items() if child not in levels):
                for link in item.below:
                    tails[link.number] = link.here
                for link in item.above:
                    heads[link.number] = link.here
        edges = []
        for number, edge in enumerate(self.picture.edges):
            tail, head = boxes[edge.tail], boxes[edge.head]
            inner_bottom, inner_top = bands[edge.tail][1], bands[edge.head][0]
            start = (tail.x + tails[number], self.rim(edge.tail, tail, tails[number], 1), inner_bottom)
            end = (head.x + heads[number], inner_top, self.rim(edge.head, head, heads[number], -1))
            edges.append(curve([start, *passing[number], end]))
        return edges

    def rim(self, key: str, box: Box, offset: float, side: int) -> float:
        """y of the outline of a vertex at `offset` from its middle, above (−1) or below (1)."""
        bulge = (1 - (2 * offset / box.width) ** 2) ** 0.5 if key in self.ovals else 1.0
        return box.y + side * box.height / 2 * bulge


def curve(stations: list[Station]) -> list[Point]:
    """Straight down through each station (x, top, bottom), and from one to the next by a curve with vertical ends."""
    x, top, y = stations[0]
    points = [(x, top)]

    def descend(to_x: float, to_y: float) -> None:
        x, y = points[-1]
        if (x, y) != (to_x, to_y):
            if len(points) > 3 and x == to_x == points[-4][0] == points[-3][0]:  # straight on: one longer piece
                del points[-3:]
                y = points[-1][1]
            middle = (y + to_y) / 2
            points.extend([(x, middle), (to_x, middle), (to_x, to_y)])

    descend(x, y)
    for x, top, bottom in stations[1:]:
        descend(x, top)
        descend(x, bottom)
    return points
