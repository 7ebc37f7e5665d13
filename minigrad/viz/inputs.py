"""What a reader gives and what comes out: sample inputs for a module or a function, and names for both."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from minigrad import autograd
from minigrad.autograd import Value
from minigrad.nn import Module
from minigrad.nn.summary import preserved
from minigrad.tensor import Tensor, as_tensor
from minigrad.viz.record import Record, record


class Run:
    """One call of a module or a function that was recorded: what it was given, by name, and what came out."""

    def __init__(self, called: Module | Callable[..., Any], given: Any, loss: Callable[[Any], Tensor] | None):
        self.inputs: dict[str, Tensor] = {}
        args, kwargs = self.bind(called, given)
        modules = [called] if isinstance(called, Module) else []
        keeping = preserved(called) if isinstance(called, Module) else nullcontext()
        with keeping, autograd.enable_grad(), record(*modules) as seen:
            output = called(*args, **kwargs)
            if loss is not None:
                output = loss(output)
        self.seen: Record = seen
        self.output: Any = output

    def bind(self, called: Module | Callable[..., Any], given: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments as the call takes them: a dict's by keyword where its keys are parameters, a tuple's in order."""
        signature = inspect.signature(called.forward if isinstance(called, Module) else called)
        args, kwargs = (given, {}) if isinstance(given, tuple) else ((given,), {})
        if isinstance(given, Mapping):
            try:
                signature.bind(**given)
                args, kwargs = (), dict(given)
            except TypeError:
                pass
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            name = type(called).__name__ if isinstance(called, Module) else getattr(called, "__name__", "the function")
            called_as = f"{name}({', '.join(signature.parameters)})"
            hint = "; a list is one argument: give several as a tuple, (x, y)" if isinstance(given, list) else ""
            raise TypeError(f"graph: {called_as} does not take the sample input: {error}{hint}") from None
        if not any(holds_arrays(value) for value in bound.arguments.values()):  # then the numbers are what is drawn
            bound.arguments.update({name: make_tensors(value) for name, value in bound.arguments.items()})
        for name, value in bound.arguments.items():
            several = signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
            prepared = tuple(self.prepare(f"{name} {i + 1}", v) for i, v in enumerate(value)) if several else (
                self.prepare(name, value)
            )  # fmt: skip
            bound.arguments[name] = prepared
        return bound.args, bound.kwargs

    def prepare(self, name: str, value: Any) -> Any:
        """A sample input, with all tensors in it named; those of floats ask for a gradient, on a copy of the tensor."""
        if isinstance(value, Mapping):
            return {key: self.prepare(str(key), part) for key, part in value.items()}
        if isinstance(value, list | tuple) and any(isinstance(part, Value | np.ndarray) for part in value):
            return type(value)(self.prepare(f"{name} {i + 1}", part) for i, part in enumerate(value))
        if isinstance(value, np.ndarray):
            value = as_tensor(value)
        if isinstance(value, Tensor):
            if value.node is None and value.array.dtype.kind == "f":
                value = value.detach().requires_grad_()
            self.inputs[name] = value
        return value


def holds_arrays(value: Any) -> bool:
    """Whether a sample input is a tensor or an array, or has one in it."""
    if isinstance(value, Mapping):
        return any(map(holds_arrays, value.values()))
    return isinstance(value, Value | np.ndarray) or (isinstance(value, list | tuple) and any(map(holds_arrays, value)))


def make_tensors(value: Any) -> Any:
    """A number as a tensor of float32; those of a tuple one by one."""
    if isinstance(value, tuple):
        return tuple(map(make_tensors, value))
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return as_tensor(np.float32(value)) if number else value


def make_input(input_size: Sequence[Any], dtype: Any = np.float32) -> Any:
    """Zeros of a size, (1, 3, 224, 224), or a tuple of them for a list of sizes; a dict for a dict of sizes."""
    if isinstance(input_size, Mapping):
        return {name: make_input(size, dtype) for name, size in input_size.items()}
    if any(isinstance(size, Sequence) for size in input_size):
        return tuple(make_input(size, dtype) for size in input_size)
    return as_tensor(np.zeros(tuple(input_size), dtype))


def name_outputs(value: Any, label: str) -> dict[str, Tensor]:
    """The tensors in what was returned, by their keys, fields or places; one alone by the label."""
    found: dict[str, Tensor] = {}
    todo: list[tuple[str, Any]] = [("", value)]
    while todo:
        name, item = todo.pop(0)
        parts: list[tuple[str, Any]] = []
        if isinstance(item, Tensor):
            key = name or label
            found[key if key not in found else f"{key} {len(found) + 1}"] = item
        elif isinstance(item, Mapping):
            parts = [(str(key), part) for key, part in item.items()]
        elif isinstance(item, tuple) and hasattr(item, "_fields"):
            parts = list(zip(item._fields, item, strict=True))
        elif isinstance(item, list | tuple):
            parts = [(f"{name or label} {i + 1}" if len(item) > 1 else name, part) for i, part in enumerate(item)]
            if name:
                parts = [(f"{name} {i + 1}", part) for i, part in enumerate(item)]
        elif is_dataclass(item) and not isinstance(item, type):
            parts = [(field.name, getattr(item, field.name)) for field in fields(item)]
        todo = [*parts, *todo] if parts else todo
    with_graph = {name: tensor for name, tensor in found.items() if tensor.node is not None}
    if with_graph:
        return with_graph
    what = f"a tensor of shape {value.array.shape}" if isinstance(value, Value) else type(value).__name__
    if not found and not isinstance(value, list | tuple | Mapping) and not is_dataclass(value):
        raise TypeError(f"graph: expected a Tensor, a Module or a function, got {what}")
    raise ValueError(
        f"graph: expected a tensor with a graph, got {what}; nothing in it asks for a gradient, "
        "or it was made under no_grad"
    )
