"""What the page says, by verdict: a verdict that changes changes the sentence. No number stands in here.

`SENTENCES[number][verdict]` is the sentence of a hypothesis; `answer` joins three of them into the page's
answer.
"""

from __future__ import annotations

from collections.abc import Mapping

UNKNOWN = "not run"

# What the accepted answer and a comment claim, in order; the hypotheses that test it, and how they sharpen it.
CLAIMS: list[tuple[str, str, tuple[int, ...]]] = [
    (
        "The weights are learnable: where channels cancel, the loss is big, the gradients are big, and the weights "
        "change.",
        "as big as at a random start, and changed in every seed",
        (5, 6),
    ),
    (
        "Where a filter does not match a patch, its response is close to zero, so nothing is lost in the sum.",
        "for 95 % of patches",
        (7,),
    ),
    ("After some training most kernel values are close to zero.", "more than at the start, and not needed", (8,)),
    (
        "The sum is efficient: forward and backward are vectorizable.",
        "ahead by half of a maximum that keeps as little memory",
        (13,),
    ),
    ("The sum lets gradients flow.", "and nothing that is not affine does as well", (9,)),
    (
        "A convolution is a linear layer with shared weights, and every linear layer would have the same problem.",
        "",
        (),
    ),
    ("It cancels only if features are correlated or specially crafted.", "on digits with a common part", (12,)),
    ("(A comment:) The mean is the sum with the weights divided by N.", "to rounding, in training too", (1,)),
]

SENTENCES: dict[int, dict[str, str]] = {
    1: {
        "holds": "Mean, sum + 17 and alternating signs are the sum in disguise: rescale weights and learning rate, "
        "and training follows the very same losses.",
        "fails": "Mean, sum + 17 and alternating signs should be the sum in disguise; the losses measured here "
        "stray further than rounding explains.",
    },
    2: {
        "holds": "Before any training an opponent edge is no special case: with Gaussian weights it is answered by "
        "the same law as an aligned edge.",
        "fails": "Before any training, opponent and aligned edges were not answered by the same law, by the "
        "criterion set beforehand.",
    },
    3: {
        "holds": "One filter alone can lose what a bank of eight keeps.",
        "fails": "The expected picture, one filter loses and a bank of eight keeps, is not what was measured by "
        "the criterion set beforehand; the table says on which task.",
    },
    4: {
        "holds": "With one slice shared by all channels the worry is right: such a filter is left guessing.",
        "fails": "Even with one slice shared by all channels, not every one of the three tasks was reduced to "
        "guessing.",
    },
    5: {
        "holds": "Where channels cancel exactly, loss and gradient are at least as large as at a random start.",
        "fails": "Cancellation does not announce itself by a big loss and a big gradient: a start that cancels "
        "exactly did not have both at least as large as a random start.",
    },
    6: {
        "holds": "Training leaves even a start at which every opponent edge cancels, in every seed.",
        "fails": "Training does not always leave a start at which every opponent edge cancels.",
    },
    7: {
        "holds": "A trained filter answers a patch that it does not match with almost nothing.",
        "fails": "A trained filter does answer patches that it does not match, and often by more than almost nothing.",
    },
    8: {
        "holds": "After training, more weights lie near zero than at the start, and the smaller half can go.",
        "fails": "After training it is not so that most weights lie near zero, or that the smaller half can go for "
        "free.",
    },
    9: {
        "holds": "Through ten layers the sum keeps its gradient, and no reduction that is not affine does so under "
        "both initialisations.",
        "fails": "Gradient flow does not single out the sum: by the criterion set beforehand, either the sum "
        "leaves the range or another reduction stays in it too.",
    },
    10: {
        "holds": "The sum is more accurate than the maximum, averaged over tasks.",
        "fails": "The sum is not the more accurate choice: it does not beat the maximum by the margin set beforehand.",
    },
    11: {
        "holds": "A reduction that is even in the responses cannot tell an edge from its negative, and guesses.",
        "fails": "A reduction that is even in the responses was expected to guess on polarity; not all of them do.",
    },
    12: {
        "holds": "On digits that only a difference of channels shows, trained channels cancel no more than chance "
        "would have them, and slices of their own gain little over a shared one.",
        "fails": "On digits that only a difference of channels shows, cancelling is of use: channels cancel more "
        "than chance would have them, or slices of their own gain more over a shared one than the criterion allows.",
    },
    13: {
        "holds": "The sum is the cheapest: a maximum that keeps as little memory takes half as long again, or longer.",
        "fails": "The sum is not ahead in time of a maximum that keeps as little memory, by the margin set beforehand.",
    },
}


def sentence(number: int, verdict: str) -> str:
    """The sentence for a hypothesis that was judged."""
    return SENTENCES[number].get(verdict, f"On hypothesis {number} the records do not decide either way.")


def answer(
    verdicts: Mapping[int, str], reached: Mapping[str, float], accuracy: Mapping[tuple[str, int], float]
) -> list[str]:
    """The answer in three sentences: what the sum does, what cancels, what is not so.

    `reached` is the mean number of channels (of three) that a unit of gradient reaches in picture 1, by arm; `accuracy`
    the sum's mean accuracy by task and number of filters.
    """
    return [
        _sum(verdicts.get(1, UNKNOWN), reached),
        _cancellation(verdicts.get(4, UNKNOWN), verdicts.get(6, UNKNOWN), accuracy),
        _rivals({number: verdicts.get(number, UNKNOWN) for number in _RIVALRY}),
    ]


def _sum(disguise: str, reached: Mapping[str, float]) -> str:
    same = "should be (our runs disagree)" if disguise == "fails" else "is"
    first = (
        f"Averaging, or adding 17, {same} the sum again with its weights rescaled or its bias moved, and of all ways "
        "to merge channels only the sum and its like send back a gradient that does not depend on the data"
    )
    if "sum" in reached and "max" in reached:
        return (
            f"{first}: a unit of gradient at the output comes back whole to {reached['sum']:.2g} of 3 channels, "
            f"where a maximum sends it to {reached['max']:.2g}, so that every slice of the filter learns at every "
            "position."
        )
    return f"{first}, so that every slice of the filter learns at every position."


def _cancellation(tied: str, escape: str, accuracy: Mapping[tuple[str, int], float]) -> str:
    shared = {
        "holds": "Your worry is right where all channels share one slice, which leaves a filter guessing",
        "fails": "Even where all channels share one slice your worry is not right on each of three tasks",
    }.get(tied, "Red and blue can cancel in a filter")
    if {("presence", 1), ("relation", 1), ("presence", 8), ("relation", 8)} <= accuracy.keys():
        alone, eight = ([f"{100 * accuracy[task, F]:.1f} %" for task in ("presence", "relation")] for F in (1, 8))
        kept = (
            f"with a slice for each channel, one filter alone was right on whether there is an edge in {alone[0]} "
            f"and on whether red’s and blue’s oppose in {alone[1]}, a bank of eight in {eight[0]} and {eight[1]}"
        )
    else:
        kept = "these records do not decide what one filter loses and a bank keeps"
    way_out = {
        "holds": "and training left even a start at which all of them cancel.",
        "fails": "but training did not always leave a start at which all of them cancel.",
    }.get(escape, "and whether training leaves a start at which all of them cancel, they do not decide.")
    return f"{shared}; {kept}, {way_out}"


_RIVALRY = {
    10: "more accurate than a maximum by more than a point",
    9: "singled out by gradient flow through depth",
    13: "cheaper by half or more than a maximum that keeps as little memory",
}


def _rivals(verdicts: Mapping[int, str]) -> str:
    parts = []
    for verdict, words in (("holds", "it is {}"), ("fails", "it is not {}"), ("", "undecided here: {}")):
        named = [
            _RIVALRY[number]
            for number, given in verdicts.items()
            if (given == verdict if verdict else given not in ("holds", "fails"))
        ]
        if named:
            parts.append(words.format(_join(named)))
    return f"Measured against other reductions, {'; '.join(parts)}.".replace(" it is", " the sum is", 1)


def _join(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
