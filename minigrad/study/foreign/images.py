"""Inputs for a network, from pictures and arrays in a folder or from bundled photographs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minigrad.study.foreign.onnx_network import Input, NetworkError

Array: TypeAlias = NDArray[Any]

PICTURES, ARRAYS = (".png", ".jpg", ".jpeg"), (".npy",)
MOST = 32  # inputs that are used of a folder
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # of ImageNet's pixels
PIXELS: dict[str, tuple[str, Callable[[Array], Array]]] = {  # what becomes of pixels 0 … 255
    "unit": ("between 0 and 1", lambda x: x / 255),
    "signed": ("between −1 and 1", lambda x: x / 127.5 - 1),
    "imagenet": ("less ImageNet’s mean, in its standard deviations", lambda x: (x / 255 - MEAN) / STD),
    "bytes": ("between 0 and 255", lambda x: x),
}


def pixels_for(given: Input, pixels: str | None) -> str:
    """How pixels become numbers: as asked, else between 0 and 1; a network that takes integers takes them as they are.

    NetworkError if it was asked for something else.
    """
    if not np.issubdtype(given.dtype, np.integer):
        return pixels or "unit"
    if pixels not in (None, "bytes"):
        raise NetworkError(f"the network takes {given.dtype.name}, so --pixels {pixels} would lose what pixels say")
    return "bytes"


def from_folder(folder: Path, given: Input, pixels: str) -> list[tuple[str, Array]]:
    """Named inputs from the PNG, JPEG and .npy files of a folder, or from one such file; at most 32.

    Pictures have to have the network's size, if it has one. Arrays are taken as they are: with the network's shape,
    or without its batch dimension.
    """
    try:
        files = sorted(folder.iterdir()) if folder.is_dir() else [folder]
    except OSError as error:
        raise NetworkError(f"--images {folder}: cannot be read: {error.strerror or error}") from None
    if not folder.exists():
        raise NetworkError(f"--images {folder}: there is no such folder")
    files = [path for path in files if path.suffix.lower() in (*PICTURES, *ARRAYS)]
    if not files:
        raise NetworkError(f"--images {folder}: expected {', '.join((*PICTURES, *ARRAYS))} files, found none")
    found: list[tuple[str, Array]] = []
    for path in files:
        if path.suffix.lower() in ARRAYS:
            found += _array(path, given)
        else:
            found.append((path.name, from_picture(_open(path), given, pixels, path.name)))
        if len(found) >= MOST:
            break
    return found[:MOST]


def bundled(given: Input, pixels: str, seed: int = 0) -> list[tuple[str, Array]]:
    """Random crops of scikit-learn's two photographs in the network's size; in 224 × 224 if any size will do."""
    from sklearn.datasets import load_sample_images

    _, height, width = _layout(given)
    size = (height or 224, width or 224)
    photographs = dict(zip(("china.jpg", "flower.jpg"), load_sample_images().images, strict=True))
    rng = np.random.default_rng(seed)
    count = MOST if size[0] * size[1] <= 64**2 else 8
    names = [list(photographs)[k % 2] for k in range(count)]
    return [(name, from_picture(crop(photographs[name], size, rng), given, pixels, name)) for name in names]


def crop(picture: Array, size: tuple[int, int], rng: np.random.Generator) -> Array:
    """A random part of a picture (H, W, 3) of the shape of `size`, between its own size and all there is, resized."""
    from PIL import Image

    scale = min(n / m for n, m in zip(picture.shape, size, strict=False))
    scale = scale if scale <= 1 else rng.uniform(1, scale)
    h, w = (max(1, int(m * scale)) for m in size)
    top, left = (int(rng.integers(0, n - m + 1)) for n, m in zip(picture.shape, (h, w), strict=False))
    part = Image.fromarray(picture[top : top + h, left : left + w])
    return np.asarray(part.resize(size[::-1], Image.Resampling.BILINEAR))


def from_picture(picture: Array, given: Input, pixels: str, what: str) -> Array:
    """A picture of bytes (H, W, 3) as the network takes it: (1, C, H, W) or (1, H, W, C)."""
    channels, height, width = _layout(given)
    for wanted, there in ((height, picture.shape[0]), (width, picture.shape[1])):
        if wanted is not None and wanted != there:
            raise NetworkError(
                f"{what} has {picture.shape[1]}×{picture.shape[0]} pixels, the network takes {width or 'any'}×"
                f"{height or 'any'} (width × height); resize it, or give arrays as .npy"
            )
    x = PIXELS[pixels][1](picture[..., :3].astype(float))
    if channels == 1:
        x = x.mean(2, keepdims=True)
    x = x if _channels_last(given) else x.transpose(2, 0, 1)
    return _batched(x[None], given, what)


def _open(path: Path) -> Array:
    try:
        from PIL import Image
    except ImportError as error:
        raise ModuleNotFoundError("pictures need Pillow", name="PIL") from error
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError):
        raise NetworkError(f"{path}: cannot be read as a picture") from None


def _array(path: Path, given: Input) -> list[tuple[str, Array]]:
    """The inputs of one .npy file: one, or a batch of them."""
    try:
        x: Array = np.lib.format.open_memmap(path, mode="r")  # never more than the file has, and no objects
    except (OSError, ValueError, EOFError):
        raise NetworkError(f"{path}: cannot be read as an array") from None
    if not np.issubdtype(x.dtype, np.number) or np.iscomplexobj(x) or not np.isfinite(x).all():
        raise NetworkError(f"{path}: expected finite real numbers, got {x.dtype}")
    if x.ndim == len(given.shape) - 1:
        x = x[None]
    fits = x.ndim == len(given.shape) and x.size and _fits(x.shape[1:], given.shape[1:])
    if not fits:
        wanted = "×".join(str(n or "any") for n in given.shape)
        raise NetworkError(f"{path}: has the shape {'×'.join(map(str, x.shape))}, the network takes {wanted}")
    names = [path.name if len(x) == 1 else f"{path.name}[{k}]" for k in range(len(x))]
    return [(name, _batched(x[k : k + 1], given, name)) for k, name in enumerate(names[:MOST])]


def _fits(shape: Sequence[int], wanted: Sequence[int | None]) -> bool:
    return all(m is None or n == m for n, m in zip(shape, wanted, strict=True))


def _batched(x: Array, given: Input, what: str) -> Array:
    """One input as a batch of the size that the network wants."""
    return np.repeat(x, given.shape[0] or 1, axis=0)


def _channels_last(given: Input) -> bool:
    shape = given.shape
    return shape[1] not in (1, 3) and shape[3] in (1, 3)


def _layout(given: Input) -> tuple[int, int | None, int | None]:
    """Channels, height and width of a network's images."""
    shape = given.shape
    if len(shape) == 4:
        channels, height, width = shape[3:] + shape[1:3] if _channels_last(given) else shape[1:]
        if channels in (1, 3, None):
            return channels or 3, height, width
    wanted = "×".join(str(n or "any") for n in shape)
    raise NetworkError(f"the network takes {wanted}, which is no picture: give it arrays as .npy with --images")
