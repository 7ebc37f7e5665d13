"""In networks that others trained: do channels cancel less than chance there, and why?

A network is one observation, for its layers are not independent. A prediction is counted over the nine networks of
the cohort and holds if it is right in at least as many as its limit says; 8 of 9 has p = 0.02 by a sign test.
The records are not those of a study's run: `examples/networks/record.py` made them, and they come with minigrad.

The predictions were formed on other images (`record.py --pilot`) and written down before the run on the final ones.
The weights are the same in both, so what is said of weights near zero is a count and no prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb, isnan
from statistics import median

from minigrad.channels.layer_sums import GAUSSIAN
from minigrad.study.records import Record, Results

COHORT = (
    "MTCNN P-Net", "MTCNN R-Net", "MTCNN O-Net", "ddddocr detector", "ddddocr reader",
    "RapidOCR detector", "RapidOCR direction", "RapidOCR reader", "Basic Pitch",
)  # fmt: skip


@dataclass(frozen=True)
class Summary:
    """One network: its record, its layers that have a sum, and all of its layers."""

    network: Record
    sums: Sequence[Record]
    layers: Sequence[Record]

    @property
    def first(self) -> Record:
        """The first layer with a sum."""
        return self.sums[0]

    @property
    def deeper(self) -> Sequence[Record]:
        """The other layers with a sum."""
        return self.sums[1:]

    @property
    def more(self) -> int:
        """How many deeper layers cancel more than slice flips, p < 0.05."""
        return sum(layer["p"] < 0.05 and layer["excess"] > 0 for layer in self.deeper)

    @property
    def less(self) -> int:
        """How many deeper layers cancel less than slice flips, p < 0.05."""
        return sum(layer["p"] < 0.05 and layer["excess"] < 0 for layer in self.deeper)

    def middle(self, value: Callable[[Record], float | None]) -> float:
        """The median over deeper layers of a value; NaN if none has it."""
        found = [number for layer in self.deeper if (number := value(layer)) is not None]
        return median(found) if found else float("nan")

    @property
    def typical(self) -> float:
        """The median excess of the deeper layers."""
        return self.middle(lambda layer: layer["excess"])

    @property
    def typical_centred(self) -> float:
        """The same with inputs of mean 0."""
        return self.middle(lambda layer: layer["centred"])

    @property
    def beyond_flips(self) -> float:
        """How far a deeper layer's index is from slice flips, in the median, where shuffles can be drawn."""
        return self.middle(lambda layer: None if layer["shuffled"] is None else abs(layer["excess"]))

    @property
    def beyond_shuffles(self) -> float:
        """How far a deeper layer's index is from its shuffles, in the median."""
        return self.middle(lambda layer: _apart(layer["index"], layer["shuffled"]))

    @property
    def near_zero(self) -> float:
        """The median layer's share of weights near zero."""
        return float(median(layer["near_zero"] for layer in self.layers if layer["near_zero"] is not None))


def _apart(index: float, shuffled: float | None) -> float | None:
    return None if shuffled is None else abs(index - shuffled)


def summarise(results: Results) -> list[Summary]:
    """The networks of the cohort that these records have."""
    found = []
    for name in COHORT:
        network = results.one("network", name=name)
        layers = sorted(results.where("layer", network=name), key=lambda layer: layer["number"])
        sums = [layer for layer in layers if layer["p"] is not None]
        if network is not None and sums:
            found.append(Summary(network, sums, layers))
    return found


@dataclass(frozen=True)
class Prediction:
    """What is said of every network of a group, and in how many of them it has to be right."""

    name: str
    words: str
    limit: int
    right: Callable[[Summary], bool]
    asked: Callable[[Summary], bool] = lambda summary: True


PREDICTIONS = (
    Prediction(
        "deeper layers",
        "beyond the first layer, more layers cancel less than slice flips than more (p < 0.05), in at least 8 of 9 "
        "networks",
        8,
        lambda s: s.less > s.more,
    ),
    Prediction(
        "typical layer",
        "the median of the excess over the layers beyond the first is below 0, in at least 8 of 9 networks",
        8,
        lambda s: s.typical < 0,
    ),
    Prediction(
        "means",
        "beyond the first layer, the index is closer to that of weights shuffled within their slices than to slice "
        "flips, in the median, in at least 7 of the 8 networks that have such layers",
        7,
        lambda s: s.beyond_shuffles < s.beyond_flips,
        lambda s: not isnan(s.beyond_shuffles),
    ),
    Prediction(
        "colours",
        "the first layer cancels more than slice flips, in all four networks that see coloured photographs",
        4,
        lambda s: s.first["excess"] > 0,
        lambda s: bool(s.network["colour"]),
    ),
    Prediction(
        "unmatched",
        "beyond the first layer, the median layer has fewer answers near zero than filters of random direction, in at "
        "least 8 of 9 networks",
        8,
        lambda s: s.middle(lambda layer: layer["unmatched"] - layer["orthogonal"]) < 0,
    ),
)


@dataclass(frozen=True)
class Outcome:
    """A prediction beside what was counted; p is that of a sign test against a coin."""

    prediction: Prediction
    right: int
    asked: int

    @property
    def holds(self) -> bool:
        """Whether it is right in enough networks."""
        return self.right >= self.prediction.limit

    @property
    def p(self) -> float:
        """The chance that a coin for each network would be right as often."""
        return float(sum(comb(self.asked, k) for k in range(self.right, self.asked + 1)) / 2**self.asked)


def outcomes(results: Results) -> list[Outcome]:
    """Every prediction, counted."""
    found = summarise(results)
    asked = [[s for s in found if p.asked(s)] for p in PREDICTIONS]
    return [Outcome(p, sum(map(p.right, group)), len(group)) for p, group in zip(PREDICTIONS, asked, strict=True)]


def near_zero(results: Results) -> tuple[int, int]:
    """How many networks have more weights near zero than a Gaussian in their median layer, and how many there are."""
    found = summarise(results)
    return sum(s.near_zero > GAUSSIAN for s in found), len(found)


# ------------------------------------------------------------------------------------------------- for the page

TITLE, OWN_TITLE = "In networks that others trained", "Your own network"

PROSE = (
    "<p>Nine small networks ship in four packages. Three find faces and one finds objects; three find, turn and read "
    "lines of text, one reads single words, and one writes down music. Nobody trained them for this study. Every "
    "convolution of theirs was asked the same question: do its channels cancel more or less than they would if each "
    "slice had a random sign?</p>"
    "<p><b>Beyond the first layer they cancel less.</b> It is so in {deeper_right} of 9 networks, counted by layers "
    "that are told from chance: {less} lie below it, {more} above, and {neither} cannot be told from it. A network "
    "counts once, for its layers are not independent.</p>"
    "<p><b>The means of the slices do it, not their patterns.</b> Put the weights of each slice in random order. The "
    "pattern is gone, but the index hardly moves: by {shuffles} in the median network, where random signs move it by "
    "{flips}. It is so in {means_right} of the 8 networks where it can be asked. Why is open. Our guess was that what "
    "comes out of an activation is seldom centred at 0, so that a slice’s mean decides on which side it pulls. But "
    "with the mean of every input taken away, the typical excess is {centred} in place of {excess}, and nearer to 0 "
    "in only {centred_right} of the 9 networks. (This was looked at afterwards, and not predicted.)</p>"
    "<p><b>First layers are another matter.</b> All four that see colours cancel more than chance, as predicted. But "
    "only {colours_told} of them is told from it: that of ddddocr’s detector ({detector}), whose twelve channels are "
    "the colours of four neighbouring pixels. MTCNN’s three had +0.13 to +0.27 on the photographs of the pilot; on "
    "these they have {mtcnn_low} to {mtcnn_high}. How much colours cancel hangs on the pictures.</p>"
    "<p><b>Weights near zero</b> (claim 3): the median layer has more of them than a Gaussian’s 8 % in {near_right} of "
    "9 networks. In {near_few} of them it is a tenth of the weights or less; only Basic Pitch comes to half, with "
    "{near_most}. <b>Unmatched patches</b> (claim 2): beyond the first layer the median layer has fewer answers near "
    "zero than random filters would have, in {unmatched_right} of 9 networks.</p>"
)

OWN = (
    "<p>The same can be asked of any network in an ONNX file, in a minute:</p>"
    "<pre><code>pip install 'minigrad-whysum[networks]'\n"
    "python -m minigrad.study --network model.onnx --images pictures/</code></pre>"
    "<p>It runs the network on your PNG, JPEG or <code>.npy</code> files, or on two photographs if you name none. It "
    "writes a page with a row for every convolution and with the filters that cancel most and least. The page says "
    "which layers take differences and which add up what agrees. It also says where rounding will hurt first, and "
    "where weights can be pruned. A layer without a sum over channels, such as a depthwise one, says so. For a model "
    "in minigrad there is <code>channels.survey(model, x)</code>, for arrays of any framework "
    "<code>channels.survey_layers</code>.</p>"
)


def numbers(results: Results) -> dict[str, str]:
    """The numbers of the prose, from the records."""
    found = summarise(results)
    right = {outcome.prediction.name: str(outcome.right) for outcome in outcomes(results)}
    layers = [layer for s in found for layer in s.deeper]
    less, more = sum(s.less for s in found), sum(s.more for s in found)
    colours = [s for s in found if s.network["colour"]]
    faces = [s.first["excess"] for s in found if s.network["name"].startswith("MTCNN")]
    shares = [s.near_zero for s in found]
    moved = [s for s in found if not isnan(s.beyond_shuffles)]
    return {
        "deeper_right": right["deeper layers"],
        "means_right": right["means"],
        "unmatched_right": right["unmatched"],
        "less": str(less),
        "more": str(more),
        "neither": str(len(layers) - less - more),
        "shuffles": f"{median(s.beyond_shuffles for s in moved):.3f}",
        "flips": f"{median(s.beyond_flips for s in moved):.3f}",
        "excess": _signed(median(s.typical for s in found), 3),
        "centred": _signed(median(s.typical_centred for s in found), 3),
        "centred_right": str(sum(abs(s.typical_centred) < abs(s.typical) for s in found)),
        "colours_told": ("none", "one", "two", "three", "four")[sum(s.first["p"] < 0.05 for s in colours)],
        "detector": _signed(next(s.first["excess"] for s in found if s.network["name"] == "ddddocr detector")),
        "mtcnn_low": _signed(min(faces)),
        "mtcnn_high": _signed(max(faces)),
        "near_right": str(near_zero(results)[0]),
        "near_few": str(sum(GAUSSIAN < share < 0.105 for share in shares)),
        "near_most": f"{100 * max(shares):.0f} %",
    }


def _signed(value: float, digits: int = 2) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")
