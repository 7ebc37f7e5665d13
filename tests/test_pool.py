"""Pooling against its definition: the largest, the mean, and bins of unequal length."""

import math

import numpy as np
import pytest
from helpers import check, distinct, draw, window
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.kernels import definition
from minigrad.nn import functional as F


def slow_max(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    options = {"padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    return definition.max_pool2d(x, window(kernel_size, stride=kernel_size if stride is None else stride, **options))


def slow_mean(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    steps = kernel_size if stride is None else stride
    how = window(kernel_size, stride=steps, padding=padding, ceil_mode=ceil_mode)
    return definition.avg_pool2d(x, how, count_include_pad, divisor_override)


IMAGES = (2, 3, 6, 7)
MAX = {
    "two by two": ((2,), {}),
    "three by three": ((3,), {}),
    "overlapping": ((3, 1), {}),
    "with gaps": ((2, 3), {}),
    "padding": ((3, 2, 1), {}),
    "dilation": ((2,), {"stride": 1, "dilation": 3}),
    "overhanging": ((2,), {"ceil_mode": True}),
    "overhanging, padded": ((3, 2, 1), {"ceil_mode": True}),
    "rectangular": (((2, 3),), {"stride": (1, 2), "padding": (1, 1), "dilation": (2, 1)}),
    "one": ((1,), {}),
    "all": (((6, 7),), {}),
}


@pytest.mark.parametrize("name", MAX)
def test_max_pool2d(name):
    args, options = MAX[name]
    check(lambda x: F.max_pool2d(x, *args, **options), lambda x: slow_max(x, *args, **options), distinct(IMAGES))


MEAN = {
    "two by two": ((2,), {}),
    "overlapping": ((3, 1), {}),
    "with gaps": ((2, 3), {}),
    "padding": ((3, 2, 1), {}),
    "padding not counted": ((3, 2, 1), {"count_include_pad": False}),
    "overhanging": ((2,), {"ceil_mode": True}),
    "overhanging, padded": ((3, 2, 1), {"ceil_mode": True}),
    "overhanging, padded, not counted": ((3, 2, 1), {"ceil_mode": True, "count_include_pad": False}),
    "a divisor": ((3, 2, 1), {"divisor_override": 5}),
    "rectangular": (((2, 3),), {"stride": (1, 2), "padding": (1, 0)}),
    "all": (((6, 7),), {}),
}


@pytest.mark.parametrize("name", MEAN)
def test_avg_pool2d(name):
    args, options = MEAN[name]
    check(lambda x: F.avg_pool2d(x, *args, **options), lambda x: slow_mean(x, *args, **options), IMAGES)


@given(st.data())
def test_pooling_of_any_size_and_option(data):
    number = lambda low, high: data.draw(st.integers(low, high))
    shape = (number(0, 2), number(1, 3), number(1, 7), number(1, 7))
    kernel = (number(1, 3), number(1, 3))
    options = {
        "stride": (number(1, 3), number(1, 3)),
        "padding": tuple(number(0, k // 2) for k in kernel),
        "ceil_mode": data.draw(st.booleans()),
    }
    dilation = (number(1, 2), number(1, 2))
    for n, k, p, d in zip(shape[2:], kernel, options["padding"], dilation, strict=True):
        assume(n + 2 * p >= d * (k - 1) + 1 and n + 2 * p >= k)
    mean = {**options, "count_include_pad": data.draw(st.booleans())}
    check(lambda x: F.avg_pool2d(x, kernel, **mean), lambda x: slow_mean(x, kernel, **mean), shape)
    maximum = {**options, "dilation": dilation}
    pixels = definition.look(shape[2:], window(kernel, **maximum))
    assume((pixels < shape[2] * shape[3]).any((2, 3)).all())  # of nothing there is no largest
    check(lambda x: F.max_pool2d(x, kernel, **maximum), lambda x: slow_max(x, kernel, **maximum), distinct(shape))


@pytest.mark.parametrize("size", [1, 2, 3, (2, 3), (4, 5), (6, 7), (None, 2), (5, None), (8, 9)], ids=str)
def test_adaptive_pooling(size):
    h, w = IMAGES[2:]
    rows, columns = ((n if s is None else s) for s, n in zip(np.broadcast_to(size, 2), (h, w), strict=True))
    ends = lambda n, count: [(i * n // count, math.ceil((i + 1) * n / count)) for i in range(count)]

    def slow(reduce):
        return lambda x: np.stack(
            [np.stack([reduce(x[:, :, a:b, c:d], (2, 3)) for c, d in ends(w, columns)], -1) for a, b in ends(h, rows)],
            -2,
        )

    check(lambda x: F.adaptive_avg_pool2d(x, size), slow(np.mean), IMAGES)
    check(lambda x: F.adaptive_max_pool2d(x, size), slow(np.max), distinct(IMAGES))


def test_a_tie_goes_to_the_first_and_padding_never_wins():
    x = mg.tensor([[[[1.0, 1.0], [1.0, 1.0]]]], requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad.tolist() == [[[[1, 0], [0, 0]]]]
    x = mg.full((1, 1, 2, 2), -5.0, requires_grad=True)
    out = F.max_pool2d(x, 3, 1, 1)
    assert out.tolist() == [[[[-5, -5], [-5, -5]]]]
    out.sum().backward()
    assert x.grad.tolist() == [[[[4, 0], [0, 0]]]]


def test_not_a_number_is_the_largest():
    x = mg.zeros(1, 1, 2, 4)
    x[0, 0, 1, 1] = math.nan
    out = F.max_pool2d(x, 2)
    assert math.isnan(out[0, 0, 0, 0].item()) and out[0, 0, 0, 1].item() == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda x: F.max_pool2d(x, 3, 2, 1, return_indices=True),
        lambda x: F.adaptive_max_pool2d(x, (4, 5), return_indices=True),
        lambda x: F.adaptive_max_pool2d(x, (3, 7), return_indices=True),
    ],
    ids=["max_pool2d", "adaptive, unequal bins", "adaptive, equal bins"],
)
def test_indices_say_where_each_maximum_stands_in_its_image(call):
    x = mg.tensor(distinct(IMAGES), requires_grad=True)
    values, indices = call(x)
    assert indices.dtype == np.int64 and not indices.requires_grad and values.requires_grad
    found = np.take_along_axis(x.array.reshape(2, 3, -1), indices.array.reshape(2, 3, -1), -1)
    np.testing.assert_array_equal(found, values.array.reshape(2, 3, -1))


def test_single_images_need_no_batch():
    x = mg.tensor(draw((3, 6, 7)))
    for pool in (
        lambda x: F.max_pool2d(x, 2),
        lambda x: F.avg_pool2d(x, 3, 2, 1),
        lambda x: F.adaptive_avg_pool2d(x, (2, 5)),
        lambda x: F.adaptive_max_pool2d(x, 2),
        lambda x: F.max_pool2d(x, 2, return_indices=True)[1],
    ):
        np.testing.assert_array_equal(pool(x).array, pool(x.unsqueeze(0))[0].array)


x = mg.ones(1, 2, 4, 4)
BAD = {
    "window": (
        lambda: F.max_pool2d(x, 5),
        ValueError,
        r"max_pool2d: windows of \(5, 5\).* do not fit an image of \(4, 4\)",
    ),
    "kernel": (lambda: F.max_pool2d(x, 0), ValueError, "kernel_size must be .* at least 1, got 0"),
    "stride": (lambda: F.avg_pool2d(x, 2, 0), ValueError, "stride must be .* at least 1, got 0"),
    "padding": (lambda: F.avg_pool2d(x, 2, 1, 2), ValueError, r"padding \(2, 2\) must be at most half of kernel_size"),
    "divisor": (lambda: F.avg_pool2d(x, 2, divisor_override=0), ValueError, "divisor_override must not be 0"),
    "dimensions": (
        lambda: F.max_pool2d(mg.ones(4, 4), 2),
        ValueError,
        r"expected an input \(N, C, H, W\) or \(C, H, W\)",
    ),
    "adaptive": (lambda: F.adaptive_avg_pool2d(mg.ones(4, 4), 2), ValueError, "adaptive_avg_pool2d: expected an input"),
    "no size": (lambda: F.adaptive_max_pool2d(x, 0), ValueError, "output_size must be .* at least 1"),
    "three sizes": (lambda: F.adaptive_avg_pool2d(x, (1, 2, 3)), ValueError, "size or pair of sizes"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()
