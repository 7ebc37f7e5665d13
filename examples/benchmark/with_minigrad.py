"""The work in minigrad. Every `with_*.py` offers the same functions; each returns what is to be timed."""

import nets
import numpy as np
import work

import minigrad as mg
from minigrad import nn, optim
from minigrad.kernels import convolution as kernels
from minigrad.kernels import input_gradient
from minigrad.kernels.windows import Window
from minigrad.nn import functional as F

VERSION = mg.__version__
NAME = "minigrad"


def use_threads(count):
    mg.set_num_threads(count)


def training_step(network):
    """A function that makes one training step and returns the loss; and the network's multiplications."""
    return nets.training_step(network, nn, optim, F, mg.tensor)


def _image(rng, shape):
    # as a convolution leaves it, for that is what the next one sees
    n, c, h, w = shape
    return rng.standard_normal((h, c, w, n), np.float32).transpose(3, 1, 0, 2)


def contraction(shape, direction):
    """One of the three contractions of a 3x3 convolution."""
    n, c, side, o = shape
    rng = np.random.default_rng(0)
    x, g = _image(rng, (n, c, side, side)), _image(rng, (n, o, side, side))
    w = rng.standard_normal((o, c, 3, 3), np.float32)
    how = Window((3, 3), padding=(1, 1))
    return {
        "forward": lambda: kernels.conv2d(x, w, None, how),
        "weight": lambda: kernels.conv2d_weight(g, x, how),
        "input": lambda: input_gradient.conv2d_input(g, w, (side, side), how),
    }[direction]


def _there_and_back(function, *tensors):
    out = function(*tensors)
    g = mg.tensor(np.random.default_rng(1).standard_normal(out.shape, np.float32).astype(np.float32))
    if out.ndim == 4:
        g = mg.tensor(_image(np.random.default_rng(1), out.shape))

    def both():
        function(*tensors).backward(g)
        for t in tensors:
            t.grad = None

    return both


def convolution(name):
    """Forward and both gradients of one of the other convolutions."""
    c, side, o, k, stride, padding, groups = work.CONVOLUTIONS[name]
    rng = np.random.default_rng(0)
    x = mg.from_numpy(_image(rng, (work.BATCH, c, side, side))).requires_grad_()
    w = mg.tensor(rng.standard_normal((o, c // groups, k, k), np.float32), requires_grad=True)
    return _there_and_back(lambda x, w: F.conv2d(x, w, None, stride, padding, 1, groups), x, w)


def step(name):
    """Forward and backward of something else in a training step."""
    rng = np.random.default_rng(0)
    if name.startswith("linear"):
        x, w = (mg.tensor(rng.standard_normal(s, np.float32), requires_grad=True) for s in ((64, 1024), (1024, 1024)))
        return _there_and_back(F.linear, x, w)
    if name.startswith("cross_entropy"):
        x, y = mg.tensor(rng.standard_normal((64, 10), np.float32), requires_grad=True), rng.integers(0, 10, 64)
        return _there_and_back(lambda x: F.cross_entropy(x, mg.tensor(y)), x)
    if name.startswith("softmax"):
        x = mg.tensor(rng.standard_normal((64, 1000), np.float32), requires_grad=True)
        return _there_and_back(lambda x: F.softmax(x, 1), x)
    x = mg.from_numpy(_image(rng, (64, 16, 32, 32))).requires_grad_()
    if name in ("add", "multiply"):
        y = mg.from_numpy(_image(rng, (64, 16, 32, 32))).requires_grad_()
        return _there_and_back((lambda x, y: x + y) if name == "add" else (lambda x, y: x * y), x, y)
    if name == "batch_norm":
        layer = nn.BatchNorm2d(16)
        return _there_and_back(lambda x, w, b: layer(x), x, layer.weight, layer.bias)
    return _there_and_back(
        {
            "relu": F.relu,
            "gelu": F.gelu,
            "tanh": mg.tanh,
            "max_pool2d": lambda x: F.max_pool2d(x, 2),
            "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
            "dropout": lambda x: F.dropout(x, 0.5),
            "global mean": lambda x: x.mean((2, 3)),
        }[name],
        x,
    )


def optimizer(name):
    """One update of a million parameters."""
    rng = np.random.default_rng(0)
    parameters = [mg.tensor(rng.standard_normal(100_000, np.float32), requires_grad=True) for _ in range(10)]
    for p in parameters:
        p.grad = mg.tensor(rng.standard_normal(100_000, np.float32))
    kind, *momentum = name.split()
    options = {"momentum": 0.9} if momentum else {}
    return getattr(optim, kind)(parameters, lr=1e-3, **options).step


def tiny():
    """Forward and backward of an operation on one element: operations a call, and the call."""
    x = mg.tensor([1.5], requires_grad=True)

    def call():
        y = x
        for _ in range(100):
            y = y * x
        y.backward()
        x.grad = None

    return 100, call


def chain(length):
    """Record a chain of `length` operations; returns what walks back along it."""
    x = mg.tensor([1.0], requires_grad=True)
    y = x
    for _ in range(length):
        y = y + 1.0
    return y.backward


def growth(batch, channels, side):
    """A convolution, ReLU and their gradients, for the growth curves."""
    rng = np.random.default_rng(0)
    x = mg.from_numpy(_image(rng, (batch, channels, side, side))).requires_grad_()
    w = mg.tensor(rng.standard_normal((channels, channels, 3, 3), np.float32), requires_grad=True)
    return _there_and_back(lambda x, w: F.conv2d(x, w, None, 1, 1).relu(), x, w)
