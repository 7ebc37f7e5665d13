"""One description of a call that PyTorch and minigrad can both run, and the evaluation of it.

minigrad has PyTorch's names, argument order and meaning, so a call is stated once: a dotted path
("nn.functional.conv2d"), its arguments, its options. `evaluate(library, call, arrays)` looks the path up in
whichever library it is given and returns the values, the first gradients and the second ones. Nothing in this
file imports either library.

In here: the draws of inputs (multiples of 1/64, which float32 holds exactly and a file stores small), `Call`,
`evaluate`, the relative error. The calls themselves are in rows/ (by hand, an edge case a line, a file a topic) and
in generated.py (at random).
"""

from __future__ import annotations

import operator
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

# --- inputs -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draw:
    """An input array to be drawn."""

    kind: str
    shape: tuple[int, ...]
    high: int = 0
    grad: bool = True

    def __repr__(self) -> str:
        return ("" if self.kind == "normal" else self.kind) + "x".join(map(str, self.shape)).join("[]")


def x(*shape: int) -> Draw:
    """Standard normal."""
    return Draw("normal", shape)


def positive(*shape: int) -> Draw:
    """Uniform in [0.5, 2.5]."""
    return Draw("positive", shape)


def unit(*shape: int) -> Draw:
    """Uniform in (0, 1), away from both ends."""
    return Draw("unit", shape)


def distinct(*shape: int) -> Draw:
    """No two values equal, none zero: for functions with kinks at ties."""
    return Draw("distinct", shape)


def ties(*shape: int) -> Draw:
    """Integers from -2 to 2 as floats: ties and zeros abound, so the choice of subgradient shows."""
    return Draw("ties", shape)


def constant(draw: Draw) -> Draw:
    """The same draw, without a gradient."""
    return Draw(draw.kind, draw.shape, draw.high, grad=False)


def index(high: int, *shape: int) -> Draw:
    """int64 in [0, high)."""
    return Draw("index", shape, high, grad=False)


def mask(*shape: int) -> Draw:
    """Booleans."""
    return Draw("mask", shape, grad=False)


def draw(wanted: Draw, rng: np.random.RandomState, coarse: bool = True) -> np.ndarray:
    """The array that `wanted` describes; RandomState because NumPy keeps its streams the same for ever.

    Coarse values are rounded to multiples of 1/64, others have all their bits.
    """
    shape, size = wanted.shape, int(np.prod(wanted.shape))
    if wanted.kind == "index":
        return rng.randint(0, wanted.high, shape).astype(np.int64)
    if wanted.kind == "mask":
        return rng.rand(*shape) < 0.5 if shape else np.array(rng.rand() < 0.5)
    if wanted.kind == "distinct":
        values = (rng.permutation(size) - size // 2 + 0.5).reshape(shape) / 16
    elif wanted.kind == "ties":
        values = rng.randint(-2, 3, shape)
    elif wanted.kind == "normal":
        values = np.asarray(rng.standard_normal(shape))
    else:
        low, high = {"positive": (0.5, 2.5), "unit": (0.05, 0.95)}[wanted.kind]
        values = rng.uniform(low, high, shape)
    return np.asarray(np.round(np.asarray(values) * 64) / 64 if coarse else values, dtype=np.float64)


# --- calls --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Name:
    """A name to look up in the library at hand, for an option such as a dtype."""

    path: str

    def __repr__(self) -> str:
        return self.path


@dataclass(frozen=True)
class Call:
    """A call that both libraries understand.

    `path` is a dotted name or a function of (library, *arguments); with `inputs` it is a module's class,
    `args` and `options` construct it, and `inputs` go through it. `second` says whether second derivatives
    are compared.
    """

    group: str
    path: str | Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[Any, ...] | None = None
    train: bool = True
    second: bool = True

    @property
    def name(self) -> str:
        path = self.path if isinstance(self.path, str) else self.path.__name__
        arguments = [repr(a) for a in self.args] + [f"{k}={v!r}" for k, v in self.options.items()]
        through = "" if self.inputs is None else f"({', '.join(map(repr, self.inputs))})"
        return f"{path}({', '.join(arguments)}){through}{'' if self.train else '.eval'}"

    def seed(self) -> int:
        """A seed that depends on the call's name alone, so a new row moves no other row's numbers."""
        return zlib.crc32(self.name.encode())


@dataclass
class Room:
    """The calls of one topic, which a file of rows/ states and a file of stored/ has PyTorch's results of."""

    name: str
    calls: list[Call] = field(default_factory=list)

    def add(self, path: str | Callable[..., Any], *args: Any, second: bool = True, **options: Any) -> None:
        """A row: a function and its arguments."""
        self.calls.append(Call(self.name, path, args, options, second=second))

    def module(self, path: str, args: list[Any], *inputs: Any, train: bool = True, **options: Any) -> None:
        """A row: a module's class, the arguments that construct it, and what goes through it."""
        self.calls.append(Call(self.name, path, tuple(args), options, inputs, train))


def draws(call: Call) -> list[Draw]:
    """Every array to draw, in the order of the arguments."""
    found: list[Draw] = []
    _substitute((call.args, call.options, call.inputs or ()), lambda d: found.append(d), lambda n: None)
    return found


def draw_all(call: Call, rng: np.random.RandomState) -> list[np.ndarray]:
    """Arrays for all of a call's draws."""
    return [draw(wanted, rng) for wanted in draws(call)]


def _substitute(value: Any, of_draw: Callable[[Draw], Any], of_name: Callable[[Name], Any]) -> Any:
    """`value` with every Draw and every Name in it replaced, through lists, tuples and dicts."""
    if isinstance(value, Draw):
        return of_draw(value)
    if isinstance(value, Name):
        return of_name(value)
    if isinstance(value, list | tuple):
        return type(value)(_substitute(v, of_draw, of_name) for v in value)
    if isinstance(value, dict):
        return {k: _substitute(v, of_draw, of_name) for k, v in value.items()}
    return value


def lookup(library: Any, path: str) -> Any:
    """The object at a dotted path: `operator.add`, or below the library."""
    if path.startswith("operator."):
        return getattr(operator, path.removeprefix("operator."))
    for part in path.split("."):
        library = getattr(library, part)
    return library


# --- memory layouts -----------------------------------------------------------------------------------------


def contiguous(library: Any, array: np.ndarray) -> Any:
    """A tensor in C order."""
    return library.tensor(array)


def permuted(library: Any, array: np.ndarray) -> Any:
    """A tensor whose axes lie in memory in the opposite order."""
    axes = tuple(range(array.ndim))[::-1]
    return library.tensor(np.ascontiguousarray(array.transpose(axes))).permute(*axes) if axes else library.tensor(array)


def strided(library: Any, array: np.ndarray) -> Any:
    """A tensor that is every second element of a larger one."""
    if array.ndim == 0:
        return library.tensor(array)
    wide = np.repeat(array, 2, axis=-1)
    wide[..., 1::2] = 0
    return library.tensor(wide)[..., ::2]


LAYOUTS = {"contiguous": contiguous, "permuted": permuted, "strided": strided}

# --- evaluation ---------------------------------------------------------------------------------------------


class Result(NamedTuple):
    """A call's values, gradients of a weighted sum of them, and of a weighted sum of those (or None)."""

    values: list[np.ndarray]
    first: list[np.ndarray]
    second: list[np.ndarray] | None


def weights(shape: tuple[int, ...], shift: int = 0) -> np.ndarray:
    """Fixed, exactly representable, nowhere zero: the weights of a sum over a result's elements."""
    size = int(np.prod(shape))
    return ((np.arange(shift, shift + size) * 5 % 13 - 5.5) / 4).reshape(shape)


def is_float(array: np.ndarray) -> bool:
    return array.dtype.kind == "f"


def to_numpy(value: Any) -> np.ndarray:
    """A library's tensor, or a Python number, as an array."""
    return np.asarray(value.detach().numpy()) if hasattr(value, "detach") else np.asarray(value)


def flatten(value: Any) -> list[Any]:
    """Tensors out of nested tuples and lists, in order."""
    return [t for v in value for t in flatten(v)] if isinstance(value, list | tuple) else [value]


def description(library: Any, call: Call) -> list[Any]:
    """A module's repr, and the keys, shapes and dtypes of its state; nothing for a function."""
    if call.inputs is None:
        return []
    module = lookup(library, str(call.path))(*call.args, **call.options)
    state = module.state_dict().items()
    return [repr(module), *([k, list(v.shape), str(v.dtype).removeprefix("torch.")] for k, v in state)]


def parameter_draws(library: Any, call: Call) -> dict[str, Draw]:
    """Names and draws of a module's parameters, as `library` builds it."""
    if call.inputs is None:
        return {}
    module = lookup(library, str(call.path))(*call.args, **call.options)
    return {name: x(*tuple(p.shape)) for name, p in module.named_parameters()}


def arrays_for(library: Any, call: Call) -> list[np.ndarray]:
    """Input arrays, then a module's parameters, drawn from the seed of the call's name."""
    rng = np.random.RandomState(call.seed())
    return [draw(d, rng) for d in [*draws(call), *parameter_draws(library, call).values()]]


def evaluate(
    library: Any,
    call: Call,
    arrays: list[np.ndarray],
    dtype: str = "float64",
    layout: str = "contiguous",
    second: bool = True,
) -> Result:
    """Run `call` in `library` with `arrays` for its draws, followed by a module's parameters."""
    wanted = draws(call)
    place = LAYOUTS[layout]

    def tensor(array: np.ndarray, grad: bool) -> Any:
        t = place(library, array.astype(dtype) if is_float(array) else array).detach()
        return t.requires_grad_(True) if grad and is_float(array) else t

    tensors = [tensor(a, d.grad) for a, d in zip(arrays, wanted, strict=False)]
    leaves = [t for t in tensors if t.requires_grad]
    supply = iter(tensors)
    args, options, inputs = _substitute(
        (call.args, call.options, call.inputs), lambda d: next(supply), lambda n: lookup(library, n.path)
    )
    if inputs is not None:
        module = lookup(library, str(call.path))(*args, **options).to(getattr(library, dtype)).train(call.train)
        parameters = list(module.parameters())
        with library.no_grad():
            for p, a in zip(parameters, arrays[len(wanted) :], strict=True):
                p.copy_(library.tensor(a.astype(dtype)))
        leaves += parameters
        outputs = flatten(module(*inputs))
        buffers = [to_numpy(b) for _, b in module.named_buffers()]
    else:
        function = lookup(library, call.path) if isinstance(call.path, str) else call.path
        if not isinstance(call.path, str):
            args = (library, *args)
        outputs, buffers = flatten(function(*args, **options)), []
    values = [to_numpy(o) for o in outputs] + buffers

    ends = [o for o in outputs if getattr(o, "requires_grad", False)]
    if not ends or not leaves:
        return Result(values, [], None)
    upstream = [
        library.tensor(weights(tuple(o.shape), i).astype(to_numpy(o).dtype), requires_grad=True)
        for i, o in enumerate(ends)
    ]
    gradients = derive(library, ends, leaves, upstream, create_graph=second and call.second)
    first = [_or_zero(g, leaf) for g, leaf in zip(gradients, leaves, strict=True)]
    live = [(i, g) for i, g in enumerate(gradients) if g is not None and g.requires_grad]
    if not (second and call.second) or not live:
        return Result(values, first, None)
    variables = upstream + leaves
    again = [library.tensor(weights(tuple(g.shape), 3 + i).astype(to_numpy(g).dtype)) for i, g in live]
    gradients = derive(library, [g for _, g in live], variables, again)
    return Result(values, first, [_or_zero(g, v) for g, v in zip(gradients, variables, strict=True)])


def derive(library: Any, outputs: list[Any], inputs: list[Any], upstream: list[Any], create_graph: bool = False) -> Any:
    """Gradients of the outputs, weighted by `upstream`, with None where an input has no part."""
    return library.autograd.grad(outputs, inputs, upstream, create_graph=create_graph, allow_unused=True)


def _or_zero(gradient: Any, variable: Any) -> np.ndarray:
    absent = (
        gradient is None or getattr(gradient, "_is_zerotensor", bool)()
    )  # PyTorch's marker of a zero that was never stored
    return np.zeros_like(to_numpy(variable)) if absent else to_numpy(gradient)


def relative_error(got: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """The largest difference over the largest expected magnitude; infinite for different shapes or NaNs.

    Below a magnitude of 1e-3 the difference is taken over 1e-3: an exact zero on one side is not an infinite
    error.
    """
    if len(got) != len(expected):
        return np.inf
    worst = 0.0
    for g, e in zip(got, expected, strict=True):
        if g.shape != e.shape:
            return np.inf
        g, e = np.asarray(g, dtype=np.float64), np.asarray(e, dtype=np.float64)
        finite = np.isfinite(e)
        if not np.array_equal(np.where(finite, 0, e), np.where(np.isfinite(g), 0, g), equal_nan=True):
            return np.inf
        if finite.any():
            g, e = g[finite], e[finite]
            worst = max(worst, float(np.abs(g - e).max() / max(np.abs(e).max(), 1e-3)))
    return worst
