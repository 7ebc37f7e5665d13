"""Convolution against its definition, in all options, to the second derivative."""

import numpy as np
import pytest
from helpers import LAYOUTS, check, draw, window
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.kernels import definition, input_gradient
from minigrad.kernels.windows import Window
from minigrad.nn import functional as F
from minigrad.ops.conv import convolution, convolution_input, convolution_weight


def slow_conv2d(x, w, b=None, **options):
    return definition.conv2d(x, w, b, window(w.shape[2:], **options))


def slow_conv_transpose2d(y, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of a convolution without margins, to which the result is then cut or padded."""
    how = window(w.shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups)
    extra = (output_padding, output_padding) if isinstance(output_padding, int) else output_padding
    size = [(n - 1) * s + d * (k - 1) + 1 for n, (k, s, _, d) in zip(y.shape[2:], how.axes(), strict=True)]
    x = definition.conv2d_input(y, w, size, how._replace(padding=(0, 0)))
    x = np.pad(x, [(0, 0), (0, 0), (0, extra[0]), (0, extra[1])])
    top, left = how.padding
    x = x[:, :, top : x.shape[2] - top, left : x.shape[3] - left]
    return x + (0 if b is None else b[:, None, None])


# name: shapes of x, w and b, options
CONV2D = {
    "plain": ((2, 3, 5, 5), (4, 3, 3, 3), (4,), {}),
    "without bias": ((2, 3, 5, 5), (4, 3, 3, 3), None, {}),
    "1 by 1": ((2, 3, 4, 4), (4, 3, 1, 1), (4,), {}),
    "padding": ((2, 3, 5, 5), (4, 3, 3, 3), (4,), {"padding": 1}),
    "more padding than kernel": ((1, 2, 3, 3), (2, 2, 2, 2), (2,), {"padding": 3}),
    "stride": ((2, 3, 7, 7), (4, 3, 3, 3), None, {"stride": 2}),
    "stride that leaves a rest": ((2, 3, 6, 8), (2, 3, 3, 3), None, {"stride": 2}),
    "stride longer than kernel": ((1, 2, 7, 7), (2, 2, 2, 2), None, {"stride": 3}),
    "dilation": ((2, 3, 7, 7), (2, 3, 3, 3), (2,), {"dilation": 2}),
    "everything rectangular": (
        (2, 3, 7, 6),
        (4, 3, 3, 2),
        (4,),
        {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 3)},
    ),
    "groups": ((2, 4, 5, 5), (6, 2, 3, 3), (6,), {"groups": 2, "padding": 1}),
    "depthwise": ((2, 3, 5, 5), (3, 1, 3, 3), (3,), {"groups": 3}),
    "depthwise, two each": ((2, 3, 5, 5), (6, 1, 3, 3), None, {"groups": 3, "stride": 2}),
    "kernel as large as the image": ((2, 3, 4, 5), (2, 3, 4, 5), (2,), {}),
    "one channel, one filter": ((1, 1, 4, 4), (1, 1, 2, 2), (1,), {}),
    "no image": ((0, 3, 5, 5), (4, 3, 3, 3), (4,), {}),
    "stride and dilation": ((1, 2, 9, 9), (2, 2, 3, 3), None, {"stride": 2, "dilation": 2, "padding": 2}),
}


@pytest.mark.parametrize("name", CONV2D)
def test_conv2d(name):
    x, w, b, options = CONV2D[name]
    shapes = (x, w) if b is None else (x, w, b)
    check(lambda *a: mg.conv2d(*a, **options), lambda *a: slow_conv2d(*a, **options), *shapes, tolerance=1e-4)


@given(st.data())
def test_conv2d_of_any_size_and_option(data):
    number = lambda low, high: data.draw(st.integers(low, high))
    groups = number(1, 3)
    x = (number(0, 3), groups * number(1, 3), number(1, 8), number(1, 8))
    w = (groups * number(1, 3), x[1] // groups, number(1, 3), number(1, 3))
    options = {k: (number(low, 2), number(low, 2)) for k, low in (("stride", 1), ("padding", 0), ("dilation", 1))}
    for n, p, d, k in zip(x[2:], options["padding"], options["dilation"], w[2:], strict=True):
        assume(n + 2 * p >= d * (k - 1) + 1)
    options["groups"] = groups
    check(
        lambda *a: mg.conv2d(*a, **options), lambda *a: slow_conv2d(*a, **options), x, w, tolerance=1e-4, second=False
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(16, 3, 20, 20, 8), (8, 16, 14, 14, 16)], ids=str)
def test_larger_convolutions_in_any_layout(size, layout):
    n, c, h, w, o = size
    x, filters, place = draw((n, c, h, w)), draw((o, c, 3, 3)), LAYOUTS[layout]
    expected = slow_conv2d(x, filters, padding=1)
    points = [mg.tensor(a, requires_grad=True) for a in (x, filters)]
    for p in points:
        p.array = place(p.array)
    out = mg.conv2d(*points, padding=1)
    np.testing.assert_allclose(out.array, expected, rtol=1e-10, atol=1e-10)
    g = draw(out.shape, key="upstream")
    out.backward(mg.from_numpy(place(g)))
    for gradient, point in zip(points, (x, filters), strict=True):  # ⟨g, conv(x, w)⟩ is linear in either
        assert np.sum(gradient.grad.array * point) == pytest.approx(np.sum(g * expected), rel=1e-9)


def test_padding_by_name():
    for kernel, dilation in ((3, 1), (2, 1), (4, 2), (1, 1), (5, (1, 2))):
        (kh, kw), _, _, (dh, dw), _, _ = window(kernel, dilation=dilation)
        total = (dh * (kh - 1), dw * (kw - 1))
        before, after = [t // 2 for t in total], [t - t // 2 for t in total]
        check(
            lambda x, w, d=dilation: mg.conv2d(x, w, padding="same", dilation=d),
            lambda x, w, d=dilation, b=before, a=after: slow_conv2d(
                np.pad(x, [(0, 0), (0, 0), (b[0], a[0]), (b[1], a[1])]), w, dilation=d
            ),
            (1, 2, 6, 5), (2, 2, kh, kw), tolerance=1e-4,
        )  # fmt: skip
    check(lambda x, w: mg.conv2d(x, w, padding="valid"), slow_conv2d, (1, 2, 5, 5), (2, 2, 3, 3), tolerance=1e-4)


CONV1D = {
    "plain": ((2, 3, 6), (4, 3, 3), (4,), {}),
    "options": ((2, 4, 9), (4, 2, 3), (4,), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}),
    "options as tuples": ((2, 3, 9), (4, 3, 3), None, {"stride": (2,), "padding": (1,), "dilation": (2,)}),
    "kernel of 1": ((2, 3, 4), (2, 3, 1), None, {}),
}


@pytest.mark.parametrize("name", CONV1D)
def test_conv1d(name):
    x, w, b, options = CONV1D[name]
    flat = {"stride": 1, "padding": 0, "dilation": 1}  # what an option is along the height of 1
    as2d = {k: (flat[k], *(v if isinstance(v, tuple) else (v,))) if k in flat else v for k, v in options.items()}
    check(
        lambda *a: mg.conv1d(*a, **options),
        lambda x, w, *b: slow_conv2d(x[:, :, None], w[:, :, None], *b, **as2d)[:, :, 0],
        *((x, w) if b is None else (x, w, b)), tolerance=1e-4,
    )  # fmt: skip


def test_conv1d_same():
    check(
        lambda x, w: mg.conv1d(x, w, padding="same"),
        lambda x, w: slow_conv2d(np.pad(x, [(0, 0), (0, 0), (1, 2)])[:, :, None], w[:, :, None])[:, :, 0],
        (2, 3, 6), (2, 3, 4), tolerance=1e-4,
    )  # fmt: skip


TRANSPOSED = {
    "plain": ((2, 4, 3, 3), (4, 3, 3, 3), (3,), {}),
    "without bias": ((2, 4, 3, 3), (4, 3, 2, 2), None, {}),
    "stride": ((2, 4, 3, 3), (4, 3, 3, 3), (3,), {"stride": 2}),
    "output_padding": ((2, 4, 3, 3), (4, 3, 3, 3), (3,), {"stride": 2, "padding": 1, "output_padding": 1}),
    "output_padding within dilation": ((1, 2, 3, 3), (2, 1, 2, 2), None, {"dilation": 2, "output_padding": 1}),
    "groups": ((2, 4, 3, 3), (4, 2, 3, 3), (4,), {"groups": 2, "padding": 1}),
    "everything rectangular": (
        (2, 4, 3, 4),
        (4, 3, 3, 2),
        (3,),
        {"stride": (2, 3), "padding": (1, 0), "output_padding": (1, 2), "dilation": (2, 1)},
    ),
    "no image": ((0, 4, 3, 3), (4, 3, 3, 3), (3,), {}),
}


@pytest.mark.parametrize("name", TRANSPOSED)
def test_conv_transpose2d(name):
    x, w, b, options = TRANSPOSED[name]
    check(
        lambda *a: mg.conv_transpose2d(*a, **options),
        lambda *a: slow_conv_transpose2d(*a, **options),
        *((x, w) if b is None else (x, w, b)), tolerance=1e-4,
    )  # fmt: skip


def test_single_images_need_no_batch():
    x, w, b = (mg.tensor(draw(s)) for s in ((3, 5, 5), (4, 3, 3, 3), (4,)))
    np.testing.assert_array_equal(mg.conv2d(x, w, b).array, mg.conv2d(x.unsqueeze(0), w, b)[0].array)
    up = mg.tensor(draw((3, 2, 3, 3)))
    np.testing.assert_array_equal(mg.conv_transpose2d(x, up).array, mg.conv_transpose2d(x.unsqueeze(0), up)[0].array)
    np.testing.assert_array_equal(mg.conv1d(x[:, 0], w[:, :, 0]).array, mg.conv1d(x[None, :, 0], w[:, :, 0])[0].array)


def test_the_three_operations_are_one_trilinear_form():
    """⟨g, conv(x, w)⟩ = ⟨conv_input(g, w), x⟩ = ⟨conv_weight(g, x), w⟩, and each is the others' rule."""
    how = Window((3, 2), (2, 1), (1, 0), (1, 2), 2)
    x, w = draw((2, 4, 7, 6)), draw((6, 2, 3, 2))
    out = convolution(x, w, None, how)
    g = draw(out.shape, key="g")
    value = np.sum(g * out.array)
    assert np.sum(convolution_input(g, w, x.shape[2:], how).array * x) == pytest.approx(value, rel=1e-12)
    assert np.sum(convolution_weight(g, x, how).array * w) == pytest.approx(value, rel=1e-12)
    g, x, w = (mg.tensor(a, requires_grad=True) for a in (g, x, w))
    for op, points in (
        (lambda x, w: convolution(x, w, None, how), (x, w)),
        (lambda g, w: convolution_input(g, w, (7, 6), how), (g, w)),
        (lambda g, x: convolution_weight(g, x, how), (g, x)),
    ):
        assert mg.gradcheck(op, points) and mg.gradgradcheck(op, points)


x, w = mg.ones(1, 2, 5, 5), mg.ones(3, 2, 3, 3)
BAD = {
    "channels": (lambda: mg.conv2d(mg.ones(1, 4, 5, 5), w), ValueError, "the weight asks for 2 input channels"),
    "dimensions": (lambda: mg.conv2d(mg.ones(5, 5), w), ValueError, "conv2d: expected an input of 3 or 4"),
    "weight's dimensions": (lambda: mg.conv2d(x, mg.ones(3, 2, 3)), ValueError, "conv2d: expected an input of 3 or 4"),
    "bias": (lambda: mg.conv2d(x, w, mg.ones(2)), ValueError, r"expected a bias of shape \(3,\), got \(2,\)"),
    "groups": (lambda: mg.conv2d(x, w, groups=2), ValueError, "groups must divide the channels"),
    "no groups": (lambda: mg.conv2d(x, w, groups=0), ValueError, "groups must divide the channels"),
    "window": (
        lambda: mg.conv2d(x, w, dilation=3),
        ValueError,
        r"windows of \(3, 3\) with dilation \(3, 3\) do not fit",
    ),
    "stride": (lambda: mg.conv2d(x, w, stride=0), ValueError, "stride must be a number or a pair of at least 1, got 0"),
    "padding": (lambda: mg.conv2d(x, w, padding=-1), ValueError, "padding must be .* of at least 0, got -1"),
    "three paddings": (lambda: mg.conv2d(x, w, padding=(1, 2, 3)), ValueError, r"padding must be .* got \(1, 2, 3\)"),
    "padding's name": (lambda: mg.conv2d(x, w, padding="full"), ValueError, "'same' or 'valid', got 'full'"),
    "same with stride": (
        lambda: mg.conv2d(x, w, padding="same", stride=2),
        ValueError,
        "padding 'same' needs stride 1",
    ),
    "stride's type": (lambda: mg.conv2d(x, w, stride=1.0), ValueError, "stride must be a number or a pair .* got 1.0"),
    "groups' type": (lambda: mg.conv2d(x, w, groups=1.0), TypeError, "groups must be an integer, got 1.0"),
    "stride of a sequence": (
        lambda: mg.conv1d(mg.ones(1, 2, 5), mg.ones(3, 2, 3), stride=(1, 2)),
        ValueError,
        r"conv1d: stride must be a number or a tuple of one, got \(1, 2\)",
    ),
    "dtypes": (lambda: mg.conv2d(x, w.double()), TypeError, "input is float32 but weight is float64"),
    "conv1d": (lambda: mg.conv1d(x, w), ValueError, r"conv1d: expected input \(N, C, L\) or \(C, L\)"),
    "output_padding": (
        lambda: mg.conv_transpose2d(mg.ones(1, 3, 4, 4), w, output_padding=1),
        ValueError,
        "output_padding .* must be below stride .* or dilation",
    ),
    "nothing left": (
        lambda: mg.conv_transpose2d(mg.ones(1, 3, 1, 1), w, padding=2),
        ValueError,
        "the result would have size",
    ),
    "transposed channels": (
        lambda: mg.conv_transpose2d(x, w),
        ValueError,
        "conv_transpose2d: the weight asks for 3 input channels",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()


def test_the_first_layers_input_gradient_is_never_computed(monkeypatch):
    monkeypatch.setattr(input_gradient, "conv2d_input", lambda *a: pytest.fail("computed"))
    weight = w.clone().requires_grad_()
    F.conv2d(x, weight).sum().backward()
    assert weight.grad.shape == w.shape
