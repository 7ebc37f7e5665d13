"""Linear algebra: products of matrices and, with `einsum`, of anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import Array, primitive
from minigrad.kernels import products as kernels
from minigrad.ops.elementwise import mul
from minigrad.ops.indexing import subscript
from minigrad.ops.reductions import sum
from minigrad.ops.shape import expand, permute, reshape, transpose, unsqueeze

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


def matrix_transpose(x: Any) -> Tensor:
    """The last two dimensions exchanged."""
    return transpose(x, -2, -1)


# A vector on the left is a row, one on the right a column: g gets back the dimension that the product dropped.


def matmul_left(g: Any, x_shape: tuple[int, ...], y: Any) -> Any:
    if y.ndim == 1:
        g, y = unsqueeze(g, -1), unsqueeze(y, -1)
    if len(x_shape) == 1:
        return subscript(unsqueeze(g, -2) @ matrix_transpose(y), (..., 0, slice(None)))
    return g @ matrix_transpose(y)


def matmul_right(g: Any, x: Any, y_shape: tuple[int, ...]) -> Any:
    if x.ndim == 1:
        g, x = (g if len(y_shape) == 1 else unsqueeze(g, -2)), unsqueeze(x, 0)
    if len(y_shape) == 1:
        return subscript(matrix_transpose(x) @ unsqueeze(unsqueeze(g, -1) if g.ndim == 0 else g, -1), (..., 0))
    return matrix_transpose(x) @ g


@primitive(x=matmul_left, y=matmul_right)
def matmul(x: Array, y: Array) -> Array:
    """The matrix product over the last two dimensions, the others broadcast: (…, n, k) @ (…, k, m) -> (…, n, m).

    A one-dimensional x is a row and a one-dimensional y a column; that dimension is dropped from the result.
    """
    x, y = np.asarray(x), np.asarray(y)
    if not (x.ndim and y.ndim):
        raise ValueError("expected at least one dimension on either side")
    return kernels.matmul(x, y)


def linear_weight(g: Any, input: Any) -> Any:
    rows = reshape(g, (-1, g.shape[-1]))  # (*, O) -> (N, O)
    return transpose(rows, 0, 1) @ reshape(input, (-1, input.shape[-1]))  # (O, N) (N, I) -> (O, I)


@primitive(input=lambda g, weight: g @ weight, weight=linear_weight, bias=lambda g: g)
def linear(input: Array, weight: Array, bias: Array = None) -> Array:
    """`input @ weight.T + bias`: (*, I), (O, I) and (O) or None -> (*, O).

    A primitive of its own so that it is one node, adds the bias in place, and gives the weight a contiguous gradient.
    """
    if weight.ndim != 2 or input.ndim == 0 or input.shape[-1] != weight.shape[1]:
        raise ValueError("expected an input (*, in_features) and a weight (out_features, in_features)")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"expected a bias of shape {weight.shape[:1]}")
    rows = input.reshape(-1, input.shape[-1])  # a single product, however many leading dimensions
    out = kernels.matmul(rows, weight.T).reshape(*input.shape[:-1], weight.shape[0])
    if bias is not None:
        out += bias
    return out


def outer(x: Any, y: Any) -> Tensor:
    """The outer product of two vectors: (n), (m) -> (n, m)."""
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"outer: expected two vectors, got shapes {tuple(x.shape)} and {tuple(y.shape)}")
    return mul(unsqueeze(x, 1), y)


# ---------------------------------------------------------------------------------------------------- einsum


@primitive(
    x=lambda g, y, a, b, to: contract(g, y, to, b, a),
    y=lambda g, x, a, b, to: contract(g, x, to, a, b),
)
def contract(x: Array, y: Array, a: str, b: str, to: str) -> Array:
    """The sum of products over the letters that `to` leaves out. Each letter of a is in b or `to`, and so for b."""
    return np.einsum(f"{a},{b}->{to}", x, y, optimize=True)


def einsum(equation: str, *operands: Any) -> Tensor:
    """Einstein summation: products of elements of the operands, summed over the letters that the output leaves out.

    Letters may repeat within an operand (its diagonal), `...` stands for dimensions that broadcast, and without `->`
    the output has the letters that come once, in alphabetical order. Contracted pair by pair from the left.

    >>> import minigrad as mg
    >>> mg.einsum("ik,kj->ij", mg.ones(2, 3), mg.ones(3, 1))
    tensor([[3.],
            [3.]])
    """
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    terms, output = spelled_out(equation, [x.ndim for x in operands])
    sizes: dict[str, int] = {}
    for term, x in zip(terms, operands, strict=True):
        for letter, n in zip(term, x.shape, strict=True):
            if sizes.setdefault(letter, n) not in (n, 1) and n != 1:
                raise ValueError(f"einsum {equation!r}: {letter!r} has lengths {sizes[letter]} and {n}")
            sizes[letter] = n if sizes[letter] == 1 else sizes[letter]

    left, x = "", None
    for i, (term, operand) in enumerate(zip(terms, operands, strict=True)):
        needed = set(output).union(*terms[i + 1 :])
        letters, y = simplified(operand, term, needed | set(left), sizes)
        if x is None:
            left, x = letters, y
        else:
            to = "".join(c for c in dict.fromkeys(left + letters) if c in needed)
            left, x = to, contract(x, y, left, letters, to)
    letters, x = simplified(x, left, set(output), sizes)
    if set(letters) != set(output):
        raise ValueError(f"einsum {equation!r}: the output names letters that no operand has")
    return permute(x, tuple(letters.index(c) for c in output))


def spelled_out(equation: str, ndims: list[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the output, with letters of their own for `...`."""
    left, arrow, output = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"einsum {equation!r}: {len(terms)} operands are named, {len(ndims)} given")
    plain = [term.replace("...", "") for term in terms]
    for term, letters, ndim in zip(terms, plain, ndims, strict=True):
        if not (letters == "" or (letters.isascii() and letters.isalpha())):
            raise ValueError(f"einsum {equation!r}: expected letters, got {term!r}")
        if len(letters) > ndim or ("..." not in term and len(letters) < ndim):
            raise ValueError(f"einsum {equation!r}: {term!r} does not fit an operand of {ndim} dimensions")
    used = set("".join(plain)) | set(output)
    spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in used]
    most = max((n - len(p) for n, p, t in zip(ndims, plain, terms, strict=True) if "..." in t), default=0)
    rest = "".join(spare[:most])
    full = [t.replace("...", rest[most - (n - len(p)) :]) for t, p, n in zip(terms, plain, ndims, strict=True)]
    if not arrow:
        once = "".join(plain)
        output = "..." + "".join(sorted(c for c in set(once) if once.count(c) == 1))
    output = output.replace("...", rest)
    if len(set(output)) != len(output):
        raise ValueError(f"einsum {equation!r}: the output names a letter twice")
    return full, output


def simplified(x: Any, letters: str, needed: set[str], sizes: dict[str, int]) -> tuple[str, Any]:
    """x with each letter once (diagonals taken), without those that nobody else needs (summed), at full length."""
    while len(set(letters)) < len(letters):
        letter = next(c for c in letters if letters.count(c) > 1)
        i = letters.index(letter)
        j = letters.index(letter, i + 1)
        if x.shape[i] != x.shape[j]:
            raise ValueError(f"einsum: the lengths {x.shape[i]} and {x.shape[j]} of {letter!r} have no diagonal")
        order = (i, j, *(k for k in range(x.ndim) if k not in (i, j)))
        n = np.arange(x.shape[i])
        x = subscript(permute(x, order), (n, n))
        letters = letter + "".join(c for k, c in enumerate(letters) if k not in (i, j))
    alone = tuple(k for k, c in enumerate(letters) if c not in needed)
    if alone:
        x = sum(x, alone)
    letters = "".join(c for c in letters if c in needed)
    full = tuple(sizes[c] for c in letters)
    return letters, x if tuple(x.shape) == full else expand(x, full)  # a length of 1 broadcasts
