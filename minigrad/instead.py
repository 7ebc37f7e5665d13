"""What to say of a name that is not here, but that users of PyTorch or NumPy reach for."""

from collections.abc import Mapping
from typing import Any


def missing(owner: str, name: str, instead: Mapping[str, str], obj: Any = None) -> AttributeError:
    """The error for `name`, which `owner` lacks: it says what to use instead where that is known."""
    hint = f"; {instead[name]}" if name in instead else ""
    return AttributeError(f"{owner} has no attribute {name!r}{hint}", name=name, obj=obj)
