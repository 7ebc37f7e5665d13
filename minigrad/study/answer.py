"""What the page says first, written by hand: the answer, and what became of the accepted answer's claims.

The fields in braces are numbers from the records (`numbers`); there are no others in the text.
"""

from __future__ import annotations

from typing import NamedTuple

from minigrad.study.claims import accuracy, cost, dose, escape, flow, lost, near_zero, unmatched
from minigrad.study.records import Results

ANSWER = (
    "A filter is one dot product with a patch of three colours, and a dot product adds. Averaging, or adding 17, is "
    "the same network with other weights.",
    "Where red and blue cancel, the weights learned to. Training aligns what the channels agree on, and cancels what "
    "they share where the label is in their difference. So what is lost is a choice: one sum trained on a difference "
    "keeps {common_1_difference} of red minus blue, four trained on grey digits keep {correlated_4_difference}, and "
    "16 random ones {random_16_difference}.",
    "Where a difference of channels matters, the sum beats a maximum by {arms_common} of accuracy. Elsewhere we found "
    "no difference, but the sum is far cheaper.",
)


def numbers(results: Results) -> dict[str, str]:
    """The numbers of the answer and of the table of claims, without their intervals, which the parts give."""
    found = {
        **lost.numbers(results),
        **cost.numbers(results),
        **dose.numbers(results),
        **unmatched.numbers(results),
        **{f"escape_{name}": value for name, value in escape.numbers(results).items()},
        **{f"flow_{name}": value for name, value in flow.numbers(results).items()},
        **{f"arms_{name}": value for name, value in accuracy.numbers(results).items()},
        **{f"zero_{name}": value for name, value in near_zero.numbers(results).items()},
    }
    return {
        name: value.split(" [")[0].removeprefix("+") if "_excess" not in name else value
        for name, value in found.items()
    }


class Row(NamedTuple):
    """A claim of the accepted answer or a comment, how it stands, why in a sentence, and where the page says more."""

    claim: str
    standing: str
    why: str
    parts: tuple[str, ...]


CLAIMS = (
    Row(
        "Where channels cancel, the loss is big, the gradients are big, and the weights change.",
        "half right",
        "The weights do change: every seed left such a start, half of them within {escape_presence_full_left} steps. "
        "But loss and gradients there were smaller than at a random start, not bigger.",
        ("cancelling",),
    ),
    Row(
        "Where a filter does not match a patch, its response is close to zero, so nothing is lost in the sum.",
        "wrong",
        "“Close to zero” needs a yardstick. At the second layer {share_2} of the answers are that small, and "
        "{random_2} for random directions. What keeps information is other filters.",
        ("kept",),
    ),
    Row(
        "After some training most kernel values are close to zero.",
        "wrong",
        "{zero_own_none} are, by each filter’s own size; a Gaussian has {zero_gaussian} there.",
        ("kept",),
    ),
    Row(
        "The sum is efficient: forward and backward are vectorizable.",
        "right",
        "It is the inner sum of a matrix product. A maximum of as little memory takes {C64} times as long.",
        ("arms",),
    ),
    Row(
        "The sum lets gradients flow.",
        "half right",
        "It does, and so do others: {flow_he} from the same start, and {flow_unit} from one that suits each.",
        ("routing",),
    ),
    Row(
        "A convolution is a linear layer with shared weights, and every linear layer would have the same problem.",
        "right",
        "It is a sparse matrix whose entries are shared. That is proved, and checked through the engine.",
        ("proved",),
    ),
    Row(
        "It cancels only if features are correlated or specially crafted.",
        "half right",
        "Correlated channels alone make the weights agree. They cancel where what the channels share hides a "
        "difference that matters. Of four first layers of other networks that see colours, all lean that way, one "
        "beyond chance.",
        ("why", "networks"),
    ),
    Row(
        "(A comment:) The mean is the sum with the weights divided by N.",
        "right",
        "To rounding, in training too, if the learning rate is adapted.",
        ("proved",),
    ),
    Row(
        "(A comment nobody answered:) Is there a paper that compares operations?",
        "here it is",
        "None that isolates the sum over channels is known to us. This page compares twelve; its relatives are listed.",
        ("arms", "relatives"),
    ),
    Row(
        "(Another:) Is there an operation that is efficient, differentiable and without vanishing gradients?",
        "not among these",
        "The L2 norm keeps its gradient as well as the sum, but it cannot tell a picture from its negative.",
        ("routing", "arms"),
    ),
)
