"""Picture 7: the convolution both ways, a window over three slices and the gradient back over the same
windows.

Every number is the engine's; the frames only say in which order they appear. `check` refuses records whose
parts do not make the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad.study.figures import markup, svg
from minigrad.study.records import Results

CELL, GAP, ROW = 26, 12, 146  # user units: a cell, the space between two grids, a channel's row
HEAD = 24  # above the first row
NAMES = ("red", "green", "blue")
Frame = dict[str, Any]


def draw(results: Results) -> str:
    """The grids of one small convolution, and the frames that fill them."""
    record = results.one("window")
    if record is None:
        return markup.missing("picture 7, the convolution both ways", "")
    arrays = {name: np.asarray(record[name], float) for name in ("x", "w", "responses", "out", "g", "dw", "dx")}
    arrays["bias"] = np.asarray(record["bias"], float).reshape(())
    frames = list(film(arrays))
    both = f'<div class="both-ways">{_forward(arrays)}{_backward(arrays)}</div>'
    body = both + markup.controls("Step of the convolution", len(frames))
    see = (
        "Forward, three responses are added into one cell; backward, that cell’s gradient is copied to all three "
        "slices."
    )
    more = (
        "One filter with a slice for each of red, green and blue slides over a 5 × 5 × 3 input. Space plays, arrow "
        "keys step. All numbers were computed by the engine; beside each array of responses stand the gradients "
        "that the same windows fill on the way back."
    )
    return markup.figure("window", body, see, more, live="convolution", source=frames)


def film(a: dict[str, NDArray[np.floating]]) -> Iterator[Frame]:
    """The frames: what each writes into cells for good, which cells it lights, and the sentence for it."""
    channels, (rows, columns) = range(3), a["out"].shape
    side = a["w"].shape[1]
    positions = list(product(range(rows), range(columns)))
    yield frame("One filter, three slices. The window starts at the top left.")
    for p, q in positions:
        window = [cell("x", c, p + i, q + j) for c, i, j in product(channels, range(side), range(side))]
        kernel = [cell("w", c, i, j) for c, i, j in product(channels, range(side), range(side))]
        replies = {cell("r", c, p, q): show(a["responses"][c, p, q]) for c in channels}
        words = ", ".join(f"{name} {show(a['responses'][c, p, q])}" for c, name in enumerate(NAMES))
        yield frame(
            f"Forward, window {where(p, q)}: each slice answers for itself: {words}.",
            replies,
            window + kernel,
            list(replies),
        )
        terms = " + ".join(bracket(a["responses"][c, p, q]) for c in channels)
        result = {cell("out", 0, p, q): show(a["out"][p, q])}
        say = f"Forward, window {where(p, q)}: {terms}, and the bias {bracket(a['bias'])}, make {show(a['out'][p, q])}."
        yield frame(say, result, list(replies) + [cell("bias", 0, 0, 0)], list(result))
    upstream = {cell("g", 0, p, q): show(a["g"][p, q]) for p, q in positions}
    yield frame("The loss sends back one gradient g for each output cell.", upstream, [], list(upstream))
    dw, dx = np.zeros_like(a["w"]), np.zeros_like(a["x"])
    for p, q in positions:
        g = a["g"][p, q]
        spot = np.s_[:, p : p + side, q : q + side]
        dw += g * a["x"][spot]
        weights = {cell("dw", *index): show(dw[index]) for index in product(channels, range(side), range(side))}
        window = [cell("x", c, p + i, q + j) for c, i, j in product(channels, range(side), range(side))]
        say = (
            f"Backward, window {where(p, q)}: the same g = {show(g)} lands on all three slices; dW grows by g × window."
        )
        yield frame(say, weights, window + [cell("g", 0, p, q)], list(weights))
        dx[spot] += g * a["w"]
        places = [(c, p + i, q + j) for c, i, j in product(channels, range(side), range(side))]
        inputs = {cell("dx", *index): show(dx[index]) for index in places}
        kernel = [cell("w", c, i, j) for c, i, j in product(channels, range(side), range(side))]
        say = f"Backward, window {where(p, q)}: dX grows by g × filter in the same window, {show(g)} times each slice."
        yield frame(say, inputs, kernel + [cell("g", 0, p, q)], list(inputs))
    if not (np.allclose(dw, a["dw"], atol=1e-4) and np.allclose(dx, a["dx"], atol=1e-4)):
        raise ValueError("window record: the gradients window by window do not add up to the engine's dw and dx")
    yield frame("Done: dW and dX equal the gradients that the engine computed for the whole convolution.")


def frame(
    say: str,
    write: dict[str, str] | None = None,
    window: list[str] | None = None,
    target: list[str] | None = None,
) -> Frame:
    """One frame as the script reads it."""
    return {"say": say, "write": write or {}, "window": window or [], "target": target or []}


def cell(grid: str, c: int, i: int, j: int) -> str:
    """The id of one cell."""
    return f"{grid}-{c}-{i}-{j}"


def show(value: float | NDArray[np.floating]) -> str:
    """A number that fits into a cell."""
    return f"{float(value):.3g}".replace("-", "−")


def bracket(value: float | NDArray[np.floating]) -> str:
    """The same as a summand: brackets around what is negative."""
    words = show(value)
    return f"({words})" if value < 0 else words


def where(p: int, q: int) -> str:
    """A window's place as a reader counts."""
    return f"{p + 1}, {q + 1}"


def _forward(a: dict[str, NDArray[np.floating]]) -> str:
    """Input, filter and responses, a row a channel, and below them the bias and the output."""
    side, kernel, out = a["x"].shape[1], a["w"].shape[1], a["out"].shape[0]
    x_at = 18
    w_at = x_at + side * CELL + GAP
    r_at = w_at + kernel * CELL + GAP
    bottom = HEAD + 3 * ROW
    parts = _heads((x_at, "input"), (w_at, "filter"), (r_at, "responses"))
    for c, name in enumerate(NAMES):
        top = HEAD + c * ROW
        small = top + (side - kernel) * CELL / 2
        parts.append(_letter(name, top))
        parts.append(_grid("x", c, a["x"][c], x_at, top))
        parts.append(_grid("w", c, a["w"][c], w_at, small))
        parts.append(_grid("r", c, a["responses"][c], r_at, small, empty=True))
    parts += [
        svg.text(r_at + out * CELL / 2, bottom + 4, "Σ ↓", class_="mid big strong"),
        svg.text(w_at + CELL - 10, bottom + 54, "bias", class_="axis end"),
        _grid("bias", 0, a["bias"].reshape(1, 1), w_at + CELL, bottom + 38),
        svg.text(w_at + 2 * CELL + 6, bottom + 56, "+", class_="big strong"),
        _grid("out", 0, a["out"], r_at, bottom + 12, empty=True),
        svg.text(r_at, bottom + 26 + out * CELL, "output", class_="axis strong"),
    ]
    title = "Forward: input, filter and responses of each channel, and the output that is their sum"
    return svg.drawing(r_at + out * CELL + 2, bottom + 34 + out * CELL, *parts, title=title)


def _backward(a: dict[str, NDArray[np.floating]]) -> str:
    """The gradients of filter and input, a row a channel, and below them that of the output, from which they come."""
    side, kernel, out = a["x"].shape[1], a["w"].shape[1], a["out"].shape[0]
    dw_at = 18
    dx_at = dw_at + kernel * CELL + GAP
    bottom = HEAD + 3 * ROW
    parts = _heads((dw_at, "dW"), (dx_at, "dX"))
    for c, name in enumerate(NAMES):
        top = HEAD + c * ROW
        parts.append(_letter(name, top))
        parts.append(_grid("dw", c, a["dw"][c], dw_at, top + (side - kernel) * CELL / 2, empty=True))
        parts.append(_grid("dx", c, a["dx"][c], dx_at, top, empty=True))
    parts += [
        svg.text(dw_at + out * CELL / 2, bottom + 4, "copy ↑", class_="mid big strong"),
        _grid("g", 0, a["g"], dw_at, bottom + 12, empty=True),
        svg.text(dw_at, bottom + 26 + out * CELL, "g, gradient of the output", class_="axis strong"),
    ]
    title = "Backward: the output's gradient, and what it makes of the gradients of filter and input"
    return svg.drawing(dx_at + side * CELL + 2, bottom + 34 + out * CELL, *parts, title=title)


def _heads(*heads: tuple[float, str]) -> list[str]:
    return [svg.text(left, 14, words, class_="axis strong") for left, words in heads]


def _letter(name: str, top: float) -> str:
    return svg.group(svg.text(0, top + 70, name[0].upper(), class_="paint strong big"), class_=name)


def _grid(name: str, c: int, values: NDArray[np.floating], x: float, y: float, empty: bool = False) -> str:
    cells = []
    for (i, j), value in np.ndenumerate(values):
        box = svg.rect(x + j * CELL + 1, y + i * CELL + 1, CELL - 2, CELL - 2)
        words = svg.text(x + (j + 0.5) * CELL, y + (i + 0.5) * CELL + 4, show(value))
        style = "cell empty" if empty else "cell"
        cells.append(svg.group(box, words, class_=style, id=cell(name, c, i, j)))
    return "".join(cells)
