"""What runs, written down while it runs: each operation with all its operands, its call, its line and its settings.

`record` watches a forward pass when it is asked to, by the engine's observers and by hooks on modules; both are gone
after the block, so nothing is paid for where nothing is drawn.
"""

from __future__ import annotations

import functools
import inspect
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from minigrad import autograd
from minigrad.autograd import Leaf, Node, Value
from minigrad.instead import hide
from minigrad.nn import Module
from minigrad.tensor import Tensor, as_tensor

OPERANDS = {"x", "y", "condition", "input", "other", "weight"}  # parameters by which a number is an operand
BESIDES = 100  # positions from here on are of a function's arguments, not of its first operation's
LIBRARY = "minigrad."
FUNCTIONS = ("minigrad.functional", "minigrad.nn.functional", "minigrad.ops", "minigrad.tensor")  # where calls are F.*


@dataclass(eq=False)
class Call:
    """A module's or a function's call, in which operations run. `label` is what its frame says."""

    path: str  # of the module, or the function's name; with "(call 2)" from the second call on
    kind: str  # name of the module's class; "" for a function
    settings: str = ""
    leaf: bool = False  # a module without modules in it
    line: tuple[str, int] | None = None  # where it was called

    @property
    def label(self) -> str:
        """Path and class."""
        return f"{self.path} {self.kind}".strip()


@dataclass(eq=False)
class Source:
    """A tensor or a number that no operation made: an input, a parameter, a constant."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    kind: str = "constant"  # or "number", or "unknown": an operand that a tape alone does not keep
    value: float | None = None  # of a single number
    leaf: Leaf | None = None  # if it asks for a gradient
    tensor: weakref.ref[Any] | None = None
    order: tuple[int, int] = (0, 0)
    fed: bool = False  # whether it was given to a module, or named by the user: no module has it for itself


@dataclass
class Operand:
    """What an operation is given: by which argument, at which position, and whether a gradient flows back."""

    argument: str
    position: int
    source: Any  # an Operation or a Source; a Node, if it was made before the recording began, until the tape is read
    gradient: bool = False


@dataclass(eq=False)
class Operation:
    """One run of a primitive, with or without a Node on the tape."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: tuple[int, int]  # operands come before what they are used by
    operands: list[Operand] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    value: float | None = None
    calls: tuple[Call, ...] = ()  # outermost first
    line: tuple[str, int] | None = None  # the user's line that asked for it
    node: Node | None = None
    recorded: bool = True


@hide("add find name")
class Record:
    """What `record` has seen: operations by the serial number of their Node, and the names of tensors."""

    def __init__(self) -> None:
        self.operations: dict[int, Operation] = {}
        self.names: dict[int, str] = {}  # by id; `kept` holds the tensors, so that ids stay theirs
        self.kept: list[Tensor] = []
        self.given: set[int] = set()  # ids of the tensors that the user named
        self.made: dict[int, tuple[weakref.ref[Any], Operation | Source]] = {}  # by id of the array, beside a Node
        self.leaves: dict[int, Source] = {}  # by the serial number of the Leaf
        leaf = as_tensor(np.zeros(1)).requires_grad_().node  # what is recorded from now on has larger numbers
        self.order = (leaf.serial if leaf else 0, 0)

    def name(self, name: str, tensor: Tensor, given: bool = False) -> None:
        """Call `tensor` by this name in pictures. given: by the user, not by a module that it belongs to."""
        if given:
            self.given.add(id(tensor))
        self.names[id(tensor)] = name
        self.kept.append(tensor)

    def find(self, argument: Any) -> Operation | Source | Node:
        """What an argument is: what an operation made, or a source of its own. A detached tensor is still that one."""
        node = argument.node if isinstance(argument, Value) else None
        if isinstance(node, Leaf):
            source = self.leaves.get(node.serial)
            if source is None:
                source = self.leaves[node.serial] = make_source(argument, self.order)
                self.made[id(argument.array)] = (weakref.ref(argument.array), source)
            return source
        if node is not None:
            return self.operations.get(node.serial, node)
        array = argument.array if isinstance(argument, Value) else argument
        if not isinstance(array, np.ndarray):
            return make_source(argument, self.order)
        known = self.made.get(id(array))
        if known is None or known[0]() is not array:
            known = self.made[id(array)] = (weakref.ref(array), make_source(argument, self.order))
        return known[1]

    def add(
        self, node: Node | None, name: str, args: tuple[Any, ...], out: Tensor, calls: tuple[Call, ...],
        line: tuple[str, int] | None,
    ) -> Operation:  # fmt: skip
        """Write one operation down."""
        primitive = node.primitive if node is not None else None
        forward = primitive.forward if primitive else primitives().get(name)
        parameters = parameters_of(forward) if forward else tuple(f"argument {i + 1}" for i in range(len(args)))
        self.order = (node.serial, 0) if node is not None else (self.order[0], self.order[1] + 1)
        array = out.array
        value = array.item() if array.size == 1 else None
        operation = Operation(name, array.shape, array.dtype, self.order, value=value, calls=calls, line=line)
        with_gradient = {rule.argument for rule, _ in node.edges} if node is not None else ()
        for position, (parameter, argument) in enumerate(zip(parameters, args, strict=False)):
            if is_operand(parameter, argument):
                operand = Operand(parameter, position, self.find(argument), parameter in with_gradient)
                operation.operands.append(operand)
            elif argument is not None:
                operation.settings[parameter] = argument
        if node is not None:
            self.operations[node.serial] = operation
        self.made[id(array)] = (weakref.ref(array), operation)
        return operation


def is_operand(parameter: str, argument: Any) -> bool:
    """Whether an argument is part of the expression, and no setting."""
    if isinstance(argument, Value | np.ndarray):
        return True
    return parameter in OPERANDS and isinstance(argument, int | float | np.number)


def make_source(argument: Any, order: tuple[int, int]) -> Source:
    """A tensor, an array or a number as a source."""
    if isinstance(argument, Value):
        leaf = argument.node if isinstance(argument.node, Leaf) else None
        array = argument.array
        value = array.item() if array.size == 1 else None
        return Source(array.shape, array.dtype, "constant", value, leaf, weakref.ref(argument), order)
    array = np.asarray(argument)
    kind = "constant" if isinstance(argument, np.ndarray) else "number"
    return Source(array.shape, array.dtype, kind, array.item() if array.size == 1 else None, order=order)


@functools.cache
def parameters_of(forward: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a forward's parameters."""
    return tuple(inspect.signature(forward).parameters)


@functools.cache
def primitives() -> dict[str, Callable[..., Any]]:
    """The forward of each primitive of the library, by name: what has no Node does not say which one it is."""
    found: dict[str, Callable[..., Any]] = {}
    for name, module in list(sys.modules.items()):
        if name.startswith(FUNCTIONS):
            for value in vars(module).values():
                primitive = getattr(value, "primitive", None)
                if isinstance(primitive, autograd.Primitive):
                    found.setdefault(primitive.name, primitive.forward)
    return found


def find_caller(frame: FrameType | None) -> tuple[FrameType | None, str, tuple[str, int] | None]:
    """From a frame inside the library outwards: the outermost library function's frame and name, the user's line.

    A private function, an operator (`__rsub__`) and a rule of backward are no calls of a user's.
    """
    call, name = None, ""
    inside = True
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(LIBRARY) or module.startswith("minigrad.study"):
            return call, name, (frame.f_code.co_filename, frame.f_lineno)
        if inside and module.startswith(FUNCTIONS):
            code = frame.f_code
            if not code.co_name.startswith(("_", "<")) and "<locals>" not in code.co_qualname:  # a decorator's wrapper
                call, name = frame, code.co_name
        elif module.startswith("minigrad.autograd"):
            if frame.f_code.co_name == "backpropagate":
                call, name, inside = None, "", False  # a rule of backward runs: it is nobody's call
        elif inside and not module.startswith("minigrad.viz"):
            inside = False
        frame = frame.f_back
    return call, name, None


@dataclass
class Watch:
    """The state of a recording: which modules' calls are open, and which function's call ran last."""

    seen: Record
    stack: list[tuple[Module, Call]] = field(default_factory=list)
    times: dict[str, int] = field(default_factory=dict)
    frame: FrameType | None = None  # of the function's call that ran last; held, so that no other takes its place
    call: Call | None = None

    def numbered(self, path: str) -> str:
        """The path, with the number of the call from the second on."""
        self.times[path] = self.times.get(path, 0) + 1
        return path + (f" (call {self.times[path]})" if self.times[path] > 1 else "")

    def enter(self, path: str) -> Callable[..., None]:
        """The hook that opens a module's call."""

        def hook(module: Module, args: Any) -> None:
            leaf = len(list(module.modules())) == 1
            settings = " ".join(module.extra_repr().split())
            for argument in args:
                source = self.seen.find(argument) if isinstance(argument, Value) else None
                if isinstance(source, Source):
                    source.fed = True
            line = find_caller(sys._getframe(1))[2]
            self.stack.append((module, Call(self.numbered(path), type(module).__name__, settings, leaf, line)))

        return hook

    def leave(self, module: Module, args: Any, out: Any) -> None:
        """Close a module's call, and those in it that ended with an error, which someone caught."""
        while self.stack and self.stack.pop()[0] is not module:
            pass

    def forward(self, node: Node | None, name: str, args: tuple[Any, ...], out: Tensor) -> None:
        """Write down one operation, in the calls that are open."""
        frame, function, line = find_caller(sys._getframe(1))
        begins = frame is not None and frame is not self.frame
        if frame is None or begins:
            self.frame = frame
            self.call = Call(self.numbered(function), "", line=line) if frame is not None else None
        calls = tuple(call for _, call in self.stack) + ((self.call,) if self.call else ())
        operation = self.seen.add(node, name, args, out, calls, line)
        if begins and frame is not None:
            self.add_arguments(operation, frame)

    def add_arguments(self, operation: Operation, frame: FrameType) -> None:
        """What a function was given besides: labels and indices, which its operations use as plain arrays."""
        code, given = frame.f_code, frame.f_locals
        known = {id(operand.source) for operand in operation.operands}
        for place, name in enumerate(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]):
            value = given.get(name)
            if isinstance(value, Value | np.ndarray) and getattr(value, "node", None) is None:
                source = self.seen.find(value)
                if isinstance(source, Source):
                    if source.tensor is None and isinstance(value, Value):
                        source.tensor = weakref.ref(value)  # the operation was given its array only
                    if id(value) not in self.seen.names:
                        source.fed = True
                if id(source) not in known:
                    operation.operands.append(Operand(name, BESIDES + place, source))


def prefixes(modules: tuple[Module, ...], named: dict[str, Module]) -> list[tuple[str, Module]]:
    """A name for each module: none for a single one, else the keyword, or the class, with a number where it repeats."""
    found: list[tuple[str, Module]] = []
    for module in modules:
        if not isinstance(module, Module):
            raise TypeError(f"record: expected modules, got {type(module).__name__}")
        kind = type(module).__name__ if len(modules) + len(named) > 1 else ""
        taken = sum(type(other) is type(module) for _, other in found)
        found.append((kind + (str(taken + 1) if kind and taken else ""), module))
    for name, module in named.items():
        if not isinstance(module, Module):
            raise TypeError(f"record: expected modules, got {type(module).__name__} for {name}")
        found.append((name, module))
    return found


@contextmanager
def record(*modules: Module, **named: Module) -> Iterator[Record]:
    """Watch the operations of this thread in a `with` block: `mg.graph(loss, record=...)` then shows all of them.

    Every operand is kept by shape and name, single numbers by value; settings (stride, padding, …), the modules' and
    functions' calls and the lines of the source, too. Several modules are told apart by their classes, or by keywords:
    `record(G=generator, D=discriminator)`. Raises TypeError for what is no Module and ValueError for a module that
    contains itself.
    """
    seen = Record()
    watch = Watch(seen)
    with ExitStack() as hooks:
        for prefix, module in prefixes(modules, named):
            for path, inner in module.named_modules(prefix):
                hooks.enter_context(inner.register_forward_pre_hook(watch.enter(path)))
                hooks.enter_context(inner.register_forward_hook(watch.leave))
            for name, tensor in (*module.named_parameters(prefix), *module.named_buffers(prefix)):
                seen.name(name, tensor)
        hooks.enter_context(autograd.observe(on_forward=watch.forward))
        try:
            yield seen
        finally:
            watch.frame = None
