"""Picture: how much of a patch a linear reader finds in F sums, of random filters and of trained ones."""

from __future__ import annotations

from minigrad.study.figures import markup, svg
from minigrad.study.records import Record, Results

WHAT = {"whole": "the whole patch", "grey": "R + G + B", "difference": "R − B"}
BANKS = {
    "random": ("random filters", "control"),
    "common": ("trained where a difference tells", "routing"),
    "correlated": ("trained where the channels agree", "affine"),
}


def draw(results: Results) -> str:
    """A chart for each of the three things that are read, a line a bank, and the numbers."""
    records = [record for record in results.where("kept") if record["task"] in BANKS]
    if not records:
        return markup.missing("what a linear reader finds in sums")
    charts = "".join(_chart(records, what) for what in WHAT)
    key = " · ".join(f'<span class="{family}">■</span> {words}' for words, family in BANKS.values())
    see = "Few sums keep what their training needed; many sums keep everything, whatever the filters are."
    more = (
        "Share of variance (R²) that a linear reader finds in F sums at one position of two photographs, on pixels "
        "that it was not fitted on; mean over seeds with its 95 % interval. " + key
    )
    return markup.figure("lost", f'<div class="grid thirds">{charts}</div>', see, more + _numbers(records))


def _chart(records: list[Record], what: str) -> str:
    counts = sorted({record["F"] for record in records})
    x, y = svg.Scale(0, len(counts) - 1, 40, 262), svg.Scale(0, 1, 150, 26)
    parts = [svg.axes(x, y, "number of sums F", "", []), svg.text(40, 16, WHAT[what], class_="strong")]
    parts += [svg.text(x(k), 164, str(F), class_="mid note") for k, F in enumerate(counts)]
    for shift, (bank, (words, family)) in enumerate(BANKS.items()):
        found = {record["F"]: markup.mean_interval(record[what]) for record in records if record["task"] == bank}
        points = [(x(counts.index(F)) + 3 * (shift - 1), found[F]) for F in counts if F in found]
        marks = [svg.line(at, y(max(0, low)), at, y(max(0, high)), class_="curve") for at, (_, low, high) in points]
        curve = svg.path([(at, y(max(0, mean))) for at, (mean, _, _) in points], class_="curve")
        title = svg.element("title", markup.escape(words))
        parts.append(svg.group(title, curve, *marks, class_=family))
    return svg.drawing(280, 186, *parts, title=f"Share of {WHAT[what]} that a linear reader finds in F sums")


def _numbers(records: list[Record]) -> str:
    rows = []
    for record in records:
        cells = []
        for what in WHAT:
            mean, low, high = markup.mean_interval(record[what])
            cells.append(f"{markup.percent(mean)} [{markup.percent(low)}, {markup.percent(high)}]")
        rows.append([BANKS[record["task"]][0], str(record["F"]), *cells])
    head = ["filters", "F", *(f"{words}, %" for words in WHAT.values())]
    return markup.details("The numbers", markup.table("R² in percent, mean [95 % interval]", head, rows))
