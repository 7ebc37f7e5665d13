"""What can be proved of channel reductions: statements, each with a proof in two lines and a check through the engine.

A check returns one number that is 0 where the statement is exactly true; the statement is confirmed if it is
at most `bound`. Checks run in float64 from fixed seeds and take well under a second each.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import nn
from minigrad.autograd import grad
from minigrad.channels import REDUCTIONS, ChannelConv2d, responses
from minigrad.nn import functional as F
from minigrad.ops.conv import conv2d
from minigrad.optim import SGD, Adam
from minigrad.study.arms import ARMS
from minigrad.study.records import Record
from minigrad.tensor import Tensor, tensor, zeros

AFFINE = [name for name in REDUCTIONS if ARMS[name].affine]
SHIFTING = [name for name in REDUCTIONS if ARMS[name].shifts]
EVEN = [name for name in REDUCTIONS if ARMS[name].even(2)]


@dataclass(frozen=True)
class Statement:
    """A sentence, why it is true, and a number that would show it if it were not."""

    name: str
    claim: str
    proof: str
    measure: str
    bound: float
    check: Callable[[], float]


def normal(*shape: int, seed: int = 0, requires_grad: bool = False) -> Tensor:
    """Standard normal numbers in float64."""
    return tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=requires_grad)


def slope(arm: str, r: Tensor) -> Tensor:
    """∂f/∂r of a reduction over dimension 1, at r (N, C)."""
    r = r.detach().requires_grad_()
    (gradient,) = grad(REDUCTIONS[arm](r, 1).sum(), [r])
    return gradient


def gap(a: Tensor, b: Tensor | float) -> float:
    """The largest absolute difference."""
    return float((a - b).abs().max().item())


def affine() -> float:
    """Affine arms: change of the slope between data, and distance from the sum with their slopes and offset."""
    r, other = normal(50, 3, seed=1), normal(50, 3, seed=2)
    worst = 0.0
    for arm, reduce in REDUCTIONS.items():
        change = gap(slope(arm, r), slope(arm, other))
        if arm in AFFINE:
            offset = reduce(zeros(1, 3, dtype="float64"), 1)
            worst = max(worst, change, gap(reduce(r, 1), (slope(arm, other) * r).sum(1) + offset))
        elif change < 1e-3:  # the converse: a gradient that does depend on the data
            return float("inf")
    return worst


def shift() -> float:
    """Distance of the slopes' sum from 1 for arms that follow a shift; of each slope from 1 for the sum."""
    r = normal(50, 5, seed=3)
    follow = max(gap(REDUCTIONS[arm](r + 0.7, 1), REDUCTIONS[arm](r, 1) + 0.7) for arm in SHIFTING)
    shared = max(gap(slope(arm, r).sum(1), 1.0) for arm in SHIFTING)
    return max(follow, shared, gap(slope("sum", r), 1.0))


def disguise(steps: int = 50) -> float:
    """Largest difference of loss from the sum's over `steps`, for mean and sum + 17, with SGD and with Adam."""
    return max(
        abs(loss - other)
        for optimizer in ("sgd", "adam")
        for arm in ("mean", "sum+17")
        for loss, other in zip(losses("sum", optimizer, steps), losses(arm, optimizer, steps), strict=True)
    )


def losses(arm: str, optimizer: str, steps: int, C: int = 3) -> list[float]:
    """Losses of a small float64 network whose first layer starts, and is trained, as the sum reparametrised."""
    x, y = normal(16, C, 6, 6, seed=4), tensor(np.arange(16) % 2)
    conv = ChannelConv2d(C, 4, 3, reduce=arm, dtype="float64")
    known = ARMS[arm]
    scale, offset = 1 / known.linear(C)[0] if known.linear else 1.0, known.offset
    weight, bias = normal(4, C, 3, 3, seed=5) * (0.3 * scale), normal(4, seed=6) - offset
    conv.load_state_dict({"weight": weight.numpy(), "bias": bias.numpy()})
    head = normal(4, 2, seed=7)
    if optimizer == "sgd":
        groups = [
            {"params": [conv.weight], "lr": 0.05 * scale**2, "weight_decay": 0.01 / scale**2},
            {"params": [conv.bias], "lr": 0.05},
        ]
        optimise: Any = SGD(groups, lr=0.05, momentum=0.9)
    else:
        groups = [
            {"params": [conv.weight], "lr": 0.01 * scale, "eps": 1e-8 / scale},
            {"params": [conv.bias], "lr": 0.01},
        ]
        optimise = Adam(groups, lr=0.01)
    seen = []
    for _ in range(steps):
        loss = F.cross_entropy(conv(x).relu().mean((2, 3)) @ head, y)
        optimise.zero_grad()
        loss.backward()
        optimise.step()
        seen.append(loss.item())
    return seen


def law() -> float:
    """Relative difference of the response's standard deviation, ‖∂r/∂w‖, between an aligned and an opponent edge."""
    edge = np.tile(np.tanh(np.linspace(-2, 2, 3)), (3, 1))
    deviations = []
    for blue in (edge, -edge):
        x = tensor(np.stack([edge, 0 * edge, blue])[None])
        w = normal(1, 3, 3, 3, requires_grad=True)
        (gradient,) = grad(conv2d(x, w).sum(), [w])
        deviations.append(float(gradient.square().sum().sqrt().item()))
    return abs(deviations[0] / deviations[1] - 1)


def null() -> float:
    """Largest relative distance of E|Σr| / EΣ|r| from 1/√C, over C = 3, 16, 64 and 40,000 draws."""
    distances = []
    for C in (3, 16, 64):
        r = normal(40_000, C, seed=C)
        share = float((r.sum(1).abs().mean() / r.abs().sum(1).mean()).item())
        distances.append(abs(share * C**0.5 - 1))
    return max(distances)


def even() -> float:
    """Largest difference between the reduced responses to an image and to its negative, C = 2."""
    conv, x = nn.Conv2d(2, 3, 3, bias=False, dtype="float64"), normal(4, 2, 6, 6, seed=8)
    return max(gap(REDUCTIONS[arm](responses(conv, x), 2), REDUCTIONS[arm](responses(conv, -x), 2)) for arm in EVEN)


def tied() -> float:
    """Largest difference between the outputs for an edge in one channel and in another, with one slice for all."""
    conv, edge = ChannelConv2d(3, 4, 3, tied=True, dtype="float64"), normal(1, 6, 6, seed=16)
    images = [zeros(1, 3, 6, 6, dtype="float64") for _ in range(3)]
    for c, image in enumerate(images):
        image[:, c] = edge
    return max(gap(conv(images[0]), conv(image)) for image in images[1:])


def copy() -> float:
    """Distance of the gradient at each response from the one at the output; and of ⟨g, y⟩, ⟨dX, x⟩, ⟨dW, w⟩."""
    x, w = normal(2, 3, 5, 5, seed=9, requires_grad=True), normal(4, 3, 3, 3, seed=10, requires_grad=True)
    g = normal(2, 4, 3, 3, seed=11)
    r = normal(2, 4, 3, 3, 3, seed=12, requires_grad=True)  # (N, O, C, P, Q)
    (at_responses,) = grad(r.sum(2), [r], g)
    y = conv2d(x, w)
    dx, dw = grad(y, [x, w], g)
    whole = (g * y).sum()
    fan = np.sum([grad(conv2d(x, w[o : o + 1]), [x], g[:, o : o + 1])[0].numpy() for o in range(4)], 0)
    return max(
        gap(at_responses, g.unsqueeze(2)), gap((dx * x).sum(), whole), gap((dw * w).sum(), whole),
        gap(dx, fan),
    )  # fmt: skip


def matrix() -> float:
    """Distance, in value and both gradients, of a convolution from a matrix product with shared entries."""
    x, w = normal(2, 4, 4, seed=13, requires_grad=True), normal(3, 2, 3, 3, seed=14, requires_grad=True)
    rows, columns = 3 * 2 * 2, 2 * 4 * 4
    index, mask = np.zeros((rows, columns), int), np.zeros((rows, columns))
    for o, p, q, c, i, j in itertools.product(range(3), range(2), range(2), range(2), range(3), range(3)):
        place = (o * 2 + p) * 2 + q, (c * 4 + p + i) * 4 + q + j
        index[place], mask[place] = ((o * 2 + c) * 3 + i) * 3 + j, 1
    shared = w.reshape(-1)[index] * tensor(mask)  # (O·P·Q, C·H·W): most entries 0, each weight P·Q times
    product, convolved = shared @ x.reshape(-1), conv2d(x.unsqueeze(0), w).reshape(-1)
    g = normal(rows, seed=15)
    pairs = zip(grad(product, [x, w], g), grad(convolved, [x, w], g), strict=True)
    return max(gap(product, convolved), *(gap(a, b) for a, b in pairs))


def step() -> float:
    """Distance of a step's change of each channel's response from the sum over patches that should make it.

    Infinite if a patch's own term does not move all of its channels' responses one way.
    """
    conv, x = nn.Conv2d(3, 1, 3, bias=False, dtype="float64"), normal(5, 3, 3, 3, seed=17)  # an image is one patch
    conv.weight.array[:] = normal(1, 3, 3, 3, seed=21).array
    before, out = responses(conv, x).detach().numpy()[:, 0, :, 0, 0], conv(x)  # (N, C)
    loss = F.cross_entropy((out.relu() * normal(1, 2, 1, 1, seed=18)).mean((2, 3)), tensor(np.arange(5) % 2))
    (g,) = grad(loss, [out], retain_graph=True)
    loss.backward()
    SGD([conv.weight], lr=0.1).step()
    patches = x.numpy().reshape(5, 3, 9)
    alike = np.einsum("sck,xck->sxc", patches, patches)  # ⟨x_c(s), x_c⟩
    terms = -0.1 * g.numpy().reshape(5, 1, 1) * alike
    own = terms[np.arange(5), np.arange(5)]  # (N, C)
    if not (np.abs(np.sign(own).sum(1))[g.numpy().ravel() != 0] == 3).all():
        return float("inf")
    return float(np.abs(responses(conv, x).detach().numpy()[:, 0, :, 0, 0] - before - terms.sum(0)).max())


def grey(steps: int = 50, lr: float = 0.1, decay: float = 0.02) -> float:
    """On grey images, the largest distance of w_R − w_B from (1 − ηλ)^t times its start, with decay and without."""
    x, y = normal(16, 1, 6, 6, seed=19).expand((16, 3, 6, 6)), tensor(np.arange(16) % 2)
    head, worst = normal(4, 2, seed=20), 0.0
    for rate in (0.0, decay):
        conv = nn.Conv2d(3, 4, 3, bias=False, dtype="float64")
        conv.weight.array[:] = normal(4, 3, 3, 3, seed=22).array
        optimizer = SGD(conv.parameters(), lr=lr, weight_decay=rate)
        start = conv.weight.array[:, 0] - conv.weight.array[:, 2]
        for t in range(1, steps + 1):
            optimizer.zero_grad()
            F.cross_entropy(conv(x).relu().mean((2, 3)) @ head, y).backward()
            optimizer.step()
            now = conv.weight.array[:, 0] - conv.weight.array[:, 2]
            worst = max(worst, float(np.abs(now - (1 - lr * rate) ** t * start).max()))
    return worst


STATEMENTS = [
    Statement(
        "affine",
        "The gradient of a reduction does not depend on the data exactly if the reduction is affine; with non-zero "
        "coefficients it is then the sum, reparametrised.",
        "A constant ∂f/∂r = a integrates to f(r) = Σ a_c r_c + b, and back. Since r_c is linear in the slice w_c, "
        "f = Σ conv(x_c, a_c w_c) + b: the sum with slices a_c w_c and the bias raised by b.",
        "largest change of an affine reduction’s gradient, or distance from the sum so reparametrised",
        1e-12,
        affine,
    ),
    Statement(
        "shift",
        "If a reduction follows a shift, f(r + a) = f(r) + a (mean, maximum, minimum, median, logsumexp, "
        "softmax-weighted), the channels share one unit of gradient; the sum gives one to each.",
        "Differentiate f(r + a·1) = f(r) + a by a at 0: Σ ∂f/∂r_c = 1. For the sum ∂f/∂r_c = 1 for every c, so "
        "that C units arrive in all.",
        "largest distance of the shared gradient from one unit",
        1e-12,
        shift,
    ),
    Statement(
        "disguise",
        "The mean is the sum exactly: weights × C, learning rate × C² (SGD) or × C (Adam, with ε ÷ C), weight "
        "decay ÷ C²; sum + 17 is the sum with the bias at −17.",
        "With u = C w the mean of conv(x, u_c) is the sum of conv(x, w_c), and ∂L/∂u = ∂L/∂w ÷ C; a step of u is C "
        "steps of w if the rate makes up for C (scale) times C (gradient). Adam divides the gradient’s scale out, "
        "so one C stays.",
        "largest difference of loss over 50 steps",
        1e-10,
        disguise,
    ),
    Statement(
        "law",
        "For Gaussian weights, the response to an opponent edge has the same law as to an aligned edge: no special "
        "cancellation at the start.",
        "r = ⟨w, x⟩ with w ~ N(0, σ²) is N(0, σ²‖x‖²). Turning blue’s edge around turns x_B into −x_B and leaves "
        "‖x‖ as it was.",
        "relative difference of the two standard deviations",
        1e-12,
        law,
    ),
    Statement(
        "null",
        "For independent responses of equal size E|Σr| ÷ EΣ|r| is about 1/√C: a raw cancellation index means "
        "nothing without that null.",
        "Variances add, so Σr is √C times as wide as one r, while Σ|r| grows like C. For Gaussian r the ratio is "
        "exactly √C ÷ C = 1/√C; for other laws a constant near 1 comes in.",
        "largest relative distance from 1/√C for C = 3, 16, 64",
        0.02,
        null,
    ),
    Statement(
        "even",
        "A reduction that is even in the responses (Σ|r|, L2 norm, geometric mean, a product of an even number of "
        "channels) cannot tell an edge from its negative.",
        "Without a bias before it, conv(−x, w) = −conv(x, w), so that every r_c changes sign. f(−r) = f(r) then "
        "gives both images one output, and no later layer can part them.",
        "largest difference between the outputs for an image and its negative",
        1e-12,
        even,
    ),
    Statement(
        "tied",
        "A slice that all channels share cannot tell which channel an edge is in, nor which of two rises.",
        "With w_c = u for every c, Σ conv(x_c, u) = conv(Σ x_c, u): only the sum of the channels comes through, and it "
        "stays as it is when channels change places. Opponent edges, x_R = −x_B, sum to nothing at all.",
        "largest difference between the outputs for the same edge in different channels",
        1e-12,
        tied,
    ),
    Statement(
        "copy",
        "Backward of the sum over c is a copy to every c. Forward a convolution sums over c and fans out over o; "
        "backward it sums over o and fans out over c.",
        "∂(Σ r_c)/∂r_c = 1, so each r_c receives g as it is. In ⟨g, y⟩ = Σ g_o x_c w_oc leaving out g sums over c, "
        "leaving out x sums over o: one form, read twice.",
        "largest difference between the copies, and between ⟨g, y⟩, ⟨dX, x⟩ and ⟨dW, w⟩",
        1e-11,
        copy,
    ),
    Statement(
        "step",
        "A step of descent changes channel c’s response to a patch x by Δr_c(x) = −η Σ_s g_s ⟨x_c(s), x_c⟩, a sum over "
        "training patches s. The patch’s own term moves all of its responses one way.",
        "The gradient at slice c is Σ_s g_s x_c(s), and r_c(x) = ⟨w_c, x_c⟩ is linear in the slice. The factor g_s is "
        "the same for all channels; for s = x the term is −η g_x ‖x_c‖², whose sign does not depend on c.",
        "largest difference between a step’s change of a response and that sum",
        1e-12,
        step,
    ),
    Statement(
        "grey",
        "On grey images without noise w_R − w_B never changes under descent; weight decay λ shrinks it as e^(−ηλt).",
        "With x_R = x_B both slices receive the same gradient Σ_s g_s x(s), so their difference receives none. Decay "
        "alone multiplies it by 1 − ηλ a step.",
        "largest distance of w_R − w_B from (1 − ηλ)^t times its start",
        1e-12,
        grey,
    ),
    Statement(
        "matrix",
        "A convolution is multiplication by a sparse matrix whose entries are shared.",
        "Each output is a fixed linear form in the input, so the layer is y = T x with T mostly zero. The entry "
        "for output (o, p) and input (c, p + k) is w_ock at every p: one weight, many places, whose gradients add.",
        "largest difference in value and in both gradients",
        1e-12,
        matrix,
    ),
]  # fmt: skip


def confirm(name: str) -> Record:
    """Confirm a statement through the engine: claim, value (0 where it is exactly true), bound, holds."""
    (found,) = [statement for statement in STATEMENTS if statement.name == name]
    value = found.check()
    return {"claim": found.claim, "value": value, "bound": found.bound, "holds": value <= found.bound}
