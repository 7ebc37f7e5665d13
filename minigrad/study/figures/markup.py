"""What pictures and tables share as HTML: a captioned figure, a table, controls, embedded data, a part not run."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from minigrad.study.arms import ARMS
from minigrad.study.stats import bootstrap

# One family, one colour and one class of `page.css`: what the reduction does to a unit of gradient.
FAMILIES = {
    "affine": "a gradient that does not depend on the data",
    "routing": "all of the gradient to one channel",
    "sharing": "the gradient shared smoothly",
    "even": "blind to the sign of a response",
    "product": "each channel's gradient scaled by all the others",
    "control": "controls and the upper bound",
}


def family(arm: str) -> str:
    """The family of an arm, a key of `FAMILIES`; an arm that is not known is a control."""
    return ARMS[arm].family if arm in ARMS else "control"


def escape(words: object) -> str:
    """Any text, safe as HTML."""
    return html.escape(str(words))


def maths(words: object) -> str:
    """Text as HTML in which `r_c`, `w_oc` and `x^c`, `x^(1/C)` are lowered and raised."""
    lowered = re.sub(r"_([A-Za-z0-9]+)", r"<sub>\1</sub>", escape(words))
    return re.sub(r"\^\(([^)]*)\)|\^([A-Za-z0-9])", lambda found: f"<sup>{found[1] or found[2]}</sup>", lowered)


def signed(value: float | None, digits: int = 2) -> str:
    """A number with a true minus sign; an en dash stands for what was not measured."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.{digits}f}".replace("-", "−")


def short(value: float | None) -> str:
    """Two significant digits, however small; an en dash for what was not measured."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.2g}".replace("-", "−")


def percent(value: float | None, digits: int = 1) -> str:
    """A share as percent, without the sign."""
    return signed(None if value is None else 100 * value, digits)


def mean_interval(values: Sequence[float | None]) -> tuple[float, float, float]:
    """Mean and the ends of its 95 % bootstrap interval over seeds; NaN where there is none to give."""
    return _interval(tuple(math.nan if value is None else value for value in values))


@cache
def _interval(values: tuple[float, ...]) -> tuple[float, float, float]:
    return bootstrap(values) if values else (math.nan, math.nan, math.nan)


def figure(name: str, body: str, see: str, more: str = "", live: str = "", source: object = None) -> str:
    """A picture, the sentence that says what to see in it, and what else the caption has to say (HTML).

    `live` names the function of `page.js` that moves the picture, `source` is what it reads.
    """
    attributes = f' data-live="{live}"' if live else ""
    attributes += "" if source is None else f' data-source="{name}-data"'
    data = "" if source is None else embed(f"{name}-data", source)
    caption = f"<figcaption><strong>{escape(see)}</strong> {more}</figcaption>"
    return f'<figure id="{name}"{attributes}>{body}{caption}{data}</figure>'


def embed(name: str, value: object) -> str:
    """Data for the page's script; `<` is spelled so that no text can end the element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    text = text.replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'


def controls(label: str, frames: int) -> str:
    """Back, play, step, a slider and the sentence that is read out; hidden until the script has hold of them."""
    buttons = [("back", "one step back", "◀"), ("play", "play or pause", "▶ Play"), ("step", "one step on", "▶|")]
    return (
        '<div class="controls" hidden>'
        + "".join(
            f'<button type="button" data-do="{do}" aria-label="{name}">{face}</button>' for do, name, face in buttons
        )
        + f'<input type="range" min="0" max="{frames - 1}" value="0" aria-label="{escape(label)}">'
        '<output aria-live="polite"></output></div>'
    )


def choice(name: str, label: str, options: Sequence[tuple[str, str]]) -> str:
    """Radio buttons (value, label) that choose among the elements with `data-view`; the first is chosen."""
    buttons = "".join(
        f'<label><input type="radio" name="{name}" value="{escape(value)}"{" checked" if not index else ""}>'
        f"{escape(words)}</label>"
        for index, (value, words) in enumerate(options)
    )
    return (
        f'<div class="controls" role="radiogroup" aria-label="{escape(label)}" hidden>{escape(label)}: {buttons}</div>'
    )


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]], numbers_from: int = 1) -> str:
    """A table of HTML cells; columns from `numbers_from` on are numbers and stand to the right.

    Raises ValueError if a row has not a cell for each head.
    """

    def cells(row: Sequence[Any], tag: str) -> str:
        if len(row) != len(head):
            raise ValueError(f"table: {len(row)} cells under the {len(head)} heads {', '.join(head)}")
        tags = ["th scope=row" if tag == "td" else "th", *[tag] * (len(row) - 1)]
        styles = [" class=n" if column >= numbers_from else "" for column in range(len(row))]
        return "".join(f"<{tag}{style}>{cell}</{tag[:2]}>" for tag, style, cell in zip(tags, styles, row, strict=True))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    name = escape(re.sub(r"<[^>]*>", "", caption))
    return (
        f'<p class="small caption">{caption}</p><div class="scroll" tabindex="0" role="group" aria-label="{name}">'
        f"<table><thead><tr>{cells(head, 'th')}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def details(summary: str, body: str) -> str:
    """Something that the reader opens."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def missing(what: str, how: str = "--full") -> str:
    """The place of a part whose records are not there: named, never made up."""
    command = f"python -m minigrad.study {how}".strip()
    return f'<p class="missing">Not run: {escape(what)}. <code>{escape(command)}</code> measures it.</p>'
