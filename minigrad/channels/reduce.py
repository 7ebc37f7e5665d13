"""Reductions of a convolution's channels by something else than a sum, and forms of them that keep little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigrad import nn
from minigrad.autograd import Array, primitive
from minigrad.channels.explain import apart
from minigrad.kernels import convolution as kernels
from minigrad.kernels.windows import Window
from minigrad.ops.conv import convolution, convolution_input, convolution_weight
from minigrad.ops.elementwise import where
from minigrad.ops.shape import cat
from minigrad.tensor import Tensor, tensor

TINY = 1e-12  # |r| is not taken below this before a logarithm


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
            out = reduce(r, 2)  # (N, G, O/G, P, Q)
        out = out.reshape(r.shape[0], -1, *r.shape[4:])
        return out if self.bias is None else out + self.bias.reshape(-1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, O, P, Q)."""
        if self.reduce == "sum" and not self.tied:
            return super().forward(x)  # the plain convolution: one matrix product, no responses kept
        return self.combine(self.own(x))


# ----------------------------------------------------------- streamed: one channel at a time, nothing C× kept
#
# The plain form above keeps all r_c at once, C times the output. A running maximum or sum of squares needs one at a
# time. Backward, the slope ∂f/∂r_c needs r_c again: a selection remembers the winner instead (two bytes for each
# output), and the others compute r_c a second time. Affine reductions need none of this: they fold into one
# convolution.


def streamed(reduce: str, x: Tensor, weight: Tensor) -> Tensor:
    """A reduction of STREAMS without ever holding all responses: (N, C, H, W), (O, C, K, L) -> (N, O, P, Q).

    Same value and gradient as `ChannelConv2d(…, bias=False)`, but a tie of max or min goes to the first channel.
    Raises ValueError for a reduction that has no streamed form here.
    """
    if reduce not in STREAMS:
        raise ValueError(f"streamed: reduce is one of {list(STREAMS)}, got {reduce!r}")
    return (extreme if reduce in ("max", "min") else running)(x, weight, reduce)


def _own(x: NDArray[Any], w: NDArray[Any], c: int) -> NDArray[Any]:
    return kernels.conv2d(x[:, c : c + 1], w[:, c : c + 1], None, Window(w.shape[2:]))


def _to_inputs(parts: Iterator[Any], w: Any, size: Any) -> Any:
    """Each channel's gradient of its response (N, O, P, Q), turned into that of its input, side by side."""
    return cat([convolution_input(g, w[:, c : c + 1], size, Window(w.shape[2:])) for c, g in enumerate(parts)], 1)


def _to_weights(parts: Iterator[Any], x: Any, size: Any) -> Any:
    """Each channel's gradient of its response (N, O, P, Q), turned into that of its weights, side by side."""
    return cat([convolution_weight(g, x[:, c : c + 1], Window(size)) for c, g in enumerate(parts)], 1)


def _routed(g: Any, winner: Any, channels: int) -> Iterator[Any]:
    """The gradient of channel after channel: g where it won, else 0."""
    return (where(winner == c, g, 0) for c in range(channels))


@primitive(
    keeps="winner",
    x=lambda g, x_shape, w, winner: _to_inputs(_routed(g, winner, x_shape[1]), w, x_shape[2:]),
    w=lambda g, x, w_shape, winner: _to_weights(_routed(g, winner, w_shape[1]), x, w_shape[2:]),
)
def extreme(x: Array, w: Array, which: str) -> Any:
    """The largest ("max") or smallest response; kept is the winner (N, O, P, Q), the channel that gave it."""
    best, beats = (np.maximum, np.greater) if which == "max" else (np.minimum, np.less)
    out = _own(x, w, 0)
    winner = np.zeros(out.shape, np.int16)
    for c in range(1, x.shape[1]):
        r = _own(x, w, c)
        np.copyto(winner, c, where=beats(r, out))
        best(out, r, out=out)
    return out, winner


class Stream(NamedTuple):
    """A reduction as a running state: `step(state, r)`, `finish(state, C)`, and the slope ∂f/∂r_c from r_c and f."""

    start: float
    step: Callable[[Any, Any], Any]
    finish: Callable[[Any, int], Any]
    slope: Callable[[Any, Any, int], Any]


def _magnitude(r: Any) -> Any:
    return r.abs().clamp(TINY)


STREAMS: dict[str, Stream | None] = {
    "max": None,  # these two remember the winner
    "min": None,
    "abs": Stream(0.0, lambda s, r: s + np.abs(r), lambda s, _: s, lambda r, f, _: r.sign()),
    "l2": Stream(0.0, lambda s, r: s + r * r, lambda s, _: np.sqrt(s), lambda r, f, _: r / f.clamp(TINY)),
    "logsumexp": Stream(-np.inf, np.logaddexp, lambda s, _: s, lambda r, f, _: (r - f).exp()),
    "geomean": Stream(
        0.0,
        lambda s, r: s + np.log(np.maximum(np.abs(r), TINY)),
        lambda s, channels: np.exp(s / channels),
        lambda r, f, channels: f * r.sign() / (channels * _magnitude(r)),
    ),
}


def _slopes(g: Any, out: Any, x: Any, w: Any, reduce: str) -> Iterator[Any]:
    """The gradient of channel after channel: g · ∂f/∂r_c, for which r_c is computed once more."""
    stream, channels = STREAMS[reduce], x.shape[1]
    assert stream is not None
    for c in range(channels):
        r = convolution(x[:, c : c + 1], w[:, c : c + 1], None, Window(w.shape[2:]))
        yield g * stream.slope(r, out, channels)


@primitive(
    x=lambda g, out, x, w, reduce: _to_inputs(_slopes(g, out, x, w, reduce), w, x.shape[2:]),
    w=lambda g, out, x, w, reduce: _to_weights(_slopes(g, out, x, w, reduce), x, w.shape[2:]),
)
def running(x: Array, w: Array, reduce: str) -> Array:
    """A reduction with a running state: (N, C, H, W), (O, C, K, L) -> (N, O, P, Q)."""
    stream = STREAMS[reduce]
    assert stream is not None
    state: Any = x.dtype.type(stream.start)
    for c in range(x.shape[1]):
        state = stream.step(state, _own(x, w, c))
    return stream.finish(state, x.shape[1])
