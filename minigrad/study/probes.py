"""What is measured without training, or on a trained layer: short functions from settings to numbers.

A function that makes a record of its own states the record's fields. S is a list over seeds, Q one over quantiles, B
one over bins; a number that was not finite is null.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import nn
from minigrad.autograd import grad, no_grad
from minigrad.channels import ChannelConv2d, cancellation, explain, responses, streamed
from minigrad.kernels.windows import Window
from minigrad.ops.conv import convolution_weight
from minigrad.study.arms import ARMS
from minigrad.study.starts import he_sigma, unit_start
from minigrad.study.stats import same_law
from minigrad.study.tasks import SIZE, crops, photographs
from minigrad.tensor import Tensor, tensor

Floats = NDArray[np.floating[Any]]

# -------------------------------------------------------------------------------- parts of other measurements


def participation(g: Floats, axis: int) -> Floats:
    """(Σ g²)² / (C Σ g⁴) along an axis of length C: 1 if all channels get equally much, 1 / C if one gets all.

    NaN where no channel gets anything, as behind a closed ReLU.
    """
    squares = g.astype(float) ** 2
    squares /= squares.max(axis, keepdims=True, initial=np.finfo(float).tiny)  # no overflow and no underflow
    total, fourth = squares.sum(axis), (squares**2).sum(axis)
    ratio: Floats = np.full(total.shape, np.nan)
    np.divide(total**2, g.shape[axis] * fourth, out=ratio, where=fourth > 0)
    return ratio


def mean_where_known(values: Floats, axis: tuple[int, ...]) -> Floats:
    """The mean over axes without the NaN; NaN where there is nothing else."""
    known = ~np.isnan(values)
    count = known.sum(axis)
    total = np.where(known, values, 0).sum(axis)
    mean: Floats = np.full(total.shape, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def weight_gradient(conv: ChannelConv2d, x: Tensor, g: Tensor) -> Floats:
    """Gradient of each channel's slice of weights from the gradient of the `own` responses, tied or not.

    x (N, K·C, H, W), g (N, K, C, F, P, Q) -> (K, C, F, 3, 3).
    """
    n, copies, channels, filters, p, q = g.shape
    flat = g.reshape(n, copies * channels * filters, p, q)
    with no_grad():
        dw = convolution_weight(flat, x, Window((3, 3), groups=copies * channels))
    return dw.array.reshape(copies, channels, filters, 3, 3)


def linear_probe(features: Floats, y: NDArray[Any], features_test: Floats, y_test: NDArray[Any]) -> float:
    """Test accuracy of a least-squares classifier on features (n, F): how much a linear readout finds in them."""
    classes = int(y.max()) + 1

    def design(f: Floats) -> Floats:
        return np.concatenate([f, np.ones((len(f), 1))], axis=1, dtype=float)

    weights, *_ = np.linalg.lstsq(design(features), np.eye(classes)[y], rcond=None)
    return float(((design(features_test) @ weights).argmax(1) == y_test).mean())


def cosines(filters: Floats, patches: Floats) -> Floats:
    """Cosine of every filter (F, d) with every patch (n, d): (F, n); 0 for a patch or a filter of zeros."""

    def unit(a: Floats) -> Floats:
        norm = np.linalg.norm(a, axis=1, keepdims=True)
        return np.asarray(np.divide(a, norm, out=np.zeros_like(a), where=norm > 0))

    return np.asarray(unit(filters) @ unit(patches).T)


# -------------------------------------------------------------------------------------- a reduction by itself


def energy(arm: str, C: int, n: int = 20_000) -> dict[str, Any]:
    """E Σ_c (∂f/∂r_c)² for independent standard normal responses, through the engine and in closed form.

    measured, measured_sd (of that mean); closed (null where no form is known), infinite (it diverges); receiving: mean
    number of channels with a gradient.
    """
    known = ARMS[arm]
    r = tensor(np.random.default_rng([C, 1]).standard_normal((n, C)), requires_grad=True)
    (g,) = grad(known.function(r, 1).sum(), [r])
    closed = known.energy(C) if known.energy else None
    infinite = closed is not None and not np.isfinite(closed)
    return {
        "measured": (g.array**2).sum(1).mean(),
        "measured_sd": (g.array**2).sum(1).std() / np.sqrt(n),
        "closed": None if infinite else closed,
        "infinite": infinite,
        "receiving": (np.abs(g.array) > 0).sum(1).mean(),
    }


def depth(arm: str, init: str, C: int, layers: int, seeds: list[int]) -> dict[str, Any]:
    """Gradient norm at the input of `layers` conv–ReLU layers of one reduction over that at their output.

    ratio [S]; by_layer [layers + 1]: geometric mean over seeds, from the input to the output, where it is 1.
    """
    norms = []
    for seed in seeds:
        rng = np.random.default_rng([seed, C, 2])
        states = [tensor(rng.standard_normal((4, C, 8, 8)).astype(np.float32), requires_grad=True)]
        for _ in range(layers):
            conv = ARMS[arm].conv(C, C, padding=1)
            w = he_sigma(C) * rng.standard_normal((C, C, 3, 3))
            conv.weight.array[:] = w[:, :1] if ARMS[arm].tied else w
            conv.bias.array[:] = 0  # type: ignore[union-attr]
            if init == "unit":
                unit_start(conv, states[-1].detach())
            states.append(conv(states[-1]).relu())
        upstream = tensor(rng.standard_normal(states[-1].shape).astype(np.float32))
        gradients = grad((states[-1] * upstream).sum(), states)
        norms.append([np.sqrt(np.mean(g.array.astype(float) ** 2)) for g in gradients])
    size = np.where(np.array(norms) > 0, norms, np.nan)  # (S, layers + 1); one that underflows has no ratio: null
    return {
        "ratio": size[:, 0] / size[:, -1],
        "by_layer": np.exp(np.log(size / size[:, -1:]).mean(0)),
    }


def cost(arm: str, C: int, version: str, rounds: int = 9) -> dict[str, Any]:
    """Time and memory of an arm's layer, C channels to C, beside the sum's: plain, or streamed.

    The two take turns; a ratio is the median over rounds of that round's ratio. Its interval runs from the second
    smallest to the second largest, which holds the median of nine in 96 of 100 cases whatever their law. forward, both
    (ms: forward, and with backward), memory (MB, peak); forward_ratio, both_ratio, both_ratio_low, both_ratio_high,
    memory_ratio.
    """
    rng = np.random.default_rng(3)
    x = tensor(rng.standard_normal((8, C, 16, 16)).astype(np.float32), requires_grad=True)
    conv, reference = ARMS[arm].conv(C, C), ARMS["sum"].conv(C, C)
    step = partial(streamed, arm, x, conv.weight) if version == "streamed" else partial(conv, x)
    ms = np.empty((rounds + 1, 2, 2))  # (round, arm or sum, forward or both)
    for row in ms:
        for times, forward in zip(row, (step, partial(reference, x)), strict=True):
            begun = time.perf_counter()
            out = forward()
            times[0] = time.perf_counter() - begun
            out.sum().backward()
            times[1] = time.perf_counter() - begun
            del out  # its memory is free for the next turn
    ms = ms[1:] * 1e3  # the first round warms up
    ratio = ms[:, 0] / ms[:, 1]
    memory = peak(step)
    return {
        "forward": np.median(ms[:, 0, 0]),
        "both": np.median(ms[:, 0, 1]),
        "forward_ratio": np.median(ratio[:, 0]),
        "both_ratio": np.median(ratio[:, 1]),
        "both_ratio_low": np.sort(ratio[:, 1])[min(1, rounds - 1)],
        "both_ratio_high": np.sort(ratio[:, 1])[max(-2, -rounds)],
        "memory": memory,
        "memory_ratio": memory / peak(partial(reference, x)),
    }


def peak(step: Callable[[], Tensor]) -> float:
    """Megabytes that a forward and backward pass holds at most, above what was there before."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    step().sum().backward()
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (highest - before) / 1e6


# ----------------------------------------------------------------------------------------------- at the start


def step_edge(size: int = SIZE) -> Floats:
    """(size, size): an upright edge in the middle, from -1 to 1."""
    columns = np.arange(size) - (size - 1) / 2
    return np.tile(np.sign(columns) * np.minimum(1, np.abs(columns)), (size, 1))


def start(n: int) -> dict[str, Any]:
    """Responses of n Gaussian filters to an aligned edge, and of n others to an opponent one.

    p_value; quantiles, aligned, opponent [Q] (in sigmas), difference (the largest); histogram {edges [B+1], aligned
    [B], opponent [B]}.
    """
    edge = step_edge(3)
    patches = {"aligned": np.stack([edge, 0 * edge, edge]), "opponent": np.stack([edge, 0 * edge, -edge])}
    sigma = he_sigma(3) * np.sqrt(2 * (edge**2).sum())
    found = {}
    for index, (name, patch) in enumerate(patches.items()):
        w = he_sigma(3) * np.random.default_rng([4, index]).standard_normal((n, patch.size))
        found[name] = (tensor(w) @ tensor(patch.ravel())).array / sigma  # a convolution at its only position
    levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    quantiles = {name: np.quantile(values, levels) for name, values in found.items()}
    edges = np.linspace(-4, 4, 33)
    return {
        "p_value": same_law(found["aligned"], found["opponent"]),
        "quantiles": levels,
        **quantiles,
        "difference": np.abs(quantiles["aligned"] - quantiles["opponent"]).max(),
        "histogram": {"edges": edges, **{k: np.histogram(v, edges)[0] for k, v in found.items()}},
    }


def photo(filters: str, weights: Floats | None = None) -> dict[str, Any]:
    """Responses of first-layer filters (F, 3, 3, 3) to patches of photographs; random ones where none are given.

    cancellation, null, correlation [C][C] of the channels' responses, kurtosis, near_zero (share of answers below a
    tenth of their standard deviation).
    """
    rng = np.random.default_rng(5)
    w = he_sigma(3) * rng.standard_normal((64, 3, 3, 3)) if weights is None else np.asarray(weights)
    conv = nn.Conv2d(3, len(w), 3, bias=False)
    conv.weight.array[:] = w
    patches = np.concatenate([crops(rng, p, 200, "train") for p in photographs()])
    x = tensor((patches - patches.mean((2, 3), keepdims=True)).astype(np.float32))
    with no_grad():
        r = responses(conv, x).array  # (400, F, 3, P, Q)
    parts, whole = r.swapaxes(0, 2).reshape(3, -1), r.sum(2).ravel()
    found = cancellation(r)
    return {
        "cancellation": found.index,
        "null": found.null,
        "correlation": np.corrcoef(parts),
        "kurtosis": (whole**4).mean() / (whole**2).mean() ** 2,
        "near_zero": (np.abs(whole) < 0.1 * whole.std()).mean(),
    }


def kept(filters: Floats) -> dict[str, Any]:
    """What a linear reader of the sums of filters (S, F, 27) finds of patches of photographs, a number a seed.

    It reads the sums at one position; it is fitted on the strips of training and judged on those of judgement.
    """
    rng = np.random.default_rng(12)
    fit, judged = (
        np.concatenate([crops(rng, p, 4000, split)[:, :, :3, :3] for p in photographs()]) for split in ("train", "test")
    )

    def target(patches: Floats, name: str) -> Floats:
        red, green, blue = patches.reshape(-1, 3, 9).swapaxes(0, 1)
        return {"whole": patches.reshape(-1, 27), "grey": red + green + blue, "difference": red - blue}[name]

    found = {name: np.empty(len(filters)) for name in ("whole", "grey", "difference")}
    for k, bank in enumerate(filters):
        design, seen = (np.c_[p.reshape(-1, 27) @ bank.T, np.ones(len(p))] for p in (fit, judged))
        for name, values in found.items():
            reader, *_ = np.linalg.lstsq(design, target(fit, name), rcond=None)
            y = target(judged, name)
            values[k] = 1 - ((y - seen @ reader) ** 2).sum() / ((y - y.mean(0)) ** 2).sum()
    return found


def maps(arm: str) -> dict[str, Any]:
    """Picture 1: an opponent edge through three channels and one reduction, and one unit of gradient back.

    formula; image [3][H][W], responses [3][P][Q], out [P][Q], gradients [3][P][Q].
    """
    edge = step_edge()
    image = np.stack([edge, 0.3 * edge.T, -edge])
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    # slices that differ a little, as learned ones do: nothing cancels by design
    filters = np.stack([kernel, 0.8 * kernel.T + 0.2 * kernel, 0.7 * kernel])
    conv = ARMS[arm].conv(3, 1)
    conv.weight.array[:] = filters[None, :1] if ARMS[arm].tied else filters[None]
    conv.bias.array[:] = 0  # type: ignore[union-attr]
    noise = 0.15 * np.random.default_rng(6).standard_normal(image.shape)
    x = tensor((image + noise).astype(np.float32)[None])
    r = conv.own(x).detach().requires_grad_()  # (1, 1, 3, 1, P, Q)
    out = conv.combine(r)
    (g,) = grad(out.sum(), [r])
    return {
        "formula": ARMS[arm].formula,
        "image": x.array[0],
        "responses": r.array[0, 0, :, 0],
        "out": out.array[0, 0],
        "gradients": g.array[0, 0, :, 0],
    }


def window() -> dict[str, Any]:
    """Picture 7: a 3x3 filter over a 5x5 colour image in small whole numbers, forward and backward.

    x [3][5][5], w [3][3][3], bias; responses [3][3][3], out [3][3], g [3][3], dw [3][3][3], dx [3][5][5].
    """
    rng = np.random.default_rng(8)
    conv = nn.Conv2d(3, 1, 3)
    conv.weight.array[:] = rng.integers(-1, 2, (1, 3, 3, 3))
    conv.bias.array[:] = 1  # type: ignore[union-attr]
    g = rng.integers(-1, 3, (1, 1, 3, 3)).astype(np.float32)
    x = tensor(rng.integers(0, 3, (1, 3, 5, 5)).astype(np.float32))
    parts = explain(conv, x, lambda out: (out * tensor(g)).sum())
    return {
        "x": x.array[0],
        "w": conv.weight.array[0],
        "bias": 1,
        "responses": parts.responses[0, 0],
        "out": parts.out[0, 0],
        "g": parts.g[0, 0],
        "dw": parts.weight_grads.sum(0)[0],
        "dx": parts.input_grads.sum(0)[0],
    }


# ----------------------------------------------------------------------------------------- on a trained layer


def unmatched(weights: Floats, patches: Floats, anti: bool) -> dict[str, Any]:
    """How near zero filters (F, d) answer to patches (n, d): cosines, as they are and with each patch's mean removed.

    share (of |cos| < 0.1), share_centred; histogram {edges [B+1], unrelated [B]}, and
    with `anti` also matching [B], the filter itself with noise of half its strength, and anti [B], its negative.
    """
    found = cosines(weights, patches)
    centred = cosines(weights, patches - patches.mean(1, keepdims=True))
    d = weights.shape[1]
    rng = np.random.default_rng(9)
    edges = np.linspace(-1, 1, 41)
    histogram = {"edges": edges, "unrelated": np.histogram(centred, edges)[0]}
    if anti:
        noisy = np.repeat(weights, 200, axis=0)
        noisy = noisy + 0.5 * noisy.std(1, keepdims=True) * rng.standard_normal(noisy.shape)
        own = np.array(
            [cosines(w[None], p)[0] for w, p in zip(weights, noisy.reshape(len(weights), 200, d), strict=True)]
        )
        histogram |= {"matching": np.histogram(own, edges)[0], "anti": np.histogram(-own, edges)[0]}
    return {
        "d": d,
        "share": (np.abs(found) < 0.1).mean(),
        "share_centred": (np.abs(centred) < 0.1).mean(),
        "histogram": histogram,
    }
