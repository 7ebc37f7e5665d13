"""The arms of the study: each reduction of channels and each control, with what is known of it beforehand.

An arm is one object. To try another, write it in a file of your own and pass that file: `python -m minigrad.study
--add mine.py`. It is trained, timed and drawn beside the others; the verdicts keep to the arms that their claims name.

    from minigrad.study.arms import Arm

    midrange = Arm("midrange", "(max r_c + min r_c) / 2", "½ for the largest and the smallest, else 0",
                   reduce=lambda r, dim: (r.amax(dim) + r.amin(dim)) / 2)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from minigrad.channels import REDUCTIONS, STREAMS, ChannelConv2d
from minigrad.tensor import Tensor

never: Callable[[int], bool] = lambda channels: False
always: Callable[[int], bool] = lambda channels: True


@dataclass(frozen=True)
class Arm:
    """A way to bring the channels' responses r_1 … r_C together, and its properties.

    formula and slope: f(r) and ∂f/∂r_c as text. reduce: a name in `channels.REDUCTIONS` or a function
    `(r, dim) -> Tensor`; the arm's own name if it is left out. family: a key of `figures.markup.FAMILIES`, the colour.
    linear: the coefficients a_c of C channels where f(r) = Σ a_c r_c + offset, which is then the sum with slices
    a_c w_c and the bias raised by `offset`; `becomes` says so in words. energy: E Σ_c (∂f/∂r_c)² for independent
    r_c ~ N(0, 1) as a function of C; None where no closed form is known, infinite where the expectation diverges.
    shifts: f(r + a) = f(r) + a, so one unit of gradient is shared among the channels. even: whether f(-r) = f(r), by C.
    tied: one slice for all channels. tied_start: equal slices at the start. matched: the next layer is narrower, so
    that the network has as many parameters as the sum's.
    """

    name: str
    formula: str
    slope: str
    reduce: str | Callable[[Tensor, int], Tensor] = ""
    family: str = "control"
    linear: Callable[[int], Sequence[float]] | None = None
    offset: float = 0.0
    becomes: str = "no"
    energy: Callable[[int], float] | None = None
    shifts: bool = False
    even: Callable[[int], bool] = never
    tied: bool = False
    tied_start: bool = False
    matched: bool = False

    @property
    def affine(self) -> bool:
        """Whether the gradient does not depend on the data."""
        return self.linear is not None

    @property
    def renames_sum(self) -> bool:
        """Whether another arm is the sum once its slices are scaled and its bias is moved: |a_c| is one number."""
        other = self.linear is not None and not self.control and self.name != "sum"
        return other and len({abs(a) for a in self.linear(12)}) == 1  # type: ignore[misc]

    @property
    def reduces(self) -> bool:
        """Whether C responses become one: all but concatenation."""
        return self.reduce != "concat"

    @property
    def control(self) -> bool:
        """Whether the arm is no reduction of its own but the sum with tied weights, or no reduction."""
        return self.tied or self.tied_start or not self.reduces

    @property
    def streamed(self) -> bool:
        """Whether a form exists that keeps no C-fold intermediate; affine arms fold into one convolution."""
        return self.affine or (self.reduce or self.name) in STREAMS

    @property
    def function(self) -> Callable[[Tensor, int], Tensor]:
        """The reduction of responses along a dimension."""
        return self.reduce if callable(self.reduce) else REDUCTIONS[self.reduce or self.name]

    def conv(self, channels: int, filters: int, copies: int = 1, padding: int = 0) -> ChannelConv2d:
        """The layer under test, 3x3, for `copies` networks side by side as groups."""
        sizes = (channels * copies, filters * copies, 3)
        return ChannelConv2d(*sizes, padding=padding, groups=copies, reduce=self.reduce or self.name, tied=self.tied)


def ones(C: int) -> list[float]:
    """The coefficients of the sum."""
    return [1.0] * C


ARMS: dict[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm("sum", "Σ r_c", "1", family="affine", linear=ones, becomes="is the sum", energy=lambda C: C),
        Arm("mean", "Σ r_c / C", "1 / C", family="affine", linear=lambda C: [1 / C] * C, becomes="weights × C",
            energy=lambda C: 1 / C, shifts=True),
        Arm("sum+17", "Σ r_c + 17", "1", family="affine", linear=ones, offset=17, becomes="bias − 17",
            energy=lambda C: C),
        Arm("alternating", "Σ (−1)^c r_c", "(−1)^c", family="affine", linear=lambda C: [(-1.0) ** c for c in range(C)],
            becomes="sign of every second slice", energy=lambda C: C),
        Arm("max", "max r_c", "1 for the largest, else 0", family="routing", energy=lambda C: 1, shifts=True),
        Arm("min", "min r_c", "1 for the smallest, else 0", family="routing", energy=lambda C: 1, shifts=True),
        Arm("median", "median r_c", "1 for the middle one, else 0", family="routing", energy=lambda C: 1, shifts=True),
        # C terms E Π_{j≠c} r_j² = 1
        Arm("product", "Π r_c", "product of the others", family="product", energy=lambda C: C,
            even=lambda C: C % 2 == 0),
        Arm("l2", "√Σ r_c²", "r_c / f", family="even", energy=lambda C: 1, even=always),
        Arm("logsumexp", "log Σ exp r_c", "softmax(r)_c", family="sharing", shifts=True),
        Arm("softmax", "Σ softmax(r)_c r_c", "p_c (1 + r_c − f)", family="sharing", shifts=True),
        Arm("abs", "Σ |r_c|", "sign r_c", family="even", energy=lambda C: C, even=always),
        # E |r|^(2/C − 2) diverges as soon as 2/C ≤ 1
        Arm("geomean", "(Π |r_c|)^(1/C)", "f / (C r_c)", family="even", energy=lambda C: np.inf if C > 1 else 1,
            even=always),
        Arm("tied", "Σ r_c, one slice for all", "1", "sum", energy=lambda C: C, tied=True),
        Arm("untied", "Σ r_c, from equal slices", "1", "sum", linear=ones, becomes="is the sum", energy=lambda C: C,
            tied_start=True),
        Arm("concat", "(r_1, …, r_C)", "1 each, apart", "concat"),
        Arm("concat-matched", "(r_1, …, r_C), next layer narrower", "1 each, apart", "concat", matched=True),
    )
}  # fmt: skip
COMMITTED_ARMS = tuple(ARMS)  # those that claims may name
