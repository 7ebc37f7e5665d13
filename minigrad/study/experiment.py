"""The study's jobs: what is run, in which order, and what each job leaves as a record.

For those who read records: `Results.load(path)` (records.py), then `results.where("run", task="polarity", F=8)`.
`hypotheses.judge(results)` gives the verdicts, and `report.write(results, path)` the page.

A record is one flat dict, one line of `quick.jsonl` or `full.jsonl`. Below, S is a list over seeds, T one over the
moments of measurement; a number that was not finite is null. Every record has `kind`, `key` (a text that names the
job and its settings: same key, same numbers) and `seconds` of processor time.

study        profile ("quick" | "full") version seeds tasks arms
tune         task (the one tuned on) arm init F grid steps seeds;
             lrs [L] (all that were tried), accuracy [L] (mean over tuning seeds), best (the learning rate chosen)
run          K networks that differ in their seed alone, trained side by side as the groups of one
             task arm F init ("he" | "unit") lr steps batch seeds [S] chance (accuracy of guessing);
             accuracy loss [S]        on held-out images, after training
             near_zero [S]            share of |w| < 0.1 sigma of the start, in the layer under test, after training
             pruned [S]               accuracy without the smaller half of that layer's weights
             probe_one probe_all [S]  linear probe on one channel of it (mean over channels) and on all
             excess [S]               cancellation minus its null, after training
             curves                   step [T]; loss, accuracy, gradient (norm at the layer under test), cancellation,
                                      null, participation, participation_batch: mean over seeds [T], and with "_sd"
                                      the standard deviation; channels [C][T] (norm of dL/dW_c, mean)
             weights                  start and end [F][C][3][3] of the first seed, for some arms
equivalence  (H1) arm optimizer; gap (largest |loss - loss of the sum|), step loss gaps [T]
start        (H2) n; p_value, quantiles aligned opponent [Q] (in sigmas), difference (the largest),
             histogram {edges [B+1], aligned [B], opponent [B]}
escape       (H5, H6, picture 2) task mode ("full" | "minibatch" | "mirrored": full batch of data closed under swapping
             red and blue) start ("cancelling" | "random") lr steps seeds [S]; start_loss start_gradient accuracy [S],
             curves as above; film of the first seed if it starts cancelling: step loss gradient cancellation null
             accuracy [T], path [T][F][2] (w_R·e, w_B·e), and contour {x, y, loss [Y][X]} as filter number `filter`
             of the trained network moves in that plane
unmatched    (H7) layer (1 | 2) task; d, share (of |cos| < 0.1), share_centred, expected (of random directions),
             histogram {edges [B+1], unrelated [B], and at layer 1 matching and anti [B]}
negative     (H11) arm task F lr steps seeds [S]; accuracy [S] on test images and their negatives, labels turned
depth        (H9, picture 4) arm init C layers seeds [S]; ratio [S] (gradient norm at the input ÷ at the output),
             by_layer [layers + 1] (geometric mean over seeds, from the input to the output, where it is 1)
energy       arm C; measured (E sum_c (df/dr_c)^2, r ~ N(0, 1)), measured_sd (of that mean), closed (null where no
             closed form is known), infinite (it diverges), receiving (mean number of channels with a gradient)
cost         (H13) arm C version ("plain" | "streamed"); forward both (ms: forward, forward + backward), forward_ratio
             both_ratio (to the sum's, in turn), both_ratio_low (smallest of a round), memory (MB, peak), memory_ratio
statement    name; claim value bound holds
photo        filters ("random" | "trained"); cancellation null correlation [C][C] (of channels' responses) kurtosis
             near_zero (share of responses below a tenth of their standard deviation)
maps         (picture 1) arm formula; image [3][H][W], responses [3][P][Q], out [P][Q], gradients [3][P][Q]
slider       (picture 5) blue [T] from 1 (aligned) to -1 (opponent); red [F], blue_response sum [F][T] at the edge,
             bias [F], probability [T] (the network says "opponent"), probe_one [F][T], probe_all [T]
window       (picture 7) x [3][5][5] w [3][3][3] bias; responses [3][3][3] out [3][3] g [3][3] dw [3][3][3] dx [3][5][5]
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import nn, optim
from minigrad.autograd import grad, no_grad
from minigrad.channels import cancellation
from minigrad.kernels.threads import one_blas_thread, set_num_threads
from minigrad.nn import functional as F
from minigrad.study import probes
from minigrad.study.executors import Launcher, serial
from minigrad.study.records import Record, Store, plain
from minigrad.study.reductions import ARMS, Arm, he_sigma, unit_start
from minigrad.study.tasks import BLUE, RED, TASKS, crops, photographs, polarity, presence, swapped
from minigrad.tensor import Tensor, tensor

Floats = NDArray[np.floating[Any]]

DEVIATIONS = (  # from the protocol as it was first written, and why
    "Networks that differ in their seed alone train side by side, as the groups of one network: ten in the time of "
    "three. A test holds that each one becomes what it becomes alone, up to rounding.",
    "Learning rates were searched once a family of tasks (edges and photographs on “and”, digits on “distractors”) for "
    "each reduction and initialisation, at F = 8 and with two tuning seeds; the middle one of those within half a "
    "point of the best was taken. A search for each task and width would have taken longer than all else together.",
    "Training is short (120 minibatches of 32 for edges and photographs, 200 for digits): differences are differences "
    "after that, not at convergence.",
    "The second initialisation was trained at F = 8 only; the photographs with five arms at F = 8, as a sanity check.",
    "Escapes are plain descent with momentum 0.9 and one learning rate, 0.1, without a search, on 128 images.",
    "Gradient flow is judged at C = 16 and shown at 3, 16 and 64; the product's blindness on two channels, where it is "
    "even; unmatched filters by the better of plain cosines and those with each patch's mean removed.",
)

HIDDEN = {2: 8, 3: 8, 10: 16}  # width of the second convolution, by number of classes
BATCH = 32
TRAIN, TEST = 1024, 400  # images
WATCHED = 32  # training images on which the curves are measured
EVALUATED = 100  # images that go through the networks at once where nothing is trained
WITH_WEIGHTS = ("sum", "mean", "max", "abs", "product", "median")  # arms whose trained filters are recorded


# --------------------------------------------------------------------------------------------- the networks


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
    """He's initialisation from each copy's own seed, the same draws for every arm; "unit" rescales it on
    images x."""
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
    if init == "unit":
        unit_start(network.conv, x)


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
def draw(task: str, seeds: tuple[int, ...]) -> tuple[Data, Data]:
    """Training and test images for a copy a seed."""
    drawn = [TASKS[task].draw(seed, TRAIN, TEST) for seed in seeds]
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
        self.network, self.test = network, Data(test.x[:, :EVALUATED], test.y[:, :EVALUATED])
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


# -------------------------------------------------------------------------------------------------- the jobs
#
# A job's function takes its settings as keywords and returns the other fields of its record.


def tune(task: str, arm: str, init: str, F: int, grid: Sequence[float], steps: int, seeds: Sequence[int]) -> Record:
    """Choose a learning rate on seeds that no test uses: the middle one of those within half a point of the best.

    Where an edge of the grid wins alone, the grid is extended beyond it, twice at most.
    """
    found: dict[float, float] = {}
    for _ in range(3):
        accuracies = evaluate(*tried(task, arm, F, init, grid, steps, seeds))[0].reshape(len(grid), -1)
        found |= dict(zip(grid, accuracies.mean(1).tolist(), strict=True))
        rates = sorted(found)
        good = [lr for lr in rates if found[lr] >= max(found.values()) - 0.005]
        if good == rates[:1]:
            grid = [rates[0] / 3]
        elif good == rates[-1:]:
            grid = [rates[-1] * 3]
        else:
            break
    return {"lrs": rates, "accuracy": [found[lr] for lr in rates], "best": good[(len(good) - 1) // 2]}


def run(
    task: str, arm: str, F: int, init: str, lr: float, steps: int, seeds: Sequence[int], points: int, keep: bool
) -> Record:
    """Train one network a seed, and measure; with `keep`, keep the filters of the first."""
    network, data, test, curves = trained(task, arm, F, init, lr, steps, seeds, points)
    conv, copies = network.conv, len(seeds)
    end = conv.weight.array.reshape(copies, F, -1, 3, 3).copy()
    accuracy, loss = evaluate(network, test)
    one, every = probed(network, data, test)
    near_zero = (np.abs(end) < 0.1 * he_sigma(TASKS[task].channels)).mean((1, 2, 3, 4))
    medians = np.median(np.abs(end), axis=(1, 2, 3, 4), keepdims=True)
    conv.weight.array[:] = np.where(np.abs(end) > medians, end, 0).reshape(conv.weight.shape)
    conv.weight.bump_version()
    pruned = evaluate(network, test)[0]
    kept = {"start": curves.start[0], "end": end[0]} if keep else None
    return {
        "batch": BATCH,
        "chance": TASKS[task].chance,
        "accuracy": accuracy,
        "loss": loss,
        "near_zero": near_zero,
        "pruned": pruned,
        "probe_one": one,
        "probe_all": every,
        "excess": curves.rows[-1]["cancellation"] - curves.rows[-1]["null"],
        "curves": curves.record(),
        **({"weights": plain(kept, 3)} if kept else {}),
    }


def trained(
    task: str, arm: str, F: int, init: str, lr: float, steps: int, seeds: Sequence[int], points: int
) -> tuple[Network, Data, Data, Curves]:
    """Networks of one cell, one a seed, after training with Adam."""
    data, test = draw(task, tuple(seeds))
    network = Network(ARMS[arm], F, task, len(seeds))
    begin(network, ARMS[arm], seeds, init, data[:WATCHED][0])
    curves = Curves(network, data, test, steps, points)
    optimizer = optim.Adam(list(network.parameters()), lr=lr)
    train(network, optimizer, data, batches(seeds, TRAIN, steps, BATCH), curves)
    return network, data, test, curves


def tried(
    task: str, arm: str, F: int, init: str, lrs: Sequence[float], steps: int, seeds: Sequence[int]
) -> tuple[Network, Data]:
    """Trained networks, every seed with every learning rate, all side by side; and their test images."""
    data, test = (
        Data(np.tile(d.x, (len(lrs), 1, 1, 1, 1)), np.tile(d.y, (len(lrs), 1))) for d in draw(task, tuple(seeds))
    )
    copies, rates = list(seeds) * len(lrs), np.repeat(lrs, len(seeds)).tolist()
    network = Network(ARMS[arm], F, task, len(copies))
    begin(network, ARMS[arm], copies, init, data[:WATCHED][0])
    optimizer = optim.Adam(list(network.parameters()), lr=1.0)
    train(network, optimizer, data, batches(copies, TRAIN, steps, BATCH), rates=rates)
    return network, test


def probed(network: Network, data: Data, test: Data) -> tuple[Floats, Floats]:
    """Accuracy of a linear probe on one output channel (mean over channels) and on all, for each copy.

    The features are the layer's outputs after the ReLU, averaged over positions; concatenation has 3 F of
    them.
    """
    features = []
    for images in (data, test):
        with no_grad():
            parts = [network.conv(images[i : i + EVALUATED][0]).relu() for i in range(0, TEST, EVALUATED)]
        features.append(np.nan_to_num(np.concatenate([part.array.mean((2, 3)) for part in parts])))
    one, every = [], []
    for k, (f, f_test) in enumerate(zip(*(np.split(f, network.copies, 1) for f in features), strict=True)):
        y, y_test = data.y[k, :TEST], test.y[k]
        one.append(np.mean([probes.linear_probe(f[:, [c]], y, f_test[:, [c]], y_test) for c in range(f.shape[1])]))
        every.append(probes.linear_probe(f, y, f_test, y_test))
    return np.array(one), np.array(every)


def negative(arm: str, task: str, F: int, lr: float, steps: int, seeds: Sequence[int]) -> Record:
    """Accuracy on polarity where every test image comes with its negative, whose label is the other one."""
    network, _, test, _ = trained(task, arm, F, "he", lr, steps, seeds, points=0)
    pairs = Data(np.concatenate([test.x, -test.x], axis=1), np.concatenate([test.y, 1 - test.y], axis=1))
    return {"accuracy": evaluate(network, pairs)[0]}


EDGE = np.tile([-1.0, 0.0, 1.0], (3, 1)) / np.sqrt(6)  # an upright edge of norm 1: the axis of the escape


def escape(task: str, mode: str, start: str, lr: float, steps: int, seeds: Sequence[int]) -> Record:
    """Train the sum from filters that cancel every opponent edge (w_R = w_B), or from random ones, by plain
    descent.

    Images are without noise, so that cancelling is exact; 256 of them, as one full batch, in minibatches, or
    as
    128 with their red-blue exchanges ("mirrored").
    """
    n, copies, filters = 128, len(seeds), 8
    make = {"polarity": polarity, "presence": presence}[task]
    drawn = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 326643])
        images = make(rng, n // 2 if mode == "mirrored" else n, noise=0.0)
        images = swapped(*images, flips_label=task == "polarity") if mode == "mirrored" else images
        drawn.append((*images, *make(rng, TEST, noise=0.0)))
    x, y, x_test, y_test = (np.stack(parts) for parts in zip(*drawn, strict=True))
    data, test = Data(x, y), Data(x_test, y_test)
    arm = ARMS["untied" if start == "cancelling" else "sum"]
    network = Network(arm, filters, task, copies)
    begin(network, arm, seeds, "he", data[:WATCHED][0])
    for layer in (network.conv, network.mix, network.head):
        assert layer.bias is not None
        bound, size = np.prod(layer.weight.shape[1:]) ** -0.5, layer.bias.shape[0] // copies
        uniform = [np.random.default_rng([seed, 11]).uniform(-bound, bound, size) for seed in seeds]
        layer.bias.array[:] = np.concatenate(uniform)
    curves = Curves(network, data, test, steps, points=25, watched=n)
    path: list[Floats] = []

    def watch(step: int) -> None:
        curves(step)
        if step in curves.moments:
            w = network.conv.weight.array[:filters, [RED, BLUE]]  # of the first seed
            path.append((w * EDGE).sum((2, 3)))

    size = BATCH if mode == "minibatch" else n
    optimizer = optim.SGD(list(network.parameters()), lr=lr, momentum=0.9)
    train(network, optimizer, data, batches(seeds, n, steps, size), watch)
    film = None
    if start == "cancelling":
        rows = curves.rows
        film = {
            "step": curves.moments,
            **{name: [row[name][0] for row in rows] for name in rows[0] if name in FILMED},
            "path": np.array(path),
            **contour(network, task, data, path),
        }
    return {
        "start_loss": curves.rows[0]["loss"],
        "start_gradient": curves.rows[0]["gradient"],
        "accuracy": evaluate(network, test)[0],
        "curves": curves.record(FILMED),
        **({"film": plain(film, 4)} if film else {}),
    }


FILMED = ("loss", "gradient", "cancellation", "null", "accuracy")


def contour(network: Network, task: str, data: Data, path: list[Floats], points: int = 19) -> Record:
    """Loss of the first trained network as the filter that moved most moves in the plane (w_R·e, w_B·e)."""
    moved = int(np.argmax(np.linalg.norm(path[-1] - path[0], axis=1)))
    reach = 1.2 * np.abs(np.array(path)).max()
    axis = np.linspace(-reach, reach, points)
    x, y = Data(data.x[:1], data.y[:1])[:WATCHED]
    single = Network(ARMS["sum"], len(path[0]), task, 1)
    for own, shared in zip(single.parameters(), network.parameters(), strict=True):
        own.array[:] = shared.array[: len(own.array)]
    weight = single.conv.weight
    trained_filter, at = weight.array[moved].copy(), path[-1][moved]
    loss = np.empty((points, points))
    for row, blue in enumerate(axis):
        for column, red in enumerate(axis):
            weight.array[moved] = trained_filter
            weight.array[moved, RED] += (red - at[0]) * EDGE
            weight.array[moved, BLUE] += (blue - at[1]) * EDGE
            weight.bump_version()
            with no_grad():
                loss[row, column] = losses(single(x), y).array[0]
    return {"filter": moved, "contour": {"x": axis, "y": axis, "loss": loss}}


def equivalence(arm: str, optimizer: str, steps: int) -> Record:
    """Train an affine arm in the disguise that should make it the sum, and the sum, in float64."""
    data = draw("polarity", (0,))[0]
    x = Data(data.x.astype(np.float64), data.y)
    curves = {}
    for name in ("sum", arm):
        network = Network(ARMS[name], 4, "polarity", 1)
        begin(network, ARMS[name], [0], "he", data[:WATCHED][0])
        network.to(np.float64)
        scale = 3 if name == "mean" else 1
        network.conv.weight.array *= scale
        if name == "alternating":
            network.conv.weight.array[:, 1::2] *= -1
        if name == "sum+17":
            network.conv.bias.array -= 17  # type: ignore[union-attr]
        rest = [p for p in network.parameters() if p is not network.conv.weight]
        if optimizer == "sgd":  # decay for the weights under test alone: towards 0 is no place for a bias of -17
            groups: list[dict[str, Any]] = [
                {"params": [network.conv.weight], "lr": 0.05 * scale**2, "weight_decay": 1e-3 / scale**2},
                {"params": rest},
            ]
            stepper: Any = optim.SGD(groups, lr=0.05, momentum=0.9)
        else:
            groups = [{"params": [network.conv.weight], "lr": 0.003 * scale, "eps": 1e-8 / scale}, {"params": rest}]
            stepper = optim.Adam(groups, lr=0.003)
        seen: list[float] = []
        for index in batches([0], TRAIN, steps, BATCH):
            images, y = x[index]
            stepper.zero_grad()
            loss = losses(network(images), y).sum()
            loss.backward()
            stepper.step()
            seen.append(loss.item())
        curves[name] = np.array(seen)
    gaps = np.abs(curves[arm] - curves["sum"])
    shown = np.unique(np.linspace(0, steps - 1, 21).astype(int))
    return {"gap": gaps.max(), "step": shown, "gaps": gaps[shown], "loss": curves[arm][shown]}


def unmatched(layer: int, task: str, lr: float, steps: int, seeds: Sequence[int]) -> Record:
    """Cosines of the sum's trained filters with patches of photographs, at the first or the second convolution."""
    network, *_ = trained(task, "sum", 8, "he", lr, steps, seeds, points=0)
    rng = np.random.default_rng(10)
    x = np.concatenate([crops(rng, p, 200, "test") for p in photographs()]).astype(np.float32) - 0.5
    entries = []
    for k in range(len(seeds)):
        images = x  # (400, 3, H, W)
        weights = network.conv.weight.array[8 * k : 8 * (k + 1)]
        if layer == 2:
            bias = network.conv.bias.array[8 * k : 8 * (k + 1)]  # type: ignore[union-attr]
            with no_grad():
                images = F.conv2d(tensor(x), tensor(weights), tensor(bias)).relu().array
            hidden = network.mix.weight.shape[0] // len(seeds)
            weights = network.mix.weight.array[hidden * k : hidden * (k + 1)]
        windows = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(2, 3))[:, :, ::3, ::3]
        patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, weights[0].size)
        entries.append(probes.unmatched(weights.reshape(len(weights), -1), patches, anti=layer == 1))
    merged = {name: np.mean([e[name] for e in entries]) for name in ("share", "share_centred", "expected")}
    histogram = {name: np.sum([e["histogram"][name] for e in entries], axis=0) for name in entries[0]["histogram"]}
    return {"d": entries[0]["d"], **merged, "histogram": histogram | {"edges": entries[0]["histogram"]["edges"]}}


def slider(lr: float, steps: int, seed: int) -> Record:
    """What 8 trained filters of the sum, and the whole network, say as blue's edge turns from aligned to opponent."""
    network, data, _, _ = trained("relation", "sum", 8, "he", lr, steps, [seed], points=0)
    blue = np.linspace(1, -1, 41)
    edge = probes.step_edge()
    x = tensor(np.stack([np.stack([edge, 0 * edge, b * edge]) for b in blue]).astype(np.float32))
    with no_grad():
        r = network.conv.own(x).array[:, 0, :, :, 5, 5]  # (T, C, F) where the edge is
        probability = F.softmax(network(x), -1).array[:, 0, 1]
        features = [network.conv(part).relu().mean((2, 3)).array for part in (data[:TEST][0], x)]
    y = data.y[0, :TEST]

    def readout(columns: list[int]) -> Floats:
        design = [np.c_[f[:, columns], np.ones(len(f))] for f in features]
        weights, *_ = np.linalg.lstsq(design[0], y.astype(float), rcond=None)
        return np.asarray((design[1] @ weights).clip(0, 1))

    return {
        "blue": blue,
        "red": r[0, RED],
        "blue_response": r[:, BLUE].T,
        "sum": r.sum(1).T,
        "bias": network.conv.bias.array,  # type: ignore[union-attr]
        "probability": probability,
        "probe_one": np.stack([readout([c]) for c in range(8)]),
        "probe_all": readout(list(range(8))),
    }


def photo(filters: str, lr: float, steps: int, seeds: Sequence[int]) -> Record:
    """Statistics of first-layer responses to real photographs: random filters, or those trained on them."""
    if filters == "random":
        return probes.photo(filters)
    network, *_ = trained("photographs", "sum", 8, "he", lr, steps, seeds, points=0)
    return probes.photo(filters, network.conv.weight.array)


def statement(name: str) -> Record:
    """Confirm a statement of the page through the engine."""
    from minigrad.study.statements import STATEMENTS

    found = {s.name: s for s in STATEMENTS}[name]
    value = found.check()
    return {"claim": found.claim, "value": value, "bound": found.bound, "holds": value <= found.bound}


# -------------------------------------------------------------------------------------------------- the plan

JOBS: dict[str, Callable[..., Record]] = {
    "tune": tune,
    "run": run,
    "equivalence": equivalence,
    "escape": escape,
    "unmatched": unmatched,
    "slider": slider,
    "negative": negative,
    "photo": photo,
    "statement": statement,
    "start": probes.start,
    "depth": probes.depth,
    "energy": probes.energy,
    "cost": probes.cost,
    "maps": probes.maps,
    "window": probes.window,
}


@dataclass(frozen=True)
class Job:
    """One record to be: its kind, the settings that its function takes, and how long it takes beside others."""

    kind: str
    settings: Record
    effort: float = 1.0

    @property
    def key(self) -> str:
        """A name that says everything the result depends on."""
        return "/".join([self.kind, *(f"{name}={value}" for name, value in self.settings.items())])


def work(job: Job) -> Record:
    """Do one job, with one thread: what a worker process runs."""
    set_num_threads(1)
    begun = time.process_time()
    with one_blas_thread(), np.errstate(all="ignore"):  # what overflows becomes a record, not a warning
        found = JOBS[job.kind](**job.settings)
    head = {"kind": job.kind, "key": job.key, "seconds": round(time.process_time() - begun, 2)}
    record: Record = plain({**head, **job.settings, **found})
    return record


@dataclass(frozen=True)
class Profile:
    """How much of the study is run."""

    name: str
    tasks: tuple[str, ...]
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    widths: dict[str, tuple[int, ...]]  # initialisation -> the F of its runs
    lrs: tuple[float, ...]
    tuning_seeds: tuple[int, ...]
    points: int  # moments of measurement
    depth_channels: tuple[int, ...]
    depth_seeds: int
    escape_steps: int
    escape_modes: tuple[str, ...]
    disguises: tuple[tuple[str, str], ...]  # arms and optimizers of H1
    filters: int  # Gaussian filters of H2
    cost_channels: tuple[int, ...]
    shorten: float = 1.0  # of the tasks' steps


QUICK = Profile(
    name="quick",
    tasks=("polarity", "distractors"),
    arms=("sum", "mean", "sum+17", "max", "product"),
    seeds=(0, 1, 2),
    widths={"he": (8,)},
    lrs=(0.003, 0.01, 0.03),
    tuning_seeds=(1000, 1001),
    points=9,
    depth_channels=(16,),
    depth_seeds=3,
    escape_steps=200,
    escape_modes=("full", "minibatch"),
    disguises=(("mean", "adam"), ("sum+17", "sgd"), ("alternating", "sgd")),
    filters=400_000,
    cost_channels=(16,),
)

FULL = Profile(
    name="full",
    tasks=tuple(TASKS),
    arms=tuple(ARMS),
    seeds=tuple(range(10)),
    widths={"he": (1, 2, 4, 8), "unit": (8,)},
    lrs=(0.001, 0.003, 0.01, 0.03, 0.1),
    tuning_seeds=(1000, 1001),
    points=7,
    depth_channels=(3, 16, 64),
    depth_seeds=10,
    escape_steps=200,
    escape_modes=("full", "minibatch", "mirrored"),
    disguises=tuple((arm, by) for arm in ("mean", "sum+17", "alternating") for by in ("sgd", "adam")),
    filters=400_000,
    cost_channels=(3, 16, 64),
)


def steps_of(profile: Profile, task: str) -> int:
    """Minibatches of training on a task."""
    return max(2, round(TASKS[task].steps * profile.shorten))


def arms_on(profile: Profile, task: str) -> list[str]:
    """The arms that a task compares: two channels are for the even reductions and the sum, photographs a check."""
    if task == "polarity-rb":
        return [name for name in profile.arms if name == "sum" or ARMS[name].even(2)]
    if task == "photographs":
        return [name for name in profile.arms if name in ("sum", "mean", "max", "tied", "concat")]
    return list(profile.arms)


def widths_on(profile: Profile, task: str, init: str) -> list[int]:
    """The F that a task is run with."""
    widths = profile.widths.get(init, ())
    if task == "photographs":
        return [F for F in widths if F == 8 and init == "he"]
    return [F for F in widths if F in (1, 8)] if task == "polarity-rb" else list(widths)


def first_stage(profile: Profile, only: Sequence[str]) -> list[Job]:
    """What depends on nothing: probes, and the search for learning rates."""
    seeds = list(profile.seeds)
    small = {"lr": 0.01, "steps": max(2, round(150 * profile.shorten)), "seeds": seeds[:3]}
    jobs = [Job("window", {}), Job("start", {"n": profile.filters}, 3)]
    jobs += [Job("statement", {"name": name}) for name in statement_names()]
    reducing = [arm for arm in profile.arms if not ARMS[arm].control]
    jobs += [Job("maps", {"arm": arm}, 0.1) for arm in profile.arms if ARMS[arm].reduces]
    jobs += [Job("energy", {"arm": arm, "C": C}, 0.3) for arm in reducing for C in (3, 16, 64)]
    jobs += [
        Job("equivalence", {"arm": arm, "optimizer": optimizer, "steps": max(2, round(200 * profile.shorten))}, 2)
        for arm, optimizer in profile.disguises
    ]
    jobs += [
        Job(
            "escape",
            {"task": task, "mode": mode, "start": start, "lr": 0.1, "steps": profile.escape_steps, "seeds": seeds},
            profile.escape_steps / 25,
        )
        for task in ("polarity", "presence")
        for mode, start in (("full", "random"), *((mode, "cancelling") for mode in profile.escape_modes))
    ]
    jobs += [Job("unmatched", {"layer": layer, "task": "distractors", **small}, 2) for layer in (1, 2)]
    jobs += [
        Job("negative", {"arm": arm, "task": "polarity" if ARMS[arm].even(3) else "polarity-rb", "F": F, **small}, 1)
        for arm in reducing
        if ARMS[arm].even(2)
        for F in (1, 8)
    ]
    jobs += [Job("slider", {"lr": 0.01, "steps": small["steps"], "seed": 0}, 1)]
    jobs += [Job("photo", {"filters": filters, **small}, 1) for filters in ("random", "trained")]
    jobs += [
        Job("depth", {"arm": arm, "init": init, "C": C, "layers": 10, "seeds": seeds[: profile.depth_seeds]}, C / 8)
        for C in profile.depth_channels
        for init in ("he", "unit")
        for arm in reducing
    ]
    wanted = [task for task in profile.tasks if not only or task in only]
    jobs += [
        Job(
            "tune",
            {
                "task": task,
                "arm": arm,
                "init": init,
                "F": 8,
                "grid": list(profile.lrs),
                "steps": steps_of(profile, task),
                "seeds": list(profile.tuning_seeds),
            },
            2,
        )
        for task in dict.fromkeys(TASKS[task].tuned_on for task in wanted)
        for init in profile.widths
        for arm in profile.arms
    ]
    return [job for job in jobs if _wanted(job, only)]


def second_stage(profile: Profile, only: Sequence[str], done: Iterable[Record]) -> list[Job]:
    """The trainings, each with the learning rate found for its arm and initialisation on its family of tasks, F = 8."""
    best = {(r["task"], r["arm"], r["init"]): r["best"] for r in done if r["kind"] == "tune"}
    best = {
        (task, arm, init): best[key]
        for task in profile.tasks
        for arm in profile.arms
        for init in profile.widths
        if (key := (TASKS[task].tuned_on, arm, init)) in best
    }
    cells = [
        (task, arm, F, init)
        for F in (8, 1, 4, 2)  # the widths that most is asked about come first
        for init in profile.widths
        for task in profile.tasks
        for arm in arms_on(profile, task)
        if F in widths_on(profile, task, init) and (task, arm, init) in best
    ]
    jobs = [
        Job(
            "run",
            {
                "task": task,
                "arm": arm,
                "F": F,
                "init": init,
                "lr": best[task, arm, init],
                "steps": steps_of(profile, task),
                "seeds": list(profile.seeds),
                "points": profile.points,
                "keep": F == 8 and init == "he" and arm in WITH_WEIGHTS,
            },
            1 + F / 2,
        )
        for task, arm, F, init in cells
    ]
    return [job for job in jobs if _wanted(job, only)]


def third_stage(profile: Profile) -> list[Job]:
    """The clock: one at a time, when nothing else of the study is running."""
    return [
        Job("cost", {"arm": arm, "C": C, "version": version}, C / 30)
        for C in profile.cost_channels
        for arm in profile.arms
        if not ARMS[arm].control
        for version in ("plain", "streamed")
        if version == "plain" or (ARMS[arm].streamed and not ARMS[arm].affine)
    ]


def statement_names() -> list[str]:
    """The statements of the page."""
    from minigrad.study.statements import STATEMENTS

    return [statement.name for statement in STATEMENTS]


def _wanted(job: Job, only: Sequence[str]) -> bool:
    return not only or job.kind == "tune" or job.settings.get("task", only[0]) in only


def study(
    profile: Profile,
    store: Store,
    launch: Launcher,
    only: Sequence[str] = (),
    progress: Callable[[float, float], None] = lambda done, total: None,
) -> dict[str, Exception]:
    """Run what `store` does not have yet, and put it there; returns the jobs that failed, by key.

    `launch(function, jobs)` yields (job, record or exception) as they finish (`executors.py`);
    `progress(done, total)` is told the effort behind and in all.
    """
    head = {
        "profile": profile.name,
        "version": version(),
        "seeds": list(profile.seeds),
        "tasks": [task for task in profile.tasks if not only or task in only],
        "arms": list(profile.arms),
    }
    if store.done.get("study") != (record := {"kind": "study", "key": "study", "seconds": 0, **head}):
        store.add(record)
    failed: dict[str, Exception] = {}
    first = first_stage(profile, only)
    stages: list[tuple[Callable[[], list[Job]], Launcher]] = [
        (lambda: first, launch),
        (lambda: second_stage(profile, only, store.done.values()), launch),
        (lambda: third_stage(profile), serial),
    ]
    # before the learning rates are known, the number of trainings is that of the searches times the widths
    guess = (
        sum(1 + F / 2 for widths in profile.widths.values() for F in widths)
        * sum(job.kind == "tune" for job in first)
        / len(profile.widths)
    )
    sizes = [effort(first), guess, effort(third_stage(profile))]
    for index, (plan, start) in enumerate(stages):
        jobs = plan()
        sizes[index] = effort(jobs)
        waiting = [job for job in jobs if job.key not in store.done]
        behind = sum(sizes[:index]) + effort(jobs) - effort(waiting)
        progress(behind, sum(sizes))
        for job, outcome in start(work, waiting):
            if isinstance(outcome, Exception):
                failed[job.key] = outcome
            else:
                store.add(outcome)
            behind += job.effort
            progress(behind, sum(sizes))
    return failed


def effort(jobs: Iterable[Job]) -> float:
    """How long these jobs take, in an arbitrary unit."""
    return sum(job.effort for job in jobs)


def version() -> str:
    """minigrad's version."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("minigrad-whysum")
    except PackageNotFoundError:  # run from a checkout
        return "checkout"
