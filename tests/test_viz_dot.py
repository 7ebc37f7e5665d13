"""Graphviz beside the built-in layout: DOT text, coordinates read back, a `dot` that is absent or misbehaves."""

import shutil
import time

import pytest
from test_viz_layout import random_picture, sampled, within

import minigrad as mg
from minigrad.viz import DotError, Graph, dot, svg
from minigrad.viz.picture import Cluster, Edge, Picture, Vertex

HOSTILE = ["</text><script>alert(1)</script>", '"]; evil [label="', "\\N\\G\\l", "<b>bold</b>", "a:b:c",
           "\x00\x0b\ud800", "&amp;", "]]>", "--><!--", "%%SVG%%", "${name}", "x" * 500,
           "two\nlines", "名前 🙂", "\u202eevil", "", " "]  # fmt: skip
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs the program `dot` (Debian: graphviz)")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a `dot` of our own, or none, alone on the PATH."""

    def install(script=None):
        monkeypatch.setenv("PATH", str(tmp_path))
        if script is not None:
            (tmp_path / "dot").write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
            (tmp_path / "dot").chmod(0o755)

    return install


def loss():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    return (x * x).sum()


def test_the_digraph_has_our_sizes_and_no_user_text_outside_of_labels():
    picture = Picture([Vertex("a b", ["evil -> name"], "input"), Vertex("c", ["op"], cluster="k")],
                      [Edge("a b", "c")], [Cluster("k", "module")])  # fmt: skip
    source = dot.digraph(picture).source
    assert "n0 -> n1" in source and "subgraph cluster_0" in source
    assert "<<B>evil -&gt; name</B>>" in source and "a b" not in source
    assert f"width={picture.vertices[0].size[0] / 72:.4f}" in source


@needs_dot
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_reach_graphviz_as_text(name):
    x = mg.tensor(2.0, requires_grad=True)
    graph = mg.graph(x * x, names={name: x})
    answer = dot.run(graph.dot.source, "plain", 10.0).decode()
    assert sum(line.startswith("node ") for line in answer.splitlines()) == 3
    assert mg.graph(x * x, names={name: x}, layout="dot").layout.engine == "dot"


@needs_dot
@pytest.mark.parametrize("seed", range(5))
def test_coordinates_read_back_fit_the_picture(seed):
    picture = random_picture(seed, 25)
    found = dot.layout(picture)
    assert found.engine == "dot"
    for vertex in picture.vertices:
        box = found.vertices[vertex.key]
        assert box.left >= 0 and box.right <= found.width and box.top >= 0 and box.bottom <= found.height
        if vertex.cluster:
            assert within(box, found.clusters[vertex.cluster])
    for edge, points in zip(picture.edges, found.edges, strict=True):
        tail, head = found.vertices[edge.tail], found.vertices[edge.head]
        assert len(points) % 3 == 1
        assert tail.left - 2 <= points[0][0] <= tail.right + 2 and tail.top - 2 <= points[0][1] <= tail.bottom + 2
        assert head.left - 2 <= points[-1][0] <= head.right + 2 and head.top - 2 <= points[-1][1] <= head.bottom + 2
        assert len(list(sampled(points))) > 1
    svg.draw(picture, found)


@needs_dot
def test_both_layouts_draw_the_same_things():
    y = loss()
    drawings = [mg.graph(y, layout=engine) for engine in ("dot", "builtin")]
    counts = [(g.svg().count("<ellipse"), g.svg().count("data-edge"), g.svg().count("<text")) for g in drawings]
    assert counts[0] == counts[1]


def test_the_layout_is_the_same_with_and_without_dot(program):
    here = mg.graph(loss()).svg()
    program()
    assert mg.graph(loss()).svg() == here and mg.graph(loss()).layout.engine == "built-in"


def test_asking_for_dot_without_it_says_what_to_install(program):
    program()
    with pytest.raises(DotError, match="not on the PATH; install Graphviz"):
        mg.graph(loss(), layout="dot").svg()


@pytest.mark.parametrize("script", ["echo 'bad' >&2; exit 3", "exit 0", "echo '{}'", "echo not json", "kill -9 $$"])
def test_a_dot_that_fails_is_an_error_where_it_was_asked_for(program, script):
    program(script)
    with pytest.raises(DotError):
        mg.graph(loss(), layout="dot").svg()
    assert mg.graph(loss()).layout.engine == "built-in"


def test_what_a_failing_dot_says_is_passed_on(program):
    program("echo 'syntax error in line 7' >&2; exit 1")
    with pytest.raises(DotError, match="syntax error in line 7"):
        mg.graph(loss(), layout="dot").svg()


def test_a_dot_that_is_no_program_is_an_error(program, tmp_path):
    program()
    (tmp_path / "dot").write_bytes(b"\x7fELF nonsense")
    (tmp_path / "dot").chmod(0o755)
    with pytest.raises(DotError, match="dot"):
        mg.graph(loss(), layout="dot").svg()


def test_a_dot_that_hangs_is_given_up_once_and_the_picture_says_so(program, tmp_path, monkeypatch):
    program(f"echo asked >> {tmp_path}/log; exec sleep 60")
    monkeypatch.setattr(dot, "PATIENCE", 0.2)
    monkeypatch.setattr(Graph, "hung", False)
    start = time.monotonic()
    graphs = [mg.graph(loss(), layout="dot") for _ in range(2)]
    assert [graph.layout.engine for graph in graphs] == ["built-in", "built-in"]
    assert time.monotonic() - start < 5 and (tmp_path / "log").read_text() == "asked\n"
    assert "stopped after 0.2 s" in graphs[0].svg()


@needs_dot
def test_labels_drawn_by_graphviz_fit_into_their_shapes():
    x = mg.randn(64, 3, 28, 28, requires_grad=True)
    answer = dot.run(mg.graph((x * x).sum(), names={"a long name of an input": x}).dot.source, "svg", 10.0).decode()
    assert 'font-size="12.50"' in answer and 'font-size="10.00"' in answer
