"""The work in JAX, the whole training step compiled."""

import jax
import numpy as np
import work
from jax import numpy as jnp

VERSION = jax.__version__
NAME = "JAX (jit)"


def use_threads(count):
    """JAX takes its threads from the processors it may use, which run.py has set."""


def _conv(x, w):
    return jax.lax.conv_general_dilated(x, w, (1, 1), ((1, 1), (1, 1)), dimension_numbers=("NCHW", "OIHW", "NCHW"))


def _pool(x):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def training_step(network):
    channels, side, widths = work.NETWORKS[network]
    rng = np.random.default_rng(0)
    parameters, c = [], channels
    for width in widths:
        parameters.append((rng.standard_normal((width, c, 3, 3), np.float32) * (9 * c) ** -0.5, np.zeros(width, "f4")))
        c = width
    n = work.features(network)
    parameters.append((rng.standard_normal((n, work.CLASSES), np.float32) * n**-0.5, np.zeros(work.CLASSES, "f4")))
    velocity = jax.tree.map(jnp.zeros_like, parameters)
    x = jnp.asarray(rng.standard_normal((work.BATCH, channels, side, side), np.float32))
    y = jnp.asarray(rng.integers(0, work.CLASSES, work.BATCH))

    def loss(parameters, x, y):
        for w, b in parameters[:-1]:
            x = _pool(jax.nn.relu(_conv(x, w) + b[:, None, None]))
        w, b = parameters[-1]
        logits = jax.nn.log_softmax(x.reshape(len(x), -1) @ w + b)
        return -jnp.take_along_axis(logits, y[:, None], 1).mean()

    @jax.jit
    def update(parameters, velocity, x, y):
        value, grads = jax.value_and_grad(loss)(parameters, x, y)
        velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, grads)
        return value, jax.tree.map(lambda p, v: p - 0.01 * v, parameters, velocity), velocity

    def step():
        nonlocal parameters, velocity
        value, parameters, velocity = update(parameters, velocity, x, y)
        return float(value)

    return step, None
