"""Random numbers: a generator that can be passed in, and a default that `manual_seed` seeds. Same seed, same bits."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from minigrad.generator import Generator as Generator
    from minigrad.generator import default_generator as default_generator
else:

    def __getattr__(name: str) -> object:
        """`Generator` and `default_generator`, when they are first asked for: what NumPy's generators need takes half
        as long to import as all of minigrad."""
        if name not in ("Generator", "default_generator"):
            raise AttributeError(f"module 'minigrad.random' has no attribute {name!r}", name=name)
        return getattr(import_module("minigrad.generator"), name)


def manual_seed(seed: int) -> Generator:
    """Seed the default generator and return it."""
    return _default().manual_seed(seed)


def get_rng_state() -> np.ndarray:
    """The default generator's state, as bytes (uint8)."""
    return _default().get_state()


def set_rng_state(state: Any) -> None:
    """Set the default generator's state to one that `get_rng_state` gave."""
    _default().set_state(state)


def _default() -> Generator:
    generator: Generator = import_module("minigrad.generator").default_generator
    return generator
