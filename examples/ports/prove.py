"""Runs the six ports with PyTorch and with minigrad on the same weights and batches; compares the losses.

    python examples/ports/prove.py            # needs PyTorch; prints a table
    python examples/ports/prove.py --store    # also stores the first losses for tests/test_ports.py, which needs none

The PyTorch script *is* the port with its import lines replaced (IMPORTS), so nothing else can differ. Weights
travel as NumPy arrays through `state_dict`; the batches, and the noise behind `torch.randn` and `torch.rand`,
come from NumPy in both runs.

In float64 the losses agree to rounding over all steps. In float32 rounding grows from step to step, in a game of two
networks until the sequences part; the last column is the yardstick, PyTorch's float32 against its own float64.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np

HERE = Path(__file__).resolve().parent
STORE = HERE.parents[1] / "tests" / "reference" / "ports.json"
PORTS = ["mnist_cnn", "residual_network", "autoencoder", "gan", "style_transfer", "wgan_gp"]
IMPORTS = [
    ("import minigrad as torch", "import torch"),
    ("from minigrad.data import", "from torch.utils.data import"),
    ("from minigrad", "from torch"),
]
Arrays = dict[str, np.ndarray]


def load(name: str, library: str) -> ModuleType:
    """The port as a module, for "minigrad" as it stands, for "torch" with its import lines replaced."""
    source = (HERE / f"{name}.py").read_text(encoding="utf-8")
    if library == "torch":
        for ours, theirs in IMPORTS:
            source = source.replace(f"\n{ours}", f"\n{theirs}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}_{library}.py"
        path.write_text(source, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def batches_of(arrays: tuple[np.ndarray, ...], steps: int, size: int = 64) -> list[tuple[np.ndarray, ...]]:
    """Random batches, the same for every library; a single example (style transfer) is every batch."""
    rng = np.random.RandomState(0)
    rows = [rng.randint(0, len(arrays[0]), min(size, len(arrays[0]))) for _ in range(steps)]
    return [tuple(a[chosen] for a in arrays) for chosen in rows]


def initial(models: tuple[Any, ...]) -> list[Arrays]:
    """A state for each model, drawn with NumPy alone: He's weights, normalisations by 1, no biases."""
    rng, states = np.random.RandomState(1), []
    for model in models:
        state = numpy_state(model)
        for key, value in state.items():
            if value.ndim > 1:
                state[key] = rng.standard_normal(value.shape) * (2 / value[0].size) ** 0.5
            elif key.endswith(("weight", "bias")):
                state[key] = np.full(value.shape, float(key.endswith("weight")))
        states.append(state)
    return states


def numpy_state(model: Any) -> Arrays:
    """A state_dict as NumPy arrays, from either library."""
    return {k: np.array(v.numpy() if hasattr(v, "numpy") else v) for k, v in model.state_dict().items()}


@contextmanager
def shared_noise(library: ModuleType, dtype: str) -> Iterator[None]:
    """`randn` and `rand` from NumPy's generator while this lasts."""
    rng = np.random.RandomState(2)
    draw = {"randn": rng.standard_normal, "rand": rng.random_sample}
    with ExitStack() as stack:
        for name, source in draw.items():
            noise = lambda *shape, source=source: library.tensor(source(shape).astype(dtype))
            stack.enter_context(patch.object(library, name, noise))
        yield


def run(name: str, library: str, steps: int, dtype: str, states: list[Arrays] | None = None) -> list[float]:
    """The port's losses over so many batches, from the given states (default: `initial`)."""
    port, lib = load(name, library), importlib.import_module(library)
    models = tuple(model.to(getattr(lib, dtype)) for model in port.build())
    for model, state in zip(models, states or initial(models), strict=True):
        own = model.state_dict()
        model.load_state_dict({k: lib.tensor(v.astype(numpy_dtype(own[k]))) for k, v in state.items()})
    batches = [
        tuple(lib.tensor(a.astype(dtype) if a.dtype.kind == "f" else a) for a in batch)
        for batch in batches_of(port.data(), steps)
    ]
    with shared_noise(lib, dtype):
        return list(port.train(*models, batches))


def numpy_dtype(value: Any) -> np.dtype[Any]:
    """The NumPy dtype of a tensor of either library, or of an array."""
    return np.asarray(value.detach().numpy() if hasattr(value, "detach") else value).dtype


def difference(a: list[float], b: list[float]) -> float:
    """The largest difference of two sequences of losses, relative to the largest loss."""
    return float(np.abs(np.subtract(a, b)).max() / np.abs(b).max())


def main() -> None:
    """Print the table; store the first losses if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--store", action="store_true")
    options = parser.parse_args()
    try:
        import torch
    except ModuleNotFoundError:
        raise SystemExit('torch is not installed: python -m pip install -e ".[benchmark]" in the checkout') from None
    torch.set_num_threads(1)
    print(
        f"{options.steps} steps. Loss: the mean of the last ten, in float32. Difference: the largest of all steps, "
        "over the largest loss."
    )
    print(f"{'':18}{'loss':^20}{'difference':^40}")
    print(f"{'port':18}{'PyTorch':>10}{'minigrad':>10}{'float64':>10}{'float32':>10}{'PyTorch 32 to 64':>20}")
    stored = {}
    for name in PORTS:
        torch.manual_seed(0)
        states = [numpy_state(model) for model in load(name, "torch").build()]  # PyTorch's own first weights
        losses = {
            (library, dtype): run(name, library, options.steps, dtype, states)
            for library in ("torch", "minigrad")
            for dtype in ("float32", "float64")
        }
        ends = [np.mean(losses[library, "float32"][-10:]) for library in ("torch", "minigrad")]
        apart = [difference(losses["minigrad", dtype], losses["torch", dtype]) for dtype in ("float64", "float32")]
        own = difference(losses["torch", "float32"], losses["torch", "float64"])
        print(f"{name:18}{ends[0]:10.5f}{ends[1]:10.5f}{apart[0]:10.1e}{apart[1]:10.1e}{own:20.1e}", flush=True)
        stored[name] = run(name, "torch", 4, "float64")
    if options.store:
        STORE.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1]))
    main()
