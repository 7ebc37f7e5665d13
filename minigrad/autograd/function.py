"""Operations in PyTorch's form: a class with `forward(ctx, …)` and `backward(ctx, …)`. `primitive` is the native form.

A Function's results are cut out of one flat array, the joint node. Its rules ask the class's `backward` once for all
arguments. So the walk needs no nodes with several outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd.guards import describe
from minigrad.autograd.modes import no_grad, state
from minigrad.autograd.tape import Node, Primitive, Rule, Value, box

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


class Context:
    """What a Function's forward leaves for its backward. Any attribute may be set.

    needs_input_grad: for each argument of forward, whether a gradient is asked for.
    saved_tensors: what `save_for_backward` kept.
    """

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self.saved_tensors: tuple[Any, ...] = ()
        self._constant: set[int] = set()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for backward, which finds them in `saved_tensors`; a change in place meanwhile is an error."""
        self.saved_tensors = tensors

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """PyTorch's older name for `saved_tensors`."""
        return self.saved_tensors

    def __repr__(self) -> str:
        return f"with {len(self.saved_tensors)} saved tensors"

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that no gradient flows through these results."""
        self._constant = {id(t) for t in tensors}

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which arguments forward changed in place."""
        for tensor in tensors:
            tensor.bump_version()

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros for a result that nothing depends on (True), or None."""
        self._materialize = value


class Function:
    """An operation whose gradient you write: subclass it, define two static methods, and call `apply`.

    `forward(ctx, *args)` computes the results and saves what backward needs; nothing in it is recorded.
    `backward(ctx, *gradients)` gets a gradient for each result and returns one, or None, for each argument.
    `forward(*args)` with `setup_context(ctx, inputs, output)` is the other form that PyTorch knows.

    >>> import minigrad as mg
    >>> class Double(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return g * 2
    >>> x = mg.tensor(3.0, requires_grad=True)
    >>> Double.apply(x).backward()
    >>> x.grad
    tensor(2.)
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    setup_context: Callable[..., None] | None = None

    def __init__(self, *args: Any, **kwargs: Any):
        raise RuntimeError(f"{type(self).__name__}: a Function is not made but applied; call its apply(...)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """The results of forward, recorded with backward as their rule."""
        ctx = Context()
        asks = [isinstance(a, Value) and a.requires_grad for a in args]
        ctx.needs_input_grad = tuple(asks)
        with no_grad():
            if cls.setup_context is None:
                made = cls.forward(ctx, *args)
            else:
                made = cls.forward(*args)
                cls.setup_context(ctx, args, made)
        results = list(made) if isinstance(made, tuple) else [made]
        for result in results:
            if not isinstance(result, Value | None):
                raise TypeError(f"{cls.__name__}.forward: expected a Tensor or a tuple of them, got {describe(result)}")
        live = [
            i for i, r in enumerate(results)
            if isinstance(r, Value) and r.array.dtype.kind == "f" and id(r) not in ctx._constant
        ]  # fmt: skip
        if state.recording and any(asks) and live:
            for i, result in zip(live, record(cls, ctx, args, [results[i] for i in live]), strict=True):
                results[i] = result
        return tuple(results) if isinstance(made, tuple) else results[0]


def record(cls: type[Function], ctx: Context, args: Sequence[Any], results: list[Any]) -> list[Any]:
    """The results with a place in the graph: parts of one flat tensor whose node asks `cls.backward`."""
    shapes = [r.array.shape for r in results]
    flat = box(np.concatenate([r.array.reshape(-1) for r in results]))
    ends = np.cumsum([r.array.size for r in results]).tolist()
    answer = ask_once(cls, len(args), shapes, ends)
    edges = []
    for position, a in enumerate(args):
        if isinstance(a, Value) and a.requires_grad:
            rule = pick(answer, position, a.array.shape)
            edges.append((Rule(f"argument {position}", position, rule, ("ctx",), (("ctx", itemgetter(0)),)), a.node))
    flat.node = Node(Primitive(f"{cls.__name__}Backward", cls.forward, ()), tuple(edges), flat.array, [ctx])  # type: ignore[arg-type]
    saved = [t for t in ctx.saved_tensors if isinstance(t, Value)]
    flat.node.stamps = [("ctx", t.version, t.version[0]) for t in saved]  # a change of one of them is found
    starts = [0, *ends]
    return [
        flat[start:end].reshape(shape).to(r.array.dtype)
        for r, shape, start, end in zip(results, shapes, starts, ends, strict=False)
    ]


def ask_once(
    cls: type[Function], count: int, shapes: list[tuple[int, ...]], ends: list[int]
) -> Callable[[Tensor, Context], tuple[Any, ...]]:
    """A function of the flat gradient that gives the gradients of all arguments, and calls `backward` once for them."""
    last: list[Any] = [None, ()]

    def answer(g: Tensor, ctx: Context) -> tuple[Any, ...]:
        if last[0] is not g:
            parts: list[Any] = [
                g[start:end].reshape(shape) for shape, start, end in zip(shapes, [0, *ends], ends, strict=False)
            ]
            if not ctx._materialize:
                parts = [p if p.array.any() else None for p in parts]
            found = cls.backward(ctx, *parts)
            found = found if isinstance(found, tuple) else (found,)
            if len(found) < count or any(extra is not None for extra in found[count:]):
                raise RuntimeError(
                    f"{cls.__name__}.backward: expected a gradient or None for each of {count} arguments of forward, "
                    f"got {len(found)}"
                )
            last[:] = [g, found]
        return last[1]  # type: ignore[no-any-return]

    return answer


def pick(answer: Callable[..., tuple[Any, ...]], position: int, shape: tuple[int, ...]) -> Callable[..., Any]:
    """The rule of one argument: its part of the answer, and zeros for None."""

    def rule(g: Tensor, ctx: Context) -> Any:
        part = answer(g, ctx)[position]
        return box(np.zeros(shape, g.array.dtype)) if part is None else part

    return rule


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """A backward of a Function that is itself not recorded: its results have no derivative."""

    def backward(ctx: Context, *gradients: Any) -> Any:
        with no_grad():
            return function(ctx, *gradients)

    return backward
