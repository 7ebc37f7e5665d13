"""PyTorch's names of arguments, and NumPy's that PyTorch takes, beside the names that functions here have for them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from minigrad.autograd.strangers import describe_stranger
from minigrad.autograd.wording import reword

F = TypeVar("F", bound=Callable[..., Any])

SPELLINGS = {"input": "x", "other": "y", "exponent": "y", "axis": "dim", "keepdims": "keepdim"}


def respell(kwargs: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The arguments with the names that a function has for them."""
    return {name if name in names else SPELLINGS.get(name, name): value for name, value in kwargs.items()}


def allow_spellings(function: F) -> F:
    """Let a function that is no primitive take its arguments by PyTorch's other names for them, too."""

    @functools.cache  # asked for at the first call by name: an import does not wait for it
    def names() -> set[str]:
        return set(inspect.signature(function).parameters)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **(respell(kwargs, names()) if kwargs else kwargs))
        except (AttributeError, TypeError) as error:
            if words := describe_stranger(function, args, respell(kwargs, names()), error):
                raise TypeError(words) from None
            raise
        except IndexError as error:
            if (words := reword(str(error))) == str(error):
                raise
            raise IndexError(f"{function.__name__}: {words}") from None

    return call  # type: ignore[return-value]
