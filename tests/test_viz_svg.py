"""The SVG writer: well-formed whatever the names, deterministic, nothing outside of the viewBox, text that fits."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from test_viz_dot import HOSTILE
from test_viz_layout import random_picture

import minigrad as mg
from minigrad.viz import layout, svg
from minigrad.viz.picture import Box, Cluster, Edge, Layout, Picture, Vertex, clean, text_width

NAMESPACE = "{http://www.w3.org/2000/svg}"


def drawn(picture):
    return svg.draw(picture, layout.layout(picture))


def elements(text, name):
    return list(ElementTree.fromstring(text).iter(NAMESPACE + name))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_stays_text(name):
    vertices = [Vertex("a", [name, name], "input", "c", tip=name), Vertex("b", [name])]
    picture = Picture(vertices, [Edge("a", "b", tip=name)], [Cluster("c", name)], title=name, notes=[name])
    text = drawn(picture)
    assert {e.tag for e in ElementTree.fromstring(text).iter()} <= {
        NAMESPACE + tag for tag in ("svg", "title", "desc", "style", "rect", "g", "path", "polygon", "ellipse", "text")
    }
    texts = [e.text for e in elements(text, "text")]
    assert texts.count(svg.ILLEGAL.sub("�", name)) >= 3 or not name.strip() or "\n" in name


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_of_tensors_are_drawn_on_one_line(name):
    x = mg.tensor(2.0, requires_grad=True)
    text = mg.graph(x * x, names={name: x}, title=name, layout="builtin").svg()
    assert clean(name) in [e.text or "" for e in elements(text, "text")] or not name.strip()


def test_the_same_picture_gives_the_same_bytes():
    assert drawn(random_picture(7, 40)) == drawn(random_picture(7, 40))


def test_nothing_loads_from_elsewhere_and_nothing_runs():
    text = drawn(random_picture(1, 20))
    assert not re.search(r"<script|<image|<use|href|url\(|@import|on\w+=", text)


def test_it_has_a_title_and_a_description_for_screen_readers():
    root = ElementTree.fromstring(drawn(Picture([Vertex("a", ["a"])], title="my graph", notes=["A note."])))
    named = root.get("aria-labelledby").split()
    found = {e.get("id"): e.text for e in root.iter() if e.get("id")}
    assert root.get("role") == "img" and found[named[0]] == "my graph"
    assert "1 vertices, 0 edges" in found[named[1]] and "A note." in found[named[1]]


@pytest.mark.parametrize("kind", svg.LEGEND)
def test_text_is_read_on_every_kind_of_shape_in_light_and_in_dark(kind):
    for page in (0, 1):
        assert contrast(svg.COLOURS["ink"][page], svg.COLOURS[kind][page]) >= 4.5
        assert contrast(svg.COLOURS["dim"][page], svg.COLOURS[kind][page]) >= 4.5
        assert contrast(svg.COLOURS[f"{kind}-line"][page], svg.COLOURS["paper"][page]) >= 3


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("paper", ["#ffffff", "#0d1117"])
@pytest.mark.parametrize("cosine", [-1, -0.5, 0, 0.5, 1])
def test_edges_are_seen_on_white_and_on_black(paper, cosine):
    assert contrast(svg.agreement_colour(cosine), paper) >= 2.9  # WCAG asks for 3 of what is not text


@pytest.mark.parametrize("seed", range(8))
def test_everything_is_inside_of_the_viewbox(seed):
    picture = random_picture(seed, 30)
    picture.notes = ["A long sentence about what was left out. " * 4]
    picture.widths = [(7.0, "|gradient| 2.5"), (1.2, "|gradient| 0.0012")]
    root = ElementTree.fromstring(drawn(picture))
    width, height = map(float, root.get("viewBox").split()[2:])
    assert (float(root.get("width")), float(root.get("height"))) == (width, height)
    for e in root.iter(NAMESPACE + "text"):
        left, length = float(e.get("x")), float(e.get("textLength"))
        left -= length / 2 if "m" in (e.get("class") or "").split() else 0
        assert left >= 0 and left + length <= width + 0.01 and 0 < float(e.get("y")) < height
    for e in root.iter(NAMESPACE + "path"):
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", e.get("d"))]
        if e.get("d").count("C"):
            assert all(0 <= n <= width for n in numbers[::2]) and all(0 <= n <= height for n in numbers[1::2])


def test_an_arrow_ends_where_its_edge_ends_and_points_along_it():
    text = svg.arrow(0, Edge("a", "b", strength=4.0), [(0, 0), (0, 10), (30, 40), (60, 40)])
    (tip, *_), points = [tuple(map(float, re.findall(r'points="([^"]+)"', text)[0].split()[:2]))], text
    assert tip == (60, 40)
    assert "C0 10" in points


def test_a_matrix_shows_sign_and_size_and_leaves_what_is_not_finite_blank():
    cells = svg.matrix(np.array([[1.0, 1.0, -0.5], [0.0, np.nan, np.inf]]), 0, 0)
    assert '<path fill="#1b7c83" fill-opacity="1.00" d="M0 0h2v1h-2z"/>' in cells
    assert '<path fill="#bf3989" fill-opacity="0.50" d="M2 0h1v1h-1z"/>' in cells
    assert cells.count("<path") == 2


def test_agreement_goes_from_vermilion_by_grey_to_blue():
    colours = [svg.agreement_colour(c) for c in (-2, -1, 0, 1, 2)]
    assert colours == ["#d55e00", "#d55e00", "#8b949e", "#1b7fc4", "#1b7fc4"]


def test_widths_of_letters_are_those_of_the_font():
    assert text_width("Wi", 1000) == 944 + 222 and text_width("Wi", 1000, bold=True) == 944 + 278
    assert text_width("名", 10) == 10 and text_width("é", 10) >= 5.56


def test_long_names_keep_both_ends():
    assert clean("encoder." * 20 + "weight") == ("encoder." * 20)[:29] + "…" + ("encoder." * 20 + "weight")[-14:]


def test_a_layout_without_vertices_is_drawn():
    ElementTree.fromstring(svg.draw(Picture(), Layout(32, 32, {}, {}, [], {}, "built-in")))
    assert Box(1, 2, 2, 2).left == 0


def test_the_role_of_an_operand_is_inside_of_the_picture():
    graph = mg.graph(lambda x: x.exp() + x**3 * mg.where(x > 1, x, 2.0), mg.tensor(2.0, requires_grad=True))
    root = ElementTree.fromstring(graph.svg())
    left, _, width, _ = map(float, root.get("viewBox").split())
    roles = [text for text in root.iter(f"{NAMESPACE}text") if text.get("font-size") == "9.0"]
    assert {text.text for text in roles} >= {"base", "exponent", "if", "then", "else"}
    spans = [(float(t.get("x")), float(t.get("y")), float(t.get("textLength"))) for t in roles]
    assert all(left <= x and x + length <= left + width for x, _, length in spans)
    for (x, y, length), (x2, y2, _) in itertools.permutations(spans, 2):
        assert not (x <= x2 < x + length and abs(y - y2) < 8)
