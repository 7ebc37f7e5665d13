"""Linear algebra: products of matrices and, with `einsum`, of anything."""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import Array, primitive
from minigrad.autograd.guards import describe
from minigrad.autograd.spelling import allow_spellings
from minigrad.autograd.strangers import expect_tensors
from minigrad.kernels import products as kernels
from minigrad.ops.dims import position
from minigrad.ops.elementwise import mul
from minigrad.ops.indexing import subscript
from minigrad.ops.reductions import norm, sum
from minigrad.ops.shape import expand, permute, reshape, transpose, unsqueeze

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "addmm", "addmv", "baddbmm", "bmm", "cdist", "cross", "dot", "einsum", "kron", "matmul", "mm", "mv", "outer",
    "tensordot", "trace",
]  # fmt: skip


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
    row, column = x.shape[-1], y.shape[-min(y.ndim, 2)]
    if row != column:
        hint = "; .mT of the second would fit" if y.ndim > 1 and row == y.shape[-1] else ""
        raise ValueError(f"the rows on the left have {row} elements, the columns on the right {column}{hint}")
    return kernels.matmul(x, y)


@primitive(y=lambda g, input: linear(input, g), input=lambda g, y: y @ g)
def linear_weight(y: Array, input: Array) -> Array:
    """What y, in the place of the result of `linear`, becomes at its weight: (*, O), (*, I) -> (O, I)."""
    rows, columns = y.reshape(-1, y.shape[-1]), input.reshape(-1, input.shape[-1])
    return kernels.matmul(rows.T, columns)


@primitive(input=lambda g, weight: g @ weight, weight=lambda g, input: linear_weight(g, input), bias=lambda g: g)
def linear(input: Array, weight: Array, bias: Array = None) -> Array:
    """`input @ weight.T + bias`: (*, I), (O, I) and (O) or None -> (*, O).

    A primitive of its own so that it is one node, adds the bias in place, and gives the weight a contiguous gradient.
    """
    if weight.ndim != 2 or input.ndim == 0 or input.shape[-1] != weight.shape[1]:
        raise ValueError(explain_features(input.shape, weight.shape))
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"expected a bias of shape {weight.shape[:1]}")
    rows = input.reshape(-1, input.shape[-1])  # a single product, however many leading dimensions
    out = kernels.match_rows(rows, weight)
    if bias is not None:
        out += bias
    return out if input.ndim == 2 else out.reshape(*input.shape[:-1], weight.shape[0])


def explain_features(x: tuple[int, ...], w: tuple[int, ...]) -> str:
    """What is wrong with an input of shape x beside a weight of shape w."""
    if len(w) != 2 or not x:
        return "expected an input (*, in_features) and a weight (out_features, in_features)"
    wanted, hint = w[1], ""
    if math.prod(x[1:]) == wanted:
        hint = "; say .flatten(1) first"
    elif math.prod(x) == wanted:
        hint = "; is this one example without a batch dimension? Then say .unsqueeze(0) to the image"
    return f"the weight asks for {wanted} features, the input's last dimension is {x[-1]}{hint}"


@allow_spellings
def outer(x: Any, y: Any) -> Tensor:
    """The outer product of two vectors: (n), (m) -> (n, m).

    Raises ValueError unless both are vectors.
    """
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"outer: expected two vectors, got shapes {tuple(x.shape)} and {tuple(y.shape)}")
    return mul(unsqueeze(x, 1), y)


def check_dims(name: str, *expected: tuple[Any, int]) -> None:
    """Raise a ValueError unless each tensor has the number of dimensions that stands beside it."""
    if any(x.ndim != n for x, n in expected):
        wanted, given = [n for _, n in expected], [tuple(x.shape) for x, _ in expected]
        raise ValueError(f"{name}: expected tensors of {wanted} dimensions, got shapes {given}")


@allow_spellings
def mm(x: Any, mat2: Any) -> Tensor:
    """The product of two matrices: (n, k) @ (k, m) -> (n, m).

    Raises ValueError unless both are matrices that fit.
    """
    check_dims("mm", (x, 2), (mat2, 2))
    return matmul(x, mat2)


@allow_spellings
def bmm(x: Any, mat2: Any) -> Tensor:
    """The products of matrices in pairs: (b, n, k) @ (b, k, m) -> (b, n, m).

    Raises ValueError for another number of dimensions than three, and where shapes do not fit.
    """
    check_dims("bmm", (x, 3), (mat2, 3))
    if x.shape[0] != mat2.shape[0]:
        raise ValueError(f"bmm: batches of {x.shape[0]} and {mat2.shape[0]} matrices")
    return matmul(x, mat2)


@allow_spellings
def mv(x: Any, vec: Any) -> Tensor:
    """The product of a matrix and a vector: (n, k) @ (k) -> (n).

    Raises ValueError unless they fit.
    """
    check_dims("mv", (x, 2), (vec, 1))
    return matmul(x, vec)


@allow_spellings
def dot(x: Any, tensor: Any) -> Tensor:
    """The scalar product of two vectors: (n) @ (n) -> ().

    Raises ValueError unless they are two vectors of one length and dtype.
    """
    check_dims("dot", (x, 1), (tensor, 1))
    if tuple(x.shape) != tuple(tensor.shape) or x.dtype != tensor.dtype:
        raise ValueError(f"dot: expected two vectors alike, got {describe(x)} and {describe(tensor)}")
    return matmul(x, tensor)


def weighted(x: Any, product: Any, beta: float, alpha: float) -> Any:
    """beta·x + alpha·product; where beta is 0, x is not looked at."""
    if product.dtype.kind != "f" and not float(beta).is_integer() * float(alpha).is_integer():
        raise TypeError(f"of integers, beta and alpha must be whole numbers, got {beta} and {alpha}")
    product = product if alpha == 1 else product * alpha
    return product if beta == 0 else (x if beta == 1 else x * beta) + product


@allow_spellings
def addmm(x: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta·x + alpha·(mat1 @ mat2) for matrices; x broadcasts."""
    return weighted(x, mm(mat1, mat2), beta, alpha)


@allow_spellings
def addmv(x: Any, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta·x + alpha·(mat @ vec) for a matrix and a vector; x broadcasts."""
    return weighted(x, mv(mat, vec), beta, alpha)


@allow_spellings
def baddbmm(x: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta·x + alpha·(batch1 @ batch2) for batches of matrices; x broadcasts."""
    return weighted(x, bmm(batch1, batch2), beta, alpha)


@allow_spellings
def trace(x: Any) -> Tensor:
    """The sum of a matrix's diagonal.

    (n, m) -> (). Raises ValueError for what is no matrix.
    """
    check_dims("trace", (x, 2))
    n = np.arange(builtins.min(x.shape))
    return sum(subscript(x, (n, n)))


@allow_spellings
def cross(x: Any, y: Any, dim: int = -1) -> Any:
    """The vector product along a dimension of length 3; the others broadcast.

    Raises ValueError unless that dimension has length 3 in both.
    """
    place = position(dim, x.ndim, "cross")
    if x.ndim != y.ndim or x.shape[place] != 3 or y.shape[place] != 3:
        raise ValueError(
            f"cross: expected length 3 in dimension {place}, got shapes {tuple(x.shape)}, {tuple(y.shape)}"
        )

    def turned(t: Any, numbers: list[int]) -> Tensor:
        return subscript(t, (slice(None),) * place + (numbers,))

    one, two = [1, 2, 0], [2, 0, 1]
    return turned(x, one) * turned(y, two) - turned(x, two) * turned(y, one)


@expect_tensors
def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """The p-norm distance of each row of x1 to each row of x2: (…, n, k), (…, m, k) -> (…, n, m).

    compute_mode: PyTorch's choice of how; here each distance is computed from the differences themselves.

    Raises ValueError where rows differ in length.
    """
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ValueError(f"cdist: expected rows of one length, got shapes {tuple(x1.shape)} and {tuple(x2.shape)}")
    return norm(unsqueeze(x1, -2) - unsqueeze(x2, -3), p, -1)


@allow_spellings
def kron(x: Any, y: Any) -> Any:
    """The Kronecker product: each element of x times y, in its place.

    (n, m), (k, l) -> (n·k, m·l).
    """
    ndim = builtins.max(x.ndim, y.ndim)
    a, b = ((1,) * (ndim - t.ndim) + tuple(t.shape) for t in (x, y))
    apart = tuple(n for pair in zip(a, (1,) * ndim, strict=True) for n in pair)
    inside = tuple(n for pair in zip((1,) * ndim, b, strict=True) for n in pair)
    product = reshape(x, apart) * reshape(y, inside)
    return reshape(product, tuple(m * n for m, n in zip(a, b, strict=True)))


@expect_tensors
def tensordot(a: Any, b: Any, dims: Any = 2) -> Tensor:
    """Products summed over dimensions of a and of b: the last and the first `dims`, or ([of a], [of b]).

    Raises ValueError where the dimensions' lengths differ.
    """
    if isinstance(dims, int):
        if dims < 0 or dims > builtins.min(a.ndim, b.ndim):
            raise ValueError(f"tensordot: {dims} dimensions of shapes {tuple(a.shape)} and {tuple(b.shape)}")
        left, right = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        left, right = (
            [position(d, t.ndim, "tensordot") for d in (ds if isinstance(ds, list | tuple) else [ds])]
            for ds, t in zip(dims, (a, b), strict=True)
        )
    if [a.shape[d] for d in left] != [b.shape[d] for d in right]:
        raise ValueError(f"tensordot: dims {dims} of shapes {tuple(a.shape)} and {tuple(b.shape)} do not match")
    outer_a, outer_b = ([d for d in range(t.ndim) if d not in used] for t, used in ((a, left), (b, right)))
    shared = math.prod(a.shape[d] for d in left)
    flat_a = reshape(permute(a, (*outer_a, *left)), (math.prod(a.shape[d] for d in outer_a), shared))
    flat_b = reshape(permute(b, (*right, *outer_b)), (shared, math.prod(b.shape[d] for d in outer_b)))
    return reshape(matmul(flat_a, flat_b), (*(a.shape[d] for d in outer_a), *(b.shape[d] for d in outer_b)))


# ---------------------------------------------------------------------------------------------------- einsum


@primitive(
    x=lambda g, y, a, b, to: contract(g, y, to, b, a),
    y=lambda g, x, a, b, to: contract(g, x, to, a, b),
)
def contract(x: Array, y: Array, a: str, b: str, to: str) -> Array:
    """The sum of products over the letters that `to` leaves out. Each letter of a is in b or `to`, and so for b."""
    return np.einsum(f"{a},{b}->{to}", x, y, optimize=True)


@expect_tensors
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
