"""What the built-in layout promises, on random graphs with nested clusters: nothing overlaps, every edge goes down."""

import itertools
import random

import pytest

from minigrad.viz import layout as layouts
from minigrad.viz.picture import OVALS, Box, Cluster, Edge, Picture, Vertex

KINDS = ["operation", "operation", "module", "parameter", "input", "constant"]


def random_picture(seed, size):
    """Vertices in a row, clusters as nested intervals of it, edges from left to right: no path returns to a cluster."""
    r = random.Random(seed)
    picture = Picture()
    owner = [""] * size

    def nest(low, high, parent, depth):
        start = low
        while start < high and depth < 4:
            stop = min(high, start + r.randint(1, max(2, (high - low) // 2)))
            if r.random() < 0.5 and stop - start < high - low:
                key = f"c{len(picture.clusters)}"
                picture.clusters.append(Cluster(key, f"module {key} " + "x" * r.randint(0, 30), parent))
                owner[start:stop] = [key] * (stop - start)
                nest(start, stop, key, depth + 1)
            start = stop

    nest(0, size, "", 0)
    for i in range(size):
        lines = [f"v{i}" + "w" * r.randint(0, 15)] + ["64×3×28×28"] * r.randint(0, 3)
        picture.vertices.append(Vertex(f"v{i}", lines, r.choice(KINDS), owner[i]))
    for i in range(1, size):
        for j in r.choices(range(max(0, i - r.choice([1, 3, 30])), i), k=r.choice([0, 1, 1, 2, 3])):
            picture.edges.append(Edge(f"v{j}", f"v{i}"))
    return picture


def sampled(points, steps=12):
    """Points along a chain of cubic Bézier curves."""
    for i in range(0, len(points) - 1, 3):
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points[i : i + 4]
        for t in (k / steps for k in range(steps + 1)):
            s = 1 - t
            a, b, c, d = s**3, 3 * s * s * t, 3 * s * t * t, t**3
            yield a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3


def apart(a: Box, b: Box):
    return a.right <= b.left or b.right <= a.left or a.bottom <= b.top or b.bottom <= a.top


def within(inner: Box, outer: Box):
    return (inner.left >= outer.left and inner.right <= outer.right
            and inner.top >= outer.top and inner.bottom <= outer.bottom)  # fmt: skip


def lineage(picture, key):
    parents = {c.key: c.parent for c in picture.clusters}
    while key:
        yield key
        key = parents[key]


def check(picture, found):
    """Every property at once, with the vertices and edges named that break one."""
    paper = Box(found.width / 2, found.height / 2, found.width, found.height)
    boxes = [(v.key, found.vertices[v.key]) for v in picture.vertices]
    for vertex, (key, box) in zip(picture.vertices, boxes, strict=True):
        assert within(box, paper), key
        assert (box.width, box.height) == vertex.size, key
    for (a, first), (b, second) in itertools.combinations(boxes, 2):
        assert apart(first, second), (a, b)
    for cluster in picture.clusters:
        frame = found.clusters[cluster.key]
        assert within(frame, paper)
        for vertex in picture.vertices:
            if cluster.key in lineage(picture, vertex.cluster):
                assert within(found.vertices[vertex.key], frame), (cluster.key, vertex.key)
            else:
                assert apart(found.vertices[vertex.key], frame), (cluster.key, vertex.key)
        x, y = found.labels[cluster.key]
        assert frame.left <= x and y <= frame.bottom
    for a, b in itertools.combinations(picture.clusters, 2):
        if a.key not in lineage(picture, b.key) and b.key not in lineage(picture, a.key):
            assert apart(found.clusters[a.key], found.clusters[b.key]), (a.key, b.key)
    for edge, points in zip(picture.edges, found.edges, strict=True):
        tail, head = found.vertices[edge.tail], found.vertices[edge.head]
        assert len(points) % 3 == 1 and len(points) > 1
        assert tail.left <= points[0][0] <= tail.right and tail.y <= points[0][1] <= tail.bottom + 1e-6
        assert head.left <= points[-1][0] <= head.right and head.top - 1e-6 <= points[-1][1] <= head.y
        way = list(sampled(points))
        assert all(a[1] <= b[1] + 1e-6 for a, b in itertools.pairwise(way)), f"{edge.tail} → {edge.head} goes up"
        for key, box in boxes:
            if key not in (edge.tail, edge.head):
                inside = [p for p in way if box.left < p[0] < box.right and box.top < p[1] < box.bottom]
                assert not inside, f"{edge.tail} → {edge.head} crosses {key}"


@pytest.mark.parametrize("seed", range(40))
def test_nothing_overlaps_and_every_edge_goes_down(seed):
    picture = random_picture(seed, 5 + 3 * seed % 60)
    check(picture, layouts.layout(picture))


def test_the_same_picture_has_the_same_coordinates():
    assert layouts.layout(random_picture(3, 50)) == layouts.layout(random_picture(3, 50))


def test_an_empty_picture_and_a_single_vertex():
    assert layouts.layout(Picture()).vertices == {}
    check(single := Picture([Vertex("a", ["a"])]), layouts.layout(single))


def test_a_vertex_twice_the_argument_has_two_edges_that_are_seen_apart():
    picture = Picture([Vertex("y", ["y"], "input"), Vertex("add", ["add"])], [Edge("y", "add"), Edge("y", "add")])
    first, second = layouts.layout(picture).edges
    assert abs(first[0][0] - second[0][0]) > 5 and abs(first[-1][0] - second[-1][0]) > 5


def test_edges_end_on_the_outline_of_an_oval():
    picture = Picture([Vertex(k, [k], "input") for k in "ab"], [Edge("a", "b"), Edge("a", "b")])
    found = layouts.layout(picture)
    box = found.vertices["a"]
    for points in found.edges:
        x, y = points[0]
        assert ((x - box.x) / box.width * 2) ** 2 + ((y - box.y) / box.height * 2) ** 2 == pytest.approx(1)


def test_a_chain_goes_straight_down_with_its_parameters_beside_it():
    picture = Picture([Vertex("x", ["x"], "input")])
    for i in range(6):
        picture.vertices += [Vertex(f"w{i}", ["weight"], "parameter"), Vertex(f"op{i}", ["linear"])]
        picture.edges += [Edge(f"op{i - 1}" if i else "x", f"op{i}"), Edge(f"w{i}", f"op{i}")]
    found = layouts.layout(picture)
    assert len({round(found.vertices[f"op{i}"].x, 3) for i in range(6)}) == 1


def test_a_long_edge_bends_only_where_it_has_to():
    picture = Picture([Vertex(f"v{i}", [f"v{i}"]) for i in range(12)])
    picture.edges = [Edge(f"v{i}", f"v{i + 1}") for i in range(11)] + [Edge("v0", "v11")]
    points = layouts.layout(picture).edges[-1]
    assert len({round(x, 3) for x, _ in points}) <= 3  # where it leaves, its lane, where it arrives


def test_repeated_blocks_stand_below_each_other():
    picture = Picture([Vertex("in", ["in"])])
    last = "in"
    for i in range(20):
        picture.clusters.append(Cluster(f"b{i}", f"block {i}"))
        names = [f"conv{i}", f"relu{i}", f"add{i}"]
        picture.vertices += [Vertex(name, [name], cluster=f"b{i}") for name in names]
        picture.edges += [Edge(a, b) for a, b in [(last, names[0]), *itertools.pairwise(names), (last, names[2])]]
        last = names[2]
    found = layouts.layout(picture)
    assert found.width < 2.2 * max(box.width for box in found.clusters.values())


def test_a_label_is_never_crossed_by_an_edge_that_comes_in():
    for seed in range(20):
        picture = random_picture(seed, 40)
        found = layouts.layout(picture)
        for cluster in picture.clusters:
            x, y = found.labels[cluster.key]
            width = layouts.text_width(cluster.label, layouts.BODY)
            assert x + width <= found.clusters[cluster.key].right
            for edge, points in zip(picture.edges, found.edges, strict=True):
                for px, py in sampled(points):
                    assert not (x < px < x + width and y - 8 < py < y), (cluster.key, edge)


def test_a_cycle_is_an_error_that_says_so():
    picture = Picture([Vertex(k, [k]) for k in "ab"], [Edge("a", "b"), Edge("b", "a")])
    with pytest.raises(ValueError, match="cycle"):
        layouts.layout(picture)
    with pytest.raises(ValueError, match="itself"):
        layouts.layout(Picture([Vertex("a", ["a"])], [Edge("a", "a")]))


def test_a_path_that_leaves_a_cluster_and_returns_is_an_error():
    picture = Picture([Vertex("a", ["a"], cluster="c"), Vertex("b", ["b"]), Vertex("d", ["d"], cluster="c")],
                      [Edge("a", "b"), Edge("b", "d")], [Cluster("c", "c")])  # fmt: skip
    with pytest.raises(ValueError, match="leaves that cluster and returns"):
        layouts.layout(picture)


def test_text_fits_into_its_shape():
    for kind in KINDS:
        for lines in (["a"], ["weight", "16×8×3×3 float32"], ["名前" * 8], ["W" * 40, "i" * 40]):
            vertex = Vertex("v", lines, kind)
            width, height = vertex.size
            for i, line in enumerate(lines):
                half = layouts.text_width(line, layouts.BODY if i else 12.5, bold=not i) / 2
                y = abs((i + 0.5) * 15 - len(lines) * 7.5) + 5
                if kind in OVALS:
                    assert (2 * half / width) ** 2 + (2 * y / height) ** 2 < 1.05, (kind, lines)
                else:
                    assert half < width / 2 and y < height / 2


@pytest.mark.parametrize("seed", range(12))
def test_from_left_to_right_nothing_overlaps_either(seed):
    picture = random_picture(seed, 5 + 4 * seed)
    picture.direction = "LR"
    found = layouts.layout(picture)
    for vertex in picture.vertices:
        box = found.vertices[vertex.key]
        assert (box.width, box.height) == vertex.size
        assert box.left >= 0 and box.right <= found.width and box.top >= 0 and box.bottom <= found.height
        for key in lineage(picture, vertex.cluster):
            assert within(box, found.clusters[key])
    for a, b in itertools.combinations(picture.vertices, 2):
        assert apart(found.vertices[a.key], found.vertices[b.key])
    for cluster in picture.clusters:
        x, y = found.labels[cluster.key]
        frame = found.clusters[cluster.key]
        assert frame.left <= x and x + layouts.text_width(cluster.label, layouts.BODY) <= frame.right
        assert frame.top <= y <= frame.bottom
    for points in found.edges:
        assert all(a[0] <= b[0] + 1e-6 for a, b in itertools.pairwise(sampled(points)))
