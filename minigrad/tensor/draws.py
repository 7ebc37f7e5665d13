"""Random arrays: the one place where a tensor's random numbers come from."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from minigrad import random
from minigrad.dtypes import as_dtype

Source: TypeAlias = "np.random.Generator | None"  # None: the default generator


def draw(name: str, size: tuple[int, ...], dtype: Any, generator: Source) -> np.ndarray:
    source = random.default_generator if generator is None else generator
    dtype = as_dtype(dtype)
    native = dtype if dtype in (np.float32, np.float64) else np.dtype(np.float32)
    return np.asarray(getattr(source, name)(size, dtype=native)).astype(dtype, copy=False)
