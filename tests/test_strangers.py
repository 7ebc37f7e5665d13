"""What should be a tensor and is none: every function says so, and none makes a number of it."""

import inspect
import re

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F

STRANGERS = {"None": None, "a word": "abc", "a dictionary": {}, "a module": nn.Identity()}
PLACES = {"minigrad": mg, "functional": F, "init": nn.init, "utils": nn.utils}
NO_TENSOR_FIRST = {
    "minigrad": """
        arange detect_anomaly empty enable_grad eye from_numpy full get_default_device get_default_dtype
        get_num_threads get_rng_state grad graph inference_mode initial_seed is_grad_enabled is_inference_mode_enabled
        is_tensor linspace load manual_seed no_grad ones primitive rand randint randn save seed set_default_device
        set_default_dtype set_default_tensor_type set_detect_anomaly set_grad_enabled set_num_threads set_rng_state
        use_deterministic_algorithms zeros
    """,
    "functional": "",
    "init": "calculate_gain",
    "utils": "",
}
ANSWERED = {"eq", "ne", "not_equal"}  # nothing else is equal to a tensor
NOT_ONE = {"clip_grad_value_", "get_total_norm", "atleast_1d", "atleast_2d", "atleast_3d", "meshgrid"}  # {}: no tensors


def functions():
    for place, module in PLACES.items():
        for name in dir(module):
            function = getattr(module, name)
            if inspect.isroutine(function) and name not in (*NO_TENSOR_FIRST[place].split(), *ANSWERED):
                yield place, name


def call_with(place, name, stranger):
    function = getattr(PLACES[place], name)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    required = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    return function(stranger, *[mg.ones(2) for _ in required])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("place, name", list(functions()))
def test_no_function_makes_a_number_of_what_is_no_tensor(place, name):
    for what, stranger in STRANGERS.items():
        if not (what == "a dictionary" and name in NOT_ONE):
            with pytest.raises((TypeError, ValueError)) as caught:
                call_with(place, name, stranger)
            shown = caught.value.__cause__ or (None if caught.value.__suppress_context__ else caught.value.__context__)
            assert shown is None, f"{what}: two tracebacks"
            assert not re.search("unsupported operand|not supported between|ufunc|has no attribute", str(caught.value))


IMAGES, FILTERS = [[[[1.0] * 4] * 4]], mg.ones(1, 1, 3, 3)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: F.conv2d(IMAGES, FILTERS), "conv2d: input must be a Tensor, got list; say tensor(...) first"),
        (
            lambda: F.conv2d(mg.ones(1, 1, 4, 4), None),
            "conv2d: weight must be a Tensor, got NoneType; does the model's",
        ),
        (lambda: F.max_pool2d(IMAGES, 2), "max_pool2d: input must be a Tensor, got list; say tensor(...) first"),
        (lambda: F.batch_norm(None, None, None), "batch_norm: input must be a Tensor, got NoneType"),
        (lambda: F.log_softmax(None, 0), "expected a Tensor or a number, got NoneType; does the model's"),
        (lambda: F.softmax([1.0, 2.0], 0, dtype=mg.float64), "softmax: input must be a Tensor, got list"),
        (lambda: F.dropout("abc"), "dropout: input must be a Tensor, got str"),
        (lambda: F.hardswish([1.0]), "hardswish: input must be a Tensor, got list"),
        (lambda: F.relu_([1.0]), "relu_: expected a Tensor, got list; say tensor(...) first"),
        (lambda: F.interpolate(nn.ReLU, 2), "interpolate: input must be a Tensor, got the class ReLU"),
        (lambda: F.linear(nn.ReLU(), mg.ones(2, 2)), "expected a Tensor or a number, got ReLU"),
        (lambda: nn.init.uniform_([1.0]), "uniform_: tensor must be a Tensor, got list"),
        (lambda: mg.zeros_like(None), "zeros_like: input must be a Tensor, got NoneType"),
        (lambda: mg.vstack([mg.ones(2), 1.0]), "vstack: tensors[1] must be a Tensor, got float"),
        (
            lambda: mg.mean(None),
            "mean: x must be a Tensor, got NoneType; does the model's forward() end with a return?",
        ),
        (lambda: mg.exp(None), "exp(None): expected a Tensor or a number, got NoneType; does the model's forward()"),
        (lambda: mg.argmax(None), "expected a Tensor or a number, got NoneType"),
        (lambda: mg.sum(None), "expected a Tensor or a number, got NoneType"),
        (lambda: mg.matmul(None, mg.ones(2)), "expected a Tensor or a number, got NoneType"),
        (lambda: mg.unique("abc"), "unique: expected a Tensor or a number, got str"),
        (lambda: mg.tensor([1.0, None], dtype=mg.float32), "expected numbers, got None"),
        (lambda: mg.tensor("3", dtype=mg.float32), "expected numbers, got"),
        (lambda: mg.FloatTensor(None), "expected numbers, got None"),
        (lambda: mg.randperm([1, 2]), "randperm: n must be a whole number, got [1, 2]"),
        (lambda: mg.arange("3"), "expected a number, got str"),
        (lambda: F.embedding(None, mg.ones(2, 2)), "embedding: input must be a Tensor, got NoneType"),
    ],
)
def test_the_stranger_is_named_and_what_to_do_about_it(call, words):
    with pytest.raises(TypeError, match=re.escape(words)):
        call()


def test_what_lacks_an_attribute_and_is_no_argument_stays_what_it_is():
    with pytest.raises(AttributeError, match="'list' object has no attribute 'depth'"):
        mg.func.jacobian(lambda x: [].depth, mg.ones(2))
    with pytest.raises(TypeError, match="takes from 1 to 3 positional arguments but 4 were given"):
        mg.max(mg.ones(2), 1, 2, 3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'strides'"):
        F.conv2d(mg.ones(1, 1, 4, 4), FILTERS, strides=2)


def test_a_warning_points_at_the_line_of_the_call():
    for call in (
        lambda: F.softmax(mg.ones(2)),
        lambda: F.softmin(mg.ones(2)),
        lambda: F.upsample(mg.ones(1, 1, 2, 2), 4),
    ):
        with pytest.warns(UserWarning) as caught:
            call()
        assert caught[0].filename == __file__


def test_arrays_stand_for_tensors():
    images = np.ones((1, 1, 4, 4), np.float32)
    assert F.conv2d(images, FILTERS).tolist() == [[[[9, 9], [9, 9]]]]
    assert F.max_pool2d(images, 2).shape == (1, 1, 2, 2)
