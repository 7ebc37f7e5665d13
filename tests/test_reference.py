"""minigrad against PyTorch 2.13: the values, first and second gradients of every call of reference/table.py.

PyTorch's numbers come from a stored file, which reference/generate.py wrote; so this test needs no PyTorch.
reference/compare.py does the same in bulk.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference.calls import Call, Result, description, evaluate, parameter_draws, relative_error
from reference.table import CALLS

import minigrad as mg

STORED = np.load(Path(__file__).parent / "reference" / "torch.npz", allow_pickle=False)
INDEX: dict[str, Any] = json.loads(STORED["index"].tobytes())


ROUNDING = 1e-10  # of float64, where a second derivative cancels most of its digits


def cut(vector: np.ndarray, shapes: list[list[int]]) -> tuple[list[np.ndarray], np.ndarray]:
    """Arrays of these shapes from the front of a flat vector, and what is left of it."""
    arrays = []
    for shape in shapes:
        size = int(np.prod(shape))
        arrays.append(vector[:size].reshape(shape))
        vector = vector[size:]
    return arrays, vector


def unpack() -> dict[str, tuple[list[np.ndarray], Result]]:
    """For each call its inputs and PyTorch's results, cut from the flat vectors in the index's order."""
    inputs, results, found = STORED["inputs"], STORED["results"], {}
    for name, entry in INDEX.items():
        arrays, inputs = cut(inputs, [shape for shape, _ in entry["inputs"]])
        arrays = [a.astype(dtype) for a, (_, dtype) in zip(arrays, entry["inputs"], strict=True)]
        values, results = cut(results, [shape for shape, *_ in entry["values"]])
        first, results = cut(results, entry["first"])
        second, results = cut(results, entry["second"] or [])
        found[name] = arrays, Result(values, first, None if entry["second"] is None else second)
    return found


REFERENCE = unpack()

# No number to compare, or chance in it (compare.py compares the laws), or nothing like it in PyTorch.
WITHOUT_A_ROW = re.findall(
    r"\w+",
    """
    Generator Tensor Module Parameter Optimizer LRScheduler RemovableHandle primitive summary graph
    no_grad enable_grad set_grad_enabled is_grad_enabled detect_anomaly gradcheck gradgradcheck
    manual_seed get_rng_state set_rng_state rand randn randint rand_like randn_like randint_like randperm
    empty empty_like save load set_num_threads get_num_threads bump_version change ufunc_
    uniform_ normal_ kaiming_uniform_ kaiming_normal_ xavier_uniform_ xavier_normal_ orthogonal_
    """,
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


def test_the_stored_file_is_that_of_the_table() -> None:
    assert list(INDEX) == [call.name for call in CALLS], "run tests/reference/generate.py"


def test_every_public_name_has_a_row() -> None:
    rows = (Path(__file__).parent / "reference" / "table.py").read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", rows))
    assert public_names() - words - set(WITHOUT_A_ROW) == set()


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_values_gradients_and_second_derivatives(call: Call) -> None:
    arrays, expected = REFERENCE[call.name]
    assert list(parameter_draws(mg, call)) == INDEX[call.name]["parameters"]
    got = evaluate(mg, call, arrays, second=expected.second is not None)
    assert [str(v.dtype) for v in got.values] == [dtype for _, dtype, _ in INDEX[call.name]["values"]]
    assert relative_error(got.values, expected.values) < ROUNDING
    assert relative_error(got.first, expected.first) < ROUNDING
    if expected.second is not None:
        assert got.second is not None, "PyTorch has second derivatives here"
        assert relative_error(got.second, expected.second) < ROUNDING


@pytest.mark.parametrize("call", [c for c in CALLS if c.inputs is not None], ids=lambda call: call.name)
def test_module_looks_and_keeps_its_state_as_pytorchs_does(call: Call) -> None:
    assert description(mg, call) == INDEX[call.name]["module"]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_single_precision(call: Call) -> None:
    arrays, expected = REFERENCE[call.name]
    got = evaluate(mg, call, arrays, dtype="float32", second=False)
    assert [str(v.dtype) for v in got.values] == [dtype for *_, dtype in INDEX[call.name]["values"]]
    assert all(g.dtype == np.float32 for g in got.first)
    assert relative_error(got.values, expected.values) < 1e-4
    assert relative_error(got.first, expected.first) < 1e-4
