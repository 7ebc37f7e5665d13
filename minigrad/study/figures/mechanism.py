"""Pictures of why channels cancel: dose and response, a step's causes, and the growth of a rounding error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minigrad.study.figures import markup, svg
from minigrad.study.records import Record, Results
from minigrad.study.stats import bootstrap

Floats = NDArray[np.floating]

# --------------------------------------------------------------------------------------------- dose and response


def dose(results: Results) -> str:
    """Excess cancellation after training by the amplitude of what the channels share: a dot a seed, and intervals."""
    records = results.where("dose")
    if not records:
        return markup.missing("dose and response")
    judged = max(record["lr"] for record in records)
    main = sorted((r for r in records if r["lr"] == judged), key=lambda r: float(r["amplitude"]))
    see = "What the channels share decides: with nothing shared they agree, with much shared they cancel."
    more = (
        "Digits that only the difference of red and blue shows: R = a·n + d/2, G = a·n, B = a·n − d/2, d the digit "
        "to be named, n another one. Across: the amplitude a. Up: the cancellation index of the trained filters "
        "minus what random signs of the responses would give. A small dot is one seed, the large one their mean "
        "with its 95 % interval."
    )
    return markup.figure("dose", _response(main), see, more + markup.details("The numbers", dose_table(records)))


def _response(records: list[Record]) -> str:
    values = [np.array(r["excess"], float) for r in records]
    low, high = min(v.min() for v in values) - 0.05, max(v.max() for v in values) + 0.05
    top = max(float(r["amplitude"]) for r in records)
    x, y = svg.Scale(-0.2, top + 0.45, 52, 436), svg.Scale(min(low, -0.1), max(high, 0.1), 300, 34)
    parts = [
        svg.axes(
            x,
            y,
            "a, amplitude of what all channels share",
            "excess cancellation",
            sorted({float(r["amplitude"]) for r in records}),
        ),
        svg.line(x.start, y(0), x.stop, y(0), class_="rule dashed"),
        svg.text(x.stop - 4, y(0) - 6, "more than chance ↑", class_="note end"),
        svg.text(x.stop - 4, y(0) + 15, "less than chance ↓", class_="note end"),
    ]
    means = []
    for record, found in zip(records, values, strict=True):
        at = x(float(record["amplitude"]))
        mean, below, above = bootstrap(found)
        means.append((at, y(mean)))
        parts += [
            svg.element("circle", cx=at + 7, cy=y(value), r=2, class_="paint", fill_opacity=0.45) for value in found
        ]
        parts.append(svg.line(at, y(below), at, y(above), class_="curve strong"))
        parts.append(svg.element("circle", cx=at, cy=y(mean), r=5, class_="paint"))
        parts.append(svg.text(at + 13, y(mean) + 16, markup.signed(mean), class_="strong"))
    parts.append(svg.path(means, class_="curve"))
    return svg.drawing(450, 340, svg.group(*parts, class_="affine"), title="Excess cancellation against the dose")


def dose_table(records: list[Record]) -> str:
    """Each dose: excess and accuracy with intervals, and what the excess still gained over the last third."""
    rows = []
    for r in sorted(records, key=lambda r: (-r["lr"], float(r["amplitude"]))):
        curve = np.array(r["curve"], float)
        late = curve[-1] - curve[int(np.abs(np.array(r["step"]) - 2 * r["steps"] / 3).argmin())]
        rows.append([
            f"{float(r['amplitude']):g}", f"{r['lr']:g}", _interval(r["excess"], 2), _interval(r["index"], 2),
            _interval(100 * np.array(r["accuracy"], float), 1), _interval(late, 3),
        ])  # fmt: skip
    head = ["amplitude", "rate", "excess", "index", "accuracy, %", "gain of the excess in the last third"]
    steps = max(r["steps"] for r in records)
    return markup.table(f"Mean over seeds with its 95 % interval, after {steps:,} minibatches", head, rows)


def _interval(values: object, digits: int) -> str:
    mean, low, high = bootstrap(np.array(values, float))
    return " ".join([markup.signed(mean, digits), f"[{markup.signed(low, digits)}, {markup.signed(high, digits)}]"])


# ----------------------------------------------------------------------------------------------- causes of a step

SHOWN = (
    ("excess", "measured", "total"),
    ("excess_digit", "the digit in all patches", "affine"),
    ("excess_shared", "the shared picture in them", "routing"),
    ("excess_own", "the patch’s own gradient", "even"),
)


def split(results: Results) -> str:
    """The change of the excess over training, measured and by cause, at each dose."""
    records = sorted(results.where("split", task="common"), key=lambda r: float(r["amplitude"]))
    if not records:
        return markup.missing("the causes of cancelling, step by step")
    charts = "".join(_causes(r) for r in records if float(r["amplitude"]) in (0, 1, 3))
    see = "The same cause, the digit, lowers cancellation where nothing is shared and raises it where much is."
    more = (
        "Change of excess cancellation since the start, mean over seeds, against the step of training (logarithmic). "
        "Thick: measured. Thin: the part of it that each step owes to what the training patches contain; noise and "
        "other causes make the rest. The patch’s own gradient can hardly be told from zero."
    )
    table = markup.details("The numbers, all doses and tasks", split_table(results))
    return markup.figure("split", f'<div class="grid thirds">{charts}</div>', see, more + table)


def _causes(record: Record) -> str:
    steps = np.maximum(np.array(record["step"], float), 1)
    lines = {}
    for name, _, _ in SHOWN:
        values = np.array(record[name], float).mean(1)
        lines[name] = values - values[0] if name == "excess" else np.concatenate([[0.0], np.cumsum(values)])
    low, high = min(-0.6, *(v.min() for v in lines.values())), max(0.6, *(v.max() for v in lines.values()))
    x, y = svg.Scale(8, steps[-1], 44, 216, log=True), svg.Scale(low, high, 230, 30)
    parts = [
        svg.axes(
            x,
            y,
            "step",
            f"a = {float(record['amplitude']):g}: change of the excess",
            [t for t in (10, 100, 1000) if t <= steps[-1]],
        )
    ]
    parts.append(svg.line(x.start, y(0), x.stop, y(0), class_="rule dashed"))
    ends = svg.spread([y(v[-1]) for v in lines.values()], 13, 36, 230)
    short = ("measured", "digit", "shared", "own")
    for (name, words, style), end, label in zip(SHOWN, ends, short, strict=True):
        strong = " strong" if name == "excess" else ""
        curve = svg.path(
            [(x(max(s, 8)), y(v)) for s, v in zip(steps, lines[name], strict=True)], class_=f"curve{strong}"
        )
        title = svg.element("title", markup.escape(words))
        parts.append(svg.group(title, curve, svg.text(x.stop + 5, end + 4, label, class_="paint"), class_=style))
    return svg.drawing(
        310, 270, *parts, title=f"Causes of the change of excess cancellation at a = {record['amplitude']}"
    )


def split_table(results: Results) -> str:
    """Each dose and task: the measured change of the excess, and its causes."""
    rows = []
    for r in sorted(results.where("split"), key=lambda r: (r["amplitude"] is None, float(r["amplitude"] or 0))):
        curve = np.array(r["excess"], float)
        parts = [np.array(r[f"excess_{p}"], float).sum(0) if f"excess_{p}" in r else None for p in PARTS]
        name = r["task"] if r["amplitude"] is None else f"a = {float(r['amplitude']):g}"
        cells = ["–" if part is None else _interval(part, 4 if index == 0 else 2) for index, part in enumerate(parts)]
        rows.append([name, _interval(curve[-1] - curve[0], 2), *cells])
    head = ["", "measured", "own patch", "own image", "other images", "digit", "shared"]
    return markup.table("Change of excess cancellation over training, by cause [95 % interval]", head, rows)


PARTS = ("own", "image", "others", "digit", "shared")


# -------------------------------------------------------------------------------------------------- mirrored data


def mirror(results: Results) -> str:
    """How far the slices of red and blue are apart on mirrored data, a line a seed, in float32 and float64."""
    records = [r for dtype in ("float32", "float64") for r in results.where("mirror", dtype=dtype, lr=0.1)]
    if not records:
        return markup.missing("mirrored data, which only rounding errors leave")
    charts = "".join(_apart(record) for record in records)
    see = "On mirrored data nothing pulls the slices apart but rounding, and yet in the end they part."
    more = (
        "The distance of the slices of red and blue, a line a seed, on a logarithmic scale, against the step of "
        "descent. It stays at the size of a rounding error, then grows at once."
        + markup.details("The numbers", mirror_table(results))
    )
    return markup.figure("mirror", f'<div class="grid cards">{charts}</div>', see, more)


def _apart(record: Record) -> str:
    steps, curves = record["step"], np.array(record["curve"], float)
    x, y = svg.Scale(0, max(steps), 56, 380), svg.Scale(1e-17, 10, 236, 30, log=True)
    parts = [svg.axes(x, y, "step", f"{record['dtype']}: ‖w_R − w_B‖")]
    for curve in curves:
        points = [(x(s), y(10.0**v) if v > -17 else np.nan) for s, v in zip(steps, curve, strict=True)]
        parts.append(svg.group(svg.path(points, class_="curve"), class_="affine"))
    return svg.drawing(
        400, 276, *parts, title=f"Distance of the slices on mirrored data in {record['dtype']}, a line a seed"
    )


def mirror_table(results: Results) -> str:
    """Each rate and precision: when the slices parted, the curvature then, and growth beside its prediction."""
    rows = []
    for r in results.where("mirror"):
        left, grown, predicted, h = (np.array(r[k], float) for k in ("left", "grown", "predicted", "curvature"))
        there = grown > 0
        middle = [f"{np.nanmedian(v):.0f}" if np.isfinite(v).any() else "–" for v in (left, h)]
        ratio = _interval((grown / predicted)[there], 2) if r["dtype"] == "float64" and there.any() else "–"
        rows.append([f"{r['lr']:g}", r["dtype"], middle[0], middle[1] if r["dtype"] == "float64" else "–", ratio])
    head = ["rate", "numbers", "steps until they part", "curvature h when growth begins", "growth ÷ prediction"]
    return markup.table("Medians over seeds; the last column is a mean with its 95 % interval", head, rows, 2)
