"""torchvision's two helpers that make one picture of many: a grid, and a file of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.tensor import Tensor, from_numpy
from minigrad.torch.vision.images import find_pillow

__all__ = ["make_grid", "save_image"]

__dir__ = __all__.copy  # what completion offers


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Pictures (N, C, H, W), or a list of (C, H, W), beside each other, `nrow` in a row: one tensor (3, H', W').

    One channel becomes three. normalize: the values of all (of each, with scale_each) from their least to their
    largest, or those in `value_range`, become 0 to 1. padding: the width in pixels of the lines between, of value
    `pad_value`.
    """
    parts = [tensor] if isinstance(tensor, Tensor) else list(tensor)
    if not parts or not all(isinstance(part, Tensor) and 2 <= part.ndim <= 4 for part in parts):
        raise TypeError("make_grid: expected a tensor (N, C, H, W) or a list of tensors (C, H, W)")
    images = parts[0].detach().array if isinstance(tensor, Tensor) else np.stack([p.detach().array for p in parts])
    images = images.reshape(-1, *((1, 1) + images.shape)[-3:])  # (H, W), (C, H, W), (N, C, H, W) -> (N, C, H, W)
    if images.shape[1] == 1:
        images = np.repeat(images, 3, 1)
    if normalize:
        images = stretch(images, value_range, scale_each)
    n, channels, height, width = images.shape
    if n == 1:
        return from_numpy(images[0])
    columns = min(nrow, n)
    rows = math.ceil(n / columns)
    grid = np.full(
        (channels, rows * (height + padding) + padding, columns * (width + padding) + padding), pad_value, images.dtype
    )
    for i, picture in enumerate(images):
        y, x = (i // columns) * (height + padding) + padding, (i % columns) * (width + padding) + padding
        grid[:, y : y + height, x : x + width] = picture
    return from_numpy(grid)


def stretch(images: np.ndarray, value_range: tuple[float, float] | None, scale_each: bool) -> np.ndarray:
    """The images with their least value, or the range's, as 0 and the largest as 1; beyond it they are cut off."""
    axes = (1, 2, 3) if scale_each else (0, 1, 2, 3)
    low, high = value_range or (images.min(axes, keepdims=True), images.max(axes, keepdims=True))
    stretched: np.ndarray = (np.clip(images, low, high) - low) / np.maximum(np.subtract(high, low), 1e-5)
    return stretched.astype(images.dtype)


def save_image(tensor: Tensor | Sequence[Tensor], fp: Any, format: str | None = None, **options: Any) -> None:
    """Write the grid of the pictures, values from 0 to 1, to a file that Pillow knows by its ending, or by `format`.

    options: those of `make_grid`.
    """
    image = find_pillow("save_image")
    grid = make_grid(tensor, **options).array
    pixels = np.clip(grid * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)  # (3, H, W) -> (H, W, 3)
    image.fromarray(pixels).save(fp, format=format)
