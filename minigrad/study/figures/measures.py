"""The smaller charts and tables of the page: one function a kind of record, each honest about what is not there."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigrad.study.arms import ARMS
from minigrad.study.figures import markup, svg
from minigrad.study.figures.depth import INITS
from minigrad.study.records import Record, Results
from minigrad.study.stats import share_of_directions


def cancellation(results: Results, arm: str = "sum") -> str:
    """The cancellation index and its sign-flip null while the sum trains, a small chart a task."""
    runs = [run for run in results.where("run", arm=arm, init="he") if run.get("curves")]
    if not runs:
        return markup.missing("cancellation during training", "")
    widest = max(run["F"] for run in runs)
    runs = [run for run in runs if run["F"] == widest]
    charts = "".join(_curves(run) for run in runs)
    see = "Where the blue line lies below the dashed grey one, channels cancel less than chance signs would make them."
    more = (
        f"Cancellation index 1 − |Σ r| / Σ |r| of the sum with {widest} filters, mean over seeds with one standard "
        "deviation; dashed: the same responses with random signs, the null without which the index means nothing."
    )
    rows = [
        [
            markup.escape(run["task"]),
            *(_change(run["curves"], name) for name in ("cancellation", "null", "participation")),
        ]
        for run in runs
    ]
    head = ["task", "index, start → end", "null, start → end", "participation, start → end"]
    numbers = markup.details("The numbers", markup.table("Means over seeds ± standard deviation", head, rows))
    return markup.figure("cancellation", f'<div class="grid thirds">{charts}</div>', see, more + numbers)


def _change(curves: Record, name: str) -> str:
    ends = [(curves[name][k], curves[f"{name}_sd"][k]) for k in (0, -1)]
    return " → ".join(f"{markup.signed(mean)} ± {markup.signed(deviation)}" for mean, deviation in ends)


def _curves(run: Record) -> str:
    curves = run["curves"]
    steps = curves["step"]
    x, y = svg.Scale(steps[0], steps[-1], 34, 262), svg.Scale(0, 1, 130, 26)
    parts = [svg.axes(x, y, "step", "", x.ticks(4)), svg.text(34, 16, run["task"], class_="strong")]
    for name, colour, style in (("null", "control", "curve dashed"), ("cancellation", "affine", "curve")):
        mean = np.asarray([math.nan if value is None else value for value in curves[name]], float)
        deviation = np.asarray([value or 0.0 for value in curves[f"{name}_sd"]], float)
        above = [(x(s), y(min(1.0, v))) for s, v in zip(steps, mean + deviation, strict=True)]
        below = [(x(s), y(max(0.0, v))) for s, v in zip(steps, mean - deviation, strict=True)]
        band = svg.path(above + below[::-1], class_="area paint")
        parts.append(
            svg.group(
                band,
                svg.path([(x(s), y(v)) for s, v in zip(steps, mean, strict=True)], class_=style),
                class_=colour,
            )
        )
    return svg.drawing(280, 164, *parts, title=f"Cancellation index and its null during training on {run['task']}")


def histogram(
    edges: Sequence[float], series: Sequence[tuple[str, str, Sequence[float]]], label: str, title: str
) -> str:
    """Densities (words, family, counts) as steps over common bins."""
    widths = np.diff(edges)
    densities = [np.asarray(counts, float) / max(1e-30, float(np.dot(counts, widths))) for _, _, counts in series]
    x = svg.Scale(edges[0], edges[-1], 40, 410)
    y = svg.Scale(0, max(float(density.max()) for density in densities) * 1.1, 190, 28)
    parts = [svg.axes(x, y, label, "density")]
    for row, ((words, family, _), density, dash) in enumerate(zip(series, densities, ("", "6 3", "2 3"), strict=False)):
        points = [(x(edge), y(value)) for k, value in enumerate(density) for edge in (edges[k], edges[k + 1])]
        curve = svg.path(points, class_="curve", stroke_dasharray=dash or None)
        left = 96 + 96 * row
        key = svg.line(left, 16, left + 22, 16, class_="curve", stroke_dasharray=dash or None)
        parts.append(svg.group(curve, key, svg.text(left + 27, 20, words, class_="paint"), class_=family))
    return svg.drawing(420, 226, *parts, title=title)


def start(results: Results) -> str:
    """Responses to an aligned and to an opponent edge before any training."""
    record = results.one("start")
    if record is None:
        return markup.missing("responses to aligned and opponent edges at the start")
    bins = record["histogram"]
    chart = histogram(
        bins["edges"],
        [("aligned", "affine", bins["aligned"]), ("opponent", "routing", bins["opponent"])],
        "response, in standard deviations of its law",
        "Distribution of responses to aligned and opponent edges with Gaussian weights",
    )
    rows = [
        [markup.percent(q) + " %", markup.signed(a, 3), markup.signed(o, 3)]
        for q, a, o in zip(record["quantiles"], record["aligned"], record["opponent"], strict=True)
    ]
    numbers = markup.table("Quantiles in standard deviations of the law", ["quantile", "aligned", "opponent"], rows)
    see = "The two distributions lie on each other where Gaussian weights make no special case of an opponent edge."
    more = (
        f"{record['n']:,} draws of the weights; Kolmogorov–Smirnov p = {record['p_value']:.2g}, largest difference "
        f"of quantiles {record['difference']:.2g}."
    )
    return markup.figure("start", chart, see, more + markup.details("The numbers", numbers))


def unmatched(results: Results) -> str:
    """Cosines between filters and patches that they do not match."""
    records = results.where("unmatched")
    if not records:
        return markup.missing("responses of trained filters to unrelated patches")
    words = {
        "unrelated": ("unrelated", "control"),
        "matching": ("matching", "affine"),
        "anti": ("anti-matching", "routing"),
    }
    charts = "".join(
        histogram(
            record["histogram"]["edges"],
            [(*words[name], record["histogram"][name]) for name in words if name in record["histogram"]],
            f"cosine of filter and patch, layer {record['layer']} (d = {record['d']})",
            f"Distribution of cosines between filters and patches at layer {record['layer']}",
        )
        for record in records
    )
    head = ["layer", "d", "task", "|cos| < 0.1", "patches centred", "random directions"]
    rows = [
        [
            str(r["layer"]),
            str(r["d"]),
            markup.escape(r["task"]),
            *(with_interval(r[name], 100) for name in ("share", "share_centred")),
            markup.percent(share_of_directions(r["d"], 0.1)),
        ]
        for r in records
    ]
    see = "The grey curve is what filters answer to patches that they do not match; beside it, random directions."
    table = markup.table(
        "Share of unrelated patches with |cos| < 0.1, in percent: mean over seeds [95 % interval]",
        head,
        rows,
        numbers_from=3,
    )
    return (
        markup.figure("unmatched", f'<div class="grid cards">{charts}</div>', see) + f'<div class="wide">{table}</div>'
    )


def weights(results: Results) -> str:
    """Near-zero weights after training, and what pruning the smaller half costs, by decay."""
    records = results.where("decay")
    if not records:
        return markup.missing("near-zero weights and pruning")
    rows = []
    for record in records:
        pairs = zip(record["accuracy"], record["pruned"], strict=True)
        cost = [a - p for a, p in pairs if a is not None and p is not None]
        shares = [with_interval(record[name], 100) for name in ("near_start", "near_own")]
        size = with_interval(record["norm"], digits=2)
        rows.append([markup.escape(record["task"]), f"{record['decay']:g}", *shares, size, with_interval(cost, 100)])
    head = [
        "task",
        "decay",
        "by the start’s σ, %",
        "by each filter’s own, %",
        "size ÷ start’s σ",
        "pruning costs, points",
    ]
    caption = (
        "Weights of the sum’s layer below a tenth of σ after training: mean over seeds [95 % interval]; of a "
        "Gaussian’s weights 8.0 % are"
    )
    return markup.table(caption, head, rows, numbers_from=2)


def probes(results: Results, arms: Sequence[str] = ("sum", "mean", "max", "tied", "concat")) -> str:
    """A linear probe on one output channel and on all of them."""
    runs = [run for arm in arms for run in results.where("run", arm=arm, init="he")]
    if not runs:
        return markup.missing("linear probes on one channel and on all")
    rows = [
        [
            markup.escape(run["arm"]),
            markup.escape(run["task"]),
            str(run["F"]),
            with_interval(run["probe_one"], 100),
            with_interval(run["probe_all"], 100),
        ]
        for run in runs
    ]
    head = ["reduction", "task", "F", "one channel, %", "all F channels, %"]
    return markup.table("Accuracy of a linear probe: mean over seeds [95 % interval]", head, rows, numbers_from=2)


def with_interval(values: Sequence[float], factor: float = 1.0, digits: int = 1) -> str:
    """`98.2 [97.5, 98.8]`, or a dash where nothing was measured."""
    mean, low, high = (factor * value for value in markup.mean_interval(values))
    if not math.isfinite(mean):
        return "–"
    return f"{markup.signed(mean, digits)} [{markup.signed(low, digits)}, {markup.signed(high, digits)}]"


def escape(results: Results) -> str:
    """Training from a start that cancels exactly, beside a random start."""
    records = results.where("escape")
    if not records:
        return markup.missing("training from a start that cancels exactly")
    rows = [
        [
            markup.escape(r["task"]),
            markup.escape(r["mode"]),
            markup.escape(r["start"]),
            *(with_interval(r[name], digits=3) for name in ("start_loss", "start_gradient")),
            with_interval(r["accuracy"], 100),
            f"{sum((a or 0) >= 0.95 for a in r['accuracy'])} of {len(r['accuracy'])}",
        ]
        for r in records
    ]
    head = [
        "task",
        "descent",
        "start",
        "loss at the start, nats",
        "gradient’s norm at the start",
        "accuracy after, %",
        "seeds at ≥ 95 %",
    ]
    return markup.table("Mean over seeds [95 % interval]", head, rows, numbers_from=3)


def equivalence(results: Results) -> str:
    """How far the disguised sums stray from the sum."""
    records = results.where("equivalence")
    if not records:
        return markup.missing("mean, +17 and alternating signs against the sum in float64")
    rows = [[markup.escape(r["arm"]), markup.escape(r["optimizer"]), f"{r['gap']:.1e}"] for r in records]
    caption = "Largest difference of loss from the sum’s over 200 float64 steps, after the change of parametrisation"
    return markup.table(caption, ["reduction", "optimizer", "gap"], rows, numbers_from=2)


def negatives(results: Results) -> str:
    """Even reductions on images together with their negatives, whose label is the other one."""
    records = results.where("negative")
    if not records:
        return markup.missing("even reductions on images and their negatives")
    rows = [
        [markup.escape(r["arm"]), markup.escape(r["task"]), str(r["F"]), with_interval(r["accuracy"], 100)]
        for r in records
    ]
    caption = "An even reduction is right on exactly one of an image and its negative: accuracy on such pairs"
    return markup.table(caption, ["reduction", "task", "F", "accuracy, %"], rows, numbers_from=2)


def reductions(results: Results) -> str:
    """What is known of each reduction in the records before anything is measured."""
    arms = [arm for arm in (results.values("run", "arm") or results.values("maps", "arm")) if arm in ARMS]
    rows = [
        [
            markup.escape(arm),
            markup.maths(ARMS[arm].formula),
            markup.maths(ARMS[arm].slope),
            "yes" if ARMS[arm].affine or not ARMS[arm].reduces or ARMS[arm].tied else "no",
            "yes" if ARMS[arm].streamed or ARMS[arm].tied else "no",
            markup.escape(ARMS[arm].becomes),
        ]
        for arm in arms
    ]
    head = [
        "reduction",
        "f(r)",
        "∂f/∂r<sub>c</sub>",
        "one matrix product",
        "form without C× memory",
        "becomes the sum by",
    ]
    return markup.table("The reductions compared", head, rows, numbers_from=9)


def energy(results: Results) -> str:
    """E Σ (∂f/∂r)² for standard normal responses, in closed form and measured through the engine."""
    records = results.where("energy")
    if not records:
        return markup.missing("energy of the gradient that a reduction sends back")
    channels = sorted({record["C"] for record in records})
    found = {(record["arm"], record["C"]): record for record in records}
    rows = []
    for arm in dict.fromkeys(record["arm"] for record in records):
        cells = [_energy(found.get((arm, C))) for C in channels]
        reached = [f"{found[arm, C]['receiving']:.3g}" if (arm, C) in found else "–" for C in channels]
        rows.append([markup.escape(arm), *cells, *reached])
    head = [
        "reduction",
        *(f"energy, C = {C}" for C in channels),
        *(f"channels, C = {C}" for C in channels),
    ]
    caption = (
        "Energy E Σ (∂f/∂r)² for r ~ N(0, 1): measured through the engine (closed form), and how many channels "
        "receive a gradient"
    )
    missed = [
        f"{record['arm']} at C = {record['C']}"
        for record in records
        if record.get("closed") and not 0.5 < (record["measured"] or 0.0) / record["closed"] < 2
    ]
    if missed:
        caption += (
            f". Where the measured energy is far from the closed form ({', '.join(missed)}), rare huge values carry "
            "the expectation and a sample of this size misses them"
        )
    return markup.table(markup.escape(caption), head, rows)


def _energy(record: Record | None) -> str:
    if record is None:
        return "–"
    measured = "–" if record["measured"] is None else f"{record['measured']:.3g}"
    if record.get("infinite"):
        return f"{measured} (infinite)"
    return f"{measured} ({record['closed']:.3g})" if record.get("closed") is not None else measured


def cost(results: Results) -> str:
    """Time and memory beside the sum's."""
    records = results.where("cost")
    if not records:
        return markup.missing("time and memory of each reduction")
    channels = sorted({record["C"] for record in records})
    found = {(record["arm"], record["version"], record["C"]): record for record in records}
    measured = [("forward", "forward"), ("both", "forward + backward"), ("memory", "memory")]
    rows = [
        [
            markup.escape(arm),
            markup.escape(version),
            *(
                markup.signed(found.get((arm, version, C), {}).get(f"{name}_ratio"), 1)
                for name, _ in measured
                for C in channels
            ),
        ]
        for arm, version in dict.fromkeys((record["arm"], record["version"]) for record in records)
    ]
    head = ["reduction", "version", *(f"{words}, C = {C}" for _, words in measured for C in channels)]
    caption = (
        "Time and peak memory divided by the sum’s, measured in turn with it. Plain keeps all responses, streamed "
        "none; folded into the weights, mean, sum + 17 and alternating signs are the sum and cost what it costs"
    )
    return markup.table(caption, head, rows, numbers_from=2)


def photographs(results: Results) -> str:
    """Response statistics on natural patches."""
    records = results.where("photo")
    if not records:
        return markup.missing("response statistics on photographs")
    rows = []
    for r in records:
        correlation = np.asarray(r["correlation"], float)
        pairs = correlation[np.triu_indices(len(correlation), 1)]
        spread = f"{markup.signed(float(pairs.min()))} to {markup.signed(float(pairs.max()))}"
        rows.append(
            [
                markup.escape(r["filters"]),
                *(markup.signed(r[name]) for name in ("cancellation", "null")),
                spread,
                markup.signed(r["kurtosis"], 1),
                markup.percent(r["near_zero"]) + " %",
            ]
        )
    head = [
        "filters",
        "cancellation",
        "its null",
        "correlation between channels",
        "kurtosis",
        "responses below σ / 10",
    ]
    return markup.table("First-layer responses on patches of two photographs", head, rows)


def tuning(results: Results) -> str:
    """The learning rate that each reduction was given."""
    records = results.where("tune")
    if not records:
        return markup.missing("learning rates tuned per reduction")
    rows = [
        [
            markup.escape(r["arm"]),
            markup.escape(r["task"]),
            str(r["F"]),
            INITS.get(r["init"], r["init"]),
            f"{r['best']:g}",
            ", ".join(
                f"{lr:g}: {markup.percent(a, 0)}"
                for lr, a in zip(r.get("tried") or r["lrs"], r["accuracy"], strict=True)
            ),
        ]
        for r in records
    ]
    return markup.table(
        "Learning rate chosen, and accuracy in percent at each rate tried",
        ["reduction", "task", "F", "initialisation", "chosen", "tried"],
        rows,
        numbers_from=9,
    )
