"""The calls of the stored sample: every public function, module, optimizer and schedule, at its edges.

A row is a `Call` of calls.py: the dotted name that PyTorch and minigrad share, the arguments, the options.
generate.py runs the rows through PyTorch and stores what comes out; tests/test_reference.py runs them through
minigrad; compare.py runs them through both, in more dtypes and memory layouts. A new row needs `python
tests/reference/generate.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .calls import Call, Name, constant, distinct, index, mask, positive, ties, to_numpy, unit, x

F = "nn.functional."
CALLS: list[Call] = []


def add(group: str, path: str | Callable[..., Any], *args: Any, second: bool = True, **options: Any) -> None:
    """A row: a function and its arguments."""
    CALLS.append(Call(group, path, args, options, second=second))


def module(path: str, args: list[Any], *inputs: Any, train: bool = True, **options: Any) -> None:
    """A row: a module's class, the arguments that construct it, and what goes through it."""
    CALLS.append(Call("modules", path, tuple(args), options, inputs, train))


# --- elementwise --------------------------------------------------------------------------------------------

for name in ("add", "sub", "mul", "truediv"):
    add("elementwise", f"operator.{name}", x(3, 4), positive(3, 4))
    add("elementwise", f"operator.{name}", x(3, 1, 2), positive(4, 1))
    add("elementwise", f"operator.{name}", x(), positive(2, 3))
    add("elementwise", f"operator.{name}", positive(2, 3), 3)
    add("elementwise", f"operator.{name}", 1.5, positive(2, 3))
    add("elementwise", f"operator.{name}", index(9, 2, 3), positive(3))
    add("elementwise", f"operator.{name}", x(0, 3), positive(3))
for name in ("add", "sub", "mul", "div"):
    add("elementwise", name, x(2, 3), positive(2, 3))
    add("elementwise", f"Tensor.{name}", x(2, 3), positive(3))
add("elementwise", "operator.truediv", index(9, 2, 3), 4)
add("elementwise", "operator.pow", positive(3, 4), x(3, 4))
add("elementwise", "operator.pow", x(3, 4), 3)
add("elementwise", "operator.pow", x(3, 4), 2)
add("elementwise", "operator.pow", ties(3, 4), 1)
add("elementwise", "operator.pow", ties(3, 4), 0)
add("elementwise", "operator.pow", positive(3, 4), -1.5)
add("elementwise", "operator.pow", positive(3, 4), 0.5)
add("elementwise", "operator.pow", 2.0, x(3, 4))
add("elementwise", "operator.pow", index(5, 3), 2)
add("elementwise", "pow", positive(2, 3), x(3))
add("elementwise", "operator.neg", x(3, 4))
add("elementwise", "neg", x(3, 4))
for name in ("abs", "sign"):
    add("elementwise", name, x(3, 4))
    add("elementwise", f"Tensor.{name}", ties(3, 4))
for name in ("exp", "expm1", "sin", "cos", "tanh", "sigmoid", "square"):
    add("elementwise", name, x(3, 4))
    add("elementwise", f"Tensor.{name}", x(2, 1, 3))
add("elementwise", "tan", unit(3, 4))
add("elementwise", "Tensor.tan", unit(5))
for name in ("log", "log1p", "sqrt", "rsqrt", "reciprocal"):
    add("elementwise", name, positive(3, 4))
    add("elementwise", f"Tensor.{name}", positive(5))
add("elementwise", "relu", x(3, 4))
add("elementwise", "Tensor.relu", ties(3, 4))
for name in ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus"):
    add("elementwise", F + name, x(3, 4))
    add("elementwise", F + name, ties(3, 4))
add("elementwise", F + "leaky_relu", ties(3, 4), 0.2)
add("elementwise", F + "elu", ties(3, 4), alpha=0.5)
add("elementwise", F + "gelu", x(3, 4), approximate="tanh")
add("elementwise", F + "softplus", ties(3, 4), beta=3, threshold=4)
for name in ("maximum", "minimum"):
    add("elementwise", name, x(3, 4), x(4))
    add("elementwise", name, ties(3, 4), ties(3, 4))
add("elementwise", "clamp", x(3, 4), -0.5, 0.75)
add("elementwise", "clamp", ties(3, 4), min=0)
add("elementwise", "Tensor.clamp", ties(3, 4), max=1)
add("elementwise", "Tensor.clamp", ties(3, 4), -1, 1)
add("elementwise", "where", mask(3, 4), x(3, 4), x(4))
add("elementwise", "where", mask(3, 1), x(3, 4), 2.0)
add("elementwise", "Tensor.where", x(3, 4), mask(3, 4), x(3, 1))
for name in ("floor", "round", "ceil"):  # minigrad does not record these; PyTorch records a zero
    add("elementwise", name, constant(x(3, 4)))
add("elementwise", "trunc", constant(x(3, 4)))
for name in ("lt", "le", "gt", "ge", "eq", "ne"):
    add("elementwise", f"operator.{name}", ties(3, 4), ties(4))
    add("elementwise", name, ties(3, 4), ties(3, 1))
    add("elementwise", f"Tensor.{name}", ties(3, 4), 0)
    add("elementwise", f"operator.{name}", ties(3, 4), 1)

add("elementwise", "erf", x(3, 4))
for name in ("absolute", "negative"):
    add("elementwise", name, x(3, 4))
for name in ("multiply", "subtract", "divide"):
    add("elementwise", name, x(3, 4), positive(4))
add("elementwise", "clip", ties(3, 4), -1, 1)
add("elementwise", F + "logsigmoid", x(3, 4))
for name in ("floor_divide", "remainder"):
    add("elementwise", name, constant(x(3, 4)), constant(positive(4)))
    add("elementwise", f"Tensor.{name}", index(20, 5), 3)
for name in ("isnan", "isinf", "isfinite", "logical_not"):
    add("elementwise", name, ties(3, 4))
for name in ("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor"):
    add("elementwise", name, mask(3, 4), mask(4))
add("elementwise", "bitwise_and", index(9, 3), index(9, 3))
add("elementwise", "bitwise_not", mask(3))
add("elementwise", "operator.invert", mask(3))
for name in ("and_", "or_", "xor"):
    add("elementwise", f"operator.{name}", mask(3, 4), mask(4))
add("elementwise", "operator.floordiv", index(20, 5), 3)
add("elementwise", "operator.mod", index(20, 5), 3)

# --- reductions ---------------------------------------------------------------------------------------------

for name in ("sum", "mean", "amax", "amin", "logsumexp"):
    for dim in (0, -1, (0, 2), [1]):
        add("reductions", name, x(3, 4, 2), dim)
    add("reductions", f"Tensor.{name}", x(3, 4, 2), dim=(1, -1), keepdim=True)
for name in ("amax", "amin"):
    add("reductions", name, ties(4, 5), 1)
    add("reductions", name, ties(4, 5), (0, 1))
    add("reductions", f"Tensor.{name}", x(3, 4))
for name in ("sum", "mean", "prod", "max", "min", "median", "var", "std", "norm"):
    add("reductions", name, distinct(3, 4))
    add("reductions", f"Tensor.{name}", distinct(5))
for name in ("max", "min", "median"):
    add("reductions", name, distinct(3, 4, 2), 1)
    add("reductions", name, distinct(3, 4, 2), -1, True)
    add("reductions", f"Tensor.{name}", distinct(3, 5), dim=0, keepdim=True)
add("reductions", "max", ties(4, 6))
add("reductions", "min", ties(4, 6))
add("reductions", "max", x(3, 4), x(4))
add("reductions", "min", x(3, 4), x(3, 1))
add("reductions", "sum", index(9, 3, 4))
add("reductions", "sum", mask(3, 4), 1)
add("reductions", "prod", index(4, 5))
add("reductions", "sum", x(3, 4), dtype=Name("float64"))
add("reductions", "sum", x(0, 4), 0)
add("reductions", "sum", x(0, 4))
add("reductions", "mean", x(0, 4), second=False)
add("reductions", "prod", x(0, 4), 0)
add("reductions", "logsumexp", x(2, 0), 1, second=False)
add("reductions", "sum", x())
add("reductions", "prod", x(3, 4), 1)
add("reductions", "prod", x(3, 4), -2, True)
add("reductions", "prod", ties(4, 5), 1)
add("reductions", "prod", ties(5, 4), 0)
add("reductions", "prod", ties(6))
for name in ("var", "std"):
    add("reductions", name, x(3, 4, 2), 1)
    add("reductions", name, x(3, 4, 2), (0, 2), correction=0)
    add("reductions", name, x(3, 4), False)
    add("reductions", name, x(3, 4), unbiased=False)
    add("reductions", f"Tensor.{name}", x(3, 4), 1, False)
    add("reductions", f"Tensor.{name}", x(3, 4), (0, 1), unbiased=True, keepdim=True)
    add("reductions", name, x(3, 4, 2), (0, 2), correction=2, keepdim=True)
    add("reductions", f"Tensor.{name}", x(3, 4), dim=-1, keepdim=True)
for p in (1, 2, float("inf")):
    add("reductions", "norm", x(3, 4), p=p)
    add("reductions", "norm", x(3, 4, 2), p=p, dim=1)
    add("reductions", "Tensor.norm", x(3, 4, 2), p=p, dim=-1, keepdim=True)
    add("reductions", "norm", ties(1, 4), p=p, second=False)
add("reductions", "norm", constant(ties(3, 4)), 2, (0, 1))
for dim in (0, 1, -1):
    add("reductions", "cumsum", x(3, 4, 2), dim)
add("reductions", "Tensor.cumsum", x(5), dim=0)
add("reductions", "cumsum", index(5, 3, 4), 1)
add("reductions", "Tensor.sum_to_size", x(2, 3, 4), (3, 1))
add("reductions", "sort", distinct(3, 4))
add("reductions", "sort", distinct(3, 4), 0, True)
add("reductions", "Tensor.sort", ties(3, 4), dim=-1, stable=True)
add("reductions", "argsort", distinct(3, 4), 0)
add("reductions", "Tensor.argsort", ties(6), stable=True)
for name in ("argmax", "argmin"):
    add("reductions", name, distinct(3, 4))
    add("reductions", name, distinct(3, 4, 2), 1)
    add("reductions", f"Tensor.{name}", distinct(3, 4), dim=-1, keepdim=True)
    add("reductions", name, ties(4, 6), 1)
for name in ("any", "all"):
    add("reductions", name, mask(3, 4))
    add("reductions", name, mask(3, 2), 1)
    add("reductions", f"Tensor.{name}", mask(3, 2), dim=0, keepdim=True)

# --- shape --------------------------------------------------------------------------------------------------

add("shape", "Tensor.reshape", x(3, 4), 2, 6)
add("shape", "Tensor.reshape", x(3, 4), (2, -1))
add("shape", "reshape", x(3, 4), (-1,))
add("shape", "Tensor.view", x(3, 4), 2, 2, 3)
add("shape", "Tensor.view", x(3, 4), -1)
add("shape", "flatten", x(2, 3, 4))
add("shape", "flatten", x(2, 3, 4), 1)
add("shape", "Tensor.flatten", x(2, 3, 4, 2), start_dim=1, end_dim=2)
add("shape", "flatten", x())
add("shape", "Tensor.unflatten", x(2, 12), 1, (3, 4))
add("shape", "unflatten", x(6, 2), 0, (-1, 3))
add("shape", "transpose", x(2, 3, 4), 0, 2)
add("shape", "Tensor.transpose", x(2, 3, 4), -1, 1)
add("shape", "permute", x(2, 3, 4), (2, 0, 1))
add("shape", "Tensor.permute", x(2, 3, 4), 0, -1, 1)
add("shape", "squeeze", x(1, 3, 1, 2))
add("shape", "squeeze", x(1, 3, 1), 0)
add("shape", "squeeze", x(1, 3, 1), 1)
add("shape", "Tensor.squeeze", x(1, 3, 1), dim=-1)
add("shape", "squeeze", x(1, 3, 1), (0, 2))
add("shape", "unsqueeze", x(3, 4), 1)
add("shape", "Tensor.unsqueeze", x(3, 4), dim=-1)
add("shape", "Tensor.expand", x(3, 1), 2, 3, 4)
add("shape", "Tensor.expand", x(3, 1), (-1, 4))
add("shape", "broadcast_to", x(4), (3, 4))
add("shape", "Tensor.broadcast_to", x(2, 1, 3), (2, 4, 3))
add("shape", "Tensor.repeat", x(2, 3), 2, 1)
add("shape", "Tensor.repeat", x(2, 3), (3, 2, 2))
add("shape", "cat", [x(2, 3), x(1, 3), x(4, 3)])
add("shape", "cat", [x(2, 3), x(2, 0), x(2, 2)], dim=-1)
add("shape", "stack", [x(2, 3), x(2, 3)])
add("shape", "stack", [x(2, 3), x(2, 3), x(2, 3)], dim=-1)
add("shape", "split", x(7, 2), 3)
add("shape", "split", x(2, 6), [1, 2, 3], dim=1)
add("shape", "Tensor.split", x(2, 6), 4, dim=-1)
add("shape", "chunk", x(7, 2), 3)
add("shape", "Tensor.chunk", x(2, 5), 2, dim=1)
add("shape", "chunk", x(5, 2), 4)
add("shape", "flip", x(3, 4), (0,))
add("shape", "Tensor.flip", x(3, 4, 2), (0, -1))
add("shape", "roll", x(3, 4), 1)
add("shape", "roll", x(3, 4), 2, 1)
add("shape", "Tensor.roll", x(3, 4), (1, -2), (0, 1))
add("shape", F + "pad", x(2, 3, 4), (1, 2))
add("shape", F + "pad", x(2, 3, 4), (1, 0, 2, 1), mode="constant", value=1.5)
add("shape", F + "pad", x(2, 3, 4), (-1, 2, 1, -1))
for mode in ("reflect", "replicate", "circular"):
    add("shape", F + "pad", x(2, 3, 5), (2, 1), mode=mode)
    add("shape", F + "pad", x(1, 2, 4, 5), (2, 1, 3, 0), mode=mode)
add("shape", F + "pad", x(1, 2, 1, 2), (3, 2, 1, 4), mode="replicate")
add("shape", "tril", x(4, 5))
add("shape", "tril", x(2, 4, 3), -1)
add("shape", "Tensor.tril", x(4, 4), diagonal=1)
add("shape", "triu", x(4, 5), 1)
add("shape", "Tensor.triu", x(2, 4, 3), diagonal=-2)
add("shape", "Tensor.unfold", x(2, 7), 1, 3, 2)
add("shape", "Tensor.unfold", x(7, 2), 0, 3, 1)
add("shape", "Tensor.unfold", x(2, 5, 6), -1, 2, 3)
add("shape", "movedim", x(2, 3, 4), 0, 2)
add("shape", "Tensor.movedim", x(2, 3, 4), (0, 1), (-1, 0))
add("shape", "unbind", x(3, 4), 1)
add("shape", "Tensor.unbind", x(3, 4))
add("shape", "tile", x(2, 3), (2,))
add("shape", "Tensor.tile", x(2, 3), 2, 1, 2)
add("shape", "Tensor.t", x(2, 3))
for name in ("expand_as", "view_as", "reshape_as"):
    add("shape", f"Tensor.{name}", x(3, 1), x(3, 4) if name == "expand_as" else x(1, 3))
add("shape", "Tensor.type_as", x(3), index(2, 1))
for name in ("float", "double", "long", "int", "bool"):
    add("shape", f"Tensor.{name}", positive(3))
add("shape", "Tensor.to", x(3), Name("float32"))
add("shape", "Tensor.type", x(3), Name("float64"))
add("shape", "Tensor.clone", x(3, 2))
add("shape", "clone", x(3, 2))
add("shape", "Tensor.contiguous", x(3, 2))
add("shape", "Tensor.size", x(3, 2), 1)
add("shape", "Tensor.dim", x(3, 2))
add("shape", "Tensor.numel", x(3, 2))

# --- indexing -----------------------------------------------------------------------------------------------

for i in (
    0,
    -1,
    slice(1, None),
    slice(None, None, 2),
    (slice(None), 1),
    (..., 0),
    (None, 1),
    (slice(None), None, -2),
    (1, slice(0, 2)),
    (0, 1),
    ...,
):
    add("indexing", "operator.getitem", x(3, 4), i)
add("indexing", "operator.getitem", x(5, 3), index(5, 4))
add("indexing", "operator.getitem", x(5, 3), index(5, 8))
add("indexing", "operator.getitem", x(5, 3), [0, 2, 2])
add("indexing", "operator.getitem", x(5, 3), index(5, 2, 3))
add("indexing", "operator.getitem", x(5, 3), (index(5, 6), index(3, 6)))
add("indexing", "operator.getitem", x(5, 3), (index(5, 2, 1), index(3, 3)))
add("indexing", "operator.getitem", x(5, 3, 2), (slice(None), index(3, 4)))
add("indexing", "operator.getitem", x(2, 3, 4), (index(2, 5), slice(1, 3), index(4, 5)))
add("indexing", "operator.getitem", x(2, 3, 4), (0, slice(None), index(4, 5)))
add("indexing", "operator.getitem", x(5, 3), mask(5))
add("indexing", "operator.getitem", x(5, 3), mask(5, 3))
add("indexing", "operator.getitem", x(5, 3), (mask(5), 1))
add("indexing", "operator.getitem", x(5, 3), constant(index(5, 0)))
for dim in (0, 1, -1):
    add("indexing", "gather", x(4, 4), dim, index(4, 3, 4))
add("indexing", "index_select", x(4, 3), 0, index(4, 6))
add("indexing", "Tensor.index_select", x(4, 3), dim=-1, index=index(3, 2))
add("indexing", "Tensor.gather", x(4, 3), 0, index(4, 6, 2))
add("indexing", "Tensor.gather", x(2, 4, 3), dim=1, index=index(4, 2, 2, 3))
add("indexing", "take_along_dim", x(4, 3), index(3, 4, 2), 1)
add("indexing", "take_along_dim", x(4, 3), index(4, 2, 1), 0)
add("indexing", "take_along_dim", x(4, 3), index(12, 5))
add("indexing", "Tensor.take_along_dim", x(4, 3), index(4, 6, 3), dim=0)
add("indexing", "Tensor.masked_fill", x(3, 4), mask(3, 4), 2.5)
add("indexing", "Tensor.masked_fill", x(3, 4), mask(4), float("-inf"), second=False)
add("indexing", "masked_fill", x(3, 1), mask(3, 4), 0)

# --- linear algebra -----------------------------------------------------------------------------------------

for a, b in (
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((2, 3), (5, 3, 4)),
    ((2, 1, 2, 3), (5, 3, 4)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (3,)),
    ((2, 0), (0, 3)),
):
    add("linalg", "matmul", x(*a), x(*b))
add("linalg", "operator.matmul", x(2, 3), x(3, 2))
add("linalg", "Tensor.matmul", x(2, 3), x(3, 2))
for name, a, b in (("mm", (2, 3), (3, 4)), ("bmm", (2, 2, 3), (2, 3, 4)), ("mv", (2, 3), (3,)), ("dot", (3,), (3,))):
    add("linalg", f"Tensor.{name}", x(*a), x(*b))
add("linalg", "outer", x(3), x(4))
add("linalg", "Tensor.outer", x(2), x(5))
for subscripts, shapes in (
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ii->i", [(3, 3)]),
    ("ii", [(3, 3)]),
    ("ij->", [(2, 3)]),
    ("ij->ji", [(2, 3)]),
    ("i,j->ij", [(2,), (3,)]),
    ("i,i->", [(3,), (3,)]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 2)]),
    ("...ij,...jk->...ik", [(2, 1, 3, 2), (4, 2, 3)]),
    ("...i->...", [(2, 3, 4)]),
    ("i...,i...->...", [(3, 2), (3, 4, 2)]),
    ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 4)]),
    ("abc,c,ab->b", [(2, 3, 4), (4,), (2, 3)]),
    ("ijj->i", [(2, 3, 3)]),
    ("iij,jk->k", [(3, 3, 2), (2, 4)]),
    ("ij,kl->", [(2, 3), (2, 2)]),
    ("ba", [(2, 3)]),
    ("a,ab,abc->abc", [(2,), (2, 3), (2, 3, 2)]),
    ("nchw,ockl->nohw", [(1, 2, 2, 3), (2, 2, 1, 1)]),
    ("ij,ij->ij", [(2, 1), (2, 3)]),
):
    add("linalg", "einsum", subscripts, *(x(*s) for s in shapes))

# --- convolution --------------------------------------------------------------------------------------------

for o in (
    {},
    {"stride": 2},
    {"padding": 2},
    {"padding": "same"},
    {"padding": "valid"},
    {"dilation": 2},
    {"padding": "same", "dilation": 2},
    {"stride": 3, "padding": 1, "dilation": 2},
):
    add("convolution", F + "conv1d", x(2, 3, 8), x(2, 3, 3), x(2), **o)
add("convolution", F + "conv1d", x(2, 4, 8), x(6, 2, 2), groups=2)
add("convolution", F + "conv1d", x(2, 4, 8), x(4, 1, 4), padding="same", groups=4)
add("convolution", F + "conv1d", x(3, 8), x(2, 3, 3), x(2))
for o in (
    {},
    {"stride": 2},
    {"stride": (2, 1), "padding": (0, 2)},
    {"padding": 1},
    {"padding": "same"},
    {"padding": "valid"},
    {"dilation": 2},
    {"stride": 2, "padding": (2, 1), "dilation": (1, 2)},
    {"stride": 3},
    {"padding": "same", "dilation": (2, 1)},
):
    add("convolution", F + "conv2d", x(2, 3, 6, 7), x(2, 3, 3, 2), x(2), **o)
add("convolution", F + "conv2d", x(2, 3, 6, 7), x(4, 3, 3, 3))
add("convolution", F + "conv2d", x(2, 3, 6, 7), x(4, 3, 1, 1), x(4))
add("convolution", F + "conv2d", x(1, 1, 5, 5), x(1, 1, 5, 5), x(1))
add("convolution", F + "conv2d", x(2, 4, 5, 6), x(6, 2, 3, 3), x(6), groups=2, padding=1)
add("convolution", F + "conv2d", x(2, 4, 5, 6), x(4, 1, 3, 3), groups=4)
add("convolution", F + "conv2d", x(2, 3, 5, 6), x(6, 1, 2, 3), x(6), stride=2, padding=1, groups=3)
add(
    "convolution",
    F + "conv2d",
    x(2, 4, 6, 6),
    x(4, 2, 2, 2),
    x(4),
    stride=(2, 3),
    dilation=(2, 1),
    groups=2,
    padding=(1, 0),
)
add("convolution", F + "conv2d", x(3, 5, 6), x(2, 3, 3, 3), x(2), padding=1)
add("convolution", F + "conv2d", x(0, 3, 5, 6), x(2, 3, 3, 3), x(2))
add("convolution", F + "conv2d", constant(x(2, 3, 5, 6)), x(2, 3, 3, 3), x(2))
add("convolution", F + "conv2d", x(2, 3, 5, 6), constant(x(2, 3, 3, 3)))
for o in (
    {},
    {"stride": 2},
    {"stride": 2, "padding": 1},
    {"stride": 2, "padding": 1, "output_padding": 1},
    {"dilation": 2},
    {"stride": (2, 3), "padding": (0, 1), "output_padding": (1, 0), "dilation": (1, 2)},
    {"padding": (1, 0)},
):
    add("convolution", F + "conv_transpose2d", x(2, 3, 4, 3), x(3, 2, 3, 2), x(2), **o)
add("convolution", F + "conv_transpose2d", x(2, 4, 3, 4), x(4, 3, 3, 3), x(6), groups=2, stride=2)
add("convolution", F + "conv_transpose2d", x(2, 4, 3, 4), x(4, 1, 2, 2), groups=4)
add("convolution", F + "conv_transpose2d", x(3, 3, 4), x(3, 2, 2, 2), x(2))

# --- pooling ------------------------------------------------------------------------------------------------

for o in (
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": (2, 3)},
    {"kernel_size": 2, "dilation": 2},
    {"kernel_size": 2, "ceil_mode": True},
    {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True},
    {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0), "dilation": (2, 1)},
):
    add("pooling", F + "max_pool2d", distinct(2, 2, 5, 7), **o)
add("pooling", F + "max_pool2d", ties(2, 2, 6, 6), 2)
add("pooling", F + "max_pool2d", ties(2, 2, 6, 6), 3, 1, 1)
add("pooling", F + "max_pool2d", distinct(2, 5, 6), 2)
add("pooling", F + "max_pool2d", distinct(1, 2, 3, 3), 5, ceil_mode=True)
add("pooling", F + "max_pool2d", distinct(1, 2, 4, 4), 2, return_indices=True)
for o in (
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": (2, 3)},
    {"kernel_size": 3, "padding": 1, "count_include_pad": False},
    {"kernel_size": 2, "ceil_mode": True},
    {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True},
    {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True, "count_include_pad": False},
    {"kernel_size": 2, "divisor_override": 3},
):
    add("pooling", F + "avg_pool2d", x(2, 2, 5, 7), **o)
add("pooling", F + "avg_pool2d", x(2, 5, 6), 2)
add("pooling", F + "avg_pool2d", x(1, 2, 3, 3), 5, ceil_mode=True)
for size in (1, 2, (2, 3), (None, 2), (5, 7), (3, 1)):
    add("pooling", F + "adaptive_avg_pool2d", x(2, 2, 5, 7), size)
    add("pooling", F + "adaptive_max_pool2d", distinct(2, 2, 5, 7), size)
add("pooling", F + "adaptive_avg_pool2d", x(2, 6, 6), 3)
add("pooling", F + "adaptive_max_pool2d", ties(1, 2, 6, 6), 3)

# --- functional ---------------------------------------------------------------------------------------------

add("functional", F + "linear", x(2, 3), x(4, 3), x(4))
add("functional", F + "linear", x(2, 5, 3), x(4, 3))
add("functional", F + "linear", x(3), x(4, 3), x(4))
for name in ("softmax", "log_softmax"):
    add("functional", F + name, x(3, 4), dim=1)
    add("functional", F + name, x(3, 4, 2), -2)
    add("functional", name, x(3, 4), 0)
    add("functional", f"Tensor.{name}", x(2, 3), dim=-1)
add("functional", F + "dropout", x(3, 4), 0.5, False)
add("functional", F + "dropout", x(3, 4), p=0.0, training=True)
add("functional", F + "dropout", x(3, 4), p=1.0, training=True)
add("functional", F + "dropout2d", x(2, 3, 2, 2), 0.5, training=False)
stats = constant(x(3)), constant(positive(3))
for o in ({"training": True}, {"training": False}, {"training": True, "momentum": 0.3, "eps": 1e-3}):
    add("functional", F + "batch_norm", x(4, 3), *stats, positive(3), x(3), **o)
    add("functional", F + "batch_norm", x(2, 3, 2, 3), *stats, positive(3), x(3), **o)
add("functional", F + "batch_norm", x(2, 3, 4), None, None, training=True)
add("functional", F + "layer_norm", x(3, 4), (4,), positive(4), x(4))
add("functional", F + "layer_norm", x(2, 3, 4), [3, 4], positive(3, 4), x(3, 4), 1e-3)
add("functional", F + "layer_norm", x(2, 3, 4), (4,))
add("functional", F + "group_norm", x(2, 4, 3), 2, positive(4), x(4))
add("functional", F + "group_norm", x(2, 4, 2, 3), 4)
add("functional", F + "group_norm", x(2, 4, 2, 3), 1, positive(4), x(4), eps=1e-2)
add("functional", F + "embedding", index(5, 2, 3), x(5, 4))
add("functional", F + "embedding", index(5, 6), x(5, 2), padding_idx=1)
add("functional", F + "one_hot", index(4, 2, 3), 5)
add("functional", F + "cosine_similarity", x(3, 4), x(3, 4))
add("functional", F + "cosine_similarity", x(3, 4, 2), x(1, 4, 2), dim=-1)
# where eps holds a norm up, PyTorch's gradient is not the derivative: it goes straight through
add("functional", F + "cosine_similarity", constant(x(3, 4)), constant(x(4)), dim=1, eps=10.0)
add("functional", F + "normalize", x(3, 4))
add("functional", F + "normalize", x(3, 4), p=1, dim=0)

# --- losses -------------------------------------------------------------------------------------------------

for name, target in (
    ("mse_loss", x(3, 4)),
    ("l1_loss", x(3, 4)),
    ("huber_loss", x(3, 4)),
    ("binary_cross_entropy_with_logits", unit(3, 4)),
):
    for reduction in ("mean", "sum", "none"):
        add("losses", F + name, x(3, 4), target, reduction=reduction)
for reduction in ("mean", "sum", "none"):
    add("losses", F + "binary_cross_entropy", unit(3, 4), constant(unit(3, 4)), reduction=reduction)
add("losses", F + "binary_cross_entropy", unit(3, 4), constant(unit(3, 4)), weight=constant(positive(4)))
add(
    "losses",
    F + "binary_cross_entropy_with_logits",
    x(3, 4),
    constant(unit(3, 4)),
    weight=constant(positive(3, 4)),
)
add(
    "losses",
    F + "binary_cross_entropy_with_logits",
    x(3, 4),
    constant(unit(3, 4)),
    pos_weight=constant(positive(4)),
)
add("losses", F + "huber_loss", x(3, 4), x(3, 4), delta=0.4)
add("losses", F + "l1_loss", ties(3, 4), ties(3, 4))
for name in ("cross_entropy", "nll_loss"):
    for reduction in ("mean", "sum", "none"):
        add("losses", F + name, x(4, 5), index(5, 4), reduction=reduction)
        add("losses", F + name, x(4, 5), index(5, 4), constant(positive(5)), reduction=reduction)
        add("losses", F + name, x(6, 5), index(5, 6), ignore_index=2, reduction=reduction)
    add("losses", F + name, x(6, 5), index(5, 6), weight=constant(positive(5)), ignore_index=1)
    add("losses", F + name, x(2, 5, 2, 3), index(5, 2, 2, 3))
    add("losses", F + name, x(2, 5, 3), index(5, 2, 3), weight=constant(positive(5)), reduction="none")
    add("losses", F + name, x(5), index(5))
    add("losses", F + name, x(3, 5), index(1, 3), ignore_index=0, second=False)
for reduction in ("mean", "sum", "none"):
    add("losses", F + "cross_entropy", x(4, 5), index(5, 4), label_smoothing=0.1, reduction=reduction)
    add(
        "losses",
        F + "cross_entropy",
        x(4, 5),
        index(5, 4),
        constant(positive(5)),
        label_smoothing=0.2,
        ignore_index=3,
        reduction=reduction,
    )
    add("losses", F + "cross_entropy", x(4, 5), constant(unit(4, 5)), label_smoothing=0.1, reduction=reduction)
    add("losses", F + "cross_entropy", x(4, 5), unit(4, 5), constant(positive(5)), reduction=reduction)
add("losses", F + "cross_entropy", x(2, 5, 3), constant(unit(2, 5, 3)))

# --- modules ------------------------------------------------------------------------------------------------

module("nn.Linear", [3, 4], x(2, 3))
module("nn.Linear", [3, 4], x(2, 5, 3), bias=False)
module("nn.Conv1d", [3, 4, 3], x(2, 3, 8), stride=2, padding=1)
module("nn.Conv1d", [4, 4, 3], x(2, 4, 8), padding="same", groups=2, dilation=2, bias=False)
module("nn.Conv2d", [3, 4, 3], x(2, 3, 6, 5))
module("nn.Conv2d", [4, 6, (3, 2)], x(2, 4, 6, 5), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2)
for mode in ("zeros", "reflect", "replicate", "circular"):
    module("nn.Conv2d", [2, 2, 3], x(1, 2, 5, 6), padding=(2, 1), padding_mode=mode)
    module("nn.Conv1d", [2, 2, 3], x(1, 2, 6), padding=2, padding_mode=mode)
module("nn.Conv2d", [2, 2, 4], x(1, 2, 5, 6), padding="same", padding_mode="reflect")
module("nn.ConvTranspose2d", [3, 4, 3], x(2, 3, 4, 3), stride=2, padding=1, output_padding=1)
module("nn.ConvTranspose2d", [4, 4, 2], x(2, 4, 3, 3), groups=2, bias=False, dilation=2)
for name in (
    "ReLU",
    "ELU",
    "GELU",
    "SiLU",
    "Softplus",
    "Tanh",
    "Sigmoid",
    "LeakyReLU",
    "Identity",
    "Flatten",
):
    module(f"nn.{name}", [], x(2, 3, 2))
module("nn.LeakyReLU", [0.2], x(2, 3))
module("nn.Flatten", [0, 1], x(2, 3, 2))
module("nn.Unflatten", [1, (2, 3)], x(2, 6))
module("nn.Softmax", [1], x(2, 3))
module("nn.LogSoftmax", [], x(2, 3), dim=-1)
module("nn.MaxPool2d", [2], distinct(1, 2, 5, 6))
module("nn.MaxPool2d", [3, 2, 1], distinct(1, 2, 5, 6), ceil_mode=True)
module("nn.AvgPool2d", [3], x(1, 2, 6, 6), stride=2, padding=1, count_include_pad=False)
module("nn.AdaptiveAvgPool2d", [(2, 3)], x(1, 2, 5, 6))
module("nn.AdaptiveMaxPool2d", [2], distinct(1, 2, 5, 6))
module("nn.Dropout", [0.5], x(2, 3), train=False)
module("nn.Dropout2d", [0.5], x(2, 3, 2, 2), train=False)
for train in (True, False):
    module("nn.BatchNorm1d", [3], x(5, 3), train=train)
    module("nn.BatchNorm1d", [3], x(2, 3, 4), momentum=0.3, eps=1e-3, train=train)
    module("nn.BatchNorm2d", [3], x(2, 3, 2, 3), train=train)
    module("nn.BatchNorm2d", [3], x(2, 3, 2, 3), affine=False, train=train)
    module("nn.BatchNorm2d", [3], x(2, 3, 2, 3), track_running_stats=False, train=train)
    module("nn.BatchNorm2d", [3], x(2, 3, 2, 3), momentum=None, train=train)
module("nn.LayerNorm", [4], x(3, 4))
module("nn.LayerNorm", [(3, 4)], x(2, 3, 4), eps=1e-3)
module("nn.LayerNorm", [4], x(3, 4), elementwise_affine=False)
module("nn.LayerNorm", [4], x(3, 4), bias=False)
module("nn.GroupNorm", [2, 4], x(2, 4, 3))
module("nn.GroupNorm", [4, 4], x(2, 4, 2, 2), affine=False)
module("nn.Embedding", [5, 3], index(5, 2, 4))
module("nn.Embedding", [5, 3], index(5, 6), padding_idx=2)
module("nn.CosineSimilarity", [], x(3, 4), x(3, 4), dim=1)
module("nn.MSELoss", [], x(3, 4), x(3, 4))
module("nn.L1Loss", [], x(3, 4), x(3, 4), reduction="sum")
module("nn.HuberLoss", [], x(3, 4), x(3, 4), delta=0.5)
module("nn.BCELoss", [], unit(3, 4), constant(unit(3, 4)))
module("nn.BCEWithLogitsLoss", [], x(3, 4), constant(unit(3, 4)), reduction="none")
module("nn.NLLLoss", [], x(3, 4), index(4, 3), ignore_index=1)
module("nn.CrossEntropyLoss", [], x(3, 4), index(4, 3), label_smoothing=0.1)


def sequential(library: Any, a: Any) -> Any:
    """Nested containers: keys of the state in order, and the values of a fixed linear map through them."""
    nn = library.nn
    net = nn.Sequential(
        nn.Linear(2, 3),
        nn.ModuleDict({"a": nn.Linear(3, 1), "b": nn.ModuleList([nn.Linear(1, 1), nn.BatchNorm1d(2)])}),
    )
    return [a * len(key) for key in net.state_dict()] + [a * len(key) for key, _ in net.named_parameters()]


add("modules", sequential, x(1))

# --- the engine ---------------------------------------------------------------------------------------------


def accumulate(library: Any, a: Any, b: Any) -> Any:
    """Two backward passes add up; a use of an intermediate in both is counted once each."""
    a, b = (t.detach().requires_grad_(True) for t in (a, b))
    hidden = a * b
    (hidden * hidden).sum().backward(retain_graph=True)
    (hidden * a).sum().backward()
    return a.grad, b.grad


def backward_with_gradient(library: Any, a: Any, g: Any) -> Any:
    """`backward(gradient)` of an output that is no scalar, with retain_grad and a hook that doubles."""
    a = a.detach().requires_grad_(True)
    hidden = a * 3
    hidden.retain_grad()
    hidden.register_hook(lambda g: g * 2)
    (hidden * hidden).backward(g.detach())
    return a.grad, hidden.grad


def third_derivative(library: Any, a: Any) -> Any:
    """Derivatives of tanh to the third order, through create_graph."""
    a = a.detach().requires_grad_(True)
    y = library.tanh(a)
    for _ in range(3):
        (y,) = library.autograd.grad(y.sum(), [a], create_graph=True)
    return y.detach()


def clip_norm(library: Any, a: Any, b: Any, max_norm: float, norm_type: float = 2.0) -> Any:
    """clip_grad_norm_ over two parameters: the norm it returns and the gradients it leaves."""
    a, b = (t.detach().requires_grad_(True) for t in (a, b))
    ((a * a).sum() + (b * b * b).sum()).backward()
    return library.nn.utils.clip_grad_norm_([a, b], max_norm, norm_type), a.grad, b.grad


def clip_value(library: Any, a: Any, value: float) -> Any:
    a = a.detach().requires_grad_(True)
    (a * a).sum().backward()
    library.nn.utils.clip_grad_value_([a], value)
    return a.grad


def gain(library: Any, *args: Any) -> float:
    return float(library.nn.init.calculate_gain(*args))


def created(library: Any, path: str, *args: Any, **options: Any) -> Any:
    """A creation function: values and dtype."""
    return getattr(library, path)(*args, **options)


def in_place(library: Any, a: Any, b: Any, name: str, *args: Any, **options: Any) -> Any:
    """A change in place of a tensor without gradient, and what the method returns."""
    a = a.detach().clone()
    operands = [b.detach()] if name in ("add_", "sub_", "mul_", "div_", "copy_") else []
    return getattr(a, name)(*operands, *args, **options), a


def assigned(library: Any, a: Any, b: Any, key: Any) -> Any:
    """`a[key] = b`, without gradient."""
    a = a.detach().clone()
    a[key] = b.detach() if getattr(b, "requires_grad", False) else b
    return a


def functional(library: Any) -> Any:
    """minigrad.func has the functions of torch.autograd.functional."""
    return getattr(library.autograd, "functional", None) or library.func


def derivatives(library: Any, a: Any, b: Any, name: str) -> Any:
    """jacobian, hessian, vjp, jvp or hvp of a function of two tensors."""
    several = lambda a, b: ((a[:, None] * b).tanh(), (a * a).sum() * b)
    single = lambda a, b: (library.exp(a).sum() * b * b).sum()
    a, b = a.detach(), b.detach()
    if name == "jacobian":
        return functional(library).jacobian(several, (a, b))
    if name == "hessian":
        return functional(library).hessian(single, (a, b))
    if name == "hvp":
        return functional(library).hvp(single, (a, b), (a, b * 2))
    directions = tuple(2 * y for y in several(a, b)) if name == "vjp" else (a, b * 2)
    return getattr(functional(library), name)(several, (a, b), directions)


def initialised(library: Any, name: str, *args: Any) -> Any:
    """An initialiser without chance in it."""
    return getattr(library.nn.init, name)(library.zeros(2, 3), *args)


def packed(library: Any, a: Any, b: Any) -> Any:
    """Parameters into one vector, and another vector back into the parameters."""
    vector = library.nn.utils.parameters_to_vector([a, b])
    a, b = (t.detach().clone().requires_grad_(True) for t in (a, b))
    library.nn.utils.vector_to_parameters(vector.detach() * 2, [a, b])
    return vector, a.detach(), b.detach()


def python_values(library: Any, a: Any) -> Any:
    """`item`, `tolist`, `numpy`, `len` and iteration."""
    plain = a.detach()
    return [
        library.tensor(plain.numpy()),
        library.tensor(plain.tolist()),
        a.sum().item(),
        len(a),
        *(2 * row for row in a),
    ]


def from_arrays(library: Any, a: Any) -> Any:
    """`as_tensor` and `from_numpy`."""
    array = to_numpy(a)
    return library.as_tensor(array), library.from_numpy(array), library.as_tensor([1, 2])


for name in ("add_", "sub_", "mul_", "div_", "copy_", "zero_"):
    add("engine", in_place, x(2, 3), positive(3), name)
add("engine", in_place, x(2, 3), x(), "fill_", 2.5)
add("engine", in_place, x(2, 3), x(), "clamp_", -0.5, max=0.5)
for key in (0, (slice(None), 1), slice(None, None, 2), (..., -1)):
    add("engine", assigned, x(4, 4), x(), key)
add("engine", assigned, x(4, 3), 1.5, index(4, 2))
add("engine", assigned, x(4, 3), x(3), mask(4))
for name in ("jacobian", "hessian", "vjp", "jvp", "hvp"):
    add("engine", derivatives, x(3), x(2), name)
for name in ("zeros_", "ones_", "eye_"):
    add("engine", initialised, name)
add("engine", initialised, "constant_", 0.5)
add("engine", packed, x(2, 3), x(2))
add("engine", python_values, x(2, 3))
add("engine", from_arrays, x(2, 3))
add("engine", accumulate, x(3), x(3))
add("engine", backward_with_gradient, x(3), x(3))
add("engine", third_derivative, x(5))
for norm_type in (1.0, 2.0, float("inf")):
    for max_norm in (1.0, 100.0):
        add("engine", clip_norm, x(3), x(2, 2), max_norm, norm_type)
add("engine", clip_value, x(5), 0.75)
for args in (
    ("linear",),
    ("conv2d",),
    ("sigmoid",),
    ("tanh",),
    ("relu",),
    ("leaky_relu",),
    ("leaky_relu", 0.2),
):
    add("engine", gain, *args)
for path, args, options in (
    ("zeros", (2, 3), {}),
    ("ones", ((2, 3),), {}),
    ("full", ((2, 2), 1.5), {}),
    ("full", ((2,), 3), {}),
    ("arange", (5,), {}),
    ("arange", (1, 7, 2), {}),
    ("arange", (0.0, 1.0, 0.25), {}),
    ("linspace", (0, 1, 5), {}),
    ("eye", (3,), {}),
    ("eye", (2, 3), {}),
    ("tensor", ([[1, 2], [3, 4]],), {}),
    ("tensor", ([1.5, 2],), {}),
    ("tensor", (True,), {}),
    ("tensor", (2.5,), {}),
    ("zeros", (2,), {"dtype": Name("int64")}),
):
    add("engine", created, path, *args, **options)
for name in ("zeros_like", "ones_like"):
    add("engine", name, x(2, 3))
add("engine", "full_like", x(2, 3), 0.5)

# --- optimizers and schedules -------------------------------------------------------------------------------


def optimize(
    library: Any,
    a: Any,
    b: Any,
    optimizer: str,
    scheduler: str = "",
    schedule: dict[str, Any] | None = None,
    steps: int = 20,
    **options: Any,
) -> Any:
    """Minimise a function of two groups, one at a tenth of the rate: both after steps 1, 2, 5 and the last.

    One further parameter never has a gradient. With a schedule, the learning rates of all steps as well.
    """
    a, b = (t.detach().requires_grad_(True) for t in (a, b))
    idle = (a.detach() * 1).requires_grad_(True)
    groups = [{"params": [a, idle]}, {"params": [b], "lr": options["lr"] / 10}]
    optim = getattr(library.optim, optimizer)(groups, **options)
    plan = getattr(library.optim.lr_scheduler, scheduler)(optim, **schedule or {}) if scheduler else None
    rates, kept = [], []
    for step in range(1, steps + 1):
        optim.zero_grad()
        loss = ((a * b).tanh() + (a - 0.5) ** 2).sum() + (b * b).sum()
        loss.backward()
        optim.step()
        if plan is not None:
            plan.step(*[loss.item()] if scheduler == "ReduceLROnPlateau" else [])
        rates.append(
            [group["lr"] for group in optim.param_groups]
            + list(optim.param_groups[0].get("betas", ()))
            + [optim.param_groups[0].get("momentum", 0.0)]
        )
        if step in (1, 2, 5, steps):
            kept += [a.detach().clone(), b.detach().clone()]
    return *kept, idle.detach(), library.tensor(rates, dtype=library.float64)


OPTIMIZERS: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"momentum": 0.8, "dampening": 0.3},
        {"weight_decay": 0.1},
        {"momentum": 0.9, "weight_decay": 0.05, "nesterov": True},
        {"maximize": True},
    ],
    "Adam": [
        {},
        {"betas": (0.8, 0.95), "eps": 1e-4},
        {"weight_decay": 0.1},
        {"amsgrad": True},
        {"maximize": True},
    ],
    "AdamW": [{}, {"weight_decay": 0.2}, {"betas": (0.5, 0.9), "amsgrad": True}],
    "RMSprop": [
        {},
        {"alpha": 0.9, "eps": 1e-3},
        {"momentum": 0.9},
        {"centered": True},
        {"centered": True, "momentum": 0.5, "weight_decay": 0.1},
    ],
    "Adagrad": [{}, {"lr_decay": 0.1}, {"weight_decay": 0.1, "initial_accumulator_value": 0.3, "eps": 1e-4}],
}
SCHEDULES: dict[str, list[dict[str, Any]]] = {
    "StepLR": [{"step_size": 3}, {"step_size": 4, "gamma": 0.5}],
    "MultiStepLR": [{"milestones": [3, 7]}, {"milestones": [2, 2, 9], "gamma": 0.3}],
    "ExponentialLR": [{"gamma": 0.9}],
    "CosineAnnealingLR": [{"T_max": 10}, {"T_max": 7, "eta_min": 1e-3}],
    "LinearLR": [{}, {"start_factor": 0.1, "end_factor": 0.8, "total_iters": 8}],
    "OneCycleLR": [
        {"max_lr": 0.3, "total_steps": 20},
        {
            "max_lr": [0.3, 0.2],
            "epochs": 4,
            "steps_per_epoch": 5,
            "pct_start": 0.4,
            "anneal_strategy": "linear",
            "div_factor": 10.0,
            "final_div_factor": 100.0,
        },
        {"max_lr": 0.3, "total_steps": 20, "three_phase": True},
        {"max_lr": 0.3, "total_steps": 20, "cycle_momentum": False},
    ],
    "ReduceLROnPlateau": [
        {"patience": 1},
        {"mode": "max", "factor": 0.5, "patience": 0, "cooldown": 2},
        {"factor": 0.3, "patience": 1, "threshold": 0.5, "threshold_mode": "abs", "min_lr": 1e-3},
    ],
}
for optimizer, rows in OPTIMIZERS.items():
    for options in rows:
        add("optimizers", optimize, x(3), positive(2, 1), optimizer, lr=0.05, **options)
for scheduler, rows in SCHEDULES.items():
    for schedule in rows:
        add("schedules", optimize, x(3), positive(2, 1), "SGD", scheduler, schedule, lr=0.1, momentum=0.9)
    add("schedules", optimize, x(3), positive(2, 1), "Adam", scheduler, rows[0], lr=0.1)
