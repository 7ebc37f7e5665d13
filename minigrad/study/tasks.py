"""What the networks learn: synthetic colour edges, real digits, real photographs.

A task is one object around a function `(rng, n, split) -> (x, y)`, x (n, 3, H, W) float32, y (n,) int64; `split` is
"train", "choice" (of learning rates) or "test", and keeps real images apart. To try another, write it in a file of
your own and pass that file:
`python -m minigrad.study --add mine.py`. It is trained and drawn beside the others; the verdicts keep to the tasks that
their claims name.

    from minigrad.study.tasks import GREEN, Task, edges, labels, picture

    def green(rng, n, split):
        y = labels(rng, n, 2)
        return picture(rng, 0, y[:, None, None] * edges(rng, n), 0), y

    task = Task("green", green, classes=2, steps=120)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Maker: TypeAlias = Callable[[np.random.Generator, int, str], tuple[Array, Array]]

RED, GREEN, BLUE = 0, 1, 2
SIZE = 12  # pixels a side of a synthetic image
NOISE = 0.1  # standard deviation of the noise on every pixel; an edge's step is 1 to 3 high


# ------------------------------------------------------------------------------------------------------ edges


def edges(rng: np.random.Generator, n: int) -> Array:
    """(n, H, W): steps from -a to a, a in [0.5, 1.5], rising to the right, at random position and orientation.

    Orientation stays within 60 degrees of upright: over the whole circle, "rising" would mean nothing.
    """
    angle = rng.uniform(-np.pi / 3, np.pi / 3, (n, 1, 1))
    offset = rng.uniform(-SIZE / 4, SIZE / 4, (n, 1, 1))
    height = rng.uniform(0.5, 1.5, (n, 1, 1))
    v, u = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    return np.asarray(height * np.tanh((u * np.cos(angle) + v * np.sin(angle) - offset) / 0.7))


def flats(rng: np.random.Generator, n: int) -> Array:
    """(n, H, W): no edge, one level a picture, from the range of an edge's levels."""
    return np.broadcast_to(rng.uniform(-1, 1, (n, 1, 1)), (n, SIZE, SIZE))


def signs(rng: np.random.Generator, n: int) -> Array:
    """(n, 1, 1): plus or minus one."""
    return rng.choice([-1.0, 1.0], (n, 1, 1))


def picture(rng: np.random.Generator, red: Any, green: Any, blue: Any, noise: float = NOISE) -> Array:
    """Three (n, H, W) planes (or 0 for an empty one) as images (n, 3, H, W) with noise on every pixel."""
    planes = np.broadcast_arrays(red, green, blue)
    x = np.stack(planes, axis=1)  # (n, 3, H, W)
    return (x + noise * rng.standard_normal(x.shape)).astype(np.float32)


def labels(rng: np.random.Generator, n: int, classes: int) -> Array:
    """(n,): equally many of each class, as far as n divides, in random order."""
    return rng.permutation(np.arange(n) % classes)


def polarity(rng: np.random.Generator, n: int, split: str = "train", noise: float = NOISE) -> tuple[Array, Array]:
    """Red rises where blue falls (1), or red falls where blue rises (0)."""
    y = labels(rng, n, 2)
    edge = (2 * y - 1)[:, None, None] * edges(rng, n)
    return picture(rng, edge, 0, -edge, noise), y


def polarity_rb(rng: np.random.Generator, n: int, split: str = "train") -> tuple[Array, Array]:
    """Polarity without the green channel: an even number of channels, for the product's sake."""
    x, y = polarity(rng, n, split)
    return x[:, [RED, BLUE]], y


def presence(rng: np.random.Generator, n: int, split: str = "train", noise: float = NOISE) -> tuple[Array, Array]:
    """An opponent edge of either polarity (1), or opponent levels without an edge (0)."""
    y = labels(rng, n, 2)
    plane = np.where(y[:, None, None] == 1, signs(rng, n) * edges(rng, n), flats(rng, n))
    return picture(rng, plane, 0, -plane, noise), y


def relation(rng: np.random.Generator, n: int, split: str = "train") -> tuple[Array, Array]:
    """Red's and blue's edges are opponent (1) or aligned (0), of either polarity."""
    y = labels(rng, n, 2)
    edge = signs(rng, n) * edges(rng, n)
    return picture(rng, edge, 0, (1 - 2 * y)[:, None, None] * edge), y


def which(rng: np.random.Generator, n: int, split: str = "train") -> tuple[Array, Array]:
    """One channel has an edge of either polarity: which one?"""
    y = labels(rng, n, 3)
    edge = signs(rng, n) * edges(rng, n)
    red, green, blue = (np.where(y[:, None, None] == c, edge, 0) for c in (RED, GREEN, BLUE))
    return picture(rng, red, green, blue), y


def both(rng: np.random.Generator, n: int, split: str = "train") -> tuple[Array, Array]:
    """Red has an edge and blue has an edge (1), or at most one of them has (0); the edges are independent."""
    y = labels(rng, n, 2)
    case = rng.integers(0, 3, n)  # without both: red alone, blue alone, none
    red = np.where(((y == 1) | (case == 0))[:, None, None], signs(rng, n) * edges(rng, n), flats(rng, n))
    blue = np.where(((y == 1) | (case == 1))[:, None, None], signs(rng, n) * edges(rng, n), flats(rng, n))
    return picture(rng, red, 0, blue), y


def swapped(x: Array, y: Array, flips_label: bool) -> tuple[Array, Array]:
    """The data and, after it, the same with red and blue exchanged: closed under that exchange."""
    return np.concatenate([x, x[:, [BLUE, GREEN, RED]]]), np.concatenate([y, 1 - y if flips_label else y])


# ----------------------------------------------------------------------------------------------------- digits

DIGITS = {"train": slice(0, 997), "choice": slice(997, 1297), "test": slice(1297, 1797)}  # the last: other writers


@cache
def digit_images() -> tuple[Array, Array]:
    """scikit-learn's handwritten digits: (1797, 8, 8) in [0, 1] and their labels."""
    from sklearn.datasets import load_digits

    images, y = load_digits(return_X_y=True)
    return images.reshape(-1, 8, 8) / 16, y.astype(np.int64)


def digits(rng: np.random.Generator, n: int, split: str) -> tuple[Array, Array]:
    """(n, 8, 8), (n,): real digits, drawn without repetition until all of the split were used."""
    images, y = digit_images()
    pool = np.arange(len(y))[DIGITS[split]]
    rounds = [rng.permutation(pool) for _ in range(-(-n // len(pool)))]
    chosen = np.concatenate(rounds)[:n]
    return images[chosen], y[chosen]


def correlated(rng: np.random.Generator, n: int, split: str) -> tuple[Array, Array]:
    """A grey digit: red, green and blue are one image."""
    digit, y = digits(rng, n, split)
    return picture(rng, digit, digit, digit), y


def distractors(rng: np.random.Generator, n: int, split: str) -> tuple[Array, Array]:
    """The digit is green; red and blue show other digits."""
    digit, y = digits(rng, n, split)
    return picture(rng, digits(rng, n, split)[0], digit, digits(rng, n, split)[0]), y


def common_parts(rng: np.random.Generator, n: int, split: str, amplitude: float) -> tuple[Array, Array, Array]:
    """What `common` is made of: the shared picture and the digit, both (n, 3, 8, 8), and the labels (n,)."""
    digit, y = digits(rng, n, split)
    other = digits(rng, n, split)[0]
    return amplitude * np.stack([other] * 3, axis=1), np.stack([digit / 2, 0 * digit, -digit / 2], axis=1), y


def common(rng: np.random.Generator, n: int, split: str, amplitude: float = 3.0) -> tuple[Array, Array]:
    """Another digit in all channels hides the digit, which only a difference shows: R = a n + d/2, B = a n - d/2."""
    shared, digit, y = common_parts(rng, n, split, amplitude)
    return picture(rng, *(shared + digit).swapaxes(0, 1)), y


# ------------------------------------------------------------------------------------------------ photographs

STRIP = 40  # pixels: of every three strips of a photograph one trains, one is for the choice of rates, one judges
FIRST_STRIP = {"train": 0, "choice": 1, "test": 2}


@cache
def photographs() -> tuple[Array, ...]:
    """scikit-learn's two colour photographs, each (3, H, W) in [0, 1], halved in size by averaging."""
    from sklearn.datasets import load_sample_images

    return tuple(
        p[: p.shape[0] // 2 * 2, : p.shape[1] // 2 * 2]
        .reshape(p.shape[0] // 2, 2, p.shape[1] // 2, 2, 3)
        .mean((1, 3), dtype=np.float64)
        .transpose(2, 0, 1)
        / 255
        for p in load_sample_images().images
    )


def crops(rng: np.random.Generator, photograph: Array, n: int, split: str) -> Array:
    """(n, 3, SIZE, SIZE): patches that lie wholly in the split's strips, so no test pixel was seen in training."""
    _, height, width = photograph.shape
    strips = np.arange(FIRST_STRIP[split] * STRIP, width - STRIP + 1, 3 * STRIP)
    left = rng.choice(strips, n) + rng.integers(0, STRIP - SIZE + 1, n)
    top = rng.integers(0, height - SIZE + 1, n)
    windows = np.lib.stride_tricks.sliding_window_view(photograph, (SIZE, SIZE), axis=(1, 2))
    return windows[:, top, left].swapaxes(0, 1)  # (3, n, SIZE, SIZE) -> (n, 3, SIZE, SIZE)


def photo(rng: np.random.Generator, n: int, split: str) -> tuple[Array, Array]:
    """Which of the two photographs is the patch from? A sanity check: two pictures are no benchmark."""
    y = labels(rng, n, 2)
    patches = np.stack([crops(rng, p, n, split) for p in photographs()])  # (2, n, 3, SIZE, SIZE)
    return (patches[y, np.arange(n)] - 0.5).astype(np.float32), y


# ----------------------------------------------------------------------------------------------- all of them


@dataclass(frozen=True)
class Task:
    """A maker of labelled images, and what a network needs to know of it.

    steps: minibatches of training, of which a quick study takes a tenth. saturated: known to be learned by every
    reduction that can learn it, at any rate.
    """

    name: str
    make: Maker
    classes: int
    steps: int
    saturated: bool = False
    channels: int = 3

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""
        return 1 / self.classes

    def draw(self, seed: int, train: int, held_out: int, split: str = "test") -> tuple[Array, Array, Array, Array]:
        """Training images and labels, then `held_out` images of the split and their labels, all from one seed."""
        rng = np.random.default_rng([seed, 326643])
        return *self.make(rng, train, "train"), *self.make(rng, held_out, split)


SHORT = 600  # minibatches that every reduction needs on a task that it saturates

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("and", both, 2, 3000),
        Task("distractors", distractors, 10, 5000),
        Task("correlated", correlated, 10, 4000),
        Task("common", common, 10, 8000),
        Task("polarity", polarity, 2, SHORT, saturated=True),
        Task("polarity-rb", polarity_rb, 2, SHORT, saturated=True, channels=2),
        Task("presence", presence, 2, SHORT, saturated=True),
        Task("relation", relation, 2, SHORT, saturated=True),
        Task("which", which, 3, SHORT, saturated=True),
        Task("photographs", photo, 2, SHORT, saturated=True),
    )
}
COMMITTED_TASKS = tuple(TASKS)  # those that claims may name
