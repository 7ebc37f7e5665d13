"""The study's page: one self-contained file, made from the records alone.

The page of a whole full study, `why_sum.html`, is written by hand here and in `claims/`; its numbers come from the
records. A run of fewer seeds, tasks or arms gets a short page of its own that shows and does not judge. What was not
run is named where it would stand. Pictures and tables are in `figures/`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from minigrad.study import answer, methods, statements
from minigrad.study.arms import ARMS
from minigrad.study.claims import Verdict, verdicts
from minigrad.study.figures import broadcast, markup, measures, window
from minigrad.study.jobs import FULL
from minigrad.study.records import Record, Results
from minigrad.study.relatives import RELATIVES
from minigrad.study.tasks import TASKS

QUESTION = "https://stats.stackexchange.com/questions/326643"
MARKS = {  # verdict -> its mark and its class in page.css
    "holds": ("✓ holds", "holds"),
    "fails": ("✗ fails", "fails"),
    "undecided": ("? undecided", "undecided"),
    "open": ("… open", "undecided"),
    "too few seeds": ("– too few seeds to judge", "not-run"),
    "not run": ("– not run", "not-run"),
}


def write(results: Results, path: str | Path) -> Path:
    """Write the page; an existing one is replaced in one step, so a reader never finds half of it."""
    return replace(Path(path), page(results))


def replace(path: Path, text: str) -> Path:
    """Put a text in the place of a file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".tmp")
    try:
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return path


def whole(results: Results) -> bool:
    """Whether these are records of a full study with all of its seeds, tasks and arms, and perhaps more."""
    study = results.one("study")
    return study is not None and all(set(study[k]) >= set(getattr(FULL, k)) for k in ("seeds", "tasks", "arms"))


def page(results: Results) -> str:
    """The page as HTML; the order in which the records came does not show in it."""
    results = _in_order(results)
    found = verdicts(results)
    parts = [
        ("both-ways", "Forward adds, backward copies", _both_ways(results)),
        *((_place(v.claim.name), v.claim.claim, _claim(v, results)) for v in found),
        ("gradient", "What of a gradient comes back", _gradient(results)),
        ("proved", "What can be proved", _proved(results)),
        ("methods", "How it was measured", methods.describe(results)),
        ("relatives", "Relatives", _relatives()),
    ]
    links = " · ".join(f'<a href="#{name}">{markup.escape(title)}</a>' for name, title, _ in parts)
    sections = "".join(
        f'<section id="{name}"><h2>{markup.escape(title)}</h2>{body}</section>' for name, title, body in parts
    )
    top, lead = (_answer(results), _lead(found)) if whole(results) else (_scope(results), "")
    return _document(top, links, f"{broadcast.draw(results)}\n{lead}\n{sections}")


def _document(top: str, links: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Why does a convolution add up its channels?</title>
<link rel="icon" href="data:,">
<style>{_asset("page.css")}</style>
</head>
<body>
<header>
<h1>Why does a convolution add up its channels?</h1>
<p>A filter on an RGB image has a slice for red, one for green and one for blue. Each slice gives its own response,
and the convolution adds the three. Why add them? Why not average, or add 17 as well? Where an edge rises in red and
falls in blue, the two responses cancel: is something not lost? <a href="{QUESTION}">So goes a much-read question</a>;
its accepted answer makes claims without evidence. Here they are measured.</p>
{top}
<nav aria-label="Parts of this page">{links}</nav>
</header>
<main>
{body}
</main>
<script>{_asset("page.js")}</script>
</body>
</html>
"""


def _in_order(results: Results) -> Results:
    arms, tasks = list(ARMS), list(TASKS)

    def place(record: Record) -> tuple[int, int, int, int, str]:
        arm, task = record.get("arm"), record.get("task")
        return (
            arms.index(arm) if arm in arms else len(arms),
            tasks.index(task) if task in tasks else len(tasks),
            record.get("F", 0),
            record.get("C", 0),
            record["key"],
        )

    return Results(sorted(results.records, key=place))


def _asset(name: str) -> str:
    return files("minigrad.study").joinpath(name).read_text(encoding="utf-8")


def _place(name: str) -> str:
    return "proved" if name == "proved" else f"claim-{name.replace(' ', '-')}"


def _mark(verdict: str) -> str:
    text, style = MARKS[verdict]
    return f'<span class="verdict {style}">{text}</span>'


def _wide(*tables: str) -> str:
    return "".join(f'<div class="wide">{table}</div>' for table in tables)


# -------------------------------------------------------------------------------------------------- the first screen


def _answer(results: Results) -> str:
    said = answer.ANSWER.format(**answer.numbers(results))
    return f'<p class="answer"><strong>The answer.</strong> {said}</p><p class="small">{answer.STANDING}</p>'


def _lead(found: list[Verdict]) -> str:
    rows = [
        [markup.escape(claim), f"<strong>{standing}</strong>", f"{why} {_links(names)}"]
        for claim, standing, why, names in answer.CLAIMS
    ]
    table = markup.table("What the accepted answer says", ["claim", "", "why"], rows, numbers_from=9)
    judged = [
        [f'<a href="#{_place(v.claim.name)}">{markup.escape(v.claim.claim)}</a>', _prediction(v), _mark(v.verdict)]
        for v in found
    ]
    more = markup.table("Predictions of the first edition", ["claim", "prediction and measurement", ""], judged, 9)
    return (
        f'<h2 id="claims">The accepted answer, claim by claim</h2><div class="wide verdicts">{table}</div>'
        f"{markup.details('Predictions, limits and verdicts', more)}"
    )


def _links(names: Iterable[str]) -> str:
    return " ".join(f'<a class=small href="#{_place(name)}">{name}</a>' for name in names)


def _scope(results: Results) -> str:
    study = results.one("study")
    if study is None:
        return ""
    counts = ", ".join(
        f"{len(study[k])} {words if len(study[k]) > 1 else words[:-1]}"
        for k, words in (("arms", "reductions"), ("tasks", "tasks"), ("seeds", "seeds"))
    )
    return (
        f'<p class="answer"><strong>Your machine.</strong> {counts}: enough to see what is measured and how, too few '
        "to judge. <code>python -m minigrad.study --report-only --out published</code> builds the page of the "
        "published records, <code>python -m minigrad.study --full</code> measures all of it.</p>"
    )


# --------------------------------------------------------------------------------------------------------- its parts


def _prediction(verdict: Verdict) -> str:
    claim = verdict.claim
    return (
        f"<span class=small>Holds if: {markup.escape(claim.prediction)}.<br>"
        f"Measured: {markup.escape(verdict.measured)}."
        + (f"<br>Open: {markup.escape(claim.open)}" if verdict.verdict == "open" else "")
        + "</span>"
    )


def _claim(verdict: Verdict, results: Results) -> str:
    """A claim's prose, if these records give the verdict that it was written for; then its numbers and its picture."""
    claim = verdict.claim
    if verdict.verdict == claim.written_for:
        said = f"<p>{claim.prose.format(**claim.numbers(results))}</p>"
    elif verdict.verdict in ("holds", "fails", "undecided", "open"):
        said = (
            f"<p>These records give another verdict ({verdict.verdict}) than the published ones "
            f"({claim.written_for}), for which this page’s text was written.</p>"
        )
    else:
        said = ""
    return f"{said}<p>{_mark(verdict.verdict)} {_prediction(verdict)}</p>{claim.draw(results)}"


def _both_ways(results: Results) -> str:
    return (
        "<p>Forward, a convolution sums over input channels. Backward, the same sum is a copy: the gradient of one "
        "output cell goes, unchanged, to each slice that helped to make it. Over a bank of filters the roles change "
        "places: forward fans out over filters, backward sums over them.</p>" + window.draw(results)
    )


def _gradient(results: Results) -> str:
    return (
        "<p>How much of a unit of gradient does a reduction send back, and to how many channels? For standard "
        "normal responses that has a number, and for most reductions a formula.</p>"
        + _wide(measures.reductions(results), measures.energy(results))
    )


def _proved(results: Results) -> str:
    found = {record["name"]: record for record in results.where("statement")}
    parts = []
    for statement in statements.STATEMENTS:
        record = found.get(statement.name)
        if record is None:
            seen = markup.missing("its numerical confirmation", "")
        else:
            verdict = "✓ confirmed" if record["holds"] else "✗ not confirmed"
            style = "holds" if record["holds"] else "fails"
            seen = (
                f'<p class="small"><span class="verdict {style}">{verdict}</span> through the engine: '
                f"{markup.escape(statement.measure)} is {record['value']:.2g}, allowed {record['bound']:.2g}.</p>"
            )
        parts.append(f"<h3>{markup.maths(statement.claim)}</h3><p>{markup.maths(statement.proof)}</p>{seen}")
    return (
        "<p>These are no findings: each is proved in two lines, then confirmed in numbers through the engine.</p>"
        + "".join(parts)
        + "<h3>The same in trainings</h3>"
        + _wide(measures.equivalence(results), measures.negatives(results))
        + measures.start(results)
    )


def _relatives() -> str:
    items = "".join(
        f"<li><strong>{markup.escape(name)}</strong> ({markup.escape(source)}) {markup.escape(what)}.</li>"
        for name, source, what in RELATIVES
    )
    return (
        "<p>No paper that isolates the choice of the sum over channels is known to us. These come "
        f"close.</p><ul>{items}</ul>"
    )
