"""Why trained weights cancel, or do not: excess cancellation by dose.

The digits are hidden under a picture that all channels share (`tasks.common`); its amplitude is the dose. S is a list
over seeds, T one over the moments of measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from minigrad import optim
from minigrad.autograd import no_grad
from minigrad.channels import Cancellation, cancellation
from minigrad.study.arms import ARMS
from minigrad.study.networks import (
    BATCH,
    TEST,
    TRAIN,
    WATCHED,
    Data,
    Floats,
    Network,
    batches,
    begin,
    evaluate,
    train,
)
from minigrad.study.records import Record
from minigrad.study.tasks import TASKS, common

FILTERS, RATE = 8, 0.01
MEASURED = 256  # training images on which the digits' cancellation is measured


def images(task: str, dose: float | None, seeds: Sequence[int], train: int = TRAIN) -> tuple[Data, Data]:
    """Training and test images for a copy a seed; with a dose, the task's shared picture has that amplitude."""
    drawn = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 326643])
        make = TASKS[task].make if dose is None else partial(common, amplitude=dose)
        drawn.append((*make(rng, train, "train"), *make(rng, TEST, "test")))
    x, y, x_test, y_test = (np.stack(parts) for parts in zip(*drawn, strict=True))
    return Data(x, y), Data(x_test, y_test)


def dose(amplitude: float, lr: float, steps: int, seeds: Sequence[int], points: int) -> Record:
    """Train the sum on digits under a shared picture of this amplitude; how much do its channels cancel?

    accuracy, start, index, null, excess [S] (at the end; start is the excess of the untrained weights; measured on
    MEASURED training images); step [T], curve [T][S] (excess) and learned [T][S] (accuracy on test images).
    """
    data, test = images("common", amplitude, seeds)
    network = Network(ARMS["sum"], FILTERS, "common", len(seeds))
    begin(network, ARMS["sum"], seeds, "he", data[:WATCHED][0])
    moments = sorted({round(t) for t in np.linspace(0, steps, points)})
    x, _ = data[:MEASURED]
    curve: list[list[float]] = []
    learned: list[Floats] = []
    found: list[Cancellation] = []

    def watch(step: int) -> None:
        if step in moments:
            with no_grad():
                r = network.conv.own(x).array  # (N, copies, C, F, P, Q)
            found[:] = [cancellation(r[:, k], dim=1) for k in range(len(seeds))]
            curve.append([c.excess for c in found])
            learned.append(evaluate(network, test)[0])

    optimizer = optim.Adam(list(network.parameters()), lr=lr)
    train(network, optimizer, data, batches(seeds, TRAIN, steps, BATCH), watch)
    return {
        "accuracy": learned[-1],
        "start": curve[0],
        "index": [c.index for c in found],
        "null": [c.null for c in found],
        "excess": curve[-1],
        "step": moments,
        "curve": np.array(curve),
        "learned": np.array(learned),
    }
