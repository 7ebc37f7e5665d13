"""The first picture: two trained filters look at one edge that rises in red and falls in blue."""

from __future__ import annotations

import numpy as np

from minigrad.study.figures import markup, svg
from minigrad.study.records import Record, Results

ZERO, REACH, BAR, GAP = 150, 96, 18, 26  # pixels: of zero, of the longest bar, of a bar's height, from bar to bar


def draw(results: Results) -> str:
    """Red's answer, blue's and their sum, of the filter that cancels the edge most and of the one that does least."""
    record = results.one("slider")
    if record is None:
        return markup.missing("the first picture, two filters at one edge", "")
    cancels, keeps = pick(record)
    scale = REACH / max(abs(value) for k in (cancels, keeps) for value in answers(record, k))
    rows = [_filter(record, k, scale, 96 + 122 * place) for place, k in enumerate((cancels, keeps))]
    parts = [*_edge(), *rows, svg.line(ZERO, 84, ZERO, 324, class_="rule")]
    picture = svg.drawing(300, 330, *parts, title="An opponent edge, and the answers of two trained filters to it")
    see = "The first filter cancels this edge. The second adds it up."
    return markup.figure(
        "edge", picture, see, "Both come from one network that learned to tell such edges from others."
    )


def answers(record: Record, k: int) -> tuple[float, float, float]:
    """What filter k's red slice, its blue slice and their sum make of the opponent edge."""
    red, blue = float(record["red"][k]), float(record["blue_response"][k][-1])
    return red, blue, red + blue


def pick(record: Record) -> tuple[int, int]:
    """The filter whose sum loses the largest share of both answers, and the one with the largest sum."""
    found = np.array([answers(record, k) for k in range(len(record["red"]))])
    both = np.abs(found[:, :2]).sum(1)
    weak = np.where(both < 0.3 * both.max(), 2.0, 0.0)  # a filter that hardly answers cancels nothing
    return int((np.abs(found[:, 2]) / both + weak).argmin()), int(np.abs(found[:, 2]).argmax())


def _edge() -> list[str]:
    """The edge itself: red rises where blue falls."""
    parts = [svg.text(10, 20, "an edge", class_="strong")]
    for colour, left, levels in (("red", 90, (58, 22)), ("blue", 200, (22, 58))):
        step = svg.element("path", d=f"M{left} {levels[0]}h36L{left + 44} {levels[1]}h36", class_="curve strong")
        parts.append(svg.group(step, svg.text(left, 74, colour, class_="paint"), class_=colour))
    return parts


def _filter(record: Record, k: int, scale: float, top: float) -> str:
    parts = [svg.text(10, top + 4, f"filter {k + 1}", class_="strong")]
    red, blue, total = answers(record, k)
    for place, (words, value, style) in enumerate((("red", red, "red"), ("blue", blue, "blue"), ("sum", total, ""))):
        y, width = top + 12 + place * GAP, abs(value) * scale
        left = ZERO - width if value < 0 else ZERO
        bar = svg.rect(left, y, max(width, 1), BAR, class_="paint" if style else "total")
        label = svg.text(24, y + 13, words, class_="paint" if style else "strong")
        number = svg.text(294, y + 13, f"{value:+.1f}".replace("-", "−"), class_="end" if style else "end strong")
        parts.append(svg.group(bar, label, number, class_=style or None))
    return svg.group(*parts)
