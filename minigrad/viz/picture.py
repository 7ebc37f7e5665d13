"""A picture of a graph before it is laid out: vertices, edges, clusters, and how much room their text takes.

Plain data: nothing here knows of tensors, of coordinates or of a file format. `layout` and `dot` give a Picture
its coordinates, `svg` draws it.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

TITLE, BODY, SMALL, LINE = 12.5, 10.5, 9.0, 15.0  # font sizes: first line, further line, edge label; a line's height
OVALS = {"input", "parameter", "constant", "result"}
CURVE = (96.0, 40.0)  # width and height in px of a curve in a vertex

# Advance widths of Helvetica (Arial and Liberation Sans have the same), per mille of the font size, from U+0020 on.
REGULAR = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667,
    556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556,
    556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722,
    500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip
BOLD = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722,
    611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556,
    611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778,
    556, 556, 500, 389, 280, 389, 584,
)  # fmt: skip
OTHERS = {"−": 584, "×": 584, "·": 333, "ρ": 619, "Σ": 618, "∂": 494, "‖": 480, "→": 1000, "…": 1000, "⋮": 333}


@dataclass
class Vertex:
    """Something with text in it. `lines[0]` is its title; `kind` chooses shape and colour; `tip` shows on hovering.

    cluster: key of the cluster that it is drawn in, "" for none. image: a small matrix, drawn below the text; its
    strongest colour stands for `limit`, or for its largest |value|. curve: norms from step to step, drawn in the
    same place. facts: what a page shows of it when it is clicked, name by name.
    """

    key: str
    lines: list[str]
    kind: str = "operation"
    cluster: str = ""
    tip: str = ""
    image: np.ndarray | None = None
    limit: float | None = None
    curve: list[float] = field(default_factory=list)
    marked: bool = False  # with an outline that is seen from afar
    facts: dict[str, str] = field(default_factory=dict)
    rules: list[Callable[[], str]] = field(default_factory=list)  # read the sources of the rules that backward runs
    late: int = 0  # from this line on the text is about the gradient; 0 if none is

    @property
    def extra(self) -> tuple[float, float]:
        """Width and height in px of the matrix or the curve below the text."""
        if self.image is not None:
            return image_size(self.image)
        return curve_size(self.curve) if self.curve else (0.0, 0.0)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in px that hold the text, in an oval as well as in a box."""
        width = max(24.0, *(text_width(line, BODY if i else TITLE, bold=not i) for i, line in enumerate(self.lines)))
        height = LINE * len(self.lines)
        if self.extra[1]:
            width, height = max(width, self.extra[0]), height + self.extra[1] + 4
        if self.kind in OVALS:
            # A box of w × h lies in an ellipse of (a w) × (b h) if 1/a² + 1/b² = 1. Text has its corners to spare.
            across, up = (1.25, 1.5) if self.image is None else (1.42, 1.42)
            return round(across * width + 8, 2), round(up * height + 8, 2)
        return round(width + 20, 2), round(height + 11, 2)


@dataclass
class Edge:
    """An arrow from `tail` down to `head`. `strength` is its width in px; `agreement`, from −1 to 1, its colour.

    label: the role of what arrives, written beside the arrow's head. back: the arrow stands the other way round, from
    `head` up to `tail`: what one step of a loop hands to the next.
    """

    tail: str
    head: str
    strength: float = 1.3
    agreement: float | None = None
    dashed: bool = False
    tip: str = ""
    label: str = ""
    back: bool = False


@dataclass
class Cluster:
    """A frame with a label around vertices, and around other clusters whose `parent` it is."""

    key: str
    label: str
    parent: str = ""


@dataclass
class Picture:
    """What is drawn, in reading order. Every path that leaves a cluster stays outside of it."""

    vertices: list[Vertex] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    title: str = "computation graph"
    shown_title: bool = False  # above the picture, too
    direction: str = "TB"  # or "LR"
    legend: bool = False  # of the vertices' colours
    notes: list[str] = field(default_factory=list)  # sentences that are printed below
    widths: list[tuple[float, str]] = field(default_factory=list)  # the legend of edge widths: px, what it stands for


@dataclass
class Box:
    """A centre and a size, in px; y grows downwards."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        """The smaller x."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """The larger x."""
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        """The smaller y."""
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        """The larger y."""
        return self.y + self.height / 2


@dataclass
class Layout:
    """Where a Picture's parts are: `edges[i]` is a chain of cubic Bézier curves, 1 + 3k points, tail to head."""

    width: float
    height: float
    vertices: dict[str, Box]
    clusters: dict[str, Box]
    edges: list[list[tuple[float, float]]]
    labels: dict[str, tuple[float, float]]  # left end and baseline of each cluster's label
    engine: str


@functools.lru_cache(maxsize=4096)  # a graph says the same shapes over and over
def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of `text` in px; what the table does not have is taken to be as wide as it may be."""
    table = BOLD if bold else REGULAR
    total = 0
    for character in text:
        code = ord(character) - 32
        if 0 <= code < len(table):
            total += table[code]
        elif character in OTHERS:
            total += OTHERS[character]
        elif unicodedata.east_asian_width(character) in "WF":
            total += 1250 if ord(character) >= 0x1F000 else 1000
        elif not unicodedata.combining(character):
            total += 700 if ord(character) < 0x2100 else 1000
    return total * size / 1000


def clean(text: str, limit: int = 44) -> str:
    """User text on one line: what is no printable character becomes �, the middle of what is too long becomes …"""
    text = "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in str(text))
    text = text if text.strip() else "(blank)"
    return text if len(text) <= limit else text[: limit - limit // 3 - 1] + "…" + text[-(limit // 3) :]


def image_size(image: np.ndarray) -> tuple[float, float]:
    """Width and height in px of a matrix drawn in a vertex: its cells are squares of 3 to 12 px."""
    rows, columns = image.shape
    cell = min(12.0, max(3.0, 60.0 / max(rows, columns)))
    return cell * columns, cell * rows


def curve_size(values: list[float]) -> tuple[float, float]:
    """Width and height in px of a curve drawn in a vertex."""
    return CURVE
