"""The study's page: one self-contained file, made from the records alone.

The page of a whole full study, `why_sum.html`, is written by hand in `answer.py`, `parts.py` and `claims/`; its numbers
come from the records. Records that turn a verdict get no words that were written for another one. A run of fewer
seeds, tasks or arms gets a short page of its own that shows and does not judge. What was not run is named where it
would stand. Pictures and tables are in `figures/`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from minigrad.study import answer
from minigrad.study.arms import ARMS
from minigrad.study.claims import Verdict, verdicts
from minigrad.study.claims.claim import Missing
from minigrad.study.figures import edge, markup
from minigrad.study.jobs import FULL
from minigrad.study.parts import PARTS, mark, place, prediction
from minigrad.study.records import Record, Results
from minigrad.study.tasks import TASKS

QUESTION = "https://stats.stackexchange.com/questions/326643"


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
        with suppress(OSError):
            draft.unlink()
        raise
    return path


def whole(results: Results) -> bool:
    """Whether these are records of a full study with all of its seeds, tasks and arms, and perhaps more."""
    study = results.one("study")
    return study is not None and all(set(study[k]) >= set(getattr(FULL, k)) for k in ("seeds", "tasks", "arms"))


def turned(found: list[Verdict]) -> list[Verdict]:
    """The verdicts that are not those that the page's text was written for."""
    return [v for v in found if v.verdict != v.claim.written_for]


def page(results: Results) -> str:
    """The page as HTML; the order in which the records came does not show in it."""
    results = _in_order(results)
    found = verdicts(results)
    by_name = {verdict.claim.name: verdict for verdict in found}
    parts = [part for part in PARTS if whole(results) or not part.published]
    links = " · ".join(f'<a href="#{part.name}">{markup.escape(part.title)}</a>' for part in parts)
    sections = "".join(
        f'<section id="{part.name}"><h2>{markup.escape(part.title)}</h2>{part.body(results, by_name)}</section>'
        for part in parts
    )
    if not whole(results):
        top, lead = _your_machine(results), ""
    elif turned(found) or not (numbers := _numbers(results)):
        top, lead = _turned(turned(found)), _judged(found)
    else:
        top, lead = _answer(numbers), _claims(numbers) + _judged(found)
    first = f'<div class="first">{top}{edge.draw(results)}</div>'
    return _document(first, links, f"{lead}\n{sections}")


def summary(results: Results) -> str:
    """What the page says first, as text: the answer; of a part of the study how much was run, and what measures all."""
    if not whole(results):
        return _scope(results)
    if turned(verdicts(results)) or not (numbers := _numbers(results)):
        return ""
    return "\n\n".join(paragraph.format(**numbers) for paragraph in answer.ANSWER)


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
<p class="asked">Why not average them, or add 17? And where an edge rises in red and falls in blue, the answers cancel:
is information not lost? <a href="{QUESTION}">So asks a much-read question.</a></p>
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


# -------------------------------------------------------------------------------------------------- the first screen


def _numbers(results: Results) -> dict[str, str]:
    """The numbers of the first screen; empty if one of them was not measured."""
    try:
        return answer.numbers(results)
    except Missing:
        return {}


def _answer(numbers: Mapping[str, str]) -> str:
    said = "".join(f"<p>{paragraph.format(**numbers)}</p>" for paragraph in answer.ANSWER)
    return f'<div class="answer">{said}</div>'


def _claims(numbers: Mapping[str, str]) -> str:
    rows = [
        [
            f"{'' if row.claim.startswith('(') else f'{number}. '}{markup.escape(row.claim)}",
            f"<strong>{row.standing}</strong>",
            f"{row.why.format(**numbers)} {' '.join(_link(name) for name in row.parts)}",
        ]
        for number, row in enumerate(answer.CLAIMS, 1)  # comments come last and have none
    ]
    table = markup.table("What the accepted answer and its comments say", ["claim", "", "why"], rows, numbers_from=9)
    return f'<h2 id="claims">The accepted answer, claim by claim</h2><div class="wide verdicts claims">{table}</div>'


def _link(name: str) -> str:
    (title,) = [part.short for part in PARTS if part.name == name]
    return f'<a class=small href="#{name}">{title}</a>'


def _judged(found: list[Verdict]) -> str:
    rows = [
        [f'<a href="#{place(v.claim.name)}">{markup.escape(v.claim.claim)}</a>', prediction(v), mark(v.verdict)]
        for v in found
    ]
    table = markup.table("Written down before the run", ["claim", "prediction and measurement", ""], rows, 9)
    return markup.details("All predictions, limits and verdicts", f'<div class="wide verdicts">{table}</div>')


def _turned(found: list[Verdict]) -> str:
    rows = "".join(f"<li>{markup.escape(v.claim.claim)}: {v.verdict}, not {v.claim.written_for}</li>" for v in found)
    return (
        '<div class="answer"><p><strong>Another verdict.</strong> These records turn what the published ones say. The '
        f"published text was written for those, so it is left out here.</p><ul>{rows}</ul></div>"
    )


def _scope(results: Results) -> str:
    study = results.one("study")
    if study is None:
        return ""
    counts = ", ".join(
        f"{len(study[k])} {words if len(study[k]) > 1 else words[:-1]}"
        for k, words in (("arms", "reductions"), ("tasks", "tasks"), ("seeds", "seeds"))
    )
    return (
        f"{counts}: enough to see what is measured and how, too few to judge. "
        "`python -m minigrad.study --report-only --out published` gives the answer of the published records, "
        "`python -m minigrad.study --full` measures all of it."
    )


def _your_machine(results: Results) -> str:
    said = re.sub(r"`([^`]+)`", r"<code>\1</code>", markup.escape(_scope(results)))
    return said and f'<div class="answer"><p><strong>Your machine.</strong> {said}</p></div>'
