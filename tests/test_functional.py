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
