"""What a step of training does to the channels' cancellation, taken apart by its causes.

A step changes channel c's response to patch x by -Σ_s V_s ⟨x_c(s), P_c x_c⟩, a sum over training patches s. V_s is the
momentum of the loss's gradient at the answer to s, the same for all channels; P is the step that Adam allows each
weight. So the patch's own term, s = x, moves all channels' responses one way: only other patches move their difference.

What a change of responses does to the cancellation is taken from its derivative, the mean of those before and after the
step: what remains of the step is of third order, and where a response changes its sign.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import optim
from minigrad.autograd import grad, no_grad
from minigrad.kernels.windows import Window
from minigrad.ops.conv import convolution_weight
from minigrad.study.arms import ARMS
from minigrad.study.dose import FILTERS, images
from minigrad.study.networks import BATCH, TRAIN, WATCHED, Data, Floats, Network, batches, begin, evaluate, losses
from minigrad.study.records import Record
from minigrad.study.tasks import common_parts
from minigrad.tensor import Tensor, tensor

SEEN = 128  # training images whose patches are watched
BETAS = 0.9, 0.999  # Adam's


def split(task: str, amplitude: float | None, lr: float, steps: int, seeds: Sequence[int], blocks: int) -> Record:
    """Train as `dose` does, and split what every step does to the cancellation of SEEN training images' patches.

    By whose patch s is: `own` is x itself, `image` another patch of its image, `others` one of another image. With an
    amplitude also by what s contains: the `shared` picture, the `digit`, and noise, which is the rest.

    accuracy [S] at the end; step [T] (ends of the blocks, from 0); index, excess [T][S] (then); for both, index_own,
    index_image, index_others, and with an amplitude index_shared, index_digit [T - 1][S]: the change in a block, summed
    over its steps; growth [T - 1][S]: mean over the block's steps of how far the own terms make
    |answers| larger, between -1 and 1.
    """
    data, test = images(task, amplitude, seeds)
    network = Network(ARMS["sum"], FILTERS, task, len(seeds))
    begin(network, ARMS["sum"], seeds, "he", data[:WATCHED][0])
    optimizer = optim.Adam(list(network.parameters()), lr=lr, betas=BETAS)
    watcher = Watcher(network, data, contents(amplitude, seeds))
    ends = sorted({0, *(round(t) for t in np.geomspace(min(10, steps), steps, blocks))})
    states = [watcher.measure()]
    sums: list[dict[str, Floats]] = []
    begun: dict[str, Any] = {}
    before, answers = watcher.slopes()
    for step, index in enumerate(batches(seeds, TRAIN, steps, BATCH), 1):
        x, y = data[index]
        out = network.conv(x)
        loss = losses(network.after(out), y).sum()
        (g,) = grad(loss, [out], retain_graph=True)
        optimizer.zero_grad()
        loss.backward()
        watcher.remember(index, g)
        optimizer.step()
        after, answers_after = watcher.slopes()
        slopes: dict[str, Floats] = {name: (before[name] + after[name]) / 2 for name in before}
        found = watcher.explain(slopes, answers, allowed(optimizer, network, lr, step))
        before, answers = after, answers_after
        begun = {name: begun.get(name, 0.0) + value for name, value in found.items()}
        if step in ends:
            begun["growth"] = begun["growth"] / (step - ends[len(sums)])
            sums.append(begun)
            states.append(watcher.measure())
            begun = {}
    curves = {name: np.array([row[name] for row in rows]) for rows in (states, sums) for name in rows[0]}
    return {"accuracy": evaluate(network, test)[0], "step": ends, **curves}


def contents(amplitude: float | None, seeds: Sequence[int]) -> dict[str, Data]:
    """What the training images of `common` are made of, by name; nothing for other tasks."""
    if amplitude is None:
        return {}
    drawn = [common_parts(np.random.default_rng([seed, 326643]), TRAIN, "train", amplitude) for seed in seeds]
    shared, digit, y = (np.stack(part) for part in zip(*drawn, strict=True))
    return {"shared": Data(shared.astype(np.float32), y), "digit": Data(digit.astype(np.float32), y)}


def allowed(optimizer: optim.Optimizer, network: Network, lr: float, step: int) -> Floats:
    """The step that Adam allows each weight of the layer under test for a unit of momentum, P (K · F, C, 3, 3)."""
    squares = np.asarray(optimizer.state[network.conv.weight]["exp_avg_sq"])
    return np.asarray(lr / (1 - BETAS[0] ** step) / (np.sqrt(squares / (1 - BETAS[1] ** step)) + 1e-8))


class Watcher:
    """The patches that are watched, and the momentum of all gradients, kept apart by where it came from."""

    def __init__(self, network: Network, data: Data, parts: dict[str, Data]):
        self.network, self.data, self.parts = network, data, parts
        self.x = data[:SEEN][0]
        self.patches = take_patches(self.x.array, network.copies)  # (N, K, C, 9, L)
        shape = self.patches.shape
        self.own: Floats = np.zeros((SEEN, shape[1], FILTERS, shape[4]), np.float32)  # V of the patches
        self.momenta = {name: np.zeros_like(network.conv.weight.array) for name in ("whole", *parts)}

    def remember(self, index: NDArray[np.int64], g: Tensor) -> None:
        """Take in a minibatch `index` (copies, B) and its gradient at the answers (B, copies · F, P, Q)."""
        copies = self.network.copies
        keep = BETAS[0]
        self.own *= keep
        at = (1 - keep) * g.array.reshape(len(g), copies, FILTERS, -1)
        copy, place = np.nonzero(index < SEEN)
        self.own[index[copy, place], copy] += at[place, copy]
        for name, momentum in self.momenta.items():
            x = (self.data if name == "whole" else self.parts[name])[index][0]
            with no_grad():
                dw = convolution_weight(g, x, Window((3, 3), groups=copies)).array
            momentum *= keep
            momentum += (1 - keep) * dw

    def measure(self) -> dict[str, Floats]:
        """Index and excess now, each (copies,)."""
        with no_grad():
            r = self.network.conv.own(self.x)
            return {name: measure(r).array.astype(float) for name, measure in MEASURES.items()}

    def slopes(self) -> tuple[dict[str, Floats], Floats]:
        """Derivative of index and excess by each response (N, K, C, F, L), and the answers (N, K, F, L)."""
        with no_grad():
            r = self.network.conv.own(self.x)
        r.requires_grad_()
        shape = *r.shape[:4], -1
        slopes = {name: grad(of(r).sum(), [r])[0].array.reshape(shape) for name, of in MEASURES.items()}
        return slopes, r.array.sum(2).reshape(*self.own.shape)

    def explain(self, slopes: dict[str, Floats], answers: Floats, allowed: Floats) -> dict[str, Floats]:
        """What a step does to each measure, by cause, and `growth`; each (copies,)."""
        step = by_channel(allowed, self.network.copies)  # (K, C, F, 9)
        reach = np.matmul(step, self.patches**2)  # (N, K, C, F, L): ⟨x_c, P_c x_c⟩
        own = -self.own[:, :, None] * reach  # what the own terms do to the responses
        moved = own.sum(2)
        size = np.abs(moved).sum((0, 2, 3), dtype=float)
        growth = (np.sign(answers) * moved).sum((0, 2, 3), dtype=float) / np.where(size > 0, size, 1)
        found = {"growth": growth}
        across = self.patches.swapaxes(3, 4)  # (N, K, C, L, 9)
        sent = np.matmul(self.own[:, :, None], across)  # (N, K, C, F, 9): by each image
        momenta = {name: by_channel(m, self.network.copies) for name, m in self.momenta.items()}
        for name, by_response in slopes.items():
            asked = np.matmul(by_response, across)  # (N, K, C, F, 9): by each image of the weights
            parts = {part: -(asked.sum(0) * m * step).sum((1, 2, 3), dtype=float) for part, m in momenta.items()}
            whole = parts.pop("whole")
            found[f"{name}_own"] = (by_response * own).sum((0, 2, 3, 4), dtype=float)
            found[f"{name}_image"] = -(asked * sent * step).sum((0, 2, 3, 4), dtype=float) - found[f"{name}_own"]
            found[f"{name}_others"] = whole - found[f"{name}_own"] - found[f"{name}_image"]
            found |= {f"{name}_{part}": value for part, value in parts.items()}
        return found


def take_patches(x: Floats, copies: int) -> Floats:
    """The 3x3 windows of images (N, copies · C, H, W): (N, copies, C, 9, P · Q)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))  # (N, K · C, P, Q, 3, 3)
    n, _, p, q, *_ = windows.shape
    return np.ascontiguousarray(windows.reshape(n, copies, -1, p * q, 9).swapaxes(3, 4))


def by_channel(weights: Floats, copies: int) -> Floats:
    """(K · F, C, 3, 3) -> (K, C, F, 9)."""
    return np.ascontiguousarray(weights.reshape(copies, FILTERS, -1, 9).swapaxes(1, 2))


def index_of(r: Tensor) -> Tensor:
    """The cancellation index of responses (N, copies, C, F, P, Q), one a copy: 1 - Σ|Σ_c r_c| / ΣΣ_c|r_c|."""
    return 1 - r.sum(2).abs().sum((0, 2, 3, 4)) / r.abs().sum((0, 2, 3, 4, 5))


def excess_of(r: Tensor) -> Tensor:
    """The index minus its mean under random signs of the responses."""
    sizes, channels = r.abs(), r.shape[2]
    signs = [(1, *rest) for rest in itertools.product((1, -1), repeat=channels - 1)]
    patterns = [tensor(np.array(pattern, np.float32)).reshape(-1, 1, 1, 1) for pattern in signs]
    left = [(sizes * pattern).sum(2).abs().sum((0, 2, 3, 4)) for pattern in patterns]
    by_chance = 1 - sum(left[1:], left[0]) / len(signs) / sizes.sum((0, 2, 3, 4, 5))
    return index_of(r) - by_chance


MEASURES: dict[str, Callable[[Tensor], Tensor]] = {"index": index_of, "excess": excess_of}
