"""A convolution opened: each input channel on its own path r_c → Σ, with its share forward and its gradient back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from minigrad.channels import Explanation, cancellation, explain
from minigrad.nn import Conv2d
from minigrad.tensor import Tensor
from minigrad.viz.flows import strength
from minigrad.viz.gradients import norm, thumbnail
from minigrad.viz.graph import Graph
from minigrad.viz.picture import Cluster, Edge, Picture, Vertex, clean

PIXELS = 32  # rows and columns of a map that is drawn
MOST = 8  # channels that are drawn one by one; the others are one path together


def open_convolution(
    conv: Conv2d,
    x: Tensor,
    loss: Callable[[Tensor], Tensor],
    output: int = 0,
    channels: Sequence[str] | None = None,
    layout: str = "builtin",
) -> Graph:
    """Draw what a convolution sums up: its input x (N, C, H, W), a path for each channel, Σ and the output.

    loss: takes the convolution's output to a scalar. output: the output channel whose maps (of the first image) are
    shown. channels: names of the input channels. Shares and norms are over the batch and all outputs; they come from
    `channels.explain`, which raises ArithmeticError if the parts do not add up to the whole. Of more than 8 channels
    those with the smallest responses share one path.
    """
    if not isinstance(conv, Conv2d):
        raise TypeError(f"open_convolution: expected a Conv2d, got {type(conv).__name__}")
    if not 0 <= output < conv.out_channels:
        raise IndexError(f"open_convolution: output {output} of a convolution with {conv.out_channels} outputs")
    each = conv.in_channels // conv.groups
    if channels is not None and len(channels) != each:
        raise ValueError(f"open_convolution: {len(channels)} names for the {each} channels that are summed")
    parts = explain(conv, x, loss)
    return Graph(paint(conv, x.array, parts, output, channels or [str(c) for c in range(each)]), layout)


@dataclass
class Channels:
    """An explanation, and the paths by which it is drawn: each of one input channel, the last perhaps of several."""

    conv: Conv2d
    x: np.ndarray
    parts: Explanation
    output: int
    names: Sequence[str]

    def __post_init__(self) -> None:
        shares = self.parts.shares["forward"]
        order = sorted(range(len(self.names)), key=lambda c: -shares[c])
        alone = sorted(order if len(order) <= MOST else order[: MOST - 1])
        self.paths = [[c] for c in alone]
        if len(order) > MOST:
            self.paths.append([c for c in range(len(self.names)) if c not in alone])
        r = self.parts.responses  # (N, O, C, P, Q)
        self.whole = r.sum(2)
        self.responses = [r[:, :, path].sum(2) for path in self.paths]
        self.forward = [norm(response) for response in self.responses]
        self.dx = [norm(self.parts.input_grads[path].sum(0)) for path in self.paths]
        self.dw = [norm(self.parts.weight_grads[path].sum(0)) for path in self.paths]
        maps = [response[0, self.output] for response in (*self.responses, self.whole)]
        self.limit = max(float(np.abs(values).max(initial=0)) for values in maps)

    def add_path(self, picture: Picture, place: int) -> None:
        """The frame of one path: its input and its weight, and its response, which goes into the sum."""
        path, shares = self.paths[place], self.parts.shares
        alone = len(path) == 1
        name = self.names[path[0]] if alone else f"{len(path)} other channels"
        key = f"channel {name}"
        picture.clusters.append(Cluster(key, clean(key if alone else name)))
        mark = str(path[0]) if alone else "rest"
        of = f"[{clean(name)}]" if alone else f" of {len(path)} channels"
        source = Vertex(f"x {mark}", [f"x{of}"], "input", key)
        weight = Vertex(f"w {mark}", [f"w{of}"], "parameter", key)
        if alone:
            first = self.output // (self.conv.out_channels // self.conv.groups) * len(self.names)
            source.image = thumbnail(self.x[0, first + path[0]], PIXELS)
            weight.image = thumbnail(self.conv.weight.array[self.output, path[0]], PIXELS)
        source.lines.append(f"|dX| {self.dx[place]:.2g} ({sum(shares['input'][path]):.0%})")
        weight.lines.append(f"|dW| {self.dw[place]:.2g} ({sum(shares['weight'][path]):.0%})")
        share = f"{sum(shares['forward'][path]):.0%} of Σ|r|²"
        response = Vertex(f"r {place}", [f"r[{clean(name)}]", share], cluster=key, limit=self.limit)
        response.image = thumbnail(self.responses[place][0, self.output], PIXELS)
        picture.vertices += [source, weight, response]
        scale = self.forward[place] * norm(self.whole)
        cosine = float(np.vdot(self.responses[place], self.whole)) / scale if scale else 0.0
        said = f"forward: |r| {self.forward[place]:.3g}, cosine with the sum {cosine:+.2f}"
        picture.edges += [
            Edge(source.key, response.key, width(self.dx, place), tip=f"back: |dX| {self.dx[place]:.3g}"),
            Edge(weight.key, response.key, width(self.dw, place), tip=f"back: |dW| {self.dw[place]:.3g}"),
            Edge(response.key, "sum", width(self.forward, place), cosine, tip=said),
        ]


def width(values: Sequence[float], place: int) -> float:
    """The width of an edge, by the norm that it stands for among others."""
    most = max(values) or 1.0
    return strength(values[place], most / 30, most)


def paint(conv: Conv2d, x: np.ndarray, parts: Explanation, output: int, names: Sequence[str]) -> Picture:
    """The picture of an explanation."""
    channels = Channels(conv, x, parts, output, names)
    picture = Picture(title=f"{type(conv).__name__}({conv.extra_repr()}), channel by channel")
    for place in range(len(channels.paths)):
        channels.add_path(picture, place)
    cancelled = cancellation(parts.responses)
    words = ["Σ over channels", f"cancels {cancelled.index:.0%} of Σ|r|", f"(random signs: {cancelled.null:.0%})"]
    total = Vertex("sum", words, image=thumbnail(channels.whole[0, output], PIXELS), limit=channels.limit)
    out = Vertex("out", [f"output {output}", f"back: |g| {norm(parts.g):.2g}"], "result")
    out.image = thumbnail(parts.out[0, output], PIXELS)
    picture.vertices += [total, out]
    if conv.bias is not None:
        bias = Vertex("bias", ["bias", f"= {conv.bias.array[output]:.3g}"], "parameter")
        picture.vertices.insert(-1, bias)
        picture.edges.append(Edge("bias", "out"))
    picture.edges.append(Edge("sum", "out", width([1.0], 0)))
    picture.notes = [
        "Above r: the gradient back, an edge's width is the norm of dX or dW through that channel alone. Below r: the "
        "response forward, width |r|, colour its cosine with the sum over channels (blue agrees, vermilion opposes).",
        "Back from the output every channel receives the same g: the sum neither divides nor routes it. Maps are of "
        f"the first image and output {output}; teal is above zero, magenta below, one scale for all r and Σ.",
        "The parts were checked to sum to the whole: the output, dW and dX.",
    ]
    return picture
