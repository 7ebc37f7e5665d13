"""The page of one's own network: what its convolutions do with their channels, and what to make of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from minigrad.channels.layer_sums import DRAWS, GAUSSIAN, Row
from minigrad.channels.survey import Survey
from minigrad.study.figures import markup, svg

LEVEL = 0.05  # of p
NAMED, SHOWN = 12, 8  # layers that a sentence names, filters that a table shows
ROUNDED, CROWDED, ALONE = 0.9, 2 * GAUSSIAN, 0.5  # index, share near zero, share of one channel that are worth a word


@dataclass(frozen=True)
class About:
    """What the page says of the run itself."""

    name: str
    parameters: int
    inputs: str  # what was run, in words
    pixels: str  # how pixels became numbers; empty for arrays


def page(survey: Survey, about: About) -> str:
    """The page as HTML, in one file that needs no other."""
    body = "".join(
        f"<section><h2>{title}</h2>{part}</section>"
        for title, part in (
            ("What to make of it", _advice(survey)),
            ("Layer by layer", _picture(survey) + f'<div class="wide">{_layers(survey)}</div>'),
            ("Single filters", _filters(survey)),
            ("How to read the numbers", _reading()),
        )
    )
    style = files("minigrad.study").joinpath("page.css").read_text(encoding="utf-8")
    name = markup.escape(about.name)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}: what its convolutions do with their channels</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<header>
<h1>{name}: what its convolutions do with their channels</h1>
<p class="answer">{markup.escape(headline(survey))}</p>
<p class="small">{about.parameters:,} parameters. {markup.escape(about.inputs)}.
{markup.escape(f"Pixels were numbers {about.pixels}." if about.pixels else "")} If the network was trained on inputs
prepared in another way, prepare them so and give them as <code>.npy</code>: the numbers depend on it.</p>
</header>
<main>
{body}
</main>
</body>
</html>
"""


def headline(survey: Survey) -> str:
    """What was found, in two sentences."""
    measured = [row for row in survey.rows if row.p == row.p]
    more, less = (sum(map(finding.true, survey.rows)) for finding in FINDINGS[:2])
    return (
        f"{_count(len(survey.rows), 'convolution')}, {len(measured)} with a sum over channels that was measured. "
        f"{_count(more, 'layer')} cancel{'s' if more == 1 else ''} more than chance and {less} less "
        f"(p < 0.05); chance alone gives about {0.05 * len(measured):.0f}."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# ------------------------------------------------------------------------------------------------------- the advice


@dataclass(frozen=True)
class Finding:
    """What may stand out in a layer: what it means for the network's owner, and the layers of which it is true.

    true: whether it is true of a layer. order: the layers with the largest come first. shown: a layer's number.
    """

    title: str
    meaning: str
    true: Callable[[Row], bool]
    order: Callable[[Row], float]
    shown: Callable[[Row], str]


FINDINGS = (
    Finding(
        "Layers that take differences",
        "They cancel more than chance: part of the answer is in what their channels do not share. What all input "
        "channels have in common, such as brightness in a first layer, reaches the answer weakened. Such a layer may "
        "go wrong if its channels are exchanged or rescaled, and a first layer also on grey images.",
        lambda row: row.p < LEVEL and row.excess > 0,
        lambda row: row.excess,
        lambda row: markup.signed(row.excess, 3),
    ),
    Finding(
        "Layers that add up what agrees",
        "They cancel less than chance: channels agree. If the index is close to that of shuffled slices, the means of "
        "the slices do it, not their patterns; after a ReLU that is common. Leaving out a channel costs about its "
        "share of the answer.",
        lambda row: row.p < LEVEL and row.excess < 0,
        lambda row: -row.excess,
        lambda row: markup.signed(row.excess, 3),
    ),
    Finding(
        "Layers that need their digits",
        f"More than {ROUNDED:.0%} of their responses cancels, so a rounding error of the responses is at least ten "
        "times as large in the answer. Look here first if accuracy falls with float16 or with eight bits.",
        lambda row: row.index > ROUNDED,
        lambda row: row.index,
        lambda row: f"error × {1 / max(1 - row.index, 1e-9):.0f}",
    ),
    Finding(
        "Layers with many weights near zero",
        f"At least {CROWDED:.0%} of the weights are within a tenth of their filter’s width of zero; a Gaussian has "
        f"{GAUSSIAN:.0%}. Try here first if you prune.",
        lambda row: row.near_zero >= CROWDED,
        lambda row: row.near_zero,
        lambda row: f"{row.near_zero:.0%}",
    ),
    Finding(
        "Layers that listen to one channel",
        "One input channel brings more than half of the energy of all responses. If it fails or is scaled "
        "differently, the layer’s answer follows it.",
        lambda row: row.largest > ALONE,
        lambda row: row.largest,
        lambda row: f"{row.largest:.0%}",
    ),
    Finding(
        "Layers that were not measured",
        "They have no sum over channels, or something else stands in the way.",
        lambda row: bool(row.note),
        lambda row: 0,
        lambda row: markup.escape(row.note),
    ),
)


def _advice(survey: Survey) -> str:
    parts = []
    for finding in FINDINGS:
        if rows := sorted(filter(finding.true, survey.rows), key=finding.order, reverse=True):
            named = ", ".join(f"<code>{markup.escape(row.name)}</code> ({finding.shown(row)})" for row in rows[:NAMED])
            rest = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
            parts.append(f"<h3>{finding.title}</h3><p>{finding.meaning}</p><p class=small>{named}{rest}.</p>")
    nothing = "<p>No layer stands out: each does with its channels about what chance would.</p>"
    return "".join(parts) or nothing


# --------------------------------------------------------------------------------------------- pictures and tables


def _picture(survey: Survey) -> str:
    """A bar for each layer's excess, to the right of the line where it cancels more than chance."""
    rows = [row for row in survey.rows if row.p == row.p]
    if not rows:
        return ""
    low, high = (pick([0.0, *(row.excess for row in rows)]) for pick in (min, max))
    margin = 0.15 * (high - low) or 1.0
    x = svg.Scale(low - margin, high + margin, 150, 352)
    parts = [svg.text(x(0), 12, "← less · more →", class_="note mid")]
    for place, row in enumerate(rows):
        y, ends = 22 + 18 * place, sorted((x(0), x(row.excess)))
        title = svg.element("title", markup.escape(f"{row.name}: excess {row.excess:+.3f}, p {row.p:.4f}"))
        parts.append(svg.text(144, y + 10, row.name if len(row.name) < 22 else "…" + row.name[-20:], class_="note end"))
        shade = {"class_": "plus" if row.excess > 0 else "minus", "fill_opacity": 1 if row.p < 0.05 else 0.35}
        parts.append(svg.rect(ends[0], y, max(ends[1] - ends[0], 1), 12, title, **shade))
    height = 28 + 18 * len(rows)
    parts.append(svg.line(x(0), 18, x(0), height, class_="rule"))
    drawn = svg.drawing(360, height, *parts, title="Excess cancellation of every layer")
    see = "Right of the line channels cancel more than chance, left of it less."
    return markup.figure("layers", drawn, see, "Pale bars are not told from chance (p ≥ 0.05).")


def _layers(survey: Survey) -> str:
    def number(value: float, form: Callable[[float], str]) -> str:
        return "–" if math.isnan(value) else form(value).replace("-", "−")

    rows = []
    for row in survey.rows:
        cells = [markup.escape(row.name), row.shape or "–"]
        cells += [number(value, "{:.3f}".format) for value in (row.index, row.null)]
        cells += [number(row.excess, "{:+.3f}".format), number(row.p, "{:.4f}".format)]
        cells += [number(row.shuffled, "{:.3f}".format), number(row.centred, "{:+.3f}".format)]
        cells += [number(row.near_zero, "{:.0%}".format)]
        cells += [f"{number(row.unmatched, '{:.0%}'.format)} / {number(row.orthogonal, '{:.0%}'.format)}"]
        rows.append([*cells, markup.escape(row.note)])
    head = [
        "layer",
        "weights",
        "index",
        "slice flips",
        "excess",
        "p",
        "shuffled",
        "excess, centred",
        "near zero",
        "unmatched / random",
        "",
    ]
    return markup.table("Every convolution, in the order of the file", head, rows)


def _filters(survey: Survey) -> str:
    found = [
        (row, int(number), float(index), float(null), float(p))
        for row in survey.rows
        if row.filters is not None
        for number, index, null, p in zip(
            row.filters.number, row.filters.index, row.filters.null, row.filters.p, strict=True
        )
    ]
    if not found:
        return "<p>No filter has a sum over channels that could be measured.</p>"
    found.sort(key=lambda one: one[3] - one[2])
    head = ["layer", "filter", "channels", "index", "slice flips", "p", "rounding error"]

    def lines(chosen: Sequence[tuple[Row, int, float, float, float]]) -> list[list[str]]:
        return [
            [
                markup.escape(row.name), str(number), str(row.channels), f"{index:.3f}", f"{null:.3f}", f"{p:.4f}",
                f"× {1 / max(1 - index, 1e-9):.3g}",
            ]
            for row, number, index, null, p in chosen
        ]  # fmt: skip

    tables = markup.table("The filters that cancel most, beyond their own chance", head, lines(found[:SHOWN]))
    tables += markup.table("The filters that cancel least", head, lines(found[::-1][:SHOWN]))
    return (
        "<p>A filter that cancels most is a detector of differences: look at its slices side by side, they have "
        "opposite signs. One that cancels least adds up channels that agree.</p>"
        f'<div class="wide">{tables}</div><p class=small>Filters are numbered from 0, as in the weight array. '
        f"These are the extremes of {len(found):,} filters, so some small p are there by chance. With three channels "
        "there are only four patterns of signs: no single filter can be told from chance. Of a layer with very many "
        "filters a random part was measured.</p>"
    )


def _reading() -> str:
    return (
        "<ul><li><b>index</b>: 1 − Σ|Σ<sub>c</sub> r<sub>c</sub>| / ΣΣ<sub>c</sub>|r<sub>c</sub>|, the share of the "
        "channels’ responses that their sum cancels. 0: nothing cancels. 1: everything.</li>"
        f"<li><b>slice flips</b>: its mean when the signs of whole slices are random, {DRAWS:,} times; <b>p</b> is the "
        "share of those at least as far from the mean. <b>excess</b> is index minus slice flips.</li>"
        "<li><b>shuffled</b>: the index when the weights of each slice change places; there is none for 1 × 1.</li>"
        "<li><b>excess, centred</b>: the excess when the mean of every input is taken away. Where it is near 0 and the "
        "excess is not, means decide and not patterns.</li>"
        "<li><b>near zero</b>: weights within a tenth of their own filter’s width (root mean square) of zero.</li>"
        "<li><b>unmatched / random</b>: answers below a tenth of |filter| · |patch|, and how many there would be for "
        "filters of random direction.</li></ul>"
        "<p class=small>Layers of one network are not independent, and the numbers describe: they do not say that the "
        "network would be better otherwise.</p>"
    )
