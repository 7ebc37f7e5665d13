"""Loops and repeated blocks: any period, in phase with the source line, a state with its gradient from step to step."""

import inspect
import re

import numpy as np
import pytest
from test_viz_graph import titles
from test_viz_layout import check

import minigrad as mg
from minigrad import nn
from minigrad.viz import record


class Recurrent(nn.Module):
    def __init__(self):
        self.cell, self.out = nn.Linear(5, 3), nn.Linear(3, 1)

    def forward(self, x):
        h = mg.zeros(x.shape[0], 3)
        for t in range(x.shape[1]):
            h = self.cell(mg.cat([x[:, t], h], 1)).tanh()
        return self.out(h)


class HandWritten(nn.Module):
    """An LSTM of sixteen operations a step."""

    def __init__(self):
        self.gates = nn.Linear(5, 12)

    def forward(self, x):
        h = c = mg.zeros(x.shape[0], 3)
        for t in range(x.shape[1]):
            z = self.gates(mg.cat([x[:, t], h], 1))
            i, f = z[:, :3].sigmoid(), z[:, 3:6].sigmoid()
            g, o = z[:, 6:9].tanh(), z[:, 9:].sigmoid()
            c = f * c + i * g
            h = o * c.tanh()
        return h


def fold_label(graph):
    (label,) = [c.label for c in graph.picture.clusters if "repeated" in c.label]
    return label


def states(graph):
    return [v for v in graph.picture.vertices if v.kind == "state"]


def test_a_recurrent_network_of_fifty_steps_is_one_step_with_a_state_and_an_arrow_back():
    graph = mg.graph(Recurrent(), mg.randn(2, 50, 2), gradients=True)
    first = next(i for i, line in enumerate(inspect.getsource(Recurrent).splitlines()) if "self.cell(mg.cat" in line)
    line = inspect.getsourcelines(Recurrent)[1] + first
    assert fold_label(graph) == f"50 × repeated (the loop at line {line}); the first is drawn"
    (state,) = states(graph)
    (back,) = [e for e in graph.picture.edges if e.back]
    assert back.tail == state.key and back.head == "tanh"
    assert titles(graph, "layer") == ["cell Linear", "out Linear"]
    check(graph.picture, graph.layout)


def test_the_states_curve_is_the_gradient_of_each_step_from_the_first_to_the_last():
    mg.manual_seed(0)
    model, x = Recurrent(), mg.randn(2, 20, 2)
    (state,) = states(mg.graph(model, x, gradients=True, fold=True))
    h, steps = mg.zeros(2, 3), []
    for t in range(20):
        h = model.cell(mg.cat([x[:, t], h], 1)).tanh()
        steps.append(h)
    grads = mg.grad(model.out(h).sum(), steps)
    np.testing.assert_allclose(state.curve, [float(np.linalg.norm(g.numpy())) for g in grads], rtol=1e-4)
    assert state.curve[0] < state.curve[-1] / 100  # it vanishes, and the curve shows it
    assert re.search(r"\|grad\| .*e−\d+ … ", state.lines[-1])


def test_a_hand_written_lstm_of_sixty_steps_folds_with_both_its_states():
    graph = mg.graph(HandWritten(), mg.randn(2, 60, 2), gradients=True)
    assert fold_label(graph).startswith("60 × repeated")
    assert len(states(graph)) == 2 and len([e for e in graph.picture.edges if e.back]) == 2
    assert titles(graph).count("sigmoid") == 3 and len(graph.picture.vertices) < 25
    check(graph.picture, graph.layout)


@pytest.mark.parametrize("period", [1, 2, 3, 7, 11, 19])
def test_a_loop_of_any_period_folds(period):
    x = y = mg.tensor(0.5, requires_grad=True)
    with record() as seen:
        for _ in range(40):
            for k in range(period):  # each is an operation of its own kind: its number is part of the step
                y = [mg.sin, mg.tanh, mg.cos, mg.exp, mg.sigmoid][k % 5](y) if k % 2 else y * (0.5 + k)
    graph = mg.graph(y, record=seen, fold=True, names={"x": x})
    (state,) = states(graph)
    assert "of 40 steps" in state.lines[1]
    assert len(titles(graph, "operation")) == period


def test_a_step_begins_with_the_first_line_of_the_loop_though_it_was_entered_in_its_middle():
    w = mg.tensor(0.5, requires_grad=True)
    with record() as seen:
        h = w
        for _ in range(30):
            a = h * 0.9
            b = a.sin()
            h = b + w
    graph = mg.graph(h, record=seen, fold=True, names={"w": w})
    operations = titles(graph, "operation")
    assert operations == ["mul", "sin", "add"]


def test_two_equal_blocks_fold_where_folding_is_asked_for():
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
    assert fold_label(mg.graph(model, mg.ones(1, 3), fold=True)) == "2 × repeated (0 … 1); the first is drawn"
    assert not any("repeated" in c.label for c in mg.graph(model, mg.ones(1, 3)).picture.clusters)


def test_blocks_that_differ_in_a_shape_do_not_fold():
    model = nn.Sequential(*[nn.Sequential(nn.Linear(n, n + 1), nn.ReLU()) for n in range(3, 9)])
    assert not any("repeated" in c.label for c in mg.graph(model, mg.ones(1, 3), fold=True).picture.clusters)


def test_a_chain_of_three_thousand_is_one_step():
    y = mg.tensor(1.0, requires_grad=True)
    with record() as seen:
        for _ in range(3000):
            y = y * 0.999 + 0.001
    graph = mg.graph(y, record=seen, gradients=True)
    assert len(graph.picture.vertices) == 7 and states(graph)[0].curve[0] == pytest.approx(0.999**2999, rel=1e-3)


def test_without_a_record_a_loop_still_folds():
    y = mg.tensor(1.0, requires_grad=True)
    for _ in range(100):
        y = (y * 0.9).sin()
    graph = mg.graph(y)
    assert "of 100 steps" in states(graph)[0].lines[1]


def test_the_budget_is_a_maximum():
    x = mg.tensor(1.0, requires_grad=True)
    y = x
    for i in range(300):
        y = [mg.sin, mg.cos, mg.exp, mg.tanh][(i * i * 7 + i // 3) % 4](y * x if i % 5 else y + x) / 2
    for budget in (10, 17, 60, 150):
        for fold in (None, False):
            assert len(mg.graph(y, budget=budget, fold=fold).picture.vertices) <= budget
