"""Picture 2: the escape film, training that starts where red and blue cancel exactly."""

from __future__ import annotations

import numpy as np

from minigrad.study.figures import markup, svg
from minigrad.study.records import Record, Results

SIZE = 340  # of the plane
SERIES = (
    ("loss", "loss"),
    ("gradient", "gradient norm"),
    ("cancellation", "cancellation index, and its null (dashed)"),
)


MODES = {
    "minibatch": "minibatches",
    "full": "full-batch descent",
    "mirrored": "mirrored data",
}


def draw(results: Results) -> str:
    """A film for each task and way of descent that was filmed, and a switch between them."""
    records = filmed(results)
    if not records:
        return markup.missing("picture 2, the escape film")
    options = [(f"{r['task']}-{r['mode']}", f"{r['task']}, {MODES[r['mode']]}") for r in records]
    films = "".join(_film(record, name) for record, (name, _) in zip(records, options, strict=True))
    see = "Every filter starts on the line where an opponent edge cancels; watch whether training leaves it."
    more = (
        "One seed of each. Across: how "
        "much of the edge pattern e is in the red slice of a filter; up: in its blue slice. On the dashed line a "
        "filter answers an edge that rises in red and falls in blue with zero. The thin curves are the trained "
        "network’s loss, at the levels that they carry, when one filter alone is moved in the plane."
    )
    return markup.figure("film", markup.choice("film-of", "Film", options) + films, see, more, live="views")


def filmed(results: Results) -> list[Record]:
    """The runs with a film, task by task, minibatches first."""
    records = [record for record in results.where("escape") if record.get("film")]
    tasks = [record["task"] for record in records]
    return sorted(records, key=lambda record: (tasks.index(record["task"]), list(MODES).index(record["mode"])))


def _film(record: Record, name: str) -> str:
    film = record["film"]
    plane, trails = _plane(film, f"film-{name}")
    charts, cursors = _charts(film, f"film-{name}")
    series = ("step", "loss", "gradient", "accuracy", "cancellation", "null")
    say = [
        f"Step {step}: loss {markup.signed(loss, 3)}, gradient norm {markup.short(gradient)}, accuracy "
        f"{markup.percent(accuracy, 0)} %, cancellation {markup.signed(cancellation)} against {markup.signed(null)} by "
        "chance."
        for step, loss, gradient, accuracy, cancellation, null in zip(*(film[key] for key in series), strict=True)
    ]
    source = {"trails": trails, "cursors": cursors, "say": say}
    return (
        f'<div data-view="{name}" data-live="film" data-source="film-{name}-data">'
        f'<div class="grid cards">{plane}{charts}</div>{markup.controls("Step of training", len(say))}'
        f"{markup.embed(f'film-{name}-data', source)}</div>"
    )


def _plane(film: Record, name: str) -> tuple[str, list[dict[str, object]]]:
    path = np.asarray(film["path"], float)  # (T, F, 2)
    grid = film["contour"]
    xs, ys, loss = (np.asarray(grid[name], float) for name in ("x", "y", "loss"))
    reach = max(float(np.abs(path).max()), float(np.abs(xs).max()), float(np.abs(ys).max())) * 1.05
    x, y = svg.Scale(-reach, reach, 44, 44 + SIZE), svg.Scale(-reach, reach, SIZE + 24, 24)
    parts = [svg.axes(x, y, "red slice · edge", "blue slice · edge")]
    for place, level in enumerate(np.quantile(loss, np.linspace(0.08, 0.92, 6))):
        segments = svg.contour(loss, xs, ys, float(level))
        d = "".join(f"M{x(x1):.1f} {y(y1):.1f}L{x(x2):.1f} {y(y2):.1f}" for x1, y1, x2, y2 in segments)
        parts.append(svg.element("path", d=d or "M0 0", class_="contour"))
        if segments:  # the level itself, at another place of each line
            at = segments[(2 * place + 1) * len(segments) // 12]
            parts.append(svg.text(x(at[0]), y(at[1]) + 4, _level(float(level)), class_="level mid"))
    parts.append(svg.line(x(-reach), y(-reach), x(reach), y(reach), class_="rule dashed"))
    parts.append(svg.text(x(reach * 0.96), y(reach * 0.96) + 16, "opponent edges cancel", class_="note end"))
    trails: list[dict[str, object]] = []
    for k in range(path.shape[1]):
        points = [[round(x(a), 1), round(y(b), 1)] for a, b in path[:, k]]
        trails.append({"id": f"{name}-{k}", "points": points})
        whole = "M" + "L".join(f"{a} {b}" for a, b in points)  # what is seen without the script, and in print
        end_x, end_y = points[-1]
        parts.append(
            svg.group(
                svg.element("path", d=whole, class_="curve", id=f"{name}-{k}"),
                svg.element("circle", cx=points[0][0], cy=points[0][1], r=2.5, fill="none", stroke="currentColor"),
                svg.element("circle", cx=end_x, cy=end_y, r=4.5, class_="paint", id=f"{name}-{k}-head"),
                class_="routing",
            )
        )
    title = "The plane of red and blue edge weights with the path of each filter during training"
    return svg.drawing(SIZE + 60, SIZE + 60, *parts, title=title), trails


def _level(value: float) -> str:
    """A loss in two digits: 0.35, 4·10⁻⁷."""
    if value >= 0.001:
        return f"{value:.2g}"
    digit, exponent = f"{value:.0e}".split("e")
    return f"{digit}·{svg.tick_label(10.0 ** int(exponent), log=True)}"


def _charts(film: Record, name: str) -> tuple[str, list[dict[str, object]]]:
    steps = film["step"]
    parts: list[str] = []
    cursors: list[dict[str, object]] = []
    for row, (shown, label) in enumerate(SERIES):
        top = 24 + row * 128
        drawn = [shown, "null"] if shown == "cancellation" else [shown]
        values = [value for series in drawn for value in film[series] if value is not None]
        x = svg.Scale(1, max(steps[-1], 2), 44, 390, log=True)
        y = svg.Scale(min(0.0, *values), max(values) * 1.05 or 1, top + 84, top)
        parts.append(svg.axes(x, y, "step (logarithmic)" if row == 2 else "", label))
        for series in drawn:
            style = "curve" if series == shown else "curve dashed"
            points = [
                (x(max(step, 1)), y(np.nan if value is None else value))
                for step, value in zip(steps, film[series], strict=True)
            ]
            parts.append(svg.group(svg.path(points, class_=style), class_="affine" if series == shown else "control"))
        parts.append(svg.line(x(steps[-1]), y.stop, x(steps[-1]), y.start, class_="rule", id=f"{name}-{shown}"))
        cursors.append({"id": f"{name}-{shown}", "at": [round(x(max(step, 1)), 1) for step in steps]})
    return svg.drawing(
        410, 400, *parts, title="Loss, gradient norm and cancellation over the steps of training"
    ), cursors
