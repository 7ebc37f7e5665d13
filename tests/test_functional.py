"""Functions: values from their definitions in NumPy, derivatives by difference quotients, and what is refused."""

import math

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad.checks import gradcheck, gradgradcheck

rng = np.random.default_rng(0)


def x(*shape, grad=True):
    return mg.tensor(rng.standard_normal(shape), requires_grad=grad)


def unit(*shape):
    return mg.tensor(rng.uniform(0.05, 0.95, shape), requires_grad=True)


CLASSES = np.array([[0, 2], [1, 1], [2, 0]])  # (3, 2)
WEIGHT = np.array([0.5, 1.0, 2.0])


def softmax(scores):
    e = np.exp(scores - scores.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


DERIVATIVES = {  # name: function and inputs, all of float64
    "linear": (F.linear, [x(2, 3, 4), x(5, 4), x(5)]),
    "linear of a vector": (F.linear, [x(4), x(5, 4)]),
    "embedding": (lambda w: F.embedding(CLASSES, w), [x(3, 4)]),
    "embedding with padding": (lambda w: F.embedding(np.array([0, 2]), w, 1), [x(3, 4)]),
    "layer_norm": (lambda a, w, b: F.layer_norm(a, (3, 4), w, b), [x(2, 3, 4), x(3, 4), x(3, 4)]),
    "group_norm": (lambda a, w, b: F.group_norm(a, 2, w, b), [x(2, 4, 3), x(4), x(4)]),
    "batch_norm in training": (lambda a, w, b: F.batch_norm(a, None, None, w, b, True), [x(4, 3, 2), x(3), x(3)]),
    "batch_norm in evaluation": (
        lambda a, w, b: F.batch_norm(a, np.ones(3), np.full(3, 2.0), w, b),
        [x(4, 3), x(3), x(3)],
    ),
    "normalize": (F.normalize, [x(3, 4)]),
    "cosine_similarity": (F.cosine_similarity, [x(3, 4), x(3, 4)]),
    "cosine_similarity, broadcasting": (lambda a, b: F.cosine_similarity(a, b, dim=0), [x(3, 1, 4), x(2, 4)]),
    "nll_loss": (lambda a: F.nll_loss(a, CLASSES, WEIGHT, ignore_index=1), [x(3, 3, 2)]),
    "cross_entropy": (lambda a: F.cross_entropy(a, CLASSES, WEIGHT, label_smoothing=0.1), [x(3, 3, 2)]),
    "cross_entropy of probabilities": (lambda a, q: F.cross_entropy(a, q, label_smoothing=0.1), [x(3, 4), unit(3, 4)]),
    "mse_loss": (F.mse_loss, [x(3, 4), x(3, 4)]),
    "l1_loss": (F.l1_loss, [x(3, 4), x(3, 4)]),
    "huber_loss": (lambda a, b: F.huber_loss(a, b, delta=0.7), [x(3, 4), x(3, 4)]),
    "binary_cross_entropy": (F.binary_cross_entropy, [unit(3, 4), unit(3, 4)]),
    "binary_cross_entropy_with_logits": (
        lambda a, t: F.binary_cross_entropy_with_logits(a, t, pos_weight=np.arange(1.0, 5)),
        [x(3, 4), unit(3, 4)],
    ),
    "logsigmoid": (F.logsigmoid, [x(5)]),
    "logsigmoid at 0": (F.logsigmoid, [mg.zeros(2, dtype=mg.float64, requires_grad=True)]),
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_first_and_second_derivatives(name):
    function, inputs = DERIVATIVES[name]
    assert gradcheck(function, inputs)
    if name != "l1_loss":  # whose second derivative is 0
        assert gradgradcheck(function, inputs)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_float32_stays_float32(name):
    function, inputs = DERIVATIVES[name]
    narrow = [mg.tensor(value.array.astype(np.float32), requires_grad=True) for value in inputs]
    out = function(*narrow)
    out.sum().backward()
    assert {out.dtype, *(value.grad.dtype for value in narrow)} == {mg.float32}


# ------------------------------------------------------------------------------------------------------ layers


def test_linear_is_one_operation_and_its_weights_gradient_is_contiguous():
    a, w, b = x(6, 4), x(5, 4), x(5)
    out = F.linear(a, w, b)
    np.testing.assert_allclose(out.array, a.array @ w.array.T + b.array)
    assert out.grad_fn.name == "linear"
    out.sum().backward()
    assert w.grad.array.flags.c_contiguous


def test_embedding_adds_the_gradients_of_repeated_rows_and_none_to_the_padding():
    w = x(4, 2)
    F.embedding(np.array([1, 1, 3, 0]), w, padding_idx=-1).sum().backward()
    assert w.grad.tolist() == [[1, 1], [2, 2], [0, 0], [0, 0]]


def test_one_hot():
    assert F.one_hot(mg.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert F.one_hot(mg.tensor([[1]]), 3).tolist() == [[[0, 1, 0]]]
    assert F.one_hot(mg.tensor([1])).dtype == mg.int64


def test_dropout_zeroes_a_share_and_keeps_the_mean():
    ones = mg.ones(100, 1000)
    out = F.dropout(ones, 0.2, generator=mg.Generator(0)).array
    assert set(np.unique(out)) == {0.0, np.float32(1.25)}
    assert abs((out == 0).mean() - 0.2) < 0.005


def test_dropout2d_zeroes_whole_channels():
    out = F.dropout2d(mg.ones(50, 40, 3, 3), 0.5, generator=mg.Generator(0)).array
    by_channel = out.reshape(2000, 9)
    assert (by_channel == by_channel[:, :1]).all()
    assert abs((by_channel[:, 0] == 0).mean() - 0.5) < 0.05


@pytest.mark.parametrize("function", [F.dropout, F.dropout2d])
def test_dropout_is_reproducible_off_in_evaluation_and_takes_the_extremes(function):
    a = x(2, 3, 4, 4)
    first, second = (function(a, generator=mg.Generator(1)).array for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert function(a, training=False) is a and function(a, 0.0) is a
    assert not function(a, 1.0).array.any()
    out = function(a, generator=mg.Generator(1))
    out.sum().backward()
    np.testing.assert_allclose(a.grad.array * a.array, out.array)
    assert function(mg.ones(1, 1, 1, 1)).dtype == mg.float32


# ------------------------------------------------------------------------------------------------------ norms


def test_batch_norm_standardises_and_moves_the_running_statistics():
    a = mg.tensor(rng.standard_normal((8, 3, 5)) * 2 + 1)
    mean, var = mg.zeros(3, dtype=mg.float64), mg.ones(3, dtype=mg.float64)
    out = F.batch_norm(a, mean, var, training=True, momentum=0.25, eps=1e-15)
    np.testing.assert_allclose(out.array.mean((0, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(out.array.var((0, 2)), 1)
    np.testing.assert_allclose(mean.array, 0.25 * a.array.mean((0, 2)))
    np.testing.assert_allclose(var.array, 0.75 + 0.25 * a.array.var((0, 2), ddof=1))
    evaluated = F.batch_norm(a, mean, var, eps=0)
    expected = (a.array - mean.array[:, None]) / np.sqrt(var.array[:, None])
    np.testing.assert_allclose(evaluated.array, expected)


def test_a_large_mean_costs_a_norm_no_digits():
    small = rng.standard_normal((64, 1, 32)).astype(np.float32)
    shifted = F.layer_norm(mg.tensor(small + np.float32(1000)), (32,)).array
    np.testing.assert_allclose(shifted, F.layer_norm(mg.tensor(small), (32,)).array, atol=2e-3)


def test_norms_of_the_same_groups_agree():
    a = x(4, 6, 5)
    np.testing.assert_allclose(F.group_norm(a, 1).array, F.layer_norm(a, (6, 5)).array)
    per_channel = F.group_norm(a, 6).array
    expected = (a.array - a.array.mean(2, keepdims=True)) / np.sqrt(a.array.var(2, keepdims=True) + 1e-5)
    np.testing.assert_allclose(per_channel, expected)


def test_similarity_and_direction_of_zero_are_zero_with_finite_gradients():
    zero = mg.zeros(2, 3, requires_grad=True)
    (F.cosine_similarity(zero, mg.ones(2, 3)).sum() + F.normalize(zero).sum()).backward()
    assert np.isfinite(zero.grad.array).all()
    assert F.cosine_similarity(mg.tensor([[1.0, 2.0]]), mg.tensor([[2.0, 4.0]])).item() == pytest.approx(1)


# ------------------------------------------------------------------------------------------------------ losses


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("ignored", [-100, 1])
def test_cross_entropy_is_its_definition(reduction, weight, smoothing, ignored):
    scores = x(3, 3, 2)
    w = np.ones(3) if weight is None else weight
    log_p = np.log(softmax(scores.array))
    losses, weights = np.zeros((3, 2)), np.zeros((3, 2))
    for n, i in np.ndindex(3, 2):
        y = CLASSES[n, i]
        if y != ignored:
            q = (1 - smoothing) * np.eye(3)[y] * w[y] + smoothing / 3 * w
            losses[n, i], weights[n, i] = -(q * log_p[n, :, i]).sum(), w[y]
    expected = {"none": losses, "sum": losses.sum(), "mean": losses.sum() / weights.sum()}[reduction]
    options = {"ignore_index": ignored, "reduction": reduction}
    found = F.cross_entropy(scores, CLASSES, weight, label_smoothing=smoothing, **options)
    np.testing.assert_allclose(found.array, expected)
    if not smoothing:
        found = F.nll_loss(mg.tensor(log_p), CLASSES, weight, **options)
        np.testing.assert_allclose(found.array, expected)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_cross_entropy_takes_probabilities(reduction):
    scores, q = x(3, 4), softmax(rng.standard_normal((3, 4)))
    mixed = 0.8 * q + 0.2 / 4
    losses = -(np.arange(4.0) * mixed * np.log(softmax(scores.array))).sum(1)
    expected = {"none": losses, "sum": losses.sum(), "mean": losses.mean()}[reduction]
    found = F.cross_entropy(scores, mg.tensor(q), np.arange(4.0), reduction=reduction, label_smoothing=0.2)
    np.testing.assert_allclose(found.array, expected)


def test_cross_entropy_of_a_single_sample_and_of_hard_probabilities():
    scores = x(3)
    single = F.cross_entropy(scores, mg.tensor(2))
    assert single.item() == pytest.approx(-math.log(softmax(scores.array[None])[0, 2]))
    assert F.cross_entropy(scores, mg.tensor([0.0, 0.0, 1.0])).item() == pytest.approx(single.item())


def test_cross_entropys_gradient_is_softmax_minus_one_hot():
    scores = x(4, 3)
    F.cross_entropy(scores, np.array([0, 1, 2, 2])).backward()
    np.testing.assert_allclose(scores.grad.array, (softmax(scores.array) - np.eye(3)[[0, 1, 2, 2]]) / 4)


def test_scores_far_apart_give_a_finite_loss():
    scores = mg.tensor([[1e4, 0.0, -1e4], [0.0, 1e4, 0.0]], requires_grad=True)
    loss = F.cross_entropy(scores, np.array([2, 1]))
    loss.backward()
    assert loss.item() == 1e4
    np.testing.assert_allclose(scores.grad.array, [[0.5, 0, -0.5], [0, 0, 0]])


def test_a_mean_over_no_targets_is_nan_and_gives_no_gradient_elsewhere():
    scores = x(2, 3)
    assert math.isnan(F.cross_entropy(scores, np.array([1, 1]), ignore_index=1).item())
    impossible = mg.tensor([[0.0, -np.inf], [-1.0, -0.5]], requires_grad=True)
    F.nll_loss(impossible, np.array([1, 0]), ignore_index=1).backward()
    assert impossible.grad.tolist() == [[0, 0], [-1, 0]]


def test_regression_losses_are_their_definitions():
    a, b = x(3, 4), x(3, 4)
    d = a.array - b.array
    huber = np.where(abs(d) <= 0.7, d**2 / 2, 0.7 * (abs(d) - 0.35))
    for found, losses in (
        (lambda r: F.mse_loss(a, b, reduction=r), d**2),
        (lambda r: F.l1_loss(a, b, reduction=r), abs(d)),
        (lambda r: F.huber_loss(a, b, reduction=r, delta=0.7), huber),
    ):
        np.testing.assert_allclose(found("none").array, losses)
        np.testing.assert_allclose(found("sum").array, losses.sum())
        np.testing.assert_allclose(found("mean").array, losses.mean())


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, F.huber_loss])
def test_a_target_that_would_be_broadcast_is_warned_of(loss):
    with pytest.warns(UserWarning, match=r"shape \(3, 1\) and a target of shape \(3,\) are broadcast"):
        loss(x(3, 1), x(3))


def test_binary_cross_entropy_is_its_definition_with_and_without_logits():
    scores, t, w = x(3, 4), unit(3, 4), unit(3, 4)
    p = 1 / (1 + np.exp(-scores.array))
    expected = -w.array * (t.array * np.log(p) + (1 - t.array) * np.log(1 - p))
    for reduction, value in {"none": expected, "sum": expected.sum(), "mean": expected.mean()}.items():
        np.testing.assert_allclose(F.binary_cross_entropy(mg.tensor(p), t, w, reduction=reduction).array, value)
        found = F.binary_cross_entropy_with_logits(scores, t, w, reduction=reduction)
        np.testing.assert_allclose(found.array, value)


def test_pos_weight_multiplies_the_terms_of_the_positive_class():
    scores, t, weight = x(3, 4), unit(3, 4), np.arange(1.0, 5)
    p = 1 / (1 + np.exp(-scores.array))
    expected = -(weight * t.array * np.log(p) + (1 - t.array) * np.log(1 - p))
    found = F.binary_cross_entropy_with_logits(scores, t, reduction="none", pos_weight=weight)
    np.testing.assert_allclose(found.array, expected)


def test_binary_cross_entropy_stays_finite_where_probabilities_are_0_and_1():
    p = mg.tensor([0.0, 1.0, 0.0, 1.0], dtype=mg.float64, requires_grad=True)
    losses = F.binary_cross_entropy(p, mg.tensor([0.0, 1.0, 1.0, 0.0], dtype=mg.float64), reduction="none")
    assert losses.tolist() == [0, 0, 100, 100]
    losses.sum().backward()
    assert p.grad.tolist() == [0, 0, -1e12, 1e12]  # PyTorch's: clamped, and pointing the right way


def test_logits_far_from_0_overflow_nothing():
    scores = mg.tensor([800.0, -800.0], requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(scores, mg.tensor([0.0, 1.0]), reduction="sum")
    loss.backward()
    assert loss.item() == 1600
    assert scores.grad.tolist() == [1, -1]


# ------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: F.linear(x(2, 3), x(4, 5)), ValueError, r"linear\(float64\[2, 3\], float64\[4, 5\]"),
        (lambda: F.linear(x(2, 3), x(4, 3), x(3)), ValueError, r"expected a bias of shape \(4,\)"),
        (lambda: F.embedding(x(2), x(3, 4)), TypeError, "expected an integer input, got float64"),
        (lambda: F.embedding(mg.tensor([3]), x(3, 4)), IndexError, r"indices from 3 to 3, expected them in \[0, 2\]"),
        (lambda: F.one_hot(mg.tensor([5]), 3), ValueError, r"classes from 5 to 5, expected them in \[0, 2\]"),
        (lambda: F.one_hot(mg.tensor([0]), 0), ValueError, "num_classes must be positive, got 0"),
        (lambda: F.one_hot(np.zeros(0, np.int64)), ValueError, "give num_classes"),
        (lambda: F.dropout(x(2), 1.5), ValueError, r"p is a probability in \[0, 1\], got 1.5"),
        (lambda: F.dropout2d(x(2, 3)), ValueError, r"dropout2d: expected 3 or 4 dimensions, got shape \(2, 3\)"),
        (lambda: F.batch_norm(x(1, 3), None, None, training=True), ValueError, "more than one value per channel"),
        (lambda: F.batch_norm(x(2, 3), None, None), ValueError, "needs running_mean and running_var"),
        (lambda: F.batch_norm(x(2, 3), np.zeros(2), np.ones(3)), ValueError, r"running_mean of shape \(2,\).*\(3,\)"),
        (lambda: F.batch_norm(x(3), None, None), ValueError, r"expected an input \(N, C, \*\)"),
        (lambda: F.layer_norm(x(2, 3), (2,)), ValueError, r"normalized_shape \(2,\) does not end .* \(2, 3\)"),
        (lambda: F.group_norm(x(2, 3), 2), ValueError, "do not divide into 2 groups"),
        (lambda: F.cross_entropy(x(2, 3), mg.tensor([0, 3])), IndexError, "target 3 is out of bounds for 3 classes"),
        (lambda: F.cross_entropy(x(2, 3), mg.tensor([0])), ValueError, r"scores of shape \(2, 3\) and .* \(1,\)"),
        (lambda: F.cross_entropy(x(2, 3), x(2)), TypeError, r"integer target, got float64 of shape \(2,\); say .lo"),
        (lambda: F.cross_entropy(x(2, 3), x(2, 4)), ValueError, r"target of shape \(2, 4\), expected the same"),
        (lambda: F.cross_entropy(x(2, 3), x(2, 3), ignore_index=1), ValueError, "the target holds probabilities"),
        (
            lambda: F.cross_entropy(x(2, 3), mg.tensor([[1, 0, 0], [0, 1, 0]])),
            ValueError,
            r"one-hot .* target.argmax\(1\)",
        ),
        (lambda: F.cross_entropy(x(2, 3), mg.tensor([[1], [0]])), ValueError, r"say target.squeeze\(1\)"),
        (
            lambda: F.cross_entropy(None, mg.tensor([1])),
            TypeError,
            "NoneType; does the model's forward.. end with a ",
        ),
        (lambda: F.mse_loss(None, x(2)), TypeError, r"mse_loss: input must be a Tensor, got NoneType"),
        (lambda: F.cross_entropy(x(2, 3), mg.tensor([0, 1]), x(2)), ValueError, "each of 3 classes"),
        (lambda: F.cross_entropy(x(2, 3), mg.tensor([0, 1]), label_smoothing=2), ValueError, "label_smoothing"),
        (lambda: F.nll_loss(x(2, 3), x(2)), TypeError, "expected an integer target"),
        (lambda: F.mse_loss(x(2), x(2), reduction="average"), ValueError, "'none', 'mean' or 'sum', got 'average'"),
        (lambda: F.huber_loss(x(2), x(2), delta=0), ValueError, "delta must be positive"),
        (lambda: F.binary_cross_entropy(x(2), unit(3)), ValueError, "expected the same"),
        (
            lambda: F.binary_cross_entropy(mg.tensor([1.5]), mg.tensor([1.0])),
            ValueError,
            "binary_cross_entropy_with_lo",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_refused_batch_leaves_the_running_statistics_alone():
    mean, var = mg.zeros(3), mg.ones(3)
    with pytest.raises(ValueError, match="more than one value"):
        F.batch_norm(x(1, 3), mean, var, training=True)
    assert mean.tolist() == [0, 0, 0] and var.tolist() == [1, 1, 1]


def test_the_functions_are_at_pytorchs_path_too():
    assert F.__all__ == mg.functional.__all__
    assert all(getattr(F, name) is getattr(mg.functional, name) for name in F.__all__)


def test_missing_functions_say_what_to_use():
    for module in (F, mg.functional):
        with pytest.raises(AttributeError, match="'scaled_dot_product_attention'; use softmax"):
            _ = module.scaled_dot_product_attention
    assert not hasattr(F, "nonsense")


IN_PLACE = {
    "relu": (), "leaky_relu": (0.2,), "elu": (0.5,), "selu": (), "celu": (0.5,), "silu": (), "mish": (), "relu6": (),
    "hardtanh": (-0.5, 0.5), "hardsigmoid": (), "hardswish": (), "threshold": (0.1, 7.0),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_PLACE)
def test_with_inplace_the_input_itself_becomes_the_result_and_gradients_are_the_same(name):
    function, args, leaf = getattr(F, name), IN_PLACE[name], x(3, 4)
    expected = function(leaf * 2, *args)
    y = leaf * 2
    assert function(y, *args, inplace=True) is y and function(y.detach(), *args, True) is not y
    np.testing.assert_array_equal(function(leaf.detach() * 2, *args).array, expected.array)
    y = leaf * 2
    function(y, *args, inplace=True)  # what it returns is not looked at
    np.testing.assert_array_equal(y.array, expected.array)
    (g,) = mg.grad((y * y).sum(), leaf)
    (h,) = mg.grad((expected * expected).sum(), leaf)
    np.testing.assert_allclose(g.array, h.array)
    with pytest.raises(RuntimeError, match="a leaf that requires a gradient cannot be changed in place"):
        function(leaf, *args, inplace=True)


@pytest.mark.parametrize("name", ["dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"])
def test_dropout_in_place_changes_its_input_in_training_only(name):
    leaf = x(*((2, 3, 2, 2, 2)[: {"dropout1d": 3, "dropout2d": 4}.get(name, 5)]))
    y = leaf * 1
    assert getattr(F, name)(y, 0.5, False, True) is y
    np.testing.assert_array_equal(y.array, leaf.array)
    assert getattr(F, name)(y, 0.5, True, True) is y
    y.sum().backward()
    slope = {0.0, 2.0} if name != "alpha_dropout" else {0.0, leaf.grad.array.max()}
    assert set(leaf.grad.array.ravel()) <= slope
    if name != "alpha_dropout":
        np.testing.assert_allclose(y.array, leaf.array * leaf.grad.array)


def test_dropout_of_channels_takes_all_of_a_channel_or_nothing():
    for name, shape in (("dropout1d", (50, 4, 5)), ("dropout2d", (50, 4, 5)), ("dropout3d", (50, 4, 2, 2, 2))):
        out = getattr(F, name)(mg.ones(*shape), 0.5, generator=mg.Generator().manual_seed(0)).array
        means = out.reshape(50, 4, -1).mean(-1)
        assert set(means.ravel()) == {0.0, 2.0}


def test_alpha_dropout_keeps_mean_and_variance():
    out = F.alpha_dropout(mg.randn(200, 500), 0.3, True).array
    assert abs(out.mean()) < 0.02 and abs(out.var() - 1) < 0.02


def test_gumbel_softmax_draws_classes_by_their_probabilities_and_hard_ones_have_the_soft_gradient():
    scores = mg.tensor(np.log([[0.2, 0.5, 0.3]] * 20_000), requires_grad=True)
    hard = F.gumbel_softmax(scores, tau=0.5, hard=True)
    assert set(hard.array.round(12).ravel()) == {0.0, 1.0} and (hard.array.sum(-1).round(12) == 1).all()
    np.testing.assert_allclose(hard.array.mean(0), [0.2, 0.5, 0.3], atol=0.02)
    (hard * mg.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert np.abs(scores.grad.array).sum() > 0


def test_hardsigmoid_has_a_sixth_as_its_slope_between_its_bounds():
    a = mg.tensor([-4.0, -3.0, 0.5, 3.0, 4.0], requires_grad=True)
    F.hardsigmoid(a).sum().backward()
    np.testing.assert_array_equal(a.grad.array, np.float32([0, 0, 1 / 6, 0, 0]))


def test_losses_and_norms_of_float16_are_summed_in_float32():
    big = mg.full((4000,), 60.0, dtype=mg.float16)
    assert F.mse_loss(big, mg.zeros(4000, dtype=mg.float16)).item() == 3600
    assert F.l1_loss(big, mg.zeros(4000, dtype=mg.float16)).dtype == mg.float16
    scores = mg.zeros(40_000, 8, dtype=mg.float16)
    assert abs(F.cross_entropy(scores, mg.zeros(40_000, dtype=mg.int64)).item() - math.log(8)) < 2e-3
    image = mg.full((2, 3, 40, 40), 300.0, dtype=mg.float16)
    image.array[1] = 100
    for out in (
        F.batch_norm(image, None, None, training=True),
        F.layer_norm(image.permute(1, 2, 3, 0), (2,)),
        F.group_norm(image.transpose(0, 1), 1),
    ):
        assert out.dtype == mg.float16 and np.abs(np.abs(out.array.astype(float)) - 1).max() < 1e-2
    assert np.isfinite(F.rms_norm(image, (40, 40)).array).all()
    assert F.local_response_norm(image, 3).dtype == mg.float16


EMPTY = {
    F.relu: (0, 3), F.softmax: (0, 3), F.glu: (0, 4), F.dropout2d: (0, 3, 4, 4), F.pixel_shuffle: (0, 4, 3, 3),
    F.unfold: (0, 2, 4, 4), F.max_pool1d: (0, 3, 4), F.interpolate: (0, 3, 4, 4), F.instance_norm: (0, 3, 4, 4),
    F.local_response_norm: (0, 3, 4), F.batch_norm: (0, 3, 4, 4), F.group_norm: (0, 4, 3), F.layer_norm: (0, 4),
}  # fmt: skip
OPTIONS = {
    F.softmax: (1,), F.pixel_shuffle: (2,), F.unfold: (2,), F.max_pool1d: (2,), F.interpolate: (2,),
    F.local_response_norm: (3,), F.batch_norm: (None,) * 4 + (True,), F.group_norm: (2,), F.layer_norm: ((4,),),
}  # fmt: skip


@pytest.mark.parametrize("function", EMPTY, ids=lambda f: f.__name__)
def test_an_empty_batch_stays_one(function):
    a = mg.zeros(*EMPTY[function], requires_grad=True)
    out = function(a, *OPTIONS.get(function, ()))
    assert out.shape[0] == 0
    out.sum().backward()
    assert a.grad.shape == a.shape


def test_where_every_target_is_ignored_the_mean_is_no_number_and_all_gradients_are_0():
    """As in PyTorch 2.13."""
    scores = mg.zeros(2, 3, requires_grad=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        loss = F.cross_entropy(scores, mg.tensor([1, 1]), ignore_index=1)
        (first,) = mg.autograd.grad(loss, scores, create_graph=True)
        (second,) = mg.autograd.grad(first.sum(), scores)
    assert np.isnan(loss.item()) and not first.detach().numpy().any() and not second.numpy().any()


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "layer_norm"])
def test_rows_without_numbers_are_normalised_without_a_warning(name):
    rows = mg.zeros(2, 0, requires_grad=True)
    out = F.layer_norm(rows, (0,)) if name == "layer_norm" else getattr(F, name)(rows, 1)
    out.sum().backward()
    assert out.shape == rows.grad.shape == (2, 0)


def test_an_empty_batch_moves_no_running_statistics_and_has_no_mean_loss():
    mean, var = mg.zeros(3), mg.ones(3)
    F.batch_norm(mg.zeros(0, 3), mean, var, training=True)
    assert mean.tolist() == [0, 0, 0] and var.tolist() == [1, 1, 1]
    assert math.isnan(F.cross_entropy(mg.zeros(0, 3), mg.zeros(0, dtype=mg.int64)).item())
    assert F.cross_entropy(mg.zeros(0, 3), mg.zeros(0, dtype=mg.int64), reduction="sum").item() == 0


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: F.interpolate(x(1, 1, 2, 2)), ValueError, "give either size or scale_factor"),
        (lambda: F.interpolate(x(1, 1, 2, 2), 2, 2), ValueError, "give either size or scale_factor"),
        (lambda: F.interpolate(x(1, 1, 2, 2), 4, align_corners=True), ValueError, "no meaning for mode 'nearest'"),
        (lambda: F.interpolate(x(1, 1, 2), 4, mode="bilinear"), NotImplementedError, "no mode 'bilinear' .* 1, 2"),
        (lambda: F.interpolate(x(1, 1, 2, 2), (1, 2, 3)), ValueError, r"size \(1, 2, 3\) for an image of 2 dimensions"),
        (lambda: F.interpolate(x(1, 1, 2, 2), 0), ValueError, r"cannot be brought to the size \(0, 0\)"),
        (lambda: F.interpolate(x(1, 1, 2, 2), 4, mode="bilinear", antialias=True), NotImplementedError, "no antialias"),
        (lambda: F.pixel_shuffle(x(1, 3, 2, 2), 2), ValueError, r"channels of shape \(1, 3, 2, 2\) do not divide"),
        (lambda: F.fold(x(1, 12, 3), (4, 5), 2), ValueError, r"expected an input \(N, C·4, 3·4\)"),
        (lambda: F.glu(x(2, 3)), ValueError, r"halves of dimension -1 .* \(2, 3\)"),
        (lambda: F.prelu(x(2, 3), x(2)), ValueError, "one weight or 3, got shape"),
        (lambda: F.max_pool1d(x(1, 2, 3, 4), 2), ValueError, r"max_pool1d: expected an input \(N, C, L\)"),
        (lambda: F.max_pool1d(x(1, 2, 3), 2, padding=2), ValueError, "max_pool1d: padding"),
        (lambda: F.bilinear(x(2, 3), x(2, 4), x(5, 3, 3)), ValueError, r"a weight \(O, I, J\), got shapes"),
        (lambda: F.batch_norm(x(2, 3), None, None, training=True, eps=0), ValueError, "eps must be positive, got 0"),
        (lambda: F.instance_norm(x(2, 3, 1, 1)), ValueError, "more than one value per channel"),
        (lambda: F.cosine_similarity(x(2, 3), x(2, 3), eps=-1), ValueError, "eps must not be negative"),
        (lambda: F.smooth_l1_loss(x(2), x(2), beta=-1), ValueError, "beta must not be negative"),
        (lambda: F.gaussian_nll_loss(x(2), x(2), -1.0), ValueError, "a variance is not negative"),
        (lambda: F.multi_margin_loss(x(2, 3), mg.tensor([0, 5])), IndexError, "targets from 0 to 5 for 3 classes"),
        (lambda: F.triplet_margin_loss(x(2, 3), x(2, 3), x(2, 3), margin=0), ValueError, "margin must be positive"),
        (lambda: F.margin_ranking_loss(x(3), x(2, 3), x(3)), ValueError, "three tensors of as many dimensions"),
        (lambda: F.embedding(mg.tensor([0]), x(3, 2), scale_grad_by_freq=True), NotImplementedError, "not there"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_the_newer_functions_too(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_older_options_of_losses_are_heard_with_a_warning():
    a, b = x(3, 4, grad=False), x(3, 4, grad=False)
    with pytest.warns(UserWarning, match="mse_loss: size_average and reduce are .*; say reduction='sum'"):
        assert F.mse_loss(a, b, False).item() == F.mse_loss(a, b, reduction="sum").item()
    with pytest.warns(UserWarning, match="say reduction='none'"):
        assert F.nll_loss(a, mg.tensor([0, 1, 2]), reduce=False).shape == (3,)
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        np.testing.assert_array_equal(F.softmax(a).array, F.softmax(a, 1).array)


@pytest.mark.parametrize("name", ["dropout", "alpha_dropout", "feature_alpha_dropout", "dropout1d", "dropout2d"])
def test_dropout_of_a_number_or_a_refusal_that_names_it(name):
    x = mg.tensor(2.0, requires_grad=True)
    if name in ("dropout", "alpha_dropout"):
        y = getattr(F, name)(x, 0.5)
        y.backward()
        assert y.shape == x.grad.shape == () and y.dtype == mg.float32
    else:
        with pytest.raises((ValueError, AttributeError), match=name):
            getattr(F, name)(x, 0.5)


@pytest.mark.parametrize("inputs", [("x", "w", "b"), ("w", "b"), ("b",)], ids="".join)
def test_batch_norm_walked_back_twice_takes_the_gradient_of_each_time(inputs):
    """The rules of one walk share sums, which must not be those of the walk before."""
    rng = np.random.default_rng(0)
    given = {name: mg.tensor(rng.standard_normal(shape)) for name, shape in (("x", (6, 3, 4)), ("w", 3), ("b", 3))}
    for name in inputs:
        given[name].requires_grad_()
    out = F.batch_norm(given["x"], None, None, given["w"], given["b"], True)
    g = mg.tensor(rng.standard_normal((6, 3, 4)))
    targets = [given[name] for name in inputs]
    first = mg.grad(out, targets, g, retain_graph=True)
    g *= 2
    for once, twice in zip(first, mg.grad(out, targets, g, retain_graph=True), strict=True):
        np.testing.assert_allclose(twice.array, 2 * once.array, rtol=1e-12)
    recorded = mg.grad(out, targets, g, create_graph=True)
    for once, again in zip(first, recorded, strict=True):
        np.testing.assert_allclose(again.array, 2 * once.array, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 1, 3, 0), (0, 2, 3, 1)], ids=["NCHW", "HCWN", "NHWC"])
@pytest.mark.parametrize("mean", [0.3, 100.0])
@pytest.mark.parametrize("count", [1, 2, 6])
def test_group_norm_and_its_gradients_are_those_of_its_definition_however_the_images_lie(order, mean, count):
    rng = np.random.default_rng(0)
    array = np.ascontiguousarray((rng.standard_normal((3, 6, 4, 5)) + mean).transpose(order)).transpose(
        np.argsort(order)
    )
    x = mg.from_numpy(array).requires_grad_()
    w, b = (mg.tensor(rng.standard_normal(6), requires_grad=True) for _ in range(2))
    g = mg.tensor(rng.standard_normal(x.shape))
    rows = x.reshape(3, count, -1)
    rows = (rows - rows.mean(2, True)) / (rows.var(2, False, True) + 1e-5).sqrt()
    expected = rows.reshape(x.shape) * w.reshape(6, 1, 1) + b.reshape(6, 1, 1)
    out = F.group_norm(x, count, w, b)
    np.testing.assert_allclose(out.array, expected.array, atol=1e-11)
    for found, wanted in zip(mg.grad(out, [x, w, b], g), mg.grad(expected, [x, w, b], g), strict=True):
        np.testing.assert_allclose(found.array, wanted.array, atol=1e-10)
    if count == 6:
        np.testing.assert_allclose(F.instance_norm(x, weight=w, bias=b).array, expected.array, atol=1e-11)


def test_group_norm_in_float32_is_close_to_that_in_float64():
    x = np.random.default_rng(0).standard_normal((4, 8, 33, 35)) * 3 + 4
    wide, narrow = (F.group_norm(mg.tensor(x.astype(dtype)), 2).array for dtype in ("f8", "f4"))
    np.testing.assert_allclose(narrow, wide, atol=2e-6)


@pytest.mark.parametrize("shape", [(8, 6, 3), (9, 6, 13, 14)], ids=str)
@pytest.mark.parametrize("norm", [lambda x: F.batch_norm(x, None, None, training=True), lambda x: F.group_norm(x, 2)])
def test_numbers_whose_squares_are_too_large_for_float32_are_normalised_like_others(norm, shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    np.testing.assert_allclose(norm(mg.tensor(x * np.float32(1e19))).array, norm(mg.tensor(x)).array, atol=1e-4)
