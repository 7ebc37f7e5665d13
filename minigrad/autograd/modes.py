"""What holds for the running thread: whether operations are recorded, and who watches the engine at work."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from minigrad.instead import hide

if TYPE_CHECKING:
    from minigrad.autograd.tape import Node
    from minigrad.tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])


class State(threading.local):
    """What holds for the running thread only."""

    recording: bool = True
    observers: tuple[Observer, ...] = ()


state = State()


def is_grad_enabled() -> bool:
    """Whether this thread records operations."""
    return state.recording


@hide("again before begun mode step_by_step")
class GradMode:
    """A mode for a `with` block or, as a decorator, for a function. An object may be used again and within itself."""

    mode: bool

    def __init__(self) -> None:
        self.before: list[bool] = []

    def __enter__(self) -> None:
        self.before.append(state.recording)
        state.recording = self.mode

    def __exit__(self, *exception: object) -> None:
        state.recording = self.before.pop()

    def __call__(self, function: F) -> F:
        """The function, run in this mode: a generator and a coroutine in each of their steps, and only then."""
        if inspect.isgeneratorfunction(function):
            decorated: Any = self.step_by_step(function)
        elif inspect.iscoroutinefunction(function):

            async def decorated(*args: Any, **kwargs: Any) -> Any:
                return await Awaited(self, function(*args, **kwargs))
        else:

            def decorated(*args: Any, **kwargs: Any) -> Any:
                with self.again():
                    return function(*args, **kwargs)

        return functools.wraps(function)(decorated)  # type: ignore[return-value]

    def again(self) -> GradMode:
        """The same mode as an object of its own: a function may run in several threads at once."""
        other = GradMode()
        other.mode = self.mode
        return other

    def step_by_step(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A generator function that is in this mode while it runs, and leaves the mode alone while it waits."""

        def generator(*args: Any, **kwargs: Any) -> Any:
            return (yield from drive(self, function(*args, **kwargs)))

        return generator


def drive(mode: GradMode, generator: Any) -> Any:
    """Run a generator or coroutine in a mode, step by step; pass on what is sent and thrown into it."""
    step, value = generator.send, None
    while True:
        try:
            with mode.again():
                request = step(value)
        except StopIteration as end:
            return end.value
        try:
            step, value = generator.send, (yield request)
        except GeneratorExit:
            with mode.again():
                generator.close()
            raise
        except BaseException as error:
            step, value = generator.throw, error


class Awaited:
    """A coroutine that runs in a mode."""

    def __init__(self, mode: GradMode, coroutine: Any):
        self.mode, self.coroutine = mode, coroutine

    def __await__(self) -> Any:
        return drive(self.mode, self.coroutine)


class Plain(GradMode):
    """A mode without an argument, which decorates with brackets or without: `@no_grad()`, `@no_grad`."""

    @overload
    def __new__(cls, function: F) -> F: ...  # type: ignore[misc]
    @overload
    def __new__(cls) -> Plain: ...
    def __new__(cls, function: Any = None) -> Any:
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]
        return made(function)


class no_grad(Plain):  # PyTorch's name, as are the next three
    """Record nothing in this block, or in this function when used as a decorator.

    >>> import minigrad as mg
    >>> weight = mg.ones(2, requires_grad=True)
    >>> with no_grad():
    ...     weight -= 0.5  # a step, which no gradient is to flow through
    >>> weight
    tensor([0.5, 0.5], requires_grad=True)
    """

    mode = False


class enable_grad(Plain):
    """Record again inside a `no_grad` block; a decorator, too."""

    mode = True


class set_grad_enabled(GradMode):
    """Switch recording on or off for this thread: at once when called, and until the end of the block in a `with`.

    As a decorator it switches for the function only, and the mode is again what it was before the call.
    """

    def __init__(self, mode: bool):
        super().__init__()
        self.before.append(state.recording)
        self.mode = state.recording = bool(mode)
        self.begun = True

    def __enter__(self) -> None:
        if not self.begun:
            self.before.append(state.recording)
        self.begun = False
        state.recording = self.mode

    def __call__(self, function: F) -> F:
        state.recording = self.before[0]
        return super().__call__(function)


class inference_mode(GradMode):
    """As `no_grad`, or with `False` as `enable_grad`: nothing is recorded, so nothing else is to be saved here."""

    def __new__(cls, mode: Any = True) -> Any:
        made = super().__new__(cls)
        if isinstance(mode, bool):
            return made
        made.__init__()  # type: ignore[misc]
        return made(mode)

    def __init__(self, mode: bool = True):
        super().__init__()
        self.mode = not mode


def ignore(*event: object) -> None:
    """Do nothing about an event."""


class Observer(NamedTuple):
    """Functions to call after every primitive and for every contribution to a gradient; see `observe`."""

    on_forward: Callable[[Node | None, str, tuple[Any, ...], Tensor], None] = ignore
    on_contribution: Callable[[Node, str, Node, Tensor], None] = ignore


@contextmanager
def observe(
    on_forward: Callable[[Node | None, str, tuple[Any, ...], Tensor], None] = ignore,
    on_contribution: Callable[[Node, str, Node, Tensor], None] = ignore,
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
