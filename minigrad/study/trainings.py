"""Jobs that train networks. Each function takes its settings as keywords and returns the other fields of its record.

Its docstring states those fields. S is a list over seeds, T one over the moments of measurement; a number that was not
finite is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import optim
from minigrad.autograd import no_grad
from minigrad.nn import functional as F
from minigrad.study import probes
from minigrad.study.arms import ARMS
from minigrad.study.networks import (
    BATCH,
    EVALUATED,
    TEST,
    TRAIN,
    WATCHED,
    Data,
    Floats,
    Network,
    adam,
    batches,
    begin,
    draw,
    evaluate,
    losses,
    trained,
    tried,
)
from minigrad.study.records import Record, plain
from minigrad.study.starts import he_sigma
from minigrad.study.tasks import BLUE, RED, TASKS, crops, photographs
from minigrad.tensor import tensor


def tune(task: str, arm: str, init: str, F: int, steps: int, grid: Sequence[float], seeds: Sequence[int]) -> Record:
    """Choose a rate by images and seeds that judge nothing: the middle one of those within half a point of the best.

    Where an edge of the grid wins alone, the grid is extended beyond it, twice at most. lrs [L] (all that were tried),
    accuracy [L] (mean over the tuning seeds), best (the rate chosen).
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
    return {"lrs": rates, "accuracy": [found[lr] for lr in rates], "best": good[len(good) // 2]}


def run(
    task: str, arm: str, init: str, F: int, lr: float, steps: int, seeds: Sequence[int], points: int, keep: bool
) -> Record:
    """Train one network a seed, and measure; with `keep`, keep the filters of the first.

    batch, chance (accuracy of guessing); on held-out images accuracy, loss [S], and late [S] (accuracy gained over the
    last third of the steps); probe_one, probe_all [S] (linear probe on one of its channels, mean over channels, and on
    all); excess [S] (cancellation minus its null); curves {step [T], and loss, accuracy, gradient, cancellation, null,
    participation, participation_batch: mean over seeds [T], with "_sd" the standard deviation; channels [C][T] (norm of
    dL/dW_c)}; weights {start, end [F][C][3][3]} of the first seed.
    """
    network, data, test, curves = trained(task, arm, F, init, lr, steps, seeds, points)
    end = network.conv.weight.array.reshape(len(seeds), F, -1, 3, 3).copy()
    accuracy, loss = evaluate(network, test)
    one, every = probed(network, data, test)
    two_thirds = np.abs(np.array(curves.moments) - 2 * steps / 3).argmin()
    kept = {"start": curves.start[0], "end": end[0]} if keep else None
    return {
        "batch": BATCH,
        "chance": TASKS[task].chance,
        "accuracy": accuracy,
        "loss": loss,
        "late": accuracy - curves.rows[two_thirds]["accuracy"],
        "probe_one": one,
        "probe_all": every,
        "excess": curves.rows[-1]["cancellation"] - curves.rows[-1]["null"],
        "curves": curves.record(),
        **({"weights": plain(kept, 3)} if kept else {}),
    }


def longer(task: str, arm: str, init: str, lr: float, steps: int, seeds: Sequence[int]) -> Record:
    """Train as `run` does, for more steps: accuracy, late [S] (accuracy gained over the last third of them)."""
    network, _, test, curves = trained(task, arm, 8, init, lr, steps, seeds, points=4)
    accuracy = evaluate(network, test)[0]
    return {"accuracy": accuracy, "late": accuracy - curves.rows[2]["accuracy"]}


def decay(task: str, decay: float, lr: float, steps: int, seeds: Sequence[int]) -> Record:
    """Train the sum with weight decay (Adam's gradient plus `decay` times the weights) and count weights near zero.

    accuracy [S]; near_start, near_own [S]: shares of weights of the layer under test with |w| < σ / 10, by the σ of the
    start and by each filter's own root mean square; norm [S]: that layer's σ over the start's; pruned, pruned_filter
    [S]: accuracy without the smaller half of its weights, over the layer and over each filter.
    """
    network, _, test, _ = trained(task, "sum", 8, "he", lr, steps, seeds, points=0, decay=decay)
    conv, copies = network.conv, len(seeds)
    end = conv.weight.array.reshape(copies, 8, -1).copy()
    size, own = np.abs(end), np.sqrt((end**2).mean(2, keepdims=True))
    sigma = he_sigma(TASKS[task].channels)
    found: Record = {
        "accuracy": evaluate(network, test)[0],
        "near_start": (size < 0.1 * sigma).mean((1, 2)),
        "near_own": (size < 0.1 * own).mean((1, 2)),
        "norm": np.sqrt((end**2).mean((1, 2))) / sigma,
    }
    for name, axes in (("pruned", (1, 2)), ("pruned_filter", 2)):
        halves = np.where(size > np.median(size, axes, keepdims=True), end, 0)
        conv.weight.array[:] = halves.reshape(conv.weight.shape)
        conv.weight.bump_version()
        found[name] = evaluate(network, test)[0]
    return found


def kept(task: str, F: int, lr: float, steps: int, seeds: Sequence[int]) -> Record:
    """How much of a photograph's patches a linear reader finds in F sums: of random filters, or trained on a task.

    task: "random" for filters that are not trained. whole, grey, difference [S]: share of variance (R²) of all 27
    numbers of a patch, of the 9 sums R + G + B and of the 9 differences R − B, on pixels that the reader has not seen.
    """
    if task == "random":
        filters = np.stack([np.random.default_rng([seed, 0]).standard_normal((F, 27)) for seed in seeds])
    else:
        network, *_ = trained(task, "sum", F, "he", lr, steps, seeds, points=0)
        filters = network.conv.weight.array.reshape(len(seeds), F, 27).astype(float)
    return probes.kept(filters)


def probed(network: Network, data: Data, test: Data) -> tuple[Floats, Floats]:
    """Accuracy of a linear probe on one output channel (mean over channels) and on all, for each copy.

    The features are the layer's outputs after the ReLU, averaged over positions; concatenation has 3 F of them.
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


def equivalence(arm: str, optimizer: str, steps: int) -> Record:
    """Train an affine arm in the disguise that should make it the sum, and the sum, in float64.

    gap (the largest difference of loss), step, loss, gaps [T].
    """
    seen = {name: np.array(_losses_in_disguise(name, optimizer, steps)) for name in ("sum", arm)}
    gaps = np.abs(seen[arm] - seen["sum"])
    shown = np.unique(np.linspace(0, steps - 1, 21).astype(int))
    return {"gap": gaps.max(), "step": shown, "gaps": gaps[shown], "loss": seen[arm][shown]}


def _losses_in_disguise(name: str, optimizer: str, steps: int) -> list[float]:
    """Losses of an affine arm f(r) = Σ a_c r_c + b that begins, and takes steps, as the sum would: slices w_c / a_c."""
    arm, (data, _) = ARMS[name], draw("polarity", (0,))
    assert arm.linear is not None
    network = Network(arm, 4, "polarity", 1)
    network.to(np.float64)
    begin(network, arm, [0], "he", data[:WATCHED][0])
    stepper: optim.Optimizer = adam(network, arm, 0.003)
    if optimizer == "sgd":  # decay for the weights under test alone: towards 0 is no place for a bias of -17
        size = abs(arm.linear(3)[0])
        rest: dict[str, Any] = {"params": [p for p in network.parameters() if p is not network.conv.weight]}
        under_test: dict[str, Any] = {
            "params": [network.conv.weight],
            "lr": 0.05 / size**2,
            "weight_decay": 1e-3 * size**2,
        }
        stepper = optim.SGD([under_test, rest], lr=0.05, momentum=0.9)
    seen, images = [], Data(data.x.astype(np.float64), data.y)
    for index in batches([0], TRAIN, steps, BATCH):
        x, y = images[index]
        stepper.zero_grad()
        loss = losses(network(x), y).sum()
        loss.backward()
        stepper.step()
        seen.append(loss.item())
    return seen


def unmatched(layer: int, task: str, lr: float, steps: int, seeds: Sequence[int]) -> Record:
    """Cosines of the sum's trained filters with patches of photographs, at the first or the second convolution.

    d (inputs of a filter), share, share_centred [S] and the histogram of all seeds, as `probes.unmatched` states them.
    """
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
    shares = {name: [e[name] for e in entries] for name in ("share", "share_centred")}
    histogram = {name: np.sum([e["histogram"][name] for e in entries], axis=0) for name in entries[0]["histogram"]}
    edges = entries[0]["histogram"]["edges"]
    return {"d": entries[0]["d"], **shares, "histogram": histogram | {"edges": edges}}


def slider(lr: float, steps: int, seed: int) -> Record:
    """What 8 trained filters of the sum, and the whole network, say as blue's edge turns from aligned to opponent.

    blue [T] from 1 (aligned) to -1 (opponent); at the edge red [F], blue_response, sum [F][T]; bias [F]; probability
    [T] (the network says "opponent"), probe_one [F][T], probe_all [T].
    """
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
