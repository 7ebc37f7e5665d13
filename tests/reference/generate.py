"""Runs the rows of rows/ through PyTorch 2.13 and stores what comes out in stored/, a file a room. Needs torch.

    python tests/reference/generate.py [room ...]

A file holds, without pickle: `index` (JSON: for each call its arrays' names, shapes and dtypes) and two flat vectors,
`inputs` (float32, exact) and `results` (float64). The rows that were run are taken off the list of pending.txt.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reference.calls import Call, Room, arrays_for, description, evaluate, parameter_draws
from reference.rows import ROOMS

HERE = Path(__file__).resolve().parent


def entry(torch: Any, call: Call) -> tuple[dict[str, Any], list[np.ndarray], list[np.ndarray]]:
    """What PyTorch makes of a call: its line of the index, its inputs and its results."""
    arrays = arrays_for(torch, call)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of shapes and empty reductions; we ask for their values
        result = evaluate(torch, call, arrays)
        single = evaluate(torch, call, arrays, dtype="float32", second=False)
    line = {
        "inputs": [[list(a.shape), str(a.dtype)] for a in arrays],
        "parameters": list(parameter_draws(torch, call)),
        "module": description(torch, call),
        "values": [
            [list(a.shape), str(a.dtype), str(b.dtype)] for a, b in zip(result.values, single.values, strict=True)
        ],
        "first": [list(a.shape) for a in result.first],
        "second": None if result.second is None else [list(a.shape) for a in result.second],
    }
    return line, arrays, [*result.values, *result.first, *(result.second or [])]


def store(torch: Any, room: Room) -> None:
    """Run a room's rows through PyTorch and write its file."""
    index, inputs, results = {}, [], []
    for call in room.calls:
        if call.name in index:
            raise SystemExit(f"two rows are the same call: {call.name}")
        try:
            index[call.name], arrays, values = entry(torch, call)
        except Exception as error:
            error.add_note(f"in {call.name}")
            raise
        inputs += arrays
        results += values
    flat = {
        "inputs": np.concatenate([np.zeros(0, np.float32), *(a.ravel().astype(np.float32) for a in inputs)]),
        "results": np.concatenate([np.zeros(0), *(a.ravel().astype(np.float64) for a in results)]),
    }
    target = HERE / "stored" / f"{room.name}.npz"
    np.savez_compressed(target, index=np.frombuffer(json.dumps(index).encode(), np.uint8), **flat)
    print(f"{room.name}: {len(index)} calls, {flat['results'].size} numbers, {target.stat().st_size / 1000:.0f} kB")


def main(names: list[str]) -> None:
    import torch

    torch.set_num_threads(1)
    done = set()
    for name in names or ROOMS:
        store(torch, ROOMS[name])
        done |= {call.name for call in ROOMS[name].calls}
    pending = HERE / "pending.txt"
    lines = pending.read_text(encoding="utf-8").splitlines()
    pending.write_text("".join(f"{line}\n" for line in lines if line not in done), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
