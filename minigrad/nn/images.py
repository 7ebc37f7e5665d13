"""Images and sequences with a margin, in another size or another order, and their windows as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minigrad import functional as F
from minigrad.instead import hide, public
from minigrad.nn.options import Elementwise, WithOptions, options
from minigrad.tensor import Tensor

IntOrTuple = int | tuple[int, ...]

# ------------------------------------------------------------------------------------------------------------ margins


@hide("dims")
@options
class _Padding(WithOptions):
    """`functional.pad` of the last `dims` dimensions: one width for all sides, or (left, right, top, bottom, …)."""

    dims, mode, value = 0, "constant", 0.0
    padding: IntOrTuple

    def _prepare(self) -> None:
        sides = 2 * self.dims
        self.padding = (self.padding,) * sides if isinstance(self.padding, int) else tuple(self.padding)
        if len(self.padding) != sides:
            raise ValueError(f"{type(self).__name__}: padding must be a number or {sides}, got {self.padding}")

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) -> (N, C, *), each dimension longer by both its margins."""
        if self.mode != "constant" and input.ndim not in (self.dims + 1, self.dims + 2):
            name, most = type(self).__name__, self.dims + 2
            raise ValueError(f"{name}: expected {most - 1} or {most} dimensions, got shape {input.shape}")
        return F.pad(input, self.padding, self.mode, self.value)  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_Padding):
    """Zeros around (N, C, L)."""

    dims = 1


class ZeroPad2d(_Padding):
    """Zeros around (N, C, H, W)."""

    dims = 2


class ZeroPad3d(_Padding):
    """Zeros around (N, C, D, H, W)."""

    dims = 3


@options
class _ConstantPad(_Padding):
    value: float

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """`value` around (N, C, L)."""

    dims = 1


class ConstantPad2d(_ConstantPad):
    """`value` around (N, C, H, W)."""

    dims = 2


class ConstantPad3d(_ConstantPad):
    """`value` around (N, C, D, H, W)."""

    dims = 3


class ReflectionPad1d(_Padding):
    """(N, C, L), mirrored at its ends, which are not repeated."""

    dims, mode = 1, "reflect"


class ReflectionPad2d(_Padding):
    """(N, C, H, W), mirrored at its edges, which are not repeated."""

    dims, mode = 2, "reflect"


class ReplicationPad1d(_Padding):
    """(N, C, L), its ends repeated."""

    dims, mode = 1, "replicate"


class ReplicationPad2d(_Padding):
    """(N, C, H, W), its edges repeated."""

    dims, mode = 2, "replicate"


class CircularPad1d(_Padding):
    """(N, C, L), going on at the other end."""

    dims, mode = 1, "circular"


class CircularPad2d(_Padding):
    """(N, C, H, W), going on at the opposite edge."""

    dims, mode = 2, "circular"


# ------------------------------------------------------------------------------------------------------- another size


@options
class Upsample(WithOptions):
    """`functional.interpolate` to `size` or by `scale_factor`."""

    size: int | Sequence[int] | None = None
    scale_factor: float | Sequence[float] | None = None
    mode: str = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None

    def _prepare(self) -> None:
        if isinstance(self.scale_factor, Sequence):
            self.scale_factor = tuple(map(float, self.scale_factor))
        elif self.scale_factor:
            self.scale_factor = float(self.scale_factor)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) -> (N, C, *)."""
        return F.interpolate(input, **self._given())

    def extra_repr(self) -> str:
        what = "size" if self.scale_factor is None else "scale_factor"
        return f"{what}={getattr(self, what)!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Each pixel repeated: `Upsample` by its older name."""

    def __init__(self, size: IntOrTuple | None = None, scale_factor: float | Sequence[float] | None = None):
        super().__init__(size, scale_factor)


class UpsamplingBilinear2d(Upsample):
    """`Upsample(mode="bilinear", align_corners=True)` by its older name."""

    def __init__(self, size: IntOrTuple | None = None, scale_factor: float | Sequence[float] | None = None):
        super().__init__(size, scale_factor, "bilinear", True)


# ------------------------------------------------------------------------------------------------------ another order


@options
class PixelShuffle(Elementwise):
    """`functional.pixel_shuffle`: channels become pixels."""

    function = F.pixel_shuffle
    upscale_factor: int


@options
class PixelUnshuffle(Elementwise):
    """`functional.pixel_unshuffle`: pixels become channels."""

    function = F.pixel_unshuffle
    downscale_factor: int


@options
class ChannelShuffle(Elementwise):
    """`functional.channel_shuffle`: the channels dealt out anew."""

    function = F.channel_shuffle
    groups: int


@options
class Unfold(Elementwise):
    """`functional.unfold`: windows as columns."""

    function = F.unfold
    kernel_size: IntOrTuple
    dilation: IntOrTuple = 1
    padding: IntOrTuple = 0
    stride: IntOrTuple = 1


@options
class Fold(Elementwise):
    """`functional.fold`: columns added up where their windows are."""

    function = F.fold
    output_size: IntOrTuple
    kernel_size: IntOrTuple
    dilation: IntOrTuple = 1
    padding: IntOrTuple = 0
    stride: IntOrTuple = 1


if not TYPE_CHECKING:
    __all__ = public(globals())
