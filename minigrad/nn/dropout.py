"""Dropout: elements or whole channels set to 0 at random, in training only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minigrad import functional as F
from minigrad.instead import public
from minigrad.nn.options import WithOptions, options
from minigrad.tensor import Tensor


@options
class _Dropout(WithOptions):
    p: float = 0.5
    inplace: bool = False

    def _prepare(self) -> None:
        if not 0.0 <= self.p <= 1.0:
            raise ValueError(f"{type(self).__name__}: p is a probability in [0, 1], got {self.p}")

    def forward(self, input: Tensor) -> Tensor:
        """The input itself in evaluation."""
        out: Tensor = type(self).function(input, self.p, self.training, self.inplace)
        return out

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """`functional.dropout`."""

    function = F.dropout


class Dropout1d(_Dropout):
    """`functional.dropout1d`, of whole channels of (N, C, L)."""

    function = F.dropout1d


class Dropout2d(_Dropout):
    """`functional.dropout2d`, of whole channels of (N, C, H, W)."""

    function = F.dropout2d


class Dropout3d(_Dropout):
    """`functional.dropout3d`, of whole channels of (N, C, D, H, W)."""

    function = F.dropout3d


class AlphaDropout(_Dropout):
    """`functional.alpha_dropout`, which keeps mean 0 and variance 1 after `SELU`."""

    function = F.alpha_dropout


if not TYPE_CHECKING:
    __all__ = public(globals())
