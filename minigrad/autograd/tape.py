"""The engine: step 2 of the ladder (examples/learn/step2_arrays.py), plus what a library needs. No calculus in here.

An operation is stated once, by `@primitive`: its forward on plain arrays, and beside it a rule for each differentiable
argument. Read in this order: `Node` (one recorded operation), `Value` (an array and its place in the graph),
`primitive` (how the graph is recorded), `backpropagate` (how it is walked).

What is added to step 2 stands elsewhere: `guards.py` holds dtypes, refusals and messages; `modes.py` switches recording
off; `hooks.py` lets functions see a gradient; `function.py` has PyTorch's form of an operation; tensor/inplace.py
writes history anew when a tensor is changed in place.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import operator
import sys
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeAlias

import numpy as np

from minigrad.autograd import guards, hooks
from minigrad.autograd.modes import state

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

P = ParamSpec("P")
Array: TypeAlias = Any  # what a forward works on: an ndarray or a number; callers may pass Tensors
Gradients: TypeAlias = "dict[Node, Tensor]"
Tensors: TypeAlias = "Value | Sequence[Value]"
Edges: TypeAlias = "tuple[tuple[Rule, Node], ...]"
UNCOUNTED = [0]  # how often a bare array was changed: nobody counts
serial_numbers = itertools.count()

# ---------------------------------------------------------------------------------------------------- the graph


@dataclass(frozen=True, slots=True)
class Rule:
    """How a gradient passes the argument at `position`.

    names: what the function takes after `g`. needs: each of them, and how to get it from the forward's arguments, what
    it kept besides and its result, in that order.
    """

    argument: str
    position: int
    function: Callable[..., Tensor]
    names: tuple[str, ...]
    needs: tuple[tuple[str, Callable[[Sequence[Any]], Any]], ...]


class Primitive(NamedTuple):
    """What a Node knows of its operation."""

    name: str
    forward: Callable[..., Any]
    rules: tuple[Rule, ...]


class Node:
    """One recorded operation. It refers to its parents and never to its own output, so no reference cycle arises.

    edges: for each argument that asks for a gradient, its rule and the Node that the gradient flows to.
    saved: name -> value of all that those rules ask for; None once backward has spent it.
    stamps: for each saved tensor its name, the count of its changes, and what that count was.
    """

    __slots__ = ("__weakref__", "dtype", "edges", "hooks", "primitive", "saved", "serial", "shape", "stamps")

    def __init__(self, primitive: Any, edges: Edges, out: np.ndarray, values: Any = (), version: Any = None):
        """Keep what the rules ask for of `values`: the arguments, what the forward kept, and the bare result, whose
        changes `version` counts. `recall` boxes the result again: a Node never refers to its own output."""
        self.primitive, self.edges = primitive, edges
        self.shape, self.dtype = out.shape, out.dtype
        self.saved: dict[str, Any] | None = {}
        self.stamps: list[tuple[str, list[int], int]] = []
        self.hooks: dict[int, Callable[[Tensor], Tensor | None]] | None = None
        self.serial = next(serial_numbers)  # parents have smaller numbers than their children
        for rule, _ in edges:
            for name, get in rule.needs:
                self.saved[name] = value = get(values)
                if isinstance(value, HELD):
                    changes = version if name == "out" else getattr(value, "version", UNCOUNTED)
                    self.stamps.append((name, changes, changes[0]))

    def recall(self) -> dict[str, Any]:
        """What was saved; an error if it is spent, or if somebody changed it in place meanwhile."""
        if self.saved is None:
            raise guards.error_of_spent(self)
        for name, version, count in self.stamps:
            if version[0] != count:
                raise guards.error_of_change(self, name)
        return {**self.saved, "out": box(self.saved["out"], self)} if "out" in self.saved else self.saved

    @property
    def name(self) -> str:
        return self.primitive.name if self.primitive else "leaf"

    @property
    def next_functions(self) -> tuple[tuple[Node, int], ...]:
        """The nodes that the gradient flows to, in PyTorch's form: each with the number 0 of its only output."""
        return tuple((parent, 0) for _, parent in self.edges)

    def __repr__(self) -> str:
        return f"<{self.name} {self.dtype}{list(self.shape)}>"


class Leaf(Node):
    """Where a gradient comes to rest: the place in the graph of a tensor that no operation made."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Value):
        super().__init__(None, (), tensor.array)
        self.tensor = weakref.ref(tensor)  # the tensor owns its Leaf, not the other way round


class View(NamedTuple):
    """How a tensor looks at the memory of another: the result of `forward(*args)` with `args[position]` seen anew."""

    position: int
    forward: Callable[..., Any]
    args: tuple[Any, ...]
    recorded: bool  # whether it was made where operations are recorded
    stage: int = 0  # how often the source's shape had been changed in place

    @property
    def source(self) -> Tensor:
        """The tensor that is looked at, in the shape that it had then; it may be a view in turn."""
        source = self.args[self.position]
        while source.stage > self.stage:
            source = source.former
        return source  # type: ignore[no-any-return]

    def look(self, array: np.ndarray) -> np.ndarray:
        """The same view of another array of the source's shape."""
        args = [a.array if isinstance(a, Value) else a for a in self.args]
        args[self.position] = array
        return np.asarray(self.forward(*args))


class Value:
    """An array and its place in the graph. Its subclass `Tensor` adds the operators and is what primitives return."""

    array: np.ndarray
    node: Node | None = None  # None where no gradient is asked for
    version: list[int]  # how often the memory was changed in place; views of one memory share the list
    view_of: View | None = None  # how this looks at another tensor's memory, if it does
    stage: int = 0  # how often the shape was changed in place
    former: Tensor | None = None  # what stands for this in the shape before the last change of it
    followed: int = 0  # the version at which `node` last agreed with that of the tensor that this is a view of
    _grad: Tensor | None = None

    def __init_subclass__(cls, results: bool = False, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if results:
            global Result
            Result = cls

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward left here; None before. It has this tensor's shape and dtype."""
        if self._grad is None and self.node is not None and not isinstance(self.node, Leaf):
            guards.warn_of_missing_grad(self)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            guards.check_grad(self, value)
        self._grad = value

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each dimension."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of the elements."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    def place(self) -> Node | None:
        """The place in the graph now: a view follows what was done to the memory that it looks at."""
        if self.view_of is not None:
            self.follow()
        return self.node

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor; settable on leaves of floating dtype."""
        return self.place() is not None

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
        return not self.requires_grad or isinstance(self.node, Leaf)

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
        if isinstance(self.node, Leaf) and value.array.dtype.kind != "f":
            raise TypeError(f"data: a leaf with a gradient needs a floating dtype, got {value.array.dtype}")
        fits = value.array.shape == self.array.shape and value.array.dtype == self.array.dtype
        self.array = value.array
        if isinstance(self.node, Leaf) and not fits:
            self.node = Leaf(self)  # the next graph meets the new shape and dtype

    def detach(self) -> Tensor:
        """The same memory, outside the graph."""
        tensor = box(self.array)
        tensor.version = self.version
        return tensor

    def follow(self) -> None:
        """Bring the node of a view up to date with changes of the memory that it looks at."""
        raise NotImplementedError

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> hooks.RemovableHandle:
        """Call `hook(gradient)` once this tensor's gradient is complete; what it returns, if anything, replaces it."""
        return hooks.register(self, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that an operation made in `.grad`, as leaves do."""
        hooks.retain(self)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on a tensor that an operation made."""
        return not self.is_leaf and self.node is not None and hooks.KEEP in (self.node.hooks or ())

    def bump_version(self) -> None:
        """Say that the memory was changed in place, so that backward does not use it as if it were the old one."""
        self.version[0] += 1

    @property
    def _version(self) -> int:
        """How often the memory was changed in place."""
        return self.version[0]


HELD = (Value, np.ndarray)  # what backward lets go of once it has used it
Result: type[Value] = Value  # the class of what primitives return; `Tensor` names itself at its definition


def box(array: np.ndarray, node: Node | None = None) -> Tensor:
    """A Tensor around `array`, without any check or copy."""
    tensor: Any = object.__new__(Result)
    tensor.array, tensor.node, tensor.version = array, node, [0]
    return tensor  # type: ignore[no-any-return]


# ---------------------------------------------------------------------------------------------------- recording


def primitive(
    *bare: Any, keeps: str | tuple[str, ...] = (), **rules: Callable[..., Any]
) -> Callable[[Callable[P, Any]], Callable[P, Tensor]]:
    """Make a function of plain arrays an operation on Tensors.

    There is one rule for each differentiable argument, named after it: a function of the upstream gradient `g` and of
    whatever else its parameter names ask for: `out` (the result), an argument of the forward by its name, or
    `<argument>_shape` for no more than that argument's shape. The graph keeps what the active rules ask for, and
    nothing else. Rules work on Tensors, so derivatives of any order follow. A rule may ignore broadcasting.

    keeps: names of further arrays that rules may ask for; the forward then returns a tuple of its result and of these.

    >>> import minigrad as mg
    >>> @mg.primitive(x=lambda g, x: g * 3 * x**2)
    ... def cube(x):
    ...     return x**3
    >>> x = mg.tensor(2.0, requires_grad=True)
    >>> cube(x).backward()
    >>> x.grad
    tensor(12.)
    """
    if bare:
        raise guards.error_of_bare_use(bare[0])
    kept_names = (keeps,) if isinstance(keeps, str) else tuple(keeps)

    def decorate(forward: Callable[P, Any]) -> Callable[P, Tensor]:
        signature = inspect.signature(forward)
        guards.check_definition(forward.__name__, signature, rules, kept_names)
        parameters = tuple((p.name, p.default) for p in signature.parameters.values())
        places = [*signature.parameters, *kept_names, "out"]
        active = tuple(make_rule(argument, rule, places) for argument, rule in rules.items())
        operation = Primitive(forward.__name__, forward, active)
        arity = len(parameters)

        @functools.wraps(forward)
        def apply(*args: Any, **kwargs: Any) -> Tensor:
            if kwargs or len(args) != arity:
                args = guards.bind(operation, parameters, args, kwargs)
            arrays: list[Any] = []
            for a in args:  # a comprehension would be a call: a tenth of the time of a small operation
                arrays.append(a.array if isinstance(a, Value) else a)
            kept: Sequence[Any] = ()
            try:
                out: Any = forward(*arrays)  # type: ignore[call-arg]
                if kept_names:
                    out, *kept = guards.unpack(operation.name, out, kept_names)
                if getattr(out, "dtype", None) is not guards.FLOAT32:
                    out = guards.narrow(out, arrays)
                out = np.asarray(out)  # NumPy gives a number in place of an array without dimensions
            except guards.MISTAKES as error:
                raise guards.explain(error, operation.name, args) from None
            result = box(out)
            if out.base is not None or sys.getrefcount(out) > 3:  # it is a view, or others have it besides the result
                share_memory(result, operation, args)
            if state.recording and out.dtype.kind == "f":
                edges: Edges = ()
                for rule in active:
                    argument = args[rule.position]
                    if isinstance(argument, Value):
                        node = argument.node if argument.view_of is None else argument.place()
                        if node is not None:
                            edges += ((rule, node),)
                if edges:
                    result.node = Node(operation, edges, out, (*args, *kept, out), result.version)
            for observer in state.observers:
                observer.on_forward(result.node, operation.name, args, result)
            return result

        apply.primitive = operation  # type: ignore[attr-defined]
        return apply

    return decorate


def make_rule(argument: str, function: Callable[..., Any], places: list[str]) -> Rule:
    """Find out from a rule's parameter names what it needs, and where that stands among `places`."""
    names = guards.parameter_names(function)[1:]
    needs = [
        (
            name,
            operator.itemgetter(places.index(name))
            if name in places
            else functools.partial(shape_at, places.index(name.removesuffix("_shape"))),
        )
        for name in names
    ]
    return Rule(argument, places.index(argument), function, names, tuple(needs))


def shape_at(position: int, values: Sequence[Any]) -> tuple[int, ...]:
    value = values[position]
    return value.array.shape if isinstance(value, Value) else np.shape(value)


def share_memory(result: Value, operation: Primitive, args: tuple[Any, ...]) -> None:
    """If the result lies in the memory of an argument, a change of one is a change of the other."""
    for position, a in enumerate(args):
        if isinstance(a, Value) and (result.array.base is a.array or np.may_share_memory(a.array, result.array)):
            result.version, result.followed = a.version, a.version[0]
            result.view_of = View(position, operation.forward, args, state.recording, a.stage)
            return


# ---------------------------------------------------------------------------------------------------- backward


def backward(
    tensors: Any, grad_tensors: Any = None, retain_graph: Any = None, create_graph: bool = False, inputs: Any = None
) -> None:
    """Add the gradient of `tensors` to `.grad` of every leaf that they depend on, or of `inputs` only.

    grad_tensors: upstream gradients, each of its tensor's shape; may be left out for scalars.
    retain_graph: keep what was saved, for another backward; as `create_graph` unless given.
    create_graph: record the backward pass itself, so that it can be differentiated again.
    """
    roots = seed("backward", tensors, grad_tensors)
    targets = None if inputs is None else guards.find_nodes("backward", as_list(inputs))
    taken = {id(g.array) for g in roots.values()}  # arrays that somebody has already must not become a .grad
    for node, g in backpropagate(roots, targets, retain_graph, create_graph).items():
        tensor: Any = targets[node] if targets is not None else node.tensor()  # type: ignore[attr-defined]
        if tensor is not None and tensor.node is not None and tensor.array.shape == node.shape:
            if g.node is None and (g.array.base is not None or id(g.array) in taken):
                g = box(g.array.copy("K"))
            taken.add(id(g.array))
            deposit(tensor, g)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of the sum of `outputs` with respect to each of `inputs`; no leaf's `.grad` changes.

    grad_outputs: upstream gradients, each of its output's shape; may be left out for scalars.
    An input that the outputs do not depend on is an error, or None if `allow_unused`, or zeros if `materialize_grads`.
    `only_inputs` and `is_grads_batched` are PyTorch's, and have their defaults here.

    >>> import minigrad as mg
    >>> x = mg.tensor(3.0, requires_grad=True)
    >>> (slope,) = mg.grad(x**2, x, create_graph=True)
    >>> mg.grad(slope, x)
    (tensor(2.),)
    """
    if not only_inputs or is_grads_batched:
        raise ValueError("grad: only_inputs=True and is_grads_batched=False are all there is here")
    if materialize_grads and allow_unused is False:
        raise ValueError("grad: materialize_grads=True gives zeros for unused inputs, which allow_unused=False refuses")
    sources = as_list(inputs)
    nodes = guards.find_nodes("grad", sources)
    roots = seed("grad", outputs, grad_outputs)
    if not (allow_unused or materialize_grads):
        guards.check_used(sources, reachable(roots))
    found: dict[Node, Any] = backpropagate(roots, nodes, retain_graph, create_graph)
    if materialize_grads:
        found = {node: box(np.zeros_like(s.array)) for node, s in nodes.items()} | found
    return tuple(found.get(s.node) for s in sources)  # type: ignore[misc]


def seed(name: str, outputs: Any, gradients: Any) -> Gradients:
    """The gradients to begin with: those that are given, or 1 for a single element."""
    outputs = as_list(outputs)
    gradients = [None] * len(outputs) if gradients is None else as_list(gradients)
    if len(gradients) != len(outputs):
        raise ValueError(f"{name}: {len(outputs)} outputs but {len(gradients)} upstream gradients")
    roots: Gradients = {}
    for output, g in zip(outputs, gradients, strict=True):
        if not isinstance(output, Value) or output.place() is None or (g is None and output.array.size != 1):
            raise guards.error_of_root(name, output)
        g = g if isinstance(g, Value) else box(np.asarray(np.ones_like(output.array) if g is None else g))
        if (g.array.shape, g.array.dtype) != (output.array.shape, output.array.dtype):
            g = guards.match(g, output)
        roots[output.node] = roots[output.node] + g if output.node in roots else g  # type: ignore[index]
    return roots


def backpropagate(roots: Gradients, targets: Any, retain_graph: bool | None, create_graph: bool) -> Gradients:
    """Walk the graph from `roots`, children before parents; return the complete gradients of all leaves, or of the
    nodes `targets`. Every contribution to a gradient passes through here."""
    order = reachable(roots) if targets is None else keep_paths(reachable(roots), targets)
    wanted, grads, found = None if targets is None else set(order), dict(roots), dict[Node, Any]()
    recording, state.recording, observers = state.recording, create_graph, state.observers
    add = operator.add if create_graph or observers else add_arrays  # an operation only if somebody is to see it
    try:
        for node in order:
            g = grads.pop(node)
            if node.hooks:
                g = hooks.run_hooks(node, g)
            if not node.edges if targets is None else node in targets:
                found[node] = g
            saved = node.recall()
            for rule, parent in node.edges:
                if wanted is None or parent in wanted:
                    part = rule.function(g, *map(saved.get, rule.names))
                    array = getattr(part, "array", guards.NO_ARRAY)
                    if array.shape != parent.shape or array.dtype is not parent.dtype:
                        part = guards.fit(part, node, rule, parent)
                    for observer in observers:
                        observer.on_contribution(node, rule.argument, parent, part)
                    grads[parent] = add(grads[parent], part) if parent in grads else part
            if node.stamps and not (create_graph if retain_graph is None else retain_graph):  # numbers may stay
                node.saved, node.stamps = None, []
    finally:
        state.recording = recording
    return found


def reachable(roots: Iterable[Node]) -> list[Node]:
    """All nodes that the roots depend on, children before parents. Iterative: a chain may be of any length."""
    seen = set(roots)
    todo = list(seen)
    while todo:
        for _, parent in todo.pop().edges:
            if parent not in seen:
                seen.add(parent)
                todo.append(parent)
    return sorted(seen, key=operator.attrgetter("serial"), reverse=True)


def keep_paths(order: list[Node], targets: Iterable[Node]) -> list[Node]:
    """The nodes of `order` that lie on a path to a target."""
    wanted = set(targets)
    for node in reversed(order):  # parents first
        if any(parent in wanted for _, parent in node.edges):
            wanted.add(node)
    return [node for node in order if node in wanted]


def add_arrays(x: Tensor, y: Tensor) -> Tensor:
    """Their sum, outside of the graph."""
    return box(np.asarray(x.array + y.array))


def deposit(tensor: Value, g: Tensor) -> None:
    """Add `g` to `tensor.grad`: in its memory if neither is recorded, so that it keeps its identity."""
    before = tensor._grad
    if before is None or before.node is not None or g.node is not None:
        tensor._grad = g if before is None else before + g
    else:
        before.array += g.array
        before.version[0] += 1


def as_list(values: Any) -> list[Any]:
    return list(values) if isinstance(values, list | tuple) else [values]
