"""The study's measurements on cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.autograd import grad
from minigrad.channels import REDUCTIONS, ChannelConv2d
from minigrad.study import probes
from minigrad.study.arms import ARMS
from minigrad.study.stats import share_of_directions

pytest.importorskip("scipy")


def test_participation_counts_who_shares():
    g = np.array([[1.0, 1, 1, 1], [0, 0, 3, 0], [2, -2, 0, 0], [1e-30, 1e-30, 0, 0]])
    np.testing.assert_allclose(probes.participation(g, axis=1), [1, 0.25, 0.5, 0.5])
    assert np.isnan(probes.participation(np.zeros((1, 3)), axis=1)).all()


def test_means_leave_out_what_is_not_known():
    values = np.array([[1.0, np.nan, 3.0], [np.nan] * 3])
    np.testing.assert_array_equal(probes.mean_where_known(values, (1,)), [2, np.nan])


@pytest.mark.parametrize("tied", [False, True])
def test_the_gradient_of_each_slice_from_the_gradient_of_its_response(tied):
    mg.manual_seed(0)
    conv = ChannelConv2d(6, 4, 3, groups=2, reduce="max", tied=tied, dtype=np.float64)
    x = mg.randn(5, 6, 6, 6, dtype=mg.float64)
    r = conv.own(x).detach().requires_grad_()
    (g,) = grad((conv.combine(r) ** 2).sum(), [r])
    parts = probes.weight_gradient(conv, x, g)  # (copies, C, F, 3, 3)
    (whole,) = grad((conv(x) ** 2).sum(), [conv.weight])
    parts = parts.transpose(0, 2, 1, 3, 4).reshape(4, 3, 3, 3)
    np.testing.assert_allclose(parts.sum(1, keepdims=True) if tied else parts, whole.array, atol=1e-9)


def test_a_linear_probe_finds_what_is_linear_and_nothing_else():
    rng = np.random.default_rng(0)
    f, f_test = rng.normal(size=(2, 500, 3))
    assert probes.linear_probe(f, (f[:, 0] > 0).astype(int), f_test, (f_test[:, 0] > 0).astype(int)) > 0.95
    parity = [(a[:, 0] * a[:, 1] > 0).astype(int) for a in (f, f_test)]
    assert 0.4 < probes.linear_probe(f, parity[0], f_test, parity[1]) < 0.6


def test_cosines():
    a, b = np.array([[1.0, 0], [0, 0]]), np.array([[2.0, 0], [-1, 0], [0, 3], [1, 1]])
    np.testing.assert_allclose(probes.cosines(a, b), [[1, -1, 0, 0.5**0.5], [0, 0, 0, 0]])


@pytest.mark.parametrize("arm", list(REDUCTIONS))
@pytest.mark.parametrize("C", [3, 16])
def test_energy_through_the_engine_agrees_with_its_closed_form(arm, C):
    record = probes.energy(arm, C)
    assert record["infinite"] == (arm == "geomean")
    if record["closed"] is not None and not (arm == "product" and C > 3):  # a heavy tail: no sample mean settles
        assert record["measured"] == pytest.approx(record["closed"], abs=4 * record["measured_sd"] + 1e-4)
    selects = arm in ("max", "min", "median")
    assert record["receiving"] == (1 if selects else C)


@pytest.mark.parametrize("arm", ARMS)
def test_what_an_arm_says_of_itself_is_so(arm):
    known, rng = ARMS[arm], np.random.default_rng(0)
    if not known.reduces:
        return
    reduce, follows = known.function, []
    for C in (2, 3):
        r = mg.tensor(rng.standard_normal((40, C)))
        value = reduce(r, 1).array
        assert np.allclose(reduce(-r, 1).array, value) == known.even(C)
        follows.append(np.allclose(reduce(r + 0.5, 1).array, value + 0.5))
        halves = (reduce(r, 1).array + reduce(r * 3, 1).array) / 2
        assert np.allclose(reduce(r * 2, 1).array, halves) or not known.affine
    assert all(follows) == known.shifts


def test_depth_of_a_sum_keeps_gradients_and_of_a_mean_does_not():
    ratio = {arm: np.median(probes.depth(arm, "he", 16, 6, [0, 1, 2])["ratio"]) for arm in ("sum", "mean")}
    assert 0.1 < ratio["sum"] < 10 and ratio["mean"] < 1e-4
    unit = np.median(probes.depth("mean", "unit", 16, 6, [0, 1, 2])["ratio"])
    assert 0.1 < unit < 10  # the mean is the sum once its weights are scaled


def test_cost_counts_backward_with_forward_and_memory_beside_the_sum():
    record = probes.cost("sum", 3, "plain", rounds=3)
    assert record["memory_ratio"] == pytest.approx(1, rel=0.1)
    assert record["both"] >= record["forward"] > 0
    assert probes.cost("max", 16, "plain", rounds=1)["memory_ratio"] > 2


def test_gaussian_filters_answer_aligned_and_opponent_edges_alike():
    record = probes.start(50_000)
    assert record["p_value"] > 0.001
    for name in ("aligned", "opponent"):
        np.testing.assert_allclose(record[name], [-1.645, -0.674, 0, 0.674, 1.645], atol=0.05)


@pytest.mark.parametrize("arm", [name for name, arm in ARMS.items() if arm.reduces])
def test_maps_show_one_unit_of_gradient_going_back(arm):
    record = probes.maps(arm)
    assert np.shape(record["responses"]) == np.shape(record["gradients"]) == (3, 10, 10)
    if arm == "sum":
        np.testing.assert_allclose(record["gradients"], 1)
        np.testing.assert_allclose(record["responses"].sum(0), record["out"], atol=1e-5)
    if ARMS[arm].shifts:
        np.testing.assert_allclose(record["gradients"].sum(0), 1, atol=1e-5)


def test_the_window_is_a_convolution_in_whole_numbers():
    record = probes.window()
    for p in range(3):
        for q in range(3):
            seen = record["x"][:, p : p + 3, q : q + 3]
            assert (seen * record["w"]).sum() + 1 == record["out"][p, q]
    np.testing.assert_array_equal(
        record["dw"], sum(record["g"][p, q] * record["x"][:, p : p + 3, q : q + 3] for p in range(3) for q in range(3))
    )


def test_random_directions_are_nowhere_near_orthogonal_at_27_dimensions():
    rng = np.random.default_rng(0)
    record = probes.unmatched(rng.normal(size=(8, 27)), rng.normal(size=(3000, 27)), anti=True)
    expected = share_of_directions(27, 0.1)
    assert record["share"] == pytest.approx(expected, abs=0.02) and 0.35 < expected < 0.45  # far from 0.95
    edges = np.array(record["histogram"]["edges"])
    centre = (edges[1:] + edges[:-1]) / 2
    assert np.average(centre, weights=record["histogram"]["matching"]) > 0.8
    assert np.average(centre, weights=record["histogram"]["anti"]) < -0.8


def test_responses_to_photographs():
    pytest.importorskip("sklearn")
    record = probes.photo("random")
    assert 0 < record["cancellation"] < 1 and record["kurtosis"] > 3  # natural images: heavier tails than a Gaussian
    np.testing.assert_allclose(np.diag(record["correlation"]), 1)


def test_a_linear_reader_finds_all_in_27_sums_and_a_difference_in_filters_that_take_one():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    record = probes.kept(rng.standard_normal((2, 27, 27)))
    assert min(record["whole"].min(), record["grey"].min(), record["difference"].min()) > 0.999
    taken = np.zeros((9, 27))
    taken[np.arange(9), np.arange(9)], taken[np.arange(9), 18 + np.arange(9)] = 1, -1  # R − B at nine places
    record = probes.kept(taken[None])
    assert record["difference"][0] > 0.999 and record["whole"][0] < 0.9
