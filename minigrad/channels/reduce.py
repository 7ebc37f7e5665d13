"""Reductions of a convolution's channels by something else than a sum. ops/streams.py has forms that keep less."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import nn
from minigrad.channels.explain import apart
from minigrad.instead import hide
from minigrad.ops.streams import TINY
from minigrad.tensor import Tensor, tensor


def alternating(r: Tensor, dim: int) -> Tensor:
    """r_0 - r_1 + r_2 - …"""
    signs = np.ones(r.shape[dim], r.dtype)
    signs[1::2] = -1
    shape = [1] * r.ndim
    shape[dim] = -1
    return (r * tensor(signs.reshape(shape))).sum(dim)


# Reductions of responses r along a dimension. To try another, pass a function `(r, dim) -> Tensor` as `reduce`.
REDUCTIONS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "sum": lambda r, dim: r.sum(dim),
    "mean": lambda r, dim: r.mean(dim),
    "sum+17": lambda r, dim: r.sum(dim) + 17,
    "alternating": alternating,
    "max": lambda r, dim: r.amax(dim),
    "min": lambda r, dim: r.amin(dim),
    "median": lambda r, dim: r.median(dim).values,
    "product": lambda r, dim: r.prod(dim),
    "l2": lambda r, dim: r.norm(2, dim),
    "logsumexp": lambda r, dim: r.logsumexp(dim),
    "softmax": lambda r, dim: (r.softmax(dim) * r).sum(dim),
    "abs": lambda r, dim: r.abs().sum(dim),
    "geomean": lambda r, dim: r.abs().clamp(TINY).log().mean(dim).exp(),
}


def reduce_by(reduce: Callable[[Tensor, int], Tensor], r: Tensor, dim: int) -> Tensor:
    """`reduce(r, dim)`; an error if what comes out is no Tensor, or has not r's shape without that dimension."""
    out: Any = reduce(r, dim)
    if not isinstance(out, Tensor):
        raise TypeError(f"reduce(r, dim) must return a Tensor, got {type(out).__name__}")
    expected = r.shape[:dim] + r.shape[dim + 1 :]
    if out.shape != expected:
        raise ValueError(f"reduce(r, {dim}) of {r.shape} must leave out dimension {dim}: {expected}, got {out.shape}")
    return out


@hide("combine own")
class ChannelConv2d(nn.Conv2d):
    """A convolution that reduces its input channels as told: `reduce` in place of the sum.

    Arguments as `nn.Conv2d`'s, and `reduce`: a name in REDUCTIONS, a function `(r, dim) -> Tensor`, or "concat",
    which does not reduce: its output has O · C / groups channels. With `tied`, all input channels share one slice of
    weights (O, 1, K, L). The bias is added after the reduction. (N, C, H, W) -> (N, O, P, Q).

    Raises ValueError for a name that is not there, TypeError for an option that Conv2d does not know.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *args: Any,
        reduce: str | Callable[[Tensor, int], Tensor] = "sum",
        tied: bool = False,
        **options: Any,
    ):
        for guess in ("reduction", "combine", "channel_reduce"):
            if guess in options:
                raise TypeError(f"ChannelConv2d: there is no option {guess!r}; write reduce={options[guess]!r}")
        if isinstance(reduce, str) and reduce != "concat" and reduce not in REDUCTIONS:
            raise ValueError(f"ChannelConv2d: reduce is one of {[*REDUCTIONS, 'concat']}, got {reduce!r}")
        super().__init__(in_channels, out_channels, kernel_size, *args, **options)
        self.reduce, self.tied = reduce, tied
        if tied:
            self.weight = nn.Parameter(self.weight.array[:, :1].copy())
        if reduce == "concat" and self.bias is not None:
            self.bias = nn.Parameter(np.repeat(self.bias.array, in_channels // self.groups))

    def own(self, x: Tensor) -> Tensor:
        """The channels' own responses, (N, C, H, W) -> (N, G, C / G, O / G, P, Q); `combine` takes them on."""
        return apart(self, x)

    def combine(self, r: Tensor) -> Tensor:
        """Reduce `own` responses and add the bias: (N, G, C / G, O / G, P, Q) -> (N, O, P, Q)."""
        if self.reduce == "concat":
            out = r
        else:
            reduce = REDUCTIONS[self.reduce] if isinstance(self.reduce, str) else self.reduce
            out = reduce_by(reduce, r, 2)  # (N, G, O/G, P, Q)
        out = out.reshape(r.shape[0], -1, *r.shape[4:])
        return out if self.bias is None else out + self.bias.reshape(-1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, O, P, Q)."""
        if self.reduce == "sum" and not self.tied:
            return super().forward(x)  # the plain convolution: one matrix product, no responses kept
        return self.combine(self.own(x))
