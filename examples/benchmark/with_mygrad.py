"""The work in MyGrad, with the layers of its `nnet` package."""

import mygrad as mg
import numpy as np
import work
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy

VERSION = mg.__version__
NAME = "MyGrad"


def use_threads(count):
    """Its threads are those of NumPy's BLAS, which run.py has set."""


def training_step(network):
    channels, side, widths = work.NETWORKS[network]
    rng = np.random.default_rng(0)
    parameters, c = [], channels
    for width in widths:
        parameters.append((rng.standard_normal((width, c, 3, 3), np.float32) * (9 * c) ** -0.5, np.zeros(width, "f4")))
        c = width
    n = work.features(network)
    parameters.append((rng.standard_normal((n, work.CLASSES), np.float32) * n**-0.5, np.zeros(work.CLASSES, "f4")))
    parameters = [(mg.tensor(w), mg.tensor(b)) for w, b in parameters]
    flat = [p for pair in parameters for p in pair]
    velocity = [np.zeros_like(p.data) for p in flat]
    images = rng.standard_normal((work.BATCH, channels, side, side), np.float32)
    y = rng.integers(0, work.CLASSES, work.BATCH)

    def step():
        x = images
        for w, b in parameters[:-1]:
            x = mg.nnet.relu(conv_nd(x, w, stride=1, padding=1) + b.reshape(1, -1, 1, 1))
            x = max_pool(x, (2, 2), 2)
        w, b = parameters[-1]
        loss = softmax_crossentropy(x.reshape(work.BATCH, -1) @ w + b, y)
        loss.backward()
        for p, v in zip(flat, velocity, strict=True):
            v *= 0.9
            v += p.grad
            p.data -= 0.01 * v
            p.null_grad()
        return loss.item()

    return step, None
