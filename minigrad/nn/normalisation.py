"""Normalisation: of a batch, of each example, of groups of channels. Weights begin with 1 and biases with 0."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import DTypeLike

from minigrad import functional as F
from minigrad.dtypes import as_dtype
from minigrad.instead import hide, public
from minigrad.nn import init
from minigrad.nn.module import Module
from minigrad.nn.options import WithOptions, options
from minigrad.nn.parameter import Parameter, check_positive, new_parameter
from minigrad.tensor import Tensor, ones, zeros


class _Scaled(Module):
    """What has a weight and a bias, one or both of which may be None."""

    weight: Parameter | None
    bias: Parameter | None

    def _make_affine(self, shape: Sequence[int], affine: bool, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = new_parameter(*shape, device=device, dtype=dtype) if affine else None
        self.bias = new_parameter(*shape, device=device, dtype=dtype) if affine and bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


@hide("ndims")
class _ChannelNorm(_Scaled):
    """Normalisation of channels, which may keep running statistics, of inputs that have one of `ndims` dimensions."""

    ndims: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DTypeLike | None = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        check_positive(type(self).__name__, num_features=num_features)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        floats = as_dtype(dtype)
        self.register_buffer("running_mean", zeros(num_features, dtype=floats) if track_running_stats else None)
        self.register_buffer("running_var", ones(num_features, dtype=floats) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", zeros((), dtype="int64") if track_running_stats else None)
        self._make_affine((num_features,), affine, bias, device, dtype)

    def reset_running_stats(self) -> None:
        """Forget the batches seen: mean 0, variance 1."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, no batches seen."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_dimensions(self, input: Tensor) -> None:
        if input.ndim not in self.ndims:
            wanted = " or ".join(f"{n}" for n in self.ndims)
            raise ValueError(
                f"{type(self).__name__}: expected {wanted} dimensions, got an input of shape {input.shape}"
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_ChannelNorm):
    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) -> (N, C, *)."""
        self._check_dimensions(input)
        training = self.training or not self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.momentum is None:  # the mean over all batches
            momentum = 1.0 / (int(self.num_batches_tracked.array) + 1)
        out = F.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, training, momentum, self.eps
        )
        if self.training and self.track_running_stats:  # counted only once the batch was good
            init.constant_(self.num_batches_tracked, int(self.num_batches_tracked.array) + 1)
        return out


class BatchNorm1d(_BatchNorm):
    """`functional.batch_norm` of (N, C) or (N, C, L), with running statistics."""

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`functional.batch_norm` of (N, C, H, W), with running statistics."""

    ndims = (4,)


class BatchNorm3d(_BatchNorm):
    """`functional.batch_norm` of (N, C, D, H, W), with running statistics."""

    ndims = (5,)


class _InstanceNorm(_ChannelNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: DTypeLike | None = None,
        *,
        bias: bool = True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) or (C, *) -> the same."""
        self._check_dimensions(input)
        channels = input.shape[-max(self.ndims) + 1]
        if channels != self.num_features:
            problem = f"{type(self).__name__}: expected {self.num_features} channels, got an input of {input.shape}"
            if self.affine or self.track_running_stats:
                raise ValueError(problem)
            warnings.warn(f"{problem}; without weights and statistics this changes nothing", stacklevel=3)
        batch = input if input.ndim == max(self.ndims) else input.unsqueeze(0)
        use_input = self.training or not self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        out = F.instance_norm(
            batch, self.running_mean, self.running_var, self.weight, self.bias, use_input, momentum, self.eps
        )
        return out.reshape(input.shape)


class InstanceNorm1d(_InstanceNorm):
    """`functional.instance_norm` of (N, C, L) or (C, L)."""

    ndims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """`functional.instance_norm` of (N, C, H, W) or (C, H, W)."""

    ndims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """`functional.instance_norm` of (N, C, D, H, W) or (C, D, H, W)."""

    ndims = (4, 5)


class LayerNorm(_Scaled):
    """`functional.layer_norm` over the last dimensions, whose sizes are `normalized_shape`, as are the weight's."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        self.normalized_shape = _as_tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make_affine(self.normalized_shape, elementwise_affine, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(*, normalized_shape) -> the same."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(_Scaled):
    """`functional.rms_norm` over the last dimensions, whose sizes are `normalized_shape`, as are the weight's."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        self.normalized_shape = _as_tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make_affine(self.normalized_shape, elementwise_affine, False, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(*, normalized_shape) -> the same."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


def _as_tuple(sizes: int | Sequence[int]) -> tuple[int, ...]:
    return (sizes,) if isinstance(sizes, int) else tuple(sizes)


class GroupNorm(_Scaled):
    """`functional.group_norm` of (N, C, *), with weight and bias (C,)."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: DTypeLike | None = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        check_positive("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: {num_channels} channels do not divide into {num_groups} groups")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._make_affine((num_channels,), affine, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) -> (N, C, *)."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


@options
class LocalResponseNorm(WithOptions):
    """`functional.local_response_norm` of (N, C, *)."""

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) -> the same."""
        return F.local_response_norm(input, **self._given())

    def extra_repr(self) -> str:
        return super().extra_repr().removeprefix("size=")


if not TYPE_CHECKING:
    __all__ = public(globals())
