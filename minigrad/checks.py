"""Is the calculus right, and where did the numbers go wrong? gradcheck, gradgradcheck and detect_anomaly."""

import linecache
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from minigrad.autograd import Node, backpropagate, grad, observe
from minigrad.tensor import Tensor, tensor, zeros_like

__all__ = [
    "detect_anomaly", "gradcheck", "gradgradcheck",
]  # fmt: skip


class GradcheckError(RuntimeError):
    """A derivative that does not agree with a difference quotient."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    fast_mode: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    seed: int = 0,
) -> bool:
    """Whether func's gradients are right at `inputs`: for each input that requires one, compare vᵀJ·u, for a random
    direction u and random upstream gradients v, with the central difference (f(x + εu) - f(x - εu)) / 2ε weighted by v.

    Inputs that require gradients must be float64: in float32 a difference quotient is noise. Raises GradcheckError,
    which names the input and both numbers, or returns False without `raise_exception`. The options after it are
    PyTorch's for what is done here in any case, or has no need.

    >>> import minigrad as mg
    >>> gradcheck(mg.sin, mg.tensor(1.0, dtype=mg.float64, requires_grad=True))
    True
    """
    points = read_inputs("gradcheck", inputs)
    source = np.random.default_rng(seed)
    results = as_tuple(func(*points))
    which = [i for i, o in enumerate(results) if isinstance(o, Tensor) and o.requires_grad]
    outputs = [results[i] for i in which]
    if not outputs:
        raise ValueError("gradcheck: no output of the function requires a gradient")
    weights = [tensor(source.standard_normal(o.shape)) for o in outputs]
    checked = [x for x in points if isinstance(x, Tensor) and x.requires_grad]
    gradients = grad(outputs, checked, weights, allow_unused=True)
    for g, x in zip(gradients, checked, strict=True):
        direction = source.standard_normal(x.shape)
        analytic = 0.0 if g is None else float(np.sum(g.array * direction))
        numeric = 0.0
        for sign in (1, -1):
            moved = [tensor(p.array + sign * eps * direction, requires_grad=True) if p is x else p for p in points]
            values = as_tuple(func(*moved))
            for i, weight in zip(which, weights, strict=True):
                numeric += sign * float(np.sum(values[i].array * weight.array)) / (2 * eps)
        if not abs(analytic - numeric) <= atol + rtol * abs(numeric):
            if not raise_exception:
                return False
            raise GradcheckError(
                f"gradcheck: along a random direction the gradient of input {[p is x for p in points].index(True)} "
                f"(shape {x.shape}) gives {analytic:.9g}, the difference quotient {numeric:.9g}"
            )
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    seed: int = 0,
    **options: Any,
) -> bool:
    """Whether func's second derivatives are right: gradcheck of its gradient, as a function of inputs and upstream.

    The upstream gradients are random, or `grad_outputs`. The `options` are those of gradcheck.
    """
    points = read_inputs("gradgradcheck", inputs)
    source = np.random.default_rng(seed + 1)
    outputs = differentiable(func(*points))
    if not outputs:
        raise ValueError("gradgradcheck: no output of the function requires a gradient")
    drawn = [source.standard_normal(o.shape) for o in outputs] if grad_outputs is None else as_tuple(grad_outputs)
    weights = [w if isinstance(w, Tensor) else tensor(w, requires_grad=True) for w in drawn]
    sources = [i for i, p in enumerate(points) if isinstance(p, Tensor) and p.requires_grad]

    def gradient(*arguments: Any) -> tuple[Tensor, ...]:
        given, upstream = arguments[: len(points)], list(arguments[len(points) :])
        by = [given[i] for i in sources]
        found = grad(differentiable(func(*given)), by, upstream, create_graph=True, allow_unused=True)
        return tuple(zeros_like(x) * 1 if g is None else g for g, x in zip(found, by, strict=True))

    if not any(g.requires_grad for g in gradient(*points, *weights)):
        return True  # the gradient is constant in everything
    return gradcheck(gradient, [*points, *weights], seed=seed, **options)


def read_inputs(name: str, inputs: Any) -> list[Any]:
    points = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    checked = [x for x in points if isinstance(x, Tensor) and x.requires_grad]
    if not checked:
        raise ValueError(f"{name}: no input requires a gradient")
    for i, x in enumerate(points):
        if isinstance(x, Tensor) and x.requires_grad and x.dtype != np.float64:
            raise TypeError(f"{name}: input {i} is {x.dtype}; differences need float64")
    return points


def as_tuple(outputs: Any) -> tuple[Any, ...]:
    return tuple(outputs) if isinstance(outputs, list | tuple) else (outputs,)


def differentiable(outputs: Any) -> list[Tensor]:
    return [o for o in as_tuple(outputs) if isinstance(o, Tensor) and o.requires_grad]


# ---------------------------------------------------------------------------------------------------- anomalies

LIBRARY = str(Path(__file__).parent)


@contextmanager
def detect_anomaly(check_nan: bool = True) -> Iterator[None]:
    """Stop at the first gradient that is not finite, and say where it came from.

    Named is the first operation whose forward was not finite, if there was one, else the operation whose rule gave the
    gradient; either with the line of your code that called it. Slow: every result is looked at. Without `check_nan`
    nothing is.
    """
    places: WeakKeyDictionary[Node, str] = WeakKeyDictionary()
    first: list[str] = []

    def on_forward(node: Node | None, name: str, args: tuple[Any, ...], out: Tensor) -> None:
        if node is not None:
            places[node] = find_calling_line()
        if not first and out.dtype.kind == "f" and not np.isfinite(out.array).all() and not is_in_a_rule():
            first.append(f"the first operation whose result was not finite is {name}, called at {find_calling_line()}")

    def on_contribution(node: Node, argument: str, parent: Node, g: Tensor) -> None:
        if not np.isfinite(g.array).all():
            place = places.get(node, "a place outside of detect_anomaly")
            cause = first[0] if first else "all results of operations were finite"
            raise FloatingPointError(
                f"the rule of {node.name} for {argument!r} gave a gradient that is not finite; {node.name} was called "
                f"at {place}; {cause}"
            )

    if not check_nan:
        yield
        return
    with observe(on_forward, on_contribution):
        yield


class set_detect_anomaly:
    """Turn `detect_anomaly` on or off in this thread: from now on, or in a `with` statement for its block."""

    def __init__(self, mode: bool, check_nan: bool = True):
        self._before = getattr(switch, "context", None)
        self._turn(detect_anomaly(check_nan) if mode else None)

    def _turn(self, context: Any) -> None:
        if (active := getattr(switch, "context", None)) is not None:
            active.__exit__(None, None, None)
        switch.context = context
        if context is not None:
            context.__enter__()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        self._turn(None if self._before is None else detect_anomaly())


switch = threading.local()


def is_in_a_rule() -> bool:
    """Whether backward is at work: what a rule computes is told of as its gradient."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not backpropagate.__code__:
        frame = frame.f_back
    return frame is not None


def find_calling_line() -> str:
    """File, line and source of the innermost frame outside this library."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(LIBRARY):
        frame = frame.f_back
    source = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}: {source}"
