"""Hooks: functions that see a complete gradient on its way, and may replace it."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minigrad.autograd import guards

if TYPE_CHECKING:
    from minigrad.autograd.tape import Node, Value
    from minigrad.tensor import Tensor

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


def register(tensor: Value, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Call `hook(gradient)` once the gradient of `tensor` is complete."""
    hooks = hooks_of("register_hook", tensor)
    handle = RemovableHandle(hooks, hook)
    if (keep := hooks.pop(KEEP, None)) is not None:  # what is retained is what the hooks leave
        hooks[KEEP] = keep
    return handle


def retain(tensor: Value) -> None:
    """Keep the gradient of a tensor that an operation made in its `.grad`."""
    hooks = hooks_of("retain_grad", tensor)
    if tensor.is_leaf or KEEP in hooks:
        return
    itself = weakref.ref(tensor)

    def keep(g: Tensor) -> None:
        if (found := itself()) is not None:
            part = g if g.node is not None else copied(g)
            found.grad = part if found._grad is None else found._grad + part

    hooks[KEEP] = keep


def hooks_of(name: str, tensor: Value) -> dict[int, Callable[[Tensor], Tensor | None]]:
    if not tensor.requires_grad:
        raise RuntimeError(f"{name}: the tensor does not require a gradient, so none will come")
    assert tensor.node is not None
    if tensor.node.hooks is None:
        tensor.node.hooks = {}
    return tensor.node.hooks


def run_hooks(node: Node, g: Tensor) -> Tensor:
    """The gradient after the hooks of a node: what the last one returned, if anything, in the dtype of `g`."""
    for hook in list((node.hooks or {}).values()):
        replacement = hook(g)
        if replacement is not None:
            guards.check_replacement(g, replacement)
            g = replacement.to(g.array.dtype)
    return copied(g)  # the hook may have kept what it saw


def copied(g: Tensor) -> Tensor:
    copy = g.detach()
    copy.array, copy.version, copy.node = g.array.copy("K"), [0], g.node
    return copy
