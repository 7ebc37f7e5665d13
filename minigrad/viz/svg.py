"""One SVG writer for both layouts: shapes, arrows, text, legend and notes, in light and in dark.

Colours and sizes are literal attributes, so that any renderer draws them. The stylesheet only overrides them where a
browser shows a dark page; it stands in `@supports`, which other renderers pass over. Whatever comes from a user is
escaped here and nowhere else. Text is given the width that the layout counted with (`textLength`), so that another
font on the reader's machine can neither clip nor overlap it. The same Picture and Layout give the same bytes.
"""

from __future__ import annotations

import hashlib
import html
import itertools
import math
import re
from collections.abc import Iterable

import numpy as np

from minigrad.viz.picture import (
    BODY,
    LINE,
    OVALS,
    SMALL,
    TITLE,
    Box,
    Cluster,
    Edge,
    Layout,
    Picture,
    Vertex,
    curve_size,
    image_size,
    text_width,
)

SHADES = 12  # opacities per sign in a matrix
MARGIN = 16.0
ILLEGAL = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0
AGREEMENT = ((-1.0, (213, 94, 0)), (0.0, (139, 148, 158)), (1.0, (27, 127, 196)))  # vermilion, grey, blue
FONT = "Helvetica,Arial,&quot;Liberation Sans&quot;,sans-serif"

COLOURS = {  # name: on a light page, on a dark page
    "paper": ("#ffffff", "#0d1117"), "ink": ("#1f2328", "#e6edf3"), "dim": ("#57606a", "#a2abb5"),
    "line": ("#6e7781", "#8b949e"), "frame": ("#b6bec7", "#444c56"), "plus": ("#1b7c83", "#1b7c83"),
    "minus": ("#bf3989", "#bf3989"), "warning": ("#d55e00", "#d55e00"),
    "operation": ("#f3f5f7", "#1c232b"), "operation-line": ("#6e7781", "#8b949e"),
    "module": ("#efe7fb", "#2a2140"), "module-line": ("#8250df", "#a780f0"), "layer": ("#efe7fb", "#2a2140"),
    "layer-line": ("#8250df", "#a780f0"), "input": ("#dff0ff", "#0c2d4d"),
    "input-line": ("#0969da", "#58a6ff"), "parameter": ("#fff3d6", "#3a2d0c"), "parameter-line": ("#9a6700", "#d4a72c"),
    "result": ("#dff5e1", "#12331c"), "result-line": ("#1a7f37", "#3fb950"), "constant": ("#f3f5f7", "#1c232b"),
    "constant-line": ("#6e7781", "#8b949e"), "state": ("#e4f3f4", "#10333a"), "state-line": ("#1b7c83", "#39c5cf"),
}  # fmt: skip
DARK_PAGES = ':is([data-jp-theme-light="false"],.vscode-dark,[data-theme="dark"],[data-bs-theme="dark"])'
LIGHT_PAGES = ':is([data-jp-theme-light="true"],.vscode-light,[data-theme="light"],[data-bs-theme="light"])'
STYLE = (
    "@supports (color:light-dark(#000,#fff)){svg.mg{max-width:100%;height:auto}svg.mg:root{color-scheme:light dark}"
    f"{DARK_PAGES} svg.mg{{color-scheme:dark}}{LIGHT_PAGES} svg.mg{{color-scheme:light}}"
    + "".join(
        f".mg .{way[0]}-{name}{{{way}:light-dark({light},{dark})}}"
        for name, (light, dark) in COLOURS.items()
        if light != dark
        for way in ("fill", "stroke")
    )
    + "}"
)
LEGEND = {"input": "input", "parameter": "parameter", "constant": "constant", "operation": "operation",
          "layer": "layer", "module": "opens further", "state": "state of a loop", "result": "result"}  # fmt: skip


def draw(picture: Picture, layout: Layout) -> str:
    """The picture as one SVG document, which can also be pasted into an HTML page."""
    parts = heading(picture)
    for cluster in picture.clusters:
        parts.append(cluster_shape(cluster, layout.clusters[cluster.key], *layout.labels[cluster.key]))
    sides = label_sides(picture, layout)
    # Wide arrows first, so that a narrow one that they meet is still seen.
    for number in sorted(range(len(picture.edges)), key=lambda i: -picture.edges[i].strength):
        edge = picture.edges[number]
        side, lift = sides.get(number, (1, 0.0))
        parts.append(arrow(number, edge, layout.edges[number], side, picture.direction == "LR", lift))
    parts += [vertex_shape(i, v, layout.vertices[v.key]) for i, v in enumerate(picture.vertices)]
    head = HEAD if picture.shown_title else 0.0
    width, height = layout.width, layout.height
    if head:
        width = max(width, text_width(picture.title, TITLE, bold=True) + 2 * MARGIN)
    foot, foot_width, foot_height = footer(picture, height, max(width, 440.0))
    width, height = max(width, foot_width), height + foot_height + head
    body = "\n".join([*parts, *(['<g class="foot">', *foot, "</g>"] if foot else [])])
    return document(picture, body, (label_end(picture, layout, sides), -head, width, height))


def cluster_shape(cluster: Cluster, box: Box, x: float, y: float) -> str:
    """A frame, and its label from (x, y) on."""
    shape = rectangle(box, "frame", paint("line", "frame") + ' fill-opacity="0.045"', radius=7)
    label = text(x, y, cluster.label, BODY, "dim")
    return f'<g class="cluster" data-cluster="{escape(cluster.key)}">{shape}{label}</g>'


def label_sides(picture: Picture, layout: Layout) -> dict[int, tuple[int, float]]:
    """For each edge with a role, on which side of its head the role stands, and how far it is lifted.

    The first stands on the left, the others on the right; of three or more, each is lifted above the next one.
    """
    across = picture.direction == "LR"
    roles: dict[str, list[tuple[float, int]]] = {}
    for number, edge in enumerate(picture.edges):
        if edge.label:
            roles.setdefault(edge.head, []).append((layout.edges[number][-1][0 if not across else 1], number))
    sides: dict[int, tuple[int, float]] = {}
    for entries in roles.values():
        entries.sort()
        for place, (_, number) in enumerate(entries):
            first = place == 0 and len(entries) > 1
            lifted = not first and not across and text_width(picture.edges[number].label, SMALL) > 11
            sides[number] = (-1 if first else 1, 10.0 * (len(entries) - 1 - place) if lifted else 0.0)
    return sides


def label_end(picture: Picture, layout: Layout, sides: dict[int, tuple[int, float]]) -> float:
    """The x at which the leftmost role begins, if that is left of the picture, else 0."""
    least = 0.0
    for number, (side, _) in sides.items():
        if side < 0 and picture.direction != "LR":
            edge = picture.edges[number]
            width = text_width(edge.label, SMALL) + 5.8 + 0.55 * edge.strength
            least = min(least, layout.edges[number][-1][0] - width - 4)
    return least


HEAD = 24.0  # room for a title


def heading(picture: Picture) -> list[str]:
    """The title above the picture, if somebody gave one."""
    if not picture.shown_title:
        return []
    return [text(MARGIN, -HEAD + 22, picture.title, TITLE, "ink", bold=True)]


def document(picture: Picture, body: str, box: tuple[float, float, float, float]) -> str:
    """The SVG element around the body, from (left, top) on to the right and down; its names are made from what is in
    it, so that no two pictures share them."""
    left, top, right, height = box
    described = (
        f"{len(picture.vertices)} vertices, {len(picture.edges)} edges, {len(picture.clusters)} clusters; "
        f"data flows from {'left to right' if picture.direction == 'LR' else 'top to bottom'}. "
        f"{' '.join(picture.notes)}"
    )
    name = "mg" + hashlib.sha256(f"{picture.title}{described}{body}".encode(errors="replace")).hexdigest()[:10]
    x, y, w, h = map(number_text, (left, top, right - left, height))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="mg" width="{w}" height="{h}" viewBox="{x} {y} {w} {h}" '
        f'font-family="{FONT}" font-size="{BODY}" role="img" aria-labelledby="{name}-t {name}-d">\n'
        f'<title id="{name}-t">{escape(picture.title)}</title><desc id="{name}-d">{escape(described)}</desc>\n'
        f"<style>{STYLE}</style>\n"
        f'<rect class="paper f-paper" x="{x}" y="{y}" width="{w}" height="{h}" fill="{COLOURS["paper"][0]}"/>\n'
        f"{body}\n</svg>\n"
    )


def paint(fill: str = "", stroke: str = "", class_: str = "") -> str:
    """The attributes for colours of these names: literal, and the classes by which the stylesheet overrides them."""
    classes = f"{class_} {f'f-{fill}' if fill else ''} {f's-{stroke}' if stroke else ''}".split()
    return (
        f' class="{" ".join(classes)}" fill="{COLOURS[fill][0] if fill else "none"}"'
        + (f' stroke="{COLOURS[stroke][0]}"' if stroke else "")
    )  # fmt: skip


def vertex_shape(number: int, vertex: Vertex, box: Box) -> str:
    """A vertex: its outline, its lines of text, and its matrix or its curve."""
    kind = vertex.kind if vertex.kind in COLOURS else "operation"
    width = 3 if vertex.marked else 1.2
    colours = paint(kind, "warning" if vertex.marked else f"{kind}-line", "shape") + f' stroke-width="{width}"'
    if kind == "constant":
        colours += ' stroke-dasharray="3 2"'
    if vertex.kind in OVALS:
        outline = (
            f'<ellipse cx="{number_text(box.x)}" cy="{number_text(box.y)}" '
            f'rx="{number_text(box.width / 2)}" ry="{number_text(box.height / 2)}"{colours}/>'
        )
    else:
        outline = rectangle(box, "", colours, radius=4)
        if vertex.kind == "module":  # a second sheet behind: there is more inside
            outline = rectangle(Box(box.x + 3, box.y + 3, box.width, box.height), "", colours, radius=4) + outline
    extra = vertex.extra
    y = box.y - (LINE * len(vertex.lines) + (extra[1] + 4 if extra[1] else 0.0)) / 2 + LINE - 4
    lines = [
        text(
            box.x,
            y + i * LINE,
            line,
            BODY if i else TITLE,
            "dim" if i else "ink",
            bold=not i,
            middle=True,
            late=0 < vertex.late <= i,
        )
        for i, line in enumerate(vertex.lines)
    ]
    tip = f"<title>{escape(vertex.tip)}</title>" if vertex.tip else ""
    below = y + (len(vertex.lines) - 1) * LINE + 6
    inside = ""
    if vertex.image is not None:
        inside = matrix(vertex.image, box.x - extra[0] / 2, below, vertex.limit)
    elif vertex.curve:
        inside = curve(vertex.curve, box.x - extra[0] / 2, below)
    marked = " marked" if vertex.marked else ""
    return f'<g class="vertex {vertex.kind}{marked}" data-vertex="{number}">{tip}{outline}{"".join(lines)}{inside}</g>'


def arrow(
    number: int, edge: Edge, points: list[tuple[float, float]], side: int = 1, across: bool = False, lift: float = 0.0
) -> str:
    """An edge: curves, a head that ends where they end, and its label left (−1) or right (1) of the head.

    across: the picture goes from left to right, and the label stands above or below. lift: how much higher the label
    stands than beside the head. A back edge runs the other way.
    """
    if edge.back:
        points = points[::-1]
    length, half = 6 + 0.8 * edge.strength, 2.8 + 0.55 * edge.strength
    tip = points[-1]
    before = next((p for p in reversed(points[:-1]) if math.dist(p, tip) > 1e-6), (tip[0], tip[1] - 1))
    distance = math.dist(before, tip)
    dx, dy = (tip[0] - before[0]) / distance, (tip[1] - before[1]) / distance
    base = (tip[0] - dx * length, tip[1] - dy * length)
    wings = [(base[0] - dy * half, base[1] + dx * half), (base[0] + dy * half, base[1] - dx * half)]
    inside = (base[0] + dx, base[1] + dy)  # the stroke ends a pixel inside of the head: no seam
    shaft = [*points[:-2], (points[-2][0] - dx * length, points[-2][1] - dy * length), inside]
    curves = "".join(f"{'C' if i == 0 else ' '}{pairs(shaft[1 + i : 4 + i])}" for i in range(0, len(shaft) - 1, 3))
    if edge.agreement is None:
        name = "state-line" if edge.back else "line"
        stroke, fill = paint("", name), paint(name)
    else:
        colour = agreement_colour(edge.agreement)
        stroke, fill = f' fill="none" stroke="{colour}"', f' fill="{colour}"'
    title = f"<title>{escape(edge.tip)}</title>" if edge.tip else ""
    dashes = ' stroke-dasharray="4 3"' if edge.dashed else ""
    label = ""
    if edge.label:
        width = text_width(edge.label, SMALL)
        if across:
            x, y = tip[0] - width - 4, tip[1] + (half + 9 if side > 0 else -half - 3)
        else:
            x, y = tip[0] + side * (half + 3) - (width if side < 0 else 0), tip[1] - 4 - lift
        label = text(x, y, edge.label, SMALL, "dim")
    return (
        f'<g class="edge{" back" if edge.back else ""}" data-edge="{number}">{title}'
        f'<path d="M{pairs(shaft[:1])}{curves}" stroke-width="{number_text(edge.strength)}"{stroke}{dashes}/>'
        f'<polygon points="{pairs([tip, *wings])}"{fill}/>{label}</g>'
    )


def agreement_colour(cosine: float) -> str:
    """Vermilion for −1, grey for 0, blue for 1: told apart by colour-blind readers, on white and on black."""
    cosine = min(1.0, max(-1.0, cosine))
    (low, start), (high, stop) = AGREEMENT[:2] if cosine < 0 else AGREEMENT[1:]
    share = (cosine - low) / (high - low)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(start, stop, strict=True))


def matrix(values: np.ndarray, x: float, y: float, limit: float | None = None) -> str:
    """A small matrix as squares: teal above zero, magenta below, stronger with |value|; not finite: left blank.

    The strongest colour stands for `limit`, or for the largest |value|. Equal neighbours in a row merge, and each shade
    is one path.
    """
    width, height = image_size(values)
    cell = width / values.shape[1]
    finite = np.where(np.isfinite(values), values, 0.0)
    limit = limit or float(np.abs(finite).max(initial=0.0)) or 1.0
    paths: dict[int, list[str]] = {}
    for row, shades in enumerate(np.rint(np.clip(finite / limit, -1, 1) * SHADES).astype(int).tolist()):
        column = 0
        for shade, run in itertools.groupby(shades):
            length = len(list(run))
            if shade:
                paths.setdefault(shade, []).append(f"M{column} {row}h{length}v1h-{length}z")
            column += length
    cells = "".join(
        f'<path fill="{COLOURS["plus" if shade > 0 else "minus"][0]}" fill-opacity="{abs(shade) / SHADES:.2f}" '
        f'd="{"".join(d)}"/>'
        for shade, d in sorted(paths.items())
    )
    frame = rectangle(  # zero is the paper's colour
        Box(x + width / 2, y + height / 2, width, height), "", paint("paper", "frame", "hair") + ' stroke-width="0.6"'
    )
    place = f"translate({number_text(x)} {number_text(y)}) scale({number_text(cell)})"
    return f'{frame}<g shape-rendering="crispEdges" transform="{place}">{cells}</g>'


def curve(values: list[float], x: float, y: float) -> str:
    """Norms from the first step to the last on a logarithmic scale, with a line for each power of ten."""
    width, height = curve_size(values)
    frame = rectangle(
        Box(x + width / 2, y + height / 2, width, height), "", paint("paper", "frame", "hair") + ' stroke-width="0.6"'
    )
    logs = [math.log10(v) for v in values if v > 0 and math.isfinite(v)]
    if not logs:
        return frame
    low, high = math.floor(min(logs)), math.ceil(max(logs) + 1e-9)
    high = max(high, low + 1)

    def place(step: int, level: float) -> tuple[float, float]:
        return x + 3 + (width - 6) * step / max(1, len(values) - 1), y + height - 3 - (height - 6) * (level - low) / (
            high - low
        )

    every = max(1, (high - low) // 6)
    lines = "".join(
        f'<path d="M{pairs([place(0, level)])}h{number_text(width - 6)}" stroke-width="0.4"{paint("", "frame")}/>'
        for level in range(low, high + 1, every)
    )
    points = [place(i, math.log10(v) if v > 0 and math.isfinite(v) else low) for i, v in enumerate(values)]
    line = f'<polyline points="{pairs(points)}" stroke-width="1.6"{paint("", "state-line", "curve")}/>'
    return frame + lines + line


def footer(picture: Picture, top: float, width: float) -> tuple[list[str], float, float]:
    """The legends and the notes below the picture: elements, and the width and height that they take."""
    parts, y, right = [], top, 0.0
    kinds = [kind for kind in LEGEND if any(v.kind == kind for v in picture.vertices)] if picture.legend else []
    entries: list[list[tuple[str, str]]] = []
    if len(kinds) > 2:
        entries.append([(sample_of_kind(kind), LEGEND[kind]) for kind in kinds])
    if picture.widths:
        entries.append([(sample_of_width(strength), meaning) for strength, meaning in picture.widths])
    if any(edge.agreement is not None for edge in picture.edges):
        words = [(-1, "−1 opposes the total"), (0, "0"), (1, "+1 is the total's direction")]
        entries.append([(sample_of_agreement(cosine), meaning) for cosine, meaning in words])
    for entry in entries:
        x = MARGIN
        for sample, meaning in entry:
            needed = 35 + text_width(meaning, BODY) + 18
            if x > MARGIN and x + needed > width:
                x, y = MARGIN, y + 18
            parts.append(sample.replace("@x", number_text(x)).replace("@y", number_text(y)))
            parts.append(text(x + 35, y + 4, meaning, BODY, "dim"))
            x += needed
            right = max(right, x)
        y += 20
    width = max(width, right)
    for note in picture.notes:
        for line in wrap(note, width - 2 * MARGIN):
            parts.append(text(MARGIN, y + 4, line, BODY, "dim"))
            right, y = max(right, 2 * MARGIN + text_width(line, BODY)), y + LINE
    return parts, right, y - top + (6 if parts else 0)


def sample_of_kind(kind: str) -> str:
    """A small shape as vertices of a kind have it, for the legend."""
    colours = paint(kind, f"{kind}-line") + ' stroke-width="1.2"'
    colours += ' stroke-dasharray="3 2"' if kind == "constant" else ""
    if kind in OVALS:
        return f'<g transform="translate(@x @y)"><ellipse cx="15" cy="0" rx="14" ry="6"{colours}/></g>'
    return f'<g transform="translate(@x @y)"><rect x="1" y="-6" width="28" height="12" rx="3"{colours}/></g>'


def sample_of_width(strength: float) -> str:
    """A piece of an edge, for the legend."""
    return f'<path d="M@x @yh30" stroke-width="{number_text(strength)}"{paint("", "line")}/>'


def sample_of_agreement(cosine: float) -> str:
    """A piece of an edge in the colour of a cosine, for the legend."""
    return f'<path d="M@x @yh30" fill="none" stroke="{agreement_colour(cosine)}" stroke-width="5"/>'


def wrap(sentence: str, width: float) -> list[str]:
    """A sentence in lines of at most `width` px, as far as its words allow."""
    lines = [""]
    for word in sentence.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, BODY) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def text(
    x: float, y: float, words: str, size: float, colour: str, *, bold: bool = False, middle: bool = False,
    late: bool = False,
) -> str:  # fmt: skip
    """One line of text with its baseline at y, forced to the width that the layout counted with."""
    if not words:
        return ""
    attributes = paint(colour, "", f"{'t ' if bold else ''}{'m ' if middle else ''}{'late' if late else ''}")
    attributes += f' font-size="{size}"' if size != BODY else ""
    attributes += ' font-weight="bold"' if bold else ""
    attributes += ' text-anchor="middle"' if middle else ""
    return (
        f'<text{attributes} x="{number_text(x)}" y="{number_text(y)}" '
        f'textLength="{number_text(text_width(words, size, bold))}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(words)}</text>'
    )


def rectangle(box: Box, class_: str, colours: str, radius: float = 0) -> str:
    """A rectangle, its corners rounded; `colours` are attributes that `paint` made."""
    corner = f' rx="{number_text(radius)}"' if radius else ""
    if class_:
        colours = colours.replace('class="', f'class="{class_} ', 1)
    return (
        f'<rect x="{number_text(box.left)}" y="{number_text(box.top)}" '
        f'width="{number_text(box.width)}" height="{number_text(box.height)}"{corner}{colours}/>'
    )


def pairs(points: Iterable[tuple[float, float]]) -> str:
    """Points as SVG spells them."""
    return " ".join(f"{number_text(x)} {number_text(y)}" for x, y in points)


def number_text(value: float) -> str:
    """A coordinate with at most two decimals."""
    spelled = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if spelled == "-0" else spelled


def escape(words: str) -> str:
    """Text as XML and HTML have it; what XML cannot hold at all becomes �."""
    return html.escape(ILLEGAL.sub("�", words))
