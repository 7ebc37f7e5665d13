"""From the tape to the picture: what is drawn, what collapses and folds, what flows back, what is an error.

MINIGRAD_TESTS=full draws graphs of 100,000 operations, otherwise of 20,000.
"""

import os
import random
import re
import runpy
import time
from pathlib import Path

import numpy as np
import pytest
from test_viz_layout import check

import minigrad as mg
from minigrad import nn
from minigrad.viz import convolution, open_convolution, record, sources

FULL = os.environ.get("MINIGRAD_TESTS") == "full"
GOLDEN = Path(__file__).with_name("golden")


OPENED = {"operations": True, "parameters": True, "constants": True}  # what a module's architecture leaves out


def scalar(**options):
    """The classic: an input that is used more than once."""
    with record() as seen:
        a = mg.tensor(2.0, requires_grad=True)
        b = mg.tensor(-3.0, requires_grad=True)
        c = a * b
        loss = (c + a) * c
    return mg.graph(loss, names={"a": a, "b": b}, record=seen, **options)


def perceptron(**options):
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.25)
    return mg.graph(model, mg.zeros(4, 4), loss=lambda y: (y * y).mean(), **{**OPENED, **options})


class Block(nn.Module):
    """A residual block."""

    def __init__(self, channels):
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return (x + self.norm(self.conv(x))).relu()


class Network(nn.Module):
    def __init__(self, blocks, channels=4):
        self.stem = nn.Conv2d(1, channels, 3, padding=1)
        self.blocks = nn.Sequential(*[Block(channels) for _ in range(blocks)])
        self.head = nn.Linear(channels, 2)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def titles(graph, kind=None):
    return [v.lines[0] for v in graph.picture.vertices if kind in (None, v.kind)]


def edges(graph):
    names = {v.key: v.lines[0] for v in graph.picture.vertices}
    return [(names[e.tail], names[e.head]) for e in graph.picture.edges]


# ------------------------------------------------------------------------------------------- what is drawn


@pytest.mark.parametrize(
    "name, make", [("scalar", scalar), ("scalar_gradients", lambda: scalar(gradients=True)), ("perceptron", perceptron),
                   ("collapsed", lambda: perceptron(depth=0))]
)  # fmt: skip
def test_golden_pictures(name, make):
    path = GOLDEN / f"{name}.svg"
    if os.environ.get("WRITE_GOLDEN"):
        path.write_text(make().svg(), encoding="utf-8")
    assert make().svg() == path.read_text(encoding="utf-8")


def test_text_shows_values_and_where_they_come_from():
    assert str(scalar()).splitlines() == [
        "computation graph",
        "  a  = 2",
        "  b  = −3",
        "  mul  = −6  ← a, b",
        "  add  = −4  ← mul, a",
        "  mul  = 24  ← add, mul",
        "  result  = 24  ← mul",
    ]


def test_parameters_inputs_and_constants_are_told_apart():
    graph = perceptron()
    assert titles(graph, "parameter") == ["weight", "bias", "weight", "bias"]
    assert titles(graph, "input") == ["input"] and titles(graph, "result") == ["loss"]
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    assert titles(mg.graph((x * mg.tensor([3.0, 4.0])).sum()), "constant") == ["constant"]


def test_modules_are_nested_clusters_and_single_operations_have_none():
    graph = mg.graph(Network(1), mg.zeros(2, 1, 5, 5), **OPENED)
    parents = {c.label: c.parent for c in graph.picture.clusters}
    assert parents == {"stem Conv2d": "", "blocks Sequential": "", "blocks.0 Block": "blocks", "head Linear": "",
                       "blocks.0.conv Conv2d": "blocks.0", "blocks.0.norm BatchNorm2d": "blocks.0"}  # fmt: skip
    assert "tanh  (1)" in titles(perceptron())


def test_settings_are_said_unless_they_go_without_saying():
    conv = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, stride=2))
    (vertex,) = [v for v in mg.graph(conv, mg.zeros(1, 1, 8, 8), **OPENED).picture.vertices if v.kind == "operation"]
    assert vertex.lines == ["conv2d", "stride 2 · padding 1", "→ 1×2×4×4"]
    (layer,) = [v for v in mg.graph(conv, mg.zeros(1, 1, 8, 8)).picture.vertices if v.kind == "layer"]
    assert layer.lines == ["0 Conv2d", "1, 2, kernel 3, stride 2, padding 1", "1×1×8×8 → 1×2×4×4"]


def test_a_module_that_is_called_twice_is_drawn_twice_with_one_weight():
    class Twice(nn.Module):
        def __init__(self, cell):
            self.cell = cell

        def forward(self, x):
            return self.cell(self.cell(x).tanh())

    graph = mg.graph(Twice(nn.Linear(3, 3)), mg.zeros(2, 3), **OPENED)
    assert sorted(titles(graph, "parameter")) == ["cell.bias", "cell.weight"]
    assert edges(graph)[1] == ("cell.weight", "linear  (cell)")
    assert ("cell.weight", "linear  (cell, call 2)") in edges(graph)
    graph = mg.graph(Twice(nn.Sequential(nn.Linear(3, 3), nn.ReLU())), mg.zeros(2, 3))
    assert [c.label for c in graph.picture.clusters] == ["cell Sequential", "cell (call 2) Sequential"]
    graph.svg()


def test_without_a_record_the_tape_alone_is_drawn_with_names_of_a_module():
    model = nn.Linear(2, 1)
    graph = mg.graph(model(mg.ones(1, 2)).sum(), names=model)
    assert not graph.picture.clusters and titles(graph, "parameter") == ["weight", "bias"]


def test_several_outputs_are_drawn_and_numbered():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    assert titles(mg.graph([x.sum(), x.exp()]), "result") == ["result 1", "result 2"]


def test_drawing_a_module_leaves_it_as_it_was():
    model, x = Network(2), mg.ones(2, 1, 5, 5)
    model.head.weight.grad = mg.ones(2, 4)
    before = {name: t.numpy().copy() for name, t in model.state_dict().items()}
    state = mg.get_rng_state()
    mg.graph(nn.Sequential(model, nn.Dropout(0.5)), x, gradients=True)
    for name, tensor in model.state_dict().items():
        assert np.array_equal(tensor.numpy(), before[name]), name
    assert model.training and x.grad is None and not x.requires_grad
    assert model.stem.weight.grad is None and np.array_equal(model.head.weight.grad.numpy(), np.ones((2, 4)))
    assert np.array_equal(mg.get_rng_state(), state)
    assert not any(any(m._hooks.values()) for m in model.modules())


def test_recording_costs_nothing_afterwards_and_ends_with_an_error():
    model = nn.Linear(2, 2)
    with pytest.raises(ValueError), record(model):
        model(mg.zeros(3, 5))
    assert not any(model._hooks.values()) and not mg.autograd.state.observers


def test_a_call_that_fails_ends_at_the_latest_with_the_module_that_caught_the_error():
    class Careful(nn.Module):
        def __init__(self):
            self.wrong, self.right = nn.Linear(7, 2), nn.Linear(3, 2)

        def forward(self, x):
            try:
                return self.wrong(x)
            except ValueError:
                return self.right(x).exp()

    graph = mg.graph(nn.Sequential(Careful(), nn.Linear(2, 2)), mg.ones(1, 3), **OPENED)
    assert {c.label: c.parent for c in graph.picture.clusters}["1 Linear"] == ""
    assert next(v for v in graph.picture.vertices if v.key == "0.right.weight").cluster == "0.right"


# ------------------------------------------------------------------------------------------- collapsing, folding


def test_beyond_the_budget_modules_collapse_and_the_reader_is_told_how_to_open_them():
    graph = mg.graph(Network(2), mg.zeros(2, 1, 5, 5), budget=10)
    assert len(graph.picture.vertices) <= 10
    assert titles(graph, "module") == ["0 Block", "1 Block"]
    note = next(n for n in graph.picture.notes if "closed" in n)
    path = re.findall(r"expand=\['([^']+)'\]", note)[0]
    opened = mg.graph(Network(2), mg.zeros(2, 1, 5, 5), budget=11, expand=[path])
    assert len(opened.picture.vertices) > len(graph.picture.vertices)
    assert path in [c.key for c in opened.picture.clusters]


@pytest.mark.parametrize("loss", [None, lambda y: (y * y).mean()])
def test_depth_counts_from_the_model_whatever_is_outside_of_it(loss):
    by_depth = {d: mg.graph(Network(2), mg.zeros(2, 1, 5, 5), loss=loss, depth=d) for d in range(4)}
    assert titles(by_depth[0], "module") == ["Network"]
    assert titles(by_depth[1], "module") == ["blocks Sequential"] and "stem Conv2d" in titles(by_depth[1], "layer")
    assert titles(by_depth[2], "module") == ["0 Block", "1 Block"]
    assert titles(by_depth[3], "module") == [] and titles(by_depth[3], "layer").count("conv Conv2d") == 2
    blocks = next(v for v in by_depth[1].picture.vertices if v.lines[0] == "blocks Sequential")
    assert blocks.lines[1:] == ["8 operations, 312 parameters", "2×4×5×5 → 2×4×5×5"]


def test_repeated_blocks_fold_into_the_first():
    graph = mg.graph(Network(12), mg.zeros(2, 1, 5, 5), budget=60, **OPENED)
    assert [c.label for c in graph.picture.clusters if "×" in c.label] == [
        "12 × repeated (blocks.0 … blocks.11); the first is drawn"
    ]
    assert titles(graph).count("conv2d") == 2  # the stem's and the first block's
    assert any("fold=False" in note for note in graph.picture.notes)
    unfolded = mg.graph(Network(12), mg.zeros(2, 1, 5, 5), budget=1000, **OPENED)
    assert titles(unfolded).count("conv2d") == 13
    graph.svg()


def test_a_weight_that_all_repetitions_share_stays_outside_of_them():
    class Steps(nn.Module):
        def __init__(self):
            self.cell = nn.Linear(3, 3)

        def forward(self, x):
            for _ in range(50):
                x = self.cell(x).tanh()
            return x

    graph = mg.graph(Steps(), mg.zeros(2, 3), fold=True, **OPENED)
    weight = next(v for v in graph.picture.vertices if v.lines[0] == "cell.weight")
    assert weight.cluster == "" and titles(graph).count("linear  (cell)") == 1 == titles(graph).count("tanh")


@pytest.mark.parametrize("fold", [None, False])
def test_a_hundred_thousand_operations_are_drawn_in_seconds(fold):
    x = y = mg.tensor(1.0, requires_grad=True)
    for _ in range(50_000 if FULL else 10_000):
        y = y * 0.5 + x
    start = time.process_time()
    graph = mg.graph(y, fold=fold)
    assert len(graph.svg()) < 500_000 and len(graph.picture.vertices) <= 152
    assert time.process_time() - start < 30  # about 3 on an idle machine


def test_exponentially_many_paths_are_no_matter():
    y = mg.tensor(1.0, requires_grad=True)
    for _ in range(60):
        y = y + y
    assert len(mg.graph(y, gradients=True).picture.edges) == 121


class Tangle(nn.Module):
    """A module of random operations on random earlier results, some of them other such modules, called repeatedly."""

    def __init__(self, r, depth=0):
        self.seed = r.random()
        self.weight = nn.Parameter(np.full((3, 3), 0.1, np.float32))
        self.parts = nn.ModuleList([Tangle(r, depth + 1) for _ in range(r.randint(0, 3) if depth < 3 else 0)])

    def forward(self, x):
        r = random.Random(self.seed)
        pool = [x]
        for _ in range(r.randint(1, 6)):
            a, b = r.choice(pool), r.choice(pool[-2:])
            made = [a + b, a @ self.weight, a * b, a.tanh()]
            pool.append(r.choice([*made, *(part(a) for part in self.parts)]))
        return sum(pool[1:], pool[-1])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("options", [{}, {"budget": 20}, {"fold": True}, {"depth": 1}, {"fold": False, "budget": 12}])
def test_whatever_is_collapsed_or_folded_the_layout_keeps_its_promises(seed, options):
    graph = mg.graph(Tangle(random.Random(seed)), mg.ones(2, 3), gradients=True, **options)
    if len(graph.picture.vertices) < 100:
        check(graph.picture, graph.layout)
    graph.html()


# ------------------------------------------------------------------------------------------- gradients


def test_contributions_and_their_sum_are_written_at_the_node_where_they_meet():
    lines = {v.key: v.lines for v in scalar(gradients=True).picture.vertices}
    # loss = (ab + a)·ab: ∂/∂a through (c + a) directly is c = −6; through c = ab it is b·(2c + a) = 30.
    assert lines["a"] == ["a", "= 2", "grad 24 = −6 + 30", "ρ 0.67 of 2"]
    assert lines["mul"] == ["mul", "= −6", "grad −10 = −4 − 6", "ρ 1.00 of 2"]


def test_widths_and_colours_are_norms_and_cosines():
    x = mg.tensor(np.array([3.0, 4.0]), requires_grad=True)
    loss = (x * mg.tensor(np.array([2.0, 0.0]))).sum() - (x * mg.tensor(np.array([0.0, 1.0]))).sum()
    graph = mg.graph(loss, names={"x": x}, gradients=True)
    first, second = (e for e in graph.picture.edges if e.tail == "x")
    # contributions (2, 0) and (0, −1), their sum (2, −1) of norm √5
    assert first.agreement == pytest.approx(2 / 5**0.5) and second.agreement == pytest.approx(1 / 5**0.5)
    assert first.strength > second.strength and "2" in first.tip
    x_vertex = next(v for v in graph.picture.vertices if v.key == "x")
    assert x_vertex.lines[-1] == f"ρ {5**0.5 / 3:.2f} of 2"


def test_gradients_that_cancel_are_marked():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    graph = mg.graph((x * 3.0).sum() - (x * 2.9).sum(), names={"x": x}, gradients=True)
    assert next(v for v in graph.picture.vertices if v.key == "x").marked
    opposed = [e.agreement for e in graph.picture.edges if e.tail == "x"]
    assert opposed == pytest.approx([1, -1])
    assert 'class="vertex input marked"' in graph.svg()


def test_a_gradient_of_zero_is_a_dashed_edge():
    x = mg.tensor([-1.0], requires_grad=True)
    graph = mg.graph(x.relu().sum(), names={"x": x}, gradients=True)
    assert next(e for e in graph.picture.edges if e.tail == "x").dashed


def test_edges_of_a_collapsed_module_carry_all_contributions_together():
    mg.manual_seed(0)
    model, x = Network(2), mg.randn(2, 1, 5, 5)
    wide = mg.graph(model, x, gradients=True, depth=1)
    (edge,) = [e for e in wide.picture.edges if (e.tail, e.head) == ("stem Conv2d", "blocks Sequential")]
    assert "2 contributions together" in edge.tip and "cosine with the total +1.00" in edge.tip
    assert edge.agreement is None  # as on all edges: a colour that says the same everywhere is not drawn


def test_hooks_run_on_no_account_and_retained_gradients_stay():
    called = []
    x = mg.tensor([1.0], requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: called.append(g))
    graph = mg.graph(y.sum(), gradients=True)
    assert not called and y.grad is None and x.grad is None
    assert any("Hooks" in note for note in graph.picture.notes)
    y.sum().backward()
    assert called and x.grad is not None


def test_a_graph_that_was_freed_is_still_drawn_and_says_what_is_gone():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    loss = (x.exp() * mg.tensor([3.0, 4.0])).sum()
    before = mg.graph(loss)
    loss.backward()
    after = mg.graph(loss)
    assert titles(before, "constant") == ["constant"] and titles(after, "constant") == ["?"]
    assert titles(before, "operation") == titles(after, "operation")
    assert any("freed" in note for note in after.picture.notes)
    with pytest.raises(RuntimeError, match=r"freed what \w+ had saved; draw before backward, or .*retain_graph=True"):
        mg.graph(loss, gradients=True)


def test_after_backward_with_retain_graph_the_gradients_are_drawn_again():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    loss = x.exp().sum()
    loss.backward(retain_graph=True)
    grad = x.grad.numpy().copy()
    assert "|grad| 7.87" in str(mg.graph(loss, gradients=True))
    assert np.array_equal(x.grad.numpy(), grad)


def test_gradients_of_an_output_without_loss_are_those_of_its_sum():
    graph = mg.graph(nn.Linear(2, 3), mg.ones(4, 2), gradients=True)
    assert titles(graph, "result") == ["sum of output"] and any("sum of the output" in n for n in graph.picture.notes)


# ------------------------------------------------------------------------------------------- replay


def test_replay_follows_backward_and_shows_the_rules_that_run():
    steps = scalar(gradients=True).replay
    assert [s.title for s in steps] == ["mul (1 of 2)", "add", "mul (2 of 2)", "a", "b"]
    assert [r.source for r in steps[0].rules] == ["x=lambda g, y: g * y", "y=lambda g, x: g * x"]
    assert [r.numbers for r in steps[0].rules] == ["1 · (−6) = −6", "1 · (−4) = −4"]
    assert [p.role for p in steps[0].leaving] == ["∂/∂x", "∂/∂y"]
    assert [len(s.arriving) for s in steps] == [1, 1, 2, 2, 1]
    assert [len(s.leaving) for s in steps] == [2, 2, 2, 0, 0]
    assert steps[2].text == "gradient −10; ρ = 1.00 of 2 contributions"


def test_the_source_of_a_longer_rule_is_shown_whole():
    y = mg.tensor(2.0, requires_grad=True) ** mg.tensor(3.0, requires_grad=True)
    shown = [sources.rule_source(rule) for rule, _ in y.node.edges]
    assert shown[0].startswith("x=pow_base\ndef pow_base(") and shown[1].startswith("y=pow_exponent\ndef ")


def test_a_rule_without_source_is_said_to_be_so():
    space = {"mg": mg}
    exec("@mg.primitive(x=lambda g: g)\ndef same(x):\n    return x + 0", space)
    y = space["same"](mg.tensor(2.0, requires_grad=True))
    assert sources.rule_source(y.node.edges[0][0]) == "x: its source is not at hand"


# ------------------------------------------------------------------------------------------- opened convolution


@pytest.fixture
def colours():
    mg.manual_seed(0)
    return nn.Conv2d(3, 2, 3, padding=1), mg.randn(2, 3, 6, 6)


def square(out):
    return (out * out).sum()


def test_an_opened_convolution_has_a_path_for_each_channel(colours):
    conv, x = colours
    graph = open_convolution(conv, x, square, channels=("red", "green", "blue"))
    assert [c.label for c in graph.picture.clusters] == ["channel red", "channel green", "channel blue"]
    assert [t for _, t in edges(graph)].count("Σ over channels") == 3
    shares = [float(re.findall(r"(\d+)% of", v.lines[1])[0]) for v in graph.picture.vertices if v.lines[0][0] == "r"]
    assert sum(shares) == pytest.approx(100, abs=2)
    assert x.grad is None and conv.weight.grad is None
    graph.svg()


def test_maps_of_the_responses_sum_to_the_map_of_the_sum(colours):
    conv, x = colours
    vertices = {v.key: v for v in open_convolution(conv, x, square, output=1).picture.vertices}
    parts = sum(vertices[f"r {c}"].image for c in range(3))
    np.testing.assert_allclose(parts, vertices["sum"].image, rtol=1e-5, atol=1e-6)
    assert len({vertices[key].limit for key in ("r 0", "r 1", "r 2", "sum")}) == 1


def test_parts_that_do_not_make_the_whole_are_an_error(colours, monkeypatch):
    conv, x = colours
    responses = mg.viz.convolution.explain.__globals__["responses"]
    monkeypatch.setitem(convolution.explain.__globals__, "responses", lambda c, x: responses(c, x) * 1.1)
    with pytest.raises(ArithmeticError, match="differ from the whole"):
        open_convolution(conv, x, square)


def test_many_channels_share_a_path():
    graph = open_convolution(nn.Conv2d(20, 2, 3), mg.ones(1, 20, 5, 5), square)
    assert len(graph.picture.clusters) == 8 and graph.picture.clusters[-1].label == "13 other channels"


def test_bad_arguments_of_an_opened_convolution(colours):
    conv, x = colours
    with pytest.raises(TypeError, match="expected a Conv2d, got Linear"):
        open_convolution(nn.Linear(2, 2), x, square)
    with pytest.raises(IndexError, match="output 2 of a convolution with 2"):
        open_convolution(conv, x, square, output=2)
    with pytest.raises(ValueError, match="2 names for the 3 channels"):
        open_convolution(conv, x, square, channels=("a", "b"))


# ------------------------------------------------------------------------------------------- files, notebooks, errors


@pytest.mark.parametrize("suffix, start", [(".svg", "<svg"), (".html", "<!doctype html>"), (".dot", "//")])
def test_save_writes_what_the_suffix_says(tmp_path, suffix, start):
    path = scalar().save(tmp_path / f"g{suffix}")
    assert path.read_text(encoding="utf-8").startswith(start) and os.listdir(tmp_path) == [path.name]


def test_an_unknown_suffix_is_an_error_and_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"cannot save as 'g\.gif'; the suffix must be \.svg"):
        scalar().save(tmp_path / "g.gif")
    assert not os.listdir(tmp_path)


def test_a_path_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cannot write .*absent"):
        scalar().save(tmp_path / "absent" / "g.svg")


def test_a_failing_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "g.svg"
    path.write_text("old")

    def fail(*args):
        raise OSError(28, "disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match=r"graph: cannot write .*g\.svg: disk full"):
        scalar().save(path)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["g.svg"]


def test_notebook_representations():
    graph = scalar()
    assert graph._repr_svg_() == graph.svg()
    bundle = graph._repr_mimebundle_()
    assert bundle["image/svg+xml"] == graph.svg() and bundle["text/plain"] == repr(graph)
    size = "6 vertices, 7 edges"
    assert repr(graph) == f"<Graph 'computation graph': {size}; print it, .view() it, or .save('graph.svg')>"
    assert "Tensor from mul" in (mg.ones(2, requires_grad=True) * 2)._repr_html_()
    assert "&lt;" in nn.ModuleDict({"<b>": nn.ReLU()})._repr_html_()


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: mg.graph(mg.ones(3)), ValueError, r"tensor with a graph, got a tensor of shape \(3,\)"),
        (lambda: mg.graph([]), ValueError, "with a graph, got list"),
        (lambda: mg.graph(3.0), TypeError, "expected a Tensor, a Module or a function, got float"),
        (lambda: mg.graph(nn.Linear(2, 2)), TypeError, "Linear needs a sample input"),
        (lambda: mg.graph(mg.ones(1, requires_grad=True), mg.ones(1)), TypeError, "loss are for a module"),
        (lambda: scalar(budget=3), ValueError, "at least 10, got 3"),
        (lambda: perceptron(expand=["nope"]), KeyError, "expand='nope', but the graph has .*0"),
        (lambda: scalar(names=3), TypeError, "multiple values"),
        (lambda: mg.graph(mg.ones(1, requires_grad=True), layout="neato"), ValueError, "'builtin' or 'dot'"),
        (lambda: mg.graph(mg.ones(1, requires_grad=True), names={"x": 3}), TypeError, "got int for 'x'"),
        (lambda: mg.graph(mg.ones(2, requires_grad=True) * 2, gradients=True), RuntimeError, "upstream gradient"),
        (lambda: record(3).__enter__(), TypeError, "expected modules, got int"),
    ],
)
def test_bad_input_is_a_clear_error(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_cycle_of_modules_is_a_clear_error():
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].back = model
    with pytest.raises(ValueError, match="contains itself"):
        mg.graph(model, mg.ones(1, 2))
    assert not mg.autograd.state.observers


def test_importing_minigrad_does_not_import_what_only_pictures_need():
    import subprocess
    import sys

    code = "import minigrad, sys; print([m for m in ('minigrad.viz', 'graphviz', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_example_draws_the_pictures_that_are_shown(tmp_path, monkeypatch, capsys):
    examples = Path(__file__).parents[1] / "examples"
    monkeypatch.setattr("sys.argv", ["draw_graph.py", str(tmp_path)])
    runpy.run_path(str(examples / "draw_graph.py"), run_name="__main__")
    written = sorted(os.listdir(tmp_path))
    assert len(written) == 6 and set(written) <= set(os.listdir(examples / "pictures"))
    assert capsys.readouterr().out.count("Conv2d") == 17
    for name in ("expression.svg", "perceptron.svg", "replay.html"):  # the others have rounded sums of many numbers
        fresh, shown = ((folder / name).read_text(encoding="utf-8") for folder in (tmp_path, examples / "pictures"))
        assert fresh == shown, f"{name} has changed: run examples/draw_graph.py, look at it, and commit it"


def test_the_models_of_the_readme_fit_a_page():
    examples = Path(__file__).parents[1] / "examples"
    models = runpy.run_path(str(examples / "draw_models.py"))
    for name, graph in models["draw"]().items():
        found = graph.layout
        assert found.width * found.height < 900 * 1800 and len(graph.picture.vertices) <= 30, name
        assert (examples / "pictures" / name).exists()
        if name != "recurrent.svg":  # which has rounded sums of many numbers
            shown = (examples / "pictures" / name).read_text(encoding="utf-8")
            assert graph.svg() == shown, f"{name} has changed: run examples/draw_models.py, look at it, and commit it"
