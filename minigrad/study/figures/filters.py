"""Picture 6: learned filters, channel by channel, before and after, with each channel's share of gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from minigrad.study.figures import markup, svg
from minigrad.study.figures.broadcast import CHANNELS
from minigrad.study.records import Record, Results

CELL = 7  # a weight, user units


def draw(results: Results) -> str:
    """A card a reduction, one task at a time."""
    runs = results.where("run", weights=lambda weights: weights is not None)
    if not runs:
        return markup.missing("picture 6, learned filters before and after")
    tasks = list(dict.fromkeys(run["task"] for run in runs))
    views = []
    for task in tasks:
        cards = "".join(_card(run) for run in runs if run["task"] == task)
        views.append(f'<div data-view="{task}" class="grid cards">{cards}</div>')
    switch = markup.choice("filters-task", "Task", [(task, task) for task in tasks])
    see = (
        "Above the filters as they were drawn, below as they were learned; the curves show which channel’s weights "
        "the gradient moved."
    )
    more = (
        "Orange is positive, violet negative, on one scale in each card; each column is one filter, its rows the "
        "slices for red, green and blue. Share: norm of a channel’s weight gradient divided by the sum over "
        "channels, mean over seeds."
    )
    return markup.figure("filters", switch + "".join(views), see, more, live="views")


def _card(run: Record) -> str:
    start, end = (np.asarray(run["weights"][name], float) for name in ("start", "end"))  # (F, C, kh, kw)
    limit = max(float(np.abs(start).max()), float(np.abs(end).max())) or 1.0
    pitch = (start.shape[-1] + 1) * CELL
    parts = [svg.text(0, 14, run["arm"], class_="strong big")]
    for top, words, weights in ((28, "before", start), (118, "after", end)):
        parts.append(svg.text(0, top + 29, words, class_="note"))
        parts.append(svg.raster(mosaic(weights), CELL, limit, 56, top))
        for c, (letter, colour) in enumerate(_channels(weights.shape[1])):
            label = svg.text(50, top + c * pitch + 15, letter, class_="paint strong end")
            parts.append(svg.group(label, class_=colour))
    parts.append(_shares(run, 304, 28, 116, 150))
    return svg.drawing(
        440,
        214,
        *parts,
        title=f"{run['arm']} on {run['task']}: filters before and after training, share of gradient of each channel",
    )


def _channels(count: int) -> Sequence[tuple[str, str]]:
    return CHANNELS if count == len(CHANNELS) else (CHANNELS[0], CHANNELS[-1])  # two channels are red and blue


def mosaic(weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """(F, C, kh, kw) -> one map, a column a filter, a row a channel, with one empty cell between slices."""
    F, C, kh, kw = weights.shape
    spaced = np.zeros((C, kh + 1, F, kw + 1))
    spaced[:, :kh, :, :kw] = weights.transpose(1, 2, 0, 3)
    return spaced.reshape(C * (kh + 1), F * (kw + 1))[:-1, :-1]


def _shares(run: Record, left: float, top: float, width: float, height: float) -> str:
    norms = np.asarray([[value or 0.0 for value in row] for row in run["curves"]["channels"]])  # (C, T)
    shares = norms / np.maximum(norms.sum(0), 1e-30)
    steps = run["curves"]["step"]
    x, y = svg.Scale(steps[0], steps[-1], left, left + width), svg.Scale(0, 1, top + height, top)
    parts = [svg.axes(x, y, "step", "share of gradient", [steps[0], steps[-1]])]
    places = svg.spread([y(share[-1]) for share in shares], 12, top, top + height)
    styles = zip(shares, places, _channels(len(shares)), ("", "6 3", "2 3"), strict=False)
    for share, place, (letter, colour), dash in styles:
        points = [(x(step), y(value)) for step, value in zip(steps, share, strict=True)]
        curve = svg.path(points, class_="curve", stroke_dasharray=dash or None)
        label = svg.text(left + width + 3, place + 4, letter, class_="paint strong")
        parts.append(svg.group(curve, label, class_=colour))
    return "".join(parts)
