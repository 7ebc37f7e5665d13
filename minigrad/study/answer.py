"""What the page says first, written by hand: the answer, and what became of the accepted answer's claims.

The fields in braces are numbers from the records (`numbers`); there are no others in the text.
"""

from __future__ import annotations

from typing import NamedTuple

from minigrad.study.claims import accuracy, bank, cost, dose, escape
from minigrad.study.records import Results

ANSWER = (
    "A filter is one dot product with a patch of three colours, and a dot product adds. Averaging, or adding 17, is "
    "the same network with other weights.",
    "Red and blue cancel in a filter because its weights were trained to. Training aligns what the channels agree on. "
    "It cancels what they share where the label is in their difference. Nothing is lost by that, for other filters "
    "keep the rest: one filter finds {presence_1} of the opponent edges, eight find {presence_8}.",
    "Where no difference of channels matters, the sum is no more accurate than a maximum. It is only far cheaper.",
)


def numbers(results: Results) -> dict[str, str]:
    """The numbers of the answer and of the table of claims."""
    return {
        **{name: value.split(" [")[0] for name, value in bank.numbers(results).items()},
        **cost.numbers(results),
        **dose.numbers(results),
        **{f"escape_{name}": value for name, value in escape.numbers(results).items()},
        **{f"arms_{name}": value for name, value in accuracy.numbers(results).items()},
    }


class Row(NamedTuple):
    """A claim of the accepted answer or a comment, how it stands, why in a sentence, and where the page says more."""

    claim: str
    standing: str
    why: str
    parts: tuple[str, ...]


CLAIMS: list[Row] = []
