"""The built-in layered layout: coordinates for a Picture with no program installed.

A cluster is laid out by itself and is then one big vertex of the cluster around it, so frames cannot overlap and
no foreign vertex comes into one. On each level: longest-path ranks; an invisible vertex wherever an edge passes a
rank; barycentre sweeps for the order in a rank; isotonic regression for x (the least-squares optimum that keeps the
order and the distances). Between two ranks edges are curves in a strip that holds nothing else, and beside the
vertices of a rank they go straight down, so that an edge never crosses a vertex. After Sugiyama, Tagawa & Toda,
"Methods for visual understanding of hierarchical system structures", IEEE SMC 11 (1981).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from itertools import pairwise

from minigrad.viz.picture import BODY, OVALS, Box, Cluster, Layout, Picture, text_width

GAP_X, GAP_Y, PADDING, LABEL, MARGIN = 22.0, 30.0, 12.0, 20.0, 16.0
ACROSS = 46.0  # the gap between ranks from left to right, where roles are written above and below the edges
LANE = 14.0  # between neighbours of which one is an edge that passes by
SWEEPS = 8
INFINITE = float("inf")
SNAP = 16.0  # a bend smaller than this is straightened if there is room

Point = tuple[float, float]


@dataclass(slots=True, eq=False)
class Item:
    """Something that takes up room in a rank: a vertex, a laid-out cluster, or a place where an edge passes."""

    width: float = 0.0
    height: float = 0.0
    rank: int = 0
    x: float = 0.0
    anchor: float | None = None  # where an edge that leaves the frame goes to, outside
    place: int = 0  # in its rank
    passing: bool = True
    cluster: bool = False
    above: list[Link] = field(default_factory=list)
    below: list[Link] = field(default_factory=list)

    def spread(self, share: float) -> None:
        """Attach the edges of a side next to each other, in the order of their other ends, over a share of the width.

        The main ones come in the middle, so that a path of operations goes straight and parameters join from aside.
        """
        for side in (self.above, self.below):
            side.sort(key=lambda link: (link.item.x + link.there, link.number))
            main = [place for place, link in enumerate(side) if link.weight >= 1] or range(len(side))
            middle = sum(main) / max(1, len(main))
            step = min(14.0, share * self.width / 2 / max(1.0, middle, len(side) - 1 - middle))
            for place, link in enumerate(side):
                link.here = (place - middle) * step
                for back in link.item.below if side is self.above else link.item.above:
                    if back.number == link.number:
                        back.there = link.here

    def centre(self) -> None:
        """Where several edges go to one other cluster, let the two stand below each other, not their ports.

        A chain of residual blocks would drift to one side otherwise.
        """
        counts: dict[int, int] = {}
        for link in self.below:
            counts[id(link.item)] = counts.get(id(link.item), 0) + 1
        for link in self.below:
            if counts[id(link.item)] > 1 and link.item.cluster:
                link.here = link.there = 0.0
                for back in link.item.above:
                    if back.number == link.number:
                        back.here = back.there = 0.0


@dataclass(slots=True)
class Link:
    """A piece of an edge, seen from one of its ends: the `item` at the other end, and how far from the middle of
    this item (`here`) and of that one (`there`) it is attached."""

    item: Item
    here: float
    there: float
    weight: float
    number: int

    @property
    def wish(self) -> float:
        """The x of this item for which the piece is straight."""
        return self.item.x + self.there - self.here


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
    hierarchy = Hierarchy(picture)
    levels = {key: Level() for key in hierarchy.order}
    for key in hierarchy.order:  # children before parents, and what comes below before what is above
        levels[key] = hierarchy.level(key, levels, hierarchy.ahead(key, levels))
    # Once more where several edges leave a frame side by side: now it is known where they go to.
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
        # pieces[cluster]: (edge, item at its upper end or None for the frame, item at its lower end or None)
        self.pieces: dict[str, list[tuple[int, str | None, str | None]]] = {key: [] for key in clusters}
        for number, edge in enumerate(picture.edges):
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
        self.lower = {
            (key, number): lower
            for key, pieces in self.pieces.items()
            for number, _, lower in pieces
            if lower is not None
        }
        self.across = picture.direction == "LR"  # laid out from top to bottom, and turned at the end
        self.sizes = {v.key: v.size[::-1] if self.across else v.size for v in picture.vertices}
        self.ovals = {v.key for v in picture.vertices if v.kind in OVALS}
        self.leaves = {v.key for v in picture.vertices if v.kind in ("parameter", "constant")}

    def level(self, key: str, levels: dict[str, Level], anchors: dict[int, float]) -> Level:
        """Lay out one cluster, given its children."""
        level = Level()
        pieces = self.pieces[key]
        for child in self.children[key]:
            inner = levels.get(child)
            width, height = (inner.width, inner.height) if inner else self.sizes[child]
            level.items[child] = Item(width, height, passing=False, cluster=inner is not None)
        assign_ranks(key, level.items, pieces)
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
        if anchors:
            level.ranks[-1].sort(key=lambda item: item.anchor or 0.0)
        order_ranks(level.ranks)
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
        """For frames that several edges leave in the wrong order: where each goes to, relative to the frame's middle.

        Not for those that enter: if both ends of the same edges gave way, they would cross again.
        """
        anchors: dict[str, dict[int, float]] = {}
        for key in levels:
            if not key:
                continue
            leaving = [number for number, _, lower in self.pieces[key] if lower is None]
            if len(leaving) > 1:
                middle = levels[self.parent[key]].items[key].x
                goals = {number: self.other_end(levels, key, number) - middle for number in leaving}
                routes = levels[key].routes
                if sorted(goals, key=goals.__getitem__) != sorted(leaving, key=lambda n: routes[n][-1].x):
                    anchors[key] = goals
        return anchors

    def other_end(self, levels: dict[str, Level], key: str, number: int) -> float:
        """x, in the level around cluster `key`, of the nearest bend or end of an edge that leaves key's frame."""
        outer = self.parent[key]
        level = levels[outer]
        if route := level.routes[number]:
            return route[0].x
        other = self.lower[outer, number]
        return level.items[other].x + self.port(levels, other, number, True)

    def absolute(self, levels: dict[str, Level]) -> Layout:
        """Put the levels into each other and join the pieces of the edges."""
        corners: dict[str, Point] = {"": (0.0, 0.0)}
        boxes: dict[str, Box] = {}
        stations: dict[str, dict[int, list[tuple[float, float, float]]]] = {}  # level -> edge -> (x, top, bottom)
        for key in reversed(self.order):
            level, (x0, y0) = levels[key], corners[key]
            for child, item in level.items.items():
                middle = (level.tops[item.rank] + level.bottoms[item.rank]) / 2
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
        passing: list[list[tuple[float, float, float]]] = [[] for _ in self.picture.edges]
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
        top = levels[""]
        clusters = {c.key: boxes.pop(c.key) for c in self.picture.clusters}
        labels = {k: (corners[k][0] + levels[k].label[0], corners[k][1] + levels[k].label[1]) for k in clusters}
        return Layout(top.width, top.height, boxes, clusters, edges, labels, "built-in")

    def rim(self, key: str, box: Box, offset: float, side: int) -> float:
        """y of the outline of a vertex at `offset` from its middle, above (−1) or below (1)."""
        bulge = (1 - (2 * offset / box.width) ** 2) ** 0.5 if key in self.ovals else 1.0
        return box.y + side * box.height / 2 * bulge


def assign_ranks(cluster: str, items: dict[str, Item], pieces: list[tuple[int, str | None, str | None]]) -> None:
    """Longest-path ranks; then what has more edges below than above moves down to these."""
    below: dict[str, list[str]] = {key: [] for key in items}
    waiting = dict.fromkeys(items, 0)
    surplus = dict.fromkeys(items, 0)
    for _, upper, lower in pieces:
        if upper is not None:
            surplus[upper] += 1
        if lower is not None:
            surplus[lower] -= 1
        if upper is not None and lower is not None:
            below[upper].append(lower)
            waiting[lower] += 1
    ready = [key for key, count in waiting.items() if count == 0]
    for key in ready:  # grows while it is walked
        for other in below[key]:
            items[other].rank = max(items[other].rank, items[key].rank + 1)
            waiting[other] -= 1
            if waiting[other] == 0:
                ready.append(other)
    if len(ready) < len(items):
        stuck = next(key for key, count in waiting.items() if count)
        where = f"cluster {cluster}" if cluster else "the graph"
        raise ValueError(f"layout: {where} has a cycle through {stuck}, or a path leaves that cluster and returns")
    for key in reversed(ready):
        if surplus[key] > 0 and below[key]:
            items[key].rank = min(items[other].rank for other in below[key]) - 1


def order_ranks(ranks: list[list[Item]]) -> None:
    """Reorder each rank, by barycentre sweeps, so that few edges cross; the best order seen stays."""
    pack(ranks)
    best, fewest = [list(rank) for rank in ranks], crossings(ranks)
    stale = 0
    for sweep in range(SWEEPS):
        if fewest == 0 or stale == 3:
            break
        downwards = sweep % 2 == 0
        for rank in ranks if downwards else reversed(ranks):
            rank.sort(key=lambda item: barycentre(item, downwards))
            pack([rank])
        count = crossings(ranks)
        stale += 1
        if count < fewest:
            best, fewest, stale = [list(rank) for rank in ranks], count, 0
    for rank, order in zip(ranks, best, strict=True):
        rank[:] = order
    pack(ranks)
    for _ in range(SWEEPS):
        if fewest == 0 or not sum(exchange(rank) for rank in ranks):
            break


def exchange(rank: list[Item]) -> bool:
    """Swap neighbours in a rank where that takes crossings away; whether it did."""
    swapped = False
    for place in range(len(rank) - 1):
        a, b = rank[place], rank[place + 1]
        gain = 0
        for of_a, of_b in ((a.above, b.above), (a.below, b.below)):
            for i in of_a:
                x = i.item.x + i.there
                for j in of_b:
                    y = j.item.x + j.there
                    gain += (x > y) - (x < y)
        if gain > 0:
            rank[place], rank[place + 1] = b, a
            swapped = True
    if swapped:
        pack([rank])
    return swapped


def barycentre(item: Item, downwards: bool) -> float:
    """The mean x of what an item is linked to in the rank before, in the sweep's direction; its own without a link."""
    links = item.above if downwards else item.below
    if not links:
        return item.x if item.anchor is None else item.anchor
    return sum(link.wish for link in links) / len(links)


def pack(ranks: list[list[Item]]) -> None:
    """x for each rank by itself: side by side, with 0 in the middle."""
    for rank in ranks:
        x = 0.0
        for before, item in zip([None, *rank], rank, strict=False):
            x += apart(before, item) if before else 0.0
            item.x = x
        middle = x / 2
        for item in rank:
            item.x -= middle


def apart(a: Item, b: Item) -> float:
    """The smallest distance of two neighbours' middles."""
    return (a.width + b.width) / 2 + (LANE if a.passing or b.passing else GAP_X)


def crossings(ranks: list[list[Item]]) -> int:
    """How many pairs of links cross, all ranks together."""
    total = 0
    for rank in ranks:
        ends = [(i.x + link.here, link.item.x + link.there) for i in rank for link in i.below]
        if len(ends) < 2:
            continue
        ends.sort()
        seen: list[float] = []
        for _, x in ends:
            total += len(seen) - bisect_right(seen, x)
            insort(seen, x)
    return total


def place_x(ranks: list[list[Item]]) -> None:
    """Sweep down and up: each rank as near as can be to what its links ask for, in its order and with its distances."""
    moved = 0.0
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        both = sweep >= SWEEPS - 2
        before, moved = moved, 0.0
        for rank in ranks if downwards else reversed(ranks):
            moved = max(moved, settle(rank, downwards, both))
        if max(before, moved) < 0.5 and sweep:
            break
    for rank in ranks:
        straighten(rank)
        for place, item in enumerate(rank):
            item.place = place


def straighten(rank: list[Item]) -> None:
    """Where a small step to the side makes an item's strongest edge from above straight, and there is room, take it."""
    for place, item in enumerate(rank):
        if item.above:
            wish = max(item.above, key=lambda link: link.weight).wish
            if abs(item.x - wish) < SNAP:
                least = rank[place - 1].x + apart(rank[place - 1], item) if place else wish
                most = rank[place + 1].x - apart(item, rank[place + 1]) if place + 1 < len(rank) else wish
                if least <= most:
                    item.x = min(max(wish, least), most)


def align(route: list[Item], ranks: list[list[Item]]) -> None:
    """Let an edge go straight down through as many ranks as have room at a common x, and then through the next ones."""
    while route:
        low, high, end = -INFINITE, INFINITE, 0
        for item in route:
            rank = ranks[item.rank]
            least, most = low, high
            if item.place:
                least = max(low, rank[item.place - 1].x + apart(rank[item.place - 1], item))
            if item.place + 1 < len(rank):
                most = min(high, rank[item.place + 1].x - apart(item, rank[item.place + 1]))
            if least > most and end:
                break
            low, high, end = least, most, end + 1
        piece, route = route[:end], route[end:]
        if low <= high:
            # The end of the edge that is in reach decides, else the x that most of its bends have.
            wishes = [link.wish for link in (*piece[-1].below, *piece[0].above) if low <= link.wish <= high]
            x = wishes[0] if wishes else min(max(sorted(item.x for item in piece)[len(piece) // 2], low), high)
            for item in piece:
                item.x = x


def settle(rank: list[Item], downwards: bool, both: bool) -> float:
    """Isotonic regression by pooling adjacent violators: minimise Σ weight · (x − wish)² with x in order and apart.

    Returns how far an item has moved at most.
    """
    if len(rank) == 1:
        (item,) = rank
        before, (item.x, _) = item.x, pull(item, downwards, both)
        return abs(item.x - before)
    blocks: list[tuple[float, float, int]] = []  # mean of (wish − offset), weight, number of items
    offset = 0.0
    offsets = []
    for place, item in enumerate(rank):
        if place:
            offset += apart(rank[place - 1], item)
        offsets.append(offset)
        wish, weight = pull(item, downwards, both)
        mean, count = wish - offset, 1
        while blocks and blocks[-1][0] > mean:
            other, other_weight, other_count = blocks.pop()
            mean = (mean * weight + other * other_weight) / (weight + other_weight)
            weight, count = weight + other_weight, count + other_count
        blocks.append((mean, weight, count))
    moved, place = 0.0, 0
    for mean, _, count in blocks:
        for place in range(place, place + count):  # noqa: B020 (goes on where the block before ended)
            x = mean + offsets[place]
            moved = max(moved, abs(x - rank[place].x))
            rank[place].x = x
        place += 1
    return moved


def pull(item: Item, downwards: bool, both: bool) -> tuple[float, float]:
    """The weighted mean of what an item's links wish for, and their weight; where it is, lightly, without links."""
    weight = moment = 0.0
    for link in item.above + item.below if both else item.above if downwards else item.below:
        weight += link.weight
        moment += link.weight * (link.item.x + link.there - link.here)
    return (moment / weight, weight) if weight else (item.x, 0.05)


def curve(stations: list[tuple[float, float, float]]) -> list[Point]:
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
