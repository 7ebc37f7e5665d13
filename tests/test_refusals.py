"""What PyTorch refuses and NumPy would take, or refuse in NumPy's words: each call, and what its error must say.

tests/reference/databases.py finds such calls in PyTorch's own lists of wrong inputs.
"""

import copy
import pickle
import re

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F

REFUSED = {
    "diff, n below 0": (lambda: mg.diff(mg.ones(3), -1), "n ≥ 0"),
    "isclose, rtol below 0": (lambda: mg.isclose(mg.ones(1), mg.ones(1), rtol=-0.4), "at least 0"),
    "allclose, atol below 0": (lambda: mg.allclose(mg.ones(1), mg.ones(1), atol=-1), "at least 0"),
    "uniform_, turned around": (lambda: mg.ones(2).uniform_(3, -1), "from the smaller"),
    "normal_, std below 0": (lambda: mg.ones(2).normal_(0, -1), "std ≥ 0"),
    "t_ of four dimensions": (lambda: mg.ones(1, 2, 3, 4).t_(), "at most 2 dimensions"),
    "tril of a vector": (lambda: mg.ones(4).tril(), "at least two dimensions"),
    "triu of a vector": (lambda: mg.triu(mg.ones(4)), "at least two dimensions"),
    "arange, wrong way": (lambda: mg.arange(0, -3, 2), "never arrives"),
    "arange to infinity": (lambda: mg.arange(0, float("inf"), 2), "never arrives"),
    "multinomial of integers": (lambda: mg.multinomial(mg.tensor([1, 2]), 1), "floating"),
    "dot of lengths": (lambda: mg.dot(mg.ones(9), mg.ones(3)), r"two vectors alike, got float32\[9\] and float32\[3\]"),
    "dot of dtypes": (lambda: mg.ones(3).dot(mg.ones(3).double()), "two vectors alike"),
    "addmv, a fraction of integers": (
        lambda: mg.addmv(mg.arange(2), mg.arange(4).reshape(2, 2), mg.arange(2), alpha=0.5), "whole numbers"
    ),
    "avg_pool2d of integers": (lambda: F.avg_pool2d(mg.arange(16).reshape(1, 4, 4), 2), "floating"),
    "conv2d, float bias": (
        lambda: F.conv2d(mg.arange(4).view(1, 1, 2, 2), mg.arange(1).view(1, 1, 1, 1), mg.ones(1)),
        "conv2d: input is int64 but bias is float32",
    ),
    "conv1d, float bias": (
        lambda: F.conv1d(mg.arange(4).view(1, 1, 4), mg.arange(1).view(1, 1, 1), mg.ones(1)),
        "conv1d: input is int64 but bias is float32",
    ),
    "conv_transpose2d, double bias": (
        lambda: F.conv_transpose2d(mg.ones(1, 1, 2, 2), mg.ones(1, 1, 1, 1), mg.ones(1).double()), "bias is float64"
    ),
    "conv1d, a long kernel": (
        lambda: F.conv1d(mg.ones(1, 3, 5), mg.ones(4, 3, 9)),
        "conv1d: windows of 9 with dilation 1 do not fit a sequence of 5 with padding 0$",
    ),
    "conv1d, no stride": (
        lambda: F.conv1d(mg.ones(1, 3, 5), mg.ones(4, 3, 3), stride=0), "stride must be a number of at least 1, got 0$"
    ),
    "conv_transpose1d, channels": (
        lambda: F.conv_transpose1d(mg.ones(1, 3, 5), mg.ones(4, 3, 3)), r"input \(1, 3, 5\), weight \(4, 3, 3\)"
    ),
    "max_pool1d, padding": (
        lambda: F.max_pool1d(mg.ones(1, 3, 5), 2, padding=3), "padding 3 must be at most half of kernel_size 2$"
    ),
    "CircularPad1d of images": (lambda: nn.CircularPad1d(3)(mg.ones(2, 3, 4, 5)), "expected 2 or 3 dimensions"),
    "flip, unknown option": (lambda: mg.ones(2).flip(axes=(0,)), "unexpected 'axes'; expected numbers, or dims="),
    "resize_ of what asks for a gradient": (lambda: mg.ones(2, requires_grad=True).resize_(3), "cannot be resized"),
    "save of a module": (lambda: mg.save(nn.Linear(1, 1), "unused"), r"is a Linear; save its state_dict\(\)"),
    "save of an optimizer": (
        lambda: mg.save({"o": mg.optim.SGD([mg.ones(1)], lr=1)}, "unused"), r"\['o'\] is a SGD; save its state_dict\(\)"
    ),
    "deepcopy of a result": (lambda: copy.deepcopy(mg.ones(1, requires_grad=True) * 2), "only leaves can be copied"),
    "shapes that do not broadcast": (lambda: mg.ones(2, 3) + mg.ones(3, 2), "add.*: the shapes do not broadcast"),
    "rows and columns": (lambda: mg.ones(2, 3) @ mg.ones(2, 3), "the rows on the left have 3 elements"),
    "minus of booleans": (lambda: mg.ones(2).bool() - mg.ones(2).bool(), "booleans have no subtract; say x \\^ y"),
    "negative of booleans": (lambda: -mg.ones(2).bool(), "booleans have no negative"),
    "the maximum of nothing": (lambda: mg.zeros(0).max(), "no element to choose from"),
    "exp of text": (lambda: mg.less(mg.ones(2), "abc"), "expected a Tensor or a number, got str"),
    "several of different shapes": (lambda: mg.relu([mg.ones(2), mg.ones(3)]), "of different shapes"),
    "integers in place of booleans": (lambda: (mg.ones(2) > 0).clamp_(2, 3), "cannot hold|does not go into"),
    "a list to nan_to_num": (lambda: mg.nan_to_num([1.0]), "nan_to_num: x must be a Tensor, got list"),
    "a number to std": (lambda: mg.std(1.0), "std: x must be a Tensor, got float"),
    "a list to a convolution": (lambda: nn.Conv2d(1, 1, 1)([1.0]), "Conv2d: the input is list; say tensor"),
    "a row to kron": (lambda: mg.kron((1, 2), mg.ones(2)), "kron: x must be a Tensor, got tuple"),
    "a number unbound": (lambda: mg.tensor(1.0).unbind(), "unbind: a tensor without dimensions"),
    "a number split": (lambda: mg.split(mg.tensor(1.0), 2), "split: a tensor without dimensions"),
    "a dimension that is not there": (lambda: mg.ones(2, 3).size(5), r"no dimension 5 in a tensor of shape \(2, 3\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_call_is_refused_once_and_in_its_own_words(name):
    call, words = REFUSED[name]
    with pytest.raises((TypeError, ValueError, RuntimeError, IndexError), match=words) as caught:
        call()
    error = caught.value
    assert "ufunc" not in str(error) and "numpy" not in str(error)
    assert error.__context__ is None or error.__suppress_context__, "two tracebacks"


def test_a_file_that_pickle_wrote_says_how_to_convert_it(tmp_path):
    for protocol in (2, 5):
        path = tmp_path / f"model{protocol}.pt"
        path.write_bytes(pickle.dumps(nn.Linear(2, 2), protocol))
        with pytest.raises(ValueError, match=re.escape("module.state_dict()")):
            mg.load(path)


def test_tensors_are_copied_and_pickled_as_in_pytorch():
    leaf = mg.tensor([1.0, 2.0], requires_grad=True)
    for made in (
        copy.copy(leaf),
        pickle.loads(pickle.dumps(leaf)),
        copy.copy(leaf * 1),
        pickle.loads(pickle.dumps(leaf * 1)),
    ):
        assert made.is_leaf and made.requires_grad and made.tolist() == [1.0, 2.0]
    assert copy.copy(leaf).array is leaf.array and copy.deepcopy(leaf).array is not leaf.array
    parameter = nn.Parameter(mg.ones(2), requires_grad=False)
    for made in (copy.copy(parameter), copy.deepcopy(parameter), pickle.loads(pickle.dumps(parameter))):
        assert type(made) is nn.Parameter and not made.requires_grad


def test_older_names_make_and_draw_as_in_pytorch():
    x = mg.ones(2, dtype=mg.float64)
    assert x.new(2, 3).shape == (2, 3) and x.new([1, 2]).dtype == mg.float64
    assert mg.tensor([0.0, 1.0]).multinomial(3, replacement=True).tolist() == [1, 1, 1]
    assert mg.tensor([0.0, 1.0]).bernoulli().tolist() == [0.0, 1.0]


def test_whole_numbers_promote_to_the_default_dtype():
    before = mg.get_default_dtype()
    try:
        for dtype in (mg.float64, mg.float16, mg.float32):
            mg.set_default_dtype(dtype)
            whole = mg.arange(1, 4)
            made = [whole / 2, whole.exp(), whole.sqrt(), whole.float().to(dtype) * 2, whole + 0.5, whole.sigmoid()]
            assert {str(x.dtype) for x in made} == {str(np.dtype(dtype))}, dtype
    finally:
        mg.set_default_dtype(before)


def test_a_tensor_leaves_the_graph_itself():
    x = mg.ones(2, requires_grad=True)
    y = x * 2
    assert y.detach_() is y and y.is_leaf and not y.requires_grad
    z = x * 2
    with pytest.raises(RuntimeError, match="a view cannot be detached"):
        z[0].detach_()
    assert z[0].detach().detach_().item() == 2
