"""Ranks of a layered layout: which item stands in which rank, in which order, and at which x.

Longest-path ranks, barycentre sweeps with exchanges for the order, isotonic regression for x. Nothing here knows of
frames or of pictures.
"""

from __future__ import annotations

import random
from bisect import bisect_right, insort
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

GAP_X = 22.0  # between neighbours in a rank
LANE = 14.0  # between neighbours of which one is an edge that passes by
SWEEPS = 8
SHUFFLES = 2  # starts by chance
WORK = 300  # items that are ordered anew, all starts together
INFINITE = float("inf")
SNAP = 16.0  # a bend smaller than this is straightened if there is room


Wish: TypeAlias = "Callable[[Item, bool], float]"


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
    mirrored: bool = False  # whether what is in the cluster is to stand the other way round
    above: list[Link] = field(default_factory=list)
    below: list[Link] = field(default_factory=list)

    def attach(self, link: Link, here: float) -> None:
        """Let an edge's piece end so far from the middle; its other end is told."""
        link.here = here
        for back in link.item.below if link in self.above else link.item.above:
            if back.number == link.number:
                back.there = here

    def mirror(self) -> None:
        """Exchange left and right of where edges enter and leave."""
        self.mirrored = not self.mirrored
        for link in self.above + self.below:
            self.attach(link, -link.here)

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
                self.attach(link, (place - middle) * step)

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


@dataclass(slots=True, eq=False)
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


def stack_shared(items: dict[str, Item], pieces: list[tuple[int, str | None, str | None]], ports: dict[int, float],
                 leaves: Container[str]) -> None:  # fmt: skip
    """Let leaves that have the same users stand below each other, so that their edges are nested and need not cross.

    ports: where each piece enters its lower end, from that one's middle. Who enters a user farthest from what comes in
    there besides is the lowest.
    """
    entries: dict[str, dict[str | None, float]] = {key: {} for key in items}  # user -> what comes in -> where
    users: dict[str, list[str]] = {}
    for number, upper, lower in pieces:
        if lower is not None:
            entries[lower].setdefault(upper, ports[number])
            if upper is not None and upper in leaves:
                users.setdefault(upper, []).append(lower)
    groups: dict[frozenset[str], list[str]] = {}
    for key, found in users.items():
        if len(set(found)) > 1:
            groups.setdefault(frozenset(found), []).append(key)
    for together, group in groups.items():
        lowest = min(items[user].rank for user in together) - 1
        entry = entries[users[group[0]][0]]
        others = [x for upper, x in entry.items() if upper not in group]
        inwards = sum(entry[key] for key in group) * len(others) >= sum(others) * len(group)
        for height, key in enumerate(sorted(group, key=lambda key: entry[key], reverse=inwards)):
            items[key].rank = lowest - height
    first = min((item.rank for item in items.values()), default=0)
    for item in items.values():
        item.rank -= first


def order_ranks(ranks: list[list[Item]]) -> None:
    """Reorder each rank so that few edges cross, and mirror clusters; the best order of several starts stays."""
    pack(ranks)
    search = Search(ranks)
    search.start_from_first()
    search.start_mirrored()
    search.start_by_chance()
    search.best.restore(ranks, search.best.differs(search.first) > 0.5)


class Search:
    """The best order of all ranks so far. It ends where no edges cross, or after so much work."""

    def __init__(self, ranks: list[list[Item]]):
        self.ranks = ranks
        self.first = self.best = Order(ranks)
        self.size = sum(map(len, ranks))
        self.work = WORK

    def goes_on(self) -> bool:
        """Whether another start is worth its time."""
        return self.best.crossings > 0 and self.work > 0

    def attempt(self, wish: Wish, down: bool, mirroring: bool = True) -> None:
        """Improve the order in which the ranks are."""
        self.work -= self.size
        count = improve(self.ranks, wish, down, mirroring)
        if count < self.best.crossings:
            self.best = Order(self.ranks, count)

    def start_from_first(self) -> None:
        """From the order as it came, and from its mirror image."""
        for backwards, wish, down in TRIES:
            if self.goes_on():
                self.first.restore(self.ranks, backwards)
                self.attempt(wish, down)

    def start_mirrored(self) -> None:
        """From the best with one cluster mirrored."""
        for item in [item for rank in self.ranks for item in rank if item.cluster and len(item.above) > 1]:
            if self.goes_on():
                self.best.restore(self.ranks)
                item.mirror()
                self.attempt(barycentre, down=False, mirroring=False)

    def start_by_chance(self) -> None:
        """From ranks that are shuffled, the same on every run."""
        chance = random.Random(0)
        for _ in range(SHUFFLES):
            if self.goes_on():
                for rank in self.ranks:
                    chance.shuffle(rank)
                pack(self.ranks)
                self.attempt(barycentre, down=False)


class Order:
    """An order of all ranks, and which clusters are mirrored in it."""

    def __init__(self, ranks: list[list[Item]], count: int | None = None):
        self.ranks = [list(rank) for rank in ranks]
        self.crossings = crossings(ranks) if count is None else count
        self.mirrored = [item for rank in ranks for item in rank if item.mirrored]

    def restore(self, ranks: list[list[Item]], backwards: bool = False) -> None:
        """Put the ranks into this order again, or into its mirror image."""
        for rank, order in zip(ranks, self.ranks, strict=True):
            for item in order:
                if item.cluster and item.mirrored != (item in self.mirrored) ^ backwards:
                    item.mirror()
            rank[:] = order[::-1] if backwards else order
        pack(ranks)

    def differs(self, other: Order) -> float:
        """The share of neighbours that stand the other way round than in another order."""
        places = {item: place for rank in other.ranks for place, item in enumerate(rank)}
        pairs = [places[a] > places[b] for rank in self.ranks for a, b in pairwise(rank) if not a.passing]
        return sum(pairs) / max(1, len(pairs))


def improve(ranks: list[list[Item]], wish: Wish, down: bool, mirroring: bool = True) -> int:
    """Sweep, first down or up, then exchange neighbours, as long as crossings go away; how many are left."""
    best = Order(ranks)
    fewest = best.crossings
    movable = [rank for rank in ranks if len(rank) > 1]
    stale = 0
    for sweep in range(SWEEPS):
        if fewest == 0 or stale == 3:
            break
        downwards = (sweep % 2 == 0) == down
        for rank in movable if downwards else reversed(movable):
            rank.sort(key=lambda item: wish(item, downwards))
            pack([rank])
        count = crossings(ranks, fewest)
        stale += 1
        if count < fewest:
            best, fewest, stale = Order(ranks, count), count, 0
    best.restore(ranks)
    for _ in range(SWEEPS):
        changed = sum(map(exchange, movable))
        if fewest == 0 or not (changed + (sum(map(turn_clusters, ranks)) if mirroring else 0)):
            break
    return crossings(ranks)


def turn_clusters(rank: list[Item]) -> int:
    """Mirror the clusters in a rank whose own edges cross less then; how many there were."""
    turned = 0
    for item in rank:
        if item.cluster:
            gain = 0
            for side in (item.above, item.below):
                for i, a in enumerate(side):
                    for b in side[:i]:
                        here, there = a.here - b.here, a.item.x + a.there - b.item.x - b.there
                        gain += (here * there < 0) - (here * there > 0)
            if gain > 0:
                item.mirror()
                turned += 1
    return turned


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


def median(item: Item, downwards: bool) -> float:
    """The median of the same x, which one far neighbour does not move."""
    links = item.above if downwards else item.below
    if not links:
        return item.x if item.anchor is None else item.anchor
    wishes = sorted(link.wish for link in links)
    return (wishes[len(wishes) // 2] + wishes[(len(wishes) - 1) // 2]) / 2


# Backwards or not, what to sort by, and whether the first sweep goes down.
TRIES = ((False, barycentre, True), (True, barycentre, False), (False, median, False), (True, median, True))


def pack(ranks: list[list[Item]]) -> None:
    """x for each rank by itself: side by side, with 0 in the middle."""
    for rank in ranks:
        if len(rank) == 1:
            rank[0].x = 0.0
            continue
        places, x, before = [], 0.0, None
        for item in rank:
            if before:
                x += (before.width + item.width) / 2 + (LANE if before.passing or item.passing else GAP_X)
            places.append(x)
            before = item
        for item, place in zip(rank, places, strict=True):
            item.x = place - x / 2


def apart(a: Item, b: Item) -> float:
    """The smallest distance of two neighbours' middles."""
    return (a.width + b.width) / 2 + (LANE if a.passing or b.passing else GAP_X)


def crossings(ranks: list[list[Item]], most: float = INFINITE) -> int:
    """How many pairs of links cross, all ranks together; counted no further than to `most`."""
    total = 0
    for rank in ranks:
        if len(rank) == 1 and not rank[0].cluster:
            continue  # all begin at one place
        ends = [(i.x + link.here, link.item.x + link.there) for i in rank for link in i.below]
        if len(ends) < 2:
            continue
        ends.sort()
        seen: list[float] = []
        for _, x in ends:
            if seen and x < seen[-1]:
                total += len(seen) - bisect_right(seen, x)
                insort(seen, x)
            else:
                seen.append(x)
        if total >= most:
            break
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
