"""How the layers under test begin: He's initialisation, and one that gives every reduction's output one scale."""

from __future__ import annotations

import numpy as np

from minigrad.autograd import no_grad
from minigrad.channels import ChannelConv2d
from minigrad.tensor import Tensor


def he_sigma(channels: int) -> float:
    """Standard deviation of He's initialisation for 3x3 filters over `channels` channels (He et al. 2015, eq. 10)."""
    return float(np.sqrt(2 / (9 * channels)))


def unit_start(conv: ChannelConv2d, x: Tensor) -> None:
    """Scale the weights and set the bias so that on the batch x every network's outputs have mean 0 and variance 1.

    x (N, K·C, H, W). One scale for each of the K networks side by side, found by iteration (`logsumexp` is not
    homogeneous), and a bias for each output channel. In place.
    """
    weight, bias, copies = conv.weight, conv.bias, conv.groups
    assert bias is not None
    degree = conv.in_channels // copies if conv.reduce == "product" else 1
    bias.array[:] = 0
    bias.bump_version()
    for _ in range(20):
        with no_grad():
            out = conv(x).array
        spread = np.sqrt(out.var(axis=(0, 2, 3)).reshape(copies, -1).mean(1))  # (K,), within output channels
        if np.all(np.abs(spread - 1) < 1e-3):
            break
        scale = np.maximum(spread, 1e-6) ** (-1 / degree)
        weight.array *= np.repeat(scale, weight.shape[0] // copies)[:, None, None, None]
        weight.bump_version()
    with no_grad():
        bias.array[:] = -conv(x).array.mean(axis=(0, 2, 3))
    bias.bump_version()
