"""The study's images: labels mean what they say, real images stay apart, and a seed is a seed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from minigrad.study import tasks
from minigrad.study.tasks import BLUE, GREEN, RED, TASKS

pytest.importorskip("sklearn")


@pytest.mark.parametrize("name", TASKS)
def test_a_task_draws_balanced_labelled_images(name):
    task = TASKS[name]
    x, y, x_test, y_test = task.draw(seed=3, train=120, held_out=60)
    assert x.shape[:2] == (120, task.channels) and x_test.shape == (60, *x.shape[1:])
    assert x.dtype == np.float32 and y.dtype == np.int64 and np.isfinite(x).all()
    assert set(y) == set(range(task.classes)) and np.bincount(y).min() >= 0.5 * 120 / task.classes
    again = task.draw(seed=3, train=120, held_out=60)
    assert all(np.array_equal(a, b) for a, b in zip(again, (x, y, x_test, y_test), strict=True))
    assert not np.array_equal(task.draw(seed=4, train=120, held_out=60)[0], x)


def slope(plane):
    """Rise from the left to the right third of (n, H, W) planes."""
    return plane[..., -4:].mean((1, 2)) - plane[..., :4].mean((1, 2))


def test_polarity_says_which_of_red_and_blue_rises():
    x, y = tasks.polarity(np.random.default_rng(0), 200)
    rises = slope(x[:, RED]) > 0
    assert np.mean(rises == (y == 1)) == 1
    assert np.mean((slope(x[:, BLUE]) < 0) == rises) == 1


def test_opponent_edges_cancel_exactly_without_noise():
    for make in (tasks.polarity, tasks.presence):
        x, _ = make(np.random.default_rng(0), 50, noise=0.0)
        assert np.array_equal(x[:, RED], -x[:, BLUE]) and not x[:, GREEN].any()


def test_relation_is_the_sign_between_red_and_blue():
    x, y = tasks.relation(np.random.default_rng(0), 200)
    agreement = np.sum(x[:, RED] * x[:, BLUE], axis=(1, 2))
    assert np.array_equal(agreement < 0, y == 1)


def test_which_has_one_edge_and_and_needs_two():
    x, y = tasks.which(np.random.default_rng(0), 200)
    assert np.array_equal(x.var((2, 3)).argmax(1), y)
    x, y = tasks.both(np.random.default_rng(0), 400)
    edged = x.var((2, 3)) > 5 * tasks.NOISE**2
    assert np.mean((edged[:, RED] & edged[:, BLUE]) == (y == 1)) > 0.97


def test_swapping_closes_the_data_under_the_exchange_of_red_and_blue():
    x, y = tasks.polarity(np.random.default_rng(0), 10)
    x2, y2 = tasks.swapped(x, y, flips_label=True)
    assert np.array_equal(x2[10:, RED], x[:, BLUE]) and np.array_equal(y2[10:], 1 - y)


def test_common_mode_hides_the_digit_from_every_sum_of_red_and_blue():
    x, _ = tasks.common(np.random.default_rng(0), 300, "train")
    shared = x[:, GREEN].astype(float)
    left = x[:, RED] + x[:, BLUE] - 2 * shared
    assert left.std() == pytest.approx(6**0.5 * tasks.NOISE, rel=0.02)  # the noise of 1 + 1 + 4 planes
    digit = (x[:, RED] - x[:, BLUE])[:, 2:6, 2:6]
    assert digit.mean() > 0.3


SPLITS = {"train": 997, "choice": 300, "test": 500}


def test_digits_for_training_for_the_choice_of_rates_and_for_judgement_are_different_images():
    drawn = [tasks.digits(np.random.default_rng(0), n, split)[0] for split, n in SPLITS.items()]
    parts = [{image.tobytes() for image in images} for images in drawn]
    images, _ = tasks.digit_images()
    assert len(set().union(*parts)) == len({image.tobytes() for image in images})  # each once before any repeats
    assert all(not a & b for a, b in itertools.combinations(parts, 2))


def test_crops_of_the_three_parts_come_from_disjoint_pixels():
    width = tasks.photographs()[0].shape[2]
    columns = np.broadcast_to(np.arange(width, dtype=float), (3, 100, width))
    rng = np.random.default_rng(0)
    parts = [set(np.unique(tasks.crops(rng, columns, 2000, split))) for split in SPLITS]
    assert all(parts) and all(not a & b for a, b in itertools.combinations(parts, 2))
