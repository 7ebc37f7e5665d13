"""The ladder of examples/learn says what the library does: the same values, gradients and losses, step by step."""

import ast
import html
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.channels import explain
from minigrad.nn import functional as F

LEARN = Path(__file__).parents[1] / "examples" / "learn"
LIMITS = {
    "step1_scalar": 40,
    "step2_arrays": 90,
    "step3_convolution": 25,
    "step4_train": 50,
    "step5_why_sum": 35,
    "step6_fast": 60,
}


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch):
    """The steps import each other by name, as they do when one of them is run."""
    monkeypatch.syspath_prepend(str(LEARN))


def step(number):
    return importlib.import_module(next(name for name in LIMITS if name.startswith(f"step{number}")))


def code_lines(path):
    """How many lines are code: no blanks, comments or docstrings."""
    text, docstrings = path.read_text(encoding="utf-8"), set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docstrings |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and i not in docstrings for i, line in lines)


def close(ours, theirs, tolerance=1e-12):
    """Both are the same arrays, given as tensors of the ladder and of the library."""
    for a, b in zip(ours, theirs, strict=True):
        assert a.array.shape == b.array.shape
        np.testing.assert_allclose(a.array, b.array, rtol=tolerance, atol=tolerance)


def leaves(arrays):
    """The same arrays as tensors of the ladder and of the library."""
    return [step(2).Tensor(a) for a in arrays], [mg.tensor(a, requires_grad=True) for a in arrays]


# ---------------------------------------------------------------------------------------------- as programs


def test_every_step_stays_within_its_lines_and_all_together_within_260():
    counted = {name: code_lines(LEARN / f"{name}.py") for name in LIMITS}
    assert {path.stem for path in LEARN.glob("step*.py")} == set(LIMITS)
    assert all(counted[name] <= limit for name, limit in LIMITS.items()), counted
    assert sum(counted.values()) <= 260


CLAIMS = {
    "step1_scalar": ["row 0 * row 1      -6.0     -10.0", "measured: a 24.0, b -20.0"],
    "step2_arrays": ["gradients: [[111.0], [111.0]] [5.0, 5.0, 5.0]", "largest difference from the formula: 0.0"],
    "step3_convolution": ["sum     ······", "second  ·oOOo·", "S = 20.0 20.0 20.0"],
    "step4_train": ["100.0%", "one for all", "51.0%"],
    "step5_why_sum": ["-2 gets 0.00        0 gets 0.00        2 gets 1.00 ###", "blue   0.125 -1.125 = -1.000; -1"],
    "step6_fast": ["times the library's"],
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_step_runs_as_a_program_and_prints_what_it_claims(name, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(LEARN / f"{name}.py")],
        capture_output=True, encoding="cp1252", cwd=tmp_path, timeout=300,
        env=os.environ | {"PYTHONIOENCODING": "cp1252"},  # a console of Windows
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for claim in CLAIMS[name]:
        assert claim in done.stdout
    assert not list(tmp_path.iterdir())


def test_the_first_five_steps_need_numpy_only():
    allowed = {"numpy", "inspect", "itertools", "functools", *LIMITS}
    for name in list(LIMITS)[:5]:
        for node in ast.walk(ast.parse((LEARN / f"{name}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                assert set(names) <= allowed


def test_the_tour_is_one_page_with_all_the_steps_that_loads_nothing():
    page = (LEARN / "tour.html").read_text(encoding="utf-8")
    assert not re.search(r"""<script|<link|@import|url\(|\bsrc=|\bhref="(?!#)""", page)
    assert [name for name in re.findall(r'<section id="(\w+)">', page) if name.startswith("step")] == list(LIMITS)
    for name in LIMITS:
        assert f"python examples/learn/{name}.py" in page


def test_the_tour_shows_every_line_of_every_step():
    page = (LEARN / "tour.html").read_text(encoding="utf-8")
    shown = set(html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"</?(?:div|pre)[^>]*>", "\n", page))).splitlines())
    for name in LIMITS:
        lines = (LEARN / f"{name}.py").read_text(encoding="utf-8").splitlines()
        code = lines[ast.parse("\n".join(lines)).body[0].end_lineno :]
        missing = [line for line in code if not re.match(r" *#", line) and line not in shown]
        assert not missing


def test_every_name_that_the_tours_prose_quotes_stands_in_the_code_beside_it():
    page = (LEARN / "tour.html").read_text(encoding="utf-8")
    code = " ".join(re.findall(r"<pre[^>]*>(.*?)</pre>", page, flags=re.S))
    known = set(re.findall(r"\w+", html.unescape(re.sub(r"<[^>]+>", "", code))))
    prose = re.sub(r"<(pre|figure)[^>]*>.*?</\1>", "", page, flags=re.S)
    quoted = [html.unescape(text) for text in re.findall(r"<code>(.*?)</code>", prose, flags=re.S)]
    assert len(quoted) > 50
    unknown = [text for text in quoted if not re.search(r'[/"]', text) and not set(re.findall(r"\w+", text)) <= known]
    assert not unknown


def test_every_operation_in_the_tours_pictures_of_numbers_shows_its_value():
    assert "→ scalar" not in (LEARN / "tour.html").read_text(encoding="utf-8")


# ---------------------------------------------------------------------------------------------- step by step


def test_the_scalar_tape_has_the_librarys_values_and_gradients_in_every_row(rng):
    one = step(1)
    for _ in range(20):
        one.TAPE.clear()
        values = list(rng.uniform(-2, 2, 3))
        ours, theirs = [one.Number(v) for v in values], [mg.tensor(v, requires_grad=True) for v in values]
        for _ in range(15):
            i, j, times = *rng.integers(0, len(ours), 2), rng.random() < 0.4
            ours.append(ours[i] * ours[j] if times else ours[i] + ours[j])
            theirs.append(theirs[i] * theirs[j] if times else theirs[i] + theirs[j])
        one.backward(ours[-1])
        found = mg.grad(theirs[-1], theirs[:-1], allow_unused=True)
        for number, tensor, g in zip(ours, theirs, (*found, mg.tensor(1.0)), strict=True):
            assert number.value == pytest.approx(tensor.item(), rel=1e-12)
            assert number.gradient == pytest.approx(0 if g is None else g.item(), rel=1e-9, abs=1e-12)


EXPRESSIONS = {
    "add and multiply with broadcasting": lambda m, x, y: x * y + y * 3 + 2 * x - y,
    "a number is used twice": lambda m, x, y: (x * y) * (x * y + x),
    "power": lambda m, x, y: (x * x + 1) ** -1 + y**3 + x**1 + x**0,
    "exp and log": lambda m, x, y: m.log(m.exp(x * y) + 1),
    "relu": lambda m, x, y: m.relu(x + y) * x * y,
    "sum and expand": lambda m, x, y: m.sum_to(x**2, (1, 3)) * y + m.expand(y, (4, 2, 3)) * x,
}


class Library:
    """The library under the ladder's names."""

    exp, log, relu = mg.exp, mg.log, mg.relu
    sum_to = staticmethod(lambda x, shape: x.sum_to_size(shape))
    expand = staticmethod(lambda x, shape: x.expand(shape))


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_arrays_have_the_librarys_values_and_its_first_second_and_third_derivatives(name, rng):
    two, expression = step(2), EXPRESSIONS[name]
    ours, theirs = leaves([rng.normal(size=(2, 3)), rng.normal(size=(3,))])
    a, b = expression(two, *ours), expression(Library, *theirs)
    close([a], [b])
    for _ in range(3):
        weight = rng.normal(size=a.shape)
        da, db = two.grad(a * weight, ours), mg.grad((b * mg.tensor(weight)).sum(), theirs, create_graph=True)
        close(da, db, 1e-10)
        a, b = two.exp(da[0] * 0.1) * da[1], mg.exp(db[0] * 0.1) * db[1]


def test_an_edge_keeps_what_its_rule_names_and_nothing_else():
    two = step(2)
    x, y = two.Tensor([1.0, 2.0]), two.Tensor([3.0, 4.0])
    kept = lambda tensor: [sorted(rule.keywords) for _, rule in tensor.edges]
    assert kept(x + y) == [[], []]
    assert kept(x * y) == [["y"], ["x"]]
    assert kept(x * 2.0) == [["y"]]
    assert kept(two.exp(x)) == [["out"]]
    assert kept(two.sum_to(x, ())) == [["x_shape"]]


@pytest.mark.parametrize(("stride", "padding", "window"), [(1, 0, (3, 3)), (1, 1, (3, 2)), (3, 2, (2, 4))])
def test_convolution_by_einsum_is_the_librarys_to_the_second_order(stride, padding, window, rng):
    two, three = step(2), step(3)
    ours, theirs = leaves([rng.normal(size=(2, 3, 8, 7)), rng.normal(size=(4, 3, *window))])
    a, b = three.conv2d(*ours, stride, padding), F.conv2d(*theirs, stride=stride, padding=padding)
    close([a], [b])
    da = two.grad(a**3, ours)
    db = mg.grad((b**3).sum(), theirs, create_graph=True)
    close(da, db, 1e-10)
    for first, same in zip(da, db, strict=True):  # through convolution_input and convolution_weight
        weight = rng.normal(size=first.shape)
        second = mg.grad((same * mg.tensor(weight)).sum(), theirs, retain_graph=True)
        close(two.grad(first * weight, ours), second, 1e-10)


def library_network(w, v, tied):
    """Step 4's network in the library's layers."""
    conv = nn.Conv2d(3, len(w), 3, bias=False, dtype=mg.float64)
    head = nn.Linear(len(w), 1, bias=False, dtype=mg.float64)
    conv.load_state_dict({"weight": np.broadcast_to(w, (len(w), 3, 3, 3))})
    head.load_state_dict({"weight": v.reshape(1, -1)})
    if tied:
        conv.weight.register_hook(lambda g: g.sum(1, keepdim=True).expand(g.shape))
    return nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)


@pytest.mark.parametrize("tied", [False, True])
def test_training_has_the_librarys_losses_step_for_step(tied, rng):
    two, four = step(2), step(4)
    images, label = four.make_edges(32, rng)
    w, v = rng.normal(size=(4, 1 if tied else 3, 3, 3)) / 5, rng.normal(size=(4, 1, 1))
    learned, weights, losses = four.train(two.Tensor(w), two.Tensor(v), images, label, steps=30)
    model = library_network(w, v, tied)
    x, y = mg.tensor(images), mg.tensor(label.reshape(-1, 1))
    optimizer = optim.SGD(model.parameters(), lr=four.RATE)
    for expected in losses:
        optimizer.zero_grad()
        loss = F.softplus(-model(x) * y).mean()
        assert loss.item() == pytest.approx(expected, rel=1e-10)
        loss.backward()
        optimizer.step()
    conv, head = model[0], model[-1]
    np.testing.assert_allclose(np.broadcast_to(learned.array, conv.weight.shape), conv.weight.array, atol=1e-10)
    np.testing.assert_allclose(weights.array.ravel(), head.weight.array.ravel(), atol=1e-10)
    assert losses[-1] < losses[0]


def test_explain_agrees_with_the_librarys_channel_by_channel(rng):
    two, five = step(2), step(5)
    x, w = rng.normal(size=(2, 3, 6, 5)), rng.normal(size=(4, 3, 3, 2))
    conv = nn.Conv2d(3, 4, (3, 2), bias=False, dtype=mg.float64)
    conv.load_state_dict({"weight": w})
    theirs = explain(conv, mg.tensor(x), lambda out: (out.relu() ** 2).sum())
    answers, back, slices, channels = five.explain(x, w, five.REDUCTIONS["sum"], lambda out: two.relu(out) ** 2)
    for c in range(3):
        np.testing.assert_allclose(answers[c].array, theirs.responses[:, :, c], atol=1e-12)
        np.testing.assert_allclose(back[c].array, theirs.g, atol=1e-12)  # the same for all channels
        np.testing.assert_allclose(slices[c].array, theirs.weight_grads[c][:, [c]], atol=1e-10)
        np.testing.assert_allclose(channels[c].array, theirs.input_grads[c][:, [c]], atol=1e-10)


@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_other_reductions_send_back_what_the_librarys_send_back(name, rng):
    two, five = step(2), step(5)
    arrays = [rng.normal(size=(2, 4, 5)) for _ in range(3)]
    ours, (stacked,) = [two.Tensor(a) for a in arrays], leaves([np.stack(arrays)])[1]
    reduce = {"sum": lambda r: r.sum(0), "mean": lambda r: r.mean(0), "max": lambda r: r.amax(0)}[name]
    a, b = five.REDUCTIONS[name](*ours), reduce(stacked)
    close([a], [b])
    (g,) = mg.grad((b**2).sum(), [stacked])
    close(two.grad(a**2, ours), [mg.tensor(part) for part in g.array])


@pytest.mark.parametrize("common", [0, 2])
def test_a_step_moves_a_channels_answer_by_its_own_term_and_the_others(common):
    five, loss = step(5), step(4).loss
    x, label = five.make_patches(common)
    x, zeros, combine = x.astype(float), np.zeros((1, 3, 1, 3)), five.REDUCTIONS["sum"]
    _, back, slopes, _ = five.explain(x, zeros, combine, lambda out: loss(out, label))
    conv = nn.Conv2d(3, 1, (1, 3), bias=False, dtype=mg.float64)
    conv.load_state_dict({"weight": zeros})
    F.softplus(-conv(mg.tensor(x)) * mg.tensor(label, dtype=mg.float64)).mean().backward()
    np.testing.assert_allclose(np.concatenate([s.array for s in slopes], 1), conv.weight.grad.array, atol=1e-14)
    for i in range(8):
        moved = [-(x[i, c] * slopes[c].array).sum() for c in range(3)]
        terms = [-back[c].array.ravel() * (x[:, c] * x[i, c]).sum((1, 2)) for c in range(3)]
        np.testing.assert_allclose([t.sum() for t in terms], moved, atol=1e-14)
        assert all(np.sign(t[i]) in (0, label[i].item()) for t in terms)  # its own: all one way, as the loss wants
    assert (np.sign(moved[0]) != np.sign(moved[2])) == bool(common)  # only the others' can move channels apart


@pytest.mark.parametrize(("size", "window"), [((6, 7), (3, 2)), ((5, 5), (5, 5)), ((4, 4), (1, 1))])
def test_the_fast_convolution_is_the_librarys_to_the_second_order(size, window, rng):
    two, six = step(2), step(6)
    ours, theirs = leaves([rng.normal(size=(2, 3, *size)), rng.normal(size=(4, 3, *window))])
    a, b = six.convolution(*ours), F.conv2d(*theirs)
    close([a], [b])
    da, db = two.grad(a**3, ours), mg.grad((b**3).sum(), theirs, create_graph=True)
    close(da, db, 1e-10)
    for first, same in zip(da, db, strict=True):
        second = mg.grad((same**2).sum(), theirs, retain_graph=True)
        close(two.grad(first**2, ours), second, 1e-9)


def test_the_fast_convolution_holds_each_pixel_once_for_a_column_of_the_window_and_not_once_for_a_pixel_of_it():
    matrices = step(6).gather_columns(np.zeros((4, 3, 10, 10)), 3, 3)
    assert len(matrices) == 8 and matrices[0].shape == (3 * 3 * 3, 8 * 4)
    assert all(m.base is matrices[0].base for m in matrices)  # views of one copy
    assert matrices[0].base.size == 10 * 3 * 3 * 8 * 4
