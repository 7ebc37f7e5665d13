"""The work in PyTorch."""

import nets
import numpy as np
import torch
import torch.nn.functional as F
import work
from torch import nn, optim

VERSION = torch.__version__
NAME = "PyTorch"


def use_threads(count):
    torch.set_num_threads(count)


def _normal(*shape, grad=False):
    a = torch.from_numpy(np.random.default_rng(0).standard_normal(shape, np.float32))
    return a.requires_grad_(grad)


def training_step(network):
    """A function that makes one training step and returns the loss; and the network's multiplications."""
    return nets.training_step(network, nn, optim, F, torch.from_numpy)


def contraction(shape, direction):
    n, c, side, o = shape
    x, g, w = _normal(n, c, side, side), _normal(n, o, side, side), _normal(o, c, 3, 3)
    if direction == "forward":
        return lambda: torch.conv2d(x, w, None, 1, 1)
    wanted = (direction == "input", direction == "weight", False)
    geometry = (None, (1, 1), (1, 1), (1, 1), False, (0, 0), 1)
    return lambda: torch.ops.aten.convolution_backward(g, x, w, *geometry, wanted)


def _there_and_back(function, *tensors):
    out = function(*tensors)
    g = _normal(*out.shape)

    def both():
        function(*tensors).backward(g)
        for t in tensors:
            t.grad = None

    return both


def convolution(name):
    c, side, o, k, stride, padding, groups = work.CONVOLUTIONS[name]
    x, w = _normal(work.BATCH, c, side, side, grad=True), _normal(o, c // groups, k, k, grad=True)
    return _there_and_back(lambda x, w: F.conv2d(x, w, None, stride, padding, 1, groups), x, w)


def step(name):
    if name.startswith("linear"):
        return _there_and_back(F.linear, _normal(64, 1024, grad=True), _normal(1024, 1024, grad=True))
    if name.startswith("cross_entropy"):
        y = torch.from_numpy(np.random.default_rng(0).integers(0, 10, 64))
        return _there_and_back(lambda x: F.cross_entropy(x, y), _normal(64, 10, grad=True))
    if name.startswith("softmax"):
        return _there_and_back(lambda x: F.softmax(x, 1), _normal(64, 1000, grad=True))
    x = _normal(64, 16, 32, 32, grad=True)
    if name in ("add", "multiply"):
        y = _normal(64, 16, 32, 32, grad=True)
        return _there_and_back((lambda x, y: x + y) if name == "add" else (lambda x, y: x * y), x, y)
    if name == "batch_norm":
        layer = nn.BatchNorm2d(16)
        return _there_and_back(lambda x, w, b: layer(x), x, layer.weight, layer.bias)
    return _there_and_back(
        {
            "relu": F.relu,
            "gelu": F.gelu,
            "tanh": torch.tanh,
            "max_pool2d": lambda x: F.max_pool2d(x, 2),
            "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
            "dropout": lambda x: F.dropout(x, 0.5),
            "global mean": lambda x: x.mean((2, 3)),
        }[name],
        x,
    )


def optimizer(name):
    parameters = [_normal(100_000, grad=True) for _ in range(10)]
    for p in parameters:
        p.grad = _normal(100_000)
    kind, *momentum = name.split()
    options = {"momentum": 0.9} if momentum else {}
    return getattr(optim, kind)(parameters, lr=1e-3, **options).step


def tiny():
    x = torch.tensor([1.5], requires_grad=True)

    def call():
        y = x
        for _ in range(100):
            y = y * x
        y.backward()
        x.grad = None

    return 100, call


def chain(length):
    x = torch.tensor([1.0], requires_grad=True)
    y = x
    for _ in range(length):
        y = y + 1.0
    return y.backward


def growth(batch, channels, side):
    x, w = _normal(batch, channels, side, side, grad=True), _normal(channels, channels, 3, 3, grad=True)
    return _there_and_back(lambda x, w: F.conv2d(x, w, None, 1, 1).relu(), x, w)
