"""Surveys of a network's convolutions: what is measured equals what it is by definition, for every kind of layer."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree

import numpy as np
import pytest
import scipy.stats

import minigrad as mg
from minigrad import nn
from minigrad.channels import ChannelConv2d, cancellation, responses, survey, survey_layers

RNG = np.random.default_rng(0)
LAYERS = {
    "plain": lambda: nn.Conv2d(4, 6, 3),
    "strided": lambda: nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=1),
    "dilated": lambda: nn.Conv2d(4, 6, 3, dilation=2, padding="same"),
    "grouped": lambda: nn.Conv2d(4, 6, 3, groups=2),
    "circular": lambda: nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"),
    "one by one": lambda: nn.Conv2d(4, 6, 1),
    "tied": lambda: ChannelConv2d(4, 6, 3, tied=True),
}


def image(*shape: int, seed: int = 1) -> mg.Tensor:
    return mg.tensor(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize("kind", LAYERS)
def test_the_index_and_the_shares_are_those_of_all_responses(kind):
    mg.manual_seed(0)
    conv, x = LAYERS[kind](), image(2, 4, 8, 8)  # few enough places for every patch to be taken
    row = survey(conv, x, draws=50)[0]
    r = responses(conv, x).array
    assert row.index == pytest.approx(cancellation(r).index, abs=1e-5)
    assert row.channels == r.shape[2] and row.shares.sum() == pytest.approx(1)
    groups = np.split(r, conv.groups, axis=1)
    squares = np.concatenate([(part**2).sum((0, 1, 3, 4)) for part in groups])
    np.testing.assert_allclose(row.shares, squares / squares.sum(), rtol=1e-4)


@pytest.mark.parametrize(
    "options",
    [{}, {"stride": 2, "padding": 1}, {"groups": 2, "dilation": 2}, {"stride": 2, "output_padding": 1}],
    ids=str,
)
def test_a_transposed_convolution_sums_over_its_channels_too(options):
    conv, x = nn.ConvTranspose2d(4, 6, 3, bias=False, **options), image(1, 4, 5, 5)
    parts = []  # the answer to one channel of each group alone
    for c in range(4 // conv.groups):
        alone = np.zeros_like(x.array).reshape(1, conv.groups, -1, 5, 5)
        alone[:, :, c] = x.array.reshape(alone.shape)[:, :, c]
        parts.append(conv(mg.tensor(alone.reshape(x.shape))).array)
    assert survey(conv, x, draws=20)[0].index == pytest.approx(cancellation(np.stack(parts, 2)).index, abs=1e-5)


def test_a_convolution_over_one_dimension_is_measured():
    conv, x = nn.Conv1d(4, 3, 3, padding=1), image(2, 4, 9)
    parts = [mg.conv1d(x[:, c : c + 1], conv.weight[:, c : c + 1], padding=1).array for c in range(4)]
    assert survey(conv, x, draws=20)[0].index == pytest.approx(cancellation(np.stack(parts, 2)).index, abs=1e-5)


def test_the_null_is_the_mean_over_all_flips_of_slices():
    conv, x = nn.Conv2d(3, 2, 3, bias=False), image(1, 3, 6, 6)
    r = responses(conv, x).array
    exact = [
        1 - np.abs((r * np.reshape(signs, (1, 2, 3, 1, 1))).sum(2)).sum() / np.abs(r).sum()
        for signs in itertools.product((1, -1), repeat=6)
    ]
    row = survey(conv, x)[0]
    assert row.null == pytest.approx(np.mean(exact), abs=0.01)
    far = np.abs(np.array(exact) - np.mean(exact)) >= abs(row.index - np.mean(exact)) - 1e-6
    assert row.p == pytest.approx(far.mean(), abs=0.05)


def test_filters_that_cancel_and_filters_that_agree_are_told_from_chance():
    edge = np.tile([-1.0, 0.0, 1.0], (3, 1))
    x = RNG.standard_normal((4, 1, 12, 12)).repeat(4, 1) + 0.1 * RNG.standard_normal((4, 4, 12, 12))
    signs = RNG.choice((-1, 1), (8, 1, 1, 1))
    opposed = signs * np.stack([edge, -edge, edge, -edge])[None] * RNG.uniform(0.5, 1, (8, 4, 1, 1))
    found = survey_layers([("opposed", opposed, x, {}), ("agreed", np.abs(opposed[:, :1]).repeat(4, 1), x, {})])
    assert found["opposed"].excess > 0.2 and found["opposed"].p < 0.01
    assert found["agreed"].excess < -0.2 and found["agreed"].p < 0.01
    assert found["opposed"].shuffled < found["opposed"].index


def test_random_filters_are_not_told_from_chance_as_a_rule():
    rows = [survey(nn.Conv2d(8, 8, 3), image(2, 8, 10, 10, seed=k), draws=200, seed=k)[0] for k in range(20)]
    assert sum(row.p < 0.05 for row in rows) <= 4
    assert abs(np.mean([row.excess for row in rows])) < 0.02


def test_without_the_means_of_what_enters_only_patterns_cancel():
    w = np.abs(RNG.standard_normal((8, 6, 3, 3)))  # every slice pulls to one side where what enters is positive
    x = 3 + RNG.standard_normal((2, 6, 12, 12))
    row = survey_layers([("x", w, x, {})])[0]
    less = survey_layers([("x", w, x - x.mean((0, 2, 3), keepdims=True), {})])[0]
    assert row.excess < -0.4 and row.centred == pytest.approx(less.excess, abs=0.03) and abs(row.centred) < 0.1


def test_near_zero_is_measured_by_each_filters_own_width():
    w = RNG.standard_normal((200, 3, 3, 3)) * 10.0 ** RNG.uniform(-3, 3, (200, 1, 1, 1))
    row = survey_layers([("x", w, RNG.standard_normal((1, 3, 9, 9)), {})], draws=5)[0]
    assert row.near_zero == pytest.approx(0.08, abs=0.01)


@pytest.mark.parametrize("d", [2, 3, 27])
def test_unmatched_answers_are_those_with_a_small_cosine_and_stand_beside_random_directions(d):
    w, x = RNG.standard_normal((400, d, 1, 1)), RNG.standard_normal((1, d, 10, 10))
    row = survey_layers([("x", w, x, {})], draws=5)[0]
    flat, patches = w.reshape(400, d), x.reshape(d, 100)
    cosines = flat @ patches / np.outer(np.linalg.norm(flat, axis=1), np.linalg.norm(patches, axis=0))
    assert row.unmatched == pytest.approx((np.abs(cosines) < 0.1).mean(), abs=0.002)
    expected = scipy.stats.beta(0.5, (d - 1) / 2).cdf(0.1**2)  # the law of the squared cosine
    assert row.orthogonal == pytest.approx(expected, rel=1e-5) and abs(row.unmatched - expected) < 0.02


def test_single_filters_have_their_own_index_beside_their_own_chance():
    edge = np.tile([-1.0, 0.0, 1.0], (3, 1))
    w = np.stack([np.stack([edge, -edge] * 4), np.stack([edge] * 8)])
    x = RNG.standard_normal((4, 1, 12, 12)).repeat(8, 1)
    filters = survey_layers([("x", w, x, {})])[0].filters
    assert filters.index[0] == pytest.approx(1) and filters.index[1] == pytest.approx(0)
    exact = 1 - np.mean([abs(sum(s)) for s in itertools.product((1, -1), repeat=8)]) / 8
    np.testing.assert_allclose(filters.null, exact, atol=0.01)
    flips = np.array([1 - abs(sum(s)) / 8 for s in itertools.product((1, -1), repeat=8)])
    far = [(np.abs(flips - exact) >= abs(index - exact)).mean() for index in (1, 0)]
    assert filters.number.tolist() == [0, 1] and filters.p == pytest.approx(far, abs=0.05)


def test_a_layer_without_a_sum_says_so():
    model = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), ChannelConv2d(4, 3, 3, reduce="max"), nn.Conv2d(3, 2, 1))
    found = survey(model, image(1, 4, 8, 8), draws=20)
    assert [row.note for row in found.rows] == ["no sum: one channel a group", "no sum: reduce='max'", ""]
    assert np.isnan(found[0].p) and found[0].near_zero >= 0 and "3 convolutions, 1 with a sum" in str(found)
    dead = survey(nn.Conv2d(3, 2, 3), mg.zeros(1, 3, 6, 6), draws=5)
    assert dead[0].note == "all responses are zero"


def test_five_hundred_channels_are_measured():
    row = survey(nn.Conv2d(512, 16, 3), image(1, 512, 8, 8), draws=50)[0]
    assert row.channels == 512 and row.null == pytest.approx(1 - 512**-0.5, abs=0.01)


def test_a_survey_reaches_every_call_and_leaves_the_model_alone():
    conv = nn.Conv2d(3, 3, 3, padding=1)
    model = nn.Sequential(conv, nn.BatchNorm2d(3), nn.Dropout(0.5), conv).train()
    before = {name: value.array.copy() for name, value in model.state_dict().items()}
    found = survey(model, image(2, 3, 6, 6), draws=10)
    assert [row.name for row in found.rows] == ["0", "0 (2)"]
    assert all(np.array_equal(value.array, before[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert str(survey(model, image(2, 3, 6, 6), draws=10)) == str(found)  # the same twice


def test_a_survey_takes_what_the_model_takes():
    mg.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), nn.Conv2d(4, 2, 3))
    x = mg.randn(2, 3, 8, 8)
    assert str(survey(model, x.numpy())) == str(survey(model, x))


def test_a_survey_prints_sorts_and_draws():
    model = nn.Sequential(*(nn.Conv2d(4, 4, 3, padding=1) for _ in range(4)), nn.Conv2d(4, 4, 1, groups=4))
    found = survey(model, image(1, 4, 6, 6), draws=50)
    assert len(found) == 5 and len(str(found).splitlines()) == 8 and "<table>" in found._repr_html_()
    excess = [row.excess for row in found.sort().rows]
    assert excess[:4] == sorted(excess[:4], reverse=True) and np.isnan(excess[4])
    assert [row.name for row in found.sort("name", descending=False).rows] == list("01234")
    picture = xml.etree.ElementTree.fromstring(found.draw())
    assert len(picture.findall(".//{*}rect")) == 1 + 4
    with pytest.raises(ValueError, match=r"by is one of.*got 'size'"):
        found.sort("size")
    with pytest.raises(KeyError, match="no layer 'conv9'"):
        found["conv9"]


W, X = np.ones((4, 3, 3, 3)), np.ones((1, 3, 8, 8))
WRONG = {
    "a list": (lambda: survey([1], image(1, 3, 8, 8)), TypeError, "expected a Module, got list"),
    "no convolution": (lambda: survey(nn.Linear(3, 2), image(1, 3)), ValueError, "Linear has no convolution"),
    "channels": (
        lambda: survey_layers([("a", W, X[:, :2], {})]),
        ValueError,
        "a: the weight asks for 3 input channels",
    ),
    "option": (lambda: survey_layers([("a", W, X, {"strides": 2})]), TypeError, r"a: no option.*strides.*stride"),
    "small": (lambda: survey_layers([("a", W, X[..., :2], {})]), ValueError, "smaller than the kernel"),
    "infinite": (lambda: survey_layers([("a", W * np.inf, X, {})]), ValueError, "finite floating numbers as weight"),
    "three": (lambda: survey_layers([("a", W[..., None], X[..., None], {})]), ValueError, "one or two dimensions"),
    "short": (lambda: survey_layers([("a", W, X)]), TypeError, r"\(name, weight, input, options\)"),
    "draws": (lambda: survey_layers([], draws=0), ValueError, "draws"),
}


@pytest.mark.parametrize("guess", WRONG)
def test_what_cannot_be_surveyed_is_named(guess):
    call, error, message = WRONG[guess]
    with pytest.raises(error, match=message):
        call()
