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


def tune(task: str, arm: str, init: str, F: int, grid: Sequence[float], steps: int, seeds: Sequence[int]) -> Record:
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
    return {"lrs": rates, "accuracy": [found[lr] for lr in rates], "best": good[(len(good) - 1) // 2]}


def run(
    task: str, arm: str, F: int, init: str, lr: float, steps: int, seeds: Sequence[int], points: int, keep: bool
) -> Record:
    """Train one network a seed, and measure; with `keep`, keep the filters of the first.

    batch, chance (accuracy of guessing); on held-out images accuracy, loss [S]; near_zero [S] (share of |w| < 0.1 sigma
    of the start, in the layer under test), pruned [S] (accuracy without the smaller half of that layer's weights);
    probe_one, probe_all [S] (linear probe on one of its channels, mean over channels, and on all); excess [S]
    (cancellation minus its null); curves {step [T], and loss, accuracy, gradient, cancellation, null, participation,
    participation_batch: mean over seeds [T], with "_sd" the standard deviation; channels [C][T] (norm of dL/dW_c)};
    weights {start, end [F][C][3][3]} of the first seed.
    """
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
    begin(network, arm, [0], "he", data[:WATCHED][0])
    network.to(np.float64)
    coefficients = np.array(arm.linear(3))
    network.conv.weight.array /= coefficients[:, None, None]
    network.conv.bias.array -= arm.offset  # type: ignore[union-attr]
    scale = float(abs(1 / coefficients[0]))
    rest = {"params": [p for p in network.parameters() if p is not network.conv.weight]}
    under_test: dict[str, Any] = {"params": [network.conv.weight]}
    stepper: optim.Optimizer
    if optimizer == "sgd":  # decay for the weights under test alone: towards 0 is no place for a bias of -17
        under_test |= {"lr": 0.05 * scale**2, "weight_decay": 1e-3 / scale**2}
        stepper = optim.SGD([under_test, rest], lr=0.05, momentum=0.9)
    else:
        under_test |= {"lr": 0.003 * scale, "eps": 1e-8 / scale}
        stepper = optim.Adam([under_test, rest], lr=0.003)
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

    d (inputs of a filter), and the means over seeds of what `probes.unmatched` returns.
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
    merged = {name: np.mean([e[name] for e in entries]) for name in ("share", "share_centred", "expected")}
    histogram = {name: np.sum([e["histogram"][name] for e in entries], axis=0) for name in entries[0]["histogram"]}
    return {"d": entries[0]["d"], **merged, "histogram": histogram | {"edges": entries[0]["histogram"]["edges"]}}


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
