"""Functions that are composed of others: arithmetic with options, arrangements, counting, products."""

from __future__ import annotations

from typing import Any

from ..calls import Room, constant, distinct, index, mask, positive, ties, unit, x

ROOM = Room("composed")
add = ROOM.add

# --- arithmetic ---------------------------------------------------------------------------------------------

for name in ("add", "sub", "subtract"):
    add(name, x(3, 4), x(4), alpha=2)
    add(f"Tensor.{name}", x(3), x(3), alpha=0.5)
add("rsub", x(3), x(3), alpha=2)
for mode in (None, "trunc", "floor"):
    add("div", constant(x(3, 4)), constant(positive(4)), rounding_mode=mode)
    add("Tensor.div", index(20, 5), 3, rounding_mode=mode)
    add("divide", index(20, 5), -3, rounding_mode=mode)
add("true_divide", x(3), positive(3))
for name in ("addcmul", "addcdiv"):
    add(name, x(3, 4), x(4), positive(3, 4), value=0.5)
    add(f"Tensor.{name}", x(3), x(3), positive(3))
add("lerp", x(3, 4), x(3, 4), 0.3)
add("Tensor.lerp", x(3, 4), x(4), x(3, 4))
add("frac", x(3, 4))
add("Tensor.frac", x(3))
for name in ("log2", "log10", "exp2", "sinh", "cosh", "asinh", "atan"):
    add(name, positive(3, 4))
    add(f"Tensor.{name}", positive(3))
    if name != "log10":
        add(name, index(5, 3), second=False)
for name in ("asin", "acos", "atanh", "arcsin", "arccos", "arctanh"):
    add(name, unit(3, 4))
    add(f"Tensor.{name}", unit(3))
for name in ("arctan", "arcsinh"):
    add(name, x(3))


def beyond_one(library: Any, a: Any, name: str) -> Any:
    """A function that begins at 1, there."""
    return getattr(library, name)(a + 1), getattr(a + 1, name)()


for name in ("acosh", "arccosh"):
    add(beyond_one, positive(3, 4), name)
for name in ("atan2", "arctan2", "hypot"):
    add(name, x(3, 4), positive(4))
    add(f"Tensor.{name}", x(3), positive(3))
add("fmod", x(3, 4), positive(4))
add("Tensor.fmod", index(20, 5), -3)
add("nan_to_num", x(3))
add("Tensor.nan_to_num", x(3), 1.0)
for name in ("greater", "greater_equal", "less", "less_equal", "not_equal"):
    add(name, ties(3, 4), ties(4))
    add(f"Tensor.{name}", ties(3), 0)
for name in ("bitwise_left_shift", "bitwise_right_shift"):
    add(name, index(9, 3), index(3, 3))
    add(f"Tensor.{name}", index(9, 3), 1)
for name in ("__lshift__", "__rshift__"):
    add(f"Tensor.{name}", index(9, 3), 2)
for name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    add(f"Tensor.{name}", index(9, 3), index(9, 3))
add("Tensor.bitwise_not", index(9, 3))
add("signbit", ties(5))
for name in ("isclose", "allclose", "equal"):
    add(name, constant(ties(6)), constant(ties(6)))
    add(f"Tensor.{name}", constant(ties(6)), constant(ties(6)))
add("allclose", constant(ties(6)), constant(ties(6)), rtol=0.5, atol=2.0)
for name in ("numel", "is_tensor", "is_floating_point"):
    add(name, x(3, 4))
add("Tensor.is_floating_point", index(3, 2))

# --- arrangements -------------------------------------------------------------------------------------------

for name in ("hstack", "vstack", "dstack", "column_stack", "row_stack"):
    add(name, [x(3), x(3)])
    add(name, [x(2, 3), x(2, 3)])
    add(name, [x(), x()])
for name in ("atleast_1d", "atleast_2d", "atleast_3d"):
    for shape in ((), (3,), (2, 3)):
        add(name, x(*shape))
for name in ("cat", "concat", "concatenate"):
    add(name, [x(2, 3), constant(x(0)), x(1, 3)])
    add(name, [x(2, 3), x(2, 1)], axis=1)
for name in ("swapaxes", "swapdims"):
    add(name, x(2, 3, 4), 0, -1)
    add(f"Tensor.{name}", x(2, 3), 0, 1)
add("moveaxis", x(2, 3, 4), 0, 2)
add("Tensor.moveaxis", x(2, 3, 4), (0, 1), (2, 0))
for name in ("ravel", "flipud", "fliplr"):
    add(name, x(3, 4))
    add(f"Tensor.{name}", x(2, 3, 2))
for k in range(-1, 4):
    add("rot90", x(3, 4), k)
    add("Tensor.rot90", x(2, 3, 2), k, (2, 0))
for n in (0, 1, 2):
    add("diff", x(5), n)
    add("Tensor.diff", x(4, 5), n, 0)
for offset in (-1, 0, 2):
    add("diag", x(3, 4), offset)
    add("diag", x(3), offset)
    add("diagonal", x(3, 4, 2), offset)
    add("diag_embed", x(2, 3), offset)
add("Tensor.diag", x(3))
add("Tensor.diagonal", x(2, 3, 4), 1, 2, 0)
add("Tensor.diag_embed", x(2, 3), 1, 0, 2)
add("meshgrid", x(3), x(2), indexing="ij")
add("meshgrid", x(3), x(2), x(4), indexing="xy")
add("broadcast_tensors", x(3, 1), x(4))

# --- products -----------------------------------------------------------------------------------------------

for name, a, b in (("mm", (2, 3), (3, 4)), ("bmm", (2, 2, 3), (2, 3, 4)), ("mv", (2, 3), (3,)), ("dot", (3,), (3,))):
    add(name, x(*a), x(*b))
add("addmm", x(4), x(2, 3), x(3, 4))
add("Tensor.addmm", x(2, 4), x(2, 3), x(3, 4), beta=0.5, alpha=2)
add("addmm", x(2, 4), x(2, 3), x(3, 4), beta=0, second=False)
add("addmv", x(2), x(2, 3), x(3), alpha=0.5)
add("baddbmm", x(2, 2, 4), x(2, 2, 3), x(2, 3, 4), beta=2)
add("Tensor.addmv", x(2), x(2, 3), x(3))
add("Tensor.baddbmm", x(2, 2, 4), x(2, 2, 3), x(2, 3, 4))
add("trace", x(3, 4))
add("Tensor.trace", x(3, 3))
add("cross", x(4, 3), x(4, 3), dim=1)
add("Tensor.cross", x(3, 2), x(3, 2), 0)
for p in (1.0, 2.0, float("inf")):
    add("cdist", distinct(3, 4), x(2, 4), p, second=False)
add("cdist", x(2, 3, 4), x(2, 2, 4), second=False)
for a, b in (((2,), (3,)), ((2, 3), (3, 2)), ((2,), (2, 3)), ((2, 1, 2), (3,))):
    add("kron", x(*a), x(*b))
add("Tensor.kron", x(2), x(2))
for dims in (0, 1, 2, ([0], [1]), ([1, 0], [0, 1])):
    add("tensordot", x(3, 3), x(3, 3), dims)

# --- counting -----------------------------------------------------------------------------------------------

add("argwhere", ties(3, 4))
add("nonzero", ties(3, 4))
add("Tensor.nonzero", ties(3, 4), as_tuple=True)
add("Tensor.argwhere", ties(5))
add("nonzero", constant(positive()), as_tuple=True)
add("where", mask(3, 4))
add("unique", constant(ties(9)))
add("unique", constant(ties(3, 4)), return_inverse=True, return_counts=True)
add("Tensor.unique", index(3, 6, 1), dim=0)
add("unique", index(2, 5, 2), dim=0, return_inverse=True, return_counts=True)
add("bincount", index(5, 9))
add("bincount", index(5, 9), constant(positive(9)), 8)
add("Tensor.bincount", index(5, 9), minlength=7)
add("histc", constant(x(20)), 5)
add("histc", constant(x(20)), 4, -1, 1)
add("Tensor.histc", constant(x(20)), bins=3, min=0, max=2)
add("histogram", constant(x(20)), 4)
add("histogram", constant(x(20)), 4, range=(-1.0, 1.0), density=True)
add("histogram", constant(x(9)), 3, weight=constant(positive(9)))
for right in (True, False):
    add("bucketize", constant(ties(3, 4)), index(1, 1), right=right)
    add("searchsorted", index(1, 2, 1), index(3, 2, 4), right=right)
add("searchsorted", index(1, 3), index(3, 5), side="right", out_int32=True)

# --- NumPy's and PyTorch's names of arguments ---------------------------------------------------------------

for name in ("sum", "mean", "amax", "std", "prod", "argmax", "max", "median", "logsumexp", "softmax", "cumsum", "sort"):
    add(f"Tensor.{name}", distinct(3, 4), axis=1)
for name in ("sum", "mean", "amax", "argmax", "max"):
    add(name, input=distinct(3, 4), axis=0, keepdims=True)
for name in ("mul", "maximum", "add", "sub", "div", "max", "eq", "atan2"):
    add(name, input=positive(3), other=positive(3))
add("pow", input=positive(3), exponent=x(3))
add("where", condition=mask(3), input=x(3), other=x(3))
add("squeeze", input=x(3, 1), axis=1)


def distribution(library: Any, name: str, value: Any, *given: Any, **options: Any) -> Any:
    """log_prob, entropy and the divergence from another of the kind."""
    kind = getattr(library.distributions, name)
    p = kind(*given, **options)
    value = value.to(p.probs.dtype) if name == "Bernoulli" else value
    if name == "Uniform":
        return p.log_prob(value), p.entropy(), p.mean, p.variance
    other = {key: 0.5 * v + 0.25 for key, v in options.items()}
    q = kind(*[0.5 * v + 0.25 for v in given], **other)
    return p.log_prob(value), p.entropy(), library.distributions.kl_divergence(p, q)


add(distribution, "Normal", x(4, 3), x(3), positive(4, 1))
add(distribution, "Uniform", unit(3), constant(x()), constant(positive(3)))
add(distribution, "Categorical", index(3, 4), probs=positive(4, 3))
add(distribution, "Categorical", index(3, 2, 4), logits=x(4, 3))
add(distribution, "Categorical", index(3), logits=x(3))
add(distribution, "Bernoulli", mask(4), probs=unit(4))
add(distribution, "Bernoulli", mask(4), logits=x(4))
