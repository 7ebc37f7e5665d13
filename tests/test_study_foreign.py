"""Networks from ONNX files: what is measured is what onnxruntime computes, and what cannot be measured is named.

The networks are made here with onnx's helper, so the tests download nothing; onnx and onnxruntime are part of [test].
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from browser import available, browser
from onnx import TensorProto, helper, numpy_helper

from minigrad.channels import survey_layers
from minigrad.channels.layer_sums import Row
from minigrad.channels.survey import Survey
from minigrad.study.__main__ import main
from minigrad.study.foreign.images import bundled, from_folder, pixels_for
from minigrad.study.foreign.onnx_network import Network, NetworkError
from minigrad.study.foreign.page import About, headline, page

RNG = np.random.default_rng(0)


def model(nodes, weights, shape=(1, 3, 9, 8), rank=4, kind=TensorProto.FLOAT, inputs=("x",), path=None) -> bytes:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kind, shape) for name in inputs],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, [None] * rank)],
        [numpy_helper.from_array(np.asarray(w, np.float32), name) for name, w in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    content = made.SerializeToString()
    if path is not None:
        path.write_bytes(content)
    return content


def conv(kind="Conv", **attributes):
    return helper.make_node(kind, ["x", "w"], ["y"], name="layer", **attributes)


def run_alone(content: bytes, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x.astype(np.float32)})[0]


LAYERS = {
    "plain": (conv(), (5, 4, 3, 3)),
    "pads that differ": (conv(pads=[0, 2, 1, 0], strides=[2, 1], dilations=[1, 2]), (5, 4, 3, 2)),
    "same, upper": (conv(auto_pad="SAME_UPPER", strides=[2, 3]), (5, 4, 4, 2)),
    "same, lower": (conv(auto_pad="SAME_LOWER", strides=[2, 1]), (5, 4, 2, 4)),
    "valid": (conv(auto_pad="VALID"), (5, 4, 2, 2)),
    "groups": (conv(group=2, pads=[1, 1, 1, 1]), (6, 2, 3, 3)),
    "one by one": (conv(), (7, 4, 1, 1)),
    "transposed": (conv("ConvTranspose", strides=[2, 2]), (4, 5, 3, 2)),
    "transposed, pads that differ": (conv("ConvTranspose", strides=[2, 3], pads=[0, 1, 2, 0]), (4, 5, 3, 3)),
    "transposed, groups": (conv("ConvTranspose", group=2, strides=[2, 1], output_padding=[1, 0]), (4, 3, 3, 2)),
    "transposed, a shape": (conv("ConvTranspose", strides=[2, 2], output_shape=[12, 11]), (4, 5, 3, 3)),
    "transposed, same": (conv("ConvTranspose", strides=[2, 2], auto_pad="SAME_UPPER"), (4, 5, 3, 3)),
    "one dimension": (conv(pads=[2, 0], strides=[2]), (5, 4, 3)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_the_index_is_that_of_the_responses_that_onnxruntime_computes(kind):
    node, shape = LAYERS[kind]
    sizes = (6, 5) if len(shape) == 4 else (21,)
    content = model([node], {"w": RNG.standard_normal(shape)}, (1, 4, *sizes), 2 + len(sizes))
    x = RNG.standard_normal((1, 4, *sizes)).astype(np.float32)
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    parts = []  # the answer to one channel of each group alone
    for c in range(4 // groups):
        alone = np.zeros((1, groups, 4 // groups, *sizes), np.float32)
        alone[:, :, c] = x.reshape(alone.shape)[:, :, c]
        parts.append(run_alone(content, alone.reshape(x.shape)))
    r = np.stack(parts)
    row = Network("net.onnx", content).survey([("x", x)], draws=20)[0]
    assert row.channels == 4 // groups
    assert row.index == pytest.approx(1 - np.abs(r.sum(0)).sum() / np.abs(r).sum(), abs=1e-5)


def chain() -> tuple[list, dict]:
    nodes = [
        helper.make_node("Conv", ["x", "first"], ["a"], name="conv1;exported;twice", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Constant", [], ["deep"], value=numpy_helper.from_array(np.ones((4, 1, 3, 3), np.float32))),
        helper.make_node("Conv", ["b", "deep"], ["c"], name="depthwise", group=4),
        helper.make_node("Identity", ["last"], ["copied"]),
        helper.make_node("Conv", ["c", "copied"], ["y"], name="a/very/long/name/of/an/exporter/point"),
    ]
    return nodes, {"first": RNG.standard_normal((4, 3, 3, 3)), "last": RNG.standard_normal((6, 4, 1, 1))}


def test_every_convolution_is_measured_on_what_reaches_it():
    nodes, weights = chain()
    content, x = model(nodes, weights), RNG.standard_normal((1, 3, 9, 8)).astype(np.float32)
    found = Network("net.onnx", content).survey([("x", x)], draws=100)
    assert [row.name for row in found.rows] == ["conv1", "depthwise", "…/long/name/of/an/exporter/point"]
    assert [row.note for row in found.rows] == ["", "no sum: one channel a group", ""]
    inner = model(nodes[:4], weights)
    expected = survey_layers([("last", weights["last"], run_alone(inner, x), {})], draws=100)[0]
    assert found[2].index == pytest.approx(expected.index, abs=1e-5)


def test_inputs_of_many_sizes_give_their_parts():
    content = model([conv()], {"w": RNG.standard_normal((64, 3, 3, 3))}, ("n", 3, "h", "w"))
    inputs = [(str(n), RNG.standard_normal((1, 3, n, n + 3))) for n in (7, 20, 12)]
    told = []
    survey = Network("net.onnx", content).survey(
        inputs, draws=50, progress=lambda done, total: told.append(done / total)
    )
    assert survey[0].p == survey[0].p and told[-1] == 1 and told == sorted(told)
    again = Network("net.onnx", content).survey(inputs, draws=50)
    assert str(again) == str(survey)


def nested() -> list:
    inside = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["z"], name="hidden")], "then", [], [
        helper.make_tensor_value_info("z", TensorProto.FLOAT, None)])  # fmt: skip
    yes = helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True)))
    branch = helper.make_node("If", ["yes"], ["y"], then_branch=inside, else_branch=inside)
    return [yes, branch]


WRONG = {
    "no network": (lambda: b"not a network", "this is no ONNX network"),
    "nothing": (lambda: b"", "this is no ONNX network"),
    "no convolution": (
        lambda: model([helper.make_node("Relu", ["x"], ["y"])], {}),
        "no convolution; its operators are Relu",
    ),
    "two inputs": (lambda: model([conv()], {}, inputs=("x", "w")), "one input, this has 2: x, w"),
    "an operator of one's own": (
        lambda: model([conv(), helper.make_node("MyOwn", ["y"], ["z"])], {"w": np.ones((2, 3, 3, 3))}),
        "onnxruntime cannot run this network: .*MyOwn",
    ),
    "quantised": (
        lambda: model([conv("ConvInteger")], {"w": np.ones((2, 3, 3, 3))}, kind=TensorProto.UINT8),
        "none of its 1 convolutions can be measured .ConvInteger, quantised",
    ),
    "inside a branch": (lambda: model(nested(), {"w": np.ones((2, 3, 3, 3))}), "inside an operator If"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_network_that_cannot_be_measured_is_told_why(case):
    make, message = WRONG[case]
    with pytest.raises(NetworkError, match=rf"net\.onnx: .*{message}"):
        Network("net.onnx", make())


def test_three_dimensions_are_refused_by_name_and_the_rest_is_measured():
    nodes = [
        helper.make_node("Conv", ["x", "v"], ["a"], name="volume"),
        helper.make_node("Constant", [], ["shape"], value=numpy_helper.from_array(np.array([1, 2, 4, 16]))),
        helper.make_node("Reshape", ["a", "shape"], ["b"]),
        helper.make_node("Conv", ["b", "w"], ["y"], name="plane"),
    ]
    weights = {"v": RNG.standard_normal((2, 3, 1, 1, 1)), "w": RNG.standard_normal((5, 2, 3, 3))}
    network = Network("net.onnx", model(nodes, weights, (1, 3, 4, 4, 4)))
    rows = network.survey([("x", RNG.standard_normal((1, 3, 4, 4, 4)))], draws=20).rows
    assert "three dimensions" in rows[0].note and rows[1].index > 0


def test_an_input_that_the_network_cannot_take_is_named():
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Conv", ["a", "w"], ["y"])]
    content = model(nodes, {"w": np.ones((2, 3, 3, 3)), "b": np.ones((1, 1, 5, 5))}, ("n", 3, "h", "w"))
    with pytest.raises(NetworkError, match="cannot run it on large: "):
        Network("net.onnx", content).survey([("large", np.ones((1, 3, 20, 20)))])


# --------------------------------------------------------------------------------------------------------- images


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    model([conv()], {"w": RNG.standard_normal((4, 3, 3, 3))}, (1, 3, 8, 10), path=path)
    return path


def save_picture(path: Path, height: int, width: int, mode: str = "RGB") -> np.ndarray:
    from PIL import Image

    pixels = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return pixels


def test_pictures_and_arrays_become_inputs(network, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    pixels = save_picture(folder / "b.png", 8, 10)
    save_picture(folder / "c.JPG", 8, 10, "L")
    np.save(folder / "a.npy", np.full((2, 3, 8, 10), 3.0))
    (folder / "notes.txt").write_text("no image")
    taken = Network(network).input
    found = from_folder(folder, taken, "signed")
    assert [name for name, _ in found] == ["a.npy[0]", "a.npy[1]", "b.png", "c.JPG"]
    np.testing.assert_allclose(found[2][1][0], pixels.transpose(2, 0, 1) / 127.5 - 1)
    assert (found[0][1] == 3).all() and all(x.shape == (1, 3, 8, 10) for _, x in found)


@pytest.mark.parametrize("shape", [(2, 8, 10, 3), ("n", 1, "h", "w"), (1, 3, 100, 120)], ids=str)
def test_bundled_photographs_fit_the_network(shape):
    channel = 3 if shape[1] != 1 else 1
    node = helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2] if shape[3] == 3 else [0, 1, 2, 3])
    weights = {"w": RNG.standard_normal((2, channel, 3, 3))}
    network = Network("net.onnx", model([node, helper.make_node("Conv", ["t", "w"], ["y"])], weights, shape))
    given = bundled(network.input, "unit")
    wanted = tuple(224 if n == "h" or n == "w" else 1 if n == "n" else n for n in shape)
    assert all(x.shape == wanted and x.min() >= 0 and x.max() <= 1 for _, x in given)
    assert len(given) == (32 if shape[1] == 8 else 8) and network.survey(given[:2], draws=20)


def test_a_network_of_integers_takes_pixels_as_they_are():
    nodes = [helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT), helper.make_node("Conv", ["f", "w"], ["y"])]
    weights = {"w": RNG.standard_normal((2, 3, 3, 3))}
    network = Network("net.onnx", model(nodes, weights, (1, 3, 16, 16), kind=TensorProto.UINT8))
    given = bundled(network.input, pixels_for(network.input, None))
    assert given[0][1].max() > 1 and network.survey(given[:2], draws=20)[0].index > 0
    with pytest.raises(NetworkError, match="the network takes uint8, so --pixels signed"):
        pixels_for(network.input, "signed")


REFUSED = {
    "another size": (lambda f: save_picture(f / "a.png", 9, 10), r"a.png has 10×9 pixels, the network takes 10×8"),
    "nothing": (lambda f: None, r"expected .png, .jpg, .jpeg, .npy files, found none"),
    "no picture": (lambda f: (f / "a.png").write_bytes(b"x"), "a.png: cannot be read as a picture"),
    "no array": (lambda f: (f / "a.npy").write_bytes(b"x"), "a.npy: cannot be read as an array"),
    "a wrong array": (lambda f: np.save(f / "a.npy", np.ones((3, 8, 9))), "1×3×8×9, the network takes 1×3×8×10"),
    "no numbers": (lambda f: np.save(f / "a.npy", np.full((3, 8, 10), np.nan)), "expected finite real numbers"),
    "objects": (lambda f: np.save(f / "a.npy", np.array([None]), allow_pickle=True), "cannot be read as an array"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_image_that_cannot_be_used_is_named(case, network, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    make, message = REFUSED[case]
    make(folder)
    with pytest.raises(NetworkError, match=message):
        from_folder(folder, Network(network).input, "unit")


# ---------------------------------------------------------------------------------------------------- the command


def test_the_command_writes_a_page_of_its_own(network, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["--network", str(network), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "1 convolution, 1 with a sum" in " ".join(said.out.split()) and "\r" not in said.err
    assert all(len(line) <= 40 or " " not in line for line in said.out.splitlines())
    (written,) = tmp_path.glob("network_net_*.html")
    text = written.read_text(encoding="utf-8")
    assert "layer" in text and "What to make of it" in text and "The filters that cancel most" in text
    assert not re.search(r"https?://|\bnan\b", re.sub(r'xmlns="[^"]*"', "", text))
    np.save(tmp_path / "x.npy", RNG.standard_normal((1, 3, 8, 10)))
    assert main(["--network", str(network), "--images", str(tmp_path / "x.npy"), "--out", str(tmp_path)]) == 0
    assert len(list(tmp_path.glob("network_net_*.html"))) == 2  # other images, another page


def test_the_advice_names_the_layers_of_which_it_is_true():
    def row(name: str, **numbers: float) -> Row:
        return Row(name, "4×3×3×3", 3, **{"index": 0.5, "null": 0.5, "p": 0.5, "near_zero": 0.08, **numbers})

    survey = Survey(
        (
            row("takes", index=0.95, p=0.01),
            row("adds", index=0.2, p=0.04),
            row("sparse", near_zero=0.3),
            row("one", shares=np.array([0.1, 0.8, 0.1])),
            Row("deep", "4×1×3×3", 1, note="no sum: one channel a group"),
        )
    )
    text = page(survey, About("net.onnx", 7, "It was run on nothing", ""))
    found = re.findall(r"<h3>(.*?)</h3><p>.*?</p><p class=small>(.*?)\.</p>", text)
    assert [(title, re.findall("<code>(.*?)</code>", named)) for title, named in found] == [
        ("Layers that take differences", ["takes"]),
        ("Layers that add up what agrees", ["adds"]),
        ("Layers that need their digits", ["takes"]),
        ("Layers with many weights near zero", ["sparse"]),
        ("Layers that listen to one channel", ["one"]),
        ("Layers that were not measured", ["deep"]),
    ]
    assert "error × 20" in text and headline(survey).startswith("5 convolutions, 4 with a sum")
    lines = re.findall("<tr>(.*?)</tr>", text)
    first = next(i for i, line in enumerate(lines) if "<th class=n>shuffled" in line)
    heads, cells = (re.findall("<t[hd][^>]*>(.*?)</t[hd]>", line) for line in lines[first : first + 2])
    values = dict(zip(heads, cells, strict=True))
    assert (values["layer"], values["index"], values["near zero"]) == ("takes", "0.950", "8%")
    quiet = page(Survey((row("none"),)), About("net.onnx", 7, "It was run on nothing", ""))
    assert "No layer stands out" in quiet


@pytest.mark.skipif(not available, reason="needs chromium and chromedriver")
def test_the_page_fits_a_phone_and_can_be_read_in_light_and_dark(tmp_path):
    nodes, weights = chain()
    model(nodes, weights, path=tmp_path / "a-network-with-rather-a-long-name-of-its-own.onnx")
    assert main(["--network", str(next(tmp_path.glob("*.onnx"))), "--out", str(tmp_path)]) == 0
    colours = """const light = (colour) =>
            colour.match(/[\\d.]+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) / 765;
        const style = getComputedStyle(document.body), text = getComputedStyle(document.querySelector("svg text"));
        return [light(style.backgroundColor), light(style.color), light(text.fill)]"""
    with browser() as tab:
        tab.open(next(tmp_path.glob("network_*.html")))
        assert tab.console() == [] and tab.run("return performance.getEntriesByType('resource').length") == 0
        for scheme, sign in (("light", 1), ("dark", -1)):
            tab.media(prefers_color_scheme=scheme)
            paper, ink, drawn = tab.run(colours)
            assert sign * (paper - ink) > 0.6 and sign * (paper - drawn) > 0.4
        tab.resize(390, 844)
        assert tab.run("return document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("--network {net} --full", "no option of the study"),
        ("--images {folder}", "for --network FILE"),
        ("--network {net} --pixels grey", "invalid choice: 'grey'"),
    ],
)
def test_options_that_do_not_go_together_are_named(line, named, network, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(line.format(net=network, folder=tmp_path).split())
    assert stopped.value.code == 2 and named in capsys.readouterr().err


def test_a_network_that_is_none_and_a_missing_package_are_named(network, tmp_path, capsys, monkeypatch):
    assert main(["--network", str(tmp_path / "nothing.onnx"), "--out", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setitem(__import__("sys").modules, "onnxruntime", None)
        assert main(["--network", str(network), "--out", str(tmp_path)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "onnxruntime is not installed" in said and "pip install 'minigrad-whysum[networks]'" in said
    (tmp_path / "taken").write_text("a file")
    assert main(["--network", str(network), "--out", str(tmp_path / "taken")]) == 2
    assert "--out" in capsys.readouterr().err and not list(tmp_path.glob("*.tmp"))
