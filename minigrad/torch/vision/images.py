"""Pictures on the way between Pillow, arrays and tensors.

Arrays are (H, W) or (H, W, C), uint8 or floating, as Pillow's pictures are; tensors are (C, H, W). Pillow is needed
only to read, write and resize: whatever else is done to a picture here takes arrays as well.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from minigrad.tensor import Tensor, from_numpy


def find_pillow(purpose: str) -> Any:
    """Pillow's module Image; an ImportError that says which extra brings it, and what it was needed for."""
    try:
        return import_module("PIL.Image")
    except ImportError:
        raise ImportError(f"{purpose} needs Pillow: install minigrad-whysum[images]") from None


def is_picture(value: Any) -> bool:
    """Whether `value` is one of Pillow's pictures."""
    return type(value).__module__.startswith("PIL.")


def make_picture(array: np.ndarray, mode: str | None = None) -> Any:
    """Pillow's picture of an (H, W) or (H, W, C) array; the array itself if Pillow is not installed."""
    try:
        image = find_pillow("a picture")
    except ImportError:
        return array
    return image.fromarray(array) if mode is None else image.fromarray(array).convert(mode)


def as_pixels(image: Any, operation: str) -> np.ndarray:
    """The (H, W, C) array of a picture, or of an array without or with channels."""
    array = np.asarray(image) if is_picture(image) else image
    if isinstance(array, np.ndarray) and array.ndim in (2, 3) and array.dtype.kind in "fiub":
        return array[:, :, None] if array.ndim == 2 else array
    shape = f" of shape {array.shape}" if isinstance(array, np.ndarray) else ""
    raise TypeError(
        f"{operation}: expected a picture or an array (H, W) or (H, W, C), got {type(image).__name__}{shape}"
    )


def apply_to_rows(operation: str, image: Any, function: Any) -> Any:
    """`function` of the pixels with rows and columns first, and the result as what `image` was.

    function: an (H, W, ...) array to an (H', W', ...) array.
    """
    if isinstance(image, Tensor):
        moved = np.moveaxis(image.detach().array, (-2, -1), (0, 1))  # (..., H, W) -> (H, W, ...)
        return from_numpy(np.ascontiguousarray(np.moveaxis(function(moved), (0, 1), (-2, -1))))
    if is_picture(image):
        return find_pillow(operation).fromarray(np.ascontiguousarray(function(np.asarray(image))))
    as_pixels(image, operation)
    return np.ascontiguousarray(function(image))


def read_size(image: Any, operation: str) -> tuple[int, int]:
    """(H, W) of a picture, an array or a tensor."""
    if isinstance(image, Tensor):
        return image.shape[-2], image.shape[-1]
    height, width = as_pixels(image, operation).shape[:2]
    return height, width
