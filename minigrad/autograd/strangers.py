"""What is said of an argument that should be a tensor and is none: which one it is, and what to do about it.

A primitive knows its arguments, and `guards.explain` says so for it. `expect_tensors` is for functions that ask their
arguments for a shape, a dtype or a method before they call any primitive.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

OPERATORS = "unsupported operand type", "not supported between"  # Python's words of two types without an operator


def expect_tensors(function: F) -> F:
    """Let a function raise a TypeError that names the argument which lacks what a tensor has.

    Nothing is checked before the call, so that arrays may stand for tensors wherever they do.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (AttributeError, TypeError) as error:
            if words := describe_stranger(function, args, kwargs, error):
                raise TypeError(words) from None
            raise

    return call  # type: ignore[return-value]


def describe_stranger(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], error: Exception
) -> str:
    """Words for the argument at which Python stumbled; none if it was no argument but something else."""
    if not (isinstance(error, AttributeError) or any(words in str(error) for words in OPERATORS)):
        return ""
    parameters = inspect.signature(function)
    given = parameters.bind_partial(*args, **{k: v for k, v in kwargs.items() if k in parameters.parameters}).arguments
    for name, value in name_parts(given):
        if is_stranger(value, error):
            return f"{function.__name__}: {name} must be a Tensor, got {describe_kind(value)}"
    return ""


def is_stranger(value: Any, error: Exception) -> bool:
    """Whether this value, which is no tensor, lacks the attribute or the operator that the error tells of."""
    if hasattr(value, "node"):
        return False
    if isinstance(error, AttributeError):
        return str(error).startswith("'NoneType' object") if value is None else value is error.obj
    return not isinstance(value, int | float) and f"'{type(value).__name__}'" in str(error)


def name_parts(given: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """The arguments and what is in them, with the names that an error gives them."""
    for name, value in given.items():
        yield name, value
        if isinstance(value, list | tuple) or (isinstance(value, str) and len(value) > 1):
            yield from name_parts({f"{name}[{i}]": part for i, part in enumerate(value)})


def describe_kind(value: Any) -> str:
    """The type of what is no tensor, and what its user may have meant."""
    if value is None:
        return "NoneType; does the model's forward() end with a return?"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    numbers = isinstance(value, list | tuple | int | float) or hasattr(value, "__array__")
    return type(value).__name__ + ("; say tensor(...) first" if numbers else "")
