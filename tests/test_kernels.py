"""The kernels against their definitions, and the definitions against loops that spell the formulas out."""

import math
from itertools import product

import numpy as np
import pytest
from helpers import window
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.kernels import (
    columns,
    convolution,
    definition,
    elementwise,
    input_gradient,
    memory,
    normalise,
    pooling,
    products,
    rows,
    special,
    threads,
)
from minigrad.kernels.windows import Window, count_windows

LAYOUTS = {"NCHW": (0, 1, 2, 3), "CNHW": (1, 0, 2, 3), "HCWN": (2, 1, 3, 0), "NHWC": (0, 2, 3, 1)}


def in_memory(a, layout):
    """The same array, laid out in memory in another order of axes, and read-only."""
    order = LAYOUTS[layout]
    a = np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))
    a.flags.writeable = False
    return a


# ------------------------------------------------------------------------------------------------ definitions


def test_the_definition_of_a_convolution_is_the_trilinear_form():
    """⟨g, conv2d(x, w)⟩ = Σ g[n, o, p] · x[n, c, s·p + d·k - pad] · w[o, c, k], with each factor left out in turn."""
    how = Window((2, 3), (2, 1), (1, 2), (1, 2), groups=2)
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 4, 5, 4)), rng.standard_normal((6, 2, 2, 3))
    out = definition.conv2d(x, w, None, how)
    g = rng.standard_normal(out.shape)
    spelled = {"y": np.zeros_like(out), "x": np.zeros_like(x), "w": np.zeros_like(w)}
    for n, o, p, q, c, i, j in np.ndindex(*out.shape, *w.shape[1:]):
        h, v, channel = 2 * p + i - 1, q + 2 * j - 2, c + 2 * (o // 3)
        if 0 <= h < 5 and 0 <= v < 4:
            spelled["y"][n, o, p, q] += x[n, channel, h, v] * w[o, c, i, j]
            spelled["x"][n, channel, h, v] += g[n, o, p, q] * w[o, c, i, j]
            spelled["w"][o, c, i, j] += g[n, o, p, q] * x[n, channel, h, v]
    np.testing.assert_allclose(out, spelled["y"], atol=1e-13)
    np.testing.assert_allclose(definition.conv2d_input(g, w, (5, 4), how), spelled["x"], atol=1e-13)
    np.testing.assert_allclose(definition.conv2d_weight(g, x, how), spelled["w"], atol=1e-13)


def test_the_definition_of_pooling_on_one_image():
    x = np.array([[[[1.0, 5.0, 2.0], [7.0, 7.0, np.nan]]]])
    how = window((2, 2), stride=1, padding=(0, 1))
    assert definition.max_pool2d(x, how).tolist()[0][0][0][:2] == [7, 7]
    assert np.isnan(definition.max_pool2d(x, how)[0, 0, 0, 2:]).all()
    assert definition.find_first(x, how).tolist() == [[[[3, 3, 5, 5]]]]  # the first of two, the first that is NaN
    x[0, 0, 1, 2] = 0
    assert definition.avg_pool2d(x, how).tolist() == [[[[2, 5, 3.5, 0.5]]]]
    assert definition.avg_pool2d(x, how, count_include_pad=False).tolist() == [[[[4, 5, 3.5, 1]]]]
    assert definition.avg_pool2d(x, how, divisor=2).tolist() == [[[[4, 10, 7, 1]]]]


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_windows_are_counted_as_the_definition_lays_them(ceil_mode):
    for size, k, s, p, d in product(range(1, 9), (1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2)):
        if 2 * p <= k:
            count = len(definition.begin(size, k, s, p, d, ceil_mode))
            assert max(0, count_windows(size, k, s, p, d, ceil_mode)) == count, (size, k, s, p, d)


# ------------------------------------------------------------------------------------------------ convolution


def compare_convolutions(x, w, how, layout, dtype, tolerance):
    """All three operations against their definitions, as far apart as sums of so many numbers may be."""
    x, w = in_memory(x.astype(dtype), layout), in_memory(w.astype(dtype), "CNHW")
    out = convolution.conv2d(x, w, None, how)
    g = in_memory(np.random.default_rng(1).standard_normal(out.shape).astype(dtype), layout)
    wide_x, wide_w, wide_g = (a.astype(np.float64) for a in (x, w, g))
    size = x.shape[2:]
    for found, expected in (
        (out, definition.conv2d(wide_x, wide_w, None, how)),
        (convolution.conv2d_weight(g, x, how), definition.conv2d_weight(wide_g, wide_x, how)),
        (input_gradient.conv2d_input(g, w, size, how), definition.conv2d_input(wide_g, wide_w, size, how)),
    ):
        assert found.dtype == dtype and found.shape == expected.shape
        largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1, largest))


#        N  C  H   W  O  kernel and options
CONVOLUTIONS = [
    (2, 3, 6, 5, 4, window(3, padding=1)),
    (3, 1, 5, 5, 2, window(3)),
    (2, 4, 7, 6, 6, window((3, 2), 2, stride=(2, 1), padding=(1, 0))),
    (2, 4, 9, 9, 4, window(3, 4, padding=1)),  # depthwise
    (2, 3, 9, 8, 6, window(3, 3, stride=2, padding=1)),  # depthwise, two filters a channel
    (2, 4, 9, 8, 3, window(3, padding=2, dilation=2)),
    (2, 2, 9, 8, 3, window((2, 3), stride=(3, 2), padding=(1, 2), dilation=(2, 3))),
    (2, 5, 4, 4, 3, window(1)),  # pointwise
    (2, 6, 4, 4, 4, window(1, 2)),
    (2, 5, 5, 5, 3, window(1, stride=2)),
    (2, 2, 5, 5, 3, window(1, padding=(1, 2))),  # padding beyond the kernel
    (1, 2, 3, 3, 2, window(3, padding=3)),
    (1, 3, 8, 8, 2, window(2, stride=3)),  # pixels that no window sees
    (2, 2, 4, 1, 3, window((4, 1))),  # one window
    (1, 3, 5, 6, 2, window((5, 4), stride=(2, 3), padding=2)),
    (0, 3, 5, 5, 2, window(3, padding=1)),  # no images
    (0, 3, 5, 5, 2, window(3, stride=2, padding=1)),
    (2, 0, 5, 5, 2, window(3, padding=1)),  # no channels
    (1100, 2, 4, 4, 2, window(3, padding=1)),  # a batch cut into chunks
    (64, 8, 16, 16, 8, window(3, padding=1)),  # rows cut into parts
    (300, 2, 8, 16, 2, window(5, padding=2)),  # and columns
    (5, 32, 6, 5, 16, window(3, padding=1)),  # by the rows of pixels as they lie
    (5, 32, 6, 5, 48, window(3, padding=(3, 0))),  # and with windows that see no pixel
    (2, 16, 5, 12, 16, window((3, 7), padding=(0, 3), dilation=(1, 2))),
    (2, 2, 9, 9, 3, window(9)),  # windows as large as the image: the input's gradient by the output's size
    (2, 3, 1, 12, 4, window((1, 12), padding=(0, 2))),
    (2, 6, 9, 6, 4, window((8, 3), 2, stride=(2, 1), dilation=(1, 2))),
    (40, 3, 1, 12, 4, window((1, 5), padding=(0, 2))),  # sequences enough to be turned upright
    (40, 4, 1, 13, 6, window((1, 3), 2, stride=(3, 2), padding=(0, 1), dilation=(2, 3))),
    (40, 3, 1, 12, 4, window((1, 5), padding=(1, 2))),  # beside rows of zeros
    (40, 3, 1, 1, 4, window(1)),  # a single pixel
]


@pytest.mark.parametrize("layout", ["NCHW", "HCWN", "NHWC"])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution_and_its_gradients_match_the_definition(case, layout):
    n, c, h, w, o, how = case
    rng = np.random.default_rng(0)
    x, filters = rng.standard_normal((n, c, h, w)), rng.standard_normal((o, c // how.groups, *how.kernel))
    compare_convolutions(x, filters, how, layout, np.float64, 1e-13)


@st.composite
def geometries(draw, groups):
    """A Window of any options, and the size of an image that it fits."""
    number = lambda low, high: draw(st.integers(low, high))
    pair = lambda low, high: (number(low, high), number(low, high))
    how = Window(pair(1, 5), pair(1, 4), pair(0, 5), pair(1, 3), number(1, groups))
    least = [max(1, d * (k - 1) + 1 - 2 * p) for k, _, p, d in how.axes()]
    return how, tuple(number(n, n + 6) for n in least)


def draw_images(data, geometry, batch):
    """Images, filters that fit them, and how the images lie in memory."""
    how, size = geometry
    n, c, o, seed = (data.draw(numbers) for numbers in (batch, *[st.integers(1, 3)] * 2, st.integers(0, 99)))
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, how.groups * c, *size))
    w = rng.standard_normal((how.groups * o, c, *how.kernel))
    return x, w, data.draw(st.sampled_from(sorted(LAYOUTS)))


@settings(max_examples=150)
@given(geometries(4), st.data())
def test_convolution_and_its_gradients_match_the_definition_for_any_geometry(geometry, data):
    how, _ = geometry
    x, w, layout = draw_images(data, geometry, st.integers(0, 3))
    compare_convolutions(x, w, how, layout, np.float64, 1e-13)
    compare_convolutions(x, w, how, layout, np.float32, 1e-5)


@settings(max_examples=150)
@given(geometries(4), st.data())
def test_convolutions_by_parts_match_the_definition_however_their_lines_lie(geometry, data):
    """As large ones are done: with a frame and without, and with lines that compete for the cache."""
    how, _ = geometry
    x, w, layout = draw_images(data, geometry, st.integers(1, 40))
    for odd in data.draw(st.sampled_from([(), (np.inf, np.nan)])):  # only windows that see these pixels may show it
        x[tuple(data.draw(st.integers(0, n - 1)) for n in x.shape)] = odd
    with pytest.MonkeyPatch.context() as patch, np.errstate(invalid="ignore"):
        patch.setattr(convolution, "LITTLE", 0)
        patch.setattr(input_gradient, "GIVEN", 0)
        patch.setattr(convolution, "FRAME", data.draw(st.sampled_from([0, 1 << 30])))
        patch.setattr(memory, "SETS", data.draw(st.sampled_from([16, 1 << 12])))
        compare_convolutions(x, w, how, layout, np.float64, 1e-13)
        compare_convolutions(x, w, how, layout, np.float32, 1e-5)


@settings(max_examples=150)
@given(geometries(4), st.data())
def test_every_way_to_sum_an_input_gradient_matches_the_definition(geometry, data):
    how, _ = geometry
    x, w, _ = draw_images(data, geometry, st.integers(1, 5))
    shape = definition.conv2d(x, w, None, how).shape
    g = in_memory(np.random.default_rng(1).standard_normal(shape), "HCWN")
    if g.size:
        for odd in data.draw(st.sampled_from([(), (np.inf, np.nan)])):  # only pixels of these windows may show it
            g = g.copy(order="K")
            g[tuple(data.draw(st.integers(0, n - 1)) for n in g.shape)] = odd
    upstream, turned = g.transpose(2, 1, 3, 0), input_gradient.turn(w, how.groups)
    found = np.empty(x.transpose(2, 1, 3, 0).shape)
    with pytest.MonkeyPatch.context() as patch, np.errstate(invalid="ignore"):
        expected = definition.conv2d_input(g, w, x.shape[2:], how).transpose(2, 1, 3, 0)
        patch.setattr(input_gradient, "PIECE", data.draw(st.sampled_from([1, 1 << 17])))
        patch.setattr(convolution, "LITTLE", data.draw(st.sampled_from([0, 1 << 20])))
        input_gradient.scatter(upstream, w, found, how)
        np.testing.assert_allclose(found, expected, atol=1e-12)
        input_gradient.gather(upstream, turned, found, how)
        np.testing.assert_allclose(found, expected, atol=1e-12)
        if how.groups == 1:
            input_gradient.gather_rows(upstream, turned, found, how)
            np.testing.assert_allclose(found, expected, atol=1e-12)


def test_bias_is_added_to_every_pixel_of_its_channel():
    rng = np.random.default_rng(0)
    how = window(3, 2, stride=(2, 1), padding=1)
    for n, c in ((2, 4), (700, 4), (2, 0)):  # in one part and in several, and to nothing
        x, w, bias = rng.standard_normal((n, c, 5, 5)), rng.standard_normal((6, c // 2, 3, 3)), rng.standard_normal(6)
        expected = definition.conv2d(x, w, bias, how)
        np.testing.assert_allclose(convolution.conv2d(x, w, bias, how), expected, atol=1e-13)
    x, w, bias = rng.standard_normal((3, 32, 5, 6)), rng.standard_normal((16, 32, 3, 3)), rng.standard_normal(16)
    for how in (window(3, padding=1), window(3, padding=(1, 4))):  # by rows, and where some windows see nothing
        expected = definition.conv2d(x, w, bias, how)
        np.testing.assert_allclose(convolution.conv2d(in_memory(x, "HCWN"), w, bias, how), expected, atol=1e-12)


@pytest.mark.parametrize(
    "c, o, how",
    [
        (3, 4, window(3, padding=1)),
        (32, 16, window(3, padding=1)),
        (3, 4, window(3, stride=2, padding=1)),
        (4, 4, window(3, 4, padding=1)),
        (2, 3, window(7, padding=1)),
    ],
    ids=["columns", "rows", "strided", "depthwise", "large"],
)
def test_nan_and_infinity_reach_those_results_that_depend_on_them_and_no_others(c, o, how):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, c, 7, 7), "f4"), rng.standard_normal((o, c // how.groups, *how.kernel), "f4")
    x[0, 0, 2, 3], x[1, 1, 6, 6] = np.inf, np.nan
    x = in_memory(x, "HCWN")
    out = convolution.conv2d(x, w, None, how)
    g = rng.standard_normal(out.shape, "f4")
    g[0, 0, 0, 0], g[1, 1, -1, 0] = -np.inf, np.nan
    g = in_memory(g, "HCWN")
    # without a warning, as PyTorch
    founds = out, convolution.conv2d_weight(g, x, how), input_gradient.conv2d_input(g, w, (7, 7), how)
    with np.errstate(invalid="ignore"):
        slow = definition.conv2d(x, w, None, how), definition.conv2d_weight(g, x, how)
        expecteds = *slow, definition.conv2d_input(g, w, (7, 7), how)
    for found, expected in zip(founds, expecteds, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("o", [1, 6, 16, 48, 100])
@pytest.mark.parametrize("k, length", [(27, 2048), (50, 1000), (300, 130), (1500, 40), (70, 20)])
def test_products_in_tiles_are_the_products(monkeypatch, o, k, length):
    monkeypatch.setattr(columns, "multiplies_as_it_lies", lambda: True)  # on any machine
    rng = np.random.default_rng(0)
    filters, pixels = rng.integers(-9, 10, (2, 1, o, k)) * 1.0, rng.integers(-9, 10, (2, 3, k, length)) * 1.0
    found = np.empty((2, 3, o, length))
    columns.multiply(filters, pixels, found)
    np.testing.assert_array_equal(found, np.einsum("gpok,gpkn->gpon", filters.repeat(3, 1), pixels, optimize=True))
    upstream, found = rng.integers(-9, 10, (2, 3, length, o)) * 1.0, np.empty((2, 3, k, o))
    columns.multiply_along(pixels, upstream, found)
    np.testing.assert_array_equal(found, np.einsum("gpkn,gpno->gpko", pixels, upstream, optimize=True))


def test_expanded_arrays_are_accepted():
    x = np.broadcast_to(np.arange(25.0).reshape(1, 1, 5, 5), (3, 2, 5, 5))
    g = np.broadcast_to(np.float64(1), (3, 4, 5, 5))
    w = np.random.default_rng(0).standard_normal((4, 2, 3, 3))
    how = window(3, padding=1)
    for call in (
        lambda x, g: convolution.conv2d(x, w, None, how),
        lambda x, g: convolution.conv2d_weight(g, x, how),
        lambda x, g: input_gradient.conv2d_input(g, w, (5, 5), how),
    ):
        np.testing.assert_array_equal(call(x, g), call(x.copy(), g.copy()))


#            N  C  side O  options
ACCURACY = [
    (8, 64, 8, 64, window(3, padding=1)),
    (8, 16, 16, 16, window(3, stride=2, padding=1)),
    (8, 64, 8, 64, window(3, 64, padding=1)),
    (8, 64, 8, 64, window(1)),
]


@pytest.mark.parametrize("case", ACCURACY, ids=str)
def test_float32_agrees_with_float64_to_a_hundred_thousandth(case):
    n, c, side, o, how = case
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((n, c, side, side)), rng.standard_normal((o, c // how.groups, *how.kernel))
    compare_convolutions(x, w, how, "HCWN", np.float32, 1e-5)


# ---------------------------------------------------------------------------------------------------- pooling


def compare_pools(x, how, layout):
    """The largest of each window, and where it stands, against their definitions: exactly."""
    x = in_memory(x, layout)
    best, *masks = pooling.max_pool2d(x, how)
    np.testing.assert_array_equal(best, definition.max_pool2d(x, how))
    rng = np.random.default_rng(1)
    g, v = rng.integers(-8, 8, best.shape).astype(x.dtype), rng.integers(-8, 8, x.shape).astype(x.dtype)
    given = definition.max_pool2d_input(g, x, how)
    for upstream in (g, in_memory(g, "NCHW"), in_memory(g, layout)):
        np.testing.assert_array_equal(pooling.max_pool2d_input(upstream, *masks, x.shape[2:], how), given)
    np.testing.assert_array_equal(pooling.max_pool2d_gather(v, *masks, how), definition.max_pool2d_gather(v, x, how))


def compare_means(x, how, layout, counted, divisor, tolerance):
    x = in_memory(x, layout)
    out = pooling.avg_pool2d(x, how, counted, divisor)
    g = in_memory(np.random.default_rng(1).standard_normal(out.shape).astype(x.dtype), layout)
    expected = definition.avg_pool2d(x.astype(np.float64), how, counted, divisor)
    np.testing.assert_allclose(out, expected, rtol=0, atol=tolerance)
    expected = definition.avg_pool2d_input(g.astype(np.float64), x.shape[2:], how, counted, divisor)
    dx = pooling.avg_pool2d_input(g, x.shape[2:], how, counted, divisor)
    np.testing.assert_allclose(dx, expected, rtol=0, atol=tolerance)
    assert out.dtype == dx.dtype == x.dtype


#       H  W  options
POOLS = [
    (6, 6, window(2, stride=2)),  # tiles
    (7, 5, window(2, stride=2)),  # a row and a column left over
    (7, 5, window(2, ceil_mode=True, stride=2)),
    (6, 7, window((3, 2), stride=(1, 2), padding=1)),  # overlapping
    (9, 8, window(3, ceil_mode=True, stride=(2, 1), padding=(1, 0), dilation=2)),
    (5, 5, window(5)),  # the whole image
    (5, 6, window((2, 1), stride=(3, 2))),  # gaps between the windows
]


@pytest.mark.parametrize("layout", ["NCHW", "HCWN"])
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_pools_match_their_definitions(case, layout):
    h, w, how = case
    rng = np.random.default_rng(0)
    compare_pools(rng.integers(-2, 2, (3, 2, h, w)).astype(float), how, layout)  # many ties
    if how.dilation == (1, 1):
        for counted, divisor in ((True, None), (False, None), (True, 3)):
            compare_means(rng.standard_normal((2, 3, h, w)), how, layout, counted, divisor, 1e-13)


@pytest.mark.parametrize("how", [window((1, 2)), window((2, 1)), window(2), window(1)], ids=str)
def test_the_gradient_of_a_pool_lies_in_memory_as_the_image_does(how):
    x = in_memory(np.random.default_rng(0).standard_normal((5, 3, 4, 6)), "HCWN")
    best, *masks = pooling.max_pool2d(x, how)
    assert pooling.max_pool2d_input(best, *masks, x.shape[2:], how).strides == x.strides


@settings(max_examples=150)
@given(geometries(1), st.data())
def test_pools_match_their_definitions_for_any_geometry(geometry, data):
    how, size = geometry
    how = how._replace(padding=tuple(min(p, k // 2) for p, k in zip(how.padding, how.kernel, strict=True)))
    how = how._replace(ceil_mode=data.draw(st.booleans()))
    pixels = definition.look(size, how)
    assume(pixels.size)  # a dilated window may be too large without the padding
    shape = (data.draw(st.integers(0, 3)), data.draw(st.integers(1, 3)), *size)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    layout, dtype = data.draw(st.sampled_from(sorted(LAYOUTS))), data.draw(st.sampled_from(["f4", "f8", "i8"]))
    x = rng.integers(-2, 3, shape).astype(dtype)
    if dtype != "i8":
        undilated = how._replace(dilation=(1, 1))
        counted, divisor = data.draw(st.booleans()), data.draw(st.sampled_from([None, 3]))
        compare_means(x, undilated, layout, counted, divisor, 1e-5 if dtype == "f4" else 1e-13)
        x[rng.random(shape) < 0.1] = np.nan
        x[rng.random(shape) < 0.2] = -np.inf
    assume((pixels < size[0] * size[1]).any((2, 3)).all())  # of nothing there is no largest
    compare_pools(x, how, layout)


def test_max_pool_hands_on_nan_and_its_gradient_and_spreads_no_infinite_gradient():
    x = np.array([[[[1.0, np.nan], [5.0, 2.0]]]])
    how = window(2, stride=2)
    best, *masks = pooling.max_pool2d(x, how)
    assert np.isnan(best).all()
    g = np.full(best.shape, np.inf)
    np.testing.assert_array_equal(pooling.max_pool2d_input(g, *masks, (2, 2), how), [[[[0, np.inf], [0, 0]]]])


# ---------------------------------------------------------------------------- products and elementwise work

BIG = (5, 3, 120, 121)  # more than a block, and no multiple of one
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40]


def draw_special(rng, shape, dtype, layout):
    a = rng.standard_normal(shape).astype(dtype)
    a.reshape(-1)[: len(SPECIAL)] = SPECIAL
    return in_memory(a, layout)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), BIG], ids=str)
@pytest.mark.parametrize("layout", ["NCHW", "HCWN"])
def test_relu_and_its_gradient_are_exact_for_every_number(dtype, shape, layout):
    rng = np.random.default_rng(0)
    x = draw_special(rng, shape, dtype, layout)
    g = draw_special(rng, shape, dtype, layout)
    np.testing.assert_array_equal(elementwise.relu(x), np.maximum(x, 0))
    np.testing.assert_array_equal(elementwise.gate(g, x), np.where(x <= 0, 0, g).astype(dtype))
    assert elementwise.relu(x).strides == elementwise.gate(g, x).strides == x.strides
    other = in_memory(g, "CNHW")  # laid out unlike x: the plain path
    np.testing.assert_array_equal(elementwise.gate(other, x), elementwise.gate(g, x))


@pytest.mark.parametrize("layout", ["NCHW", "HCWN"])
def test_elementwise_work_in_blocks_is_the_function(layout):
    x = draw_special(np.random.default_rng(0), (64, 8, 32, 40), "f4", layout)  # enough for several blocks
    with np.errstate(all="ignore"):
        for step in (np.exp, np.tanh, lambda x, out: np.add(x * x, 1, out=out)):
            np.testing.assert_array_equal(elementwise.by_blocks(step, x), step(x, np.empty_like(x)))
    assert elementwise.by_blocks(np.exp, x).strides == x.strides
    part = x[..., ::2]  # not dense in memory
    np.testing.assert_array_equal(elementwise.by_blocks(np.exp, part), np.exp(part))


@pytest.mark.parametrize(
    "left, right",
    [
        ((3, 4), (4, 5)), ((300, 70), (70, 20)), ((20, 70), (70, 300)), ((64, 1024), (1024, 10)), ((0, 4), (4, 5)),
        ((3, 0), (0, 5)), ((4,), (4,)), ((50, 400), (400,)), ((7, 30, 40), (40, 50)), ((7, 30, 40), (7, 40, 5)),
    ],
    ids=str,
)  # fmt: skip
def test_matmul_is_numpys(left, right):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(left), rng.standard_normal(right)
    np.testing.assert_allclose(products.matmul(x, y), np.matmul(x, y), atol=1e-12)
    if x.ndim == 2 == y.ndim:
        np.testing.assert_allclose(products.matmul(x, np.asfortranarray(y)), np.matmul(x, y), atol=1e-12)


@pytest.mark.parametrize("n, k, m", [(32, 784, 130), (64, 1601, 10), (8, 520, 700), (300, 4, 1100), (4, 9000, 70)])
@pytest.mark.parametrize("turned", [False, True])
def test_products_of_few_rows_in_tiles_are_the_products(monkeypatch, n, k, m, turned):
    monkeypatch.setattr(products, "multiplies_as_it_lies", lambda: True)
    rng = np.random.default_rng(0)
    x, y = rng.integers(-8, 9, (n, k)).astype(np.float32), rng.integers(-8, 9, (k, m)).astype(np.float32)
    for a, b in ((x, y), (np.asfortranarray(x), y), (y.T, x.T)):
        expected = a.astype(np.float64) @ b.astype(np.float64)  # of whole numbers, exact in float32, too
        np.testing.assert_array_equal(products.matmul(a, np.asfortranarray(b) if turned else b), expected)


@pytest.mark.parametrize("left, right", [((3, 4), (5, 6)), ((300, 400), (300, 400)), ((), (3,)), ((3,), ())], ids=str)
def test_matmul_refuses_what_numpy_refuses(left, right):
    with pytest.raises(ValueError, match="matmul"):
        products.matmul(np.ones(left), np.ones(right))


@pytest.mark.parametrize("shape", [(6, 3, 4, 5), (9, 3), (4, 3, 7), (32, 3, 40, 41)], ids=str)
@pytest.mark.parametrize("layout", ["NCHW", "HCWN"])
def test_normalising_a_batch_matches_its_definition(shape, layout):
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal(shape) + 100, rng.standard_normal(shape)  # a mean that would cost digits
    if len(shape) == 4:
        x, g = in_memory(x, layout), in_memory(g, layout)
    w, b = rng.standard_normal(3), rng.standard_normal(3)
    dims, along = (0, *range(2, x.ndim)), (slice(None), *(None,) * (x.ndim - 2))
    mean, variance = normalise.channel_moments(x)
    np.testing.assert_allclose(mean, x.mean(dims), rtol=1e-13)
    np.testing.assert_allclose(variance, x.var(dims), rtol=1e-11)
    deviation = np.sqrt(variance + 1e-5)
    moments = normalise.Moments(mean, deviation)
    standard = (x - mean[along]) / deviation[along]
    out = normalise.normalise(x, w, b, moments)
    np.testing.assert_allclose(out, standard * w[along] + b[along], atol=1e-12)
    expected = g - g.mean(dims, keepdims=True) - standard * (g * standard).mean(dims, keepdims=True)
    sums = normalise.sum_upstream(g, x, moments)
    np.testing.assert_allclose(sums, [g.sum(dims), (g * standard).sum(dims) * deviation], atol=1e-9)
    dx = normalise.normalise_input(g, x, w, moments, sums)
    np.testing.assert_allclose(dx, expected * (w / deviation)[along], atol=1e-11)
    narrow = normalise.Moments(*(a.astype("f4") for a in (mean, deviation)))
    narrow = normalise.normalise(x.astype("f4"), None, None, narrow)
    assert np.abs(narrow - standard).max() <= 1e-4  # x itself was rounded at 100


@pytest.mark.parametrize("c, o, groups", [(8, 16, 1), (32, 32, 1), (64, 64, 64)], ids=["columns", "rows", "depthwise"])
def test_results_are_the_same_bits_for_any_number_of_threads_and_every_time(c, o, groups):
    rng = np.random.default_rng(0)
    x = in_memory(rng.standard_normal((128, c, 16, 16), "f4"), "HCWN")
    w = rng.standard_normal((o, c // groups, 3, 3), "f4")

    def everything(stride):
        how, pool = window(3, groups, stride=stride, padding=1), window(2, stride=2)
        out = convolution.conv2d(x, w, None, how)
        dw = convolution.conv2d_weight(out, x, how)
        dx = input_gradient.conv2d_input(out, w, (16, 16), how)
        pooled, *masks = pooling.max_pool2d(dx, pool)
        spread = pooling.max_pool2d_input(pooled, *masks, (16, 16), pool)
        return [a.tobytes() for a in (out, dw, dx, pooled, *masks, spread)]

    before = threads.get_num_threads()
    try:
        for stride in (1, 2):
            threads.set_num_threads(1)
            alone = everything(stride)
            for count in (2, 3, 3):
                threads.set_num_threads(count)
                assert everything(stride) == alone
    finally:
        threads.set_num_threads(before)


@pytest.mark.parametrize("mean", [0.0, 1.0, 300.0])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 1, 3, 0)])
def test_sums_by_channel_in_float32_are_exact_wherever_the_mean_is(mean, order):
    rng = np.random.default_rng(3)
    x, g = (np.ascontiguousarray(rng.standard_normal((32, 5, 12, 12)).transpose(order)) for _ in range(2))
    x = (x.transpose(np.argsort(order)) + mean).astype(np.float32)
    g = g.transpose(np.argsort(order)).astype(np.float32)
    wide, along = x.astype(np.float64), g.astype(np.float64)
    axes, columns = (0, 2, 3), (1, -1, 1, 1)
    np.testing.assert_allclose(normalise.channel_sum(x), wide.sum(axes), rtol=1e-5, atol=1e-2)
    found, variance = normalise.channel_moments(x)
    np.testing.assert_allclose(found, wide.mean(axes), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(variance, wide.var(axes), rtol=1e-5)
    centre, deviation = found.astype(np.float64), np.sqrt(variance.astype(np.float64))
    centred = (wide - centre.reshape(columns)) / deviation.reshape(columns)
    moments = normalise.Moments(found, np.sqrt(variance))
    sums = normalise.sum_upstream(g, x, moments)
    np.testing.assert_allclose(sums[0], along.sum(axes), rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(sums[1] / deviation, (along * centred).sum(axes), rtol=1e-5, atol=1e-3)
    expected = along - along.mean(axes).reshape(columns) - centred * (along * centred).mean(axes).reshape(columns)
    dx = normalise.normalise_input(g, x, None, moments, sums)
    np.testing.assert_allclose(dx, expected / deviation.reshape(columns), atol=2e-5)


def test_the_sum_over_images_and_pixels_is_not_taken_for_other_dimensions():
    x = np.random.default_rng(0).standard_normal((4, 3, 30, 30, 4)).astype(np.float32)
    np.testing.assert_allclose(mg.tensor(x).sum((0, 2, 3)).array, x.sum((0, 2, 3)), rtol=1e-4, atol=1e-3)
    part = x[..., 0]
    np.testing.assert_allclose(mg.tensor(part).sum((0, 2, 3)).array, part.sum((0, 2, 3)), rtol=1e-4, atol=1e-3)


# -------------------------------------------------------------------------------------------- special functions

erf = np.vectorize(math.erf, otypes=[float])


def test_the_error_function_is_right_to_its_last_digits():
    x = np.concatenate([np.linspace(-7, 7, 20_001), np.geomspace(1e-300, 7, 20_001), [np.inf, -np.inf]])
    np.testing.assert_allclose(elementwise.by_blocks(special.erf, x), erf(x), rtol=7e-16, atol=0)
    single = x.astype(np.float32)
    single = single[(np.abs(single) > 1e-36) | (single == 0)]  # below, its terms lose digits
    found = elementwise.by_blocks(special.erf, single)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, erf(single.astype(np.float64)), rtol=5e-7, atol=0)
    for kind in ("f4", "f8"):
        assert np.isnan(elementwise.by_blocks(special.erf, np.array([np.nan], kind))).all()
    assert elementwise.by_blocks(special.erf, np.array([0.5, -2.0], "f2")).dtype == np.float16
    assert mg.erf(mg.arange(3)).dtype == np.float32


# ----------------------------------------------------------------------------------------------------- choices


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("layout", ["NCHW", "HCWN"])
def test_choices_by_bits_are_those_of_where(dtype, layout):
    rng = np.random.default_rng(0)
    x, y = (draw_special(rng, (64, 8, 32, 40), dtype, layout) for _ in range(2))  # enough for several blocks
    condition = in_memory(rng.random(x.shape) < 0.5, layout)
    for left, right in ((x, y), (x, 0.0), (0.0, x), (x, -1.5), (math.inf, y), (math.nan, y)):
        chosen = elementwise.choose(condition, left, right)
        assert chosen.dtype == x.dtype
        np.testing.assert_array_equal(chosen, np.where(condition, left, right))
    for slope in (0.01, -0.3, 0.0, 2.0):
        with np.errstate(invalid="ignore"):
            expected = np.where(condition, x, x * np.asarray(slope, "f8" if dtype == "f8" else "f4")).astype(dtype)
            np.testing.assert_array_equal(elementwise.leak(x, condition, slope), expected)


@pytest.mark.parametrize("n", [*range(3, 9), -3, -8])
def test_whole_powers_by_multiplication_are_powers(n):
    x = np.array([-3.0, -0.5, 1.25, 2.0, -0.0, np.inf, -np.inf, np.nan])
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(elementwise.power(x, n), np.power(x, float(n)), rtol=1e-15)


def test_a_normalised_batch_is_the_same_bits_for_any_number_of_threads():
    rng = np.random.default_rng(0)
    x, g = (in_memory(rng.standard_normal((64, 16, 32, 34), "f4"), "HCWN") for _ in range(2))
    w = rng.standard_normal(16, "f4")

    def everything():
        mean, variance = normalise.channel_moments(x)
        moments = normalise.Moments(mean, np.sqrt(variance))
        sums = normalise.sum_upstream(g, x, moments)
        out = normalise.normalise(x, w, w, moments)
        dx = normalise.normalise_input(g, x, w, moments, sums)
        return [a.tobytes() for a in (mean, variance, sums, out, dx)]

    before = threads.get_num_threads()
    try:
        threads.set_num_threads(1)
        alone = everything()
        threads.set_num_threads(3)
        assert everything() == alone
    finally:
        threads.set_num_threads(before)


@pytest.mark.parametrize("shape", [(0, 4, 8, 8), (64, 0, 16, 16), (64, 4, 0, 16), (2, 0), (0, 3)], ids=str)
def test_channels_of_nothing_sum_to_zero(shape):
    np.testing.assert_array_equal(normalise.channel_sum(np.ones(shape, np.float32)), np.zeros(shape[1]))


@pytest.mark.parametrize("shape", [(40, 7), (7, 40), (40, 40), (1, 3), (40, 1)], ids=str)
def test_the_largest_of_each_row_is_pythons_and_not_a_number_beside_one(shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x[0, 0], x[-1, -1] = -math.inf, math.inf
    np.testing.assert_array_equal(rows.find_largest(x), [[max(row)] for row in x.tolist()])
    x[:, shape[1] // 2] = math.nan
    assert np.isnan(rows.find_largest(x)).all()


@pytest.mark.parametrize("height", [-200.0, -20.0, 0.0, 7.0, 30.0, 1e30])
@pytest.mark.parametrize("length", [3, 700])
def test_a_softmax_in_float32_is_exact_wherever_its_rows_lie(height, length):
    x = (np.random.default_rng(0).standard_normal((40, length)) * 3 + height).astype(np.float32)
    x[1, 1:], x[2, 1] = -np.inf, -np.inf
    wide = np.exp(x.astype(float) - x.max(1, keepdims=True).astype(float))
    np.testing.assert_allclose(rows.softmax(x), wide / wide.sum(1, keepdims=True), rtol=3e-6, atol=1e-37)
    x[0, 0], x[3, 1], x[4] = np.nan, np.inf, -np.inf
    assert np.isnan(rows.softmax(x)[[0, 3, 4]]).all()


@pytest.mark.parametrize("seen", ["one number an image and channel", "images outermost", "every second"])
def test_what_is_made_of_arrays_that_lie_differently_lies_as_convolutions_want_it(seen):
    rng = np.random.default_rng(0)
    y = in_memory(rng.standard_normal((16, 8, 12, 12)).astype("f4"), "HCWN")
    if seen == "images outermost":
        x = rng.standard_normal(y.shape).astype("f4")
    elif seen == "every second":
        x = rng.standard_normal((16, 8, 12, 24)).astype("f4")[..., ::2]
    else:
        x = np.broadcast_to(rng.standard_normal((16, 8, 1, 1)).astype("f4"), y.shape)
    for first, second in ((x, y), (y, x)):
        out = elementwise.gate(first, second)
        np.testing.assert_array_equal(out, np.where(second > 0, first, 0))
        assert out.strides == y.strides
