"""The study's page, `why_sum.html`: one self-contained file, made from the records and the verdicts alone.

Order: the question, the answer, picture 1, the verdicts, then a part for each thing one might ask next, then methods
and relatives. What was not run is named where it would stand. The sentences that depend on a verdict are in
`words.py`; pictures and tables are in `figures/`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from minigrad.study import statements, words
from minigrad.study.experiment import DEVIATIONS
from minigrad.study.figures import accuracy, broadcast, depth, film, filters, markup, measures, slider, window
from minigrad.study.hypotheses import Verdict, judge
from minigrad.study.records import Record, Results
from minigrad.study.reductions import ARMS
from minigrad.study.relatives import RELATIVES
from minigrad.study.tasks import TASKS

QUESTION = "https://stats.stackexchange.com/questions/326643"
MARKS = {"holds": "✓ holds", "fails": "✗ fails", "undecided": "? undecided", words.UNKNOWN: "– not run"}


def write(results: Results, path: str | Path) -> Path:
    """Write the page; an existing one is replaced in one step, so a reader never finds half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".tmp")
    try:
        draft.write_text(page(results), encoding="utf-8")
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return path


def page(results: Results) -> str:
    """The whole page as HTML; the order in which the records came does not show in it."""
    results = _in_order(results)
    verdicts = judge(results)
    given = {verdict.number: verdict for verdict in verdicts}
    reached = {record["arm"]: broadcast.received(record)[0] for record in results.where("maps")}
    kept = {
        (r["task"], r["F"]): markup.mean_interval(r["accuracy"])[0] for r in results.where("run", arm="sum", init="he")
    }
    sentences = words.answer({number: verdict.verdict for number, verdict in given.items()}, reached, kept)
    answer = markup.escape(" ".join(sentences))
    parts = [(name, title, draw(results, given)) for name, title, draw in PARTS]
    links = " · ".join(f'<a href="#{name}">{markup.escape(title)}</a>' for name, title, _ in parts)
    sections = "".join(
        f'<section id="{name}"><h2>{markup.escape(title)}</h2>{body}</section>' for name, title, body in parts
    )
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
<p class="answer"><strong>The answer.</strong> {answer}</p>
{_scope(results)}
<nav aria-label="Parts of this page">{links}</nav>
</header>
<main>
{broadcast.draw(results)}
<h2 id="verdicts">The claims, measured</h2>
{_verdicts(verdicts)}
{sections}
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


def _scope(results: Results) -> str:
    study = results.one("study")
    if study is None or study["profile"] == "full":
        return ""
    counts = f"{len(study['arms'])} reductions, {len(study['tasks'])} tasks, {len(study['seeds'])} seeds"
    return (
        f'<p class="small">These are the numbers of a quick run: {counts}. What it leaves open is named in its place; '
        "<code>python -m minigrad.study --full</code> measures all of it.</p>"
    )


def _asset(name: str) -> str:
    return files("minigrad.study").joinpath(name).read_text(encoding="utf-8")


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    marks = {verdict.number: _mark(verdict.verdict) for verdict in verdicts}
    claims = "".join(f"<li>{_claim(*claim, marks)}</li>" for claim in words.CLAIMS)
    rows = [
        [
            f'<span id="H{verdict.number}">H{verdict.number}</span>',
            f"{markup.escape(verdict.claim)}<br><span class=small>Holds if: {markup.escape(verdict.criterion)}</span>",
            markup.escape(verdict.measured),
            _mark(verdict.verdict),
        ]
        for verdict in verdicts
    ]
    caption = "Hypothesis, what was measured, verdict; brackets are 95 % intervals"
    table = markup.table(caption, ["", "hypothesis", "measured", "verdict"], rows, numbers_from=9)
    return (
        f"<p>What the accepted answer says, and what became of it:</p><ol>{claims}</ol>"
        "<p>Hypotheses and criteria were written down before the full run; the program gives the verdicts. A claim "
        f'that fails, fails.</p><div class="wide verdicts">{table}</div>'
    )


def _claim(claim: str, sharpened: str, numbers: tuple[int, ...], marks: Mapping[int, str]) -> str:
    if not numbers:
        return f'{markup.escape(claim)} <a class=small href="#proved">Proved below</a>'
    unknown = _mark(words.UNKNOWN)
    tests = ", ".join(f'<a href="#H{number}">H{number}</a> {marks.get(number, unknown)}' for number in numbers)
    return f"{markup.escape(claim)}<br><span class=small>Tested ({markup.escape(sharpened)}): {tests}</span>"


def _mark(verdict: str) -> str:
    return f'<span class="verdict {verdict.replace(" ", "-")}">{MARKS[verdict]}</span>'


Given = Mapping[int, Verdict]


def _say(given: Given, *numbers: int) -> str:
    sentences, explanations, open_ = [], [], []
    for number in numbers:
        link = f'<a class=small href="#H{number}">H{number}</a>'
        verdict = given.get(number)
        if verdict is None or verdict.verdict == words.UNKNOWN:
            open_.append(link)
            continue
        sentences.append(f"{markup.escape(words.sentence(number, verdict.verdict))} {link}")
        if verdict.explanation:
            explanations.append(f"<p class=small>On H{number}: {markup.escape(verdict.explanation)}</p>")
    if open_:
        sentences.append(f"<span class=small>Not run here: {', '.join(open_)}.</span>")
    return f"<p>{' '.join(sentences)}</p>{''.join(explanations)}"


def _wide(*tables: str) -> str:
    return "".join(f'<div class="wide">{table}</div>' for table in tables)


def _both_ways(results: Results, given: Given) -> str:
    return (
        "<p>Forward, a convolution sums over input channels. Backward, the same sum is a copy: the gradient of one "
        "output cell goes, unchanged, to each slice that helped to make it. Over a bank of filters the roles change "
        "places: forward "
        "fans out over filters, backward sums over them.</p>" + window.draw(results)
    )


def _gradient(results: Results, given: Given) -> str:
    return (
        "<p>How much of a unit of gradient does a reduction send back, and to how many channels? For standard "
        "normal responses that has a number, and for most reductions a formula.</p>"
        + _wide(measures.reductions(results), measures.energy(results))
    )


def _cancelling(results: Results, given: Given) -> str:
    return (
        _say(given, 2, 3, 4)
        + slider.draw(results)
        + measures.start(results)
        + "<p>An index of cancellation means nothing by itself: independent responses of three channels "
        "cancel a good part of themselves by chance. So each curve below stands beside what random signs would "
        "give.</p>"
        + measures.cancellation(results)
        + _say(given, 12)
        + markup.details("Linear probes on one channel and on all", measures.probes(results))
    )


def _escaping(results: Results, given: Given) -> str:
    return _say(given, 5, 6) + film.draw(results) + _wide(measures.escape(results))


def _others(results: Results, given: Given) -> str:
    return (
        _say(given, 10, 11, 1)
        + accuracy.draw(results)
        + "<p>Under He initialisation all reductions start from the same weights, with the bias at zero, and learn at "
        "one rate for the whole network: not as the disguise of the mean or of sum + 17 would have it. So they may "
        "differ in the heat map; below they start and learn as their disguise says.</p>"
        + _wide(measures.equivalence(results))
    )


def _flow(results: Results, given: Given) -> str:
    return _say(given, 9) + depth.within(results) + depth.draw(results)


def _filters(results: Results, given: Given) -> str:
    return (
        _say(given, 7, 8)
        + filters.draw(results)
        + measures.unmatched(results)
        + markup.details("Near-zero weights and pruning", measures.weights(results))
        + _wide(measures.photographs(results))
    )


def _cost(results: Results, given: Given) -> str:
    return (
        _say(given, 13)
        + "<p>The sum over channels is the inner sum of one matrix product, so it costs nothing of its own. Other "
        "reductions keep a response for each channel, or walk over the channels one by one.</p>"
        + _wide(measures.cost(results))
    )


def _statements(results: Results, given: Given) -> str:
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
    return "<p>Each is proved in two lines, then confirmed in numbers through the engine.</p>" + "".join(parts)


def _methods(results: Results, given: Given) -> str:
    study = results.one("study") or {}
    runs = results.where("run")
    networks = sum(len(run["seeds"]) for run in runs)
    hours = sum(record.get("seconds") or 0.0 for record in results.records) / 3600
    profile = study.get("profile", "unknown")
    facts = [
        f"Profile {markup.escape(profile)}: {len(results)} records, {networks} networks trained for the accuracies, "
        f"{hours:.2f} hours of computing in all.",
        "Network: Conv 3 × 3 (3 → F, under test), ReLU, Conv 3 × 3 with stride 2, ReLU, mean over positions, "
        "linear; float32, and float64 for identities.",
        "Optimizer: Adam; for the starts that cancel, gradient descent with momentum 0.9.",
        "Fairness: the same batches and the same draws of weights per seed for all reductions; He initialisation, "
        "and one that centres each reduction’s output and scales it to unit variance.",
    ]
    if runs:
        seeds = sorted({len(run["seeds"]) for run in runs})
        facts.append(
            f"Test seeds per run: {', '.join(map(str, seeds))}. Steps: {_span(run['steps'] for run in runs)}; batch: "
            f"{_span(run['batch'] for run in runs)}."
        )
    if results.where("tune"):
        facts.append("Learning rates were tuned per reduction, with seeds of their own.")
    facts.append("Intervals are 95 % percentile bootstrap intervals over seeds; with few seeds they are too narrow.")
    if runs:
        facts += [f"Other than planned: {markup.escape(deviation)}" for deviation in DEVIATIONS]
    items = "".join(f"<li>{fact}</li>" for fact in facts)
    tables = markup.details("Learning rates tried and chosen", measures.tuning(results))
    return (
        f"<ul>{items}</ul>{tables}<p>Networks this small, on tasks this small, say what can happen and why; they do "
        "not say how often it happens in large networks on large data.</p>"
    )


def _span(values: Iterable[int]) -> str:
    found = sorted(set(values))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"


def _relatives(results: Results, given: Given) -> str:
    items = "".join(
        f"<li><strong>{markup.escape(name)}</strong> ({markup.escape(source)}) {markup.escape(what)}.</li>"
        for name, source, what in RELATIVES
    )
    return (
        "<p>No paper that isolates the choice of the sum over channels is known to us. These come "
        f"close.</p><ul>{items}</ul>"
    )


PARTS: list[tuple[str, str, Callable[[Results, Given], str]]] = [
    ("both-ways", "Forward adds, backward copies", _both_ways),
    ("gradient", "What of a gradient comes back", _gradient),
    ("cancelling", "When channels cancel", _cancelling),
    ("escaping", "Leaving a start that cancels", _escaping),
    ("others", "Sum, mean, + 17, maximum and the rest", _others),
    ("flow", "Gradient through depth", _flow),
    ("learned", "What filters learn", _filters),
    ("price", "What it costs", _cost),
    ("proved", "What can be proved", _statements),
    ("methods", "How it was measured", _methods),
    ("relatives", "Relatives", _relatives),
]
