"""Picture 5: the edge slider, blue's edge dragged from aligned with red's to opponent."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.study.figures import markup, svg
from minigrad.study.records import Results

HEIGHT, GROUP, BAR = 190, 42, 10


def draw(results: Results) -> str:
    """Three bars a filter (red's response, blue's, their sum) and what the network makes of them."""
    record = results.one("slider")
    if record is None:
        return markup.missing("picture 5, the edge slider")
    drawing, bars, zero = draw_bars(record)
    say = [describe(record, t) for t in range(len(record["blue"]))]
    control = (
        '<div class="controls" hidden><label for="slider-blue">aligned</label>'
        f'<input type="range" id="slider-blue" min="0" max="{len(say) - 1}" value="0" aria-label="Blue’s edge">'
        '<label for="slider-blue">opponent</label><output aria-live="polite"></output></div>'
    )
    legend = (
        '<p class="small"><span class="red">■</span> red’s response &nbsp; <span class="blue">■</span> blue’s response '
        "&nbsp; ■ their sum, at the edge</p>"
    )
    body = f"{legend}{drawing}{control}"
    see = "Drag blue’s edge: where one filter’s sum falls to zero, look whether another’s does not."
    more = "Eight filters of one trained network (sum, task relation). Responses at the middle of the edge."
    return markup.figure("slider", body, see, more, live="edge", source={"bars": bars, "zero": zero, "say": say})


def draw_bars(record: Any) -> tuple[str, list[dict[str, Any]], float]:
    """The bars at the last place of the slider; for each bar its pixels at every place; and the pixel of zero."""
    red = np.asarray(record["red"], float)  # (F,)
    blue, total = np.asarray(record["blue_response"], float), np.asarray(record["sum"], float)  # (F, T)
    reach = max(np.abs(red).max(), np.abs(blue).max(), np.abs(total).max()) * 1.05
    y = svg.Scale(-reach, reach, HEIGHT + 24, 24)
    parts = []
    for tick in y.ticks():
        parts.append(svg.line(40, y(tick), 40 + len(red) * GROUP, y(tick), class_="grid"))
        parts.append(svg.text(34, y(tick) + 4, svg.tick_label(tick), class_="tick end"))
    bars = []
    for k in range(len(red)):
        x = 48 + k * GROUP
        series = (("r", "red", np.full(blue.shape[1], red[k])), ("b", "blue", blue[k]), ("s", "", total[k]))
        for place, (short, colour, values) in enumerate(series):
            pixels = [round(y(value), 1) for value in values]
            bars.append({"id": f"slider-{short}-{k}", "at": pixels})
            top, bottom = min(pixels[-1], y(0)), max(pixels[-1], y(0))
            style = "paint" if colour else "total"
            bar = svg.rect(x + place * (BAR + 2), top, BAR, bottom - top, class_=style, id=f"slider-{short}-{k}")
            parts.append(svg.group(bar, class_=colour or None))
        parts.append(svg.text(x + 1.5 * BAR, HEIGHT + 40, f"{k + 1}", class_="note mid"))
    parts.append(svg.text(34, HEIGHT + 40, "filter", class_="note end"))
    parts.append(svg.line(40, y(0), 40 + len(red) * GROUP, y(0), class_="rule"))
    title = "Response of each filter to red's edge, to blue's edge, and their sum"
    return svg.drawing(44 + len(red) * GROUP, HEIGHT + 48, *parts, title=title), bars, round(y(0), 1)


def describe(record: Any, t: int) -> str:
    """What the network and the linear probes make of place `t` of blue's edge."""
    place = record["blue"][t]
    word = "aligned with red’s" if place > 0.05 else "opposed to red’s" if place < -0.05 else "flat"
    return (
        f"Blue’s edge at {markup.signed(place)} of red’s ({word}). The network gives opponent "
        f"{100 * record['probability'][t]:.0f} %; a linear probe on all filters "
        f"{100 * record['probe_all'][t]:.0f} %, on filter 1 alone {100 * record['probe_one'][0][t]:.0f} %."
    )
