"""gradcheck finds wrong derivatives, detect_anomaly the place where numbers went wrong."""

import linecache
import math
import re

import numpy as np
import pytest

import minigrad as mg
from minigrad.checks import GradcheckError


def leaf(*values):
    return mg.tensor(values[0] if len(values) == 1 else values, dtype=mg.float64, requires_grad=True)


@mg.primitive(x=lambda g, x: g * 2 * x)
def right(x):
    return x**2


@mg.primitive(x=lambda g, x: g * 2.01 * x)
def slightly_wrong(x):
    return x**2


@mg.primitive(x=lambda g, x: g * 2 * x.detach())
def right_once(x):
    return x**2


@mg.primitive(x=lambda g, x: g * x.flip(0))
def misplaced(x):
    return x**2 / 2


def test_right_derivatives_pass():
    x = leaf(1.0, -2.0, 3.0)
    assert mg.gradcheck(right, x) and mg.gradgradcheck(right, x)
    assert mg.gradcheck(right, (x,)) and mg.gradcheck(right, [x])


@pytest.mark.parametrize("function", [slightly_wrong, misplaced], ids=["slightly wrong", "misplaced"])
def test_wrong_ones_are_found(function):
    x = leaf(1.0, -2.0, 3.0)
    with pytest.raises(
        GradcheckError, match=r"the gradient of input 0 \(shape \(3,\)\) gives \S+, the difference quotient \S+"
    ):
        mg.gradcheck(function, x)
    assert mg.gradcheck(function, x, raise_exception=False) is False
    assert issubclass(GradcheckError, RuntimeError)


def test_a_wrong_second_derivative_is_found():
    x = leaf(1.0, -2.0, 3.0)
    assert mg.gradcheck(right_once, x)
    with pytest.raises(GradcheckError):
        mg.gradgradcheck(right_once, x)
    assert mg.gradgradcheck(right_once, x, raise_exception=False) is False


def test_the_wrong_one_among_several_inputs_is_named():
    with pytest.raises(GradcheckError, match="input 1"):
        mg.gradcheck(lambda x, y: right(x) + slightly_wrong(y), [leaf(1.0), leaf(2.0)])


def test_a_gradient_that_is_missing_or_not_a_number_is_wrong():
    x = leaf(2.0)
    with pytest.raises(GradcheckError):
        mg.gradcheck(lambda x: x.detach() * x, x)
    with pytest.raises(GradcheckError):
        mg.gradcheck(mg.primitive(x=lambda g: g * math.nan)(lambda x: x + 0), x)


def test_inputs_may_be_constants_and_outputs_may_be_many_or_without_gradient():
    x, c = leaf(1.0, 2.0), mg.tensor([3.0, 4.0])
    assert mg.gradcheck(lambda x, c, k: (x * c.double() * k, x.detach(), x > 1, x.sum()), [x, c, 2])
    assert mg.gradgradcheck(lambda x, c, k: [x * x * k, x.detach()], [x, c, 2])


def test_linear_functions_have_no_second_derivative_but_pass():
    assert mg.gradgradcheck(lambda x: x * 2, leaf(1.0, 2.0))
    assert mg.gradgradcheck(lambda x: x.sum(), leaf(1.0, 2.0))
    other = leaf(3.0)
    assert mg.gradgradcheck(lambda x: other.exp(), leaf(1.0))  # x has no part in it at all


def test_scalars_and_empty_inputs():
    assert mg.gradcheck(mg.exp, leaf(1.0)) and mg.gradcheck(mg.exp, mg.zeros(0, dtype=mg.float64, requires_grad=True))


def test_nothing_is_left_behind():
    x = leaf(1.0, 2.0)
    version, values = list(x.version), x.tolist()
    mg.gradcheck(right, x)
    mg.gradgradcheck(right, x)
    assert x.grad is None and x.version == version and x.tolist() == values


REFUSED = {
    "float32": (
        lambda: mg.gradcheck(right, mg.ones(2, requires_grad=True)),
        TypeError,
        "input 0 is float32.* need float64",
    ),
    "no gradient": (lambda: mg.gradcheck(right, mg.ones(2)), ValueError, "gradcheck: no input requires a gradient"),
    "no output": (
        lambda: mg.gradcheck(lambda x: x.detach(), leaf(1.0)),
        ValueError,
        "no output of the function requires",
    ),
    "no output twice": (lambda: mg.gradgradcheck(lambda x: x > 0, leaf(1.0)), ValueError, "gradgradcheck: no output"),
    "float32 twice": (
        lambda: mg.gradgradcheck(right, [leaf(1.0), mg.ones(2, requires_grad=True)]),
        TypeError,
        "input 1 is float32",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        call()


# ---------------------------------------------------------------------------------------------------- detect_anomaly

pytestmark = pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value", "ignore:overflow")


def report(function, *values):
    """What detect_anomaly says of function at these float64 values."""
    x = leaf(*values)
    with pytest.raises(FloatingPointError) as caught, mg.detect_anomaly():
        function(x).sum().backward()
    assert x.grad is None and mg.is_grad_enabled()
    return str(caught.value)


def source_of(text, before):
    """The source line that a report names after `before`."""
    path, number = re.search(re.escape(before) + r" (\S+?):(\d+): ", text).groups()
    assert path == __file__
    return linecache.getline(path, int(number)).strip()


def through_log(x):
    y = x * 2
    z = y.log()  # the culprit
    return z * 3


def test_the_first_forward_that_was_not_finite_is_named_with_the_users_line():
    text = report(through_log, 0.0, 1.0)
    assert "the rule of log for 'x' gave a gradient that is not finite" in text
    assert "the first operation whose result was not finite is log" in text
    assert source_of(text, "is log, called at") == "z = y.log()  # the culprit"


def through_norm(x):
    square = (x * x).sum()
    return square.sqrt()  # finite at 0, its slope is not


def test_else_the_first_rule_is_named():
    text = report(through_norm, 0.0, 0.0)
    assert "the rule of sqrt for 'x'" in text and "all results of operations were finite" in text
    assert source_of(text, "sqrt was called at") == "return square.sqrt()  # finite at 0, its slope is not"


def test_the_line_is_the_users_even_inside_a_derived_operation_or_a_module():
    def through_std(x):
        return mg.nn.functional.mse_loss(x / 0, x)  # here

    text = report(through_std, 1.0, 2.0)
    assert source_of(text, "is div, called at") == "return mg.nn.functional.mse_loss(x / 0, x)  # here"


def test_finite_gradients_pass_and_infinite_results_that_no_gradient_meets_too():
    x = leaf(1.0, 2.0)
    with mg.detect_anomaly():
        masked = mg.where(mg.tensor([True, False]), -math.inf, x).softmax(0)
        masked.sum().backward()
    assert x.grad.tolist() == [0, 0]


def test_outside_its_block_nothing_is_detected():
    x = leaf(0.0)
    with mg.detect_anomaly():
        y = x.log()
    y.backward()
    assert x.grad.item() == math.inf


def test_what_was_recorded_before_the_block_is_named_without_a_line():
    x = leaf(0.0)
    y = x.log()
    with (
        pytest.raises(FloatingPointError, match="log was called at a place outside of detect_anomaly"),
        mg.detect_anomaly(),
    ):
        y.backward()


def test_second_derivatives_are_watched_too():
    x = leaf(0.0)
    (slope,) = mg.grad(x**1.5, x, create_graph=True)
    with pytest.raises(FloatingPointError, match="the rule of "), mg.detect_anomaly():
        slope.backward()
    assert np.isfinite(slope.item())


def test_a_function_that_calls_grad_is_checked():
    def slope(x):
        (g,) = mg.grad((x**4).sum(), x, create_graph=True)
        return g.sin()

    def frozen(x):
        (g,) = mg.grad((x**4).sum(), x)
        return g * x

    x = leaf(0.4, -0.7)
    assert mg.gradcheck(slope, x) and mg.gradgradcheck(slope, x)
    with pytest.raises(GradcheckError):  # the first gradient was not recorded, so its part is missing
        mg.gradcheck(frozen, x)


def test_pytorchs_options_of_the_checks_are_accepted():
    x = leaf(0.4, -0.7)
    assert mg.autograd.gradcheck(mg.sin, x, eps=1e-6, atol=1e-4, fast_mode=True, nondet_tol=0.0)
    upstream = mg.tensor([1.0, 2.0], dtype=mg.float64, requires_grad=True)
    assert mg.autograd.gradgradcheck(mg.sin, (x,), upstream, atol=1e-4)


def explode():
    x = leaf(0.0)
    with np.errstate(all="ignore"):
        (x.log() * 0).backward()


def test_the_search_for_anomalies_can_be_turned_on_and_off():
    words = "first operation whose result was not finite is log"
    with pytest.raises(FloatingPointError, match=words), mg.autograd.detect_anomaly():
        explode()
    with mg.autograd.detect_anomaly(check_nan=False):
        explode()
    mg.autograd.set_detect_anomaly(True)
    try:
        with mg.autograd.set_detect_anomaly(False):
            explode()
        with pytest.raises(FloatingPointError):
            explode()
    finally:
        mg.autograd.set_detect_anomaly(False)
    explode()
