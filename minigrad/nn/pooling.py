"""Pooling of sequences and images, and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from minigrad import functional as F
from minigrad.instead import hide, public
from minigrad.nn.options import Elementwise, WithOptions, option, options
from minigrad.tensor import Tensor

IntOrTuple = int | tuple[int, ...]
AdaptiveSize = int | tuple[int | None, ...] | None


@hide("dims")
class _Pooling(WithOptions):
    """Windows of `kernel_size`, which are `stride` apart: as much as they are wide unless given."""

    kernel_size: IntOrTuple
    stride: IntOrTuple | None
    dims: ClassVar[int] = 0  # PyTorch shows some sizes as tuples of so many

    def _prepare(self) -> None:
        if self.stride is None:
            self.stride = self.kernel_size
        for name in ("kernel_size", "stride", "padding") if self.dims else ():
            if isinstance(value := getattr(self, name), int):
                setattr(self, name, (value,) * self.dims)


@options
class _MaxPool(_Pooling):
    kernel_size: IntOrTuple
    stride: IntOrTuple | None = None
    padding: IntOrTuple = 0
    dilation: IntOrTuple = 1
    return_indices: bool = option(default=False, shown=False)
    ceil_mode: bool = False

    def forward(self, input: Tensor) -> Any:
        """(N, C, *) -> (N, C, *), and with `return_indices` where in its sequence or image each maximum stands."""
        return type(self).function(input, **self._given())


class MaxPool1d(_MaxPool):
    """`functional.max_pool1d`."""

    function = F.max_pool1d


class MaxPool2d(_MaxPool):
    """`functional.max_pool2d`."""

    function = F.max_pool2d


@options
class AvgPool1d(_Pooling, Elementwise):
    """`functional.avg_pool1d`."""

    function = F.avg_pool1d
    kernel_size: IntOrTuple
    stride: IntOrTuple | None = None
    padding: IntOrTuple = 0
    ceil_mode: bool = option(default=False, shown=False)
    count_include_pad: bool = option(default=True, shown=False)
    dims = 1


@options
class AvgPool2d(_Pooling, Elementwise):
    """`functional.avg_pool2d`."""

    function = F.avg_pool2d
    kernel_size: IntOrTuple
    stride: IntOrTuple | None = None
    padding: IntOrTuple = 0
    ceil_mode: bool = option(default=False, shown=False)
    count_include_pad: bool = option(default=True, shown=False)
    divisor_override: int | None = option(default=None, shown=False)


@options
class _AdaptiveAvgPool(Elementwise):
    output_size: AdaptiveSize


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """`functional.adaptive_avg_pool1d`."""

    function = F.adaptive_avg_pool1d


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """`functional.adaptive_avg_pool2d`."""

    function = F.adaptive_avg_pool2d


@options
class _AdaptiveMaxPool(WithOptions):
    output_size: AdaptiveSize
    return_indices: bool = option(default=False, shown=False)

    def forward(self, input: Tensor) -> Any:
        """(N, C, *) -> (N, C, *output_size), and with `return_indices` where each maximum stands."""
        return type(self).function(input, **self._given())


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """`functional.adaptive_max_pool1d`."""

    function = F.adaptive_max_pool1d


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """`functional.adaptive_max_pool2d`."""

    function = F.adaptive_max_pool2d


@options
class _MaxUnpool(_Pooling):
    kernel_size: IntOrTuple
    stride: IntOrTuple | None = None
    padding: IntOrTuple = 0

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """(N, C, *) and where each element came from -> the larger (N, C, *), zeros elsewhere."""
        out: Tensor = type(self).function(input, indices, **self._given(), output_size=output_size)
        return out


class MaxUnpool1d(_MaxUnpool):
    """`functional.max_unpool1d`."""

    function = F.max_unpool1d
    dims = 1


class MaxUnpool2d(_MaxUnpool):
    """`functional.max_unpool2d`."""

    function = F.max_unpool2d
    dims = 2


if not TYPE_CHECKING:
    __all__ = public(globals())
