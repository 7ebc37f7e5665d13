"""A convolution that reduces its channels by another function than the sum, one channel at a time.

The plain form (`channels.ChannelConv2d`) keeps all responses r_c at once, C times the output. A running maximum or sum
of squares needs one at a time. Backward, the slope ∂f/∂r_c needs r_c again: a selection remembers the winner instead
(two bytes for each output), and the others compute r_c a second time. Affine reductions need none of this: they fold
into one convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigrad.autograd import Array, primitive
from minigrad.kernels import convolution as kernels
from minigrad.kernels.windows import Window
from minigrad.ops.conv import convolution, convolution_input, convolution_weight
from minigrad.ops.elementwise import where
from minigrad.ops.shape import cat

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

TINY = 1e-12  # |r| is not taken below this before a logarithm


def streamed(reduce: str, x: Tensor, weight: Tensor) -> Tensor:
    """A reduction of STREAMS without ever holding all responses: (N, C, H, W), (O, C, K, L) -> (N, O, P, Q).

    Same value and gradient as `ChannelConv2d(…, bias=False)`, but a tie of max or min goes to the first channel.
    Raises ValueError for a reduction that has no streamed form here.
    """
    if not isinstance(reduce, str) or reduce not in STREAMS:
        raise ValueError(f"streamed: reduce is one of {list(STREAMS)}, got {reduce!r}")
    return (extreme if reduce in ("max", "min") else running)(x, weight, reduce)


def respond(x: NDArray[Any], w: NDArray[Any], c: int) -> NDArray[Any]:
    return kernels.conv2d(x[:, c : c + 1], w[:, c : c + 1], None, Window(w.shape[2:]))


def lay_inputs_side_by_side(parts: Iterator[Any], w: Any, size: Any) -> Any:
    """Each channel's gradient of its response (N, O, P, Q), turned into that of its input, side by side."""
    return cat([convolution_input(g, w[:, c : c + 1], size, Window(w.shape[2:])) for c, g in enumerate(parts)], 1)


def lay_weights_side_by_side(parts: Iterator[Any], x: Any, size: Any) -> Any:
    """Each channel's gradient of its response (N, O, P, Q), turned into that of its weights, side by side."""
    return cat([convolution_weight(g, x[:, c : c + 1], Window(size)) for c, g in enumerate(parts)], 1)


def route(g: Any, winner: Any, channels: int) -> Iterator[Any]:
    """The gradient of channel after channel: g where it won, else 0."""
    return (where(winner == c, g, 0) for c in range(channels))


@primitive(
    keeps="winner",
    x=lambda g, x_shape, w, winner: lay_inputs_side_by_side(route(g, winner, x_shape[1]), w, x_shape[2:]),
    w=lambda g, x, w_shape, winner: lay_weights_side_by_side(route(g, winner, w_shape[1]), x, w_shape[2:]),
)
def extreme(x: Array, w: Array, which: str) -> Any:
    """The largest ("max") or smallest response; kept is the winner (N, O, P, Q), the channel that gave it."""
    best, beats = (np.maximum, np.greater) if which == "max" else (np.minimum, np.less)
    out = respond(x, w, 0)
    winner = np.zeros(out.shape, np.int16)
    for c in range(1, x.shape[1]):
        r = respond(x, w, c)
        np.copyto(winner, c, where=beats(r, out))
        best(out, r, out=out)
    return out, winner


class Stream(NamedTuple):
    """A reduction as a running state: `step(state, r)`, `finish(state, C)`, and the slope ∂f/∂r_c from r_c and f."""

    start: float
    step: Callable[[Any, Any], Any]
    finish: Callable[[Any, int], Any]
    slope: Callable[[Any, Any, int], Any]


def hold_up(r: Any) -> Any:
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
        lambda r, f, channels: f * r.sign() / (channels * hold_up(r)),
    ),
}


def find_slopes(g: Any, out: Any, x: Any, w: Any, reduce: str) -> Iterator[Any]:
    """The gradient of channel after channel: g · ∂f/∂r_c, for which r_c is computed once more."""
    stream, channels = STREAMS[reduce], x.shape[1]
    assert stream is not None
    for c in range(channels):
        r = convolution(x[:, c : c + 1], w[:, c : c + 1], None, Window(w.shape[2:]))
        yield g * stream.slope(r, out, channels)


@primitive(
    x=lambda g, out, x, w, reduce: lay_inputs_side_by_side(find_slopes(g, out, x, w, reduce), w, x.shape[2:]),
    w=lambda g, out, x, w, reduce: lay_weights_side_by_side(find_slopes(g, out, x, w, reduce), x, w.shape[2:]),
)
def running(x: Array, w: Array, reduce: str) -> Array:
    """A reduction with a running state: (N, C, H, W), (O, C, K, L) -> (N, O, P, Q)."""
    stream = STREAMS[reduce]
    assert stream is not None
    state: Any = x.dtype.type(stream.start)
    for c in range(x.shape[1]):
        state = stream.step(state, respond(x, w, c))
    return stream.finish(state, x.shape[1])
