"""Runs every row of table.py through PyTorch 2.13 and stores what comes out in torch.npz. Needs torch.

    python tests/reference/generate.py

The file holds, without pickle: `index` (JSON: for each call its arrays' names, shapes and dtypes) and two
flat vectors, `inputs` (float32, exact) and `results` (float64).
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reference.calls import Call, description, draw, draws, evaluate, parameter_draws
from reference.table import CALLS

STORE = Path(__file__).with_name("torch.npz")


def arrays_for(library: object, call: Call) -> list[np.ndarray]:
    """Input arrays, then a module's parameters, drawn from the seed of the call's name."""
    rng = np.random.RandomState(call.seed())
    return [draw(d, rng) for d in [*draws(call), *parameter_draws(library, call).values()]]


def main() -> None:
    import torch

    torch.set_num_threads(1)
    index, inputs, results = {}, [], []
    for call in CALLS:
        arrays = arrays_for(torch, call)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # torch warns of shapes and empty reductions; the values are what we ask for
            result = evaluate(torch, call, arrays)
            single = evaluate(torch, call, arrays, dtype="float32", second=False)
        if call.name in index:
            raise SystemExit(f"two rows are the same call: {call.name}")
        index[call.name] = {
            "inputs": [[list(a.shape), str(a.dtype)] for a in arrays],
            "parameters": list(parameter_draws(torch, call)),
            "module": description(torch, call),
            "values": [
                [list(a.shape), str(a.dtype), str(b.dtype)] for a, b in zip(result.values, single.values, strict=True)
            ],
            "first": [list(a.shape) for a in result.first],
            "second": None if result.second is None else [list(a.shape) for a in result.second],
        }
        inputs += arrays
        results += [*result.values, *result.first, *(result.second or [])]
    flat = {
        "inputs": np.concatenate([a.ravel().astype(np.float32) for a in inputs]),
        "results": np.concatenate([a.ravel().astype(np.float64) for a in results]),
    }
    np.savez_compressed(STORE, index=np.frombuffer(json.dumps(index).encode(), np.uint8), **flat)
    print(f"{len(index)} calls, {flat['results'].size} numbers, {STORE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
