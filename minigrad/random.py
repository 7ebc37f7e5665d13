"""Random numbers: a generator that can be passed in, and a default that `manual_seed` seeds. Same seed, same bits."""

from __future__ import annotations

import json
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.device import CPU, check_device

if TYPE_CHECKING:
    from numpy.random import Generator as Base
else:
    Base = object

__all__ = [
    "Generator", "default_generator", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state",
]  # fmt: skip

__dir__ = __all__.copy  # what completion offers


class Generator(Base):
    """NumPy's generator with PyTorch's names for seed and state; any function here takes either as `generator=`.

    It loads `numpy.random` when its first number is drawn, because that would slow `import minigrad` down.

    >>> generator = Generator(0)
    >>> first = generator.random()
    >>> _ = generator.manual_seed(0)  # begins again
    >>> generator.random() == first
    True
    """

    def __init__(self, seed: Any = None, device: Any = None):
        self.device = CPU
        if isinstance(seed, str | type(CPU)):  # PyTorch's first argument is the device
            seed, device = None, seed
        check_device(device, "Generator")
        self._seed = seed

    def __getattr__(self, name: str) -> Any:  # asked only when there is no such attribute
        if name == "_numpy" and "_seed" in self.__dict__:
            self._numpy = np.random.Generator(np.random.PCG64(self._seed))
            return self._numpy
        if name.startswith("_"):
            raise AttributeError(f"'Generator' object has no attribute {name!r}", name=name, obj=self)
        return getattr(self._numpy, name)

    def __repr__(self) -> str:
        return f"Generator(seed={self._seed})"

    __str__ = __repr__

    def manual_seed(self, seed: int) -> Generator:
        """Begin again as if made with this seed, an integer. PyTorch's negative seeds count from 2⁶⁴ down.

        >>> import minigrad as mg
        >>> _ = manual_seed(0)
        >>> first = mg.rand(2)
        >>> _ = manual_seed(0)
        >>> bool((mg.rand(2) == first).all())
        True
        """
        try:
            number = operator.index(seed)
        except TypeError:
            raise TypeError(f"manual_seed: expected an integer, got {seed!r}") from None
        self._seed = number % (1 << 64)
        self._numpy = np.random.Generator(np.random.PCG64(self._seed))
        return self

    def seed(self) -> int:
        """Begin again with a seed from the operating system, and return it."""
        self.manual_seed(np.random.SeedSequence().generate_state(1, np.uint64).item())
        return self.initial_seed()

    def initial_seed(self) -> int:
        """The seed of `manual_seed` or of the constructor; one from the operating system if there was none."""
        return self.seed() if self._seed is None else int(self._seed)

    def get_state(self) -> np.ndarray:
        """All that determines the numbers to come, as bytes (uint8): fit to be saved beside weights."""
        return np.frombuffer(json.dumps(self.bit_generator.state).encode(), np.uint8).copy()

    def set_state(self, state: Any) -> Generator:
        """Go on as the generator whose `get_state` this was; a ValueError if it is no such state."""
        try:
            self.bit_generator.state = json.loads(np.asarray(state, np.uint8).tobytes())
        except (TypeError, ValueError, KeyError, OverflowError, RuntimeError) as error:  # RecursionError is one
            raise ValueError(f"set_state: expected what get_state gave, got something else ({error})") from None
        return self


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator and return it."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator from the operating system and return the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> np.ndarray:
    """The default generator's state, as bytes (uint8)."""
    return default_generator.get_state()


def set_rng_state(state: Any) -> None:
    """Set the default generator's state to one that `get_rng_state` gave."""
    default_generator.set_state(state)
