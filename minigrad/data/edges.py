"""Made images: one straight edge at a random place in each, rising, falling or absent in each channel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigrad import random


def edges(
    signs: ArrayLike,
    size: int = 12,
    *,
    tilt: float = math.pi / 3,
    noise: float = 0.0,
    generator: np.random.Generator | None = None,
) -> NDArray[Any]:
    """(N, C) signs to (N, C, size, size) images, float32: channel c steps by signs[n, c], from -½ to ½ of it.

    The edge of an image is the same line in all its channels. It passes through a point drawn from the middle half of
    the picture, at an angle to the vertical drawn from (-tilt, tilt); a pixel on the line has a value between. What is
    positive rises from left to right: with a tilt of 90° and more a picture would not tell its sign. `noise` is the
    standard deviation of what is added to each pixel.
    """
    steps = np.asarray(signs, np.float32)
    if steps.ndim != 2:
        raise ValueError(f"edges: expected signs (N, C), got shape {steps.shape}")
    if size < 2 or not 0 <= tilt < math.pi / 2 or noise < 0:
        raise ValueError(f"edges: expected size > 1, 0 ≤ tilt < π/2 and noise ≥ 0, got {size}, {tilt}, {noise}")
    rng = generator or random.default_generator
    n = len(steps)
    angle = rng.uniform(-tilt, tilt, (n, 1, 1))
    y0, x0 = rng.uniform(0.25 * (size - 1), 0.75 * (size - 1), (2, n, 1, 1))
    y, x = np.mgrid[:size, :size]
    distance = (x - x0) * np.cos(angle) + (y - y0) * np.sin(angle)  # signed, in pixels: (N, size, size)
    profile = np.clip(distance, -0.5, 0.5)[:, None].astype(np.float32)
    images: NDArray[Any] = steps[:, :, None, None] * profile  # (N, C, 1, 1) (N, 1, size, size)
    if noise:
        images += noise * rng.standard_normal(images.shape, np.float32)
    return images
