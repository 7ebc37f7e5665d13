"""The kernels against their definitions: windows and einsum for convolution, and reductions for pooling."""

from itertools import product

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import minigrad as mg
from minigrad.kernels import convolution, elementwise, normalise, pooling, products, threads
from minigrad.kernels.windows import output_size


def windows(x, kernel, stride, padding, dilation=(1, 1), fill=0.0):
    """Slow oracle: (N, C, H, W) -> (N, C, P, Q, kh, kw), every window spelled out."""
    pads = [(0, 0), (0, 0), *((p, p) for p in padding)]
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    views = sliding_window_view(np.pad(x, pads, constant_values=fill), spans, axis=(2, 3))
    return views[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def trilinear(g, x, w, stride, padding, dilation, groups, missing):
    """The form of a convolution with one factor left out (`missing`), group by group, by einsum."""
    parts = []
    for k in range(groups):
        o, c = w.shape[0] // groups, w.shape[1]
        gk, xk, wk = g[:, k * o : (k + 1) * o], x[:, k * c : (k + 1) * c], w[k * o : (k + 1) * o]
        views = windows(xk, w.shape[2:], stride, padding, dilation)
        if missing == "g":
            parts.append(np.einsum("ncpqij,ocij->nopq", views, wk))
        elif missing == "w":
            parts.append(np.einsum("nopq,ncpqij->ocij", gk, views))
        else:
            (n, m, height, width), (ph, pw) = xk.shape, padding
            dx = np.zeros((n, m, height + 2 * ph, width + 2 * pw), x.dtype)
            spread = np.einsum("nopq,ocij->ncpqij", gk, wk)
            for p, q, i, j in np.ndindex(*spread.shape[2:]):
                h, v = p * stride[0] + i * dilation[0], q * stride[1] + j * dilation[1]
                dx[:, :, h, v] += spread[:, :, p, q, i, j]
            parts.append(dx[:, :, ph : ph + height, pw : pw + width])
    return np.concatenate(parts, axis=0 if missing == "w" else 1)


LAYOUTS = {"NCHW": (0, 1, 2, 3), "CNHW": (1, 0, 2, 3), "HCWN": (2, 1, 3, 0), "NHWC": (0, 2, 3, 1)}


def in_memory(a, layout):
    """The same array, laid out in memory in another order of axes, and read-only."""
    order = LAYOUTS[layout]
    a = np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))
    a.flags.writeable = False
    return a


#        N  C  H   W  O  groups kernel  stride  padding dilation
CONVOLUTIONS = [
    (2, 3, 6, 5, 4, 1, (3, 3), (1, 1), (1, 1), (1, 1)),
    (3, 1, 5, 5, 2, 1, (3, 3), (1, 1), (0, 0), (1, 1)),
    (2, 4, 7, 6, 6, 2, (3, 2), (2, 1), (1, 0), (1, 1)),
    (2, 4, 9, 9, 4, 4, (3, 3), (1, 1), (1, 1), (1, 1)),  # depthwise
    (2, 3, 9, 8, 6, 3, (3, 3), (2, 2), (1, 1), (1, 1)),  # depthwise, two filters a channel
    (2, 4, 9, 8, 3, 1, (3, 3), (1, 1), (2, 2), (2, 2)),  # dilated
    (2, 2, 9, 8, 3, 1, (2, 3), (3, 2), (1, 2), (2, 3)),
    (2, 5, 4, 4, 3, 1, (1, 1), (1, 1), (0, 0), (1, 1)),  # pointwise
    (2, 6, 4, 4, 4, 2, (1, 1), (1, 1), (0, 0), (1, 1)),
    (2, 5, 5, 5, 3, 1, (1, 1), (2, 2), (0, 0), (1, 1)),
    (2, 2, 5, 5, 3, 1, (1, 1), (1, 1), (1, 2), (1, 1)),  # padding beyond the kernel
    (1, 2, 3, 3, 2, 1, (3, 3), (1, 1), (3, 3), (1, 1)),
    (1, 3, 8, 8, 2, 1, (2, 2), (3, 3), (0, 0), (1, 1)),  # pixels that no window sees
    (2, 2, 4, 1, 3, 1, (4, 1), (1, 1), (0, 0), (1, 1)),  # one window
    (1, 3, 5, 6, 2, 1, (5, 4), (2, 3), (2, 2), (1, 1)),
    (0, 3, 5, 5, 2, 1, (3, 3), (1, 1), (1, 1), (1, 1)),  # no images
    (0, 3, 5, 5, 2, 1, (3, 3), (2, 2), (1, 1), (1, 1)),
    (2, 0, 5, 5, 2, 1, (3, 3), (1, 1), (1, 1), (1, 1)),  # no channels
    (1100, 2, 4, 4, 2, 1, (3, 3), (1, 1), (1, 1), (1, 1)),  # a batch cut into chunks
    (64, 8, 16, 16, 8, 1, (3, 3), (1, 1), (1, 1), (1, 1)),  # rows and columns cut into chunks
]


@pytest.mark.parametrize("layout", ["NCHW", "HCWN", "NHWC"])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution_and_its_gradients_match_the_definition(case, layout):
    n, c, h, w, o, groups, kernel, *geometry = case
    rng = np.random.default_rng(0)
    x = in_memory(rng.standard_normal((n, c, h, w)), layout)
    weights = in_memory(rng.standard_normal((o, c // groups, *kernel)), "CNHW")
    out = convolution.conv2d(x, weights, None, *geometry, groups)
    g = in_memory(rng.standard_normal(out.shape), layout)
    triple = (g, x, weights, *geometry, groups)
    close = {"rtol": 0, "atol": 1e-13 * max(1, g.size)}
    np.testing.assert_allclose(out, trilinear(*triple, missing="g"), **close)
    np.testing.assert_allclose(
        convolution.conv2d_weight(g, x, kernel, *geometry, groups), trilinear(*triple, missing="w"), **close
    )
    np.testing.assert_allclose(
        convolution.conv2d_input(g, weights, (h, w), *geometry, groups), trilinear(*triple, missing="x"), **close
    )


def test_bias_is_added_to_every_pixel_of_its_channel():
    rng = np.random.default_rng(0)
    x, w, bias = rng.standard_normal((2, 4, 5, 5)), rng.standard_normal((6, 2, 3, 3)), rng.standard_normal(6)
    geometry = ((2, 1), (1, 1), (1, 1), 2)
    expected = convolution.conv2d(x, w, None, *geometry) + bias[:, None, None]
    np.testing.assert_allclose(convolution.conv2d(x, w, bias, *geometry), expected, atol=1e-14)


def test_expanded_arrays_are_accepted():
    x = np.broadcast_to(np.arange(25.0).reshape(1, 1, 5, 5), (3, 2, 5, 5))
    g = np.broadcast_to(np.float64(1), (3, 4, 5, 5))
    w = np.random.default_rng(0).standard_normal((4, 2, 3, 3))
    geometry = ((1, 1), (1, 1), (1, 1), 1)
    for call in (
        lambda x, g: convolution.conv2d(x, w, None, *geometry),
        lambda x, g: convolution.conv2d_weight(g, x, (3, 3), *geometry),
        lambda x, g: convolution.conv2d_input(g, w, (5, 5), *geometry),
    ):
        np.testing.assert_array_equal(call(x, g), call(x.copy(), g.copy()))


#            N  C  side O  groups k  stride
ACCURACY = [
    (8, 64, 8, 64, 1, 3, 1),
    (8, 16, 16, 16, 1, 3, 2),
    (8, 64, 8, 64, 64, 3, 1),
    (8, 64, 8, 64, 1, 1, 1),
]


@pytest.mark.parametrize("case", ACCURACY, ids=str)
def test_float32_agrees_with_float64_to_a_hundred_thousandth(case):
    n, c, side, o, groups, k, stride = case
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((n, c, side, side)), rng.standard_normal((o, c // groups, k, k))
    geometry = ((stride, stride), (k // 2, k // 2), (1, 1), groups)
    g = rng.standard_normal(convolution.conv2d(x, w, None, *geometry).shape)

    def results(g, x, w):
        yield convolution.conv2d(x, w, None, *geometry)
        yield convolution.conv2d_weight(g, x, (k, k), *geometry)
        yield convolution.conv2d_input(g, w, (side, side), *geometry)

    single = results(g.astype("f4"), x.astype("f4"), w.astype("f4"))
    for narrow, wide in zip(single, results(g, x, w), strict=True):
        assert narrow.dtype == np.float32 and wide.dtype == np.float64
        assert np.abs(narrow - wide).max() <= 1e-5 * np.abs(wide).max()


#       H  W  kernel  stride  padding dilation ceil
POOLS = [
    (6, 6, (2, 2), (2, 2), (0, 0), (1, 1), False),  # tiles
    (7, 5, (2, 2), (2, 2), (0, 0), (1, 1), False),  # a row and a column left over
    (7, 5, (2, 2), (2, 2), (0, 0), (1, 1), True),
    (6, 7, (3, 2), (1, 2), (1, 1), (1, 1), False),  # overlapping
    (9, 8, (3, 3), (2, 1), (1, 0), (2, 2), True),
    (5, 5, (5, 5), (1, 1), (0, 0), (1, 1), False),  # the whole image
    (5, 6, (2, 1), (3, 2), (0, 0), (1, 1), False),  # gaps between the windows
]


def pooled_windows(x, case, fill):
    """Windows, those kept by `ceil_mode` completed with `fill`."""
    _, _, kernel, stride, padding, dilation, ceil_mode = case
    sizes = [
        output_size(size, k, s, p, d, ceil_mode)
        for size, k, s, p, d in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    ]
    overhang = [(0, 0), (0, 0), (0, stride[0]), (0, stride[1])]
    inner = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)], constant_values=fill)
    views = windows(np.pad(inner, overhang, constant_values=fill), kernel, stride, (0, 0), dilation)
    return views[:, :, : sizes[0], : sizes[1]]


@pytest.mark.parametrize("layout", ["NCHW", "HCWN"])
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_max_pool_takes_the_first_maximum_and_returns_the_gradient_there(case, layout):
    h, w, *geometry, ceil_mode = case
    rng = np.random.default_rng(0)
    x = in_memory(rng.integers(-2, 2, (3, 2, h, w)).astype(float), layout)  # many ties
    views = pooled_windows(x, case, -np.inf)
    out = pooling.max_pool2d(x, *geometry, ceil_mode)
    np.testing.assert_array_equal(out, views.max((-1, -2)))

    numbers = pooled_windows(np.arange(x.size, dtype=float).reshape(x.shape), case, np.nan)
    first = views.reshape(*out.shape, -1).argmax(-1)[..., None]
    chosen = np.take_along_axis(numbers.reshape(*out.shape, -1), first, -1)[..., 0].astype(int)
    g, v = rng.standard_normal(out.shape), rng.standard_normal(x.shape)
    expected = np.bincount(chosen.ravel(), g.ravel(), x.size).reshape(x.shape)
    np.testing.assert_allclose(pooling.max_pool2d_input(g, x, out, *geometry), expected, atol=1e-14)
    np.testing.assert_array_equal(pooling.max_pool2d_gather(v, x, out, *geometry), v.ravel()[chosen])


def test_max_pool_hands_on_nan_and_its_gradient_and_spreads_no_infinite_gradient():
    x = np.array([[[[1.0, np.nan], [5.0, 2.0]]]])
    geometry = ((2, 2), (2, 2), (0, 0), (1, 1))
    out = pooling.max_pool2d(x, *geometry)
    assert np.isnan(out).all()
    g = np.full(out.shape, np.inf)
    np.testing.assert_array_equal(pooling.max_pool2d_input(g, x, out, *geometry), [[[[0, np.inf], [0, 0]]]])


def test_max_pool_of_integers():
    x = np.array([[[[-7, -9], [-8, -7]]]])
    assert pooling.max_pool2d(x, (2, 2), (1, 1), (1, 1), (1, 1))[0, 0].tolist() == [
        [-7, -7, -9], [-7, -7, -7], [-8, -7, -7],
    ]  # fmt: skip


@pytest.mark.parametrize("include_pad, divisor", [(True, None), (False, None), (True, 3)])
@pytest.mark.parametrize("case", [case for case in POOLS if case[5] == (1, 1)], ids=str)
def test_avg_pool_divides_by_what_pytorch_divides_by(case, include_pad, divisor):
    h, w, kernel, stride, padding, _, ceil_mode = case
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, h, w))
    # what is counted: the image, with its padding or without, and never what ceil_mode adds beyond
    inner = np.ones((1, 1, h, w)) if include_pad else np.zeros((1, 1, h, w)) + 1
    frame = np.pad(inner, [(0, 0), (0, 0), *((p, p) for p in padding)], constant_values=float(include_pad))
    counted = pooled_windows(frame, (*case[:4], (0, 0), (1, 1), ceil_mode), 0.0)
    sums = pooled_windows(x, case, 0.0).sum((-1, -2))
    p, q = sums.shape[2:]
    expected = sums / (divisor or counted[:, :, :p, :q].sum((-1, -2)))
    options = (kernel, stride, padding, ceil_mode, include_pad, divisor)
    out = pooling.avg_pool2d(x, *options)
    np.testing.assert_allclose(out, expected, atol=1e-14)
    g = rng.standard_normal(out.shape)
    dx = pooling.avg_pool2d_input(g, (h, w), *options)
    np.testing.assert_allclose((dx * x).sum(), (g * out).sum(), atol=1e-12)  # it is linear: the adjoint


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_output_size_counts_the_windows(ceil_mode):
    for size, k, s, p, d in product(range(5, 9), (1, 2, 3), (1, 2, 3), (0, 1), (1, 2)):
        spans = [(start, start + d * (k - 1) + 1) for start in range(-p, size + p + s, s)]
        expected = [span for span in spans if span[1] <= size + p]
        if ceil_mode:
            if expected[-1][1] < size + p:
                expected.append(spans[len(expected)])
            expected = [span for span in expected if span[0] < size]
        assert output_size(size, k, s, p, d, ceil_mode) == len(expected), (size, k, s, p, d)


# ---------------------------------------------------------------------------- products and elementwise work

BIG = (5, 3, 120, 121)  # more than a block, and no multiple of one
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40]


def special(rng, shape, dtype, layout):
    a = rng.standard_normal(shape).astype(dtype)
    a.reshape(-1)[: len(SPECIAL)] = SPECIAL
    return in_memory(a, layout)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), BIG], ids=str)
@pytest.mark.parametrize("layout", ["NCHW", "HCWN"])
def test_relu_and_its_gradient_are_exact_for_every_number(dtype, shape, layout):
    rng = np.random.default_rng(0)
    x = special(rng, shape, dtype, layout)
    g = special(rng, shape, dtype, layout)
    np.testing.assert_array_equal(elementwise.relu(x), np.maximum(x, 0))
    np.testing.assert_array_equal(elementwise.gate(g, x), np.where(x <= 0, 0, g).astype(dtype))
    assert elementwise.relu(x).strides == elementwise.gate(g, x).strides == x.strides
    other = in_memory(g, "CNHW")  # laid out unlike x: the plain path
    np.testing.assert_array_equal(elementwise.gate(other, x), elementwise.gate(g, x))


@pytest.mark.parametrize("layout", ["NCHW", "HCWN"])
def test_elementwise_work_in_blocks_is_the_function(layout):
    x = special(np.random.default_rng(0), (64, 8, 32, 40), "f4", layout)  # enough for several blocks
    with np.errstate(all="ignore"):
        for function in (np.exp, np.tanh, lambda x: x * x + 1):
            np.testing.assert_array_equal(elementwise.by_blocks(function, x), function(x))
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
    standard = (x - mean[along]) / deviation[along]
    out = normalise.normalise(x, w, b, mean, deviation)
    np.testing.assert_allclose(out, standard * w[along] + b[along], atol=1e-12)
    expected = g - g.mean(dims, keepdims=True) - standard * (g * standard).mean(dims, keepdims=True)
    dx = normalise.normalise_input(g, x, w, mean, deviation)
    np.testing.assert_allclose(dx, expected * (w / deviation)[along], atol=1e-11)
    dw = normalise.normalise_weight(g, x, mean, deviation)
    np.testing.assert_allclose(dw, (g * standard).sum(dims), atol=1e-9)
    narrow = normalise.normalise(x.astype("f4"), None, None, *(a.astype("f4") for a in (mean, deviation)))
    assert np.abs(narrow - standard).max() <= 1e-4  # x itself was rounded at 100


def test_results_are_the_same_bits_for_any_number_of_threads_and_every_time():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((64, 8, 16, 16), "f4"), rng.standard_normal((16, 8, 3, 3), "f4")

    def everything(stride):
        geometry = ((stride, stride), (1, 1), (1, 1), 1)
        out = convolution.conv2d(x, w, None, *geometry)
        dw = convolution.conv2d_weight(out, x, (3, 3), *geometry)
        dx = convolution.conv2d_input(out, w, (16, 16), *geometry)
        pool = ((2, 2), (2, 2), (0, 0), (1, 1))
        pooled = pooling.max_pool2d(dx, *pool)
        spread = pooling.max_pool2d_input(pooled, dx, pooled, *pool)
        return [a.tobytes() for a in (out, dw, dx, pooled, spread)]

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
    np.testing.assert_allclose(
        normalise.normalise_weight(g, x, found, np.sqrt(variance)), (along * centred).sum(axes), rtol=1e-5, atol=1e-3
    )
    expected = along - along.mean(axes).reshape(columns) - centred * (along * centred).mean(axes).reshape(columns)
    dx = normalise.normalise_input(g, x, None, found, np.sqrt(variance))
    np.testing.assert_allclose(dx, expected / deviation.reshape(columns), atol=2e-5)


def test_the_sum_over_images_and_pixels_is_not_taken_for_other_dimensions():
    x = np.random.default_rng(0).standard_normal((4, 3, 30, 30, 4)).astype(np.float32)
    np.testing.assert_allclose(mg.tensor(x).sum((0, 2, 3)).array, x.sum((0, 2, 3)), rtol=1e-4, atol=1e-3)
    part = x[..., 0]
    np.testing.assert_allclose(mg.tensor(part).sum((0, 2, 3)).array, part.sum((0, 2, 3)), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"), [((2, 2), (2, 2), (1, 1)), ((3, 2), (1, 2), (1, 2)), ((3, 3), (2, 2), (1, 1))]
)
def test_of_equal_maxima_the_first_row_by_row_takes_the_gradient(kernel, stride, dilation):
    x = np.random.default_rng(1).integers(0, 3, (3, 2, 9, 8)).astype(np.float64)  # ties everywhere
    out = pooling.max_pool2d(x, kernel, stride, (0, 0), dilation)
    g = np.random.default_rng(2).standard_normal(out.shape)
    expected = np.zeros_like(x)
    for n, c, p, q in np.ndindex(*out.shape):
        places = [
            (p * stride[0] + i * dilation[0], q * stride[1] + j * dilation[1])
            for i in range(kernel[0])
            for j in range(kernel[1])
        ]
        h, w = next(place for place in places if x[n, c][place] == out[n, c, p, q])
        expected[n, c, h, w] += g[n, c, p, q]
    np.testing.assert_allclose(pooling.max_pool2d_input(g, x, out, kernel, stride, (0, 0), dilation), expected)
