"""One SVG writer for both layouts: shapes, arrows, text, legend and notes, in light and in dark.

Whatever comes from a user is escaped here and nowhere else. Text is given the width that the layout counted with
(`textLength`), so that another font on the reader's machine can neither clip nor overlap it. Same Picture and
Layout, same bytes.
"""

from __future__ import annotations

import hashlib
import html
import itertools
import math
import re
from collections.abc import Iterable

import numpy as np

from minigrad.viz.picture import BODY, LINE, OVALS, TITLE, Box, Edge, Layout, Picture, Vertex, image_size, text_width

SHADES = 12  # opacities per sign in a matrix
MARGIN = 16.0
ILLEGAL = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0
AGREEMENT = ((-1.0, (213, 94, 0)), (0.0, (139, 148, 158)), (1.0, (27, 127, 196)))  # vermilion, grey, blue

STYLE = """
.mg{--paper:#fff;--ink:#1f2328;--dim:#57606a;--line:#6e7781;--frame:#b6bec7;--plus:#1b7fc4;--minus:#d55e00;
--operation:#f3f5f7;--module:#efe7fb;--module-line:#8250df;--input:#dff0ff;--input-line:#0969da;--parameter:#fff3d6;
--parameter-line:#9a6700;--result:#dff5e1;--result-line:#1a7f37;background:var(--paper)}
@media(prefers-color-scheme:dark){.mg{--paper:#0d1117;--ink:#e6edf3;--dim:#a2abb5;--line:#8b949e;--frame:#444c56;
--operation:#1c232b;--module:#2a2140;--module-line:#a780f0;--input:#0c2d4d;--input-line:#58a6ff;--parameter:#3a2d0c;
--parameter-line:#d4a72c;--result:#12331c;--result-line:#3fb950}}
.mg text{font-family:Helvetica,Arial,"Liberation Sans",sans-serif;font-size:10.5px;fill:var(--dim)}
.mg .t{font-size:12.5px;font-weight:bold;fill:var(--ink)}
.mg .m{text-anchor:middle}
.mg .paper{fill:var(--paper)}
.mg .frame{fill:var(--line);fill-opacity:.045;stroke:var(--frame)}
.mg .edge path{fill:none;stroke:var(--line)}
.mg .edge polygon{fill:var(--line)}
.mg .dashed path{stroke-dasharray:4 3}
.mg .shape{fill:var(--operation);stroke:var(--line);stroke-width:1.2}
.mg .module .shape{fill:var(--module);stroke:var(--module-line)}
.mg .input .shape{fill:var(--input);stroke:var(--input-line)}
.mg .parameter .shape{fill:var(--parameter);stroke:var(--parameter-line)}
.mg .result .shape{fill:var(--result);stroke:var(--result-line)}
.mg .constant .shape{stroke-dasharray:3 2}
.mg .marked .shape{stroke:var(--minus);stroke-width:3}
.mg .plus{fill:var(--plus)}
.mg .minus{fill:var(--minus)}
.mg .hair{fill:var(--paper);stroke:var(--frame);stroke-width:.6}
"""


def draw(picture: Picture, layout: Layout) -> str:
    """The picture as one SVG document, which can also be pasted into an HTML page."""
    parts = ['<rect class="paper" width="100%" height="100%"/>']
    for cluster in picture.clusters:
        box = layout.clusters[cluster.key]
        x, y = layout.labels[cluster.key]
        parts.append(rectangle(box, "frame", radius=7) + text(x, y, cluster.label, BODY))
    # Wide arrows first, so that a narrow one that they meet is still seen.
    for number in sorted(range(len(picture.edges)), key=lambda i: -picture.edges[i].strength):
        parts.append(arrow(number, picture.edges[number], layout.edges[number]))
    parts += [vertex_shape(i, v, layout.vertices[v.key]) for i, v in enumerate(picture.vertices)]
    width, height = layout.width, layout.height
    foot, foot_width, foot_height = footer(picture, height, max(width, 440.0))
    width, height = max(width, foot_width), height + foot_height
    body = "\n".join([*parts, *foot])
    described = (
        f"{len(picture.vertices)} vertices, {len(picture.edges)} edges, {len(picture.clusters)} clusters; "
        f"data flows from top to bottom. {' '.join(picture.notes)}"
    )
    name = "mg" + hashlib.sha256(f"{picture.title}{described}{body}".encode(errors="replace")).hexdigest()[:10]
    size = f"{number_text(width)} {number_text(height)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="mg" '
        f'width="{number_text(width)}" height="{number_text(height)}" '
        f'viewBox="0 0 {size}" style="max-width:100%;height:auto" role="img" aria-labelledby="{name}-t {name}-d">\n'
        f'<title id="{name}-t">{escape(picture.title)}</title><desc id="{name}-d">{escape(described)}</desc>\n'
        f"<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def vertex_shape(number: int, vertex: Vertex, box: Box) -> str:
    """A vertex: its outline, its lines of text and its matrix."""
    if vertex.kind in OVALS:
        outline = (
            f'<ellipse class="shape" cx="{number_text(box.x)}" cy="{number_text(box.y)}" '
            f'rx="{number_text(box.width / 2)}" ry="{number_text(box.height / 2)}"/>'
        )
    else:
        outline = rectangle(box, "shape", radius=4)
        if vertex.kind == "module":  # a second sheet behind: there is more inside
            outline = rectangle(Box(box.x + 3, box.y + 3, box.width, box.height), "shape", radius=4) + outline
    image_height = image_size(vertex.image)[1] + 4 if vertex.image is not None else 0.0
    y = box.y - (LINE * len(vertex.lines) + image_height) / 2 + LINE - 4
    lines = [
        text(box.x, y + i * LINE, line, BODY if i else TITLE, "m" if i else "t m")
        for i, line in enumerate(vertex.lines)
    ]
    tip = f"<title>{escape(vertex.tip)}</title>" if vertex.tip else ""
    image = ""
    if vertex.image is not None:
        image_width = image_size(vertex.image)[0]
        image = matrix(vertex.image, box.x - image_width / 2, y + (len(vertex.lines) - 1) * LINE + 6, vertex.limit)
    kind = vertex.kind + (" marked" if vertex.marked else "")
    return f'<g class="vertex {kind}" data-vertex="{number}">{tip}{outline}{"".join(lines)}{image}</g>'


def arrow(number: int, edge: Edge, points: list[tuple[float, float]]) -> str:
    """An edge: curves, and a head that ends where they end."""
    length, half = 6 + 0.8 * edge.strength, 2.8 + 0.55 * edge.strength
    tip = points[-1]
    before = next((p for p in reversed(points[:-1]) if math.dist(p, tip) > 1e-6), (tip[0], tip[1] - 1))
    distance = math.dist(before, tip)
    dx, dy = (tip[0] - before[0]) / distance, (tip[1] - before[1]) / distance
    base = (tip[0] - dx * length, tip[1] - dy * length)
    wings = [(base[0] - dy * half, base[1] + dx * half), (base[0] + dy * half, base[1] - dx * half)]
    inside = (base[0] + dx, base[1] + dy)  # the stroke ends a pixel inside of the head: no seam
    shaft = [*points[:-2], (points[-2][0] - dx * length, points[-2][1] - dy * length), inside]
    colour = "" if edge.agreement is None else agreement_colour(edge.agreement)
    stroke, fill = (f' style="stroke:{colour}"', f' style="fill:{colour}"') if colour else ("", "")
    curves = "".join(f"{'C' if i == 0 else ' '}{pairs(shaft[1 + i : 4 + i])}" for i in range(0, len(shaft) - 1, 3))
    title = f"<title>{escape(edge.tip)}</title>" if edge.tip else ""
    return (
        f'<g class="edge{" dashed" if edge.dashed else ""}" data-edge="{number}">{title}'
        f'<path d="M{pairs(shaft[:1])}{curves}" stroke-width="{number_text(edge.strength)}"{stroke}/>'
        f'<polygon points="{pairs([tip, *wings])}"{fill}/></g>'
    )


def agreement_colour(cosine: float) -> str:
    """Vermilion for −1, grey for 0, blue for 1: told apart by colour-blind readers, on white and on black."""
    cosine = min(1.0, max(-1.0, cosine))
    (low, start), (high, stop) = AGREEMENT[:2] if cosine < 0 else AGREEMENT[1:]
    share = (cosine - low) / (high - low)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(start, stop, strict=True))


def matrix(values: np.ndarray, x: float, y: float, limit: float | None = None) -> str:
    """A small matrix as squares: blue above zero, vermilion below, stronger with |value|; not finite: left blank.

    The strongest colour stands for `limit`, or for the largest |value|.

    Equal neighbours in a row merge, and each shade is one path.
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
        f'<path class="{"plus" if shade > 0 else "minus"}" fill-opacity="{abs(shade) / SHADES:.2f}" d="{"".join(d)}"/>'
        for shade, d in sorted(paths.items())
    )
    frame = rectangle(Box(x + width / 2, y + height / 2, width, height), "hair")  # zero is the paper's colour
    place = f"translate({number_text(x)} {number_text(y)}) scale({number_text(cell)})"
    return f'{frame}<g shape-rendering="crispEdges" transform="{place}">{cells}</g>'


def footer(picture: Picture, top: float, width: float) -> tuple[list[str], float, float]:
    """The legend and the notes below the picture: elements, and the width and height that they take."""
    parts, y, right = [], top, 0.0
    if picture.widths:
        x = MARGIN
        for strength, meaning in picture.widths:
            parts.append(
                f'<g class="edge"><path d="M{number_text(x)} {number_text(y)}h30" '
                f'stroke-width="{number_text(strength)}"/></g>'
            )
            parts.append(text(x + 35, y + 4, meaning, BODY))
            x += 35 + text_width(meaning, BODY) + 18
        right, y = x, y + 20
        x = MARGIN
        words = [(-1, "−1 opposes the total"), (0, "0"), (1, "+1 is the total's direction")]
        for cosine, meaning in words:
            colour = agreement_colour(cosine)
            parts.append(
                f'<path d="M{number_text(x)} {number_text(y)}h30" stroke="{colour}" stroke-width="5"/>'
                + text(x + 35, y + 4, meaning, BODY)
            )
            x += 35 + text_width(meaning, BODY) + 18
        right, y = max(right, x), y + 18
    width = max(width, right)
    for note in picture.notes:
        for line in wrapped(note, width - 2 * MARGIN):
            parts.append(text(MARGIN, y + 4, line, BODY))
            right, y = max(right, 2 * MARGIN + text_width(line, BODY)), y + LINE
    return parts, right, y - top + (6 if parts else 0)


def wrapped(sentence: str, width: float) -> list[str]:
    """A sentence in lines of at most `width` px, as far as its words allow."""
    lines = [""]
    for word in sentence.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, BODY) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def text(x: float, y: float, words: str, size: float, class_: str = "") -> str:
    """One line of text with its baseline at y, forced to the width that the layout counted with."""
    if not words:
        return ""
    width = text_width(words, size, bold=class_.startswith("t"))
    spelled = f' class="{class_}"' if class_ else ""
    return (
        f'<text{spelled} x="{number_text(x)}" y="{number_text(y)}" textLength="{number_text(width)}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(words)}</text>'
    )


def rectangle(box: Box, class_: str, radius: float = 0) -> str:
    """A rectangle, its corners rounded."""
    corner = f' rx="{number_text(radius)}"' if radius else ""
    return (
        f'<rect class="{class_}" x="{number_text(box.left)}" y="{number_text(box.top)}" '
        f'width="{number_text(box.width)}" height="{number_text(box.height)}"{corner}/>'
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
