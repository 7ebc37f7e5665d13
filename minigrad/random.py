"""Random numbers: a generator that can be passed in, and a default that `manual_seed` seeds. Same seed, same bits."""

import json
from typing import Any

import numpy as np


class Generator(np.random.Generator):
    """NumPy's generator, which any function here takes as `generator=`, with PyTorch's names for seed and state.

    >>> Generator(0).random() == Generator().manual_seed(0).random()
    True
    """

    def __init__(self, seed: Any = None):
        super().__init__(np.random.PCG64(seed))

    def manual_seed(self, seed: int) -> "Generator":
        """Begin again as if made with this seed."""
        self.bit_generator.state = np.random.PCG64(seed).state
        return self

    def get_state(self) -> np.ndarray:
        """All that determines the numbers to come, as bytes (uint8): fit to be saved beside weights."""
        return np.frombuffer(json.dumps(self.bit_generator.state).encode(), np.uint8).copy()

    def set_state(self, state: Any) -> None:
        """Go on as the generator whose `get_state` this was; a ValueError if it is no such state."""
        try:
            self.bit_generator.state = json.loads(np.asarray(state, np.uint8).tobytes())
        except (TypeError, ValueError, KeyError, OverflowError, RecursionError) as error:
            raise ValueError(f"set_state: expected what get_state gave, got something else ({error})") from error


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator and return it."""
    return default_generator.manual_seed(seed)


def get_rng_state() -> np.ndarray:
    """The default generator's state, as bytes (uint8)."""
    return default_generator.get_state()


def set_rng_state(state: Any) -> None:
    """Set the default generator's state to one that `get_rng_state` gave."""
    default_generator.set_state(state)
