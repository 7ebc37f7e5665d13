"""The picture and the tables of networks that others trained: a row a network, a mark a layer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minigrad.study.claims.others import Outcome, Summary
from minigrad.study.figures import markup, svg

WIDTH, ROW = 360, 44
SEE = "Left of the line a layer cancels less than chance. Most layers beyond the first stand there."


def draw(found: Sequence[Summary]) -> str:
    """Every layer's excess cancellation over slice flips, network by network."""
    if not found:
        return markup.missing("networks that others trained", "")
    bottom = 26 + ROW * len(found)
    low = min(-0.1, *(layer["excess"] for s in found for layer in s.sums)) - 0.05
    high = max(0.1, *(layer["excess"] for s in found for layer in s.sums)) + 0.05
    x = svg.Scale(low, high, 8, WIDTH - 8)
    parts = [
        svg.text(x(0) - 6, 12, "← less than chance", class_="note end"),
        svg.text(x(0) + 6, 12, "more →", class_="note"),
    ]
    for tick in x.ticks(6):
        parts.append(svg.line(x(tick), 20, x(tick), bottom, class_="grid"))
        parts.append(svg.text(x(tick), bottom + 14, svg.tick_label(tick), class_="tick mid"))
    parts.append(svg.line(x(0), 20, x(0), bottom, class_="rule"))
    parts.append(svg.text(WIDTH / 2, bottom + 30, "index minus its slice-flip null", class_="axis mid"))
    parts += [_network(s, x, 26 + ROW * place) for place, s in enumerate(found)]
    title = "Excess cancellation of every convolution in networks that others trained"
    return markup.figure(
        "others",
        svg.drawing(WIDTH, bottom + 36, *parts, title=title),
        SEE,
        "A mark is a layer: a bar for those beyond the first, a diamond for the first that has a sum. Full: p &lt; "
        "0.05 beside 2,000 random signs of whole slices; pale: not told from chance. The dot is the median layer.",
    )


def _network(s: Summary, x: svg.Scale, top: float) -> str:
    parts = [svg.text(8, top + 12, s.network["name"], class_="strong")]
    middle = top + 28
    for layer in s.deeper:
        at, full = x(layer["excess"]), layer["p"] < 0.05
        label = svg.element("title", markup.escape(_describe(layer)))
        shade = "plus" if layer["excess"] > 0 else "minus"
        parts.append(svg.rect(at - 1.2, middle - 8, 2.4, 16, label, class_=shade, fill_opacity=0.85 if full else 0.25))
    first = s.first
    at, r = x(first["excess"]), 6.5
    parts.append(
        svg.element(
            "path",
            svg.element("title", markup.escape(f"first layer {_describe(first)}")),
            d=f"M{svg.number(at - r)} {middle}L{svg.number(at)} {middle - r}L{svg.number(at + r)} {middle}"
            f"L{svg.number(at)} {middle + r}z",
            class_="plus" if first["excess"] > 0 else "minus",
            fill_opacity=1 if first["p"] < 0.05 else 0.35,
            stroke="currentColor",
        )
    )
    if not math.isnan(s.typical):
        parts.append(svg.element("circle", cx=x(s.typical), cy=middle, r=4, class_="total", stroke="#fff"))
    return svg.group(*parts)


def _describe(layer: dict[str, object]) -> str:
    return f"{layer['layer']} ({layer['shape']}): excess {layer['excess']}, p {layer['p']}"


def table(found: Sequence[Summary]) -> str:
    """What was measured of each network, in numbers."""
    rows = [
        [
            f"{markup.escape(s.network['name'])}<br><span class=small>{markup.escape(s.network['task'])}; "
            f"{markup.escape(s.network['package'])} {s.network['version']}, {s.network['licence']}</span>",
            f"{s.network['parameters']:,}",
            str(len(s.sums)),
            f"{s.less} / {s.more}",
            f"{markup.signed(s.typical, 3)} / {markup.signed(s.typical_centred, 3)}",
            f"{markup.signed(s.first['excess'], 3)} <span class=small>(p {markup.short(s.first['p'])})</span>",
            markup.signed(s.beyond_shuffles, 3),
            f"{markup.percent(s.near_zero)} %",
            f"{markup.percent(s.middle(lambda layer: layer['unmatched']), 0)} / "
            f"{markup.percent(s.middle(lambda layer: layer['orthogonal']), 0)} %",
        ]
        for s in found
    ]
    head = [
        "network", "parameters", "layers with a sum", "beyond the first: cancel less / more (p &lt; 0.05)",
        "median excess beyond the first / with inputs of mean 0", "excess of the first",
        "median distance from shuffled slices",
        "weights near zero, median layer (Gaussian: 8.0 %)", "unmatched answers / random filters",
    ]  # fmt: skip
    return markup.table("Nine networks of four packages", head, rows)


def predictions(counted: Sequence[Outcome]) -> str:
    """The predictions, each with its count."""
    rows = [
        [
            markup.escape(outcome.prediction.words),
            f"{outcome.right} of {outcome.asked}",
            markup.short(outcome.p),
            "✓ holds" if outcome.holds else "✗ fails",
        ]
        for outcome in counted
    ]
    return markup.table("Predictions, written down before the run", ["prediction", "networks", "p", ""], rows)
