"""The channel sum of one convolution, measured on patches of its input: `cut` takes the patches, `measure` judges them.

Every kind of layer becomes one kind first: weights (O, C / groups, K, L) and padded images (N, C, H, W).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

DRAWS, SHUFFLES, FEW = 2000, 20, 200  # random signs; orders of weights; random signs where a mean will do
FEWEST, MOST, FILTERS, RESPONSES = 32, 256, 16, 1_000_000  # patches, filters and responses r_c of a layer
NEAR, GAUSSIAN = 0.1, 0.0797  # near zero is within a tenth of σ; a Gaussian has 8 % of its weights there
UNMATCHED = 0.1  # a filter does not match a patch if the cosine of their angle is smaller
OPTIONS: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
TRANSPOSED = {"transposed": False, "output_padding": 0}


@dataclass(frozen=True)
class Filters:
    """The filters of a layer that were measured, an array (F,) each: their numbers, indices, nulls and p."""

    number: Array
    index: Array
    null: Array
    p: Array


@dataclass(frozen=True)
class Row:
    """One call of one convolution. Shares lie between 0 and 1; what cannot be measured is NaN, and `note` says why.

    name: of the layer. shape: of its weights, as text. channels: how many responses one answer adds up.
    index: 1 - Σ|Σ_c r_c| / ΣΣ_c|r_c|, the share of the responses that the sum cancels. null: its mean under slice
    flips. excess: index minus null. p: two-sided share of slice flips whose index is as far from the null. shuffled:
    the index's mean under shuffles; NaN for 1×1. shares (in_channels,): each input channel's share of Σ r². near_zero:
    the share of weights within a tenth of their own filter's σ (root mean square) of zero; a Gaussian has 0.08.
    unmatched: the share of answers Σ_c r_c below a tenth of |filter|·|patch|. orthogonal: that share for filters of
    random direction. centred: the excess when each input's mean over the patches is taken away. filters: index, null
    and p of single filters.
    """

    name: str
    shape: str
    channels: int
    index: float = np.nan
    null: float = np.nan
    p: float = np.nan
    shuffled: float = np.nan
    near_zero: float = np.nan
    unmatched: float = np.nan
    orthogonal: float = np.nan
    centred: float = np.nan
    shares: Array | None = None
    filters: Filters | None = None
    note: str = ""

    @property
    def excess(self) -> float:
        """Index minus null: above 0 the channels cancel more than chance."""
        return self.index - self.null

    @property
    def largest(self) -> float:
        """The largest share of one input channel."""
        return np.nan if self.shares is None else float(self.shares.max())


@dataclass(frozen=True)
class Cut:
    """A layer's weights and patches of its input: (groups, O / groups, C, K·L) and (groups, C, K·L, M)."""

    name: str
    shape: str
    w: Array
    patches: Array
    note: str = ""


def cut(name: str, weight: Any, x: Any, options: Mapping[str, Any], rng: np.random.Generator, inputs: int = 1) -> Cut:
    """Take patches from one input of a layer; of several `inputs`, each gives its part."""
    options = dict(options)
    note = options.pop("note", "")
    known = OPTIONS | TRANSPOSED
    if unknown := set(options) - set(known):
        raise TypeError(f"survey: {name}: no option {sorted(unknown)}; there are {list(known)}")
    shape = "×".join(map(str, np.shape(weight)))
    w, images, how = _as_convolution(name, np.asarray(weight), np.asarray(x), known | options)
    count = int(np.clip(RESPONSES // (w.shape[0] * w.shape[1]), FEWEST, MOST))
    patches = _patches(w, images, how, -(-count // inputs), rng)
    groups, channels, area = how["groups"], w.shape[1], w.shape[2] * w.shape[3]
    return Cut(name, shape, w.reshape(groups, -1, channels, area), patches.reshape(groups, channels, area, -1), note)


def join(cuts: Sequence[Cut]) -> Cut:
    """The patches of one layer's several inputs as one."""
    first = cuts[0]
    return Cut(first.name, first.shape, first.w, np.concatenate([c.patches for c in cuts], axis=3), first.note)


def measure(layer: Cut, draws: int, rng: np.random.Generator) -> Row:
    """The row of one layer."""
    w, patches = layer.w, layer.patches
    groups, outputs, channels, area = w.shape
    sigma = np.sqrt((w**2).mean((2, 3), keepdims=True))
    near_zero = float((np.abs(w) <= NEAR * sigma).mean())
    most = max(FILTERS, RESPONSES // (groups * channels * patches.shape[3]))
    chosen = np.sort(rng.choice(outputs, most, replace=False)) if outputs > most else np.arange(outputs)
    w = w[:, chosen]
    if layer.note or channels == 1:
        note = layer.note or "no sum: one channel a group"
        return Row(layer.name, layer.shape, channels, near_zero=near_zero, note=note)
    sizes, left, squares, unmatched = _totals(w, patches)
    if not sizes.any():
        return Row(layer.name, layer.shape, channels, near_zero=near_zero, note="all responses are zero")
    flipped = _left_by_flips(w, patches, draws, rng)  # (groups·O, draws)
    index = 1 - left.sum() / sizes.sum()
    orders = np.stack([rng.permutation(draws) for _ in flipped])
    null, p = _beside(index, 1 - np.take_along_axis(flipped, orders, 1).sum(0) / sizes.sum())
    numbers = (outputs * np.arange(groups)[:, None] + chosen).reshape(-1)
    return Row(
        layer.name, layer.shape, channels, index=float(index), null=null, p=p, shuffled=_shuffled(w, patches, rng),
        near_zero=near_zero, unmatched=unmatched, orthogonal=share_near_orthogonal(channels * area),
        shares=squares / squares.sum(), filters=_single_filters(numbers, sizes, left, flipped),
        centred=_centred_excess(w, patches, rng),
    )  # fmt: skip


def share_near_orthogonal(d: int) -> float:
    """The share of random directions in d dimensions with |cos| < 0.1 to a given one: ∝ ∫ (1 - t²)^((d - 3) / 2) dt."""
    if d == 1:
        return 0.0

    def below(cosine: float) -> float:
        angles = np.linspace(0, np.arcsin(cosine), 2001)  # t = sin(angle), which removes the pole at d = 2
        density = np.cos(angles) ** (d - 2)
        return float((density[1:] + density[:-1]).sum() * angles[1])

    return below(UNMATCHED) / below(1)


def _responses(w: Array, patches: Array) -> Array:
    """(O, C, K·L), (C, K·L, M) -> (C, O, M): one group's responses, channel by channel."""
    return np.asarray(np.matmul(w.swapaxes(0, 1), patches))


def _totals(w: Array, patches: Array) -> tuple[Array, Array, Array, float]:
    """For each filter ΣΣ|r_c| and Σ|Σ_c r_c| (groups·O,), for each channel Σ r², and the share of unmatched answers."""
    sizes, left, squares, small, known = [], [], [], 0, 0
    for w_g, patches_g in zip(w, patches, strict=True):
        r = _responses(w_g, patches_g)
        answers = np.abs(r.sum(0))
        sizes.append(np.abs(r).sum((0, 2), dtype=float))
        left.append(answers.sum(1, dtype=float))
        squares.append((r.astype(float) ** 2).sum((1, 2)))
        full = np.outer(np.sqrt((w_g**2).sum((1, 2))), np.sqrt((patches_g**2).sum((0, 1))))
        small += int((answers < UNMATCHED * full)[full > 0].sum())
        known += int((full > 0).sum())
    return np.concatenate(sizes), np.concatenate(left), np.concatenate(squares), small / known if known else np.nan


def _left_by_flips(w: Array, patches: Array, draws: int, rng: np.random.Generator) -> Array:
    """Each filter's Σ|Σ_c ±r_c| (groups·O, draws), the signs of whole slices drawn at random."""
    signs = rng.choice(np.array([-1, 1], w.dtype), (draws, w.shape[2]))  # (D, C)
    left = []
    for w_g, patches_g in zip(w, patches, strict=True):
        r = _responses(w_g, patches_g)
        left += [np.abs(signs @ r[:, o]).sum(1, dtype=float) for o in range(r.shape[1])]
    return np.stack(left)


def _beside(index: Array, flips: Array) -> tuple[float, float]:
    """The mean of an index's flips (draws,), and the two-sided p."""
    null = flips.mean()
    far = int((np.abs(flips - null) >= abs(index - null) - 1e-12).sum())
    return float(null), (1 + far) / (1 + len(flips))


def _single_filters(numbers: Array, sizes: Array, left: Array, flipped: Array) -> Filters:
    """Index, null and p of every filter that answers at all."""
    alive = sizes > 0
    sizes, indices, flips = sizes[alive], 1 - left[alive] / sizes[alive], 1 - flipped[alive] / sizes[alive, None]
    found = np.array([_beside(index, row) for index, row in zip(indices, flips, strict=True)]).reshape(-1, 2)
    return Filters(numbers[alive], indices, found[:, 0], found[:, 1])


def _centred_excess(w: Array, patches: Array, rng: np.random.Generator) -> float:
    """The excess over slice flips when each input of the filters has mean 0 over the patches."""
    centred = patches - patches.mean(3, keepdims=True)
    sizes, left, *_ = _totals(w, centred)
    if not sizes.any():
        return float("nan")
    return float((_left_by_flips(w, centred, FEW, rng).mean(1).sum() - left.sum()) / sizes.sum())


def _shuffled(w: Array, patches: Array, rng: np.random.Generator) -> float:
    """The cancellation index with the weights of each slice in random order, a mean over draws; NaN for 1×1."""
    if w.shape[3] == 1:
        return float("nan")
    drawn = (_totals(rng.permuted(w, axis=3), patches) for _ in range(SHUFFLES))
    return float(np.mean([1 - left.sum() / sizes.sum() for sizes, left, *_ in drawn]))


# -------------------------------------------------------------------------------- every kind of layer as one kind


def _as_convolution(name: str, w: Array, x: Array, how: dict[str, Any]) -> tuple[Array, Array, dict[str, Any]]:
    """Weights (O, C/G, K, L), padded images (N, C, H, W), and their stride, dilation and groups."""
    groups, flat = how["groups"], w.ndim == 3

    def refuse(what: str) -> ValueError:
        return ValueError(f"survey: {name}: {what}; got weight {w.shape}, input {x.shape}, groups {groups}")

    if w.ndim not in (3, 4) or x.ndim != w.ndim:
        raise refuse("expected a convolution over one or two dimensions, and an input with batch and channels")
    for what, array in (("weight", w), ("input", x)):
        if not np.issubdtype(array.dtype, np.floating) or not array.size or not np.isfinite(array).all():
            raise refuse(f"expected finite floating numbers as {what}")
    inputs = w.shape[0] if how["transposed"] else w.shape[1] * groups
    if x.shape[1] != inputs or w.shape[0] % groups:
        raise refuse(f"the weight asks for {inputs} input channels")
    w, x = (a.astype(np.float32) if a.dtype == np.float16 else a for a in (w[:, :, None] if flat else w, x))
    x = x[:, :, None] if flat else x
    stride, dilation = (_pair(how[key], flat, 1) for key in ("stride", "dilation"))
    reach = [d * (k - 1) for d, k in zip(dilation, w.shape[2:], strict=True)]
    if isinstance(how["padding"], str):
        margins = [(r // 2, r - r // 2) if how["padding"] == "same" else (0, 0) for r in reach]
    else:
        margins = [(p, p) for p in _pair(how["padding"], flat, 0)]
    if how["transposed"]:  # a convolution, with flipped slices, of the image with zeros between its pixels
        w = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)
        w = w.reshape(-1, *w.shape[2:])[..., ::-1, ::-1]
        spread = np.zeros((*x.shape[:2], *((n - 1) * s + 1 for n, s in zip(x.shape[2:], stride, strict=True))), x.dtype)
        spread[:, :, :: stride[0], :: stride[1]] = x
        x, stride = spread, (1, 1)
        extra = _pair(how["output_padding"], flat, 0)
        margins = [(r - p, r - q + e) for r, (p, q), e in zip(reach, margins, extra, strict=True)]
    x = np.pad(x, [(0, 0), (0, 0), *((max(a, 0), max(b, 0)) for a, b in margins)])
    (top, below), (left, right) = [(max(-a, 0), max(-b, 0)) for a, b in margins]
    x = x[:, :, top : x.shape[2] - below, left : x.shape[3] - right]
    if any(n <= r for n, r in zip(x.shape[2:], reach, strict=True)):
        raise refuse("the input is smaller than the kernel")
    return w, x, {"stride": stride, "dilation": dilation, "groups": groups}


def _pair(value: Any, flat: bool, rest: int) -> tuple[int, int]:
    """An option for both dimensions; of a convolution over one, the first is a dimension of length 1."""
    values = (value,) * (1 if flat else 2) if isinstance(value, int | np.integer) else tuple(value)
    return (rest, int(values[0])) if flat else (int(values[0]), int(values[1]))


def _patches(w: Array, x: Array, how: dict[str, Any], count: int, rng: np.random.Generator) -> Array:
    """At most `count` patches at random places of padded images: (N, C, H, W) -> (C, K·L, M)."""
    (s, t), (d, e), (k, m) = how["stride"], how["dilation"], w.shape[2:]
    whole = (d * (k - 1) + 1, e * (m - 1) + 1)
    windows = np.lib.stride_tricks.sliding_window_view(x, whole, axis=(2, 3))[:, :, ::s, ::t, ::d, ::e]
    places = (windows.shape[0], *windows.shape[2:4])  # (N, C, P, Q, K, L)
    chosen = rng.choice(np.prod(places), min(count, np.prod(places)), replace=False)
    n, p, q = np.unravel_index(chosen, places)
    return np.ascontiguousarray(windows[n, :, p, q].transpose(1, 2, 3, 0)).reshape(x.shape[1], k * m, -1)
