"""Convolutions, and the transposes of them. Each begins with draws from U(-b, b), b = 1/√(what a filter sums over)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import DTypeLike

from minigrad import functional as F
from minigrad.instead import hide, public
from minigrad.nn.module import Module
from minigrad.nn.parameter import check_positive, draw_by_fan_in, new_parameter
from minigrad.tensor import Tensor

IntOrTuple = int | tuple[int, ...]
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


@hide("dims")
class _Convolution(Module):
    """What convolutions over `dims` dimensions share: their parameters, their start and their repr."""

    dims: ClassVar[int]
    transposed: ClassVar[bool] = False
    padding: Any  # integers, as all of these, or 'same' or 'valid'

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: str | IntOrTuple = 0,
        dilation: IntOrTuple = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        device: Any = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        name = type(self).__name__
        check_positive(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: in_channels {in_channels} and out_channels {out_channels} must be divisible "
                f"by groups {groups}"
            )
        modes = ("zeros",) if self.transposed else ("zeros", "reflect", "replicate", "circular")
        if padding_mode not in modes:
            raise ValueError(f"{name}: padding_mode must be one of {modes}, got {padding_mode!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = self._repeat("kernel_size", kernel_size, least=1)
        self.stride = self._repeat("stride", stride, least=1)
        self.padding = self._read_padding(padding)
        self.dilation = self._repeat("dilation", dilation, least=1)
        self.output_padding = (0,) * self.dims
        self.groups = groups
        self.padding_mode = padding_mode
        outer, inner = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = new_parameter(outer, inner // groups, *self.kernel_size, device=device, dtype=dtype)
        self.bias = new_parameter(out_channels, dtype=dtype) if bias else None
        self.reset_parameters()

    def _repeat(self, name: str, value: int | Sequence[int], least: int = 0) -> Any:
        """`value` for each dimension."""
        values = tuple(value) if isinstance(value, Sequence | np.ndarray) else (value,) * self.dims
        if len(values) != self.dims or not all(isinstance(v, int | np.integer) for v in values):
            what = f"{type(self).__name__}: {name} must be an integer or {self.dims} of them"
            raise ValueError(f"{what}, got {value!r}")
        if min(values) < least:
            what = "positive" if least else "not negative"
            raise ValueError(f"{type(self).__name__}: {name} must be {what}, got {values}")
        return values

    def _read_padding(self, padding: Any) -> Any:
        if not isinstance(padding, str):
            return self._repeat("padding", padding)
        if self.transposed or padding not in ("same", "valid"):
            words = "integers" if self.transposed else "integers, 'same' or 'valid'"
            raise ValueError(f"{type(self).__name__}: padding must be {words}, got {padding!r}")
        if padding == "same" and max(self.stride) > 1:
            raise ValueError(f"{type(self).__name__}: padding='same' needs stride 1, got {self.stride}")
        return padding

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        draw_by_fan_in(self.weight, self.bias, math.prod(self.weight.shape[1:]))

    def _pad(self, input: Tensor) -> tuple[Tensor, Any]:
        """The input, and the padding that is left to the convolution, which knows zeros only."""
        if self.padding_mode == "zeros" or self.padding == "valid":
            return input, self.padding
        return F.pad(input, self._find_margins(), mode=self.padding_mode), 0

    def _find_margins(self) -> list[int]:
        """The padding before and after each dimension, the last dimension first, as `pad` takes it."""
        margins: list[int] = []
        for i in reversed(range(self.dims)):
            if self.padding == "same":
                total = self.dilation[i] * (self.kernel_size[i] - 1)
                margins += [total // 2, total - total // 2]
            else:
                margins += [int(self.padding[i])] * 2
        return margins

    def extra_repr(self) -> str:
        nothing = (0,) * self.dims
        shown = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != nothing:
            shown.append(f"padding={self.padding}")
        if max(self.dilation) > 1:
            shown.append(f"dilation={self.dilation}")
        if self.output_padding != nothing:
            shown.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            shown.append(f"groups={self.groups}")
        if self.bias is None:
            shown.append("bias=False")
        if self.padding_mode != "zeros":
            shown.append(f"padding_mode={self.padding_mode}")
        return ", ".join(shown)


class Conv1d(_Convolution):
    """`functional.conv1d` with weight (out, in/groups, k) and bias (out).

    Both begin as draws from U(-b, b) with b = 1/√(in/groups · k).
    """

    dims = 1

    def forward(self, input: Tensor) -> Tensor:
        """(N, in, L) -> (N, out, L')."""
        input, padding = self._pad(input)
        return F.conv1d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_Convolution):
    """`functional.conv2d` with weight (out, in/groups, kh, kw) and bias (out).

    Both begin as draws from U(-b, b) with b = 1/√(in/groups · kh · kw).
    """

    dims = 2

    def forward(self, input: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, H', W')."""
        input, padding = self._pad(input)
        return F.conv2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class _Transpose(_Convolution):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        output_padding: IntOrTuple = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrTuple = 1,
        padding_mode: PaddingMode = "zeros",
        device: Any = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )
        self.output_padding = self._repeat("output_padding", output_padding)

    def _transpose(self, function: Any, input: Tensor, output_size: Sequence[int] | None) -> Tensor:
        extra = self.output_padding if output_size is None else self._find_output_padding(input, output_size)
        out: Tensor = function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )
        return out

    def _find_output_padding(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """How much longer than the shortest possible result `output_size` is, which may have N and C before it."""
        sizes = tuple(output_size)[-self.dims :]
        axes = zip(input.shape[-self.dims :], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        least = tuple((n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in axes)
        extra = tuple(size - n for size, n in zip(sizes, least, strict=False))
        if len(sizes) != self.dims or any(not 0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
            most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
            raise ValueError(f"{type(self).__name__}: output_size {output_size} must be from {least} to {most}")
        return extra


class ConvTranspose1d(_Transpose):
    """`functional.conv_transpose1d` with weight (in, out/groups, k) and bias (out).

    Both begin as draws from U(-b, b) with b = 1/√(out/groups · k).
    """

    dims = 1

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """(N, in, L) -> (N, out, L'); `output_size` says which of the possible L' is meant."""
        return self._transpose(F.conv_transpose1d, input, output_size)


class ConvTranspose2d(_Transpose):
    """`functional.conv_transpose2d`, weight (in, out/groups, kh, kw), bias (out).

    Both begin as draws from U(-b, b) with b = 1/√(out/groups · kh · kw).
    """

    dims = 2

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """(N, in, H, W) -> (N, out, H', W'); `output_size` says which of the possible (H', W') is meant."""
        return self._transpose(F.conv_transpose2d, input, output_size)


if not TYPE_CHECKING:
    __all__ = public(globals())
