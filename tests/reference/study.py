"""Three findings of the study once more, in PyTorch and NumPy alone: nothing here comes from minigrad.

`python -m tests.reference.study` trains for some minutes and writes `study.json` beside this file. The tests compare it
with the published records; they need no PyTorch. Its images, weights and batches are its own draws.

Dose and response: excess cancellation of the trained sum where the channels share nothing, and where they share a
picture of amplitude 3. Common-mode digits: accuracy of the sum and of the maximum. Escape: accuracy from filters whose
slices are equal, so that every opponent edge cancels.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

SEEDS = range(200, 206)
STEPS, BATCH, TRAIN, TEST = 8000, 32, 1024, 1000
FOUND = Path(__file__).with_suffix(".json")


def common(rng, n, images, labels, amplitude):
    """Digits that only R − B shows, under another digit that all channels share."""
    pool = range(len(labels))
    digit, other = (np.concatenate([rng.permutation(pool) for _ in range(-(-n // len(pool)))])[:n] for _ in range(2))
    shared = amplitude * images[other]
    x = np.stack([shared + images[digit] / 2, shared, shared - images[digit] / 2], 1)
    x += 0.1 * rng.standard_normal(x.shape)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(labels[digit])


class Network(nn.Module):
    """Conv 3 → 8, ReLU, conv with stride 2, ReLU, mean, linear. The channels' answers are added or the largest kept."""

    def __init__(self, rng, hidden, classes, largest=False, tied=False):
        super().__init__()
        self.largest = largest
        self.first, self.second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, hidden, 3, stride=2)
        self.head = nn.Linear(hidden, classes)
        for layer, gain in ((self.first, 2), (self.second, 2), (self.head, 1)):
            fan_in = layer.weight[0].numel()
            drawn = math.sqrt(gain / fan_in) * rng.standard_normal(layer.weight.shape)
            layer.weight.data = torch.tensor(drawn, dtype=torch.float32)
            if not tied:
                layer.bias.data.zero_()
        if tied:
            self.first.weight.data = self.first.weight.data[:, :1].repeat(1, 3, 1, 1)

    def responses(self, x):
        """(N, 3, 8, H, W): what each channel answers by itself."""
        return torch.stack([F.conv2d(x[:, c : c + 1], self.first.weight[:, c : c + 1]) for c in range(3)], 1)

    def forward(self, x):
        out = self.first(x)
        if self.largest:
            out = self.responses(x).amax(1) + self.first.bias[:, None, None]
        return self.head(self.second(out.relu()).relu().mean((2, 3)))


def train(network, optimizer, x, y, steps, batch, rng):
    """Shuffled epochs of minibatches."""
    order = iter(())
    for _ in range(steps):
        index = next(order, None)
        if index is None:
            order = iter(torch.tensor(rng.permutation(len(y))).split(batch))
            index = next(order)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(network(x[index]), y[index]).backward()
        optimizer.step()


def accuracy(network, x, y):
    """The share of right answers."""
    with torch.no_grad():
        return (network(x).argmax(1) == y).double().mean().item()


def excess(network, x):
    """1 − Σ|Σ_c r_c| / Σ Σ_c |r_c|, minus the same with every pattern of signs instead of the learned ones."""
    with torch.no_grad():
        r = network.responses(x).double()
    size = r.abs().sum()

    def left(parts):
        return (parts.sum(1).abs().sum() / size).item()

    flips = [torch.tensor(s, dtype=r.dtype).view(1, 3, 1, 1, 1) for s in itertools.product((1, -1), repeat=3)]
    return np.mean([left(r * s) for s in flips]) - left(r)


def hidden_digits(seed, amplitude, rate, largest=False):
    """Excess cancellation and accuracy after training on common-mode digits."""
    rng = np.random.default_rng(seed)
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8) / 16
    x, y = common(rng, TRAIN, images[:997], labels[:997], amplitude)
    x_test, y_test = common(rng, TEST, images[1297:], labels[1297:], amplitude)
    network = Network(rng, 16, 10, largest)
    train(network, torch.optim.Adam(network.parameters(), lr=rate), x, y, STEPS, BATCH, rng)
    return excess(network, x[:256]), accuracy(network, x_test, y_test)


def opponent(rng, n, task):
    """Edges that rise in red and fall in blue: which way (polarity), or whether there is one (presence); no noise."""
    y = rng.permutation(np.arange(n) % 2)
    angle, offset = rng.uniform(-np.pi / 3, np.pi / 3, (n, 1, 1)), rng.uniform(-3, 3, (n, 1, 1))
    v, u = np.mgrid[:12, :12] - 5.5
    edge = rng.uniform(0.5, 1.5, (n, 1, 1)) * np.tanh((u * np.cos(angle) + v * np.sin(angle) - offset) / 0.7)
    flat = np.broadcast_to(rng.uniform(-1, 1, (n, 1, 1)), edge.shape)
    if task == "polarity":
        red = (2 * y - 1)[:, None, None] * edge
    else:
        red = np.where(y[:, None, None] == 1, rng.choice([-1, 1], (n, 1, 1)) * edge, flat)
    return torch.tensor(np.stack([red, 0 * red, -red], 1), dtype=torch.float32), torch.tensor(y)


def escape(seed, task, steps=2000):
    """Whether red's and blue's slices part from equal ones under full-batch descent, and the accuracy after it."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)  # for the biases
    (x, y), (x_test, y_test) = opponent(rng, 128, task), opponent(rng, TEST, task)
    network = Network(rng, 8, 2, tied=True)
    F.cross_entropy(network(x), y).backward()
    moves = bool(network.first.weight.grad.abs().sum() > 0)
    train(network, torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9), x, y, steps, 128, rng)
    w = network.first.weight.detach()
    parted = (w[:, 0] - w[:, 2]).norm() >= 0.1 * (w[:, 0] + w[:, 2]).norm()
    return {"moves": moves, "left": bool(parted), "accuracy": accuracy(network, x_test, y_test)}


def main(rates):
    """Train all of it; rates: the sum's and the maximum's, as the study found them."""
    torch.set_num_threads(1)
    found = {"seeds": list(SEEDS), "torch": torch.__version__, "rates": rates}
    for name, amplitude in (("dose_0", 0.0), ("dose_3", 3.0)):
        found[name] = [round(hidden_digits(seed, amplitude, 0.01)[0], 4) for seed in SEEDS]
    for name, rate in rates.items():
        runs = [hidden_digits(seed, 3.0, rate, largest=name == "max") for seed in SEEDS]
        found[f"common_{name}"] = [round(run[1], 4) for run in runs]
    for task in ("polarity", "presence"):
        found[f"escape_{task}"] = [escape(seed, task) for seed in SEEDS]
    FOUND.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main({"sum": float(sys.argv[1]), "max": float(sys.argv[2])})
