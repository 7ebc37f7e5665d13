"""The ported scripts of examples/ports: their first losses are those that PyTorch has, and they run.

`python examples/ports/prove.py` runs them in full beside an installed PyTorch.
"""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import minigrad as mg

HERE = Path(__file__).resolve().parent
PORTS = HERE.parent / "examples" / "ports"
STORED = json.loads((HERE / "reference" / "ports.json").read_text(encoding="utf-8"))


def load_prove() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prove", PORTS / "prove.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


prove = load_prove()


def test_every_script_is_among_the_ports() -> None:
    assert {path.stem for path in PORTS.glob("*.py")} - {"prove"} == set(prove.PORTS) == set(STORED)


@pytest.mark.parametrize("name", prove.PORTS)
def test_the_first_losses_are_those_of_pytorch(name: str) -> None:
    losses = prove.run(name, "minigrad", steps=4, dtype="float64")
    assert prove.difference(losses, STORED[name]) < 1e-12


@pytest.mark.parametrize("name", prove.PORTS)
def test_in_single_precision_they_differ_by_rounding(name: str) -> None:
    losses = prove.run(name, "minigrad", steps=4, dtype="float32")
    assert prove.difference(losses, STORED[name]) < 1e-5


@pytest.mark.parametrize("name", prove.PORTS)
def test_only_imports_name_minigrad(name: str) -> None:
    source = (PORTS / f"{name}.py").read_text(encoding="utf-8")
    code = source[source.index('"""', 3) :]
    assert all(re.match(r"(from|import) minigrad", line) for line in code.splitlines() if "minigrad" in line)


@pytest.mark.parametrize("name", prove.PORTS)
def test_the_script_runs_as_it_stands(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = prove.load(name, "minigrad")
    monkeypatch.setattr(port, "STEPS" if hasattr(port, "STEPS") else "EPOCHS", 1)
    generator_state = mg.get_rng_state()
    try:
        port.main()
    finally:
        mg.set_rng_state(generator_state)
    printed = capsys.readouterr().out
    assert all(np.isfinite([float(n) for n in re.findall(r"-?\d+\.\d+", printed)])) and "->" in printed
