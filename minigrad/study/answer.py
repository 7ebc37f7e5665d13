"""What the page says first, written by hand: the answer, and what became of the accepted answer's claims.

The fields in braces are numbers from the records (`numbers`); there are no others in the text.
"""

from __future__ import annotations

from minigrad.study.claims import bank, cost
from minigrad.study.claims.claim import need
from minigrad.study.figures import broadcast
from minigrad.study.records import Results

ANSWER = (
    "A filter is one dot product with a patch of three colours. Averaging, or adding 17, is the sum again with its "
    "weights rescaled or its bias moved. Only such a reduction sends back a gradient that does not depend on the data: "
    "of a unit at the output, the sum hands it whole to {sum} of 3 channels, a maximum to {max}. Edges that cancel in "
    "one filter are not lost, for other filters keep them: after a short training, eight filters recognised an "
    "opponent edge in {presence_8} of the cases, one in {presence_1}. And the sum is cheap: a maximum of as little "
    "memory took {C64} times as long."
)
STANDING = (
    "These are the records of the first edition. Its trainings were short. Where that leaves a claim open, it says so "
    "below; a longer run is to come."
)


def numbers(results: Results) -> dict[str, str]:
    """The numbers of the answer."""
    reached = {arm: broadcast.received(need(results, "maps", arm=arm)[0])[0] for arm in ("sum", "max")}
    return {arm: f"{value:.2g}" for arm, value in reached.items()} | bank.numbers(results) | cost.numbers(results)


# what the accepted answer and a comment claim, in order; how that stands, why, and the parts of the page that say more
CLAIMS: list[tuple[str, str, str, tuple[str, ...]]] = [
    (
        "The weights are learnable: where channels cancel, the loss is big, the gradients are big, and the weights "
        "change.",
        "first half wrong",
        "On average, loss and gradient were smaller at a start that cancels than at a random one. The weights do "
        "change; whether they leave every such start is open.",
        ("start", "escape"),
    ),
    (
        "Where a filter does not match a patch, its response is close to zero, so nothing is lost in the sum.",
        "open",
        "“Close to zero” needs a yardstick; beside random directions little is seen so far.",
        ("unmatched",),
    ),
    (
        "After some training most kernel values are close to zero.",
        "open",
        "Measured only by the width that the weights had at the start.",
        ("near zero",),
    ),
    (
        "The sum is efficient: forward and backward are vectorizable.",
        "right",
        "It is the inner sum of a matrix product; a maximum that keeps as little memory takes several times as long.",
        ("cost",),
    ),
    (
        "The sum lets gradients flow.",
        "half right",
        "It does, and so do some others.",
        ("flow",),
    ),
    (
        "A convolution is a linear layer with shared weights, and every linear layer would have the same problem.",
        "right",
        "It is a sparse matrix whose entries are shared.",
        ("proved",),
    ),
    (
        "It cancels only if features are correlated or specially crafted.",
        "open",
        "On the task that was made to need cancelling, training stopped before it was learned.",
        ("crafted",),
    ),
    (
        "(A comment:) The mean is the sum with the weights divided by N.",
        "right",
        "To rounding, in training too.",
        ("proved",),
    ),
]  # fmt: skip
