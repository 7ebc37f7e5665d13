"""`summary`: a table of a model's layers, with what comes out of each, what it learns and what it costs."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad import autograd, notebook, random
from minigrad.autograd import Node, Value
from minigrad.nn.module import Module
from minigrad.tensor import Tensor, zeros

LEFT = ("layer", "input shape", "output shape")  # columns of text
COLUMNS = ("input shape", "output shape", "parameters", "multiply-adds")
TORCHINFO = {"input_size": COLUMNS[0], "output_size": COLUMNS[1],
             "num_params": COLUMNS[2], "mult_adds": COLUMNS[3]}  # fmt: skip


@dataclass
class Row:
    """One call of a module. Parameters and multiply-adds are its own, without those of the modules in it."""

    name: str
    kind: str
    depth: int
    input_shape: str = ""
    shape: str = ""  # of what comes out
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

    columns: tuple[str, ...] = COLUMNS
    depth: int | None = None  # levels of modules that have a row, the model's being 0; None for all

    def shown(self) -> list[Row]:
        """The rows that are printed: below `depth` the numbers of a module are those of all that is in it, too."""
        found: list[Row] = []
        for row in self.rows:
            if self.depth is None or row.depth <= self.depth:
                found.append(replace(row))
            elif not row.again:
                found[-1].parameters += row.parameters
                found[-1].multiply_adds += row.multiply_adds
            else:
                found[-1].multiply_adds += row.multiply_adds
        return found

    def cells(self) -> list[tuple[str, ...]]:
        """The table's texts, row by row, without its head."""
        found = []
        for row in self.shown():
            parameters = "(above)" if row.again and row.parameters else number(row.parameters)
            texts = dict(zip(COLUMNS, (row.input_shape, row.shape, parameters, number(row.multiply_adds)), strict=True))
            name = "  " * row.depth + f"{row.name} {row.kind}".strip()
            found.append((name, *(texts[column] for column in self.columns)))
        return found

    @property
    def head(self) -> tuple[str, ...]:
        """The first line of the table."""
        return ("layer", *self.columns)

    @property
    def total(self) -> tuple[str, ...]:
        """The last line of the table."""
        texts = {"parameters": f"{self.parameters:,}", "multiply-adds": f"{self.multiply_adds:,}"}
        return ("total", *(texts.get(column, "") for column in self.columns))

    def __str__(self) -> str:
        lines = [self.head, *self.cells(), self.total]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rule = "─" * (sum(widths) + 2 * len(self.columns))
        texts = []
        for line in lines:
            cells = zip(line, widths, self.head, strict=True)
            spelled = (f"{cell:<{w}}" if name in LEFT else f"{cell:>{w}}" for cell, w, name in cells)
            texts.append("  ".join(spelled).rstrip())
        return "\n".join([texts[0], rule, *texts[1:-1], rule, texts[-1], self.foot()])

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
            return "".join(
                f'<{tag} style="text-align:{"left" if name in LEFT else "right"};white-space:pre;padding:1px 6px">'
                f"{notebook.escape(cell)}</{tag}>"
                for cell, name in zip(cells, self.head, strict=True)
            )

        body = "".join(f"<tr>{line(cells, 'td')}</tr>" for cells in self.cells())
        return (
            f"<table><thead><tr>{line(self.head, 'th')}</tr></thead><tbody>{body}</tbody>"
            f"<tfoot><tr>{line(self.total, 'th')}</tr></tfoot></table><p>{notebook.escape(self.foot())}</p>"
        )


def summary(
    model: Module,
    input_size: Sequence[Any] | None = None,
    input_data: Any = None,
    dtype: DTypeLike = np.float32,
    depth: int | None = None,
    columns: Sequence[str] = COLUMNS,
) -> Summary:
    """Call `model` once, in evaluation mode, and list its modules as they are called.

    input_size: shape of the input with the batch, (64, 1, 28, 28), or a list of such shapes for several inputs, which
    are then zeros of `dtype`; or input_data: a tensor, or a tuple of them. The model is left as it was. depth: levels
    of modules that have rows, the model's being 0; a row's numbers are then those of what is hidden in it, too.
    columns: of "input shape", "output shape", "parameters", "multiply-adds", or torchinfo's names for them.

    >>> from minigrad import nn
    >>> nn.summary(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), (8, 4))
    layer       input shape  output shape  parameters  multiply-adds
    ────────────────────────────────────────────────────────────────
    Sequential  8×4          8×2                    —              —
      0 Linear  8×4          8×3                   15             96
      1 ReLU    8×3          8×3                    —              —
      2 Linear  8×3          8×2                    8             48
    ────────────────────────────────────────────────────────────────
    total                                          23            144
    23 of 23 parameters are trained; all take 92 bytes. Multiply-adds are those of convolutions and matrix products, \
forward.
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary: expected a Module, got {type(model).__name__}")
    if (input_size is None) == (input_data is None):
        raise TypeError("summary: give either input_size, such as (64, 1, 28, 28), or input_data")
    inputs = make_inputs(input_size, dtype) if input_size is not None else input_data
    table = Summary(columns=known_columns(columns), depth=depth)
    count = Count(table, {id(module): path for path, module in model.named_modules()})
    with contextlib.ExitStack() as stack:
        stack.enter_context(preserved(model))
        for module in model.modules():
            stack.enter_context(module.register_forward_pre_hook(count.enter))
            stack.enter_context(module.register_forward_hook(count.leave))
        stack.enter_context(autograd.no_grad())
        stack.enter_context(autograd.observe(on_forward=count.forward))
        model.eval()
        model(*(inputs if isinstance(inputs, tuple) else (inputs,)))
    for parameter in model.parameters():
        table.parameters += parameter.array.size
        table.bytes += parameter.array.nbytes
        table.trainable += parameter.array.size if parameter.requires_grad else 0
    return table


def make_inputs(input_size: Sequence[Any], dtype: DTypeLike) -> tuple[Tensor, ...]:
    """Zeros of a shape, or of each of several."""
    if not isinstance(input_size, Sequence) or isinstance(input_size, str):
        raise TypeError(f"summary: input_size is a shape, such as (64, 1, 28, 28), got {input_size!r}")
    several = any(isinstance(size, Sequence) for size in input_size)
    return tuple(zeros(*size, dtype=dtype) for size in (input_size if several else [input_size]))


def known_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns by our names. Raises ValueError for one that is not there."""
    named = tuple(TORCHINFO.get(column, column) for column in columns)
    if unknown := [column for column in named if column not in COLUMNS]:
        raise ValueError(f"summary: columns are among {', '.join(COLUMNS)}; got {unknown[0]!r}")
    return named


class Count:
    """Fills a Summary while the model runs: hooks for its modules' calls, and an observer of its operations."""

    def __init__(self, table: Summary, names: dict[int, str]):
        self.table, self.names = table, names
        self.open_rows: list[Row] = []
        self.seen: set[int] = set()

    def enter(self, module: Module, args: Any) -> None:
        """A module is called."""
        given = shapes(args[0] if len(args) == 1 else args)
        again = id(module) in self.seen
        row = Row(self.names[id(module)], type(module).__name__, len(self.open_rows), given, again=again)
        row.parameters = sum(p.array.size for p in module.parameters(recurse=False))
        self.seen.add(id(module))
        self.open_rows.append(row)
        self.table.rows.append(row)

    def leave(self, module: Module, args: Any, out: Any) -> None:
        """A module's call ends, and with it those in it that ended with an error, which was caught."""
        while (row := self.open_rows.pop()).name != self.names[id(module)]:
            pass
        row.shape = shapes(out)

    def forward(self, node: Node | None, name: str, args: tuple[Any, ...], out: Tensor) -> None:
        """An operation has run."""
        cost = multiply_adds(name, args, out.array)
        self.table.multiply_adds += cost
        if self.open_rows:
            self.open_rows[-1].multiply_adds += cost


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
