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


def draw(results: Results, task: str = "polarity") -> str:
    """The plane of two projections with its trails, and three curves below them that the film walks along."""
    record = pick(results, task)
    if record is None:
        return markup.missing("picture 2, the escape film")
    film = record["film"]
    plane, trails = _plane(film)
    charts, cursors = _charts(film)
    say = [
        f"Step {step}: loss {loss:.3f}, gradient norm {gradient:.3g}, accuracy {100 * accuracy:.0f} %, cancellation "
        f"{cancellation:.2f} against {null:.2f} by chance."
        for step, loss, gradient, accuracy, cancellation, null in zip(
            *(film[name] for name in ("step", "loss", "gradient", "accuracy", "cancellation", "null")),
            strict=True,
        )
    ]
    source = {"steps": film["step"], "trails": trails, "cursors": cursors, "say": say}
    body = f'<div class="grid cards">{plane}{charts}</div>' + markup.controls("Step of training", len(film["step"]))
    see = "Every filter starts on the line where an opponent edge cancels; watch whether training leaves it."
    more = (
        f"Task {record['task']}, {len(film['path'][0])} filters, {_MODES[record['mode']]}, one seed. Across: how "
        "much of the edge pattern e is in the red slice of a filter; up: in its blue slice. On the dashed line a "
        "filter answers an edge that rises in red and falls in blue with zero. The thin curves are the trained "
        f"network’s loss when filter {film['filter'] + 1} alone is moved in the plane."
    )
    return markup.figure("film", body, see, more, live="film", source=source)


_MODES = {
    "full": "full-batch descent",
    "minibatch": "minibatches",
    "mirrored": "full batch closed under swapping red and blue",
}


def pick(results: Results, task: str) -> Record | None:
    """The filmed run of a task, with minibatches if there is one; any filmed run otherwise."""
    filmed = [record for record in results.where("escape") if record.get("film")]
    filmed.sort(key=lambda record: (record["task"] != task, record["mode"] != "minibatch"))
    return filmed[0] if filmed else None


def _plane(film: Record) -> tuple[str, list[dict[str, object]]]:
    path = np.asarray(film["path"], float)  # (T, F, 2)
    grid = film["contour"]
    xs, ys, loss = (np.asarray(grid[name], float) for name in ("x", "y", "loss"))
    reach = max(float(np.abs(path).max()), float(np.abs(xs).max()), float(np.abs(ys).max())) * 1.05
    x, y = svg.Scale(-reach, reach, 44, 44 + SIZE), svg.Scale(-reach, reach, SIZE + 24, 24)
    parts = [svg.axes(x, y, "red slice · edge", "blue slice · edge")]
    for level in np.quantile(loss, np.linspace(0.08, 0.92, 8)):
        d = "".join(
            f"M{x(x1):.1f} {y(y1):.1f}L{x(x2):.1f} {y(y2):.1f}"
            for x1, y1, x2, y2 in svg.contour(loss, xs, ys, float(level))
        )
        parts.append(svg.element("path", d=d or "M0 0", class_="contour"))
    parts.append(svg.line(x(-reach), y(-reach), x(reach), y(reach), class_="rule dashed"))
    parts.append(svg.text(x(reach * 0.96), y(reach * 0.96) + 16, "opponent edges cancel", class_="note end"))
    trails: list[dict[str, object]] = []
    for k in range(path.shape[1]):
        points = [[round(x(a), 1), round(y(b), 1)] for a, b in path[:, k]]
        trails.append({"id": f"film-{k}", "points": points})
        whole = "M" + "L".join(f"{a} {b}" for a, b in points)  # what is seen without the script, and in print
        end_x, end_y = points[-1]
        parts.append(
            svg.group(
                svg.element("path", d=whole, class_="curve", id=f"film-{k}"),
                svg.element("circle", cx=points[0][0], cy=points[0][1], r=2.5, fill="none", stroke="currentColor"),
                svg.element("circle", cx=end_x, cy=end_y, r=4.5, class_="paint", id=f"film-{k}-head"),
                class_="routing",
            )
        )
    title = "The plane of red and blue edge weights with the path of each filter during training"
    return svg.drawing(SIZE + 60, SIZE + 60, *parts, title=title), trails


def _charts(film: Record) -> tuple[str, list[dict[str, object]]]:
    steps = film["step"]
    parts: list[str] = []
    cursors: list[dict[str, object]] = []
    for row, (name, label) in enumerate(SERIES):
        top = 24 + row * 128
        drawn = [name, "null"] if name == "cancellation" else [name]
        values = [value for series in drawn for value in film[series] if value is not None]
        x = svg.Scale(steps[0], steps[-1], 44, 390)
        y = svg.Scale(min(0.0, *values), max(values) * 1.05 or 1, top + 84, top)
        parts.append(svg.axes(x, y, "step" if row == 2 else "", label))
        for series in drawn:
            style = "curve" if series == name else "curve dashed"
            points = [
                (x(step), y(np.nan if value is None else value))
                for step, value in zip(steps, film[series], strict=True)
            ]
            parts.append(svg.group(svg.path(points, class_=style), class_="affine" if series == name else "control"))
        parts.append(svg.line(x(steps[-1]), y.stop, x(steps[-1]), y.start, class_="rule", id=f"film-{name}"))
        cursors.append({"id": f"film-{name}", "at": [round(x(step), 1) for step in steps]})
    return svg.drawing(
        400, 400, *parts, title="Loss, gradient norm and cancellation over the steps of training"
    ), cursors
