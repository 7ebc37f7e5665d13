"""Dose, the split of a step, and mirrored data: the parts of the study that say why channels cancel or do not."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from minigrad.autograd import grad
from minigrad.channels import cancellation
from minigrad.study import mirror, split
from minigrad.study.arms import ARMS
from minigrad.study.dose import FILTERS, images
from minigrad.study.jobs import Job
from minigrad.study.networks import WATCHED, Network, begin, losses
from minigrad.study.plan import work
from minigrad.study.tasks import common, common_parts
from minigrad.tensor import tensor


def test_the_dose_is_the_amplitude_of_the_picture_that_channels_share():
    for a in (0.0, 3.0):
        x, y = common(np.random.default_rng(0), 200, "train", amplitude=a)
        shared, digit, same = common_parts(np.random.default_rng(0), 200, "train", a)
        assert np.array_equal(y, same)
        assert np.std(x - shared - digit) == pytest.approx(0.1, rel=0.05)  # nothing but noise is left
        assert np.array_equal(shared[:, 0], shared[:, 2]) and np.array_equal(digit[:, 0], -digit[:, 2])
        assert shared.max() == pytest.approx(a)


def test_index_and_excess_are_those_of_channels():
    r = np.random.default_rng(0).standard_normal((5, 2, 3, 4, 6, 6)).astype(np.float32)
    for k, (index, excess) in enumerate(
        zip(split.index_of(tensor(r)).tolist(), split.excess_of(tensor(r)).tolist(), strict=True)
    ):
        found = cancellation(r[:, k], dim=1)
        assert (index, excess) == (pytest.approx(found.index, abs=1e-5), pytest.approx(found.excess, abs=1e-5))


def test_the_causes_of_a_step_add_up_to_what_it_does():
    record = work(
        Job("split", {"task": "common", "amplitude": 3, "lr": 0.01, "steps": 12, "seeds": [100, 101], "blocks": 3})
    )
    for measure in ("index", "excess"):
        causes = sum(np.array(record[f"{measure}_{whose}"]) for whose in ("own", "image", "others"))
        np.testing.assert_allclose(causes, np.diff(record[measure], axis=0), atol=0.01)
    assert np.abs(record["growth"]).max() <= 1


def test_an_own_term_is_what_a_step_lacks_without_that_patchs_gradient():
    data, _ = images("common", 1, [100])
    network = Network(ARMS["sum"], FILTERS, "common", 1)
    begin(network, ARMS["sum"], [100], "he", data[:WATCHED][0])
    index = np.arange(8)[None]
    out = network.conv(data[index][0])
    (g,) = grad(losses(network.after(out), data[index][1]).sum(), [out])
    allowed = np.random.default_rng(0).uniform(0.5, 1, network.conv.weight.shape)
    spot = n, f, p, q = np.unravel_index(np.abs(g.array).argmax(), g.shape)
    found = []
    for missing in (False, True):
        if missing:
            g.array[spot] = 0
        watcher = split.Watcher(network, data, {})
        watcher.remember(index, g)
        slopes = {c: np.zeros((split.SEEN, 1, 3, FILTERS, 36), np.float32) for c in "RGB"}
        for c, slope in enumerate(slopes.values()):
            slope[n, 0, c, f, p * 6 + q] = 1  # asks what the step does to channel c's response to that patch
        found.append(watcher.explain(slopes, watcher.slopes()[1], allowed))
    whole, rest = ([sum(f[f"{c}_{part}"][0] for part in ("own", "image", "others")) for c in "RGB"] for f in found)
    own = [found[0][f"{c}_own"][0] for c in "RGB"]
    np.testing.assert_allclose(np.subtract(whole, rest), own, rtol=1e-3, atol=1e-9)
    assert abs(np.sign(own).sum()) == 3  # one way for all channels
    assert all(found[1][f"{c}_own"][0] == 0 for c in "RGB")


def test_growth_beside_a_valley_and_a_saddle():
    """ρ by simulation of descent with momentum on h u²/2."""
    for h in (-2.0, 20.0, 37.0, 39.0, 60.0):
        u, b = 1.0, 0.0
        for _ in range(400):
            b = 0.9 * b + h * u
            u -= 0.1 * b
        grows = mirror.growth(0.1 * h) > 1
        assert grows == (abs(u) > 1) and grows == (h < 0 or 0.1 * h > mirror.LIMIT)


def test_mirrored_images_pull_equal_slices_alike():
    x, y = mirror.mirrored(100)
    half = len(x) // 2
    assert np.array_equal(x[half:], x[:half, ::-1]) and np.array_equal(y[half:], y[:half])


def test_the_curvature_across_is_the_second_derivative_of_the_loss():
    data = mirror.Data(*(part[None] for part in mirror.mirrored(100)))
    network = Network(ARMS["untied"], mirror.FILTERS, "presence", 1)
    x, y = data[:128]
    begin(network, ARMS["untied"], [100], "he", x)
    mirror.draw_biases(network, [100])
    network.to(np.float64)
    x = tensor(x.array.astype(float))
    direction = np.random.default_rng(0).standard_normal((mirror.FILTERS, 3, 3))
    h, _ = mirror.across(network, x, y, direction)
    move = direction / np.linalg.norm(direction) / np.sqrt(2)
    start, found = network.conv.weight.array.copy(), []
    for size in (-1e-7, 0, 1e-7):  # short enough to cross no edge of a ReLU, long enough for float64
        network.conv.weight.array[:] = start
        network.conv.weight.array[:, 0] += size * move
        network.conv.weight.array[:, 2] -= size * move
        network.conv.weight.bump_version()
        (g,) = grad(losses(network(x), y).sum(), [network.conv.weight])
        found.append(float(((g.array[:, 0] - g.array[:, 2]) * move).sum()))
    assert h == pytest.approx((found[2] - found[0]) / 2e-7, rel=1e-4)


def test_rounding_errors_part_mirrored_slices_in_the_end():
    record = work(Job("mirror", {"lr": 0.1, "dtype": "float64", "steps": 130, "seeds": [100]}))
    (first, *_, last) = record["curve"][0]
    assert first < -100 and last > -3 and record["left"][0] > 50
    assert 0.1 * record["curvature"][0] > mirror.LIMIT
    assert record["grown"][0] == pytest.approx(record["predicted"][0], rel=0.1)
