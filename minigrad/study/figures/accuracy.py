"""Picture 3: how accurate each reduction is on each task, a heat map for each number of filters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minigrad.study.figures import markup, svg
from minigrad.study.figures.depth import INITS
from minigrad.study.records import Record, Results

WIDTH, HEIGHT = 50, 30  # of a cell
LEFT, TOP = 108, 66


def draw(results: Results) -> str:
    """The heat maps of all runs, a switch between the two initialisations, and the numbers beneath."""
    everything = results.where("run")
    if not everything:
        return markup.missing("picture 3, task × reduction", "")
    inits = [init for init in INITS if any(run["init"] == init for run in everything)]
    switch = markup.choice("accuracy-init", "Initialisation", [(init, INITS[init]) for init in inits])
    views, accuracies, losses = [], [], []
    for init in inits:
        runs = [run for run in everything if run["init"] == init]
        arms, tasks = _values(runs, "arm"), _values(runs, "task")
        widths = {F: [run for run in runs if run["F"] == F] for F in sorted(_values(runs, "F"))}
        panels = "".join(f'<div class="scroll">{_panel(found, arms, tasks, F)}</div>' for F, found in widths.items())
        views.append(f'<div data-view="{init}" class="grid cards">{panels}</div>')
        for F, found in widths.items():
            accuracies.append(_table(found, arms, tasks, f"{INITS[init]}, F = {F}: accuracy in percent", interval_text))
            losses.append(_table(found, arms, tasks, f"{INITS[init]}, F = {F}: cross-entropy", loss_text))
    see = "The fuller the colour, the more accurate: read down a column to compare reductions on one task."
    more = (
        "Each cell is the accuracy on held-out images in percent, mean over seeds; below it half the width of its "
        "95 % bootstrap interval. Blank paper is guessing, full colour is 100 %. F is the number of filters."
    )
    if "photographs" in _values(everything, "task"):
        more += " Photographs, patches of two pictures, are a sanity check and no benchmark."
    more += markup.details("The numbers", "".join(accuracies)) + markup.details("The losses", "".join(losses))
    return markup.figure("accuracy", switch + "".join(views), see, more, live="views")


def _values(runs: list[Record], field: str) -> list[Any]:
    return list(dict.fromkeys(run[field] for run in runs))


def _panel(runs: list[Record], arms: list[str], tasks: list[str], F: int) -> str:
    parts = [svg.text(0, 14, f"F = {F}", class_="strong big")]
    for column, task in enumerate(tasks):
        x = LEFT + (column + 0.5) * WIDTH
        words = svg.text(0, 0, task, class_="note", transform=f"translate({x:.1f} {TOP - 6}) rotate(-32)")
        parts.append(words)
    for row, arm in enumerate(arms):
        y = TOP + row * HEIGHT
        strong = "end strong" if arm == "sum" else "end"
        parts.append(svg.text(LEFT - 8, y + HEIGHT / 2 + 4, arm, class_=strong))
        for column, task in enumerate(tasks):
            found = [run for run in runs if run["arm"] == arm and run["task"] == task]
            parts.append(_cell(found[0] if found else None, LEFT + column * WIDTH, y))
    width, height = LEFT + len(tasks) * WIDTH + 34, TOP + len(arms) * HEIGHT + 2
    return svg.drawing(
        width,
        height,
        *parts,
        title=f"Accuracy of each reduction on each task with {F} filters; the table below has the numbers",
    )


def _cell(run: Record | None, x: float, y: float) -> str:
    middle = x + WIDTH / 2
    if run is None:
        return svg.text(middle, y + HEIGHT / 2 + 4, "–", class_="mid note")
    mean, low, high = markup.mean_interval(run["accuracy"])
    if math.isnan(mean):
        return svg.text(middle, y + HEIGHT / 2 + 4, "diverged", class_="mid tiny")
    shade = max(0.0, (mean - run["chance"]) / (1 - run["chance"]))
    ink = "mid inverse" if shade > 0.55 else "mid"
    title = svg.element("title", markup.escape(f"{run['arm']}, {run['task']}: {interval_text(run)} %"))
    return svg.group(
        svg.rect(x + 1, y + 1, WIDTH - 2, HEIGHT - 2, title, class_="heat", fill_opacity=round(shade, 3)),
        svg.text(middle, y + 14, markup.percent(mean), class_=ink),
        svg.text(middle, y + 25, f"±{50 * (high - low):.1f}", class_=f"{ink} tiny"),
    )


def interval_text(run: Record) -> str:
    """`98.2 [97.5, 98.8]`: mean accuracy over seeds in percent, with its interval."""
    mean, low, high = markup.mean_interval(run["accuracy"])
    return f"{markup.percent(mean)} [{markup.percent(low)}, {markup.percent(high)}]"


def loss_text(run: Record) -> str:
    """`0.12 [0.10, 0.15]`: mean loss over seeds on held-out images, with its interval."""
    mean, low, high = markup.mean_interval(run["loss"])
    return f"{markup.signed(mean)} [{markup.signed(low)}, {markup.signed(high)}]"


def _table(runs: list[Record], arms: list[str], tasks: list[str], words: str, text: Callable[[Record], str]) -> str:
    cells = {(run["arm"], run["task"]): text(run) for run in runs}
    rows = [[markup.escape(arm), *(cells.get((arm, task), "not run") for task in tasks)] for arm in arms]
    seeds = max(len(run["accuracy"]) for run in runs)
    return markup.table(f"{words}, mean [95 % interval] over {seeds} seeds", ["reduction", *tasks], rows)
