"""What the networks of others are given: photographs, a page of text and a few notes, prepared as each package does it.

Every function takes the images of the run or of the pilot and gives (name, input) pairs; the inputs are the same
every time. Photographs are (H, W, 3) bytes, the page is (H, W) bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from minigrad.study.foreign.images import crop

Inputs = list[tuple[str, np.ndarray]]
CROPS = 32  # of photographs, for networks that take small ones


@dataclass(frozen=True)
class Images:
    """Photographs by name, a page of text with the rows (top, bottom) of its lines, and the pitches of a melody."""

    photographs: dict[str, np.ndarray]
    page: np.ndarray
    lines: tuple[tuple[int, int], ...]
    pitches: tuple[int, ...]  # MIDI numbers; 69 is 440 Hz


def final() -> Images:
    """The images that count: four photographs and the page of text that scikit-image bundles."""
    from skimage import data

    names = ("astronaut", "coffee", "chelsea", "rocket")
    lines = ((8, 36), (44, 66), (62, 84), (78, 100), (95, 117), (112, 134), (163, 191))
    return Images({name: getattr(data, name)() for name in names}, data.page(), lines, (60, 64, 67, 72, 57, 65, 69, 74))


def pilot() -> Images:
    """Other images, on which the predictions were formed: scikit-learn's photographs, handwriting, other notes."""
    from skimage import data
    from sklearn.datasets import load_sample_images

    photographs = dict(zip(("china", "flower"), load_sample_images().images, strict=True))
    strips = tuple((top, top + 43) for top in range(0, 172, 43))
    return Images(photographs, data.text(), strips, (62, 66, 69, 50, 59, 71, 55, 67))


def _resize(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def _signed(picture: np.ndarray) -> np.ndarray:
    return (picture.astype(np.float32) - 127.5) / 127.5


def _first(pixels: np.ndarray) -> np.ndarray:
    """Channels first, and a batch of one."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def mtcnn_whole(images: Images) -> Inputs:
    """The first stage takes whole photographs in several sizes, their axes exchanged: (1, W, H, 3)."""
    found = []
    for name, photograph in images.photographs.items():
        for scale in (0.6, 0.3, 0.15):
            h, w = (round(n * scale) for n in photograph.shape[:2])
            found.append((f"{name} × {scale}", _signed(_resize(photograph, h, w)).transpose(1, 0, 2)[None]))
    return found


def mtcnn_crops(size: int):
    """The later stages take candidates of one size; here, parts of photographs chosen at random."""

    def draw(images: Images) -> Inputs:
        rng = np.random.default_rng(size)
        names = [list(images.photographs)[k % len(images.photographs)] for k in range(CROPS)]
        crops = [(name, crop(images.photographs[name], (size, size), rng)) for name in names]
        return [(name, _signed(part).transpose(1, 0, 2)[None]) for name, part in crops]

    return draw


def page_for_detection(images: Images) -> Inputs:
    """The whole page, its shorter side 736 pixels, both sides multiples of 32: (1, 3, H, W)."""
    h, w = images.page.shape
    scale = 736 / min(h, w)
    page = _resize(images.page, *(round(n * scale / 32) * 32 for n in (h, w)))
    return [("page", _first(_signed(np.repeat(page[:, :, None], 3, 2))))]


def _lines(images: Images, height: int) -> list[np.ndarray]:
    cut = [images.page[top:bottom] for top, bottom in images.lines]
    return [_resize(line, height, round(line.shape[1] * height / line.shape[0])) for line in cut]


def lines_for_direction(images: Images) -> Inputs:
    """Each line of the page as 48 × 192, squeezed as the package does: (1, 3, 48, 192)."""
    lines = [_resize(line, 48, 192) for line in _lines(images, 48)]
    return [(f"line {k}", _first(_signed(np.repeat(line[:, :, None], 3, 2)))) for k, line in enumerate(lines)]


def lines_for_reading(images: Images) -> Inputs:
    """Each line of the page, 48 pixels high: (1, 3, 48, W)."""
    lines = _lines(images, 48)
    return [(f"line {k}", _first(_signed(np.repeat(line[:, :, None], 3, 2)))) for k, line in enumerate(lines)]


def grey_lines(images: Images) -> Inputs:
    """Each line of the page, 64 pixels high, in grey between 0 and 1: (1, 1, 64, W)."""
    lines = _lines(images, 64)
    return [(f"line {k}", line[None, None].astype(np.float32) / 255) for k, line in enumerate(lines)]


def letterboxed(images: Images) -> Inputs:
    """Photographs in blue, green, red, as large as fits into 416 × 416, on grey: (1, 3, 416, 416) from 0 to 255."""
    found = []
    for name, photograph in images.photographs.items():
        scale = 416 / max(photograph.shape[:2])
        h, w = (int(n * scale) for n in photograph.shape[:2])
        box = np.full((416, 416, 3), 114, np.float32)
        box[:h, :w] = _resize(photograph, h, w)[:, :, ::-1]
        found.append((name, _first(box)))
    return found


def notes(images: Images) -> Inputs:
    """Two seconds of notes with five harmonics each, at 22,050 samples a second, two at a time: (1, 43844, 1)."""
    t = np.arange(43844) / 22050
    found = []
    for low, high in zip(images.pitches[::2], images.pitches[1::2], strict=True):
        sound = np.zeros_like(t)
        for start, pitch in ((0.1, low), (0.8, high)):
            hertz, after = 440 * 2 ** ((pitch - 69) / 12), np.maximum(t - start, 0)
            sound += sum(np.sin(2 * np.pi * k * hertz * after) / k for k in range(1, 6)) * np.exp(-2 * after)
        found.append((f"notes {low} and {high}", (0.3 * sound / np.abs(sound).max()).astype(np.float32)[None, :, None]))
    return found
