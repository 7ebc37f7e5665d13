"""Layers of vectors: linear and bilinear maps, rows of a table, shapes, and how alike vectors are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import DTypeLike, NDArray

from minigrad import functional as F
from minigrad.instead import public
from minigrad.nn import init
from minigrad.nn.module import Module
from minigrad.nn.options import WithOptions, options
from minigrad.nn.parameter import Parameter, check_positive, draw_by_fan_in, new_parameter
from minigrad.tensor import Tensor


class Identity(Module):
    """Its input. Arguments are ignored, so that it can stand in for any layer."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """`functional.linear` with weight (out, in) and bias (out), from U(-1/√in, 1/√in).

    Raises ValueError for features that are no positive whole numbers.

    >>> import minigrad as mg
    >>> Linear(3, 2)(mg.ones(4, 3)).shape
    (4, 2)
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: DTypeLike | None = None
    ):
        super().__init__()
        check_positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features = in_features
        self.out_features = out_features
        self.weight = new_parameter(out_features, in_features, device=device, dtype=dtype)
        self.bias = new_parameter(out_features, dtype=dtype) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        draw_by_fan_in(self.weight, self.bias, self.in_features)

    def forward(self, input: Tensor) -> Tensor:
        """(*, in) -> (*, out)."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """`functional.bilinear` with weight (out, in1, in2) and bias (out), from U(-1/√in1, 1/√in1)."""

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        check_positive("Bilinear", in1_features=in1_features, in2_features=in2_features, out_features=out_features)
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = new_parameter(out_features, in1_features, in2_features, device=device, dtype=dtype)
        self.bias = new_parameter(out_features, dtype=dtype) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        draw_by_fan_in(self.weight, self.bias, self.in1_features)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """(*, in1) and (*, in2) -> (*, out)."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Embedding(Module):
    """`functional.embedding` with weight (num_embeddings, embedding_dim) from N(0, 1); row `padding_idx` is 0.

    Raises ValueError for sizes that are no positive whole numbers.

    >>> import minigrad as mg
    >>> Embedding(10, 3)(mg.tensor([[1, 2], [4, 5]])).shape
    (2, 2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        device: Any = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        check_positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx {padding_idx} is not among {num_embeddings} rows")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self.weight = new_parameter(num_embeddings, embedding_dim, device=device, dtype=dtype)
        self.reset_parameters()

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor | NDArray[Any], freeze: bool = True, padding_idx: int | None = None
    ) -> Self:
        """An Embedding with this weight (num_embeddings, embedding_dim), which is not trained if `freeze`."""
        layer = cls(embeddings.shape[0], embeddings.shape[1], padding_idx)
        layer.weight = Parameter(embeddings, requires_grad=not freeze)
        return layer

    def reset_parameters(self) -> None:
        """Draw the weight anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.array[self.padding_idx] = 0

    def forward(self, input: Tensor | NDArray[Any]) -> Tensor:
        """Integers (*) -> (*, embedding_dim)."""
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    def extra_repr(self) -> str:
        shown = [f"{self.num_embeddings}, {self.embedding_dim}"]
        shown += [f"{n}={getattr(self, n)}" for n in ("padding_idx", "max_norm") if getattr(self, n) is not None]
        return ", ".join(shown)


@options
class Flatten(WithOptions):
    """`Tensor.flatten`; all but the batch by default."""

    start_dim: int = 1
    end_dim: int = -1

    def forward(self, input: Tensor) -> Tensor:
        """(N, *) -> (N, product of *)."""
        out: Tensor = input.flatten(self.start_dim, self.end_dim)
        return out


@options
class Unflatten(WithOptions):
    """`Tensor.unflatten`."""

    dim: int
    unflattened_size: Sequence[int]

    def _prepare(self) -> None:
        self.unflattened_size = tuple(self.unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """(N, product of sizes, *) -> (N, *sizes, *)."""
        out: Tensor = input.unflatten(self.dim, self.unflattened_size)
        return out


class _Comparison(WithOptions):
    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Two of one shape, or that broadcast to one -> that shape without the dimension that is compared."""
        out: Tensor = type(self).function(x1, x2, **self._given())
        return out

    def extra_repr(self) -> str:
        return ""


@options
class CosineSimilarity(_Comparison):
    """`functional.cosine_similarity`."""

    function = F.cosine_similarity
    dim: int = 1
    eps: float = 1e-8


@options
class PairwiseDistance(_Comparison):
    """`functional.pairwise_distance`."""

    function = F.pairwise_distance
    p: float = 2.0
    eps: float = 1e-6
    keepdim: bool = False


if not TYPE_CHECKING:
    __all__ = public(globals())
