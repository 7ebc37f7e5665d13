"""The pencils of the page's pictures: elements, rasters, axes, intervals, contours, as SVG text.

Nothing here knows of the study. Colours are names of CSS classes (`page.css` gives them their light, dark and
printed values), so a picture is drawn once. Coordinates are SVG user units, y down.
"""

from __future__ import annotations

import html
import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
SHADES = 12  # a raster's colour is quantised to this many opacities per sign


def element(tag: str, content: object = "", **attributes: object) -> str:
    """An element with its attributes; `class_` stands for `class`, `stroke_width` for `stroke-width`."""
    spelled = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{spelled}>{content}</{tag}>" if content else f"<{tag}{spelled}/>"


def number(value: object) -> str:
    """A coordinate with at most two decimals (a page has thousands of them); anything else as it is."""
    if isinstance(value, float | np.floating):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)


def text(x: float, y: float, words: str, **attributes: object) -> str:
    """Escaped text; `class_="end"` or `"mid"` moves its anchor."""
    return element("text", html.escape(words), x=x, y=y, **attributes)


def formula(x: float, y: float, words: str, **attributes: object) -> str:
    """Text in which `_c` and `^c`, `^(1/C)` are lowered and raised."""
    parts = re.split(r"([_^](?:\([^)]*\)|[A-Za-z0-9]))", words)
    spans = [html.escape(part) for part in parts]
    for index in range(1, len(parts), 2):
        shift = 3 if parts[index][0] == "_" else -4
        small = html.escape(parts[index][1:].strip("()"))
        spans[index] = f'<tspan dy="{shift}" font-size="11">{small}</tspan><tspan dy="{-shift}">\u200b</tspan>'
    return element("text", "".join(spans), x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> str:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def rect(x: float, y: float, width: float, height: float, content: str = "", **attributes: object) -> str:
    """A rectangle; `content` may be a `<title>`."""
    return element("rect", content, x=x, y=y, width=width, height=height, **attributes)


def group(*parts: str, x: float = 0, y: float = 0, **attributes: object) -> str:
    """Parts drawn together, moved by (x, y)."""
    shift = f"translate({number(float(x))} {number(float(y))})" if x or y else None
    return element("g", "".join(parts), transform=shift, **attributes)


def path(points: Iterable[tuple[float, float]], **attributes: object) -> str:
    """A polyline through the points; a point that is not finite breaks it."""
    commands, pen = [], "M"
    for x, y in points:
        if math.isfinite(x) and math.isfinite(y):
            commands.append(f"{pen}{number(float(x))} {number(float(y))}")
            pen = "L"
        else:
            pen = "M"
    return element("path", d="".join(commands), **attributes) if commands else ""


def drawing(width: float, height: float, *parts: str, title: str) -> str:
    """The `<svg>` itself: scales with the page, and a screen reader reads `title` for it."""
    box = f"0 0 {number(float(width))} {number(float(height))}"
    style = f"max-width:{number(float(width))}px"
    return element("svg", "".join(parts), viewBox=box, style=style, role="img", aria_label=title)


def raster(values: Array, size: float, limit: float, x: float = 0, y: float = 0) -> str:
    """A map (H, W) as squares of `size`: a colour a sign, opacity |value| / limit, clipped at 1.

    Zero is the paper itself, in light and in dark. Equal neighbours of a row merge and each shade is one
    path, so that a 12 × 12 map costs about 1 kB.
    """
    levels = np.clip(np.rint(np.nan_to_num(values) / limit * SHADES), -SHADES, SHADES).astype(int)
    strokes: dict[int, list[str]] = {}
    for row, shades in enumerate(levels):
        column = 0
        for shade, run in itertools.groupby(shades.tolist()):
            length = len(list(run))
            if shade:
                strokes.setdefault(shade, []).append(f"M{column} {row}h{length}v1h-{length}z")
            column += length
    height, width = values.shape
    cells = [
        element("path", d="".join(d), class_="plus" if shade > 0 else "minus", fill_opacity=abs(shade) / SHADES)
        for shade, d in sorted(strokes.items())
    ]
    scaled = element("g", "".join(cells), transform=f"scale({number(size)})", shape_rendering="crispEdges")
    return group(scaled, rect(0, 0, width * size, height * size, class_="frame"), x=x, y=y)


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic map of [low, high] onto the pixels [start, stop]."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value; NaN where a logarithm has none."""
        if self.log:
            if value <= 0:
                return math.nan
            low, high, value = math.log10(self.low), math.log10(self.high), math.log10(value)
        else:
            low, high = self.low, self.high
        return self.start + (value - low) / ((high - low) or 1) * (self.stop - self.start)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round values inside the scale, about as many as wanted: 1, 2 or 5 · 10^k apart, or decades."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            every = max(1, math.ceil((last - first + 1) / wanted))
            return [10.0**k for k in range(-(-first // every) * every, last + 1, every)]  # 1 is among them
        rough = (self.high - self.low) / wanted or 1
        power = 10.0 ** math.floor(math.log10(rough))
        step = min((factor * power for factor in (1, 2, 5, 10)), key=lambda candidate: abs(candidate - rough))
        below, above = self.low / step - 1e-9, self.high / step + 1e-9
        return [k * step for k in range(math.ceil(below), math.floor(above) + 1)]


def tick_label(value: float, log: bool = False) -> str:
    """A tick's number: 0.5, 40, and on a logarithmic axis 0.01, 1, 10⁶."""
    exponent = round(math.log10(abs(value))) if value else 0
    if log and abs(exponent) > 2:
        return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{value:.6g}".replace("-", "−")


def axes(x: Scale, y: Scale, x_label: str, y_label: str, x_ticks: Sequence[float] | None = None) -> str:
    """Frame, grid, ticks and labels of a chart whose pixels are the two scales' ranges."""
    parts = [rect(x.start, y.stop, x.stop - x.start, y.start - y.stop, class_="frame")]
    for tick in x.ticks() if x_ticks is None else x_ticks:
        parts += [
            line(x(tick), y.start, x(tick), y.stop, class_="grid"),
            text(x(tick), y.start + 14, tick_label(tick, x.log), class_="tick mid"),
        ]
    for tick in y.ticks():
        parts += [
            line(x.start, y(tick), x.stop, y(tick), class_="grid"),
            text(x.start - 5, y(tick) + 4, tick_label(tick, y.log), class_="tick end"),
        ]
    parts += [
        text((x.start + x.stop) / 2, y.start + 30, x_label, class_="axis mid"),
        text(x.start, y.stop - 8, y_label, class_="axis"),
    ]
    return "".join(parts)


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions of labels moved apart to `gap` or more, in the same order, inside [low, high] if they fit."""
    order = sorted(range(len(positions)), key=positions.__getitem__)
    placed = list(positions)
    edge = low
    for index in order:
        placed[index] = edge = max(placed[index], edge)
        edge += gap
    edge = high
    for index in reversed(order):
        placed[index] = edge = min(placed[index], edge)
        edge -= gap
    return placed


def interval(x: Scale, y: float, low: float, middle: float, high: float, class_: str = "", title: str = "") -> str:
    """A dot with whiskers along x, at height y."""
    label = element("title", html.escape(title)) if title else ""
    whisker = line(x(low), y, x(high), y, class_="whisker") if math.isfinite(low) and math.isfinite(high) else ""
    return group(label, whisker, element("circle", cx=x(middle), cy=y, r=3.5), class_=f"interval {class_}".strip())


def contour(values: Array, xs: Array, ys: Array, level: float) -> list[tuple[float, float, float, float]]:
    """Segments (x1, y1, x2, y2) where a function sampled as values[row of ys, column of xs] crosses a level.

    Marching squares (Lorensen & Cline 1987, in two dimensions); a saddle is cut as its edges come.
    """
    segments = []
    for row, column in itertools.product(range(len(ys) - 1), range(len(xs) - 1)):
        corners = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
        crossings = []
        for (r1, c1), (r2, c2) in zip(corners, corners[1:] + corners[:1], strict=True):
            a, b = float(values[r1, c1]) - level, float(values[r2, c2]) - level
            if (a < 0) != (b < 0):
                t = a / (a - b)
                crossings.append((float(xs[c1] + t * (xs[c2] - xs[c1])), float(ys[r1] + t * (ys[r2] - ys[r1]))))
        segments += [(*crossings[k], *crossings[k + 1]) for k in range(0, len(crossings) - 1, 2)]
    return segments
