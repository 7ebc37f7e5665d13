"""The engine: a graph of Nodes, recorded while primitives run and walked backwards afterwards. No calculus in here.

An operation is stated once, by `@primitive`: its forward on plain arrays, and beside it a rule for each
differentiable argument. Read on in this order: `Value` (what a tensor knows of the graph), `primitive` (how the
graph is recorded), `backpropagate` (how it is walked).
"""

from __future__ import annotations

import functools
import inspect
import itertools
import operator
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

P = ParamSpec("P")
Array: TypeAlias = Any  # what a forward works on: an ndarray or a number; callers may pass Tensors

Stamp: TypeAlias = "tuple[str, Value, np.ndarray, int]"  # name, tensor, its array and its version when saved
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
Parameters: TypeAlias = tuple[tuple[str, Any], ...]  # name and default of each
REQUIRED = inspect.Parameter.empty
serial_numbers = itertools.count()
NOTHING: dict[str, Any] = {}  # what a Node saves until it saves something


# ---------------------------------------------------------------------------------------------------- the graph


class Node:
    """One recorded operation. It refers to its parents and never to its own output, so no reference cycle arises.

    edges: for each argument that asks for a gradient, its rule and the Node that the gradient flows to.
    saved: name -> value of all that those rules asked for; None once backward has spent it.
    """

    __slots__ = ("__weakref__", "dtype", "edges", "hooks", "primitive", "saved", "serial", "shape", "stamps")

    def __init__(self, primitive: Primitive | None, edges: tuple[tuple[Rule, Node], ...], out: np.ndarray):
        self.primitive = primitive
        self.edges = edges
        self.shape = out.shape
        self.dtype = out.dtype
        self.saved: dict[str, Any] | None = NOTHING
        self.stamps: Sequence[Stamp] = ()  # what the saved tensors looked like
        self.hooks: dict[int, Callable[[Tensor], Tensor | None]] | None = None
        self.serial = next(serial_numbers)  # parents have smaller numbers than their children

    def save(self, args: Sequence[Any], result: Value) -> None:
        """Keep what the rules of the edges need of the forward's arguments and of its result."""
        saved: dict[str, Any] = {}
        stamps: list[Stamp] = []
        self.saved, self.stamps = saved, stamps
        for rule, _ in self.edges:
            for name, get in rule.needs:
                if name not in saved:
                    value = saved[name] = get(args)
                    if isinstance(value, Value):
                        stamps.append((name, value, value.array, value.version[0]))
            if rule.wants_out and "out" not in saved:
                # A bare array: boxing it again at backward is what keeps the Node from referring to its own output.
                saved["out"] = result.array
                witness = box(result.array)
                witness.version = result.version
                stamps.append(("out", witness, result.array, result.version[0]))

    @property
    def name(self) -> str:
        return self.primitive.name if self.primitive else "leaf"

    def __repr__(self) -> str:
        return f"<{self.name} {self.dtype}{list(self.shape)}>"


class Leaf(Node):
    """Where a gradient comes to rest: the place in the graph of a tensor that no operation made."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Value):
        super().__init__(None, (), tensor.array)
        self.tensor = weakref.ref(tensor)  # the tensor owns its Leaf, not the other way round


class Value:
    """An array and its place in the graph. Its subclass `Tensor` adds the operators and is what primitives return."""

    array: np.ndarray
    grad: Tensor | None = None
    node: Node | None = None  # None where no gradient is asked for
    version: list[int]  # how often the memory was changed in place; views of one memory share the list

    def __init_subclass__(cls, results: bool = False, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if results:
            global Result
            Result = cls

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor; settable on leaves of floating dtype."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        if not self.is_leaf:
            if flag:
                return
            raise RuntimeError(
                f"requires_grad: a tensor computed by {self.node} always asks for a gradient; use .detach()"
            )
        if flag and self.array.dtype.kind != "f":
            raise TypeError(f"requires_grad: only floating dtypes have gradients, got {self.array.dtype}")
        if flag != self.requires_grad:
            self.node = Leaf(self) if flag else None

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` and return the tensor itself."""
        self.requires_grad = requires_grad
        return self  # type: ignore[return-value]

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return self.node is None or isinstance(self.node, Leaf)

    @property
    def grad_fn(self) -> Node | None:
        """The Node of the operation that made this tensor; None for a leaf."""
        return None if self.is_leaf else self.node

    @property
    def data(self) -> Tensor:
        """The same memory as a tensor outside the graph, whose changes no version counts; assignable.

        Backward does not notice what is changed through it. `detach()` is the safe way, `no_grad()` the usual one.
        """
        return box(self.array)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Value):
            raise TypeError(f"data: expected a Tensor, got {type(value).__name__}; say mg.tensor(...) first")
        changed = value.array.shape != self.array.shape or value.array.dtype != self.array.dtype
        if changed and isinstance(self.node, Leaf):
            if value.array.dtype.kind != "f":
                raise TypeError(f"data: a leaf with a gradient needs a floating dtype, got {value.array.dtype}")
            self.array = value.array
            self.node = Leaf(self)  # the next graph meets the new shape and dtype
        self.array = value.array

    def detach(self) -> Tensor:
        """The same memory, outside the graph."""
        tensor = box(self.array)
        tensor.version = self.version
        return tensor

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Sequence[Value] | Value | None = None,
    ) -> None:
        """Add ∂self/∂leaf, weighted by `gradient` (this tensor's shape; 1 for a scalar), to each leaf's `.grad`."""
        backward([self], [gradient], retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call `hook(gradient)` once this tensor's gradient is complete; what it returns, if anything, replaces it."""
        if self.node is None:
            raise RuntimeError("register_hook: the tensor does not require a gradient, so none will come")
        if self.node.hooks is None:
            self.node.hooks = {}
        handle = RemovableHandle(self.node.hooks, hook)
        if (keep := self.node.hooks.pop(KEEP, None)) is not None:  # what is retained is what the hooks leave
            self.node.hooks[KEEP] = keep
        return handle

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that an operation made in `.grad`, as leaves do."""
        if self.node is None:
            raise RuntimeError("retain_grad: the tensor does not require a gradient, so none will come")
        if self.is_leaf or getattr(self, "retains_grad", False):
            return
        itself = weakref.ref(self)

        def keep(g: Tensor) -> None:
            if (tensor := itself()) is not None:
                deposit(tensor, g if g.node is not None else box(g.array.copy("K")))

        if self.node.hooks is None:
            self.node.hooks = {}
        self.node.hooks[KEEP] = keep
        self.retains_grad = True

    def bump_version(self) -> None:
        """Say that the memory was changed in place, so that backward does not use it as if it were the old one."""
        self.version[0] += 1


Result: type[Value] = Value  # the class of what primitives return; `Tensor` names itself at its definition


def box(array: np.ndarray, node: Node | None = None) -> Tensor:
    """A Tensor around `array`, without any check or copy."""
    tensor: Any = object.__new__(Result)
    tensor.array = array
    tensor.version = [0]
    if node is not None:
        tensor.node = node
    return tensor  # type: ignore[no-any-return]


hook_numbers = itertools.count()
KEEP = -1  # the number of the hook that retain_grad sets


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook away again, as does leaving a `with` block."""

    def __init__(self, hooks: dict[int, Any], hook: Any):
        self.hooks = hooks
        self.number = next(hook_numbers)
        hooks[self.number] = hook

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self.hooks.pop(self.number, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


# ---------------------------------------------------------------------------------------------------- modes


class State(threading.local):
    """What holds for the running thread only."""

    recording: bool = True
    observers: tuple[Observer, ...] = ()


state = State()


def is_grad_enabled() -> bool:
    """Whether this thread records operations."""
    return state.recording


class set_grad_enabled:  # PyTorch's name
    """Switch recording on or off for this thread: at once when called, and until the end of the block in a `with`."""

    def __init__(self, mode: bool):
        self.before = state.recording
        state.recording = bool(mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        state.recording = self.before


@contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing in this block, or in this function when used as a decorator."""
    with set_grad_enabled(False):
        yield


@contextmanager
def enable_grad() -> Iterator[None]:
    """Record again inside a `no_grad` block; a decorator, too."""
    with set_grad_enabled(True):
        yield


@dataclass(frozen=True)
class Observer:
    """Functions to call after every primitive and for every contribution to a gradient; see `observe`."""

    on_forward: Callable[[Node | None, str, tuple[Any, ...], Tensor], None] | None = None
    on_contribution: Callable[[Node, str, Node, Tensor], None] | None = None


@contextmanager
def observe(
    on_forward: Callable[[Node | None, str, tuple[Any, ...], Tensor], None] | None = None,
    on_contribution: Callable[[Node, str, Node, Tensor], None] | None = None,
) -> Iterator[None]:
    """Watch the engine at work in this thread; anomaly mode and the pictures are built on this.

    `on_forward(node or None, name, args, out)` follows every primitive;
    `on_contribution(node, argument, parent, g)` every gradient along one edge, before it is added to the others.
    """
    before = state.observers
    state.observers = (*before, Observer(on_forward, on_contribution))
    try:
        yield
    finally:
        state.observers = before


# ---------------------------------------------------------------------------------------------------- recording


@dataclass(frozen=True, slots=True)
class Rule:
    """How a gradient passes one argument. `needs`: name of each of the function's parameters after `g`, how to get it
    from the forward's arguments."""

    argument: str
    position: int
    function: Callable[..., Tensor]
    needs: tuple[tuple[str, Callable[[Sequence[Any]], Any]], ...]
    names: tuple[str, ...]
    wants_out: bool


@dataclass(frozen=True, slots=True)
class Primitive:
    """What a Node knows of its operation."""

    name: str
    forward: Callable[..., Array]
    rules: tuple[Rule, ...]


def primitive(**rules: Callable[..., Any]) -> Callable[[Callable[P, Array]], Callable[P, Tensor]]:
    """Make a function of plain arrays an operation on Tensors.

    There is one rule for each differentiable argument, named after it: a function of the upstream gradient `g` and of
    whatever else its parameter names ask for: `out` (the result), an argument of the forward by its name, or
    `<argument>_shape` for no more than that argument's shape. The graph keeps what the active rules ask for, and
    nothing else. Rules work on Tensors, so derivatives of any order follow. A rule may ignore broadcasting.

    >>> import minigrad as mg
    >>> @mg.primitive(x=lambda g, x: g * 3 * x**2)
    ... def cube(x):
    ...     return x**3
    >>> x = mg.tensor(2.0, requires_grad=True)
    >>> cube(x).backward()
    >>> x.grad
    tensor(12.)
    """

    def decorate(forward: Callable[P, Array]) -> Callable[P, Tensor]:
        signature = inspect.signature(forward)
        parameters = tuple((p.name, p.default) for p in signature.parameters.values())
        arity = len(parameters)
        operation = Primitive(
            forward.__name__,
            forward,
            tuple(make_rule(forward.__name__, signature, name, rule) for name, rule in rules.items()),
        )

        @functools.wraps(forward)
        def apply(*args: Any, **kwargs: Any) -> Tensor:
            if kwargs or len(args) != arity:
                try:
                    args = bind(signature, parameters, args, kwargs)
                except TypeError as error:
                    expected = ", ".join(n if d is REQUIRED else f"{n}={d!r}" for n, d in parameters)
                    raise TypeError(f"{operation.name}({expected}): {error}") from None
            arrays = [a.array if isinstance(a, Value) else a for a in args]
            try:
                out = forward(*arrays)  # type: ignore[call-arg, arg-type]
                if type(out) is not np.ndarray or out.dtype is not FLOAT32:
                    out = narrowed(out, arrays)
            except (ValueError, TypeError, IndexError, NotImplementedError) as error:
                raise explained(error, operation.name, args) from error
            result = box(out)
            if out.base is not None:
                share_version(result, args)
            if state.recording:
                edges: tuple[tuple[Rule, Node], ...] | None = None
                for rule in operation.rules:
                    argument = args[rule.position]
                    if isinstance(argument, Value) and argument.node is not None:
                        edge = ((rule, argument.node),)
                        edges = edge if edges is None else edges + edge
                if edges is not None and out.dtype.kind == "f":
                    result.node = Node(operation, edges, out)
                    result.node.save(args, result)
            if state.observers:
                for observer in state.observers:
                    if observer.on_forward:
                        observer.on_forward(result.node, operation.name, args, result)
            return result

        apply.primitive = operation  # type: ignore[attr-defined]
        return apply

    return decorate


def make_rule(name: str, signature: inspect.Signature, argument: str, function: Callable[..., Any]) -> Rule:
    """Read a rule's parameter names; a name that the forward does not have is an error at definition."""
    positions = {parameter: i for i, parameter in enumerate(signature.parameters)}
    if argument not in positions:
        raise TypeError(f"primitive {name}: a rule for {argument!r}, which is not among {list(positions)}")
    names = tuple(inspect.signature(function).parameters)
    if not names or names[0] != "g":
        raise TypeError(f"primitive {name}: the rule for {argument!r} must take g first, but takes {list(names)}")
    needs: list[tuple[str, Callable[[Sequence[Any]], Any]]] = []
    for need in names[1:]:
        if need in positions:
            needs.append((need, operator.itemgetter(positions[need])))
        elif need.endswith("_shape") and need[: -len("_shape")] in positions:
            needs.append((need, functools.partial(shape_of, positions[need[: -len("_shape")]])))
        elif need != "out":
            raise TypeError(
                f"primitive {name}: the rule for {argument!r} asks for {need!r}; there are g, out, "
                f"{', '.join(positions)} and their shapes (x_shape)"
            )
    return Rule(argument, positions[argument], function, tuple(needs), names[1:], "out" in names)


def shape_of(position: int, args: Sequence[Any]) -> tuple[int, ...]:
    argument = args[position]
    return argument.array.shape if isinstance(argument, Value) else np.shape(argument)


def bind(signature: inspect.Signature, parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """All arguments in order, defaults filled in; what does not fit is left to `signature` to name."""
    rest = parameters[len(args) :]
    values = (*args, *[kwargs.get(name, default) for name, default in rest])
    known = [name for name, _ in rest if name in kwargs] if kwargs else []
    if len(values) != len(parameters) or len(known) != len(kwargs) or any(v is REQUIRED for v in values):
        signature.bind(*args, **kwargs)
    return values


def narrowed(value: Any, args: Iterable[Any]) -> np.ndarray:
    """`value` as an array, of float32 unless a float64 argument made it wider or a dtype argument asked for it.

    Numbers and integers never widen, nor does a floating array without dimensions beside one that has some.
    """
    out: np.ndarray = np.asarray(value)
    if out.dtype.kind not in "fiub":
        raise TypeError(f"the result would be {out.dtype}; tensors are floating, integer or boolean")
    if out.dtype != FLOAT64:
        return out
    floating = [a for a in args if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    deciding = [a.dtype for a in floating if a.ndim] or [a.dtype for a in floating]
    asked = [a for a in args if isinstance(a, np.dtype | type)]
    return out if FLOAT64 in deciding or FLOAT64 in asked else out.astype(FLOAT32)


def share_version(result: Value, args: Sequence[Any]) -> None:
    """If the result is a view of an argument, a change of one is a change of the other."""
    base = result.array.base
    for a in args:
        if isinstance(a, Value) and (base is a.array or base is a.array.base):
            result.version = a.version


def explained(error: Exception, name: str, args: Sequence[Any]) -> Exception:
    """The same kind of error, with the operation and what it was given."""
    given = ", ".join(describe(a) for a in args)
    kind = next(k for k in (IndexError, TypeError, NotImplementedError, ValueError) if isinstance(error, k))
    return kind(f"{name}({given}): {error}")


def describe(argument: Any) -> str:
    array = argument.array if isinstance(argument, Value) else argument
    if isinstance(array, np.ndarray):
        return f"{array.dtype}[{', '.join(map(str, array.shape))}]"
    text = repr(array)
    return text if len(text) <= 60 else text[:57] + "..."


# ---------------------------------------------------------------------------------------------------- backward


def backward(
    tensors: Value | Sequence[Value],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Sequence[Value] | Value | None = None,
) -> None:
    """Add the gradient of `tensors` to `.grad` of every leaf that they depend on, or of `inputs` only.

    grad_tensors: upstream gradients, each of its tensor's shape; may be left out for scalars.
    retain_graph: keep what was saved, for another backward; as `create_graph` unless given.
    create_graph: record the backward pass itself, so that it can be differentiated again.
    """
    roots = upstream("backward", as_list(tensors), as_list(grad_tensors, like=as_list(tensors)))
    retain = create_graph if retain_graph is None else retain_graph
    order, wanted, chosen = reachable(roots), None, None
    if inputs is not None:
        chosen = dict(zip(nodes_of("backward", as_list(inputs)), as_list(inputs), strict=True))
        order, wanted = restricted(order, chosen)
    # Arrays that somebody has already, as a .grad or as an upstream gradient: they must not become another's .grad.
    given = {id(g.array) for g in roots.values()}
    arrived: list[tuple[Value, Tensor]] = []  # deposited at the end: an error on the way changes no .grad

    def arrive(node: Node, g: Tensor) -> None:
        tensor = chosen.get(node) if chosen is not None else node.tensor() if isinstance(node, Leaf) else None
        if tensor is not None and tensor.requires_grad:
            if g.node is None and (g.array.base is not None or id(g.array) in given):
                g = box(g.array.copy("K"))
            given.add(id(g.array))
            check_fit(tensor, g)
            arrived.append((tensor, g))

    backpropagate(roots, order, wanted, retain, create_graph, arrive)
    for tensor, g in arrived:
        deposit(tensor, g)


def grad(
    outputs: Value | Sequence[Value],
    inputs: Value | Sequence[Value],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of the sum of `outputs` with respect to each of `inputs`; no leaf's `.grad` changes.

    grad_outputs: upstream gradients, each of its output's shape; may be left out for scalars.
    An input that the outputs do not depend on is an error, or None if `allow_unused`.

    >>> import minigrad as mg
    >>> x = mg.tensor(3.0, requires_grad=True)
    >>> (slope,) = mg.grad(x**2, x, create_graph=True)
    >>> mg.grad(slope, x)
    (tensor(2.),)
    """
    sources = as_list(inputs)
    roots = upstream("grad", as_list(outputs), as_list(grad_outputs, like=as_list(outputs)))
    targets = nodes_of("grad", sources)
    order, wanted = restricted(reachable(roots), targets)
    found: dict[Node, Tensor] = {}
    if not allow_unused:
        for i, node in enumerate(targets):
            if node not in wanted:
                raise RuntimeError(
                    f"grad: the outputs do not depend on input {i} ({describe(sources[i])}); "
                    "allow_unused=True gives None for it"
                )
    retain = create_graph if retain_graph is None else retain_graph
    backpropagate(roots, order, wanted, retain, create_graph, lambda n, g: found.update({n: g}))
    return tuple(found.get(node) for node in targets)  # type: ignore[misc]


def backpropagate(
    grads: dict[Node, Tensor],
    order: list[Node],
    wanted: set[Node] | None,
    retain_graph: bool,
    create_graph: bool,
    arrive: Callable[[Node, Tensor], None],
) -> None:
    """Walk the graph from `grads` along `order`, children before parents; call `arrive(node, gradient)` at each node
    where a complete gradient may come to rest: a leaf, or with `wanted`, the nodes to visit, any of them.
    Every contribution passes through here."""
    grads = dict(grads)
    observers = [o.on_contribution for o in state.observers if o.on_contribution]
    recording, state.recording = state.recording, create_graph
    noted = create_graph or bool(state.observers)
    try:
        for node in order:
            g = grads.pop(node)
            if node.hooks:
                for hook in list(node.hooks.values()):
                    g = replaced(g, hook(g))
                g = box(g.array.copy("K"), g.node)  # the hook may have kept what it saw
            if wanted is not None or not node.edges:
                arrive(node, g)
            if not node.edges:
                continue
            saved = node.saved
            if saved is None:
                raise RuntimeError(
                    f"backward a second time through {node.name}, whose saved values are spent; "
                    "say retain_graph=True the first time"
                )
            for name, tensor, array, version in node.stamps:
                if tensor.version[0] != version:
                    raise RuntimeError(
                        f"backward through {node.name}: {name!r} ({describe(array)}) was changed in place after "
                        f"{node.name} had recorded it; change a clone() or change it after backward"
                    )
            if "out" in saved:
                saved = {**saved, "out": box(saved["out"], node)}
            for rule, parent in node.edges:
                if wanted is not None and parent not in wanted:
                    continue
                try:
                    part = rule.function(g, *map(saved.__getitem__, rule.names))
                    if part.array.shape != parent.shape or part.array.dtype is not parent.dtype:
                        part = fitted(part, node, rule, parent)
                except Exception as error:
                    error.add_note(f"in the rule of {node.name} for {rule.argument!r}, which is to give a Tensor")
                    raise
                for observer in observers:
                    observer(node, rule.argument, parent, part)
                before = grads.get(parent)
                if before is None:
                    grads[parent] = part
                else:  # as a primitive only if it is to be recorded or watched
                    grads[parent] = before + part if noted else box(np.asarray(before.array + part.array))
            if not retain_graph and node.saved:
                node.saved = None
                node.stamps = ()
    finally:
        state.recording = recording


def fitted(part: Any, node: Node, rule: Rule, parent: Node) -> Tensor:
    """A contribution with the broadcasting of the forward undone, in its tensor's dtype."""
    try:
        if part.array.shape != parent.shape:
            part = part.sum_to_size(parent.shape)
        return part if part.array.dtype is parent.dtype else part.to(parent.dtype)  # type: ignore[no-any-return]
    except ValueError:
        raise RuntimeError(
            f"the rule of {node.name} for {rule.argument!r} gave a gradient of shape {part.shape}, "
            f"which does not broadcast from the argument's shape {parent.shape}"
        ) from None


def replaced(g: Tensor, replacement: Any) -> Tensor:
    """The gradient after a hook: what the hook returned, if anything, in the dtype of `g`."""
    if replacement is None:
        return g
    if not isinstance(replacement, Value) or replacement.array.shape != g.array.shape:
        raise RuntimeError(
            f"a hook returned {type(replacement).__name__} {describe(replacement)} in place of Tensor {describe(g)}"
        )
    return replacement.to(g.array.dtype)  # type: ignore[attr-defined, no-any-return]


def check_fit(tensor: Value, g: Tensor) -> None:
    """Raise a RuntimeError if `tensor` or its `.grad` was given something else since it was recorded."""
    if tensor.array.shape != g.array.shape or tensor.array.dtype != g.array.dtype:
        raise RuntimeError(
            f"backward: .data is {describe(tensor)} where {describe(g)} was when requires_grad was set; after a change "
            "of shape or dtype say requires_grad_(False) and requires_grad_() again, or make a new tensor"
        )
    if tensor.grad is not None and not (isinstance(tensor.grad, Value) and tensor.grad.array.shape == g.array.shape):
        raise RuntimeError(f"backward: .grad is {describe(tensor.grad)}, to which {describe(g)} cannot be added")


def deposit(tensor: Value, g: Tensor) -> None:
    """Add `g` to `tensor.grad`: in its memory if neither is recorded, so that it keeps its identity."""
    if tensor.grad is None:
        tensor.grad = g
    elif tensor.grad.node is None and g.node is None:
        np.add(tensor.grad.array, g.array, out=tensor.grad.array)
        tensor.grad.bump_version()
    else:
        tensor.grad = tensor.grad + g


def reachable(roots: Mapping[Node, Any]) -> list[Node]:
    """All nodes that the roots depend on, children before parents. Iterative: a chain may be of any length."""
    seen = set(roots)
    todo = list(roots)
    while todo:
        for _, parent in todo.pop().edges:
            if parent not in seen:
                seen.add(parent)
                todo.append(parent)
    return sorted(seen, key=operator.attrgetter("serial"), reverse=True)


def restricted(order: list[Node], targets: Iterable[Node]) -> tuple[list[Node], set[Node]]:
    """Of `order`, what lies on a path to a target; in order, and as a set."""
    goals = set(targets)
    wanted: set[Node] = set()
    for node in reversed(order):  # parents first
        if node in goals or any(parent in wanted for _, parent in node.edges):
            wanted.add(node)
    return [node for node in order if node in wanted], wanted


def upstream(name: str, outputs: list[Value], gradients: list[Any]) -> dict[Node, Tensor]:
    """The gradients to begin with, checked; two for the same node are added."""
    roots: dict[Node, Tensor] = {}
    if len(gradients) != len(outputs):
        raise ValueError(f"{name}: {len(outputs)} outputs but {len(gradients)} upstream gradients")
    for output, gradient in zip(outputs, gradients, strict=True):
        if not isinstance(output, Value):
            raise TypeError(f"{name}: expected a Tensor, got {type(output).__name__}")
        if output.node is None:
            raise RuntimeError(
                f"{name}: the tensor ({describe(output)}) does not require a gradient: "
                "nothing that asks for one led to it, or it was made under no_grad"
            )
        if gradient is None:
            if output.array.size != 1:
                raise RuntimeError(
                    f"{name}: an upstream gradient is needed for a tensor of shape {output.array.shape}; "
                    "only a single element has 1 as its default"
                )
            g = box(np.ones_like(output.array))
        else:
            g = gradient if isinstance(gradient, Value) else box(np.asarray(gradient))  # type: ignore[assignment]
            if g.array.shape != output.array.shape:
                raise RuntimeError(
                    f"{name}: upstream gradient of shape {g.array.shape} for a tensor of shape {output.array.shape}"
                )
            g = g.to(output.array.dtype)
        roots[output.node] = roots[output.node] + g if output.node in roots else g
    return roots


def nodes_of(name: str, tensors: list[Value]) -> list[Node]:
    for i, tensor in enumerate(tensors):
        if not isinstance(tensor, Value):
            raise TypeError(f"{name}: input {i} is no Tensor but {type(tensor).__name__}")
        if tensor.node is None:
            raise RuntimeError(f"{name}: input {i} ({describe(tensor)}) does not require a gradient")
    return [tensor.node for tensor in tensors if tensor.node is not None]


def as_list(values: Any, like: Sequence[Any] | None = None) -> list[Any]:
    if values is None and like is not None:
        return [None] * len(like)
    return list(values) if isinstance(values, list | tuple) else [values]
