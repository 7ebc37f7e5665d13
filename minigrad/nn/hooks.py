"""Hooks of modules: functions that see, and may replace, what goes in and comes out, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from minigrad.autograd import RemovableHandle, is_grad_enabled
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.nn.module import Module


class Hook(NamedTuple):
    """A function, and how it is called: with the keyword arguments, too; even if forward raises an error."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


def register(module: Module, kind: str, hook: Hook, prepend: bool) -> RemovableHandle:
    """Add a hook of this kind to a module: after the others, or before them."""
    if not module._hooks:
        module._hooks = {"forward_pre": {}, "forward": {}, "backward_pre": {}, "backward": {}}
    hooks = module._hooks[kind]
    handle = RemovableHandle(hooks, hook)
    for number in list(hooks)[:-1] if prepend else ():
        hooks[number] = hooks.pop(number)  # one after the other goes behind the new one
    return handle


def call(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call the module's forward with its hooks around it."""
    for hook in list(module._hooks["forward_pre"].values()):
        if hook.with_kwargs:
            if (replaced := hook.function(module, args, kwargs)) is not None:
                args, kwargs = replaced
        elif (replaced := hook.function(module, args)) is not None:
            args = replaced if isinstance(replaced, tuple) else (replaced,)
    backward = None
    if is_grad_enabled() and (module._hooks["backward_pre"] or module._hooks["backward"]):
        backward = Backward(module)
        args = backward.watch_inputs(args)
    try:
        out = module.forward(*args, **kwargs)
    except Exception:
        for hook in list(module._hooks["forward"].values()):
            if hook.always_call:
                hook.function(module, args, *((kwargs,) if hook.with_kwargs else ()), None)
        raise
    for hook in list(module._hooks["forward"].values()):
        replaced = hook.function(module, args, *((kwargs,) if hook.with_kwargs else ()), out)
        out = out if replaced is None else replaced
    return backward.watch_outputs(out) if backward else out


class Backward:
    """The gradients of one call of a module, as they come in: its outputs' first, then its inputs'.

    Inputs and outputs pass a node of their own, which is where their gradients are seen.
    """

    def __init__(self, module: Module):
        self.module = module
        self.inputs: list[Any] = []  # a gradient for each, or None
        self.outputs: list[Any] = []
        self.waiting: set[int] = set()  # for the gradients of these inputs

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, those that ask for a gradient with a hook."""
        self.inputs = [None] * len(args)
        watched = list(args)
        for i, value in enumerate(args):
            if isinstance(value, Tensor) and value.requires_grad:
                watched[i] = value.reshape(value.shape)
                watched[i].register_hook(lambda g, i=i: self.see_input(i, g))
                self.waiting.add(i)
        return tuple(watched)

    def watch_outputs(self, out: Any) -> Any:
        """What the module returned, a tensor or several, with hooks."""
        several = list(out) if isinstance(out, tuple | list) else [out]
        self.outputs = [None] * len(several)
        for i, value in enumerate(several):
            if isinstance(value, Tensor) and value.requires_grad:
                several[i] = value.reshape(value.shape)
                several[i].register_hook(lambda g, i=i: self.see_output(i, g))
        return type(out)(several) if isinstance(out, tuple | list) else several[0]

    def see_output(self, i: int, g: Tensor) -> Tensor:
        """Let the hooks before the backward replace the gradient; where no input waits for one, call those after it."""
        self.outputs[i] = g
        for hook in list(self.module._hooks["backward_pre"].values()):
            if (replaced := hook.function(self.module, tuple(self.outputs))) is not None:
                self.outputs = list(replaced) if isinstance(replaced, tuple | list) else [replaced]
        if not self.waiting:
            self.finish(None)
        out: Tensor = self.outputs[i]
        return out

    def see_input(self, i: int, g: Tensor) -> Tensor | None:
        """Call the hooks as soon as the gradients of all inputs are there."""
        self.inputs[i] = g
        self.waiting.discard(i)
        return None if self.waiting else self.finish(i)

    def finish(self, last: int | None) -> Tensor | None:
        """Call the hooks after the module's backward; the last input's gradient is what they make of it."""
        for hook in list(self.module._hooks["backward"].values()):
            replaced = hook.function(self.module, tuple(self.inputs), tuple(self.outputs))
            if replaced is None:
                continue
            if sum(g is not None for g in self.inputs) != 1:
                raise NotImplementedError("register_full_backward_hook: only a gradient of one input can be replaced")
            self.inputs = list(replaced) if isinstance(replaced, tuple | list) else [replaced]
        return None if last is None else self.inputs[last]
