"""Initial values: the distributions that the papers give, in place and reproducible."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn import init

CONV = (64, 32, 3, 3)  # fan in 32·9 = 288, fan out 64·9 = 576

UNIFORM = {  # name: function of (tensor, generator), expected bounds
    "uniform_": (lambda t, g: init.uniform_(t, -2, 3, g), -2, 3),
    "xavier_uniform_": (lambda t, g: init.xavier_uniform_(t, 2.0, g), *np.array([-1, 1]) * 2 * math.sqrt(6 / 864)),
    "kaiming_uniform_": (lambda t, g: init.kaiming_uniform_(t, generator=g), *np.array([-1, 1]) * math.sqrt(6 / 288)),
    "kaiming_uniform_, as layers begin": (
        lambda t, g: init.kaiming_uniform_(t, math.sqrt(5), generator=g),
        *np.array([-1, 1]) / math.sqrt(288),
    ),
}
NORMAL = {  # name: function of (tensor, generator), expected mean and standard deviation
    "normal_": (lambda t, g: init.normal_(t, 1.0, 0.5, g), 1.0, 0.5),
    "xavier_normal_": (lambda t, g: init.xavier_normal_(t, 2.0, g), 0.0, 2 * math.sqrt(2 / 864)),
    "kaiming_normal_": (
        lambda t, g: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu", generator=g),
        0.0,
        math.sqrt(2 / 576),
    ),
}


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_draws_have_their_bounds_and_moments(name):
    fill, low, high = UNIFORM[name]
    values = fill(mg.empty(*CONV), mg.Generator(0)).array
    assert low <= values.min() and values.max() <= high
    assert values.mean() == pytest.approx((low + high) / 2, abs=0.02 * (high - low))
    assert values.std() == pytest.approx((high - low) / math.sqrt(12), rel=0.02)


@pytest.mark.parametrize("name", NORMAL)
def test_normal_draws_have_their_moments(name):
    fill, mean, std = NORMAL[name]
    values = fill(mg.empty(*CONV), mg.Generator(0)).array
    assert values.mean() == pytest.approx(mean, abs=0.03 * std)
    assert values.std() == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize("fill", [*[f for f, *_ in UNIFORM.values()], *[f for f, *_ in NORMAL.values()]])
def test_the_generator_given_decides_and_the_default_one_otherwise(fill):
    first, second = (fill(mg.empty(*CONV), mg.Generator(1)).array for _ in range(2))
    np.testing.assert_array_equal(first, second)
    state = mg.get_rng_state()
    mg.manual_seed(1)
    np.testing.assert_array_equal(fill(mg.empty(*CONV), None).array, first)
    mg.set_rng_state(state)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3, 3), (16, 1, 2, 2)])
def test_orthogonal_rows_or_columns(shape):
    matrix = init.orthogonal_(mg.empty(*shape, dtype=mg.float64), 2.0, mg.Generator(0)).array.reshape(shape[0], -1)
    gram = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_orthogonal_signs_are_not_those_of_the_decomposition():
    corners = [init.orthogonal_(mg.empty(3, 3), generator=mg.Generator(seed)).array[0, 0] for seed in range(50)]
    assert 10 < sum(corner > 0 for corner in corners) < 40


def test_constants():
    assert init.constant_(mg.empty(2), 3.5).tolist() == [3.5, 3.5]
    assert init.zeros_(mg.empty(2)).tolist() == [0, 0]
    assert init.ones_(mg.empty(2)).tolist() == [1, 1]
    assert init.eye_(mg.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_parameters_are_filled_in_place_and_backward_sees_it():
    p = mg.ones(2, 2, requires_grad=True)
    memory, loss = p.array, (p * p).sum()
    assert init.constant_(p, 5.0) is p and p.array is memory and p.requires_grad
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_a_truncated_normal_stays_between_its_bounds_and_has_the_density_there():
    values = init.trunc_normal_(mg.empty(40_000, dtype=mg.float64), 1.0, 2.0, 0.0, 4.0, mg.Generator(0)).array
    assert values.min() >= 0 and values.max() <= 4
    cdf = lambda v: (1 + math.erf((v - 1) / (2 * math.sqrt(2)))) / 2
    for v in (0.5, 1.0, 2.0, 3.0):
        expected = (cdf(v) - cdf(0)) / (cdf(4) - cdf(0))
        assert (values < v).mean() == pytest.approx(expected, abs=0.01)
    far = init.trunc_normal_(mg.empty(10), 0.0, 1.0, 50.0, 60.0, mg.Generator(0)).array
    assert (far == 50).all()  # no draw gets there


def test_a_sparse_start_has_its_share_of_zeros_in_every_column():
    values = init.sparse_(mg.empty(10, 30), 0.25, 0.5, mg.Generator(0)).array
    assert ((values == 0).sum(0) == 3).all()
    assert values[values != 0].std() == pytest.approx(0.5, rel=0.15)


OLDER = [name for name in dir(init) if hasattr(init, f"{name}_") and not name.startswith("_")]


@pytest.mark.parametrize("name", OLDER)
def test_the_names_without_an_underscore_do_the_same_with_a_warning(name):
    args = {"constant": (2.0,), "sparse": (0.5,)}.get(name, ())
    shape = (4, 2, 3) if name == "dirac" else (4, 3)
    mg.manual_seed(0)
    expected = getattr(init, f"{name}_")(mg.empty(*shape), *args)
    mg.manual_seed(0)
    with pytest.warns(FutureWarning, match=f"use nn.init.{name}_"):
        got = getattr(init, name)(mg.empty(*shape), *args)
    np.testing.assert_array_equal(got.array, expected.array)


def test_the_older_names_are_pytorchs():
    assert " ".join(OLDER) == (
        "constant dirac eye kaiming_normal kaiming_uniform normal orthogonal sparse uniform "
        "xavier_normal xavier_uniform"
    )


@pytest.mark.parametrize(
    ("arguments", "gain"),
    [
        (("linear",), 1),
        (("conv2d",), 1),
        (("sigmoid",), 1),
        (("tanh",), 5 / 3),
        (("relu",), math.sqrt(2)),
        (("selu",), 0.75),
        (("leaky_relu",), math.sqrt(2 / (1 + 0.01**2))),
        (("leaky_relu", 0.2), math.sqrt(2 / 1.04)),
        (("leaky_relu", 0), math.sqrt(2)),
    ],
)
def test_gains(arguments, gain):
    assert init.calculate_gain(*arguments) == pytest.approx(gain)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: init.calculate_gain("swish"), "no gain for 'swish'; there are linear"),
        (lambda: init.kaiming_uniform_(mg.empty(3)), r"two dimensions or more, got shape \(3,\)"),
        (lambda: init.kaiming_normal_(mg.empty(3, 3), mode="fan"), "'fan_in' or 'fan_out', got 'fan'"),
        (lambda: init.xavier_normal_(mg.empty(3)), "xavier_normal_"),
        (lambda: init.orthogonal_(mg.empty(3)), "orthogonal_"),
        (lambda: init.eye_(mg.empty(3)), "two dimensions"),
        (lambda: init.sparse_(mg.empty(3), 0.5), "sparse_: expected two dimensions"),
        (lambda: init.dirac_(mg.empty(3, 3)), "dirac_: expected 3 to 5 dimensions"),
        (lambda: init.dirac_(mg.empty(3, 3, 3), 2), "the first divisible by 2"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
