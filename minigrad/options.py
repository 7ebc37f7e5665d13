"""Options that a class declares once, as fields: its constructor, their defaults and their checks come from these.

    @declare
    class SGD(Optimizer):
        lr: float = option(default=1e-3, least=0)

makes `SGD(params, lr=0.001)`. A class that is not itself declared, such as a user's subclass, is left as it is.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

C = TypeVar("C", bound=type)

TESTS = {
    "least": ("at least", operator.ge),
    "above": ("above", operator.gt),
    "most": ("at most", operator.le),
    "below": ("below", operator.lt),
    "among": ("one of", lambda value, allowed: value in allowed),
}


def option(*, default: Any = MISSING, kw_only: bool = False, **tests: Any) -> Any:
    """A field and its `tests`: least=, above=, most=, below= of a number, or of each in a row, and among= of any value.

    Where the default is None, None passes the tests.
    """
    assert tests.keys() <= TESTS.keys(), f"there are tests {', '.join(TESTS)}"
    return field(default=default, kw_only=kw_only, metadata=tests)


@dataclass_transform(eq_default=False, field_specifiers=(option,))
def declare(kind: C) -> C:
    """Make the constructor of a class from its fields. It calls `__post_init__`, if there is one, at its end."""
    dataclass(eq=False, repr=False)(kind)
    for own in fields(kind):
        if own.name in vars(kind):
            delattr(kind, own.name)  # a default is no value: nobody shall read one for the other
    return kind


def check_options(owner: str, kind: Any, values: Mapping[str, Any]) -> None:
    """Raise a ValueError unless the values of the options that `kind` declares pass their tests."""
    for own in fields(kind):
        if own.name not in values or (values[own.name] is None and own.default is None):
            continue
        value = values[own.name]
        for test, bound in own.metadata.items():
            words, holds = TESTS[test]
            try:
                good = all(bool(holds(each, bound)) for each in (value if isinstance(value, list | tuple) else [value]))
            except (TypeError, ValueError, RuntimeError):
                good = False
            if not good:
                raise ValueError(f"{owner}: {own.name} must be {words} {bound}, got {value!r}")
