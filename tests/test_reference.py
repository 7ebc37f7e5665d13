"""minigrad against PyTorch 2.13: the values, first and second gradients of every call of reference/rows.

PyTorch's numbers come from stored files, which reference/generate.py wrote; so this test needs no PyTorch. A row that
PyTorch has not been asked about yet stands in reference/pending.txt: until then its gradient is held to difference
quotients. reference/compare.py does the same in bulk.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference.calls import (
    Call,
    Result,
    arrays_for,
    description,
    draws,
    evaluate,
    is_float,
    parameter_draws,
    relative_error,
    weights,
    x,
)
from reference.rows import CALLS, ROOMS

import minigrad as mg

HERE = Path(__file__).parent / "reference"
PENDING = (HERE / "pending.txt").read_text(encoding="utf-8").splitlines()
ROUNDING = {"float16": 2e-3, "float32": 1e-6}  # a few units in the last place: processors differ by one
ROUNDING_64 = 1e-10  # where a second derivative cancels most of its digits


def rounding(arrays: list[np.ndarray]) -> float:
    """The relative error that these arrays' coarsest type may have."""
    return max((ROUNDING.get(str(a.dtype), ROUNDING_64) for a in arrays), default=ROUNDING_64)


def cut(vector: np.ndarray, shapes: list[list[int]]) -> tuple[list[np.ndarray], np.ndarray]:
    """Arrays of these shapes from the front of a flat vector, and what is left of it."""
    arrays = []
    for shape in shapes:
        size = int(np.prod(shape))
        arrays.append(vector[:size].reshape(shape))
        vector = vector[size:]
    return arrays, vector


def unpack(room: str) -> tuple[dict[str, Any], dict[str, tuple[list[np.ndarray], Result]]]:
    """For each stored call of a room its line of the index, its inputs and PyTorch's results, cut from flat vectors."""
    file = HERE / "stored" / f"{room}.npz"
    if not file.exists():
        return {}, {}
    stored = np.load(file, allow_pickle=False)
    index, inputs, results = json.loads(stored["index"].tobytes()), stored["inputs"], stored["results"]
    found = {}
    for name, entry in index.items():
        arrays, inputs = cut(inputs, [shape for shape, _ in entry["inputs"]])
        arrays = [a.astype(dtype) for a, (_, dtype) in zip(arrays, entry["inputs"], strict=True)]
        values, results = cut(results, [shape for shape, *_ in entry["values"]])
        first, results = cut(results, entry["first"])
        second, results = cut(results, entry["second"] or [])
        found[name] = arrays, Result(values, first, None if entry["second"] is None else second)
    return index, found


INDEX: dict[str, Any] = {}
REFERENCE: dict[str, tuple[list[np.ndarray], Result]] = {}
for room in ROOMS:
    lines, results = unpack(room)
    INDEX |= lines
    REFERENCE |= results
ASKED = [call for call in CALLS if call.name in INDEX]

# No number to compare, or chance in it (compare.py compares the laws), or nothing like it in PyTorch.
WITHOUT_A_ROW = re.findall(
    r"\w+",
    """
    bernoulli normal multinomial DataParallel new_empty detach_ ndimension
    Generator Tensor Module Parameter Optimizer LRScheduler RemovableHandle primitive summary graph
    no_grad enable_grad set_grad_enabled inference_mode is_grad_enabled follow detect_anomaly gradcheck gradgradcheck
    manual_seed initial_seed seed get_rng_state set_rng_state
    rand randn randint rand_like randn_like randint_like randperm
    cpu cuda device pin_memory get_default_device set_default_device get_default_dtype set_default_dtype
    set_default_tensor_type empty empty_like save load set_num_threads get_num_threads bump_version change ufunc_
    gumbel_softmax trunc_normal_ sparse_ uniform normal constant eye dirac sparse orthogonal
    xavier_uniform xavier_normal kaiming_uniform kaiming_normal
    bernoulli_ random_ uniform_ normal_ kaiming_uniform_ kaiming_normal_ xavier_uniform_ xavier_normal_ orthogonal_
    """,
)


heard = pytest.mark.filterwarnings(  # minigrad warns of these as PyTorch does, and computes them as PyTorch does
    "ignore:Implicit dimension choice",
    "ignore:.*size_average and reduce are",
    "ignore:kl_div. reduction='mean'",
    "ignore:upsample is PyTorch's older name",
)


def public_names() -> set[str]:
    """Every public function, class and method that a user of PyTorch would look for here."""
    spaces = mg, mg.nn, mg.nn.functional, mg.nn.init, mg.nn.utils, mg.optim, mg.optim.lr_scheduler, mg.Tensor
    names = set()
    for space in spaces:
        for name, value in inspect.getmembers(space, callable):
            if inspect.isclass(space) or hasattr(space, "__all__"):
                public = name in getattr(space, "__all__", [name])
            else:
                public = value.__module__ == space.__name__  # not what the module imports
            if public and not name.startswith("_") and "minigrad" in str(getattr(value, "__module__", "")):
                names.add(name)
    return names


def test_every_row_has_a_stored_result_or_is_said_to_have_none() -> None:
    names = [call.name for call in CALLS]
    assert len(set(names)) == len(names)
    missing = [name for name in names if name not in INDEX]
    assert sorted(missing) == sorted(PENDING), "run tests/reference/generate.py, or say so in pending.txt"
    assert [name for name in INDEX if name not in names] == [], "run tests/reference/generate.py"


def test_every_public_name_has_a_row() -> None:
    words = set(re.findall(r"\w+", "".join(p.read_text(encoding="utf-8") for p in (HERE / "rows").glob("*.py"))))
    assert public_names() - words - set(WITHOUT_A_ROW) == set()


@heard
@pytest.mark.parametrize("call", ASKED, ids=lambda call: call.name)
def test_values_gradients_and_second_derivatives(call: Call) -> None:
    arrays, expected = REFERENCE[call.name]
    assert list(parameter_draws(mg, call)) == INDEX[call.name]["parameters"]
    got = evaluate(mg, call, arrays, second=expected.second is not None)
    assert [str(v.dtype) for v in got.values] == [dtype for _, dtype, _ in INDEX[call.name]["values"]]
    assert relative_error(got.values, expected.values) < rounding(got.values)
    assert relative_error(got.first, expected.first) < rounding(got.first)
    if expected.second is not None:
        assert got.second is not None, "PyTorch has second derivatives here"
        assert relative_error(got.second, expected.second) < rounding(got.second)


@heard
@pytest.mark.parametrize("call", [c for c in ASKED if c.inputs is not None], ids=lambda call: call.name)
def test_module_looks_and_keeps_its_state_as_pytorchs_does(call: Call) -> None:
    assert description(mg, call) == INDEX[call.name]["module"]


@heard
@pytest.mark.parametrize("call", ASKED, ids=lambda call: call.name)
def test_single_precision(call: Call) -> None:
    arrays, expected = REFERENCE[call.name]
    got = evaluate(mg, call, arrays, dtype="float32", second=False)
    assert [str(v.dtype) for v in got.values] == [dtype for *_, dtype in INDEX[call.name]["values"]]
    assert all(g.dtype == np.float32 for g in got.first)
    assert relative_error(got.values, expected.values) < 1e-4
    assert relative_error(got.first, expected.first) < 1e-4


def test_the_gradient_of_a_row_without_a_stored_result_is_the_difference_quotient() -> None:
    for call in CALLS:
        if call.name in PENDING:
            check_slope(call)


def check_slope(call: Call) -> None:
    """The weighted sum of the values rises along a direction as the first gradients say."""
    arrays = arrays_for(mg, call)
    result = evaluate(mg, call, arrays, second=False)
    places = [i for i, (a, d) in enumerate(zip(arrays, grads(call, arrays), strict=True)) if d and is_float(a)]
    if not result.first:
        return
    step = 1e-6
    direction = {i: np.cos(np.arange(arrays[i].size)).reshape(arrays[i].shape) for i in places}

    def total(sign: float) -> float:
        moved = [a + sign * step * direction[i] if i in direction else a for i, a in enumerate(arrays)]
        values = [v for v in evaluate(mg, call, moved, second=False).values if is_float(v)]
        return float(sum((v * weights(v.shape, i)).sum() for i, v in enumerate(values)))

    slope = sum(float((g * direction[i]).sum()) for i, g in zip(places, result.first, strict=True))
    assert slope == pytest.approx((total(1) - total(-1)) / (2 * step), rel=1e-5, abs=1e-6), call.name


def grads(call: Call, arrays: list[np.ndarray]) -> list[bool]:
    """Whether each array asks for a gradient: the parameters of a module do, and the draws as they say."""
    asked = [d.grad for d in draws(call)]
    return asked + [True] * (len(arrays) - len(asked))


def test_a_wrong_gradient_of_a_row_without_a_stored_result_is_found() -> None:
    @mg.primitive(x=lambda g, x: g * x)
    def square(x: Any) -> Any:
        return x * x

    def twice_too_small(library: Any, a: Any) -> Any:
        return square(a)

    with pytest.raises(AssertionError, match="twice_too_small"):
        check_slope(Call("elementwise", twice_too_small, (x(3),), second=False))
