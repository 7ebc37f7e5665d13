"""A small table of texts: what explanations and surveys print, and what a notebook shows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minigrad.notebook import escape


@dataclass(frozen=True)
class Table:
    """Columns and rows of text between a title and a note. The first column is left-aligned, the others right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def __str__(self) -> str:
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        aligned = [
            "  ".join(f"{text:>{width}}" if i else f"{text:<{width}}" for i, (text, width) in enumerate(cells)).rstrip()
            for cells in (list(zip(line, widths, strict=True)) for line in lines)
        ]
        return "\n".join([self.title, *aligned, *([self.note] if self.note else [])])

    def html(self) -> str:
        """The same as an HTML table."""

        def line(cells: Sequence[str], tag: str) -> str:
            sides = ["left"] + ["right"] * (len(cells) - 1)
            return "".join(
                f'<{tag} style="text-align:{side};padding:1px 6px">{escape(cell)}</{tag}>'
                for cell, side in zip(cells, sides, strict=True)
            )

        body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in self.rows)
        return (
            f"<div>{escape(self.title)}</div><table><thead><tr>{line(self.columns, 'th')}</tr></thead>"
            f"<tbody>{body}</tbody></table><div><small>{escape(self.note)}</small></div>"
        )
