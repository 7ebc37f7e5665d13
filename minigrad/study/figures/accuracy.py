"""Picture 3: the sum's accuracy minus each reduction's, on every task that is not saturated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from minigrad.study.figures import markup, svg
from minigrad.study.figures.depth import INITS
from minigrad.study.records import Record, Results
from minigrad.study.stats import Interval

ROW, LEFT, RIGHT, TOP = 22, 96, 330, 40


class Difference(NamedTuple):
    """The sum's accuracy minus an arm's on a task, with its paired interval."""

    task: str
    arm: str
    value: Interval
    p_value: float  # that it is 0, corrected for the family
    p_equivalent: float  # that it is not within the margin


def draw(results: Results, found: Sequence[Difference], yardstick: float) -> str:
    """A panel a task with an interval for each reduction; beneath, the numbers and every accuracy."""
    runs = [run for run in results.where("run") if run["F"] == 8]
    if not runs:
        return markup.missing("picture 3, the sum against each reduction", "")
    tables = markup.details("Accuracies", _accuracies(runs))
    if not found:
        return tables
    tasks = dict.fromkeys(d.task for d in found)
    panels = "".join(_panel(task, [d for d in found if d.task == task], yardstick) for task in tasks)
    see = "To the right of zero the sum is more accurate, to the left the other; inside the band neither is."
    more = (
        "Accuracy of the sum minus that of each reduction in points, both from their better start: mean over ten seeds "
        f"with its 95 % interval. The light band is ±1 point, the dark one the yardstick: the sum differs by up to "
        f"{100 * yardstick:.2f} points from itself under another name."
    )
    return markup.figure(
        "accuracy", f'<div class="grid cards">{panels}</div>', see, more + _differences(found) + tables
    )


def _panel(task: str, found: Sequence[Difference], yardstick: float) -> str:
    ends = [100 * end for d in found for end in (d.value.low, d.value.high)]
    x = svg.Scale(min(-2.0, *ends), max(2.0, *ends), LEFT, RIGHT)
    bottom = TOP + ROW * len(found)
    parts = [svg.text(0, 14, task, class_="strong big")]
    for size, opacity in ((1.0, 0.12), (100 * yardstick, 0.3)):
        parts.append(svg.rect(x(-size), TOP, x(size) - x(-size), bottom - TOP, class_="heat", fill_opacity=opacity))
    for tick in x.ticks(5):
        parts += [
            svg.line(x(tick), TOP, x(tick), bottom, class_="grid"),
            svg.text(x(tick), bottom + 14, svg.tick_label(tick), class_="tick mid"),
        ]
    parts.append(svg.line(x(0), TOP, x(0), bottom, stroke="currentColor"))
    for row, d in enumerate(found):
        y = TOP + (row + 0.5) * ROW
        mean, low, high = (100 * value for value in d.value)
        words = f"sum − {d.arm}: {markup.signed(mean)} [{markup.signed(low)}, {markup.signed(high)}] points"
        mark = svg.interval(x, y, low, mean, high, markup.family(d.arm), words)
        parts += [svg.text(LEFT - 8, y + 4, d.arm, class_="end"), mark]
    parts.append(svg.text((LEFT + RIGHT) / 2, bottom + 30, "sum minus the other, points", class_="axis mid"))
    return svg.drawing(RIGHT + 14, bottom + 36, *parts, title=f"Accuracy of the sum minus each reduction's on {task}")


def _differences(found: Sequence[Difference]) -> str:
    rows = [
        [
            markup.escape(d.task),
            markup.escape(d.arm),
            " [".join(markup.signed(100 * v) for v in d.value[:2]) + f", {markup.signed(100 * d.value.high)}]",
            f"{d.p_value:.2g}",
            f"{d.p_equivalent:.2g}",
        ]
        for d in found
    ]
    head = ["task", "reduction", "sum minus it, points", "p, after Holm", "p that it is within ±1 point"]
    caption = "Paired differences over ten seeds [95 % interval]; a t test and two one-sided ones"
    return markup.details("The differences", markup.table(caption, head, rows, numbers_from=2))


def _accuracies(runs: list[Record]) -> str:
    tables = []
    for init, words in INITS.items():
        chosen = [run for run in runs if run["init"] == init]
        if chosen:
            arms, tasks = (list(dict.fromkeys(run[name] for run in chosen)) for name in ("arm", "task"))
            cells = {(run["arm"], run["task"]): interval_text(run) for run in chosen}
            rows = [[markup.escape(arm), *(cells.get((arm, task), "–") for task in tasks)] for arm in arms]
            caption = f"{words}, 8 filters: accuracy in percent, mean over seeds [95 % interval]"
            tables.append(markup.table(caption, ["reduction", *tasks], rows))
    return "".join(tables)


def interval_text(run: Record) -> str:
    """`98.2 [97.5, 98.8]`: mean accuracy over seeds in percent, with its interval."""
    mean, low, high = markup.mean_interval(run["accuracy"])
    return (
        f"{markup.percent(mean)} [{markup.percent(low)}, {markup.percent(high)}]" if math.isfinite(mean) else "diverged"
    )
