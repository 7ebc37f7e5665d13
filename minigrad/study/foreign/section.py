"""The page's parts on networks that others trained, and on one's own."""

from __future__ import annotations

from minigrad.study.claims import others
from minigrad.study.figures import markup
from minigrad.study.figures import others as figures
from minigrad.study.foreign.recorded import load
from minigrad.study.records import Results


def of_others(results: Results | None = None) -> str:
    """What was found in networks of others, as HTML: prose, picture, predictions and numbers.

    The records are those that come with minigrad, whatever was run here. Where they do not give the verdicts that the
    prose was written for, it stays off the page.
    """
    results = load() if results is None else results
    found = others.summarise(results)
    if len(found) < len(others.COHORT):
        return markup.missing("networks that others trained", "")
    counted = others.outcomes(results)
    holds = all(outcome.holds for outcome in counted)
    words = others.PROSE.format(**others.numbers(results)) if holds else "<p>A prediction failed: see the counts.</p>"
    return (
        words
        + figures.draw(found)
        + markup.details("Predictions, limits and counts", figures.predictions(counted))
        + markup.details("The numbers of each network", f'<div class="wide">{figures.table(found)}</div>')
        + '<p class="small">Photographs and the page of text are scikit-image’s. The packages are pinned in '
        "<code>examples/networks/packages.txt</code>; <code>python examples/networks/record.py</code> measures them "
        "again. No weights come with minigrad.</p>"
    )


def of_your_own() -> str:
    """How to measure a network of one's own, as HTML."""
    return others.OWN
