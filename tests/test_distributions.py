"""Draws from distributions whose parameters are tensors, and the older name for a tensor."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.autograd import Variable


@pytest.fixture
def source():
    return mg.Generator(0)


def test_normal_draws_with_each_mean_and_deviation(source):
    mean = mg.tensor(np.repeat([[-3.0], [5.0]], 4000, 1))
    drawn = mg.normal(mean, mg.tensor([[1.0], [0.0]], dtype=mg.float64), generator=source)
    assert drawn.shape == (2, 4000) and drawn.dtype == mg.float64 and not drawn.requires_grad
    assert abs(drawn[0].mean().item() + 3) < 0.08 and abs(drawn[0].std().item() - 1) < 0.05  # 5 standard errors
    assert (drawn[1] == 5).all()
    assert mg.normal(mg.zeros(2, 3)).shape == mg.normal(0.0, mg.ones(2, 3)).shape == (2, 3)
    assert mg.normal(2.0, 3.0, (4,)).dtype == mg.normal(mg.ones(2)).dtype == mg.float32
    assert mg.normal(0, 1, size=(2, 2), dtype=mg.float64).dtype == mg.float64


def test_bernoulli_is_1_as_often_as_its_probability_says(source):
    shares = mg.tensor(np.repeat([[0.0], [0.25], [1.0]], 4000, 1))
    drawn = mg.bernoulli(shares, generator=source)
    assert drawn.dtype == shares.dtype and set(drawn.array.ravel()) == {0, 1}
    np.testing.assert_allclose(drawn.mean(1).numpy(), [0, 0.25, 1], atol=0.035)  # 5 standard errors
    assert mg.bernoulli(mg.zeros(3), 1.0).tolist() == [1, 1, 1]


def test_multinomial_draws_columns_in_proportion_to_their_weights(source):
    drawn = mg.multinomial(mg.tensor([[0.0, 1.0, 3.0], [2.0, 0.0, 0.0]]), 4000, replacement=True, generator=source)
    assert drawn.shape == (2, 4000) and drawn.dtype == mg.int64 and (drawn[1] == 0).all()
    np.testing.assert_allclose(np.bincount(drawn[0].numpy(), minlength=3) / 4000, [0, 0.25, 0.75], atol=0.035)
    assert sorted(mg.multinomial(mg.tensor([1.0, 0.0, 2.0]), 2).tolist()) == [0, 2]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mg.normal(mg.zeros(2), -1.0), "expected std ≥ 0, got -1.0"),
        (lambda: mg.bernoulli(mg.tensor([1.5])), "probabilities from 0 to 1"),
        (lambda: mg.multinomial(mg.tensor([1.0, -1.0]), 1), "finite weights ≥ 0"),
        (lambda: mg.multinomial(mg.ones(2, 2, 2), 1), r"got shape \(2, 2, 2\)"),
        (lambda: mg.multinomial(mg.tensor([1.0, 0.0]), 2), "one has 1 weights above 0, without replacement"),
        (lambda: mg.multinomial(mg.zeros(2), 1, True), "one has 0 weights above 0"),
    ],
)
def test_parameters_that_are_no_distribution_are_refused(call, words):
    with pytest.raises(RuntimeError, match=words):
        call()


def test_normal_needs_a_tensor_or_a_size():
    with pytest.raises(TypeError, match="a tensor as mean or std, or a size"):
        mg.normal(0.0, 1.0)


def test_a_variable_is_a_tensor_with_the_same_memory():
    x = mg.ones(2)
    variable = Variable(x, requires_grad=True)
    assert isinstance(variable, mg.Tensor) and isinstance(x, Variable) and not isinstance(x.array, Variable)
    assert variable.requires_grad and variable.is_leaf and variable.array is x.array and not x.requires_grad
    assert not Variable(variable * 2).requires_grad and not Variable(variable, volatile=True).requires_grad
    with pytest.raises(TypeError, match="Variable: expected a tensor, got list"):
        Variable([1.0])


def test_products_of_matrices_have_pytorchs_names_as_functions():
    a, b = mg.tensor([[1.0, 2.0], [3.0, 4.0]]), mg.tensor([1.0, 1.0])
    assert mg.mm(a, a).tolist() == mg.matmul(a, a).tolist() and mg.mv(a, b).tolist() == [3, 7]
    assert mg.dot(b, b).item() == 2 and mg.bmm(a[None], a[None]).shape == (1, 2, 2)


def test_draws_of_distributions_follow_their_laws_and_pass_a_gradient():
    mg.manual_seed(0)
    loc = mg.tensor([1.0, -2.0], requires_grad=True)
    normal = mg.distributions.Normal(loc, 0.5)
    drawn = normal.rsample((4000,))
    drawn.sum().backward()
    assert drawn.shape == (4000, 2) and loc.grad.tolist() == [4000, 4000] and not normal.sample().requires_grad
    np.testing.assert_allclose(drawn.mean(0).tolist(), [1, -2], atol=0.04)
    classes = mg.distributions.Categorical(mg.tensor([[1.0, 3.0], [1.0, 0.0]])).sample((2000,))
    assert classes.shape == (2000, 2) and classes.dtype == mg.int64
    np.testing.assert_allclose(classes.double().mean(0).tolist(), [0.75, 0], atol=0.04)
    assert mg.distributions.Categorical(logits=mg.zeros(3)).sample().shape == ()
    assert mg.distributions.Bernoulli(mg.tensor(1.0)).sample((2, 3)).tolist() == [[1, 1, 1], [1, 1, 1]]
    inside = mg.distributions.Uniform(2.0, 3.0).sample((50,))
    assert ((inside >= 2) & (inside < 3)).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda d: d.Normal(0.0, -1.0), "scale > 0, got -1.0"),
        (lambda d: d.Uniform(1.0, 1.0), "low < high"),
        (lambda d: d.Categorical(mg.tensor([-1.0, 2.0])), "probs ≥ 0"),
        (lambda d: d.Categorical(), "either probs or logits"),
        (lambda d: d.kl_divergence(d.Normal(0.0, 1.0), d.Uniform(0.0, 1.0)), "not of Normal and Uniform"),
        (lambda d: d.Bernoulli(mg.tensor(0.5)).rsample(), "has no gradient"),
        (lambda d: d.MultivariateNormal, "write its log_prob"),
    ],
)
def test_a_distribution_that_cannot_be_is_refused(call, words):
    with pytest.raises((ValueError, NotImplementedError, AttributeError), match=words):
        call(mg.distributions)
