"""What users of torchviz, torchview and graphviz type: it works, or an error says the call here."""

import webbrowser

import numpy as np
import pytest
from test_viz_graph import titles

import minigrad as mg
from minigrad import nn, viz
from minigrad.nn import functional as F


def network():
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU())


def test_make_dot_and_draw_graph_say_the_call_here():
    model = network()
    y = model(mg.ones(2, 4))
    with pytest.raises(TypeError, match=r"here it is mg\.graph\(y, names=dict\(model\.named_parameters\(\)\)\)"):
        viz.make_dot(y, params=dict(model.named_parameters()))
    with pytest.raises(TypeError, match=r"mg\.graph\(model, input_size=\(2, 4\), depth=2\)"):
        viz.draw_graph(model, input_size=(2, 4), depth=2, expand_nested=True)


@pytest.mark.parametrize(
    "option, words",
    [("params", "names="), ("expand_nested", "depth="), ("input_data", "second argument"), ("show_attrs", "are shown"),
     ("graph_dir", 'direction="LR"'), ("roll", "fold=True"), ("save_graph", r"\.save"), ("graph_name", "title=")],
)  # fmt: skip
def test_their_keywords_are_named_in_an_error(option, words):
    with pytest.raises(TypeError, match=words):
        mg.graph(network(), mg.ones(2, 4), **{option: 1})


def test_an_unknown_keyword_is_an_ordinary_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        mg.graph(network(), mg.ones(2, 4), colour="red")


def test_the_calls_that_the_errors_give_work():
    model = network()
    y = model(mg.ones(2, 4)).sum()
    assert "0.weight" in titles(mg.graph(y, names=dict(model.named_parameters())), "parameter")
    assert len(mg.graph(model, input_size=(2, 4), depth=2).picture.vertices) == 4
    assert len(titles(mg.graph(Sum(), input_size=[(1, 2), (1, 2)]), "input")) == 2


class Sum(nn.Module):
    def forward(self, a, b):
        return a + b


def test_render_and_view_are_graphvizs_words(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    graph = mg.graph(network(), mg.ones(2, 4))
    assert graph.render("picture", directory=str(tmp_path), format="svg") == str(tmp_path / "picture.svg")
    assert (tmp_path / "picture.svg").read_text().startswith("<svg") and not opened
    path = graph.view(str(tmp_path / "page.html"))
    assert opened == [(tmp_path / "page.html").as_uri()] and path.endswith("page.html")


def test_the_two_models_of_a_gan_are_named():
    generator, discriminator = nn.Sequential(nn.Linear(2, 4)), nn.Sequential(nn.Linear(4, 1))
    z, real = mg.randn(3, 2), mg.randn(3, 4)
    with viz.record(G=generator, D=discriminator) as seen:
        fake = discriminator(generator(z))
        loss = F.binary_cross_entropy_with_logits(fake, mg.zeros(3, 1)) + discriminator(real).mean()
    graph = mg.graph(loss, record=seen, names={"z": z, "real": real})
    assert {"G.0.weight", "G.0.bias"} <= {v.tip for v in graph.picture.vertices}
    assert {"D.0.weight", "D.0.bias"} <= {v.tip for v in graph.picture.vertices}
    assert {"z", "real"} <= set(titles(graph, "constant"))
    assert any(c.label.startswith("D.0 (call 2)") or c.label.startswith("D (call 2)") for c in graph.picture.clusters)


def test_models_in_a_row_are_told_apart_by_class():
    one, other = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2))
    with viz.record(one, other, nn.Linear(2, 2)) as seen:
        other(one(mg.ones(1, 2)))
    assert {"Linear.weight", "Sequential.0.weight", "Linear2.weight"} <= set(seen.names.values())


def test_a_temporary_modules_weights_are_parameters():
    loss = nn.Linear(2, 3)(mg.ones(4, 2, requires_grad=True)).sum()
    assert sorted(titles(mg.graph(loss), "parameter")) == ["bias", "weight"]


def test_names_take_modules():
    model = network()
    loss = model(mg.ones(2, 4)).sum()
    assert {"net.0.weight", "net.0.bias"} <= set(titles(mg.graph(loss, names={"net": model}), "parameter"))


def test_a_function_with_its_inputs_is_drawn_without_a_record():
    graph = mg.graph(lambda image, label: F.cross_entropy(image, label), (mg.randn(2, 3), mg.tensor([0, 1])))
    assert titles(graph, "input") == ["image", "label"] and titles(graph, "operation") == ["cross_entropy"]


def test_a_missing_graphviz_package_is_no_obstacle(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "graphviz", None)
    graph = mg.graph(network(), mg.ones(2, 4))
    assert graph.svg().startswith("<svg") and graph.html() and str(graph)
    with pytest.raises(ImportError):
        graph.dot  # noqa: B018


def test_what_rho_means_is_said_where_it_is_shown():
    once, twice = (mg.graph(made, 0.5, gradients=True) for made in (lambda x: x.exp(), lambda x: x * x.exp()))
    assert "ρ" not in once.svg() and "ρ = |Σ g| / Σ |g| is 1" in twice.svg()


def test_numbers_alone_are_inputs_and_beside_a_tensor_they_are_options():
    drawn = [mg.graph(lambda x, y: x * y + x, given, gradients=True) for given in (
        (2.0, -3), (mg.tensor(2.0), mg.tensor(-3.0)), {"x": 2, "y": np.float64(-3)}
    )]  # fmt: skip
    assert "x  = 2  grad −2 = 1 − 3" in str(drawn[0]) and len({graph.svg() for graph in drawn}) == 1
    assert str(mg.graph(lambda x: x**2, 3)) == str(mg.graph(lambda x, n: x**n, (mg.tensor(3.0), 2)))
    with pytest.raises(TypeError, match=r"<lambda> needs a sample input.*mg\.graph\(function, \(x, y\)\)"):
        mg.graph(lambda x, y: x * y)


def test_a_wrong_sample_input_is_a_clear_error():
    with pytest.raises(TypeError, match=r"Sequential\(.*\) does not take the sample input"):
        mg.graph(network(), (mg.ones(2, 4), mg.ones(2, 4), mg.ones(2)))
    with pytest.raises(TypeError, match=r"a list is one argument: give several as a tuple, \(x, y\)$"):
        mg.graph(lambda x, y: x * y, [mg.ones(2), mg.ones(2)])
    with pytest.raises(TypeError, match="needs a sample input, and only one"):
        mg.graph(network(), mg.ones(2, 4), input_size=(2, 4))
    with pytest.raises(ValueError, match="direction must be 'TB' or 'LR', got 'RL'"):
        mg.graph(network(), mg.ones(2, 4), direction="RL")


def test_a_title_is_seen():
    assert ">my network</text>" in mg.graph(network(), mg.ones(2, 4), title="my network").svg()


def test_a_legend_says_what_the_colours_are():
    svg = mg.graph(network(), mg.ones(2, 4)).svg()
    assert ">layer</text>" in svg and ">input</text>" in svg
