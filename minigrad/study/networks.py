"""The networks that the study trains, and how: `copies` of one network side by side, each with its own images.

Copies differ in their seed alone. They stand side by side as groups, so one pass trains them all in a third of the
time, and none can see another: a test holds that each becomes what it becomes alone, up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import nn, optim
from minigrad.autograd import grad, no_grad
from minigrad.channels import cancellation
from minigrad.nn import functional as F
from minigrad.study import probes
from minigrad.study.arms import ARMS, Arm
from minigrad.study.records import Record, plain
from minigrad.study.starts import unit_start
from minigrad.study.tasks import TASKS
from minigrad.tensor import Tensor, tensor

Floats = NDArray[np.floating[Any]]

HIDDEN = {2: 8, 3: 8, 10: 16}  # width of the second convolution, by number of classes
BATCH = 32
TRAIN, TEST = 1024, 1000  # images; of digits, the test's are 500 in different company
WATCHED = 32  # training images on which the curves are measured
EVALUATED = 100  # images that go through the networks at once where nothing is trained


class Network(nn.Module):
    """Conv 3x3 under test – ReLU – conv 3x3, stride 2 – ReLU – mean over positions – linear, `copies` times.

    The copies stand side by side as groups: one pass computes all of them, and none can see another.
    Input (N, copies · C, H, W), logits (N, copies, classes).
    """

    def __init__(self, arm: Arm, filters: int, task: str, copies: int):
        channels, classes = TASKS[task].channels, TASKS[task].classes
        self.copies, self.classes = copies, classes
        width = filters if arm.reduces else filters * channels
        hidden = matched_width(channels, filters, classes) if arm.matched else HIDDEN[classes]
        self.conv = arm.conv(channels, filters, copies)
        self.mix = nn.Conv2d(width * copies, hidden * copies, 3, stride=2, groups=copies)
        self.head = nn.Conv2d(hidden * copies, classes * copies, 1, groups=copies)

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        return self.after(self.conv(x))

    def after(self, out: Tensor) -> Tensor:
        """What follows the layer under test."""
        out = self.mix(out.relu()).relu().mean((2, 3), keepdim=True)
        return self.head(out).reshape(-1, self.copies, self.classes)


def matched_width(channels: int, filters: int, classes: int) -> int:
    """Width of the second layer with which concatenation has the sum's number of parameters, as nearly as it can."""

    def size(width: int, hidden: int) -> int:
        return width + 9 * width * hidden + hidden + (hidden + 1) * classes

    budget = size(filters, HIDDEN[classes])
    return min(range(1, HIDDEN[classes] + 1), key=lambda h: abs(size(channels * filters, h) - budget))


def begin(network: Network, arm: Arm, seeds: Sequence[int], init: str, x: Tensor) -> None:
    """He's initialisation from each copy's own seed, the same draws for every arm; "unit" rescales it on images x."""
    for index, layer in enumerate((network.conv, network.mix, network.head)):
        per_copy = layer.weight.shape[0] // len(seeds)
        inputs = layer.in_channels // layer.groups
        shape = (per_copy, inputs, *layer.kernel_size)
        sigma = np.sqrt((1 if layer is network.head else 2) / np.prod(shape[1:]))
        drawn = [sigma * np.random.default_rng([seed, index]).standard_normal(shape) for seed in seeds]
        if layer is network.conv and arm.tied_start:
            drawn = [np.repeat(w[:, :1], inputs, axis=1) for w in drawn]
        if layer is network.conv and arm.tied:
            drawn = [w[:, :1] for w in drawn]
        layer.weight.array[:] = np.concatenate(drawn)
        layer.bias.array[:] = 0  # type: ignore[union-attr]
    if arm.renames_sum:
        rename(network, arm)
    if init == "unit":
        unit_start(network.conv, x)


def rename(network: Network, arm: Arm) -> None:
    """Let the network of an affine arm Σ a_c r_c + b begin as the sum's: slices w_c / a_c, bias lowered by b."""
    assert arm.linear is not None and network.conv.bias is not None
    coefficients = np.array(arm.linear(network.conv.weight.shape[1]))
    network.conv.weight.array /= coefficients.astype(network.conv.weight.array.dtype)[:, None, None]
    network.conv.bias.array -= arm.offset


def adam(network: Network, arm: Arm, lr: float, decay: float = 0.0) -> optim.Adam:
    """Adam for all parameters; an arm that is the sum renamed takes the sum's steps: lr / |a_c|, and ε·|a_c|."""
    if not arm.renames_sum:
        return optim.Adam(list(network.parameters()), lr=lr, weight_decay=decay)
    assert arm.linear is not None
    size = abs(arm.linear(network.conv.weight.shape[1])[0])
    under_test: dict[str, Any] = {"params": [network.conv.weight], "lr": lr / size, "eps": 1e-8 * size}
    rest: dict[str, Any] = {"params": [p for p in network.parameters() if p is not network.conv.weight]}
    return optim.Adam([under_test, rest], lr=lr, weight_decay=decay)


@dataclass
class Data:
    """The images of `copies` networks: each copy has its own, drawn from its own seed. Indexed as a batch."""

    x: Floats  # (copies, n, C, H, W)
    y: NDArray[np.int64]  # (copies, n)

    def __getitem__(self, index: slice | NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """The images at `index`, a slice or (copies, B): (B, copies · C, H, W) and their labels (B, copies)."""
        if isinstance(index, slice):
            x, y = self.x[:, index], self.y[:, index]
        else:
            rows = np.arange(len(self.x))[:, None]
            x, y = self.x[rows, index], self.y[rows, index]
        copies, n, channels, *size = x.shape
        # channel-first memory behind the (B, C, H, W) view: the layout in which kernels work
        planes = np.ascontiguousarray(x.transpose(0, 2, 1, 3, 4)).reshape(copies * channels, n, *size)
        return tensor(planes).permute(1, 0, 2, 3), tensor(np.ascontiguousarray(y.T))


@lru_cache(maxsize=2)
def draw(task: str, seeds: tuple[int, ...], split: str = "test") -> tuple[Data, Data]:
    """Training images, and held-out ones of the split, for a copy a seed."""
    drawn = [TASKS[task].draw(seed, TRAIN, TEST, split) for seed in seeds]
    x, y, x_test, y_test = (np.stack(parts) for parts in zip(*drawn, strict=True))
    return Data(x, y), Data(x_test, y_test)


def losses(logits: Tensor, y: Tensor) -> Tensor:
    """Each copy's mean cross-entropy: (B, copies, classes), (B, copies) -> (copies,)."""
    b, copies, classes = logits.shape
    return F.cross_entropy(logits.reshape(-1, classes), y.reshape(-1), reduction="none").reshape(b, copies).mean(0)


def evaluate(network: Network, data: Data) -> tuple[Floats, Floats]:
    """Accuracy and loss of each copy (copies,) on its images."""
    hits, loss, n = np.zeros(network.copies), np.zeros(network.copies), data.y.shape[1]
    for first in range(0, n, EVALUATED):
        with no_grad():
            x, y = data[first : first + EVALUATED]
            logits = network(x)
            hits += (logits.array.argmax(2) == y.array).sum(0)
            loss += losses(logits, y).array * len(y)
    return hits / n, loss / n


def batches(seeds: Sequence[int], n: int, steps: int, size: int) -> Iterator[NDArray[np.int64]]:
    """Indices (copies, size) of minibatch after minibatch: shuffled epochs, each copy in its own order."""
    generators = [np.random.default_rng([seed, 7]) for seed in seeds]
    per_epoch = n // size
    for step in range(steps):
        if step % per_epoch == 0:
            order = np.stack([g.permutation(n) for g in generators])
        at = step % per_epoch * size
        yield order[:, at : at + size]


def train(
    network: Network,
    optimizer: optim.Optimizer,
    data: Data,
    order: Iterator[NDArray[np.int64]],
    watch: Callable[[int], None] = lambda step: None,
    rates: Sequence[float] | None = None,
) -> None:
    """Plain training; the copies' losses are added, so that each one's gradient is its own.

    With `rates`, a learning rate for each copy: the optimizer proposes a step of rate 1, and each copy takes its
    part of it.
    """
    step = 0
    for step, index in enumerate(order):
        watch(step)
        x, y = data[index]
        optimizer.zero_grad()
        losses(network(x), y).sum().backward()
        if rates is None:
            optimizer.step()
        else:
            before = [p.array.copy() for p in network.parameters()]
            optimizer.step()
            for p, old in zip(network.parameters(), before, strict=True):
                part = np.repeat(np.asarray(rates, np.float32), len(old) // len(rates)).reshape(
                    -1, *[1] * (old.ndim - 1)
                )
                p.array[:] = old + part * (p.array - old)
    watch(step + 1)


CURVES = ("loss", "accuracy", "gradient", "cancellation", "null", "participation", "participation_batch", "channels")


class Curves:
    """What is watched at `points` moments of training, on the first training images and on test images, per copy."""

    def __init__(self, network: Network, data: Data, test: Data, steps: int, points: int, watched: int = WATCHED):
        self.network, self.test = network, test
        self.x, self.y = data[:watched]
        self.moments = sorted({round(t) for t in np.linspace(0, steps, points)})
        weight = network.conv.weight.array
        self.start = weight.reshape(network.copies, -1, *weight.shape[1:]).copy()
        self.rows: list[dict[str, Floats]] = []

    def __call__(self, step: int) -> None:
        if step in self.moments:
            self.rows.append(self.measure())

    def measure(self) -> dict[str, Floats]:
        """Loss, accuracy, gradients and cancellation now; every value (copies,) or (copies, C)."""
        conv, copies = self.network.conv, self.network.copies
        with no_grad():
            r = conv.own(self.x)  # (N, copies, C, F, P, Q)
        r.requires_grad_()
        loss = losses(self.network.after(conv.combine(r)), self.y)
        (g,) = grad(loss.sum(), [r])
        dw = probes.weight_gradient(conv, self.x, g)  # (copies, C, F, 3, 3)
        norms = np.sqrt((dw**2).sum((2, 3, 4)))  # (copies, C)
        found = [cancellation(r.array[:, k], dim=1) for k in range(copies)]
        return {
            "loss": loss.array,
            "accuracy": evaluate(self.network, self.test)[0],
            "gradient": np.sqrt((norms**2).sum(1)),
            "cancellation": np.array([c.index for c in found]),
            "null": np.array([c.null for c in found]),
            "participation": probes.mean_where_known(probes.participation(g.array, axis=2), (0, 2, 3, 4)),
            "participation_batch": probes.mean_where_known(
                probes.participation(np.sqrt((g.array.astype(float) ** 2).sum((0, 4, 5))), axis=1), (1,)
            ),
            "channels": norms,
        }

    def record(self, names: Sequence[str] = CURVES) -> Record:
        """Mean and standard deviation over copies of these curves, as a record keeps them."""
        out: Record = {"step": self.moments}
        for name in names:
            values = np.stack([row[name] for row in self.rows])  # (T, copies) or (T, copies, C)
            if name == "channels":
                out[name] = plain(values.mean(1).T, 3)
            else:
                mean = probes.mean_where_known(values, (1,))
                out[name], out[name + "_sd"] = plain(mean, 4), plain(values.std(1), 2)
        return out


def trained(
    task: str, arm: str, F: int, init: str, lr: float, steps: int, seeds: Sequence[int], points: int, decay: float = 0.0
) -> tuple[Network, Data, Data, Curves]:
    """Networks of one cell, one a seed, after training with Adam; decay · w is added to the gradient."""
    data, test = draw(task, tuple(seeds))
    network = Network(ARMS[arm], F, task, len(seeds))
    begin(network, ARMS[arm], seeds, init, data[:WATCHED][0])
    curves = Curves(network, data, test, steps, points)
    train(network, adam(network, ARMS[arm], lr, decay), data, batches(seeds, TRAIN, steps, BATCH), curves)
    return network, data, test, curves


def tried(
    task: str, arm: str, F: int, init: str, lrs: Sequence[float], steps: int, seeds: Sequence[int]
) -> tuple[Network, Data]:
    """Trained networks, every seed with every learning rate, all side by side; and images to choose a rate by."""
    data, choice = (
        Data(np.tile(d.x, (len(lrs), 1, 1, 1, 1)), np.tile(d.y, (len(lrs), 1)))
        for d in draw(task, tuple(seeds), "choice")
    )
    copies, rates = list(seeds) * len(lrs), np.repeat(lrs, len(seeds)).tolist()
    network = Network(ARMS[arm], F, task, len(copies))
    begin(network, ARMS[arm], copies, init, data[:WATCHED][0])
    optimizer = optim.Adam(list(network.parameters()), lr=1.0)
    train(network, optimizer, data, batches(copies, TRAIN, steps, BATCH), rates=rates)
    return network, choice
