"""Every convolution of a network beside chance: do its channels cancel more, or less, than their sizes alone explain?

Two nulls stand beside the cancellation index. *Slice flips* turn the sign of whole slices w[o, c] at random: the sizes
of the responses stay and how they meet is left to chance. *Shuffles* move the weights about within each slice: the
slice's values stay and its pattern is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minigrad import nn
from minigrad.autograd import no_grad
from minigrad.channels.layers import watch
from minigrad.channels.table import Table
from minigrad.notebook import escape
from minigrad.tensor import Tensor

Array: TypeAlias = NDArray[Any]
Entry: TypeAlias = tuple[str, Any, Any, Mapping[str, Any]]  # name, weight, input, options

DRAWS, SHUFFLES = 2000, 20
FEWEST, MOST, FILTERS, RESPONSES = 32, 256, 16, 4_000_000  # patches, filters and responses r_c of a layer
NEAR, GAUSSIAN = 0.1, 0.0797  # near zero is within a tenth of σ; a Gaussian has 8 % of its weights there
OPTIONS: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
TRANSPOSED = {"transposed": False, "output_padding": 0}


@dataclass(frozen=True)
class Row:
    """One call of one convolution. Shares lie between 0 and 1; what cannot be measured is NaN, and `note` says why.

    name: of the layer. shape: of its weights, as text. channels: how many responses one answer adds up.
    index: 1 - Σ|Σ_c r_c| / ΣΣ_c|r_c|, the share of the responses that the sum cancels. null: its mean under slice
    flips. excess: index minus null. p: two-sided share of slice flips whose index is as far from the null. shuffled:
    the index's mean under shuffles; NaN for 1×1. shares (in_channels,): each input channel's share of Σ r². near_zero:
    the share of weights within a tenth of their own filter's σ (root mean square) of zero; a Gaussian has 0.08.
    """

    name: str
    shape: str
    channels: int
    index: float = np.nan
    null: float = np.nan
    p: float = np.nan
    shuffled: float = np.nan
    near_zero: float = np.nan
    shares: Array | None = None
    note: str = ""

    @property
    def excess(self) -> float:
        """Index minus null: above 0 the channels cancel more than chance."""
        return self.index - self.null

    @property
    def largest(self) -> float:
        """The largest share of one input channel."""
        return np.nan if self.shares is None else float(self.shares.max())


COLUMNS = ("index", "null", "excess", "p", "shuffled", "largest share", "near zero")


@dataclass(frozen=True, repr=False)
class Survey:
    """What `survey` found: `rows`, a Row a layer in the order of their calls. Prints, sorts and draws."""

    rows: tuple[Row, ...]

    def sort(self, by: str = "excess", descending: bool = True) -> Survey:
        """The rows sorted by one of their fields, `excess` or `largest`; those without that number come last."""
        known = [field.name for field in fields(Row) if field.name != "shares"] + ["excess", "largest"]
        if by not in known:
            raise ValueError(f"Survey.sort: by is one of {known}, got {by!r}")
        values = [getattr(row, by) for row in self.rows]
        missing = [row for row, value in zip(self.rows, values, strict=True) if value != value]
        there = [row for row, value in zip(self.rows, values, strict=True) if value == value]
        return Survey((*sorted(there, key=lambda row: getattr(row, by), reverse=descending), *missing))

    def table(self) -> Table:
        """The rows as texts."""
        rows = []
        for row in self.rows:
            numbers = [f"{row.index:.3f}", f"{row.null:.3f}", f"{row.excess:+.3f}", f"{row.p:.4f}"]
            numbers += [f"{row.shuffled:.3f}", f"{row.largest:.1%}", f"{row.near_zero:.1%}"]
            shown = ["–" if "nan" in number else number for number in numbers]
            rows.append([row.name, row.shape, str(row.channels), *shown, row.note])
        measured = [row for row in self.rows if row.p == row.p]
        more, less = (sum(row.p < 0.05 and sign * row.excess > 0 for row in measured) for sign in (1, -1))
        return Table(
            f"{len(self.rows)} convolutions, {len(measured)} with a sum over channels: {more} cancel more than slice "
            f"flips (p < 0.05), {less} less",
            ("layer", "weights", "channels", *COLUMNS, ""),
            rows,
            f"null: {DRAWS:,} random signs of whole slices; shuffled: weights moved within slices. A Gaussian has "
            f"{GAUSSIAN:.0%} near zero. Layers of one network are not independent.",
        )

    def draw(self) -> str:
        """An SVG picture: a bar for each layer's excess, right of the middle where it cancels more than chance."""
        rows = [row for row in self.rows if row.p == row.p]
        limit = max([abs(row.excess) for row in rows], default=0.0) or 1.0
        parts = []
        for place, row in enumerate(rows):
            y, width = 24 + 18 * place, 150 * abs(row.excess) / limit
            x = 350 - (width if row.excess < 0 else 0)
            colour = "#d55e00" if row.excess > 0 else "#0072b2"
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="12" fill="{colour}" '
                f'fill-opacity="{1 if row.p < 0.05 else 0.35}"><title>{escape(row.name)}: index {row.index:.3f}, null '
                f'{row.null:.3f}, p {row.p:.4f}</title></rect><text x="190" y="{y + 10}" text-anchor="end">'
                f'{escape(row.name)}</text><text x="510" y="{y + 10}">{row.excess:+.3f}</text>'
            )
        height = 30 + 18 * len(rows)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 570 {height}" width="570" role="img" '
            'font-family="sans-serif" font-size="12"><title>Excess cancellation of each layer</title>'
            f'<rect width="570" height="{height}" fill="#fff"/><text x="350" y="14" text-anchor="middle">'
            "← cancels less · excess over slice flips · cancels more →</text>"
            f'<path d="M350 20V{height}" stroke="#888"/>{"".join(parts)}</svg>'
        )

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table().html() + self.draw()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, layer: int | str) -> Row:
        if isinstance(layer, int):
            return self.rows[layer]
        found = {row.name: row for row in self.rows}
        if layer not in found:
            raise KeyError(f"survey: there is no layer {layer!r}; there are {list(found)}")
        return found[layer]


def survey(model: nn.Module, x: Tensor, draws: int = DRAWS, seed: int = 0) -> Survey:
    """Measure the channel sum of every convolution of a model, in one forward of x in evaluation mode.

    Convolutions over one or two dimensions, transposed ones too, are measured as `survey_layers` says; a layer that
    runs twice has two rows. The model stays as it was. Raises TypeError for another thing than a Module, ValueError for
    one without convolutions.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"survey: expected a Module, got {type(model).__name__}; for arrays there is survey_layers")
    kinds = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)
    found = {name: layer for name, layer in model.named_modules() if isinstance(layer, kinds)}
    if not found:
        raise ValueError(f"survey: {type(model).__name__} has no convolution")
    with watch(model, found) as calls, no_grad():
        model.eval()
        model(x)
        entries = [_entry(name, found[name], entering) for name, entering, _ in calls]
    return survey_layers(_tell_apart(entries), draws, seed)


def survey_layers(layers: Iterable[Entry], draws: int = DRAWS, seed: int = 0) -> Survey:
    """Measure the channel sums of convolutions of any framework, from arrays.

    layers: `(name, weight, input, options)`. weight (O, C / groups, K, L), or (O, C / groups, K) for one dimension;
    input (N, C, H, W) or (N, C, L); options: stride, padding (numbers, or "same" and "valid"), dilation, groups, as
    PyTorch's; with `transposed` and perhaps `output_padding` the weight is (C, O / groups, K, L). The bias does not
    matter, for it is added afterwards. A layer is measured on 32 to 256 patches of its input, and a large one on some
    of its filters, all drawn at random from `seed`: on about four million responses at most. Slice flips draw from a
    pool of `draws` rows of signs, each filter in an order of its own.

    A layer without a sum, such as a depthwise one, has a row that says so. Raises ValueError or TypeError, with the
    layer's name, for shapes that do not fit, options that are not known, numbers that are not finite.
    """
    if not isinstance(draws, int) or draws < 1:
        raise ValueError(f"survey_layers: draws is a number of random draws, got {draws!r}")
    rows: list[Row] = []
    for entry in layers:
        if not isinstance(entry, tuple | list) or len(entry) != 4:
            raise TypeError("survey_layers: expected (name, weight, input, options) for each layer")
        rows.append(measure(*entry, draws=draws, rng=np.random.default_rng([seed, len(rows)])))
    return Survey(tuple(rows))


def _entry(name: str, layer: Any, x: Tensor) -> Entry:
    """A module's call as `survey_layers` takes it; what is not a sum is said with the option `note`."""
    options = {name: getattr(layer, name) for name in ("stride", "dilation", "groups", "transposed")}
    if (reduce := getattr(layer, "reduce", "sum")) != "sum":
        options["note"] = f"no sum: reduce={reduce!r}"
    weight = layer.weight.array
    if not layer.transposed:
        each = layer.in_channels // layer.groups
        weight = np.broadcast_to(weight, (weight.shape[0], each, *weight.shape[2:]))  # a tied slice stands for all
        x, options["padding"] = layer._pad(x)
    else:
        options |= {"padding": layer.padding, "output_padding": layer.output_padding}
    return name or type(layer).__name__, weight, x.array, options


def _tell_apart(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, with the number of the call in the name of a layer that ran more than once."""
    seen: dict[str, int] = {}
    out = []
    for name, *rest in entries:
        seen[name] = seen.get(name, 0) + 1
        out.append((f"{name} ({seen[name]})" if seen[name] > 1 else name, *rest))
    return out


# ------------------------------------------------------------------------------------------------------- one layer


def measure(name: str, weight: Any, x: Any, options: Mapping[str, Any], draws: int, rng: np.random.Generator) -> Row:
    """The row of one layer."""
    options = dict(options)
    note = options.pop("note", "")
    known = OPTIONS | TRANSPOSED
    if unknown := set(options) - set(known):
        raise TypeError(f"survey: {name}: no option {sorted(unknown)}; there are {list(known)}")
    shape = "×".join(map(str, np.shape(weight)))
    w, images, how = _as_convolution(name, np.asarray(weight), np.asarray(x), known | options)
    count = int(np.clip(RESPONSES // (w.shape[0] * w.shape[1]), FEWEST, MOST))
    patches = _patches(w, images, how, count, rng)
    groups, channels, area = how["groups"], w.shape[1], w.shape[2] * w.shape[3]
    w, patches = w.reshape(groups, -1, channels, area), patches.reshape(groups, channels, area, -1)
    sigma = np.sqrt((w**2).mean((2, 3), keepdims=True))
    row: dict[str, Any] = {"near_zero": float((np.abs(w) <= NEAR * sigma).mean())}
    most = max(FILTERS, RESPONSES // (groups * channels * count))
    if w.shape[1] > most:
        w = w[:, np.sort(rng.choice(w.shape[1], most, replace=False))]
    if note or channels == 1:
        return Row(name, shape, channels, **row, note=note or "no sum: one channel a group")
    sizes, squares, index = _totals(w, patches)
    if sizes == 0:
        return Row(name, shape, channels, **row, note="all responses are zero")
    flips = 1 - _left_by_flips(w, patches, draws, rng) / sizes
    null = float(flips.mean())
    far = int((np.abs(flips - null) >= abs(index - null) - 1e-12).sum())
    return Row(
        name, shape, channels, index=index, null=null, p=(1 + far) / (draws + 1), shuffled=_shuffled(w, patches, rng),
        shares=squares / squares.sum(), **row,
    )  # fmt: skip


def _responses(w: Array, patches: Array) -> Array:
    """(O, C, K·L), (C, K·L, M) -> (C, O, M): one group's responses, channel by channel."""
    return np.asarray(np.matmul(w.swapaxes(0, 1), patches))


def _totals(w: Array, patches: Array) -> tuple[float, Array, float]:
    """ΣΣ|r_c|, each input channel's Σ r² (C,), and the cancellation index."""
    sizes, left, squares = 0.0, 0.0, []
    for w_g, patches_g in zip(w, patches, strict=True):
        r = _responses(w_g, patches_g)
        sizes += float(np.abs(r).sum(dtype=float))
        left += float(np.abs(r.sum(0)).sum(dtype=float))
        squares.append((r.astype(float) ** 2).sum((1, 2)))
    return sizes, np.concatenate(squares), 1 - left / sizes if sizes else 0.0


def _left_by_flips(w: Array, patches: Array, draws: int, rng: np.random.Generator) -> Array:
    """Σ|Σ_c ±r_c| (draws,), the signs of whole slices drawn at random."""
    signs = rng.choice(np.array([-1, 1], w.dtype), (draws, w.shape[2]))  # (D, C)
    left = np.zeros(draws)
    for w_g, patches_g in zip(w, patches, strict=True):
        r = _responses(w_g, patches_g)
        for o in range(r.shape[1]):
            left += rng.permutation(np.abs(signs @ r[:, o]).sum(1))
    return left


def _shuffled(w: Array, patches: Array, rng: np.random.Generator) -> float:
    """The cancellation index with the weights of each slice in random order, a mean over draws; NaN for 1×1."""
    if w.shape[3] == 1:
        return float("nan")
    return float(np.mean([_totals(rng.permuted(w, axis=3), patches)[2] for _ in range(SHUFFLES)]))


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
