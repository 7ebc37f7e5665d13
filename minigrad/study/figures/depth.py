"""Picture 4: how large the gradient still is after each layer it has come back through."""

from __future__ import annotations

import math

from minigrad.study.figures import markup, svg
from minigrad.study.records import Record, Results

INITS = {"he": "He initialisation", "unit": "scaled to unit variance for each reduction"}
FLOOR, CEILING = 1e-12, 1e12  # what is smaller or larger is drawn at the edge


def draw(results: Results) -> str:
    """A chart for each number of channels, a line a reduction, a switch between the two initialisations."""
    records = results.where("depth")
    if not records:
        return markup.missing("picture 4, gradient against depth")
    inits = [init for init in INITS if any(record["init"] == init for record in records)]
    channels = sorted({record["C"] for record in records})
    layers = max(record["layers"] for record in records)
    everything = [value for record in records for value in record["by_layer"] if value]
    low = 10.0 ** math.floor(math.log10(max(FLOOR, min(everything))))
    high = 10.0 ** math.ceil(math.log10(min(CEILING, max(everything))))
    panels = []
    for init in inits:
        charts = "".join(
            _chart([r for r in records if r["init"] == init and r["C"] == C], C, layers, low, high) for C in channels
        )
        panels.append(
            f'<div data-view="{init}"><p class="small">{INITS[init]}</p><div class="grid cards">{charts}</div></div>'
        )
    switch = markup.choice("depth-init", "Initialisation", [(init, INITS[init]) for init in inits])
    see = (
        "A line that stays near 1 brings back as much gradient as it was given; one that falls or rises vanishes or "
        "explodes."
    )
    more = (
        f"Norm of the gradient after each of {layers} convolution and ReLU layers, divided by its norm at the "
        "output; geometric mean over seeds. Thick: the sum. The dashed lines mark one tenth and ten; what "
        "leaves the frame is drawn at its edge." + markup.details("The numbers", _table(records))
    )
    return markup.figure("depth", switch + "".join(panels), see, more, live="views")


def _chart(records: list[Record], C: int, layers: int, low: float, high: float) -> str:
    x, y = svg.Scale(0, layers, 44, 316), svg.Scale(low, high, 340, 30, log=True)
    parts = [
        svg.axes(
            x,
            y,
            "layers that the gradient has come back through",
            "gradient ÷ gradient at the output",
            range(0, layers + 1, 2),
        )
    ]
    parts += [
        svg.line(x.start, y(mark), x.stop, y(mark), class_="rule dashed") for mark in (0.1, 10) if low <= mark <= high
    ]
    ends, labels = [], []
    for record in records:
        values = [min(max(value or FLOOR, low), high) for value in reversed(record["by_layer"])]
        strong = " strong" if record["arm"] == "sum" else ""
        curve = svg.path([(x(k), y(value)) for k, value in enumerate(values)], class_=f"curve{strong}")
        parts.append(svg.group(curve, class_=markup.family(record["arm"])))
        ends.append(y(values[-1]))
        labels.append(record["arm"])
    for label, end, place in zip(labels, ends, svg.spread(ends, 13, 36, 340), strict=True):
        strong = " strong" if label == "sum" else ""
        parts.append(svg.group(svg.line(x.stop, end, x.stop + 12, place, class_="leader"), class_=markup.family(label)))
        parts.append(
            svg.group(svg.text(x.stop + 14, place + 4, label, class_=f"paint{strong}"), class_=markup.family(label))
        )
    parts.append(svg.text(x.stop + 14, 16, f"C = {C}", class_="strong"))
    return svg.drawing(
        440,
        376,
        *parts,
        title=f"Gradient against depth with {C} channels, a line a reduction; the table below has the ratios",
    )


def _underflows(ratio: float | None) -> bool:
    """Whether a ratio is no measurement: missing, or smaller than float32 can hold."""
    return ratio is None or ratio < 1e-30


def ratio_interval(record: Record) -> tuple[float, float, float]:
    """Geometric mean over seeds of the ratio input ÷ output, with its bootstrap interval."""
    logs = [math.log10(ratio) for ratio in record["ratio"] if not _underflows(ratio)]
    return tuple(10**value for value in markup.mean_interval(logs))  # type: ignore[return-value]


def _table(records: list[Record]) -> str:
    rows = []
    for record in records:
        mean, low, high = ratio_interval(record)
        died = sum(_underflows(ratio) for ratio in record["ratio"])
        rows.append([
            markup.escape(record["arm"]), str(record["C"]), INITS.get(record["init"], record["init"]),
            "underflows" if died == len(record["ratio"]) else f"{mean:.2g} [{low:.2g}, {high:.2g}]",
            f"{died} of {len(record['ratio'])}",
        ])  # fmt: skip
    head = [
        "reduction",
        "C",
        "initialisation",
        "input ÷ output [95 % interval]",
        "seeds in which it underflows",
    ]
    return markup.table(
        "Ratio of the gradient's norm at the input to that at the output, geometric mean over seeds",
        head,
        rows,
        numbers_from=3,
    )
