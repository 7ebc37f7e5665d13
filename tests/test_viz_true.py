"""The drawn graph is the expression that the user wrote: read back from the DOT, it has the expression's value."""

import html
import random
import re

import numpy as np
import pytest
from test_viz_graph import Network, edges, titles

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F
from minigrad.viz import record

FUNCTIONS = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b, "maximum": np.maximum, "minimum": np.minimum, "neg": lambda a: -a, "tanh": np.tanh,
    "exp": np.exp, "sin": np.sin, "square": np.square, "relu": lambda a: np.maximum(a, 0), "sqrt": np.sqrt,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)), "abs": np.abs,
}  # fmt: skip
SECOND = {"right", "exponent"}


def number(text):
    return float(text.replace("−", "-"))


def read_dot(source):
    """Vertices as name -> lines, and edges as (tail, head, role), from DOT text alone."""
    vertices = {
        name: re.sub("<BR/>", "\n", label)
        for name, label in re.findall(r"^\s*(n\d+) \[label=<(.*?)> (?=\w+=)", source, re.MULTILINE)
    }
    lines = {n: [html.unescape(re.sub("<[^>]+>", "", part)) for part in t.split("\n")] for n, t in vertices.items()}
    found = []
    for tail, head, options in re.findall(r"^\s*(n\d+) -> (n\d+) \[(.*)\]", source, re.MULTILINE):
        role = re.search(r"headlabel=(\w+)", options)
        found.append((tail, head, role.group(1) if role else ""))
    return lines, found


def evaluate(source):
    """The value of the result, computed from the drawn leaves upwards; each drawn value is compared on the way."""
    vertices, drawn = read_dot(source)
    values = {}

    def value(name):
        if name not in values:
            lines = vertices[name]
            operands = [(role in SECOND, value(tail)) for tail, head, role in drawn if head == name]
            arguments = [v for _, v in sorted(operands, key=lambda pair: pair[0])]
            said = next((number(line[2:]) for line in lines if line.startswith("= ")), None)
            if not arguments:
                values[name] = number(lines[0]) if said is None else said
            else:
                title = lines[0]
                values[name] = arguments[0] if title == "result" else FUNCTIONS[title](*arguments)
                assert said == pytest.approx(values[name], rel=2e-3, abs=1e-3), (title, arguments)
        return values[name]

    return value(next(name for name, lines in vertices.items() if lines[0] == "result"))


def random_expression(seed, inputs):
    """An expression of tensors with and without a gradient, and of numbers on either side."""
    r = random.Random(seed)
    pool = list(inputs)
    for _ in range(r.randint(3, 9)):
        a, b = r.choice(pool), r.choice(pool)
        c = r.choice([-1.5, 0.5, 2, 3])
        made = [
            lambda a=a, b=b: a + b, lambda a=a, b=b: a - b, lambda a=a, b=b: a * b, lambda a=a, c=c: a - c,
            lambda a=a, c=c: c - a, lambda a=a, c=c: a / c, lambda a=a, c=c: c / (a.abs() + 1), lambda a=a: -a,
            lambda a=a: a.tanh(), lambda a=a: a.detach().sigmoid(), lambda a=a: (a.abs() + 1) ** 2,
            lambda a=a: 2 ** (a.tanh()), lambda a=a, b=b: mg.maximum(a, b), lambda a=a, c=c: c * a,
        ]  # fmt: skip
        pool.append(r.choice(made)())
    total = pool[-1] + inputs[0]
    for part in pool[len(inputs) : -1]:
        total = total - part
    return total


@pytest.mark.parametrize("seed", range(60))
def test_the_drawn_graph_of_a_random_expression_has_its_value(seed):
    values = [mg.tensor(1.25, requires_grad=True), mg.tensor(-0.75, requires_grad=True), mg.tensor(0.5)]
    with record() as seen:
        result = random_expression(seed, values)
    graph = mg.graph(result, record=seen, budget=1000, fold=False)
    assert evaluate(graph.dot.source) == pytest.approx(result.item(), rel=5e-3, abs=5e-3)


def test_a_difference_and_its_reverse_are_told_apart():
    one, other = (mg.graph(f, mg.tensor(3.0)) for f in (lambda c: c - 1, lambda c: 1 - c))
    assert "sub  = 2  ← c (left), 1 (right)" in str(one) and "sub  = −2  ← 1 (left), c (right)" in str(other)
    assert evaluate(one.dot.source) == 2 and evaluate(other.dot.source) == -2


def test_what_a_tape_alone_does_not_keep_is_drawn_as_unknown_and_said():
    x = mg.tensor(3.0, requires_grad=True)
    graph = mg.graph(1 - x)
    assert titles(graph, "constant") == ["?"] and "sub  = −2  ← ? (left), tensor (right)" in str(graph)
    assert any("mg.graph(function, inputs)" in note for note in graph.picture.notes)
    assert titles(mg.graph(x * 3), "constant") == ["3"]  # kept by the rule, so it is known


def test_a_detached_tensor_is_an_operand_without_a_gradient():
    graph = mg.graph(lambda x: x * x.exp().detach(), mg.tensor(1.0))
    assert ("exp", "mul") in edges(graph)
    names = {v.key: v.lines[0] for v in graph.picture.vertices}
    assert [(names[e.tail], names[e.head]) for e in graph.picture.edges if e.dashed] == [("exp", "mul")]


def test_a_frozen_convolution_keeps_its_frame_its_weight_and_its_bias():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 1, 3))
    for parameter in model[0].parameters():
        parameter.requires_grad = False
    graph = mg.graph(model, mg.ones(1, 1, 8, 8), operations=True, parameters=True)
    assert [c.label for c in graph.picture.clusters] == ["0 Conv2d", "2 Conv2d"]
    assert titles(graph, "parameter") == ["weight", "bias", "weight", "bias"]
    with record(model) as seen:  # with an input that asks for no gradient, nothing of it is on the tape
        out = model(mg.ones(1, 1, 8, 8)).sum()
    assert titles(mg.graph(out, record=seen), "parameter") == ["weight", "bias", "weight", "bias"]


def test_buffers_are_constants_with_their_names():
    class Scaled(nn.Module):
        def __init__(self):
            self.register_buffer("scale", mg.tensor([2.0, 3.0]))

        def forward(self, x):
            return x * self.scale

    graph = mg.graph(Scaled(), mg.ones(2), constants=True)
    assert titles(graph, "constant") == ["scale"]
    assert "constant" not in {v.kind for v in mg.graph(Scaled(), mg.ones(2)).picture.vertices}


def test_no_argument_of_a_rule_is_ever_the_name_of_a_tensor():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    graph = mg.graph((x * mg.tensor([3.0, 4.0])).sum() + x[mg.tensor([0, 1])].sum())
    assert not {"x", "y", "index", "input"} & {v.lines[0] for v in graph.picture.vertices}


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda x: mg.cat([x, x, x]), "cat"),
        (lambda x: x.mean(), "mean"),
        (lambda x: x.flatten(), "flatten"),
        (lambda x: F.layer_norm(x, (4,)), "layer_norm"),
        (lambda x: F.batch_norm(x, None, None, training=True), "batch_norm"),
        (lambda x: F.cross_entropy(x, mg.tensor([0, 1, 2])), "cross_entropy"),
        (lambda x: F.binary_cross_entropy_with_logits(x, mg.ones(3, 4)), "binary_cross_entropy_with_logits"),
        (lambda x: x.var(), "var"),
        (lambda x: F.conv_transpose2d(x.reshape(1, 1, 3, 4), mg.ones(1, 1, 2, 2)), "conv_transpose2d"),
        (lambda x: F.mse_loss(x, mg.zeros(3, 4)), "mse_loss"),
    ],
)
def test_one_call_is_one_box_with_pytorchs_name(call, name):
    graph = mg.graph(call, mg.randn(3, 4))
    assert name in titles(graph, "operation") and len(titles(graph, "operation")) <= 2


def test_a_call_opens_on_request():
    def loss(x):
        return F.cross_entropy(x, mg.tensor([0, 1, 2]), label_smoothing=0.1)

    closed, opened = mg.graph(loss, mg.randn(3, 4)), mg.graph(loss, mg.randn(3, 4), expand="cross_entropy")
    assert titles(closed, "operation") == ["cross_entropy"] and len(titles(closed, "constant")) == 1
    assert [c.label for c in opened.picture.clusters] == ["cross_entropy"] and "log_softmax" in titles(opened)


def test_inputs_have_the_names_of_forwards_parameters_and_outputs_those_of_their_keys():
    class Two(nn.Module):
        def __init__(self):
            self.a, self.b = nn.Linear(3, 4), nn.Embedding(5, 4)

        def forward(self, dense, ids):
            hidden = self.a(dense) + self.b(ids)
            return {"logits": hidden.sum(1), "hidden": hidden}

    for given in ((mg.ones(2, 3), mg.tensor([1, 2])), {"ids": mg.tensor([1, 2]), "dense": mg.ones(2, 3)}):
        graph = mg.graph(Two(), given)
        assert sorted(titles(graph, "input")) == ["dense", "ids"]
        assert titles(graph, "result") == ["logits", "hidden"]
    assert ("ids", "b Embedding") in edges(graph)


def test_a_forward_that_takes_a_dict_gets_the_dict():
    class Whole(nn.Module):
        def forward(self, batch):
            return batch["image"] * batch["weight"]

    graph = mg.graph(Whole(), {"image": mg.ones(2), "weight": mg.ones(2)})
    assert titles(graph, "input") == ["image", "weight"]


def test_values_are_shown_at_every_node_of_a_scalar_expression():
    graph = mg.graph(lambda a, b: (a * b + a).tanh() / 2, (mg.tensor(0.5), mg.tensor(-3.0)))
    for vertex in graph.picture.vertices:
        assert any(line.startswith("= ") for line in vertex.lines) or vertex.kind == "constant", vertex.lines


def test_recording_for_a_picture_keeps_no_activation_alive():
    import gc
    import weakref

    model = Network(1)
    with record(model) as seen:
        out = model(mg.ones(1, 1, 6, 6))
    inner = weakref.ref(out.node.edges[0][1])
    del out
    gc.collect()
    assert inner() is None and seen.operations


def test_a_double_backward_is_drawn_with_all_its_operands():
    x = mg.tensor(2.0, requires_grad=True)
    with record() as seen:
        (slope,) = mg.grad(x**3, x, create_graph=True)
        result = slope * slope
    graph = mg.graph(result, record=seen, names={"x": x})
    assert not any(v.lines[0] == "?" for v in graph.picture.vertices)
    assert evaluate(graph.dot.source) == pytest.approx(144)


class Repeated(nn.Module):
    """Four equal blocks in a box."""

    def __init__(self):
        self.features = nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(4)], nn.Linear(4, 2))

    def forward(self, x):
        return self.features(x)


def test_a_closed_box_counts_what_is_folded_in_it():
    graph = mg.graph(Repeated(), input_size=(3, 4), loss=lambda y: y.sum(), depth=1, fold=True)
    (box,) = [v for v in graph.picture.vertices if v.kind == "module"]
    assert box.lines[1:] == ["9 operations, 90 parameters", "3×4 → 3×2"]
    assert not any("Repeated" in note for note in graph.picture.notes)  # nothing that is drawn is


def test_operands_of_cat_are_numbered_from_three_on():
    x, y = mg.ones(2, requires_grad=True), mg.zeros(2, requires_grad=True)
    labels = [edge.label for edge in mg.graph(lambda x, y: mg.cat([x, y, x]), (x, y)).picture.edges]
    assert labels[:3] == ["1", "2", "3"]
    labels = [edge.label for edge in mg.graph(lambda x, y: mg.cat([x, y]), (x, y)).picture.edges]
    assert labels[:2] == ["first", "second"]
