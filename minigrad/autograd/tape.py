"""The engine: step 2 of the ladder (examples/learn/step2_arrays.py), plus what a library needs. No calculus in here.

An operation is stated once, by `@primitive`: its forward on plain arrays, and beside it a rule for each differentiable
argument. `primitive` records the graph, `backpropagate` walks it. What stands elsewhere: `graph.py` says what a node
keeps and refuses what was changed since; `guards.py` holds dtypes and messages; `modes.py` switches recording off;
`hooks.py` lets functions see a gradient; the tensor's in-place operations (tensor/inplace.py) write history anew.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from minigrad.autograd import guards
from minigrad.autograd.graph import Leaf, Node, Primitive, Rule, Value, View, box
from minigrad.autograd.hooks import deposit, run_hooks
from minigrad.autograd.modes import state

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

P = ParamSpec("P")

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
            arrays = [a.array if isinstance(a, Value) else a for a in args]
            kept: Sequence[Any] = ()
            try:
                out: Any = forward(*arrays)  # type: ignore[call-arg, arg-type]
                if kept_names:
                    out, *kept = guards.unpack(operation.name, out, kept_names)
                if type(out) is not np.ndarray or out.dtype is not guards.FLOAT32:
                    if type(out) is tuple:
                        raise TypeError("a forward returns one array; name what it keeps for its rules in keeps=")
                    out = guards.narrow(out, arrays)
            except guards.MISTAKES as error:
                raise guards.explain(error, operation.name, args) from None
            result = box(out)
            if out.base is not None or any(map(operator.is_, arrays, [out] * arity)):
                share_memory(result, operation, args)
            if state.recording and out.dtype.kind == "f":
                edges: tuple[tuple[Rule, Any], ...] = ()
                for rule in active:
                    argument = args[rule.position]
                    if isinstance(argument, Value) and (argument.node or argument.view_of) and argument.requires_grad:
                        edges += ((rule, argument.node),)
                if edges:
                    result.node = Node(operation, edges, out)
                    result.node.save((*args, *kept, out), result.version)
            for observer in state.observers:
                if observer.on_forward:
                    observer.on_forward(result.node, operation.name, args, result)
            return result

        apply.primitive = operation  # type: ignore[attr-defined]
        return apply

    return decorate


def make_rule(argument: str, function: Callable[..., Any], places: list[str]) -> Rule:
    """Find out from a rule's parameter names what it needs, and where that stands among `places`."""
    names = tuple(inspect.signature(function).parameters)[1:]
    needs = [
        operator.itemgetter(places.index(name))
        if name in places
        else functools.partial(shape_at, places.index(name.removesuffix("_shape")))
        for name in names
    ]
    return Rule(argument, places.index(argument), function, names, tuple(needs))


def shape_at(position: int, values: Sequence[Any]) -> tuple[int, ...]:
    value = values[position]
    return value.array.shape if isinstance(value, Value) else np.shape(value)


def share_memory(result: Value, operation: Primitive, args: tuple[Any, ...]) -> None:
    """If the result lies in the memory of an argument, a change of one is a change of the other."""
    for position, a in enumerate(args):
        if isinstance(a, Value) and np.may_share_memory(a.array, result.array):
            result.version, result.followed = a.version, a.version[0]
            result.view_of = View(position, operation.forward, args, state.recording)
            return


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
    roots = seed("backward", tensors, grad_tensors)
    chosen = None if inputs is None else as_list(inputs)
    targets = None if chosen is None else dict(zip(guards.nodes_of("backward", chosen), chosen, strict=True))
    found = backpropagate(roots, targets, retain_graph, create_graph)
    taken = {id(g.array) for g in roots.values()}  # arrays that somebody has already must not become a .grad
    for node, g in found.items():
        tensor = targets[node] if targets is not None else node.tensor() if isinstance(node, Leaf) else None
        if tensor is not None and tensor.requires_grad and tensor.array.shape == node.shape:
            if g.node is None and (g.array.base is not None or id(g.array) in taken):
                g = box(g.array.copy("K"))
            taken.add(id(g.array))
            deposit(tensor, g)


def grad(
    outputs: Value | Sequence[Value],
    inputs: Value | Sequence[Value],
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
    nodes = guards.nodes_of("grad", sources)
    roots = seed("grad", outputs, grad_outputs)
    if not (allow_unused or materialize_grads):
        guards.check_used(nodes, sources, set(reachable(roots)).__contains__)
    found: dict[Node, Tensor] = backpropagate(roots, dict.fromkeys(nodes), retain_graph, create_graph)
    nothing = [box(np.zeros_like(s.array)) if materialize_grads else None for s in sources]
    return tuple(found.get(node, other) for node, other in zip(nodes, nothing, strict=True))  # type: ignore[misc]


def seed(name: str, outputs: Any, gradients: Any) -> dict[Node, Tensor]:
    """The gradients to begin with: those that are given, or 1 for a single element."""
    outputs = as_list(outputs)
    gradients = [None] * len(outputs) if gradients is None else as_list(gradients)
    if len(gradients) != len(outputs):
        raise ValueError(f"{name}: {len(outputs)} outputs but {len(gradients)} upstream gradients")
    roots: dict[Node, Tensor] = {}
    for output, g in zip(outputs, gradients, strict=True):
        if isinstance(output, Value) and g is None and output.array.size == 1:
            g = box(np.ones_like(output.array))
        elif g is not None and not isinstance(g, Value):
            g = box(np.asarray(g))
        if not isinstance(output, Value) or not output.requires_grad or g is None or g.shape != output.array.shape:
            raise guards.error_of_root(name, output, g)
        g = g if g.array.dtype is output.array.dtype else g.to(output.array.dtype)
        roots[output.node] = roots[output.node] + g if output.node in roots else g  # type: ignore[index]
    return roots


def backpropagate(
    roots: dict[Node, Tensor], targets: Iterable[Node] | None, retain_graph: bool | None, create_graph: bool
) -> dict[Node, Tensor]:
    """Walk the graph from `roots`, children before parents; return the complete gradients of all leaves, or of
    `targets`. Every contribution to a gradient passes through here."""
    order = reachable(roots)
    wanted = None if targets is None else keep_paths(order, targets)
    grads, found = dict(roots), dict[Node, Any]()
    recording, state.recording = state.recording, create_graph
    try:
        for node in order:
            if wanted is not None and node not in wanted:
                continue
            g = grads.pop(node)
            if node.hooks:
                g = run_hooks(node, g)
            if not node.edges if targets is None else node in targets:
                found[node] = g
            saved = node.recall()
            for rule, parent in node.edges:
                if wanted is not None and parent not in wanted:
                    continue
                try:
                    part = rule.function(g, *[saved[name] for name in rule.names])
                    if not guards.fits(part, parent):
                        part = guards.fit(part, node, rule, parent)
                except Exception as error:
                    error.add_note(f"in the rule of {node.name} for {rule.argument!r}, which is to give a Tensor")
                    raise
                for observer in state.observers:
                    if observer.on_contribution:
                        observer.on_contribution(node, rule.argument, parent, part)
                grads[parent] = grads[parent] + part if parent in grads else part
            if node.saved and not (create_graph if retain_graph is None else retain_graph):
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


def keep_paths(order: list[Node], targets: Iterable[Node]) -> set[Node]:
    """The nodes of `order` that lie on a path to a target."""
    wanted = set(targets)
    for node in reversed(order):  # parents first
        if any(parent in wanted for _, parent in node.edges):
            wanted.add(node)
    return wanted & set(order)


def as_list(values: Any) -> list[Any]:
    return list(values) if isinstance(values, list | tuple) else [values]

