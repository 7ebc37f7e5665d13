"""Training from filters that cancel every opponent edge exactly: does descent leave such a start, when, where to?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad import optim
from minigrad.autograd import grad, no_grad
from minigrad.study.arms import ARMS
from minigrad.study.networks import (
    BATCH,
    TEST,
    WATCHED,
    Curves,
    Data,
    Floats,
    Network,
    batches,
    begin,
    evaluate,
    losses,
    train,
)
from minigrad.study.records import Record, plain
from minigrad.study.tasks import BLUE, RED, polarity, presence, swapped

EDGE = np.tile([-1.0, 0.0, 1.0], (3, 1)) / np.sqrt(6)  # an upright edge of norm 1: the axis of the escape


LEFT = 0.1  # a start is left where ‖w_R − w_B‖ is this share of ‖w_R + w_B‖


def escape(task: str, mode: str, start: str, lr: float, steps: int, seeds: Sequence[int]) -> Record:
    """Train the sum from filters that cancel every opponent edge (w_R = w_B), or from random ones, by plain descent.

    Images are without noise, so that cancelling is exact: 128 of them, as one full batch, in minibatches, or as 64 with
    their red-blue exchanges ("mirrored"). start_loss, start_gradient, accuracy [S]; start_across [S] (norm of the first
    gradient along w_R − w_B); left [S] (first step at which ‖w_R − w_B‖ is LEFT of ‖w_R + w_B‖, null if never); curves
    as a run's; from a start that cancels also film, of the first seed: step, loss, gradient, cancellation, null,
    accuracy [T], path [T][F][2] (w_R·e, w_B·e), and contour {x, y, loss [Y][X]} as filter number `filter` of the
    trained network moves there.
    """
    n, copies, filters = 128, len(seeds), 8
    data, test = _images(task, mode, seeds, n)
    arm = ARMS["untied" if start == "cancelling" else "sum"]
    network = Network(arm, filters, task, copies)
    begin(network, arm, seeds, "he", data[:WATCHED][0])
    draw_biases(network, seeds)
    curves = Curves(network, data, test, steps, points=25, watched=n)
    curves.moments = sorted({0, steps, *(round(t) for t in np.geomspace(1, steps, 24))})
    start_across = across(network, data, n)
    path: list[Floats] = []
    left: list[int | None] = [None] * copies

    def watch(step: int) -> None:
        curves(step)
        for k, parted in enumerate(have_parted(network)):
            left[k] = step if parted and left[k] is None else left[k]
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
        "start_across": start_across,
        "left": left,
        "accuracy": evaluate(network, test)[0],
        "curves": curves.record(FILMED),
        **({"film": plain(film, 4)} if film else {}),
    }


def draw_biases(network: Network, seeds: Sequence[int]) -> None:
    """Biases as PyTorch draws them, from each copy's own seed; at zero, no ReLU would see an edge that cancels."""
    for layer in (network.conv, network.mix, network.head):
        assert layer.bias is not None
        bound, size = np.prod(layer.weight.shape[1:]) ** -0.5, layer.bias.shape[0] // len(seeds)
        uniform = [np.random.default_rng([seed, 11]).uniform(-bound, bound, size) for seed in seeds]
        layer.bias.array[:] = np.concatenate(uniform)


def across(network: Network, data: Data, n: int) -> Floats:
    """Norm of the loss's gradient along w_R − w_B, (w_R − w_B) / √2 being the coordinate, for each copy."""
    x, y = data[:n]
    (g,) = grad(losses(network(x), y).sum(), [network.conv.weight])
    each = g.array.reshape(network.copies, -1, *g.shape[1:])
    return np.asarray(np.sqrt(((each[:, :, RED] - each[:, :, BLUE]) ** 2).sum((1, 2, 3)) / 2))


def have_parted(network: Network) -> Floats:
    """Whether ‖w_R − w_B‖ is LEFT of ‖w_R + w_B‖ or more, for each copy."""
    w = network.conv.weight.array.reshape(network.copies, -1, *network.conv.weight.shape[1:])
    difference, both = ((w[:, :, RED] + sign * w[:, :, BLUE]).reshape(len(w), -1) for sign in (-1, 1))
    return np.asarray(np.linalg.norm(difference, axis=1) >= LEFT * np.linalg.norm(both, axis=1))


def _images(task: str, mode: str, seeds: Sequence[int], n: int) -> tuple[Data, Data]:
    """n training images without noise for each seed, and test images."""
    make = {"polarity": polarity, "presence": presence}[task]
    drawn = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 326643])
        images = make(rng, n // 2 if mode == "mirrored" else n, noise=0.0)
        images = swapped(*images, flips_label=task == "polarity") if mode == "mirrored" else images
        drawn.append((*images, *make(rng, TEST, noise=0.0)))
    x, y, x_test, y_test = (np.stack(parts) for parts in zip(*drawn, strict=True))
    return Data(x, y), Data(x_test, y_test)


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
