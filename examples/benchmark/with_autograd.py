"""The work in HIPS autograd: its convolution is that of `autograd.scipy.signal`, as its own examples use it."""

from importlib.metadata import version

import autograd
import autograd.numpy as anp
import numpy as np
import work
from autograd.scipy.signal import convolve

VERSION = version("autograd")
NAME = "HIPS autograd"


def use_threads(count):
    """Its threads are those of NumPy's BLAS, which run.py has set."""


def training_step(network):
    channels, side, widths = work.NETWORKS[network]
    rng = np.random.default_rng(0)
    parameters, c = [], channels
    for width in widths:
        # (C, O, kh, kw): the axes that its convolve wants
        parameters.append((rng.standard_normal((c, width, 3, 3)) * (9 * c) ** -0.5, np.zeros(width)))
        c = width
    n = work.features(network)
    parameters.append((rng.standard_normal((n, work.CLASSES)) * n**-0.5, np.zeros(work.CLASSES)))
    parameters = [(w.astype("f4"), b.astype("f4")) for w, b in parameters]
    velocity = [(np.zeros_like(w), np.zeros_like(b)) for w, b in parameters]
    images = rng.standard_normal((work.BATCH, channels, side, side), np.float32)
    y = rng.integers(0, work.CLASSES, work.BATCH)

    def loss(parameters):
        x = images
        for w, b in parameters[:-1]:
            x = anp.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)], "constant")
            x = convolve(x, w, axes=([2, 3], [2, 3]), dot_axes=([1], [0]), mode="valid")
            x = anp.maximum(x + b[None, :, None, None], 0)
            m, o, h, v = x.shape
            x = anp.max(anp.max(anp.reshape(x, (m, o, h // 2, 2, v // 2, 2)), axis=5), axis=3)
        w, b = parameters[-1]
        x = anp.dot(anp.reshape(x, (work.BATCH, -1)), w) + b
        top = anp.max(x, 1, keepdims=True)
        logits = x - top - anp.log(anp.sum(anp.exp(x - top), 1, keepdims=True))
        return -anp.mean(logits[np.arange(work.BATCH), y])

    gradient = autograd.value_and_grad(loss)

    def step():
        value, grads = gradient(parameters)
        for ps, vs, gs in zip(parameters, velocity, grads, strict=True):
            for p, v, g in zip(ps, vs, gs, strict=True):
                v *= 0.9
                v += g
                p -= 0.01 * v
        return float(value)

    return step, None
