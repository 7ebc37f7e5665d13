"""The arms of the study: each reduction and control, with what is known of it before anything is measured.

To try another reduction, add its function to `channels.REDUCTIONS` (or pass one as `reduce`) and an `Arm`
here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minigrad.autograd import no_grad
from minigrad.channels import STREAMS, ChannelConv2d
from minigrad.tensor import Tensor


@dataclass(frozen=True)
class Arm:
    """A way to bring the channels' responses r_1 … r_C together, and its properties.

    energy: E Σ_c (∂f/∂r_c)² for independent r_c ~ N(0, 1) as a function of C; None where no closed form is
    known,
    infinite where the expectation diverges. affine: the gradient does not depend on the data. shifts: f(r +
    a) =
    f(r) + a, so one unit of gradient is shared among the channels. even: f(-r) = f(r).
    """

    formula: str
    slope: str
    energy: Callable[[int], float] | None = None
    affine: bool = False
    shifts: bool = False
    even: Callable[[int], bool] = lambda channels: False
    absorbed: str = "no"
    reduce: str = ""
    tied: bool = False
    tied_start: bool = False
    matched: bool = False

    @property
    def reduces(self) -> bool:
        """Whether C responses become one: all but concatenation."""
        return self.reduce != "concat"

    @property
    def control(self) -> bool:
        """Whether the arm is no reduction of its own but the sum with tied weights, or no reduction."""
        return self.tied or self.tied_start or not self.reduces

    @property
    def streamed(self) -> bool:
        """Whether a form exists that keeps no C-fold intermediate; affine arms fold into one convolution."""
        return self.affine or self.reduce in STREAMS

    def conv(self, channels: int, filters: int, copies: int = 1, padding: int = 0) -> ChannelConv2d:
        """The layer under test, 3x3, for `copies` networks side by side as groups."""
        sizes = (channels * copies, filters * copies, 3)
        return ChannelConv2d(*sizes, padding=padding, groups=copies, reduce=self.reduce, tied=self.tied)


always: Callable[[int], bool] = lambda channels: True

ARMS: dict[str, Arm] = {
    "sum": Arm("Σ r_c", "1", lambda c: c, affine=True, absorbed="is the sum", reduce="sum"),
    "mean": Arm("Σ r_c / C", "1 / C", lambda c: 1 / c, affine=True, shifts=True, absorbed="weights × C", reduce="mean"),
    "sum+17": Arm("Σ r_c + 17", "1", lambda c: c, affine=True, absorbed="bias − 17", reduce="sum+17"),
    "alternating": Arm(
        "Σ (−1)^c r_c",
        "(−1)^c",
        lambda c: c,
        affine=True,
        absorbed="sign of every second slice",
        reduce="alternating",
    ),
    "max": Arm("max r_c", "1 for the largest, else 0", lambda c: 1, shifts=True, reduce="max"),
    "min": Arm("min r_c", "1 for the smallest, else 0", lambda c: 1, shifts=True, reduce="min"),
    "median": Arm("median r_c", "1 for the middle one, else 0", lambda c: 1, shifts=True, reduce="median"),
    "product": Arm(
        "Π r_c",
        "product of the others",
        lambda c: c,  # C terms E Π_{j≠c} r_j² = 1
        even=lambda channels: channels % 2 == 0,
        reduce="product",
    ),
    "l2": Arm("√Σ r_c²", "r_c / f", lambda c: 1, even=always, reduce="l2"),
    "logsumexp": Arm("log Σ exp r_c", "softmax(r)_c", shifts=True, reduce="logsumexp"),
    "softmax": Arm("Σ softmax(r)_c r_c", "p_c (1 + r_c − f)", shifts=True, reduce="softmax"),
    "abs": Arm("Σ |r_c|", "sign r_c", lambda c: c, even=always, reduce="abs"),
    "geomean": Arm(
        "(Π |r_c|)^(1/C)",
        "f / (C r_c)",
        lambda c: np.inf if c > 1 else 1,  # E |r|^(2/C − 2) diverges as soon as 2/C ≤ 1
        even=always,
        reduce="geomean",
    ),
    "tied": Arm("Σ r_c, one slice for all", "1", lambda c: c, reduce="sum", tied=True),
    "untied": Arm(
        "Σ r_c, from equal slices",
        "1",
        lambda c: c,
        affine=True,
        absorbed="is the sum",
        reduce="sum",
        tied_start=True,
    ),
    "concat": Arm("(r_1, …, r_C)", "1 each, apart", reduce="concat"),
    "concat-matched": Arm("(r_1, …, r_C), next layer narrower", "1 each, apart", reduce="concat", matched=True),
}


def he_sigma(channels: int) -> float:
    """Standard deviation of He's initialisation for 3x3 filters over `channels` channels (He et al. 2015, eq. 10)."""
    return float(np.sqrt(2 / (9 * channels)))


def unit_start(conv: ChannelConv2d, x: Tensor) -> None:
    """Scale the weights and set the bias so that on the batch x every network's outputs have mean 0 and
    variance 1.

    x (N, K·C, H, W). One scale for each of the K networks side by side, found by iteration (`logsumexp` is
    not
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
