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

from minigrad import nn
from minigrad.autograd import no_grad
from minigrad.channels.layer_sums import DRAWS, GAUSSIAN, Row, cut, measure
from minigrad.channels.layers import watch
from minigrad.channels.table import Table
from minigrad.notebook import escape
from minigrad.tensor import Tensor, as_tensor

Entry: TypeAlias = tuple[str, Any, Any, Mapping[str, Any]]  # name, weight, input, options

COLUMNS = ("index", "null", "excess", "p", "shuffled", "largest share", "near zero", "unmatched", "random")


@dataclass(frozen=True, repr=False)
class Survey:
    """What `survey` found: `rows`, a Row a layer in the order of their calls. Prints, sorts and draws."""

    rows: tuple[Row, ...]

    def sort(self, by: str = "excess", descending: bool = True) -> Survey:
        """The rows sorted by one of their fields, `excess` or `largest`; those without that number come last."""
        known = [field.name for field in fields(Row) if field.name not in ("shares", "filters")] + ["excess", "largest"]
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
            numbers += [f"{row.unmatched:.0%}", f"{row.orthogonal:.0%}"]
            shown = ["–" if "nan" in number else number for number in numbers]
            rows.append([row.name, row.shape, str(row.channels), *shown, row.note])
        measured = [row for row in self.rows if row.p == row.p]
        more, less = (sum(row.p < 0.05 and sign * row.excess > 0 for row in measured) for sign in (1, -1))
        convolutions = f"{len(self.rows)} convolution{'s' * (len(self.rows) != 1)}"
        return Table(
            f"{convolutions}, {len(measured)} with a sum over channels: {more} cancel more than slice flips "
            f"(p < 0.05), {less} less",
            ("layer", "weights", "channels", *COLUMNS, ""),
            rows,
            f"null: {DRAWS:,} random signs of whole slices; shuffled: weights moved within slices. A Gaussian has "
            f"{GAUSSIAN:.0%} near zero; beside unmatched answers stand those of random filters. Layers of one network "
            "are not independent.",
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
    of its filters, all drawn at random from `seed`: on about a million responses at most. Slice flips draw from a
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
        rng = np.random.default_rng([seed, len(rows)])
        rows.append(measure(cut(*entry, rng), draws, rng))
    return Survey(tuple(rows))


def _entry(name: str, layer: Any, x: Any) -> Entry:
    """A module's call as `survey_layers` takes it; what is not a sum is said with the option `note`."""
    x = as_tensor(x)  # a layer takes NumPy's arrays, too
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
