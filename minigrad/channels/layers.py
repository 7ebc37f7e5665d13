"""Which convolution is meant, and what goes through it: the part that everything in this package shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from minigrad import nn
from minigrad.nn.summary import preserved
from minigrad.tensor import Tensor


def convolutions(model: nn.Module) -> dict[str, nn.Conv2d]:
    """The model's Conv2d layers by their path in it; "" is the model itself."""
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}


def find(operation: str, model: Any, layer: Any = "") -> nn.Conv2d:
    """The convolution that `layer` names in `model`: a path such as "features.0", or the layer itself.

    Raises TypeError if `model` is no module or no convolution is meant, and LookupError for a name that is not there.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"{operation}: expected a convolution or a model first, got {type(model).__name__}")
    known = convolutions(model)
    there = f"{type(model).__name__} has these Conv2d layers: {', '.join(map(repr, known)) or 'none'}"
    if isinstance(layer, nn.Module):
        layer = next((name for name, module in model.named_modules() if module is layer), layer)
    if layer in ("", None) and "" not in known:
        raise TypeError(f"{operation}: which convolution? Say {operation}(model, name, …). {there}")
    if layer not in known:
        raise LookupError(f"{operation}: {layer!r} is no Conv2d of this model. {there}")
    return known[layer]


def split(operation: str, args: tuple[Any, ...], names: tuple[str, ...]) -> tuple[Any, nn.Conv2d, list[Any]]:
    """Read `(conv, *names)` or `(model, layer, *names)`: the model, its convolution, and the values of `names`."""
    usage = f"{operation}(conv, {', '.join(names)}) or {operation}(model, layer, {', '.join(names)})"
    named = len(args) == len(names) + 2
    if not named and len(args) != len(names) + 1:
        found = find(operation, args[0]) if args and not isinstance(args[-1], str) else None
        after = f" after {type(found).__name__}" if found else ""
        raise TypeError(f"{operation}: expected {usage}, got {len(args) - bool(found)} arguments{after}")
    if not named and isinstance(args[0], nn.Module) and isinstance(args[1], str | nn.Module):
        raise TypeError(f"{operation}: {names[-1]} is missing; expected {usage}")
    conv = find(operation, args[0], args[1] if named else "")
    values = list(args[2 if named else 1 :])
    if not isinstance(values[0], Tensor):
        raise TypeError(f"{operation}: expected a Tensor as x in {usage}, got {type(values[0]).__name__}")
    return args[0], conv, values


@contextmanager
def watch(
    model: nn.Module, layers: Mapping[str, nn.Module], leaf: bool = False
) -> Iterator[list[tuple[str, Any, Any]]]:
    """Collect (name, input, output) of every call of `layers` while the model runs; the model is left as it was.

    With `leaf`, each input is cut from what made it and asks for a gradient.
    """
    calls: list[tuple[str, Any, Any]] = []

    def cut(module: nn.Module, args: tuple[Any, ...]) -> Any:
        return (args[0].detach().requires_grad_(), *args[1:]) if leaf else None

    with ExitStack() as stack:
        stack.enter_context(preserved(model))
        for name, layer in layers.items():
            stack.enter_context(layer.register_forward_pre_hook(cut))

            def keep(module: nn.Module, args: tuple[Any, ...], out: Any, name: str = name) -> None:
                calls.append((name, args[0], out))

            stack.enter_context(layer.register_forward_hook(keep))
        yield calls


def reached(operation: str, model: nn.Module, conv: nn.Conv2d, x: Tensor, leaf: bool = False) -> tuple[Any, Any, Any]:
    """Run the model on x: its result, and the input and the output of `conv` in it, which has to run once."""
    name = next(name for name, layer in model.named_modules() if layer is conv)
    with watch(model, {name: conv}, leaf) as calls:
        result = model(x)
    if len(calls) != 1:
        raise ValueError(f"{operation}: {name!r} runs {len(calls)} times when the model is called; expected once")
    return result, calls[0][1], calls[0][2]
