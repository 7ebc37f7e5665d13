"""Picture 1: what a reduction makes of three responses, and what of the gradient comes back to each channel."""

from __future__ import annotations

import numpy as np

from minigrad.study.figures import markup, portable, svg
from minigrad.study.records import Record, Results

CELLS = 48  # side of a map, user units
CHANNELS = (("R", "red"), ("G", "green"), ("B", "blue"))


def draw(results: Results) -> str:
    """A card a reduction: responses to the left, merged in the middle, returned gradients to the right."""
    records = results.where("maps")
    if not records:
        return markup.missing("picture 1, broadcast or routing", "")
    limit = max(float(np.abs(record["responses"]).max()) for record in records)
    cards = "".join(_card(record, limit) for record in records)
    see = "The sum sends the same full gradient back to every channel; a maximum cuts it into a jigsaw."
    more = (
        f"Orange is positive, violet negative, blank is zero; responses and outputs run to ±{limit:.2g}, returned "
        "gradients to ±1, on one scale for all reductions. One unit of gradient was put on every output position, "
        "and the engine says what of it arrives at each channel’s response."
    )
    words = '<p class="small">The image that enters, channel by channel, and below it a row for each reduction:</p>'
    body = f'{words}{_input(records[0])}<div class="grid cards">{cards}</div>'
    return markup.figure("broadcast", body, see, more + markup.details("The numbers", _table(records)))


def poster(records: list[Record]) -> str:
    """Rows as a picture of its own: the text of an SVG file that any viewer draws."""
    limit = max(float(np.abs(record["responses"]).max()) for record in records)
    rows = [svg.group(*_row(record, limit), x=16, y=12 + 112 * place) for place, record in enumerate(records)]
    label = markup.escape("; ".join(_title(record) for record in records))
    return portable.document("".join(rows), 462, 12 + 112 * len(records), label)


def received(record: Record) -> tuple[float, float]:
    """Means over positions: how many channels receive a gradient, and the sum of its sizes, Σ|∂f/∂r|."""
    gradients = np.asarray(record["gradients"], float)
    return float((gradients != 0).sum(0).mean()), float(np.abs(gradients).sum(0).mean())


def _maps(maps: np.ndarray, limit: float, x: float, y: float, names: bool = True) -> str:
    parts = []
    for index, (values, (letter, colour)) in enumerate(zip(maps, CHANNELS, strict=False)):
        left = x + index * (CELLS + 6)
        parts.append(svg.raster(values, CELLS / values.shape[1], limit, left, y))
        if names:
            label = svg.text(left + CELLS / 2, y - 4, letter, class_="mid paint strong")
            parts.append(svg.group(label, class_=colour))
    return "".join(parts)


def _card(record: Record, limit: float) -> str:
    return svg.drawing(430, 110, *_row(record, limit), title=_title(record))


def _title(record: Record) -> str:
    channels, total = received(record)
    return (
        f"{record['arm']}: three responses merge into one output; the gradient reaches {channels:.2g} of 3 channels, "
        f"their sizes add up to {total:.2f}"
    )


def _row(record: Record, limit: float) -> list[str]:
    channels, total = received(record)
    responses, gradients = np.asarray(record["responses"], float), np.asarray(record["gradients"], float)
    out = np.asarray(record["out"], float)
    top, middle, right = 42, 190, 268
    return [
        svg.text(0, 14, record["arm"], class_="strong big"),
        svg.formula(430, 14, record["formula"], class_="note end"),
        _maps(responses, limit, 0, top),
        svg.text(174, top + 29, "→", class_="mid big"),
        svg.raster(out, CELLS / out.shape[1], limit, middle, top),
        svg.text(middle + CELLS / 2, top - 4, "output", class_="mid note"),
        svg.text(253, top + 29, "←", class_="mid big"),
        _maps(gradients, 1.0, right, top),
        svg.text(0, top + CELLS + 15, "responses", class_="note"),
        svg.text(
            430,
            top + CELLS + 15,
            f"gradient reaches {channels:.2g} of 3, Σ|∂f/∂r| = {markup.signed(total)}",
            class_="note end",
        ),
    ]


def _input(record: Record) -> str:
    image = np.asarray(record["image"], float)
    size = 84
    parts = [
        svg.group(
            svg.raster(values, size / values.shape[1], float(np.abs(image).max()) or 1, index * (size + 8), 18),
            svg.text(index * (size + 8) + size / 2, 12, letter, class_="mid strong paint"),
            class_=colour,
        )
        for index, (values, (letter, colour)) in enumerate(zip(image, CHANNELS, strict=False))
    ]
    return svg.drawing(3 * size + 16, size + 20, *parts, title="The input image: its red, green and blue channels")


def _table(records: list[Record]) -> str:
    rows = []
    for record in records:
        gradients = np.asarray(record["gradients"], float)
        norms = [markup.signed(float(np.sqrt((channel**2).mean()))) for channel in gradients]
        channels, total = received(record)
        rows.append(
            [
                markup.escape(record["arm"]),
                markup.maths(record["formula"]),
                markup.signed(channels),
                *norms,
                markup.signed(total),
            ]
        )
    head = ["reduction", "formula", "channels reached", "R", "G", "B", "Σ|∂f/∂r|"]
    caption = (
        "Of one unit of gradient at each position: channels with a gradient (mean), root mean square per channel, "
        "sum of the sizes (mean)"
    )
    return markup.table(caption, head, rows, numbers_from=2)
