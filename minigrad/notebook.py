"""What notebooks show for arrays and for modules: small pieces of HTML, from arrays and strings only."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

MATRICES = 3  # of an array of more than two dimensions
MOST = 12  # rows and columns of a matrix that are shown
CELL = "text-align:right;padding:1px 6px;font-family:monospace"


def array(values: np.ndarray, title: str) -> str:
    """An array: `title`, shape, dtype and range, and its numbers, shaded by size.

    Of more than two dimensions the first matrices along the leading ones are shown.
    """
    shape = "×".join(map(str, values.shape)) or "scalar"
    facts = [f"<b>{escape(title)}</b>", shape, str(values.dtype)]
    finite = values[np.isfinite(values)] if values.dtype.kind in "fiu" else values[:0]
    if finite.size > 1:
        facts.append(f"{finite.min():.4g} … {finite.max():.4g}, mean {finite.mean(dtype=np.float64):.4g}")
    if values.dtype.kind == "f" and finite.size < values.size:
        facts.append(f"{values.size - finite.size:,} not finite")
    head = f"<div>{' · '.join(facts)}</div>"
    if not values.size:
        return head
    limit = float(np.abs(finite).max(initial=0)) or 1.0
    if values.ndim < 3:
        return head + table(np.atleast_2d(values), limit)
    places = list(itertools.islice(np.ndindex(values.shape[:-2]), MATRICES + 1))
    shown = "".join(f"<div>[{', '.join(map(str, i))}]</div>{table(values[i], limit)}" for i in places[:MATRICES])
    return head + shown + ("<div>…</div>" if len(places) > MATRICES else "")


def table(matrix: np.ndarray, limit: float) -> str:
    """A matrix, or its first rows and columns."""
    rows = "".join(
        f"<tr>{''.join(cell(v, limit) for v in row[:MOST])}{ellipsis(matrix.shape[1])}</tr>" for row in matrix[:MOST]
    )
    last = f"<tr>{ellipsis(matrix.shape[0])}</tr>"
    return f'<table style="border-collapse:collapse"><tbody>{rows}{last}</tbody></table>'


def cell(value: np.generic, limit: float) -> str:
    """A number on blue if it is positive and on vermilion if it is negative, stronger with its size."""
    if value.dtype.kind == "b":
        share, text = 0.5 * bool(value), str(value)
    else:
        share = float(value) / limit * 0.55 if np.isfinite(value) else 0.0
        text = f"{value:.4g}"
    colour = "27,127,196" if share > 0 else "213,94,0"
    return f'<td style="{CELL};background:rgba({colour},{abs(share):.2f})">{escape(text)}</td>'


def ellipsis(count: int) -> str:
    """A cell that says that there are more."""
    return f'<td style="{CELL}" title="{count} in all">…</td>' if count > MOST else ""


def escape(text: str) -> str:
    """Text as HTML has it; what UTF-8 cannot hold becomes a question mark."""
    from html import escape  # here: its table of entities is costly to load

    return escape(text.encode(errors="replace").decode())


def details(text: str, note: str, inside: Iterable[str]) -> str:
    """A line of text with a note beside it, which opens if there is something inside."""
    line = f"<code>{escape(text)}</code> <small>{escape(note)}</small>"
    body = "".join(inside)
    if not body:
        return f'<div style="margin-left:1.1em">{line}</div>'
    return f'<details open style="margin-left:1.1em"><summary>{line}</summary>{body}</details>'
