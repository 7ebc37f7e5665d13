"""The parts of the page in their order: for each its words, its claims and its pictures.

A claim's own words are in its file in `claims/` and stand only beside the verdict that they were written for. The words
here say what was done and hold for any records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from minigrad.study import methods, statements
from minigrad.study.claims import Verdict, others
from minigrad.study.claims.claim import Missing
from minigrad.study.figures import broadcast, markup, measures, window
from minigrad.study.foreign import section
from minigrad.study.records import Results
from minigrad.study.relatives import RELATIVES

Piece: TypeAlias = str | Callable[[Results], str]  # a claim's name, or what makes HTML of records

MARKS = {  # verdict -> its mark and its class in page.css
    "holds": ("✓ holds", "holds"),
    "fails": ("✗ fails", "fails"),
    "undecided": ("? undecided", "undecided"),
    "open": ("… open", "undecided"),
    "too few seeds": ("– too few seeds to judge", "not-run"),
    "not judged": ("– not judged: too little was run", "not-run"),
}


@dataclass(frozen=True)
class Part:
    """A part of the page: its name in links, its title, a short one, and its pieces in order.

    published: whether it stands on the page of a whole study alone, for it says nothing of what was run here.
    """

    name: str
    title: str
    short: str
    pieces: tuple[Piece, ...]
    published: bool = False

    def body(self, results: Results, found: Mapping[str, Verdict]) -> str:
        """Its HTML."""
        return "".join(
            _claim(found[piece], results) if isinstance(piece, str) else piece(results) for piece in self.pieces
        )


def place(name: str) -> str:
    """Where a claim stands on the page."""
    return f"claim-{name.replace(' ', '-')}"


def mark(verdict: str) -> str:
    """A verdict as the page writes it."""
    text, style = MARKS[verdict]
    return f'<span class="verdict {style}">{text}</span>'


def prediction(verdict: Verdict) -> str:
    """What was predicted, what was measured, and what is open."""
    claim = verdict.claim
    return (
        f"<span class=small>Holds if: {markup.escape(claim.prediction)}.<br>"
        f"Measured: {markup.escape(verdict.measured)}."
        + (f"<br>Open: {markup.escape(claim.open)}" if verdict.verdict == "open" else "")
        + "</span>"
    )


def _claim(verdict: Verdict, results: Results) -> str:
    """A claim's words, if these records give the verdict that they were written for; its picture and its limits."""
    claim = verdict.claim
    said = ""
    if verdict.verdict == claim.written_for:
        with suppress(Missing):  # words whose numbers were not measured are left out
            numbers = claim.numbers(results)
            said = "".join(f"<p>{paragraph.format(**numbers)}</p>" for paragraph in claim.prose.split("\n"))
    limits = markup.details("Prediction, limits and measurement", f"<p>{prediction(verdict)}</p>")
    title = f'<h3 id="{place(claim.name)}">{markup.escape(claim.claim)} {mark(verdict.verdict)}</h3>'
    return f"{title}{said}{claim.draw(results)}{limits}"


def _wide(*tables: str) -> str:
    return "".join(f'<div class="wide">{table}</div>' for table in tables)


def _words(text: str) -> Callable[[Results], str]:
    return lambda results: f"<p>{text}</p>"


# ------------------------------------------------------------------------------------------ pieces that are no claims

DOSE = (
    "An index of cancellation says little by itself: three answers of random sign lose some of their sum by chance. "
    "So everything below is the <em>excess</em>: how much of the answers a trained filter’s sum cancels, minus what "
    "random signs of the same answers would. Above 0 the weights make channels cancel, below 0 they make them agree."
)


def _both_ways(results: Results) -> str:
    """The window, forward and backward."""
    return (
        "<p>Forward, a convolution sums over input channels. Backward, the same sum is a copy: the gradient of one "
        "output cell goes, unchanged, to each slice that helped to make it. Over a bank of filters the roles change "
        "places: forward fans out over filters, backward sums over them.</p>" + window.draw(results)
    )


def _energy(results: Results) -> str:
    """How much of a unit of gradient comes back."""
    return (
        "<p>How much of a unit of gradient does a reduction send back, and to how many channels? For standard normal "
        "responses that has a number, and for most reductions a formula.</p>"
        + markup.details("The reductions in numbers", _wide(measures.reductions(results), measures.energy(results)))
    )


def _proved(results: Results) -> str:
    """Identities, each with its proof and its check."""
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
                f"{markup.maths(statement.measure)} is {record['value']:.2g}, allowed {record['bound']:.2g}.</p>"
            )
        parts.append(f"<h3>{markup.maths(statement.claim)}</h3><p>{markup.maths(statement.proof)}</p>{seen}")
    return (
        "<p>These are no findings: each is proved in two lines, then confirmed in numbers through the engine.</p>"
        + "".join(parts)
        + "<h3>The same in trainings</h3>"
        + _wide(measures.equivalence(results), measures.negatives(results))
        + measures.start(results)
    )


def _relatives(results: Results) -> str:
    """What others measured that comes close."""
    items = "".join(
        f"<li><strong>{markup.escape(name)}</strong> ({markup.escape(source)}) {markup.maths(what)}.</li>"
        for name, source, what in RELATIVES
    )
    return (
        "<p>No paper that isolates the choice of the sum over channels is known to us. These come "
        f"close.</p><ul>{items}</ul>"
    )


def _changed(results: Results) -> str:
    """What the second edition corrects."""
    return f"<ul>{''.join(f'<li>{item}</li>' for item in CHANGED)}</ul>"


CHANGED = (
    "Trainings ran 120 to 200 minibatches. They now run until their curves are flat. Two verdicts turned: the sum is "
    "ahead of a maximum where a difference of channels matters, and channels cancel more than chance there.",
    "Learning rates were chosen by test images, once for several tasks. Now each reduction has its own rate for each "
    "task, chosen by images and seeds that judge nothing. So the sum no longer loses to itself under another name.",
    "The first edition held that some starts that cancel are never left, and explained it by the symmetry of the data. "
    "It had stopped too soon. Rounding errors break that symmetry, in float64 later than in float32.",
    "A difference between free and tied slices was worked out with the wrong reduction.",
    "Identities stood among the findings. They are now proved apart.",
    "Weights near zero were counted only by the width that they had at the start. Now also by each filter’s own.",
    "Estimates without a width were called decided, and verdicts took in reductions that were added later. Now every "
    "estimate has an interval, and a verdict keeps to the reductions, tasks and seeds that were named before.",
    "New: dose and response, the causes of a step, what sums keep of a photograph, and networks that others trained.",
)


PARTS = (
    Part("why", "Why trained channels cancel", "why they cancel", (_words(DOSE), "dose", "split", "crafted")),
    Part("both-ways", "Forward adds, backward copies", "both ways", (_both_ways,)),
    Part("routing", "Broadcast or routing", "broadcast or routing", (broadcast.draw, _energy, "flow")),
    Part("cancelling", "From a start that cancels everything", "escape", ("start", "escape", "arrive", "mirror")),
    Part("kept", "What is lost", "what is lost", ("bank", "lost", "unmatched", "near zero")),
    Part("arms", "Is the sum better than something else?", "other reductions", ("accuracy", "cost")),
    Part("networks", others.TITLE, "networks of others", (lambda results: section.of_others(),), published=True),
    Part("own", others.OWN_TITLE, "your network", (lambda results: section.of_your_own(),), published=True),
    Part("proved", "What can be proved", "proofs", (_proved,)),
    Part("methods", "How it was measured", "methods", (methods.describe,)),
    Part("relatives", "Relatives", "relatives", (_relatives,), published=True),
    Part("changed", "What changed since the first edition", "what changed", (_changed,), published=True),
)
