"""A convolution opened: each input channel on its own path r_c → Σ, with its share forward and its gradient back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def paint(conv: Conv2d, x: np.ndarray, parts: Explanation, output: int, names: Sequence[str]) -> Picture:
    """The picture of an explanation."""
    r = parts.responses  # (N, O, C, P, Q)
    first = output // (conv.out_channels // conv.groups) * len(names)  # input channel that the output begins with
    whole = r.sum(2)
    shares = parts.shares
    picture = Picture(title=f"{type(conv).__name__}({conv.extra_repr()}), channel by channel")
    order = sorted(range(len(names)), key=lambda c: -shares["forward"][c])
    alone = sorted(order if len(order) <= MOST else order[: MOST - 1])
    paths = [[c] for c in alone] + ([[c for c in range(len(names)) if c not in alone]] if len(order) > MOST else [])

    responses = [r[:, :, path].sum(2) for path in paths]
    forward = [norm(response) for response in responses]
    dx = [norm(parts.input_grads[path].sum(0)) for path in paths]
    dw = [norm(parts.weight_grads[path].sum(0)) for path in paths]
    limit = max(float(np.abs(response[0, output]).max(initial=0)) for response in [*responses, whole])

    def width(value: float, among: Sequence[float]) -> float:
        most = max(among) or 1.0
        return strength(value, most / 30, most)

    cancelled = cancellation(r)
    null = f"(random signs: {cancelled.null:.0%})"
    total = Vertex("sum", ["Σ over channels", f"cancels {cancelled.index:.0%} of Σ|r|", null])
    total.image, total.limit = thumbnail(whole[0, output], PIXELS), limit
    for place, path in enumerate(paths):
        name = names[path[0]] if len(path) == 1 else f"{len(path)} other channels"
        key = f"channel {name}"
        picture.clusters.append(Cluster(key, clean(key if len(path) == 1 else name)))
        if len(path) == 1:
            c = path[0]
            image, window = x[0, first + c], conv.weight.array[output, c]
            source = Vertex(f"x {c}", [f"x[{clean(name)}]"], "input", key, image=thumbnail(image, PIXELS))
            weight = Vertex(f"w {c}", [f"w[{clean(name)}]"], "parameter", key, image=thumbnail(window, PIXELS))
        else:
            source = Vertex("x rest", [f"x of {len(path)} channels"], "input", key)
            weight = Vertex("w rest", [f"w of {len(path)} channels"], "parameter", key)
        source.lines.append(f"|dX| {dx[place]:.2g} ({sum(shares['input'][path]):.0%})")
        weight.lines.append(f"|dW| {dw[place]:.2g} ({sum(shares['weight'][path]):.0%})")
        response = Vertex(
            f"r {place}", [f"r[{clean(name)}]", f"{sum(shares['forward'][path]):.0%} of Σ|r|²"], cluster=key
        )
        response.image, response.limit = thumbnail(responses[place][0, output], PIXELS), limit
        picture.vertices += [source, weight, response]
        scale = forward[place] * norm(whole)
        cosine = float(np.vdot(responses[place], whole)) / scale if scale else 0.0
        picture.edges += [
            Edge(source.key, response.key, width(dx[place], dx), tip=f"back: |dX| {dx[place]:.3g}"),
            Edge(weight.key, response.key, width(dw[place], dw), tip=f"back: |dW| {dw[place]:.3g}"),
            Edge(response.key, "sum", width(forward[place], forward), cosine, False,
                 f"forward: |r| {forward[place]:.3g}, cosine with the sum {cosine:+.2f}"),
        ]  # fmt: skip
    out = Vertex("out", [f"output {output}", f"back: |g| {norm(parts.g):.2g}"], "result")
    out.image = thumbnail(parts.out[0, output], PIXELS)
    picture.vertices += [total, out]
    if conv.bias is not None:
        bias = Vertex("bias", ["bias", f"= {conv.bias.array[output]:.3g}"], "parameter")
        picture.vertices.insert(-1, bias)
        picture.edges.append(Edge("bias", "out"))
    picture.edges.append(Edge("sum", "out", width(1.0, [1.0])))
    picture.notes = [
        "Above r: the gradient back, an edge's width is the norm of dX or dW through that channel alone. Below r: the "
        "response forward, width |r|, colour its cosine with the sum over channels (blue agrees, vermilion opposes).",
        "Back from the output every channel receives the same g: the sum neither divides nor routes it. Maps are of "
        f"the first image and output {output}; teal is above zero, magenta below, one scale for all r and Σ.",
        "The parts were checked to sum to the whole: the output, dW and dX.",
    ]
    return picture
