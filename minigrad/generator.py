"""NumPy's generator with PyTorch's names, and the one that is used where none is given. `random.py` is the way in."""

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
        except (TypeError, ValueError, KeyError, OverflowError, RuntimeError) as error:  # RecursionError is one
            raise ValueError(f"set_state: expected what get_state gave, got something else ({error})") from error


default_generator = Generator()
