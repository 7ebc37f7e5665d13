"""What happens before a convolution's sum: parts that make the whole, cancellation and its null, other reductions."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import channels, nn
from minigrad.autograd import grad
from minigrad.channels import REDUCTIONS, STREAMS, ChannelConv2d, cancellation, explain, responses, streamed
from minigrad.nn import functional as F

GEOMETRIES = [
    {},
    {"stride": 2, "padding": 1},
    {"dilation": 2, "padding": (1, 2), "bias": False},
    {"groups": 2, "padding": "same"},
    {"padding": 1, "padding_mode": "circular"},
]


def image(*shape: int, seed: int = 0, dtype: type = np.float64) -> mg.Tensor:
    return mg.tensor(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


def layer(**options) -> nn.Conv2d:
    mg.manual_seed(0)
    return nn.Conv2d(4, 6, 3, dtype=np.float64, **options)


@pytest.mark.parametrize("options", GEOMETRIES, ids=str)
def test_responses_sum_to_the_convolution(options):
    conv, x = layer(**options), image(2, 4, 7, 8)
    r = responses(conv, x)
    assert r.shape[:3] == (2, 6, 4 // conv.groups)
    whole = r.array.sum(2) + (0 if conv.bias is None else conv.bias.array[:, None, None])
    np.testing.assert_allclose(whole, conv(x).array, atol=1e-12)


def test_a_response_is_the_convolution_of_one_channel_with_its_slice():
    conv, x = layer(bias=False), image(2, 4, 6, 6)
    for c in range(4):
        alone = mg.conv2d(x[:, c : c + 1], conv.weight[:, c : c + 1])
        np.testing.assert_allclose(responses(conv, x).array[:, :, c], alone.array, atol=1e-12)


@pytest.mark.parametrize("options", GEOMETRIES, ids=str)
def test_the_parts_make_the_whole(options):
    conv, x = layer(**options), image(2, 4, 7, 8)
    parts = explain(conv, x, lambda out: (out.relu() ** 2).sum())
    x = x.clone().requires_grad_()
    out = conv(x)
    dw, dx = grad((out.relu() ** 2).sum(), [conv.weight, x])
    np.testing.assert_allclose(parts.weight_grads.sum(0), dw.array, atol=1e-10)
    np.testing.assert_allclose(parts.input_grads.sum(0), dx.array, atol=1e-10)
    np.testing.assert_allclose(parts.out, out.array)
    for share in parts.shares.values():
        assert share.sum() == pytest.approx(1)


def test_each_part_reaches_its_own_slice_and_its_own_channel_alone():
    parts = explain(layer(), image(2, 4, 6, 6), lambda out: out.sum())
    for c in range(4):
        others = [other for other in range(4) if other != c]
        assert parts.weight_grads[c][:, c].any() and not parts.weight_grads[c][:, others].any()
        assert parts.input_grads[c][:, c].any() and not parts.input_grads[c][:, others].any()


def test_explaining_leaves_the_model_and_its_gradients_alone():
    conv, x = layer(), image(1, 4, 5, 5)
    before = {name: value.copy() for name, value in ((n, p.array) for n, p in conv.named_parameters())}
    explain(conv, x, lambda out: out.sum())
    assert x.grad is None and not x.requires_grad
    for name, parameter in conv.named_parameters():
        assert parameter.grad is None and np.array_equal(parameter.array, before[name])


def test_parts_that_do_not_make_the_whole_are_an_error():
    class Scaled(nn.Conv2d):
        def forward(self, input):
            return 2 * super().forward(input)

    with pytest.raises(ArithmeticError, match="forward"):
        explain(Scaled(2, 2, 3), image(1, 2, 4, 4, dtype=np.float32), lambda out: out.sum())


def test_explain_works_in_the_middle_of_a_model():
    first, rest = layer(padding=1), nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(96, 3, dtype=np.float64))
    parts = explain(first, image(2, 4, 4, 4), lambda out: F.cross_entropy(rest(out), mg.tensor([0, 2])))
    assert parts.g.shape == parts.out.shape == (2, 6, 4, 4)


# ----------------------------------------------------------------------------------- a layer inside of a model


class Branches(nn.Module):
    """Two convolutions side by side and batch normalisation: no cut of a chain in two reaches one of them."""

    def __init__(self):
        super().__init__()
        self.left, self.right = (nn.Conv2d(4, 3, 3, dtype=np.float64) for _ in range(2))
        self.norm = nn.BatchNorm2d(3, dtype=np.float64)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(48, 2, dtype=np.float64))

    def forward(self, x):
        return self.head(self.norm(self.left(x)) * self.right(x).relu())


@pytest.mark.parametrize("layer", ["left", "right"])
def test_explain_reaches_a_layer_of_any_model_and_leaves_the_model_alone(layer):
    mg.manual_seed(0)
    model, x, labels = Branches(), image(5, 4, 6, 6), mg.tensor([0, 1, 1, 0, 1])
    before = {name: value.array.copy() for name, value in model.state_dict().items()}
    parts = explain(model, layer, x, lambda out: F.cross_entropy(out, labels))
    assert all(np.array_equal(value.array, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    F.cross_entropy(model(x), labels).backward()
    np.testing.assert_allclose(parts.weight_grads.sum(0), getattr(model, layer).weight.grad.array, atol=1e-12)
    by_module = explain(model, getattr(model, layer), x, lambda out: F.cross_entropy(out, labels))
    np.testing.assert_array_equal(by_module.weight_grads, parts.weight_grads)


def test_a_frozen_layer_can_be_explained_and_stays_frozen():
    conv = layer().requires_grad_(False)
    with mg.no_grad():
        parts = explain(conv, image(2, 4, 6, 6), lambda out: out.square().sum())
    assert parts.weight_grads.any() and not conv.weight.requires_grad


def test_weights_that_all_channels_share_can_be_explained():
    conv = ChannelConv2d(3, 2, 3, tied=True, dtype=np.float64)
    parts = explain(conv, image(2, 3, 5, 5), lambda out: out.square().sum())
    assert parts.weight_grads.shape == (3, 2, 1, 3, 3)
    assert all(part.any() for part in parts.weight_grads)


def test_an_explanation_prints_as_a_summary_and_shows_as_a_table():
    mg.manual_seed(0)
    parts = explain(nn.Conv2d(64, 8, 3), mg.randn(16, 64, 12, 12), lambda out: out.square().mean())
    text = str(parts)
    assert text == repr(parts) and len(text.splitlines()) == 12 and len(text) < 1200
    assert text.startswith("Conv2d(64, 8, kernel_size=(3, 3), stride=(1, 1)) -> 16 × 8 × 10 × 10, loss ")
    assert "56 others" in text
    assert f"{parts.shares['forward'].max():.1%}" in text and f"{parts.cancellation.index:.1%}" in text
    assert parts._repr_html_().count("<tr>") == 10
    few = explain(nn.Conv2d(3, 8, 3), mg.randn(4, 3, 5, 5), lambda out: out.sum())
    assert [row[0] for row in few.table().rows] == ["0", "1", "2"]


def test_agreement_is_the_cosine_of_a_channels_responses_with_their_sum():
    conv = nn.Conv2d(3, 1, 1, bias=False)
    conv.weight.array[:] = np.array([2, 1, -1]).reshape(1, 3, 1, 1)
    parts = explain(conv, mg.ones(1, 3, 4, 4), lambda out: out.sum())
    np.testing.assert_allclose(parts.agreement, [1, 1, -1], rtol=1e-6)


def test_cancellation_takes_responses_or_a_layer_or_a_model_and_its_layer():
    model, x = nn.Sequential(layer(), nn.ReLU(), nn.Conv2d(6, 2, 3, dtype=np.float64)), image(2, 4, 7, 7)
    assert cancellation(model[0], x) == cancellation(responses(model[0], x)) == cancellation(model, "0", x)
    assert cancellation(model, "2", x) == cancellation(responses(model[2], model[0](x).relu()))
    assert "random signs would cancel" in str(cancellation(model[0], x))


def test_the_six_lines_of_the_readme_print_what_stands_below_them(capsys):
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    _, code, _, expected, _ = readme.split("<!-- explain -->")[1].split("<!-- /explain -->")[0].split("```")
    lines = code.removeprefix("python").strip()
    exec(lines, {})
    assert capsys.readouterr().out.strip() == expected.strip()
    assert len(lines.splitlines()) == 6


MODEL = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3))
TWICE = nn.Sequential(MODEL[2], nn.Conv2d(2, 4, 1), MODEL[2])
X = mg.zeros(1, 3, 8, 8)
GUESSES = {
    "no layer": (lambda: explain(MODEL, X, sum), TypeError, r"which convolution.*'0', '2'"),
    "a wrong name": (lambda: explain(MODEL, "conv1", X, sum), LookupError, r"'conv1' is no Conv2d.*'0', '2'"),
    "no convolution": (lambda: explain(nn.ReLU(), X, sum), TypeError, "layers: none"),
    "no loss": (lambda: explain(MODEL[0], X), TypeError, r"expected explain\(conv, x, loss\) or explain\(model, "),
    "no loss of a model": (lambda: explain(MODEL, "0", X), TypeError, r"loss is missing; expected explain\(conv, x, l"),
    "no loss, a layer": (lambda: explain(MODEL, MODEL[2], X), TypeError, "explain: loss is missing"),
    "labels as loss": (lambda: explain(MODEL[0], X, X), TypeError, "a function of the output.*Tensor"),
    "a loss of many": (lambda: explain(MODEL[0], X, lambda out: out), TypeError, r"one element, got shape \(1, 4, 6"),
    "a loss of none": (lambda: explain(MODEL[0], X, lambda out: None), TypeError, "one element, got NoneType"),
    "turned round": (lambda: explain(X, MODEL[0], sum), TypeError, "a convolution or a model first, got Tensor"),
    "an array": (lambda: explain(MODEL[0], X.numpy(), sum), TypeError, "expected a Tensor as x.*got ndarray"),
    "one image": (lambda: responses(MODEL[0], X[0]), ValueError, r"\(N, C, H, W\), got \(3, 8, 8\); say .unsqueeze"),
    "a maximum": (lambda: explain(ChannelConv2d(3, 2, 3, reduce="max"), X, sum), TypeError, "reduce='max'"),
    "twice": (lambda: explain(TWICE, "0", mg.zeros(1, 4, 8, 8), sum), ValueError, "'0' runs 2 times"),
    "responses": (lambda: responses(X, MODEL[0]), TypeError, "responses: expected a convolution or a model first"),
    "cancellation": (lambda: cancellation(MODEL, X), TypeError, "cancellation: which convolution"),
    "cancellation alone": (lambda: cancellation(MODEL[0]), TypeError, r"expected cancellation\(conv, x\)"),
    "no reduction": (lambda: ChannelConv2d(3, 2, 3, reduce=lambda r, dim: r)(X), ValueError, "leave out dimension 2"),
    "a number": (lambda: ChannelConv2d(3, 2, 3, reduce=lambda r, dim: 1.0)(X), TypeError, "return a Tensor, got float"),
    "reduction": (lambda: ChannelConv2d(3, 2, 3, reduction="max"), TypeError, "write reduce='max'"),
}


@pytest.mark.parametrize("guess", GUESSES)
def test_a_wrong_guess_is_told_what_was_expected(guess):
    call, error, message = GUESSES[guess]
    with pytest.raises(error, match=message):
        call()


# ----------------------------------------------------------------------------------------------- cancellation


def test_cancellation_of_extremes():
    one = np.ones((1, 1, 4, 2, 2))
    assert cancellation(one).index == 0
    opposed = one * np.array([1, -1, 1, -1]).reshape(1, 1, 4, 1, 1)
    assert cancellation(opposed).index == 1
    assert cancellation(0 * one).index == cancellation(0 * one).null == 0


def test_the_null_is_the_mean_over_all_patterns_of_signs():
    r = np.random.default_rng(0).standard_normal((3, 2, 3, 4, 4))
    by_hand = np.mean(
        [cancellation(np.abs(r) * np.reshape(s, (1, 1, 3, 1, 1))).index for s in itertools.product((1, -1), repeat=3)]
    )
    assert cancellation(r).null == pytest.approx(by_hand)


@pytest.mark.parametrize("count", [2, 5, 8, 9, 64])
def test_independent_responses_have_no_excess_though_the_index_is_large(count):
    found = cancellation(np.random.default_rng(0).standard_normal((20, 20, count, 5, 5)))
    assert abs(found.excess) < 0.02
    assert found.index > 0.25


def test_the_null_for_many_gaussian_channels_is_near_one_minus_root_of_their_number():
    found = cancellation(mg.randn(50, 10, 64, 4, 4, generator=mg.Generator(0)))
    assert 1 - found.index == pytest.approx(1 / 64**0.5, rel=0.05)


# ------------------------------------------------------------------------------------------- other reductions

DEFINITIONS = {
    "sum": lambda r: r.sum(2),
    "mean": lambda r: r.mean(2),
    "sum+17": lambda r: r.sum(2) + 17,
    "alternating": lambda r: (r * np.array([1, -1, 1]).reshape(3, 1, 1)).sum(2),
    "max": lambda r: r.max(2),
    "min": lambda r: r.min(2),
    "median": lambda r: np.median(r, 2),
    "product": lambda r: r.prod(2),
    "l2": lambda r: np.sqrt((r**2).sum(2)),
    "logsumexp": lambda r: np.log(np.exp(r).sum(2)),
    "softmax": lambda r: (np.exp(r) * r).sum(2) / np.exp(r).sum(2),
    "abs": lambda r: np.abs(r).sum(2),
    "geomean": lambda r: np.abs(r).prod(2) ** (1 / 3),
}


def channel_conv(reduce: str, **options) -> ChannelConv2d:
    mg.manual_seed(1)
    return ChannelConv2d(3, 2, 3, reduce=reduce, dtype=np.float64, **options)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_a_reduction_is_its_definition_and_its_gradient_is_right(name):
    conv, x = channel_conv(name), image(2, 3, 5, 5)
    expected = DEFINITIONS[name](responses(conv, x).array) + conv.bias.array[:, None, None]
    np.testing.assert_allclose(conv(x).array, expected, atol=1e-12)
    v = np.random.default_rng(3).standard_normal(conv.weight.shape)
    (dw,) = grad((conv(x) ** 2).sum(), [conv.weight])
    w, h, values = conv.weight.array.copy(), 1e-6, []
    for step in (h, -h):
        with mg.no_grad():
            conv.weight.copy_(mg.tensor(w + step * v))
            values.append((conv(x) ** 2).sum().item())
    assert (values[0] - values[1]) / (2 * h) == pytest.approx(float((dw.array * v).sum()), rel=1e-5)


def test_concatenation_keeps_every_response():
    conv, x = channel_conv("concat"), image(2, 3, 5, 5)
    assert conv(x).shape == (2, 6, 3, 3)
    apart = responses(conv, x).array.transpose(0, 2, 1, 3, 4).reshape(2, 6, 3, 3)
    np.testing.assert_allclose(conv(x).array, apart + conv.bias.array[:, None, None])


def test_tied_channels_share_one_slice():
    conv, x = channel_conv("sum", tied=True), image(2, 3, 5, 5)
    assert conv.weight.shape == (2, 1, 3, 3)
    together = mg.conv2d(x.sum(1, keepdim=True), conv.weight, conv.bias)
    np.testing.assert_allclose(conv(x).array, together.array, atol=1e-12)


@pytest.mark.parametrize("name", ["sum", "max", "concat", "product"])
def test_groups_are_networks_side_by_side(name):
    wide = ChannelConv2d(6, 4, 3, groups=2, reduce=name)
    x = image(2, 6, 5, 5, dtype=np.float32)
    for k, half in enumerate((slice(0, 3), slice(3, 6))):
        alone = ChannelConv2d(3, 2, 3, reduce=name)
        outputs = slice(k * alone.bias.shape[0], (k + 1) * alone.bias.shape[0])
        with mg.no_grad():
            alone.weight.copy_(wide.weight[2 * k : 2 * k + 2])
            alone.bias.copy_(wide.bias[outputs])
        np.testing.assert_allclose(wide(x).array[:, outputs], alone(x[:, half]).array, atol=1e-5)


def test_a_reduction_may_be_any_function():
    squares = ChannelConv2d(3, 2, 3, reduce=lambda r, dim: (r * r).sum(dim), bias=False)
    x = image(1, 3, 4, 4, dtype=np.float32)
    np.testing.assert_allclose(squares(x).array, (responses(squares, x).array ** 2).sum(2), rtol=1e-5)


def test_an_unknown_reduction_is_named_with_its_alternatives():
    with pytest.raises(ValueError, match=r"'max'.*got 'most'"):
        ChannelConv2d(3, 2, 3, reduce="most")
    with pytest.raises(ValueError, match=r"'l2'.*got 'median'"):
        streamed("median", image(1, 2, 3, 3), image(1, 2, 3, 3))


@pytest.mark.parametrize("name", STREAMS)
def test_the_streamed_form_equals_the_plain_one(name):
    conv, x = channel_conv(name, bias=False), image(2, 3, 6, 5).requires_grad_()
    weight = conv.weight
    v = image(2, 2, 4, 3, seed=5)
    plain, stream = conv(x), streamed(name, x, weight)
    np.testing.assert_allclose(stream.array, plain.array, atol=1e-12)
    for a, b in zip(grad((stream * v).sum(), [x, weight]), grad((plain * v).sum(), [x, weight]), strict=True):
        np.testing.assert_allclose(a.array, b.array, atol=1e-10)


def test_the_streamed_form_keeps_less():
    import tracemalloc

    x, w = image(4, 32, 20, 20, dtype=np.float32), image(8, 32, 3, 3, dtype=np.float32)
    conv = ChannelConv2d(32, 8, 3, bias=False, reduce="max")
    peaks = []
    for run in (lambda: conv(x), lambda: streamed("max", x, w.requires_grad_())):
        run()  # whatever is made once
        tracemalloc.start()
        run()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 0.25 * peaks[0]


def test_an_even_reduction_cannot_tell_an_image_from_its_negative():
    x = image(2, 3, 5, 5)
    for name in ("abs", "l2", "geomean"):
        conv = channel_conv(name)
        np.testing.assert_allclose(conv(x).array, conv(-x).array)


def test_every_public_name_says_what_it_is_for():
    public = [value for name, value in vars(channels).items() if callable(value) and not name.startswith("_")]
    assert len(public) >= 7 and all(value.__doc__ for value in public)
