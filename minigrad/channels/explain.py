"""A convolution taken apart at its sum over input channels, for any `nn.Conv2d`.

Channel c's own response is r_c = conv2d(x[:, c], w[:, c]), and a convolution is the sum of the r_c plus a bias. Here
are the r_c (`responses`), how much of them the sum cancels (`cancellation`), and each channel's part of the output and
of both gradients (`explain`).

This is step 5 of the ladder (examples/learn/step5_why_sum.py), plus any convolution of any model (layers.py). Other
ways to reduce the channels are in reduce.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import nn
from minigrad.autograd import enable_grad, grad, no_grad
from minigrad.channels import layers
from minigrad.channels.table import Table
from minigrad.ops.conv import conv2d
from minigrad.tensor import Tensor

# --------------------------------------------------------------------------------------------- before the sum


def responses(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Each input channel's own response, before the sum and without the bias.

    x (N, C, H, W) -> (N, O, C / groups, P, Q): `responses(conv, x).sum(2)` plus the bias is `conv(x)`.
    """
    _, conv, _ = layers.split("responses", (conv, x), ("x",))
    r = apart(conv, x).transpose(2, 3)  # (N, G, O/G, C/G, P, Q)
    n, groups, o, c, p, q = r.shape
    return r.reshape(n, groups * o, c, p, q)


def apart(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """(N, G, C/G, O/G, P, Q): a convolution in which every input channel is a group of its own."""
    if x.ndim != 4:
        hint = "; say .unsqueeze(0) for a single image" if x.ndim == 3 else ""
        raise ValueError(f"{type(conv).__name__}: expected images (N, C, H, W), got {x.shape}{hint}")
    groups, each = conv.groups, conv.in_channels // conv.groups
    o, _, *window = tuple(conv.weight.shape)  # (O, C/G, K, L), or (O, 1, K, L) where all channels share one slice
    weight = conv.weight.expand((o, each, *window)).reshape(groups, o // groups, each, *window)
    x, padding = conv._pad(x)
    slices = weight.transpose(1, 2).reshape(o * each, 1, *window)
    r = conv2d(x, slices, None, conv.stride, padding, conv.dilation, groups * each)
    return r.reshape(r.shape[0], groups, each, o // groups, *r.shape[2:])


@dataclass(frozen=True)
class Cancellation:
    """How much of the responses the sum cancels.

    index: 1 - Σ|Σ_c r_c| / ΣΣ_c|r_c|, which is 0 where all channels agree in sign and 1 where they sum to nothing.
    null: the index that random signs of the r_c would give. excess: index minus null.
    """

    index: float
    null: float

    @property
    def excess(self) -> float:
        """Index minus null: above 0 the channels cancel more than their sizes alone explain."""
        return self.index - self.null

    def __str__(self) -> str:
        return f"The sum cancels {self.index:.1%} of Σ|r|; random signs would cancel {self.null:.1%}"


def cancellation(*args: Any, dim: int = 2) -> Cancellation:
    """How much the sum over channels cancels: of responses r, of a convolution, or of one inside a model.

    `cancellation(r)` takes an array or Tensor with the channels along `dim`; `cancellation(conv, x)` and
    `cancellation(model, layer, x)` compute the responses first, x (N, C, H, W) being what `conv` or the model receives.

    The null is exact (every pattern of signs) up to 8 channels and the mean of four draws of all signs beyond. It
    matters: for C independent responses of mean 0 the index is near 1 - 1/√C though nothing special cancels.

    >>> cancellation(np.array([[3.0], [-1.0]]), 0)  # |3 - 1| is left of 4; by chance 3 would be, the mean of 4 and 2
    Cancellation(index=0.5, null=0.25)
    """
    given = list(args)
    if len(given) == 2 and isinstance(given[1], int):
        dim = given.pop()
    r = given[0] if len(given) == 1 and not isinstance(given[0], nn.Module) else _responses_of(args)
    array = r.array if isinstance(r, Tensor) else np.asarray(r)
    if array.dtype.kind not in "fiub" or not -array.ndim <= dim < array.ndim:
        what = type(r).__name__ if array.dtype.kind not in "fiub" else f"shape {array.shape}"
        raise ValueError(f"cancellation: expected numbers with the channels along dim={dim}, got {what}")
    parts = np.moveaxis(array, dim, 0)  # (C, ...)
    channels, parts = len(parts), parts.reshape(len(parts), -1).astype(float)
    whole = np.abs(parts).sum()
    if whole == 0:
        return Cancellation(0.0, 0.0)
    left = _left_by_random_signs(np.abs(parts), channels)
    return Cancellation(float(1 - np.abs(parts.sum(0)).sum() / whole), float(1 - left / whole))


def _responses_of(args: tuple[Any, ...]) -> Tensor:
    model, conv, (x, *_) = layers.split("cancellation", args, ("x",))
    with no_grad():
        entering = x if model is conv else layers.reached("cancellation", model, conv, x)[1]
        return responses(conv, entering)


def _left_by_random_signs(sizes: NDArray[Any], channels: int) -> float:
    """The mean of Σ|Σ_c ±r_c| over random signs, for sizes |r_c| (C, M)."""
    if channels <= 8:  # the first sign may stay +: a pattern and its negative give the same
        patterns = np.array([(1, *rest) for rest in itertools.product((1, -1), repeat=channels - 1)])
        return float(np.mean([np.abs(signs @ sizes).sum() for signs in patterns]))
    rng = np.random.default_rng(0)
    return float(np.mean([np.abs((sizes * rng.choice((-1, 1), sizes.shape)).sum(0)).sum() for _ in range(4)]))


# ------------------------------------------------------------------------------------ both ways, part by part

SHOWN = 8  # channels that a printed explanation lists


@dataclass(frozen=True, repr=False)
class Explanation:
    """Each channel's part of a convolution, forward and backward; c counts the channels of a group.

    responses (N, O, C, P, Q): r_c, each channel's own response, without the bias.
    out (N, O, P, Q): what the convolution returned, the sum of the responses plus the bias.
    g (N, O, P, Q): the loss's gradient at `out`. The sum hands it to every channel alike.
    weight_grads (C, *weight.shape), input_grads (C, *x.shape): what arrives through channel c's response alone; their
    sums over c are the loss's gradients. layer: the convolution, as it prints. loss: the loss's value.
    """

    responses: NDArray[Any]
    out: NDArray[Any]
    g: NDArray[Any]
    weight_grads: NDArray[Any]
    input_grads: NDArray[Any]
    layer: str = "convolution"
    loss: float = float("nan")

    @property
    def shares(self) -> dict[str, NDArray[Any]]:
        """Each channel's share (C,) of Σ r² ("forward"), of ‖dW‖² ("weight") and of ‖dX‖² ("input"); each sums to 1."""
        squares = {
            "forward": (self.responses**2).sum((0, 1, 3, 4)),
            "weight": (self.weight_grads**2).reshape(len(self.weight_grads), -1).sum(1),
            "input": (self.input_grads**2).reshape(len(self.input_grads), -1).sum(1),
        }
        return {name: parts / max(parts.sum(), np.finfo(float).tiny) for name, parts in squares.items()}

    @property
    def agreement(self) -> NDArray[Any]:
        """(C,): cosine of each channel's responses with the sum over channels, from -1 (opposes it) to 1 (agrees)."""
        parts = self.responses.swapaxes(0, 2).reshape(self.responses.shape[2], -1)
        whole = self.responses.sum(2).swapaxes(0, 1).ravel()
        sizes = np.linalg.norm(parts, axis=1) * np.linalg.norm(whole)
        return np.asarray(parts @ whole / np.maximum(sizes, np.finfo(float).tiny))

    @property
    def cancellation(self) -> Cancellation:
        """How much of the responses the sum cancels, and how much random signs would."""
        return cancellation(self.responses)

    def table(self) -> Table:
        """A row for each channel with its shares, the largest responses first where there are more than 8 channels."""
        shares, agreement = self.shares, self.agreement
        channels = len(agreement)
        order = range(channels) if channels <= SHOWN else np.argsort(-shares["forward"])[:SHOWN]
        rows = [[str(c), *(f"{shares[name][c]:.1%}" for name in shares), f"{agreement[c]:+.2f}"] for c in order]
        if channels > SHOWN:
            rest = [f"{1 - sum(values[c] for c in order):.1%}" for values in shares.values()]
            rows.append([f"{channels - SHOWN} others", *rest, ""])
        size = " × ".join(map(str, self.out.shape))
        return Table(
            f"{self.layer} -> {size}, loss {self.loss:.4g}",
            ("channel", "of Σr²", "of ‖dW‖²", "of ‖dX‖²", "cosine with the sum"),
            rows,
            f"{self.cancellation}.",
        )

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table().html()


def explain(*args: Any) -> Explanation:
    """Take a convolution apart: each input channel's part of the output, of dW and of dX.

    `explain(conv, x, loss)`: x (N, C, H, W) is what enters `conv`, and `loss` takes the convolution's output to a
    scalar. `explain(model, layer, x, loss)`: x is what the model receives, `layer` the path of a Conv2d in it ("conv2",
    "features.0") or that module itself, and `loss` takes the model's output to a scalar:
    `explain(model, "conv2", images, lambda logits: F.cross_entropy(logits, labels))`.

    The model, its gradients, its buffers and x stay as they are. Raises TypeError or LookupError, which list the
    model's convolutions, if none is meant; ValueError if the layer runs more than once or never; ArithmeticError if the
    parts do not make the whole.
    """
    model, conv, (x, loss) = layers.split("explain", args, ("x", "loss"))
    if not callable(loss):
        raise TypeError(f"explain: loss is a function of the output, `lambda out: …`, got {type(loss).__name__}")
    if (reduce := getattr(conv, "reduce", "sum")) != "sum":
        raise TypeError(f"explain: takes a sum over channels apart, and this layer has reduce={reduce!r}")
    frozen, weight = not conv.weight.requires_grad, conv.weight
    weight.requires_grad_()
    try:
        with enable_grad():
            return _take_apart(model, conv, x, loss)
    finally:
        weight.requires_grad_(not frozen)


def _take_apart(model: nn.Module, conv: nn.Conv2d, x: Tensor, loss: Callable[[Tensor], Any]) -> Explanation:
    result, x, out = layers.reached("explain", model, conv, x, leaf=True)
    value = loss(result)
    if not isinstance(value, Tensor) or value.array.size != 1:
        found = f"shape {value.shape}" if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"explain: loss must return a Tensor with one element, got {found}")
    (g,) = grad(value, [out], retain_graph=True)
    whole = grad(out, [conv.weight, x], g)  # of this layer alone, wherever else its weights are used
    r = responses(conv, x)
    parts = [grad(r[:, :, c], [conv.weight, x], g, retain_graph=True) for c in range(r.shape[2])]
    explanation = Explanation(
        responses=r.array,
        out=out.array,
        g=g.array,
        weight_grads=np.stack([dw.array for dw, _ in parts]),
        input_grads=np.stack([dx.array for _, dx in parts]),
        layer=repr(conv),
        loss=float(value.item()),
    )
    bias = 0 if conv.bias is None else conv.bias.array[:, None, None]
    _check_whole("forward", explanation.responses.sum(2) + bias, out.array)
    _check_whole("weight gradient", explanation.weight_grads.sum(0), whole[0].array)
    _check_whole("input gradient", explanation.input_grads.sum(0), whole[1].array)
    return explanation


def _check_whole(name: str, parts: NDArray[Any], whole: NDArray[Any]) -> None:
    """Raise unless the sum of the parts is the whole, up to the rounding of a few thousand additions."""
    error, scale = np.abs(parts - whole).max(initial=0), np.abs(whole).max(initial=0)
    if not error <= 1000 * np.finfo(whole.dtype).eps * (scale + 1):
        raise ArithmeticError(f"explain: {name}: the channels' parts differ from the whole by {error:.3g}")
