"""Activations: the functions of `functional` with the same names, as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import DTypeLike

from minigrad import functional as F
from minigrad.instead import public
from minigrad.nn import init
from minigrad.nn.module import Module
from minigrad.nn.options import Elementwise, WithOptions, option, options
from minigrad.nn.parameter import new_parameter
from minigrad.tensor import Tensor


@options
class ReLU(Elementwise):
    """max(0, x)."""

    function = F.relu
    inplace: bool = False


@options
class ReLU6(Elementwise):
    """min(max(0, x), 6)."""

    function = F.relu6
    inplace: bool = False


@options
class LeakyReLU(Elementwise):
    """x where positive, else `negative_slope` x."""

    function = F.leaky_relu
    negative_slope: float = 0.01
    inplace: bool = False


@options
class ELU(Elementwise):
    """x where positive, else `alpha` (exp(x) - 1)."""

    function = F.elu
    alpha: float = 1.0
    inplace: bool = False


@options
class SELU(Elementwise):
    """1.0507 elu(x) with alpha 1.6733."""

    function = F.selu
    inplace: bool = False


@options
class CELU(Elementwise):
    """x where positive, else `alpha` (exp(x / alpha) - 1)."""

    function = F.celu
    alpha: float = 1.0
    inplace: bool = False


@options
class GELU(Elementwise):
    """x Φ(x) with the normal distribution's Φ, or with approximate="tanh" its well-known approximation."""

    function = F.gelu
    approximate: str = "none"


@options
class SiLU(Elementwise):
    """x sigmoid(x)."""

    function = F.silu
    inplace: bool = False


@options
class Mish(Elementwise):
    """x tanh(log(1 + exp(x)))."""

    function = F.mish
    inplace: bool = False


@options
class Softplus(Elementwise):
    """log(1 + exp(beta x)) / beta, and x itself where beta x > threshold."""

    function = F.softplus
    beta: float = 1.0
    threshold: float = 20.0


@options
class Hardtanh(Elementwise):
    """x between `min_val` and `max_val`, else the nearer of the two."""

    function = F.hardtanh
    min_val: float = -1.0
    max_val: float = 1.0
    inplace: bool = False

    def _prepare(self) -> None:
        if self.min_val >= self.max_val:
            raise ValueError(f"Hardtanh: min_val {self.min_val} is not smaller than max_val {self.max_val}")


@options
class Hardsigmoid(Elementwise):
    """(x + 3) / 6 held between 0 and 1."""

    function = F.hardsigmoid
    inplace: bool = option(default=False, shown=False)


@options
class Hardswish(Elementwise):
    """x hardsigmoid(x)."""

    function = F.hardswish
    inplace: bool = option(default=False, shown=False)


@options
class Threshold(Elementwise):
    """x where it is larger than `threshold`, else `value`."""

    function = F.threshold
    threshold: float
    value: float
    inplace: bool = False


class _Shrink(Elementwise):
    lambd: float

    def extra_repr(self) -> str:
        return str(self.lambd)


@options
class Softshrink(_Shrink):
    """x moved by `lambd` towards 0, which nothing passes."""

    function = F.softshrink
    lambd: float = 0.5


@options
class Hardshrink(_Shrink):
    """x where it is farther than `lambd` from 0, else 0."""

    function = F.hardshrink
    lambd: float = 0.5


class Sigmoid(Elementwise):
    """1 / (1 + exp(-x))."""

    function = F.sigmoid


class Tanh(Elementwise):
    """The hyperbolic tangent."""

    function = F.tanh


class LogSigmoid(Elementwise):
    """log(1 / (1 + exp(-x))), without overflow."""

    function = F.logsigmoid


class Softsign(Elementwise):
    """x / (1 + |x|)."""

    function = F.softsign


class Tanhshrink(Elementwise):
    """x - tanh(x)."""

    function = F.tanhshrink


@options
class PReLU(WithOptions):
    """x where positive, else a learned weight times x: one for all, or one for each channel of (N, C, *)."""

    num_parameters: int = 1
    init: float = option(default=0.25, shown=False)
    device: Any = option(default=None, shown=False)
    dtype: DTypeLike | None = option(default=None, shown=False)

    def _prepare(self) -> None:
        self.weight = new_parameter(self.num_parameters, device=self.__dict__.pop("device"), dtype=self.dtype)
        del self.dtype
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set every weight to `init`."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) -> the same."""
        return F.prelu(input, self.weight)


# ------------------------------------------------------------------------------------------------ along a dimension


@options
class Softmax(Elementwise):
    """exp(x) along `dim`, divided by its sum."""

    function = F.softmax
    dim: int | None = None


@options
class LogSoftmax(Elementwise):
    """The logarithm of softmax along `dim`."""

    function = F.log_softmax
    dim: int | None = None


@options
class Softmin(Elementwise):
    """softmax(-x) along `dim`."""

    function = F.softmin
    dim: int | None = None


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected an input (N, C, H, W) or (C, H, W), got shape {input.shape}")
        return F.softmax(input, -3)


@options
class GLU(Elementwise):
    """The first half along `dim` times the sigmoid of the second."""

    function = F.glu
    dim: int = -1


if not TYPE_CHECKING:
    __all__ = public(globals())
