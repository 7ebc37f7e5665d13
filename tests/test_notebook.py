"""What notebooks show for tensors and modules: escaped, bounded in size, and right about values that are not finite."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, distributions, nn, notebook, optim


def text(html):
    return "".join(ElementTree.fromstring(f"<div>{html}</div>").itertext())


@pytest.mark.parametrize(
    "tensor, words",
    [
        (mg.tensor([[1.0, -2.0]]), "Tensor · 1×2 · float32 · -2 … 1, mean -0.51-2"),
        (mg.tensor(3.5, requires_grad=True), "Tensor, asks for a gradient · scalar · float323.5"),
        (mg.tensor([2.0], requires_grad=True).exp(), "Tensor from exp · 1 · float327.389"),
        (mg.tensor([1.0, np.nan, -np.inf]), "Tensor · 3 · float32 · 2 not finite1nan-inf"),
        (mg.tensor([True, False]), "Tensor · 2 · boolTrueFalse"),
        (mg.zeros(0, 3), "Tensor · 0×3 · float32"),
        (mg.tensor([[[1.0, 2.0]], [[3.0, 4.0]]]), "Tensor · 2×1×2 · float32 · 1 … 4, mean 2.5[0]12[1]34"),
        (mg.zeros(4, 1, 1), "Tensor · 4×1×1 · float32 · 0 … 0, mean 0[0]0[1]0[2]0…"),
        (nn.Parameter([1.0]), "Parameter, asks for a gradient · 1 · float321"),
    ],
)
def test_a_tensor_says_what_it_is(tensor, words):
    assert text(tensor._repr_html_()) == words


def test_a_large_matrix_is_cut_short_and_says_how_large_it_is():
    html = mg.zeros(1000, 1000)._repr_html_()
    assert html.count("<td") == 12 * 13 + 1 and 'title="1000 in all"' in html and len(html) < 20_000


def test_shades_follow_sign_and_size():
    shades = re.findall(r"rgba\((\d+),\d+,(\d+),([\d.]+)\)", notebook.array(np.array([[1.0, -1.0, 0.0]]), "x"))
    assert [(int(red) > int(blue), float(alpha)) for red, blue, alpha in shades] == [
        (False, 0.55), (True, 0.55), (True, 0.0)
    ]  # fmt: skip


def test_a_module_is_a_tree_that_opens():
    html = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU()))._repr_html_()
    assert html.count("<details") == 2 and "weight 3×2, bias 3" in html
    ElementTree.fromstring(html.replace("<details open", "<details"))


def test_titles_are_escaped():
    assert "<script" not in notebook.array(np.zeros(1), "<script>") + notebook.details("<script>", "<script>", [])


def test_a_module_that_contains_itself_is_an_error():
    model = nn.Sequential(nn.ReLU())
    model[0].back = model
    with pytest.raises(ValueError, match="contains itself"):
        model._repr_html_()


def test_objects_without_a_table_say_what_they_are():
    w, images = mg.ones(1), data.TensorDataset(mg.ones(5, 3, 2), mg.arange(5))
    sgd = optim.SGD([w], 0.5)
    assert repr(images) == "<TensorDataset of 5 samples: float32[3, 2], int64[]>"
    assert repr(data.Subset(images, [0, 1])) == "<Subset of 2 samples of a TensorDataset>"
    assert repr(data.DataLoader(images, batch_size=2)) == "<DataLoader of batches of 2 from a TensorDataset>"
    assert repr(data.DataLoader([1, 2], batch_size=None)) == "<DataLoader of samples from a list>"
    assert repr(data.DataLoader([1, 2], batch_sampler=[[0]])) == "<DataLoader of batches from a list>"
    assert repr(optim.lr_scheduler.StepLR(sgd, 3)) == "<StepLR of SGD at t = 0: rate 0.5>"
    assert repr(mg.Generator(3)) == str(mg.Generator(3)) == "Generator(seed=3)"


def test_a_distribution_shows_what_it_was_given_as_in_pytorch():
    assert repr(distributions.Normal(0.0, 1.0)) == "Normal(loc: 0.0, scale: 1.0)"
    assert repr(distributions.Normal(mg.ones(2), 1.0)) == "Normal(loc: (2,), scale: (2,))"
    assert repr(distributions.Bernoulli(0.5)) == "Bernoulli(probs: 0.5)"
    assert repr(distributions.Categorical(logits=mg.ones(3))) == "Categorical(logits: (3,))"
