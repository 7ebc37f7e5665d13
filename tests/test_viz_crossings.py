"""How many edges cross in the pictures of networks with shared weights, counted from the curves that are drawn.

The bars are what Graphviz 2.43's `dot` needs for the same pictures.
"""

import itertools

import numpy as np
import pytest
from test_viz_layout import check, sampled

import minigrad as mg
from minigrad import nn, viz
from minigrad.nn import functional as F
from minigrad.viz.picture import Cluster, Edge, Picture, Vertex

OPENED = {"operations": True, "parameters": True, "constants": True}


def count_crossings(found):
    """Pairs of edges whose curves cross: a piece of one has the ends of a piece of the other on its two sides."""
    ways = [np.array(list(dict.fromkeys(sampled(points, 13)))) for points in found.edges]
    boxes = [(way.min(0), way.max(0)) for way in ways]
    return sum(
        cross(ways[a], ways[b])
        for a, b in itertools.combinations(range(len(ways)), 2)
        if (boxes[a][0] <= boxes[b][1]).all() and (boxes[b][0] <= boxes[a][1]).all()
    )


def cross(one, other):
    starts, ends = one[:-1, None], one[1:, None]
    others, their_ends = other[None, :-1], other[None, 1:]

    def side(a, b, c):
        return (b - a)[..., 0] * (c - a)[..., 1] - (b - a)[..., 1] * (c - a)[..., 0]

    apart = side(starts, ends, others) * side(starts, ends, their_ends) < -1e-9
    return bool((apart & (side(others, their_ends, starts) * side(others, their_ends, ends) < -1e-9)).any())


class Siamese(nn.Module):
    """Two inputs through one encoder."""

    def __init__(self):
        self.encoder = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))

    def forward(self, left, right):
        return ((self.encoder(left) - self.encoder(right)) ** 2).sum(1)


class Unfolded(nn.Module):
    """A cell that is used at each step."""

    def __init__(self):
        self.cell, self.out = nn.Linear(12, 8), nn.Linear(8, 1)

    def forward(self, sequence):
        h = mg.zeros(sequence.shape[0], 8)
        for t in range(sequence.shape[1]):
            h = self.cell(mg.cat([sequence[:, t], h], 1)).tanh()
        return self.out(h)


def draw_siamese(**options):
    return mg.graph(Siamese(), (mg.ones(4, 8), mg.ones(4, 8)), **OPENED, **options)


def draw_gan(**options):
    generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8))
    discriminator = nn.Sequential(nn.Linear(8, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    with viz.record(G=generator, D=discriminator) as seen:
        real, fake = discriminator(mg.ones(8, 8)), discriminator(generator(mg.ones(8, 4)))
        loss = F.binary_cross_entropy_with_logits(real, mg.ones(8, 1)) + F.binary_cross_entropy_with_logits(
            fake, mg.zeros(8, 1)
        )
    return mg.graph(loss, record=seen, **options)


def draw_unfolded(**options):
    return mg.graph(Unfolded(), mg.ones(8, 6, 4), fold=False, **OPENED, **options)


@pytest.mark.parametrize("draw, bar", [(draw_siamese, 1), (draw_gan, 1), (draw_unfolded, 15)])
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_no_more_edges_cross_than_in_dots_picture(draw, bar, direction):
    graph = draw(direction=direction)
    assert count_crossings(graph.layout) <= bar
    if direction == "TB":
        check(graph.picture, graph.layout)


def test_the_count_finds_the_one_crossing_of_two_by_two():
    picture = Picture([Vertex(key, [key]) for key in "abcd"], [Edge(*pair) for pair in ("ac", "ad", "bc", "bd")])
    assert count_crossings(viz.Graph(picture).layout) == 1


@pytest.mark.parametrize("shared", [2, 3, 5])
def test_weights_that_two_frames_share_cause_no_crossing(shared):
    picture = Picture(clusters=[Cluster("one", "one"), Cluster("two", "two")])
    for frame in ("one", "two"):
        picture.vertices += [Vertex(f"{frame}.{i}", [f"op {i}"], cluster=frame) for i in range(shared)]
        picture.edges += [Edge(f"{frame}.{i - 1}", f"{frame}.{i}") for i in range(1, shared)]
    for i in range(shared):
        picture.vertices.append(Vertex(f"w{i}", ["weight"], "parameter"))
        picture.edges += [Edge(f"w{i}", f"{frame}.{i}") for frame in ("one", "two")]
    graph = viz.Graph(picture)
    assert count_crossings(graph.layout) == 0
    check(picture, graph.layout)
