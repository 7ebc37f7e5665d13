"""What notebooks show for tensors and modules: escaped, bounded in size, and right about values that are not finite."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, notebook


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
