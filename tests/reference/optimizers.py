"""minigrad's optimizers against an installed PyTorch's, with every configuration of PyTorch's own database of them.

    python tests/reference/optimizers.py [--steps 50]

Each configuration of `torch.testing._internal.common_optimizers.optim_db` (which needs the package expecttest) trains
the same small function in both, in float64, with groups, with a rate that changes, and through a saved state; each
input that PyTorch refuses must be refused here. Exits with 1 if anything differs by more than 1e-12, and by ten times
more than PyTorch from itself, begun in another last digit (so it is with L-BFGS near its end).
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

AGREES = 1e-12
ABSENT = ("Adafactor", "Muon", "SparseAdam")  # not here
NOT_HERE = ("complex", "sparse", "differentiable", "foreach", "both Tensors")  # words for what is not here or no matter


def train(
    library: Any, make: Callable[[list[Any]], Any], steps: int, resume: bool = False, moved: float = 0.0
) -> np.ndarray:
    """Where a function's three parameters are after each step, one a row; one of them has no gradient at times."""
    rng = np.random.default_rng(0)
    a, b, c = (
        library.tensor(rng.standard_normal(shape) + moved, dtype=library.float64, requires_grad=True)
        for shape in ((3, 2), (2,), ())
    )
    optimizer = make([a, b, c])
    rows = []
    for t in range(steps):
        if resume and t == steps // 2:
            state = optimizer.state_dict()
            optimizer = make([a, b, c])
            optimizer.load_state_dict(state)

        def closure(t: int = t, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = ((a * b).tanh() * (1 + 0.1 * (t % 5))).sum() + a.cos().sum() + (b.sin() * (2 + c.sin())).sum()
            loss.backward()
            if t % 7 == 3 and type(optimizer).__name__ != "LBFGS":
                c.grad = None
            return loss

        if t % 10 == 9:
            for group in optimizer.param_groups:
                group["lr"] = group["lr"] * 0.9
        optimizer.step(closure)
        rows.append(np.concatenate([p.detach().numpy().reshape(-1) for p in (a, b, c)]))
    return np.array(rows)


def translate(value: Any, torch: Any, mg: Any, known: dict[int, Any]) -> Any:
    """What is given to one of PyTorch's optimizers in minigrad's terms: the same Tensor for the same one."""
    if isinstance(value, torch.Tensor):
        made = mg.tensor(value.detach().numpy(), requires_grad=value.requires_grad)
        return known.setdefault(id(value), made)
    if isinstance(value, list | tuple):
        return type(value)(translate(item, torch, mg, known) for item in value)
    if isinstance(value, dict):
        return {key: translate(item, torch, mg, known) for key, item in value.items()}
    return value


def configurations(info: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each of the database's configurations, as it is and with each flag that the optimizer supports."""
    flags: list[dict[str, Any]] = [{}]
    if info.optim_cls.__name__ != "LBFGS":
        flags += [{"foreach": True}, {"maximize": True}]
    for given in info.optim_inputs_func(device="cpu"):
        numbers = [given.kwargs.get("lr"), *given.kwargs.get("betas", ())]
        for flag in flags[:: 2 if any(hasattr(number, "shape") for number in numbers) else 1]:
            yield given.desc, {**given.kwargs, **flag}


def makers(kind: Any, options: dict[str, Any]) -> Iterator[tuple[str, Callable[[list[Any]], Any]]]:
    yield "", lambda p: kind(p, **options)
    if kind.__name__ != "LBFGS":
        yield "two groups", lambda p: kind([{"params": p[:1]}, {"params": p[1:], "lr": 0.003}], **options)


def compare(torch: Any, mg: Any, steps: int) -> list[str]:
    from torch.testing._internal.common_optimizers import optim_db

    problems, count, refused, worst = [], 0, 0, 0.0
    for info in optim_db:
        name = info.optim_cls.__name__
        if name in ABSENT:
            continue
        ours = getattr(mg.optim, name)
        for description, options in configurations(info):
            own = translate(options, torch, mg, {})
            for (kind, first), (_, second) in zip(makers(info.optim_cls, options), makers(ours, own), strict=True):
                for resume in (False, True) if not kind else (False,):
                    label = f"{name} {description} {options} {kind} {'resumed' if resume else ''}"
                    expected, found = train(torch, first, steps, resume), train(mg, second, steps, resume)
                    error = np.abs(found - expected).max() / max(1.0, np.abs(expected).max())
                    count, worst = count + 1, max(worst, float(error))
                    if not error <= AGREES:
                        others = (train(torch, first, steps, resume, moved) for moved in (1e-16, -1e-15, 1e-15, 1e-14))
                        change = max(np.abs(other - expected).max() for other in others)
                        if not error <= 10 * change:
                            problems.append(f"{label}: {error:.1e}; PyTorch, begun in another last digit, {change:.1e}")
        for wrong in info.optim_error_inputs_func(device="cpu", dtype=torch.float64):
            given = wrong.optimizer_error_input
            if any(word in f"{given.desc} {given.kwargs}" for word in NOT_HERE):
                continue
            refused += 1
            try:
                parameters = given.params if given.params is not None else [torch.ones(2, requires_grad=True)]
                ours(translate(parameters, torch, mg, {}), **translate(given.kwargs, torch, mg, {}))
            except (TypeError, ValueError, RuntimeError):
                continue
            problems.append(f"{name} accepts {given.desc}: {given.kwargs}")
    print(
        f"{count} trainings of {steps} steps, the worst differs by {worst:.1e}; {refused} inputs that PyTorch refuses"
    )
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=50)
    arguments = parser.parse_args()
    import torch

    import minigrad as mg

    warnings.simplefilter("ignore")
    torch.set_default_dtype(torch.float64)
    mg.set_default_dtype(mg.float64)
    problems = compare(torch, mg, arguments.steps)
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
