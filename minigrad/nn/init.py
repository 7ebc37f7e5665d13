"""How parameters begin. Every function fills its tensor in place, records nothing and returns it.

Shapes are PyTorch's: (out, in) for a linear layer, (out, in / groups, kh, kw) for a convolution.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from minigrad import random
from minigrad.autograd.strangers import expect_tensors
from minigrad.instead import public
from minigrad.tensor import Tensor

GAINS = {  # so that the variance of a layer's output is that of its input
    **dict.fromkeys(["linear", "identity", "conv1d", "conv2d", "conv3d", "sigmoid"], 1.0),
    **dict.fromkeys(["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"], 1.0),
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 0.75,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights before `nonlinearity` are enlarged; `param` is leaky_relu's negative slope.

    Raises ValueError for a nonlinearity that has none.
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS:
        raise ValueError(f"calculate_gain: no gain for {nonlinearity!r}; there are {', '.join([*GAINS, 'leaky_relu'])}")
    return GAINS[nonlinearity]


def _fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output sums over, and how many outputs an input goes to."""
    if tensor.ndim < 2:
        raise ValueError(f"{name}: fan in and fan out need two dimensions or more, got shape {tensor.shape}")
    positions = math.prod(tensor.shape[2:])
    return tensor.shape[1] * positions, tensor.shape[0] * positions


def _fill(tensor: Tensor, values: object) -> Tensor:
    tensor.array[...] = values
    tensor.bump_version()
    return tensor


@expect_tensors
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Draws from U(a, b)."""
    return _fill(tensor, (generator or random.default_generator).uniform(a, b, tensor.shape))


@expect_tensors
def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: np.random.Generator | None = None
) -> Tensor:
    """Draws from N(mean, std²)."""
    return _fill(tensor, (generator or random.default_generator).normal(mean, std, tensor.shape))


@expect_tensors
def constant_(tensor: Tensor, val: float) -> Tensor:
    """`val` everywhere."""
    return _fill(tensor, val)


@expect_tensors
def zeros_(tensor: Tensor) -> Tensor:
    """Zero everywhere."""
    return _fill(tensor, 0)


@expect_tensors
def ones_(tensor: Tensor) -> Tensor:
    """One everywhere."""
    return _fill(tensor, 1)


@expect_tensors
def eye_(tensor: Tensor) -> Tensor:
    """The identity, for a tensor of two dimensions.

    Raises ValueError for another number of dimensions.
    """
    if tensor.ndim != 2:
        raise ValueError(f"eye_: expected two dimensions, got shape {tensor.shape}")
    return _fill(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


@expect_tensors
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Draws from U(-a, a), a = gain √(6 / (fan in + fan out)). Source: Glorot & Bengio 2010, eq. 16.

    Raises ValueError for fewer than two dimensions.
    """
    bound = gain * math.sqrt(6 / sum(_fans("xavier_uniform_", tensor)))
    return uniform_(tensor, -bound, bound, generator)


@expect_tensors
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Draws from N(0, gain² · 2 / (fan in + fan out)). Source: Glorot & Bengio 2010, eq. 12.

    Raises ValueError for fewer than two dimensions.
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_fans("xavier_normal_", tensor))), generator)


def _kaiming_std(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    modes = dict(zip(("fan_in", "fan_out"), _fans(name, tensor), strict=True))
    if mode not in modes:
        raise ValueError(f"{name}: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return calculate_gain(nonlinearity, a) / math.sqrt(modes[mode])


@expect_tensors
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Draws from U(-b, b), b = gain √(3 / fan); `a` is leaky_relu's negative slope. Source: He et al. 2015.

    mode: whether `fan` counts the inputs of an output ("fan_in") or the outputs of an input ("fan_out"). Raises
    ValueError for another mode, a nonlinearity without a gain, and fewer than two dimensions.
    """
    bound = math.sqrt(3) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


@expect_tensors
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Draws from N(0, gain² / fan); `a` is leaky_relu's negative slope. Source: He et al. 2015.

    `mode` and errors as for `kaiming_uniform_`.
    """
    return normal_(tensor, 0.0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity), generator)


@expect_tensors
def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Rows, or columns where there are fewer of them, orthogonal and of norm `gain`; trailing dimensions are flattened.

    Uniform over such matrices: the Q of a Gaussian matrix, its signs made those of a unique QR.
    Source: Saxe et al. 2014.

    Raises ValueError for fewer than two dimensions.
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: expected two dimensions or more, got shape {tensor.shape}")
    rows = tensor.shape[0]
    columns = math.prod(tensor.shape[1:])
    gaussian = (generator or random.default_generator).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(gaussian)
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return _fill(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


@expect_tensors
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Draws from N(mean, std²) between a and b: what falls outside is drawn anew, and after 100 times is clipped."""
    source = generator or random.default_generator
    values = source.normal(mean, std, tensor.shape)
    for _ in range(100):
        outside = (values < a) | (values > b)
        if not outside.any():
            break
        values[outside] = source.normal(mean, std, int(outside.sum()))
    return _fill(tensor, np.clip(values, a, b))


@expect_tensors
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution's weight (out, in / groups, *) that hands its input channels on; further filters are 0.

    Raises ValueError for other dimensions than 3 to 5, and unless the output channels divide into the groups.
    """
    if not 3 <= tensor.ndim <= 5 or tensor.shape[0] % groups:
        raise ValueError(f"dirac_: expected 3 to 5 dimensions, the first divisible by {groups}, got {tensor.shape}")
    values = np.zeros(tensor.shape)
    each = tensor.shape[0] // groups
    centre = tuple(k // 2 for k in tensor.shape[2:])
    for group in range(groups):
        for channel in range(min(each, tensor.shape[1])):
            values[(group * each + channel, channel, *centre)] = 1
    return _fill(tensor, values)


@expect_tensors
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: np.random.Generator | None = None) -> Tensor:
    """Draws from N(0, std²), and in each column of a matrix this share of zeros. Source: Martens 2010.

    Raises ValueError for another number of dimensions than two.
    """
    if tensor.ndim != 2:
        raise ValueError(f"sparse_: expected two dimensions, got shape {tensor.shape}")
    source = generator or random.default_generator
    values = source.normal(0, std, tensor.shape)
    rows, columns = tensor.shape
    for column in range(columns):
        values[source.permutation(rows)[: math.ceil(sparsity * rows)], column] = 0
    return _fill(tensor, values)


def _name_as_before(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function by the name that PyTorch gave it first, without the underscore, with a warning."""
    older, newer = function.__name__.rstrip("_"), function.__name__

    @functools.wraps(function)
    def apply(*args: object, **kwargs: object) -> Tensor:
        warnings.warn(f"nn.init.{older} is PyTorch's older name; use nn.init.{newer}", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    apply.__name__ = apply.__qualname__ = older
    return apply


uniform, normal = _name_as_before(uniform_), _name_as_before(normal_)
constant, eye = _name_as_before(constant_), _name_as_before(eye_)
dirac, sparse = _name_as_before(dirac_), _name_as_before(sparse_)
xavier_uniform, xavier_normal = _name_as_before(xavier_uniform_), _name_as_before(xavier_normal_)
kaiming_uniform, kaiming_normal = _name_as_before(kaiming_uniform_), _name_as_before(kaiming_normal_)
orthogonal = _name_as_before(orthogonal_)


if not TYPE_CHECKING:
    __all__ = public(globals())
    __dir__ = __all__.copy  # what completion offers
