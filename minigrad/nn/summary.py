"""`summary`: a table of a model's layers, with what comes out of each, what it learns and what it costs."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad import autograd, notebook, random
from minigrad.autograd import Node, Value
from minigrad.nn.module import Module
from minigrad.tensor import Tensor, zeros

COLUMNS = ("layer", "output shape", "parameters", "multiply-adds")


@dataclass
class Row:
    """One call of a module. Parameters and multiply-adds are its own, without those of the modules in it."""

    name: str
    kind: str
    depth: int
    shape: str = ""
    parameters: int = 0
    multiply_adds: int = 0
    again: bool = False  # called before: its parameters are counted there


@dataclass
class Summary:
    """What `summary` returns: `rows` in the order of the calls, and totals; prints as a table."""

    rows: list[Row] = field(default_factory=list)
    parameters: int = 0
    trainable: int = 0
    multiply_adds: int = 0
    bytes: int = 0  # of all parameters

    def cells(self) -> list[tuple[str, str, str, str]]:
        """The table's texts, row by row, without its head."""
        found = []
        for row in self.rows:
            parameters = "(above)" if row.again and row.parameters else number(row.parameters)
            name = "  " * row.depth + f"{row.name} {row.kind}".strip()
            found.append((name, row.shape, parameters, number(row.multiply_adds)))
        return found

    @property
    def total(self) -> tuple[str, str, str, str]:
        """The last line of the table."""
        return ("total", "", f"{self.parameters:,}", f"{self.multiply_adds:,}")

    def __str__(self) -> str:
        lines = [COLUMNS, *self.cells(), self.total]
        widths = [max(len(line[i]) for line in lines) for i in range(4)]
        rule = "─" * (sum(widths) + 6)
        text = [
            f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}".rstrip() for a, b, c, d in lines
        ]
        return "\n".join([text[0], rule, *text[1:-1], rule, text[-1], self.foot()])

    def foot(self) -> str:
        """What stands below the table."""
        size = f"{self.bytes:,} bytes" if self.bytes < 1e5 else f"{self.bytes / 1e6:,.1f} MB"
        return (
            f"{self.trainable:,} of {self.parameters:,} parameters are trained; all take {size}. "
            "Multiply-adds are those of convolutions and matrix products, forward."
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def line(cells: Sequence[str], tag: str) -> str:
            styled = (("left", "pre"), ("left", "normal"), ("right", "normal"), ("right", "normal"))
            return "".join(
                f'<{tag} style="text-align:{align};white-space:{space}">{notebook.escape(cell)}</{tag}>'
                for cell, (align, space) in zip(cells, styled, strict=True)
            )

        body = "".join(f"<tr>{line(cells, 'td')}</tr>" for cells in self.cells())
        return (
            f"<table><thead><tr>{line(COLUMNS, 'th')}</tr></thead><tbody>{body}</tbody>"
            f"<tfoot><tr>{line(self.total, 'th')}</tr></tfoot></table><p>{notebook.escape(self.foot())}</p>"
        )


def summary(
    model: Module,
    input_size: Sequence[Any] | None = None,
    input_data: Any = None,
    dtype: DTypeLike = np.float32,
) -> Summary:
    """Call `model` once, in evaluation mode, and list its modules as they are called.

    input_size: shape of the input with the batch, (64, 1, 28, 28), or a list of such shapes for several inputs, which
    are then zeros of `dtype`; or input_data: a tensor, or a tuple of them. The model is left as it was.

    >>> from minigrad import nn
    >>> nn.summary(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), (8, 4))
    layer       output shape  parameters  multiply-adds
    ───────────────────────────────────────────────────
    Sequential  8×2                    —              —
      0 Linear  8×3                   15             96
      1 ReLU    8×3                    —              —
      2 Linear  8×2                    8             48
    ───────────────────────────────────────────────────
    total                             23            144
    23 of 23 parameters are trained; all take 92 bytes. Multiply-adds are those of convolutions and matrix products, \
forward.
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary: expected a Module, got {type(model).__name__}")
    if (input_size is None) == (input_data is None):
        raise TypeError("summary: give either input_size, such as (64, 1, 28, 28), or input_data")
    if input_size is not None:
        several = any(isinstance(size, Sequence) for size in input_size)
        sizes = list(input_size) if several else [input_size]
        inputs = tuple(zeros(size, dtype=dtype) for size in sizes)
    else:
        inputs = input_data if isinstance(input_data, tuple) else (input_data,)
    table = Summary()
    open_rows: list[Row] = []
    seen: set[int] = set()
    names = {id(module): path for path, module in model.named_modules()}

    def enter(module: Module, args: Any) -> None:
        row = Row(names[id(module)], type(module).__name__, len(open_rows), again=id(module) in seen)
        row.parameters = sum(p.array.size for p in module.parameters(recurse=False))
        seen.add(id(module))
        open_rows.append(row)
        table.rows.append(row)

    def leave(module: Module, args: Any, out: Any) -> None:
        while (row := open_rows.pop()).name != names[id(module)]:  # a call that ended with an error, which was caught
            pass
        row.shape = shapes(out)

    def forward(node: Node | None, name: str, args: tuple[Any, ...], out: Tensor) -> None:
        cost = multiply_adds(name, args, out.array)
        table.multiply_adds += cost
        if open_rows:
            open_rows[-1].multiply_adds += cost

    with contextlib.ExitStack() as stack:
        stack.enter_context(preserved(model))
        for module in model.modules():
            stack.enter_context(module.register_forward_pre_hook(enter))
            stack.enter_context(module.register_forward_hook(leave))
        stack.enter_context(autograd.no_grad())
        stack.enter_context(autograd.observe(on_forward=forward))
        model.eval()
        model(*inputs)
    for parameter in model.parameters():
        table.parameters += parameter.array.size
        table.bytes += parameter.array.nbytes
        table.trainable += parameter.array.size if parameter.requires_grad else 0
    return table


@contextlib.contextmanager
def preserved(module: Module) -> Iterator[None]:
    """Put the module's buffers, its training modes and the default generator back as they were."""
    buffers = [(buffer, buffer.array, buffer.array.copy()) for buffer in module.buffers()]
    modes = [(inner, inner.training) for inner in module.modules()]
    state = random.get_rng_state()
    try:
        yield
    finally:
        random.set_rng_state(state)
        for inner, mode in modes:
            inner.training = mode
        for buffer, array, values in buffers:
            buffer.array = array
            array[...] = values


def multiply_adds(name: str, args: tuple[Any, ...], out: np.ndarray) -> int:
    """Products that a primitive adds up: each output element of a convolution takes one per weight of its filter."""
    shapes = [arg.array.shape if isinstance(arg, Value) else getattr(arg, "shape", ()) for arg in args[:2]]
    if name == "convolution":  # weight (O, C/groups, K, L)
        return out.size * math.prod(shapes[1][1:])
    if name == "convolution_input":
        return math.prod(shapes[0]) * math.prod(shapes[1][1:])
    if name in ("linear", "matmul"):
        return out.size * shapes[0][-1] if shapes[0] else 0
    if name == "contract":  # einsum of two, their dimensions named by letters
        sizes = dict(zip(args[2] + args[3], shapes[0] + shapes[1], strict=True))
        return math.prod(sizes.values())
    return 0


def shapes(value: Any) -> str:
    """The shapes of the tensors in what a module returned."""
    if isinstance(value, Value):
        return "×".join(map(str, value.array.shape)) or "scalar"
    if isinstance(value, tuple | list):
        return ", ".join(shapes(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {shapes(part)}" for key, part in value.items())
    return type(value).__name__


def number(count: int) -> str:
    """A count with separators; — for none."""
    return f"{count:,}" if count else "—"
