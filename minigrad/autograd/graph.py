"""The graph: what a tensor knows of how it was made. `tape.py` records it and walks it.

A `Node` is one recorded operation, with an edge for each argument that asks for a gradient. A `Value` is an array
and its place in the graph; its subclass `Tensor` adds the operators.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from minigrad.autograd import guards, hooks
from minigrad.autograd.hooks import RemovableHandle

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

Array: TypeAlias = Any  # what a forward works on: an ndarray or a number; callers may pass Tensors
serial_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Rule:
    """How a gradient passes the argument at `position`.

    names: what the function takes after `g`. needs: for each of them, how to get it from the forward's arguments, what
    it kept besides and its result, in that order.
    """

    argument: str
    position: int
    function: Callable[..., Tensor]
    names: tuple[str, ...]
    needs: tuple[Callable[[Sequence[Any]], Any], ...]


@dataclass(frozen=True, slots=True)
class Primitive:
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

    def __init__(self, primitive: Primitive | None, edges: tuple[tuple[Rule, Node], ...], out: np.ndarray):
        self.primitive = primitive
        self.edges = edges
        self.shape = out.shape
        self.dtype = out.dtype
        self.saved: dict[str, Any] | None = {}
        self.stamps: list[tuple[str, list[int], int]] = []
        self.hooks: dict[int, Callable[[Tensor], Tensor | None]] | None = None
        self.serial = next(serial_numbers)  # parents have smaller numbers than their children

    def save(self, values: Sequence[Any], version: list[int]) -> None:
        """Keep what the rules ask for of `values`: the arguments, what the forward kept, and the bare result, whose
        changes `version` counts. The result is boxed again at backward: a Node never refers to its own output."""
        saved = self.saved = dict[str, Any]()
        for rule, _ in self.edges:
            for name, get in zip(rule.names, rule.needs, strict=True):
                if name not in saved:
                    value = saved[name] = get(values)
                    if name == "out":
                        self.stamps.append((name, version, version[0]))
                    elif isinstance(value, Value):
                        self.stamps.append((name, value.version, value.version[0]))

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

    @property
    def source(self) -> Tensor:
        """The tensor that is looked at, which may be a view in turn."""
        return self.args[self.position]  # type: ignore[no-any-return]

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
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            guards.check_grad(self, value)
        self._grad = value

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor; settable on leaves of floating dtype."""
        if self.view_of is not None:
            self.follow()
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

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
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


Result: type[Value] = Value  # the class of what primitives return; `Tensor` names itself at its definition


def box(array: np.ndarray, node: Node | None = None) -> Tensor:
    """A Tensor around `array`, without any check or copy."""
    tensor: Any = object.__new__(Result)
    tensor.array = array
    tensor.version = [0]
    if node is not None:
        tensor.node = node
    return tensor  # type: ignore[no-any-return]
