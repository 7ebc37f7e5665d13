"""Linear and bilinear maps, rows of a table, and how far or how alike vectors are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minigrad.autograd.strangers import expect_tensors
from minigrad.functional.checks import ArrayLike, whole_numbers
from minigrad.instead import public
from minigrad.ops.elementwise import where
from minigrad.ops.linalg import einsum
from minigrad.tensor import Tensor, from_numpy


@expect_tensors
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Σ_ij input1[i] weight[o, i, j] input2[j] + bias[o]: (*, I), (*, J), (O, I, J) and (O,) or None -> (*, O).

    Raises ValueError for shapes that do not belong together.
    """
    sizes = input1.shape[-1:] + input2.shape[-1:]
    if weight.ndim != 3 or weight.shape[1:] != sizes or input1.shape[:-1] != input2.shape[:-1]:
        raise ValueError(
            f"bilinear: expected inputs (*, I) and (*, J) and a weight (O, I, J), got shapes {input1.shape}, "
            f"{input2.shape} and {weight.shape}"
        )
    out = einsum("...i,oij,...j->...o", input1, weight, input2)
    return out if bias is None else out + bias


def embedding(
    input: ArrayLike,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of `weight` (V, D) by integer `input` (*): (*, D). Row `padding_idx` receives no gradient.

    max_norm: rows that are used are first shortened, in place, to this `norm_type`-norm. sparse: changes nothing here.

    Raises IndexError for a number outside of [0, V), and TypeError for one that is not whole.
    """
    if scale_grad_by_freq:
        raise NotImplementedError("embedding: scale_grad_by_freq is not there; divide the gradient by the counts")
    index = whole_numbers("embedding", "input", input)
    rows = weight.shape[0]
    if index.size and not (index.min() >= 0 and index.max() < rows):
        raise IndexError(f"embedding: indices from {index.min()} to {index.max()}, expected them in [0, {rows - 1}]")
    if max_norm is not None:
        used = np.unique(index)
        norms = np.linalg.norm(weight.array[used], norm_type, axis=1, keepdims=True)
        weight.array[used] *= np.where(norms > max_norm, max_norm / (norms + 1e-7), 1).astype(weight.dtype)
        weight.bump_version()
    out = weight[index]
    if padding_idx is None:
        return out
    return where((index == padding_idx % rows)[..., None], out.detach(), out)


def one_hot(input: ArrayLike, num_classes: int = -1) -> Tensor:
    """Integer classes (*) as int64 indicator vectors (*, num_classes); -1 takes the largest class that occurs.

    Raises ValueError for a class outside of [0, num_classes), and TypeError for one that is not whole.

    >>> one_hot(Tensor([0, 2]).long(), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    index = whole_numbers("one_hot", "input", input)
    if num_classes == -1:
        if index.size == 0:
            raise ValueError("one_hot: the number of classes cannot be found in an empty input; give num_classes")
        num_classes = int(index.max()) + 1
    if num_classes < 1:
        raise ValueError(f"one_hot: num_classes must be positive, got {num_classes}")
    if index.size and not (index.min() >= 0 and index.max() < num_classes):
        raise ValueError(
            f"one_hot: classes from {index.min()} to {index.max()}, expected them in [0, {num_classes - 1}]"
        )
    return from_numpy((index[..., None] == np.arange(num_classes)).astype(np.int64))


@expect_tensors
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1·x2 / (max(‖x1‖, eps) max(‖x2‖, eps)) along `dim`, of x1 and x2 broadcast to one shape.

    Raises ValueError for a negative eps.
    """
    if eps < 0:
        raise ValueError(f"cosine_similarity: eps must not be negative, got {eps}")
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    x1, x2 = x1.expand(shape), x2.expand(shape)
    norms = x1.norm(2, dim).clamp(min=eps) * x2.norm(2, dim).clamp(min=eps)
    out: Tensor = (x1 * x2).sum(dim) / norms
    return out


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """‖x1 - x2 + eps‖ of order p along the last dimension: (*, D) and (*, D) -> (*), or (*, 1) with `keepdim`."""
    return (x1 - x2 + eps).norm(p, -1, keepdim)


if not TYPE_CHECKING:
    __all__ = public(globals())
