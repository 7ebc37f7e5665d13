"""Mistakes of a first week, and what is said to each: what was given, what was expected, and what to say instead."""

import re

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn import functional as F


def images(n=4, channels=3, size=8):
    return mg.zeros(n, channels, size, size)


class WithPlainList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(2, 2)]


class WithoutReturn(nn.Module):
    def forward(self, x):
        x.relu()


def step_to_a_new_tensor():
    w = mg.ones(3, requires_grad=True)
    (w * w).sum().backward()
    w = w - 0.1 * w.grad
    (w * w).sum().backward()
    return w.grad * 0.1


def two_steps_on_one_graph():
    x = mg.ones(3, requires_grad=True)
    loss = (x * x).sum()
    loss.backward()
    loss.backward()


def change_what_was_saved():
    y = mg.ones(3, requires_grad=True).exp()
    y += 1
    y.sum().backward()


def change_a_leaf():
    w = mg.ones(3, requires_grad=True)
    w += 1


class WithMisspeltForward(nn.Module):
    def foward(self, x):
        return x


def diverge():
    w = mg.ones(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=1e4)
    for _ in range(30):
        optimizer.zero_grad()
        w.square().sum().backward()
        optimizer.step()


SCORES, LABELS = mg.zeros(4, 10), mg.tensor([1, 2, 3, 4])
MISTAKES = {  # what was done: the call, the error, and words that must be in it
    # shapes
    "a linear layer of other features": (
        lambda: nn.Linear(10, 2)(mg.zeros(4, 9)),
        ValueError,
        "asks for 10 features, the input's last dimension is 9",
    ),
    "no Flatten before Linear": (
        lambda: nn.Linear(192, 10)(images()),
        ValueError,
        "last dimension is 8; say .flatten(1)",
    ),
    "an image without a batch": (
        lambda: nn.Linear(192, 10)(images()[0].flatten(1)),
        ValueError,
        "without a batch dimension? Then say .unsqueeze(0)",
    ),
    "channels that come last": (
        lambda: nn.Conv2d(3, 8, 3)(mg.zeros(4, 32, 32, 3)),
        ValueError,
        "channels come second: say .permute(0, 3, 1, 2)",
    ),
    "other channels": (lambda: nn.Conv2d(3, 8, 3)(images(channels=1)), ValueError, "asks for 3 input channels"),
    "images of bytes": (
        lambda: nn.Conv2d(3, 8, 3)(mg.tensor(np.zeros((1, 3, 8, 8), np.uint8))),
        TypeError,
        "say input.float() / 255",
    ),
    "a product that wants a transpose": (
        lambda: mg.zeros(2, 3) @ mg.zeros(2, 3),
        ValueError,
        "have 3 elements, the columns on the right 2; .mT of the second would fit",
    ),
    "a matrix and a vector": (
        lambda: mg.zeros(2, 3) @ mg.zeros(2),
        ValueError,
        "have 3 elements, the columns on the right 2",
    ),
    "batches of matrices": (
        lambda: mg.zeros(4, 2, 3) @ mg.zeros(5, 3, 2),
        ValueError,
        "the shapes do not broadcast",
    ),
    "an expansion of a length": (
        lambda: mg.zeros(2, 3).expand(4, 3),
        ValueError,
        "of length 2 cannot become 4; only a",
    ),
    "a permutation of too many": (lambda: mg.zeros(2, 3).permute(0, 1, 2), ValueError, "the 2 dimensions once, got 3"),
    # labels
    "float labels": (lambda: F.cross_entropy(SCORES, LABELS.float()), TypeError, "say .long()"),
    "one-hot integers": (
        lambda: F.cross_entropy(SCORES, F.one_hot(LABELS, 10)),
        ValueError,
        "for one-hot vectors say target.argmax(1)",
    ),
    "labels as a column": (lambda: F.cross_entropy(SCORES, LABELS.unsqueeze(1)), ValueError, "say target.squeeze(1)"),
    "labels out of range": (
        lambda: F.cross_entropy(SCORES, LABELS + 6),
        IndexError,
        "target 10 is out of bounds for 10",
    ),
    "labels before scores": (lambda: F.cross_entropy(LABELS, SCORES), TypeError, "are they exchanged?"),
    "a loss that is called as it is made": (
        lambda: nn.CrossEntropyLoss(SCORES, LABELS),
        TypeError,
        "make the loss first and call it then",
    ),
    "probabilities that are scores": (
        lambda: F.binary_cross_entropy(mg.tensor([3.0]), mg.ones(1)),
        ValueError,
        "for scores there is",
    ),
    # gradients
    "backward twice": (two_steps_on_one_graph, RuntimeError, "say retain_graph=True"),
    "backward of many": (
        lambda: mg.ones(3, requires_grad=True).backward(),
        RuntimeError,
        "an upstream gradient is needed",
    ),
    "backward of what has none": (lambda: mg.ones(3).sum().backward(), RuntimeError, "or it was made under no_grad"),
    "a leaf in place": (change_a_leaf, RuntimeError, "do it under no_grad()"),
    "what was saved in place": (change_what_was_saved, RuntimeError, "change a clone() or change it after backward"),
    "a step to a new tensor": (step_to_a_new_tensor, UserWarning, "A weight stays a leaf if it is changed in place"),
    "integers with gradients": (
        lambda: mg.tensor([1], requires_grad=True),
        TypeError,
        "only floating dtypes have gradients",
    ),
    "NumPy of a gradient": (lambda: mg.ones(1, requires_grad=True).numpy(), RuntimeError, "use .detach().numpy()"),
    # modules and optimizers
    "modules in a plain list": (lambda: optim.SGD(WithPlainList().parameters(), 0.1), ValueError, "use nn.ModuleList"),
    "a module for its parameters": (lambda: optim.SGD(nn.Linear(2, 2), 0.1), TypeError, "say model.parameters()"),
    "parameters without a call": (
        lambda: optim.Adam(nn.Linear(2, 2).parameters),
        TypeError,
        "a method that was not called",
    ),
    "a module to be clipped": (lambda: nn.utils.clip_grad_norm_(nn.Linear(2, 2), 1.0), TypeError, "model.parameters()"),
    "no return": (
        lambda: nn.Linear(2, 2)(WithoutReturn()(mg.ones(2))),
        TypeError,
        "forward() before it end with a return?",
    ),
    "nothing in a function": (
        lambda: mg.relu(None),
        TypeError,
        "got NoneType; does the model's forward() end with a return?",
    ),
    "a class for a layer": (
        lambda: nn.Sequential(nn.Linear(2, 2), nn.ReLU),
        TypeError,
        "'1' is the class ReLU; say ReLU(",
    ),
    "a tensor for an option": (lambda: nn.ReLU(mg.ones(2)), TypeError, "make the layer first, then call it"),
    "a list for a tensor": (
        lambda: nn.Linear(2, 2)([[1.0, 2.0]]),
        TypeError,
        "the input is list; say tensor(...) first",
    ),
    "an unknown option": (lambda: nn.Conv2d(3, 8, kernel=3), TypeError, "Conv2d.__init__() got an unexpected keyword"),
    "a missing option": (lambda: nn.BatchNorm2d(), TypeError, "BatchNorm2d.__init__() missing 1 required"),
    "a list of modules": (lambda: nn.Sequential([nn.ReLU()]), TypeError, "say Sequential(*modules)"),
    "a misspelt layer": (lambda: nn.Conv2D(3, 8, 3), AttributeError, "did you mean 'Conv2d'?"),
    "another network's weights": (
        lambda: nn.Sequential(nn.Linear(2, 2)).load_state_dict(nn.Linear(2, 2).state_dict()),
        RuntimeError,
        "nothing changed",
    ),
    "a misspelt forward": (
        lambda: WithMisspeltForward()(mg.ones(1)),
        NotImplementedError,
        "does not define forward(); does its foward() mean forward()?",
    ),
    "a list of modules that is called": (
        lambda: nn.ModuleList([nn.ReLU()])(mg.ones(1)),
        NotImplementedError,
        "call them in your forward(), or use Sequential",
    ),
    "samples of other shapes": (
        lambda: next(iter(mg.data.DataLoader([mg.ones(2), mg.ones(3)], batch_size=2))),
        ValueError,
        "default_collate: samples of one batch must have one shape, got (2,) and (3,)",
    ),
    "arrays of other shapes": (
        lambda: mg.data.default_collate([np.ones(2), np.ones(3)]),
        ValueError,
        "got (2,) and (3,); bring them to one size, or pass a collate_fn",
    ),
    "a list for a module": (
        lambda: nn.utils.weight_norm([1.0]),
        TypeError,
        "weight_norm: expected a Module, got list",
    ),
    "a module without the weight": (
        lambda: nn.utils.spectral_norm(nn.ReLU()),
        ValueError,
        "spectral_norm: ReLU has no weight 'weight'",
    ),
    "no parameters at all": (lambda: nn.utils.clip_grad_norm_(None, 1.0), TypeError, "expected tensors, got NoneType"),
    "a module for a vector": (lambda: nn.utils.parameters_to_vector(nn.ReLU()), TypeError, "say model.parameters()"),
    "a tensor for a function": (
        lambda: mg.func.jacobian(mg.ones(2), mg.ones(2)),
        TypeError,
        "jacobian: expected a function first, got Tensor",
    ),
    "a probability above 1": (lambda: mg.distributions.Bernoulli(2.0), ValueError, "expected probs in [0, 1]"),
    "words for probabilities": (lambda: mg.distributions.Categorical("a"), TypeError, "expected numbers, got 'a'"),
    "a number for a shape": (
        lambda: nn.summary(nn.Linear(2, 2), 3),
        TypeError,
        "summary: input_size is a shape, such as (64, 1, 28, 28), got 3",
    ),
    "responses without channels": (
        lambda: mg.channels.cancellation([1.0, 2.0]),
        ValueError,
        "cancellation: expected numbers with the channels along dim=2, got shape (2,)",
    ),
    "nothing for responses": (lambda: mg.channels.cancellation(None), ValueError, "got NoneType"),
    "a list for a reduction": (
        lambda: mg.channels.streamed([1], mg.ones(1), "max"),
        ValueError,
        "streamed: reduce is one of",
    ),
    # values
    "rows of other lengths": (
        lambda: mg.tensor([[1.0, 2.0], [3.0]]),
        ValueError,
        "expected numbers in nested lists of equal lengths, got lengths 1 and 2 side by side",
    ),
    "a number beside a list": (lambda: mg.tensor([1, [2, 3]]), ValueError, "got numbers and lists side by side"),
    "a length below zero": (lambda: mg.zeros(2, -1), ValueError, "zeros: lengths must be at least 0, got (2, -1)"),
    "a length that is no whole number": (lambda: mg.rand(3.0, 2), TypeError, "rand: expected whole numbers"),
    "a word for a length": (lambda: mg.arange("3"), TypeError, "arange: expected a number, got str"),
    "a word for a seed": (lambda: mg.manual_seed("a"), TypeError, "expected an integer, got 'a'"),
    "a mode for other images": (
        lambda: F.interpolate(mg.ones(1, 1, 4), scale_factor=2, mode="bilinear"),
        NotImplementedError,
        "of shape (1, 1, 4); there are 'nearest', 'nearest-exact', 'linear', 'area'",
    ),
    "an image without channels": (
        lambda: F.interpolate(mg.ones(2, 2), scale_factor=2),
        NotImplementedError,
        "expected (N, C, *) of 3 to 5 dimensions",
    ),
    "NaN from too high a rate": (diverge, RuntimeWarning, "overflow encountered in square"),
    "item of many": (lambda: mg.ones(3).item(), ValueError, "expected a tensor of one element, got shape (3,)"),
    "the truth of many": (lambda: bool(mg.ones(3) > 0), ValueError, "use .any() or .all()"),
    "words for numbers": (lambda: mg.tensor(["cat", "dog"]), TypeError, "expected numbers, got 'cat'"),
    "None among numbers": (lambda: mg.tensor([[1.0, None]]), TypeError, "expected numbers, got None"),
    "a word in a sum": (lambda: mg.ones(2) + "a", TypeError, "expected a Tensor or a number, got str"),
    "another device": (lambda: mg.ones(2).to("cuda"), RuntimeError, "there is one device, the CPU"),
    "a misspelt device": (lambda: mg.ones(2).to("cdua"), TypeError, "got 'cdua' (the only device is 'cpu')"),
    "an empty range": (lambda: mg.randint(10, 0, (3,)), ValueError, "expected low below high, got 10 and 0"),
    "a size that is a number": (lambda: mg.randint(0, 10, 3), TypeError, "such as (3,), not 3"),
    "an element deleted": (lambda: mg.ones(3).__delitem__(0), TypeError, "select the others"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_what_to_do(mistake):
    call, kind, words = MISTAKES[mistake]
    with pytest.raises(kind, match=re.escape(words)) as caught:
        call()
    shown = caught.value.__cause__ or (None if caught.value.__suppress_context__ else caught.value.__context__)
    assert shown is None  # one traceback, not two


def test_a_channel_last_layer_is_not_guessed_where_it_cannot_be():
    with pytest.raises(ValueError) as caught:
        F.conv2d(images(), mg.zeros(3, 8, 3, 3))  # eight channels, and eight pixels to the right
    assert "permute" not in str(caught.value)


def test_a_gradient_that_was_asked_for_is_no_mistake():
    y = mg.ones(3, requires_grad=True) * 2
    y.retain_grad()
    assert y.grad is None  # and no warning, which would be an error here
    y.sum().backward()
    assert y.grad.tolist() == [1, 1, 1]
