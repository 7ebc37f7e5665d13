"""The study's statistics against cases worked by hand and against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from minigrad.study import stats


def test_bootstrap_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = [i.low <= 3 <= i.high for i in (stats.bootstrap(rng.normal(3, 2, 40), 0.9, 500) for _ in range(300))]
    assert 0.83 <= np.mean(hits) <= 0.95


def test_bootstrap_of_a_constant_has_no_width_and_repeats_itself():
    assert stats.bootstrap([2.0] * 5) == (2, 2, 2)
    assert stats.bootstrap([1, 5, 2, 7]) == stats.bootstrap([1, 5, 2, 7])


def test_bootstrap_shows_a_run_that_diverged():
    assert np.isnan(stats.bootstrap([1.0, None, 2.0]).mean)  # type: ignore[list-item]


def test_bootstrap_wants_one_number_a_seed():
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        stats.bootstrap(np.zeros((2, 2)))


def test_pairing_removes_what_the_seeds_share():
    shared = np.random.default_rng(1).normal(0, 10, 12)
    interval = stats.paired(shared + 1, shared)
    assert interval == pytest.approx((1, 1, 1))
    with pytest.raises(ValueError, match="not pairs"):
        stats.paired([1, 2], [1, 2, 3])


def test_the_t_test_by_hand():
    d = np.array([1.0, 2.0, 3.0])  # t = 2 / (1 / √3) with two degrees of freedom: p = 1 − t / √(2 + t²)
    t = 2 * 3**0.5
    assert stats.no_difference(d) == pytest.approx(1 - t / (2 + t * t) ** 0.5)
    assert stats.no_difference(np.zeros(10)) == 1


def test_holm_by_hand():
    assert stats.holm({"a": 0.03, "b": 0.01, "c": 0.04}) == pytest.approx({"a": 0.06, "b": 0.03, "c": 0.06})
    assert stats.holm({"a": 0.9, "b": 0.8}) == pytest.approx({"a": 1, "b": 1})


def test_equivalence_needs_both_sides():
    near, far = np.array([-0.001, 0.001, 0.002, -0.002]), np.array([0.05, 0.06, 0.04, 0.05])
    assert stats.equivalent(near, 0.01) < 0.01
    assert stats.equivalent(far, 0.01) > 0.99
    assert stats.equivalent(-far, 0.01) > 0.99
    assert stats.equivalent([0, 0, 0], 0.01) == 0
    assert stats.equivalent([0.02, 0.02], 0.01) == 1


def test_same_law_tells_a_shift():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 4000))
    assert stats.same_law(a, b) > 0.01
    assert stats.same_law(a, b + 0.2) < 1e-6


def test_directions_near_orthogonal_are_as_many_as_drawn_ones():
    rng = np.random.default_rng(3)
    for d in (3, 27):
        unit = rng.normal(size=(20_000, d))
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        assert np.mean(np.abs(unit[:, 0]) < 0.1) == pytest.approx(stats.share_of_directions(d, 0.1), abs=0.01)
    assert stats.share_of_directions(3, 0.1) == pytest.approx(0.1)  # Archimedes: a zone's area is its height
