"""torchvision's transforms of one picture: from what a dataset gives to the tensor that a network takes.

Each takes what Pillow gives, an array (H, W) or (H, W, C), or a tensor (C, H, W), and gives the same kind but where it
says so. What is random is drawn from the default generator.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import random
from minigrad.instead import public
from minigrad.tensor import Tensor, as_tensor, from_numpy
from minigrad.torch.vision.images import apply_to_rows, as_pixels, find_pillow, is_picture, make_picture, read_size


class InterpolationMode:
    """How pictures are resized, by Pillow's names."""

    NEAREST, BILINEAR, BICUBIC, BOX, HAMMING, LANCZOS = "nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"


class Transform:
    """A function of a picture. Its options are its attributes, and its repr shows them."""

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}({options})"


class Compose(Transform):
    """Transforms one after the other."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]):
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return "Compose(\n" + "".join(f"    {transform}\n" for transform in self.transforms) + ")"


class Lambda(Transform):
    """A function of one's own as a transform."""

    def __init__(self, lambd: Callable[[Any], Any]):
        if not callable(lambd):
            raise TypeError(f"Lambda: expected a function, got {type(lambd).__name__}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)


class ToTensor(Transform):
    """A picture or array (H, W, C) as a tensor (C, H, W): bytes from 0 to 255 become float32 from 0 to 1."""

    def __call__(self, pic: Any) -> Tensor:
        pixels = as_pixels(pic, "ToTensor")
        array = np.ascontiguousarray(pixels.transpose(2, 0, 1))  # (H, W, C) -> (C, H, W)
        return from_numpy(array.astype(np.float32) / np.float32(255) if array.dtype == np.uint8 else array)


class PILToTensor(Transform):
    """A picture or array (H, W, C) as a tensor (C, H, W) of the same numbers."""

    def __call__(self, pic: Any) -> Tensor:
        return from_numpy(np.ascontiguousarray(as_pixels(pic, "PILToTensor").transpose(2, 0, 1)))


class ConvertImageDtype(Transform):
    """A tensor in another dtype, with bytes from 0 to 255 as numbers from 0 to 1."""

    def __init__(self, dtype: Any):
        self.dtype = dtype

    def __call__(self, image: Tensor) -> Tensor:
        return image.to(dtype=self.dtype) / 255 if image.dtype == np.uint8 else image.to(dtype=self.dtype)


class ToPILImage(Transform):
    """A tensor (C, H, W), or array (H, W, C), as Pillow's picture; floating tensors from 0 to 1 as bytes to 255."""

    def __init__(self, mode: str | None = None):
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        image = find_pillow("ToPILImage")
        if isinstance(pic, Tensor):
            if pic.ndim not in (2, 3):
                raise ValueError(f"ToPILImage: expected a tensor (C, H, W) or (H, W), got shape {pic.shape}")
            array = pic.detach().array
            array = array.transpose(1, 2, 0) if array.ndim == 3 else array
            pic = (array * 255).astype(np.uint8) if array.dtype.kind == "f" and self.mode != "F" else array
        pixels = as_pixels(pic, "ToPILImage")
        picture = image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
        return picture if self.mode is None else picture.convert(self.mode)


class Normalize(Transform):
    """(x - mean) / std of a tensor (..., C, H, W), for each channel its own."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False):
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def __call__(self, tensor: Tensor) -> Tensor:
        if not isinstance(tensor, Tensor) or tensor.dtype.kind != "f":
            given = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
            raise TypeError(f"Normalize: expected a floating tensor, got {given}; put ToTensor() before it")
        mean, std = (np.asarray(values, tensor.dtype).reshape(-1, 1, 1) for values in (self.mean, self.std))
        if not std.all():
            raise ValueError(f"Normalize: expected standard deviations that are not 0, got {self.std}")
        if tensor.ndim < 3 or any(len(part) not in (1, tensor.shape[-3]) for part in (mean, std)):
            raise ValueError(
                f"Normalize: expected a mean and a deviation for each channel of {tensor.shape} (..., C, H, W), "
                f"got {len(mean)} and {len(std)}"
            )
        array = (tensor.detach().array - mean) / std
        return tensor.copy_(array) if self.inplace else from_numpy(array)


class Resize(Transform):
    """A picture of another size: (H, W), or a number for the shorter edge, which keeps the proportions. By Pillow."""

    def __init__(
        self, size: Any, interpolation: Any = "bilinear", max_size: int | None = None, antialias: bool | None = True
    ):
        self.size = size
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def __call__(self, img: Any) -> Any:
        return resize(img, fit_size(read_size(img, "Resize"), self.size, self.max_size), self.interpolation)


class CenterCrop(Transform):
    """The middle of a picture, with zeros around it where it is smaller."""

    def __init__(self, size: Any):
        self.size = as_pair(size)

    def __call__(self, img: Any) -> Any:
        height, width = read_size(img, "CenterCrop")
        missing = [max(0, wanted - length) for wanted, length in zip(self.size, (height, width), strict=True)]
        if any(missing):
            img = pad(img, (missing[1] // 2, missing[0] // 2, (missing[1] + 1) // 2, (missing[0] + 1) // 2), 0)
            height, width = read_size(img, "CenterCrop")
        top, left = (round((length - wanted) / 2) for wanted, length in zip(self.size, (height, width), strict=True))
        return crop(img, top, left, *self.size)


class Pad(Transform):
    """A picture with a margin: one width, (left and right, top and bottom), or (left, top, right, bottom)."""

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant"):
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def __call__(self, img: Any) -> Any:
        return pad(img, self.padding, self.fill, self.padding_mode)


class RandomCrop(Transform):
    """A part of a picture, with or without a margin, at a random place."""

    def __init__(
        self, size: Any, padding: Any = None, pad_if_needed: bool = False, fill: Any = 0, padding_mode: str = "constant"
    ):
        self.size = as_pair(size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    def __call__(self, img: Any) -> Any:
        if self.padding is not None:
            img = pad(img, self.padding, self.fill, self.padding_mode)
        lengths = read_size(img, "RandomCrop")
        if self.pad_if_needed:
            down, across = (max(0, wanted - length) for wanted, length in zip(self.size, lengths, strict=True))
            img = pad(img, (across, down), self.fill, self.padding_mode)
            lengths = read_size(img, "RandomCrop")
        if any(wanted > length for wanted, length in zip(self.size, lengths, strict=True)):
            raise ValueError(f"RandomCrop: a part of {self.size} does not fit in a picture of {lengths}")
        top, left = (draw_number(length - wanted) for wanted, length in zip(self.size, lengths, strict=True))
        return crop(img, top, left, *self.size)


class RandomResizedCrop(Transform):
    """A random part of a picture, of an area and proportions drawn from `scale` and `ratio`, resized to `size`."""

    def __init__(
        self,
        size: Any,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: Any = "bilinear",
        antialias: bool | None = True,
    ):
        self.size = as_pair(size)
        self.scale = scale
        self.ratio = ratio
        self.interpolation = interpolation

    def __call__(self, img: Any) -> Any:
        height, width = read_size(img, "RandomResizedCrop")
        source = random.default_generator
        for _ in range(10):
            area = height * width * source.uniform(*self.scale)
            proportion = math.exp(source.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            w, h = round(math.sqrt(area * proportion)), round(math.sqrt(area / proportion))
            if 0 < w <= width and 0 < h <= height:
                part = crop(img, draw_number(height - h), draw_number(width - w), h, w)
                return resize(part, self.size, self.interpolation)
        side = min(height, width)
        return resize(CenterCrop(side)(img), self.size, self.interpolation)


class RandomHorizontalFlip(Transform):
    """A picture, or with probability `p` its mirror image, left for right."""

    def __init__(self, p: float = 0.5):
        self.p = p

    def __call__(self, img: Any) -> Any:
        flips = random.default_generator.random() < self.p
        return apply_to_rows("RandomHorizontalFlip", img, lambda rows: rows[:, ::-1]) if flips else img


class RandomVerticalFlip(RandomHorizontalFlip):
    """A picture, or with probability `p` its mirror image, top for bottom."""

    def __call__(self, img: Any) -> Any:
        flips = random.default_generator.random() < self.p
        return apply_to_rows("RandomVerticalFlip", img, lambda rows: rows[::-1]) if flips else img


class RandomRotation(Transform):
    """A picture turned by a random angle from -degrees to degrees, or between the two. By Pillow."""

    def __init__(self, degrees: Any, interpolation: Any = "nearest", expand: bool = False, fill: Any = 0):
        self.degrees = (-degrees, degrees) if isinstance(degrees, int | float) else tuple(degrees)
        self.interpolation = interpolation
        self.expand = expand
        self.fill = fill

    def __call__(self, img: Any) -> Any:
        angle = random.default_generator.uniform(*self.degrees)
        method = find_resampling(self.interpolation, "RandomRotation")
        return by_pillow(img, "RandomRotation", lambda p: p.rotate(angle, method, self.expand, fillcolor=self.fill))


class RandomApply(Transform):
    """Transforms one after the other, all of them with probability `p`, else none."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: float = 0.5):
        self.transforms = transforms
        self.p = p

    def __call__(self, img: Any) -> Any:
        return Compose(self.transforms)(img) if random.default_generator.random() < self.p else img


class Grayscale(Transform):
    """A picture in shades of grey, 0.299 red + 0.587 green + 0.114 blue, in one channel or in three that are equal."""

    def __init__(self, num_output_channels: int = 1):
        if num_output_channels not in (1, 3):
            raise ValueError(f"Grayscale: expected 1 or 3 channels, got {num_output_channels}")
        self.num_output_channels = num_output_channels

    def __call__(self, img: Any) -> Any:
        n = self.num_output_channels
        if is_picture(img):
            return img.convert("L") if n == 1 else img.convert("L").convert("RGB")
        channels = np.moveaxis(img.array, -3, -1) if isinstance(img, Tensor) else as_pixels(img, "Grayscale")
        grey = (channels @ np.array([0.299, 0.587, 0.114]) if channels.shape[-1] == 3 else channels[..., 0])[..., None]
        grey = np.repeat(grey, n, -1).astype(channels.dtype)
        return from_numpy(np.ascontiguousarray(np.moveaxis(grey, -1, -3))) if isinstance(img, Tensor) else grey


# ------------------------------------------------------------------------------------------------ what they are made of


def as_pair(size: Any) -> tuple[int, int]:
    """(H, W) of one number or of two."""
    pair = (size, size) if isinstance(size, numbers.Number) else tuple(size) * (2 if len(size) == 1 else 1)
    if len(pair) != 2 or any(length < 1 for length in pair):
        raise ValueError(f"expected a size above 0, or (height, width), got {size}")
    return int(pair[0]), int(pair[1])


def draw_number(most: int) -> int:
    """A whole number from 0 to `most`."""
    return int(random.default_generator.integers(0, most + 1))


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The part of a picture that begins at (top, left)."""
    return apply_to_rows("crop", img, lambda rows: rows[top : top + height, left : left + width])


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """A picture with a margin: one width, (left and right, top and bottom), or (left, top, right, bottom)."""
    widths = (padding,) if isinstance(padding, numbers.Number) else tuple(padding)
    left, top, right, bottom = widths * (4 // len(widths)) if len(widths) in (1, 2, 4) else (None,) * 4
    mode = {"constant": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric"}.get(padding_mode)
    if left is None or mode is None:
        raise ValueError(f"pad: expected 1, 2 or 4 widths and constant, edge, reflect or symmetric, got {padding!r}")
    options = {"constant_values": fill} if mode == "constant" else {}

    def extend(rows: np.ndarray) -> np.ndarray:
        margins = ((top, bottom), (left, right), *(((0, 0),) * (rows.ndim - 2)))
        extended: np.ndarray = np.pad(rows, margins, mode, **options)  # type: ignore[call-overload]
        return extended

    return apply_to_rows("pad", img, extend)


def fit_size(shape: tuple[int, int], size: Any, max_size: int | None) -> tuple[int, int]:
    """The (H, W) that a picture of `shape` is resized to: `size`, or in proportion with `size` as its shorter edge."""
    if not isinstance(size, numbers.Number) and len(size) == 2:
        return as_pair(size)
    edge = as_pair(size)[0]
    short, long = min(shape), max(shape)
    longer = int(edge * long / short)
    if max_size is not None and longer > max_size:
        edge, longer = int(max_size * edge / longer), max_size
    return (edge, longer) if shape[0] <= shape[1] else (longer, edge)


def resize(img: Any, size: tuple[int, int], interpolation: Any = "bilinear") -> Any:
    """The picture in another (H, W)."""
    if size == read_size(img, "Resize"):
        return img
    method = find_resampling(interpolation, "Resize")
    return by_pillow(img, "Resize", lambda picture: picture.resize(size[::-1], method))


def find_resampling(interpolation: Any, operation: str) -> Any:
    """Pillow's constant of that name or number."""
    methods = find_pillow(operation).Resampling
    if isinstance(interpolation, str):
        return methods[interpolation.rpartition(".")[2].upper()]
    return methods(interpolation)


def by_pillow(img: Any, operation: str, function: Callable[[Any], Any]) -> Any:
    """What `function` makes of Pillow's picture; each channel of a floating array or tensor by itself."""
    if is_picture(img):
        return function(img)
    image = find_pillow(operation)
    if isinstance(img, Tensor):
        planes = img.detach().array.reshape(-1, *img.shape[-2:])
        pictures = [image.fromarray(np.ascontiguousarray(plane)) for plane in planes]
        out = np.stack([np.asarray(function(picture)) for picture in pictures]).astype(img.dtype)
        return as_tensor(out.reshape(*img.shape[:-2], *out.shape[1:]))
    as_pixels(img, operation)
    return np.asarray(function(make_picture(img)))


if not TYPE_CHECKING:
    __all__ = [name for name in public(globals()) if name[0].isupper()]  # functions are for in here
    __dir__ = __all__.copy  # what completion offers
