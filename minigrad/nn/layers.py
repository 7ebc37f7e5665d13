"""The layers: parameters, and the function of `functional` that uses them. The mathematics is there, not
here.

A layer has PyTorch's arguments, attributes, initial distribution and repr. `inplace=True` is accepted so that
scripts run unchanged; the result is returned and the input left alone, which is what such scripts look at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minigrad import functional as F
from minigrad.dtypes import as_dtype
from minigrad.nn import init
from minigrad.nn.module import Module, Parameter
from minigrad.tensor import Tensor

IntPair = int | tuple[int, int]
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


def _empty(*shape: int, dtype: DTypeLike | None = None) -> Parameter:
    return Parameter(np.empty(shape, as_dtype(dtype)))


def _positive(layer: Module, **sizes: int) -> None:
    for name, size in sizes.items():
        if not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(f"{type(layer).__name__}: {name} must be a positive integer, got {size!r}")


def _tuple(layer: Module, name: str, value: int | Sequence[int], length: int) -> Any:
    """`value` for each of `length` dimensions."""
    values = (value,) * length if isinstance(value, int | np.integer) else tuple(value)
    if len(values) != length:
        raise ValueError(f"{type(layer).__name__}: {name} must be an integer or {length} of them, got {value!r}")
    return values


class _Shown(Module):
    """A layer whose repr is its options `shown`, `inplace` only where it is set."""

    shown: tuple[str, ...]

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.shown if name != "inplace" or self.inplace)


# ------------------------------------------------------------------------------------------------ linear maps


class Identity(Module):
    """Its input. Arguments are ignored, so that it can stand in for any layer."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """`functional.linear` with weight (out, in) and bias (out), from U(-1/√in, 1/√in)."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, dtype: DTypeLike | None = None):
        super().__init__()
        _positive(self, in_features=in_features, out_features=out_features)
        self.in_features = in_features
        self.out_features = out_features
        self.weight = _empty(out_features, in_features, dtype=dtype)
        self.bias = _empty(out_features, dtype=dtype) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        _uniform_by_fan_in(self.weight, self.bias, self.in_features)

    def forward(self, input: Tensor) -> Tensor:
        """(*, in) -> (*, out)."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


def _uniform_by_fan_in(weight: Parameter, bias: Parameter | None, fan_in: int) -> None:
    """PyTorch's start of linear maps: Kaiming's with a = √5, whose bound works out as 1/√fan_in."""
    bound = 1 / math.sqrt(fan_in)
    init.uniform_(weight, -bound, bound)
    if bias is not None:
        init.uniform_(bias, -bound, bound)


class Embedding(Module):
    """`functional.embedding` with weight (num_embeddings, embedding_dim) from N(0, 1); row `padding_idx` is
    0."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        _positive(self, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx {padding_idx} is not among {num_embeddings} rows")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = _empty(num_embeddings, embedding_dim, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.array[self.padding_idx] = 0

    def forward(self, input: Tensor | NDArray[Any]) -> Tensor:
        """Integers (*) -> (*, embedding_dim)."""
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


# ------------------------------------------------------------------------------------------------ convolution


class _Conv(Module):
    """What convolutions over `dims` dimensions share: their parameters, their start and their repr."""

    dims: int
    transposed = False
    padding: Any  # integers, as all of these, or 'same' or 'valid'

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: PaddingMode,
        output_padding: Any,
        dtype: DTypeLike | None,
    ):
        super().__init__()
        name = type(self).__name__
        _positive(self, in_channels=in_channels, out_channels=out_channels, groups=groups)
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
        self.kernel_size = _tuple(self, "kernel_size", kernel_size, self.dims)
        self.stride = _tuple(self, "stride", stride, self.dims)
        self.dilation = _tuple(self, "dilation", dilation, self.dims)
        self.output_padding = _tuple(self, "output_padding", output_padding, self.dims)
        self.groups = groups
        self.padding_mode = padding_mode
        for what, sizes in (
            ("kernel_size", self.kernel_size),
            ("stride", self.stride),
            ("dilation", self.dilation),
        ):
            if min(sizes) < 1:
                raise ValueError(f"{name}: {what} must be positive, got {sizes}")
        if isinstance(padding, str):
            if self.transposed or padding not in ("same", "valid"):
                words = "integers" if self.transposed else "integers, 'same' or 'valid'"
                raise ValueError(f"{name}: padding must be {words}, got {padding!r}")
            if padding == "same" and max(self.stride) > 1:
                raise ValueError(f"{name}: padding='same' needs stride 1, got {self.stride}")
            self.padding = padding
        else:
            self.padding = _tuple(self, "padding", padding, self.dims)
        outer, inner = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = _empty(outer, inner // groups, *self.kernel_size, dtype=dtype)
        self.bias = _empty(out_channels, dtype=dtype) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        _uniform_by_fan_in(self.weight, self.bias, math.prod(self.weight.shape[1:]))

    def _padded(self, input: Tensor) -> tuple[Tensor, Any]:
        """The input, and the padding that is left to the convolution, which knows zeros only."""
        if self.padding_mode == "zeros" or self.padding == "valid":
            return input, self.padding
        margins: list[int] = []
        for i in reversed(range(self.dims)):  # `pad` takes the last dimension first
            if self.padding == "same":
                total = self.dilation[i] * (self.kernel_size[i] - 1)
                margins += [total // 2, total - total // 2]
            else:
                margins += [int(self.padding[i])] * 2
        return F.pad(input, margins, mode=self.padding_mode), 0

    def extra_repr(self) -> str:
        plain = (0,) * self.dims
        shown = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != plain:
            shown.append(f"padding={self.padding}")
        if max(self.dilation) > 1:
            shown.append(f"dilation={self.dilation}")
        if self.output_padding != plain:
            shown.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            shown.append(f"groups={self.groups}")
        if self.bias is None:
            shown.append("bias=False")
        if self.padding_mode != "zeros":
            shown.append(f"padding_mode={self.padding_mode}")
        return ", ".join(shown)


class Conv1d(_Conv):
    """`functional.conv1d` with weight (out, in/groups, k) and bias (out), from U(-b, b), b = 1/√(in/groups ·
    k)."""

    dims = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int],
        stride: int | tuple[int] = 1,
        padding: str | int | tuple[int] = 0,
        dilation: int | tuple[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        *,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            0,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        """(N, in, L) -> (N, out, L')."""
        input, padding = self._padded(input)
        out: Tensor = F.conv1d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
        return out


class Conv2d(_Conv):
    """`functional.conv2d`, weight (out, in/groups, kh, kw), bias (out), from U(-b, b), b = 1/√(in/groups · kh
    · kw)."""

    dims = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntPair,
        stride: IntPair = 1,
        padding: str | IntPair = 0,
        dilation: IntPair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        *,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            0,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, H', W')."""
        input, padding = self._padded(input)
        out: Tensor = F.conv2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
        return out


class ConvTranspose2d(_Conv):
    """`functional.conv_transpose2d`, weight (in, out/groups, kh, kw), bias (out), from U(-b, b), b =
    1/√(out/groups·kh·kw)."""

    dims = 2
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntPair,
        stride: IntPair = 1,
        padding: IntPair = 0,
        output_padding: IntPair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntPair = 1,
        padding_mode: PaddingMode = "zeros",
        *,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            output_padding,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, H', W')."""
        out: Tensor = F.conv_transpose2d(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )
        return out


# ---------------------------------------------------------------------------------------------- normalisation


class _BatchNorm(Module):
    """Batch normalisation of inputs that have one of `ndims` dimensions."""

    ndims: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        _positive(self, num_features=num_features)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.weight = _empty(num_features, dtype=dtype) if affine else None
        self.bias = _empty(num_features, dtype=dtype) if affine else None
        zeros = np.zeros(num_features, as_dtype(dtype))
        self.register_buffer("running_mean", Tensor(zeros) if track_running_stats else None)
        self.register_buffer("running_var", Tensor(zeros + 1) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", Tensor(np.zeros((), np.int64)) if track_running_stats else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the batches seen: mean 0, variance 1."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, no batches seen."""
        self.reset_running_stats()
        if self.weight is not None and self.bias is not None:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) -> (N, C, *)."""
        if input.ndim not in self.ndims:
            wanted = " or ".join(f"{n}" for n in self.ndims)
            raise ValueError(
                f"{type(self).__name__}: expected {wanted} dimensions, got an input of shape {input.shape}"
            )
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

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.affine}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """`functional.batch_norm` of (N, C) or (N, C, L), with running statistics; weight 1 and bias 0 to begin
    with."""

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`functional.batch_norm` of (N, C, H, W), with running statistics; weight 1 and bias 0 to begin with."""

    ndims = (4,)


class LayerNorm(Module):
    """`functional.layer_norm` over the last dimensions; weight 1 and bias 0 of shape `normalized_shape` to
    begin with."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape = sizes
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = _empty(*sizes, dtype=dtype) if elementwise_affine else None
        self.bias = _empty(*sizes, dtype=dtype) if elementwise_affine and bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        _scale_and_shift(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """(*, normalized_shape) -> the same."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """`functional.group_norm` of (N, C, *); weight 1 and bias 0 of shape (C,) to begin with."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        _positive(self, num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: {num_channels} channels do not divide into {num_groups} groups")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.weight = _empty(num_channels, dtype=dtype) if affine else None
        self.bias = _empty(num_channels, dtype=dtype) if affine else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        _scale_and_shift(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) -> (N, C, *)."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.affine}"


def _scale_and_shift(weight: Parameter | None, bias: Parameter | None) -> None:
    if weight is not None:
        init.ones_(weight)
    if bias is not None:
        init.zeros_(bias)


# ------------------------------------------------------------------------------------------ pooling and shape


class MaxPool2d(_Shown):
    """`functional.max_pool2d`."""

    shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

    def __init__(
        self,
        kernel_size: IntPair,
        stride: IntPair | None = None,
        padding: IntPair = 0,
        dilation: IntPair = 1,
        *,
        ceil_mode: bool = False,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H', W')."""
        out: Tensor = F.max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, ceil_mode=self.ceil_mode
        )
        return out


class AvgPool2d(_Shown):
    """`functional.avg_pool2d`."""

    shown = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: IntPair,
        stride: IntPair | None = None,
        padding: IntPair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H', W')."""
        out: Tensor = F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )
        return out


class _AdaptivePool(_Shown):
    shown = ("output_size",)

    def __init__(self, output_size: int | tuple[int | None, int | None] | None):
        super().__init__()
        self.output_size = output_size


class AdaptiveAvgPool2d(_AdaptivePool):
    """`functional.adaptive_avg_pool2d`."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, *output_size)."""
        out: Tensor = F.adaptive_avg_pool2d(input, self.output_size)
        return out


class AdaptiveMaxPool2d(_AdaptivePool):
    """`functional.adaptive_max_pool2d`."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, *output_size)."""
        out: Tensor = F.adaptive_max_pool2d(input, self.output_size)
        return out


class Flatten(_Shown):
    """`Tensor.flatten`; all but the batch by default."""

    shown = ("start_dim", "end_dim")

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """(N, *) -> (N, product of *)."""
        out: Tensor = input.flatten(self.start_dim, self.end_dim)
        return out


class Unflatten(_Shown):
    """`Tensor.unflatten`."""

    shown = ("dim", "unflattened_size")

    def __init__(self, dim: int, unflattened_size: Sequence[int]):
        super().__init__()
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """(N, product of sizes, *) -> (N, *sizes, *)."""
        out: Tensor = input.unflatten(self.dim, self.unflattened_size)
        return out


# ------------------------------------------------------------------------------------------------ elementwise


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"{type(self).__name__}: p is a probability in [0, 1], got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """`functional.dropout`, in training only."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training)


class Dropout2d(_Dropout):
    """`functional.dropout2d`, in training only."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        return F.dropout2d(input, self.p, self.training)


class ReLU(_Shown):
    """max(0, x)."""

    shown = ("inplace",)

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input)


class LeakyReLU(_Shown):
    """x where positive, else `negative_slope` x."""

    shown = ("negative_slope", "inplace")

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False):
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope)


class ELU(_Shown):
    """x where positive, else `alpha` (exp(x) - 1)."""

    shown = ("alpha", "inplace")

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha)


class GELU(_Shown):
    """x Φ(x) with the normal distribution's Φ, or with approximate="tanh" its well-known approximation."""

    shown = ("approximate",)

    def __init__(self, approximate: str = "none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        out: Tensor = F.gelu(input, self.approximate)
        return out


class SiLU(_Shown):
    """x sigmoid(x)."""

    shown = ("inplace",)

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input)


class Softplus(_Shown):
    """log(1 + exp(beta x)) / beta, and x itself where beta x > threshold."""

    shown = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class _AlongDim(_Shown):
    shown = ("dim",)

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim


class Softmax(_AlongDim):
    """exp(x) along `dim`, divided by its sum."""

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)


class LogSoftmax(_AlongDim):
    """The logarithm of softmax along `dim`."""

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


class CosineSimilarity(Module):
    """`functional.cosine_similarity`."""

    def __init__(self, dim: int = 1, eps: float = 1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Two of the same shape -> that shape without `dim`."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
