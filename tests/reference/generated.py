"""Calls made at random: one small function a family, from a generator of random numbers to a `Call`.

A family chooses shapes and every option that PyTorch has and minigrad shares. compare.py runs thousands of
them through both libraries; what PyTorch refuses is counted apart, by whether minigrad refuses it too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .calls import Call, constant, distinct, index, mask, positive, ties, unit, x
from .rows.optimizers import optimize

Random = np.random.RandomState
Family = Callable[[Random], Call]
FAMILIES: list[Family] = []


def family(function: Family) -> Family:
    """Add a function to the families."""
    FAMILIES.append(function)
    return function


def pick(rng: Random, *choices: Any) -> Any:
    """One of the choices, as it is (NumPy's own `choice` would turn tuples into arrays)."""
    return choices[rng.randint(len(choices))]


def some(rng: Random, **options: tuple[Any, ...]) -> dict[str, Any]:
    """A random subset of the options, each with one of its values."""
    return {name: pick(rng, *values) for name, values in options.items() if rng.rand() < 0.6}


def shape(rng: Random, low: int = 0, high: int = 4, smallest: int = 1) -> tuple[int, ...]:
    """A random shape of `low` to `high` axes."""
    return tuple(int(n) for n in rng.randint(smallest, 5, size=rng.randint(low, high + 1)))


def broadcastable(rng: Random, full: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to `full`: leading axes dropped, others made 1."""
    return tuple(1 if rng.rand() < 0.3 else n for n in full[rng.randint(len(full) + 1) if rng.rand() < 0.4 else 0 :])


def axes(rng: Random, ndim: int) -> Any:
    """One axis or several, counted from either end."""
    chosen = [int(a) - (ndim if rng.rand() < 0.5 else 0) for a in rng.permutation(ndim)[: rng.randint(1, ndim + 1)]]
    return chosen[0] if len(chosen) == 1 and rng.rand() < 0.7 else tuple(chosen)


def pair(rng: Random, low: int, high: int) -> Any:
    """An int, or two."""
    return int(rng.randint(low, high)) if rng.rand() < 0.5 else tuple(int(n) for n in rng.randint(low, high, 2))


# --- elementwise --------------------------------------------------------------------------------------------


@family
def unary(rng: Random) -> Call:
    name, domain = pick(
        rng,
        *[(n, x) for n in ("exp", "expm1", "sin", "cos", "tanh", "sigmoid", "square", "abs", "sign", "neg", "relu")],
        *[(n, positive) for n in ("log", "log1p", "sqrt", "rsqrt", "reciprocal")],
        ("tan", unit),
    )
    domain = ties if domain is x and rng.rand() < 0.2 else domain
    return Call("elementwise", pick(rng, "", "Tensor.") + name, (domain(*shape(rng, smallest=pick(rng, 0, 1, 1))),))


@family
def activation(rng: Random) -> Call:
    name, options = pick(
        rng,
        ("relu", {}),
        ("leaky_relu", {"negative_slope": (0.0, 0.3, 1.0)}),
        ("elu", {"alpha": (0.5, 2.0)}),
        ("silu", {}),
        ("gelu", {"approximate": ("none", "tanh")}),
        ("softplus", {"beta": (0.5, 2), "threshold": (1.3, 20)}),
    )
    return Call("elementwise", f"nn.functional.{name}", (pick(rng, x, ties)(*shape(rng)),), some(rng, **options))


@family
def binary(rng: Random) -> Call:
    full = shape(rng)
    a, b = broadcastable(rng, full), broadcastable(rng, full)
    name = pick(
        rng,
        "operator.add",
        "operator.sub",
        "operator.mul",
        "operator.truediv",
        "operator.pow",
        "maximum",
        "minimum",
        "add",
        "sub",
        "mul",
        "div",
    )
    right = positive if name in ("operator.truediv", "div") else x
    left = positive if name == "operator.pow" else x
    if name in ("maximum", "minimum"):
        left = right = pick(rng, x, ties)
    return Call("elementwise", name, (left(*a), right(*b)))


@family
def with_a_number(rng: Random) -> Call:
    number = pick(rng, -2, -1.5, 0.5, 1, 2, 3)
    name = pick(rng, "add", "sub", "mul", "truediv", "pow")
    array = positive(*shape(rng))
    return Call(
        "elementwise",
        f"operator.{name}",
        (array, number) if number < 0 or rng.rand() < 0.5 else (number, array),
    )


@family
def mixed_dtypes(rng: Random) -> Call:
    full = shape(rng)
    a, b = (
        pick(rng, index(5, *full), mask(*full), positive(*full)),
        pick(rng, index(5, *full), mask(*full), positive(*full)),
    )
    return Call(
        "elementwise",
        "operator." + pick(rng, "add", "mul", "lt", "ge", "eq", "ne"),
        (a, pick(rng, b, 2, 1.5, True)),
    )


@family
def clamp(rng: Random) -> Call:
    bounds = some(rng, min=(-1, -0.5, 0.25), max=(0.5, 1)) or {"min": 0}
    return Call("elementwise", pick(rng, "", "Tensor.") + "clamp", (pick(rng, x, ties)(*shape(rng)),), bounds)


@family
def where(rng: Random) -> Call:
    full = shape(rng)
    return Call(
        "elementwise",
        "where",
        (
            mask(*broadcastable(rng, full)),
            x(*broadcastable(rng, full)),
            pick(rng, x(*broadcastable(rng, full)), 1.5),
        ),
    )


# --- reductions ---------------------------------------------------------------------------------------------


@family
def reduction(rng: Random) -> Call:
    full = shape(rng, 1)
    name = pick(rng, "sum", "mean", "amax", "amin", "logsumexp")
    draw = ties if name in ("amax", "amin") and rng.rand() < 0.5 else x
    return Call(
        "reductions",
        pick(rng, "", "Tensor.") + name,
        (draw(*full),),
        {"dim": axes(rng, len(full)), **some(rng, keepdim=(True, False))},
    )


@family
def whole_reduction(rng: Random) -> Call:
    name = pick(rng, "sum", "mean", "prod", "max", "min", "median", "var", "std", "norm", "amax", "amin")
    full = shape(rng)
    return Call(
        "reductions",
        pick(rng, "", "Tensor.") + name,
        (distinct(*(full if name not in ("var", "std") else (2, *full))),),
    )


@family
def empty_reduction(rng: Random) -> Call:
    full = (*shape(rng, 0, 2), 0, *shape(rng, 0, 1))
    name = pick(rng, "sum", "mean", "prod", "amax", "max", "argmax", "logsumexp", "var", "any", "all", "median")
    options = {"dim": int(rng.randint(len(full)))} if rng.rand() < 0.7 or name in ("amax", "logsumexp") else {}
    draw = mask if name in ("any", "all") else x
    return Call("reductions", name, (draw(*full),), options, second=False)


@family
def selection(rng: Random) -> Call:
    full = shape(rng, 1)
    name = pick(rng, "max", "min", "median", "argmax", "argmin", "cumsum", "prod")
    draw = ties if name in ("max", "min", "argmax", "argmin", "prod") and rng.rand() < 0.4 else distinct
    options = {"dim": int(rng.randint(-len(full), len(full)))}
    return Call(
        "reductions",
        pick(rng, "", "Tensor.") + name,
        (draw(*full),),
        options | ({} if name == "cumsum" else some(rng, keepdim=(True, False))),
    )


@family
def spread(rng: Random) -> Call:
    full = tuple(n + 1 for n in shape(rng, 1, 3))
    options = {"dim": axes(rng, len(full)), **some(rng, correction=(0, 1), keepdim=(True, False))}
    return Call("reductions", pick(rng, "var", "std", "Tensor.var", "Tensor.std"), (distinct(*full),), options)


@family
def norm(rng: Random) -> Call:
    full = shape(rng, 1)
    options = {"p": pick(rng, 1, 2, float("inf")), **some(rng, dim=(axes(rng, len(full)),))}
    return Call(
        "reductions",
        pick(rng, "norm", "Tensor.norm"),
        (distinct(*full),),
        options | (some(rng, keepdim=(True, False)) if "dim" in options else {}),
    )


@family
def truth(rng: Random) -> Call:
    full = shape(rng)
    options = (
        {"dim": int(rng.randint(-len(full), len(full))), **some(rng, keepdim=(True, False))}
        if full and rng.rand() < 0.7
        else {}
    )
    return Call("reductions", pick(rng, "any", "all", "sum"), (mask(*full),), options)


# --- shape and indexing -------------------------------------------------------------------------------------


@family
def reshape(rng: Random) -> Call:
    full = shape(rng, 1)
    factors = [int(n) for n in rng.permutation(full)]
    cut = rng.randint(len(factors) + 1)
    target = [*factors[:cut], int(np.prod(factors[cut:]))]
    if rng.rand() < 0.5:
        target[rng.randint(len(target))] = -1
    return Call("shape", pick(rng, "reshape", "Tensor.reshape"), (x(*full), tuple(target)))


@family
def rearrange(rng: Random) -> Call:
    full = shape(rng, 1)
    n = len(full)
    d, e = (int(v) for v in rng.randint(-n, n, 2))
    order = tuple(int(a) - (n if rng.rand() < 0.3 else 0) for a in rng.permutation(n))
    path, args = pick(
        rng,
        ("transpose", (d, e)),
        ("Tensor.transpose", (d, e)),
        ("permute", (order,)),
        ("Tensor.permute", order),
        ("unsqueeze", (d,)),
        ("squeeze", ()),
        ("squeeze", (d,)),
        ("Tensor.squeeze", (d,)),
        ("flip", (axes_tuple(rng, n),)),
        ("roll", (int(rng.randint(-6, 6)),)),
        ("roll", (int(rng.randint(-6, 6)), d)),
        ("flatten", (min(d % n, e % n), max(d % n, e % n))),
    )
    return Call("shape", path, (x(*full), *args))


def axes_tuple(rng: Random, ndim: int) -> tuple[int, ...]:
    """Several axes, always as a tuple."""
    chosen = axes(rng, ndim)
    return chosen if isinstance(chosen, tuple) else (chosen,)


@family
def spread_out(rng: Random) -> Call:
    full = shape(rng)
    small = broadcastable(rng, full)
    path, args = pick(
        rng,
        ("Tensor.expand", full),
        ("broadcast_to", (full,)),
        ("Tensor.expand_as", (x(*full),)),
        ("Tensor.repeat", tuple(int(n) for n in rng.randint(1, 3, size=len(small) + rng.randint(2)))),
    )
    return Call("shape", path, (x(*small), *args))


@family
def join(rng: Random) -> Call:
    full = list(shape(rng, 1))
    dim = int(rng.randint(-len(full), len(full)))
    if rng.rand() < 0.4:
        return Call("shape", "stack", ([x(*full) for _ in range(rng.randint(1, 4))],), {"dim": dim})
    parts = []
    for _ in range(rng.randint(1, 4)):
        full[dim] = int(rng.randint(0, 4))
        parts.append(x(*full))
    return Call("shape", "cat", (parts,), {"dim": dim})


@family
def cut(rng: Random) -> Call:
    full = shape(rng, 1, smallest=2)
    dim = int(rng.randint(-len(full), len(full)))
    size = full[dim]
    first = int(rng.randint(size + 1))
    path, argument = pick(
        rng,
        ("split", int(rng.randint(1, size + 2))),
        ("split", [first, size - first]),
        ("chunk", int(rng.randint(1, size + 2))),
    )
    return Call("shape", pick(rng, "", "Tensor.") + path, (x(*full), argument), {"dim": dim})


@family
def pad(rng: Random) -> Call:
    mode = pick(rng, "constant", "reflect", "replicate", "circular")
    sides = pick(rng, 1, 2)
    full = tuple(int(n) for n in rng.randint(3, 6, 2 + sides))
    amounts = tuple(int(n) for n in rng.randint(-1 if mode == "constant" else 0, 3, 2 * sides))
    return Call(
        "shape",
        "nn.functional.pad",
        (x(*full), amounts),
        {"mode": mode, **({"value": 0.5} if mode == "constant" else {})},
    )


@family
def triangle(rng: Random) -> Call:
    return Call(
        "shape",
        pick(rng, "tril", "triu", "Tensor.tril", "Tensor.triu"),
        (x(*shape(rng, 2)),),
        some(rng, diagonal=(-2, -1, 1, 3)),
    )


@family
def unfold(rng: Random) -> Call:
    full = shape(rng, 1, smallest=2)
    dim = int(rng.randint(-len(full), len(full)))
    return Call("shape", "Tensor.unfold", (x(*full), dim, int(rng.randint(1, full[dim] + 1)), int(rng.randint(1, 4))))


@family
def basic_index(rng: Random) -> Call:
    full = shape(rng, 1)
    items: list[Any] = []
    for n in full[: rng.randint(1, len(full) + 1)]:
        a, b = sorted(int(v) for v in rng.randint(-n, n + 1, 2))
        items.append(
            pick(
                rng,
                int(rng.randint(-n, n)),
                slice(a, b),
                slice(None, None, int(rng.randint(1, 3))),
                slice(None),
            )
        )
        if rng.rand() < 0.15:
            items.append(None)
    if rng.rand() < 0.3:
        items.insert(rng.randint(len(items) + 1) if len([i for i in items if i is not None]) < len(full) else 0, ...)
    return Call("indexing", "operator.getitem", (x(*full), tuple(items)))


@family
def array_index(rng: Random) -> Call:
    full = shape(rng, 1)
    common = shape(rng, 0, 2)
    items: list[Any] = []
    for n in full[: rng.randint(1, len(full) + 1)]:
        items.append(
            pick(
                rng,
                index(n, *broadcastable(rng, common)),
                index(n, *common),
                slice(None),
                int(rng.randint(n)),
                slice(0, n, 2),
            )
        )
    return Call("indexing", "operator.getitem", (x(*full), tuple(items)))


@family
def mask_index(rng: Random) -> Call:
    full = shape(rng, 1)
    axis = rng.randint(1, len(full) + 1)
    return Call("indexing", "operator.getitem", (x(*full), mask(*full[:axis])))


@family
def gather(rng: Random) -> Call:
    full = shape(rng, 1)
    dim = int(rng.randint(-len(full), len(full)))
    wanted = [int(rng.randint(1, n + 1)) for n in full]
    wanted[dim] = int(rng.randint(0, 6))
    return Call("indexing", pick(rng, "gather", "Tensor.gather"), (x(*full), dim, index(full[dim], *wanted)))


@family
def take_along(rng: Random) -> Call:
    full = list(shape(rng, 1))
    dim = int(rng.randint(-len(full), len(full)))
    wanted = [n if rng.rand() < 0.7 else 1 for n in full]
    wanted[dim] = int(rng.randint(1, 6))
    return Call("indexing", "take_along_dim", (x(*full), index(full[dim], *wanted)), {"dim": dim})


@family
def masked_fill(rng: Random) -> Call:
    full = shape(rng)
    return Call(
        "indexing",
        pick(rng, "masked_fill", "Tensor.masked_fill"),
        (x(*full), mask(*broadcastable(rng, full)), pick(rng, 0, -1.5, 1e9)),
    )


# --- linear algebra -----------------------------------------------------------------------------------------


@family
def matmul(rng: Random) -> Call:
    batch = shape(rng, 0, 2)
    i, j, k = (int(n) for n in rng.randint(1, 5, 3))
    a = pick(rng, (j,), (*broadcastable(rng, batch), i, j))
    b = pick(rng, (j,), (*broadcastable(rng, batch), j, k))
    return Call("linalg", pick(rng, "matmul", "operator.matmul", "Tensor.matmul"), (x(*a), x(*b)))


@family
def einsum(rng: Random) -> Call:
    sizes = {letter: int(rng.randint(1, 4)) for letter in "abcd"}
    terms = ["".join(pick(rng, *"abcd") for _ in range(rng.randint(1, 4))) for _ in range(rng.randint(1, 4))]
    used = sorted(set("".join(terms)))
    out = "".join(str(c) for c in rng.permutation(used)[: rng.randint(len(used) + 1)])
    ellipsis = rng.rand() < 0.2
    extra = (int(rng.randint(1, 3)),) if ellipsis else ()
    dots = "..." if ellipsis else ""
    subscripts = ",".join(dots + t for t in terms) + (f"->{dots}{out}" if ellipsis or rng.rand() < 0.7 else "")
    return Call("linalg", "einsum", (subscripts, *(x(*extra, *(sizes[c] for c in t)) for t in terms)))


@family
def linear(rng: Random) -> Call:
    i, o = (int(n) for n in rng.randint(1, 5, 2))
    return Call("functional", "nn.functional.linear", (x(*shape(rng, 0, 3), i), x(o, i), *pick(rng, (), (x(o),))))


# --- convolution and pooling --------------------------------------------------------------------------------


@family
def conv2d(rng: Random) -> Call:
    groups, c, o = (int(n) for n in rng.randint(1, 4, 3))
    kernel, size = rng.randint(1, 4, 2), rng.randint(5, 9, 2)
    options = some(
        rng,
        stride=(pair(rng, 1, 4),),
        padding=(pair(rng, 0, 4), "valid"),
        dilation=(pair(rng, 1, 3),),
        groups=(groups,),
    )
    if "stride" not in options and rng.rand() < 0.3:
        options["padding"] = "same"
    groups = options.get("groups", 1)
    arguments = [
        x(int(rng.randint(1, 4)), c * groups, *map(int, size)),
        x(o * groups, c, *map(int, kernel)),
        pick(rng, None, x(o * groups)),
    ]
    return Call("convolution", "nn.functional.conv2d", tuple(arguments), options)


@family
def conv2d_large(rng: Random) -> Call:
    n, c, o, size, k = (int(rng.randint(*r)) for r in ((1, 9), (1, 20), (1, 20), (6, 20), (1, 6)))
    options = some(rng, stride=(1, 2), padding=(k // 2, 0, k))
    return Call("convolution", "nn.functional.conv2d", (x(n, c, size, size), x(o, c, k, k), x(o)), options)


@family
def conv1d(rng: Random) -> Call:
    groups, c, o, kernel, size = (int(n) for n in (*rng.randint(1, 4, 4), rng.randint(6, 12)))
    options = some(rng, stride=(1, 2, 3), padding=(0, 1, 3, "valid"), dilation=(1, 2), groups=(groups,))
    groups = options.get("groups", 1)
    return Call(
        "convolution",
        "nn.functional.conv1d",
        (x(2, c * groups, size), x(o * groups, c, kernel), pick(rng, None, x(o * groups))),
        options,
    )


@family
def conv_transpose2d(rng: Random) -> Call:
    groups, c, o = (int(n) for n in rng.randint(1, 4, 3))
    kernel, size = rng.randint(1, 5, 2), rng.randint(2, 6, 2)
    options = some(
        rng,
        stride=(pair(rng, 1, 4),),
        padding=(pair(rng, 0, 2),),
        output_padding=(pair(rng, 0, 2),),
        groups=(groups,),
        dilation=(pair(rng, 1, 3),),
    )
    groups = options.get("groups", 1)
    return Call(
        "convolution",
        "nn.functional.conv_transpose2d",
        (
            x(2, c * groups, *map(int, size)),
            x(c * groups, o, *map(int, kernel)),
            pick(rng, None, x(o * groups)),
        ),
        options,
    )


@family
def max_pool(rng: Random) -> Call:
    options = some(
        rng,
        stride=(pair(rng, 1, 4),),
        padding=(pair(rng, 0, 2),),
        dilation=(pair(rng, 1, 3),),
        ceil_mode=(True, False),
    )
    size = tuple(int(n) for n in rng.randint(4, 9, 2))
    return Call(
        "pooling",
        "nn.functional.max_pool2d",
        (pick(rng, distinct, ties)(2, 2, *size), pair(rng, 2, 4)),
        options,
    )


@family
def avg_pool(rng: Random) -> Call:
    options = some(
        rng,
        stride=(pair(rng, 1, 4),),
        padding=(pair(rng, 0, 2),),
        ceil_mode=(True, False),
        count_include_pad=(True, False),
        divisor_override=(None, 2, 5),
    )
    size = tuple(int(n) for n in rng.randint(4, 9, 2))
    return Call("pooling", "nn.functional.avg_pool2d", (x(2, 2, *size), pair(rng, 2, 4)), options)


@family
def adaptive_pool(rng: Random) -> Call:
    size = tuple(int(n) for n in rng.randint(3, 9, 2))
    return Call(
        "pooling",
        "nn.functional.adaptive_" + pick(rng, "avg", "max") + "_pool2d",
        (
            distinct(*pick(rng, (2, 2), (2,)), *size),
            pick(rng, pair(rng, 1, 5), (None, int(rng.randint(1, 4)))),
        ),
    )


# --- functional, losses, modules ----------------------------------------------------------------------------


@family
def softmax(rng: Random) -> Call:
    full = shape(rng, 1)
    return Call(
        "functional",
        "nn.functional." + pick(rng, "softmax", "log_softmax"),
        (x(*full),),
        {"dim": int(rng.randint(-len(full), len(full)))},
    )


@family
def batch_norm(rng: Random) -> Call:
    c = int(rng.randint(1, 5))
    full = (int(rng.randint(3, 6)), c, *shape(rng, 0, 2))
    training = bool(rng.rand() < 0.6)
    stats = (None, None) if training and rng.rand() < 0.3 else (constant(x(c)), constant(positive(c)))
    affine = some(rng, weight=(positive(c),), bias=(x(c),))
    return Call(
        "functional",
        "nn.functional.batch_norm",
        (x(*full), *stats),
        {"training": training, **affine, **some(rng, momentum=(0.1, 0.5), eps=(1e-5, 1e-2))},
    )


@family
def layer_norm(rng: Random) -> Call:
    full = shape(rng, 1, smallest=3)
    normalized = full[rng.randint(len(full)) :]
    return Call(
        "functional",
        "nn.functional.layer_norm",
        (x(*full), normalized),
        some(rng, weight=(positive(*normalized),), bias=(x(*normalized),), eps=(1e-5, 1e-2)),
    )


@family
def group_norm(rng: Random) -> Call:
    groups, each = (int(n) for n in rng.randint(1, 4, 2))
    c = groups * each
    return Call(
        "functional",
        "nn.functional.group_norm",
        (x(2, c, *shape(rng, 1, 2, smallest=2)), groups),
        some(rng, weight=(positive(c),), bias=(x(c),), eps=(1e-5, 1e-2)),
    )


@family
def embedding(rng: Random) -> Call:
    return Call(
        "functional",
        "nn.functional.embedding",
        (index(4, *shape(rng)), x(4, 3)),
        some(rng, padding_idx=(0, 2, -1)),
    )


@family
def cosine(rng: Random) -> Call:
    full, n = list(shape(rng, 1)), rng.randint(3, 6)
    dim = int(rng.randint(-len(full), len(full)))
    full[dim] = int(n)  # in fewer dimensions the gradient is nothing, or nearly, but rounding
    return Call("functional", "nn.functional.cosine_similarity", (distinct(*full), distinct(*full)), {"dim": dim})


@family
def pointwise_loss(rng: Random) -> Call:
    full = shape(rng)
    target = pick(rng, x(*full), constant(x(*full)))
    name, options = pick(rng, ("mse_loss", {}), ("l1_loss", {}), ("huber_loss", {"delta": (0.3, 1.0, 2.0)}))
    return Call(
        "losses",
        f"nn.functional.{name}",
        (x(*full), target),
        some(rng, reduction=("mean", "sum", "none"), **options),
    )


@family
def binary_loss(rng: Random) -> Call:
    full = shape(rng, 1)
    target = pick(rng, constant(unit(*full)), unit(*full))
    weight = some(
        rng,
        weight=(constant(positive(*full)), constant(positive(full[-1]))),
        reduction=("mean", "sum", "none"),
    )
    if rng.rand() < 0.5:
        return Call("losses", "nn.functional.binary_cross_entropy", (unit(*full), constant(target)), weight)
    return Call(
        "losses",
        "nn.functional.binary_cross_entropy_with_logits",
        (x(*full), target),
        weight | some(rng, pos_weight=(constant(positive(full[-1])),)),
    )


@family
def class_loss(rng: Random) -> Call:
    c = int(rng.randint(2, 6))
    rest = shape(rng, 0, 2)
    full, wanted = pick(rng, ((3, c, *rest), (3, *rest)), ((c,), ()))
    options = some(rng, weight=(constant(positive(c)),), reduction=("mean", "sum", "none"), ignore_index=(0, 1, -100))
    if rng.rand() < 0.4:
        return Call("losses", "nn.functional.nll_loss", (x(*full), index(c, *wanted)), options)
    options |= some(rng, label_smoothing=(0.0, 0.1, 0.5))
    if rng.rand() < 0.3:
        options.pop("ignore_index", None)
        return Call(
            "losses",
            "nn.functional.cross_entropy",
            (x(*full), pick(rng, unit, lambda *s: constant(unit(*s)))(*full)),
            options,
        )
    return Call("losses", "nn.functional.cross_entropy", (x(*full), index(c, *wanted)), options)


@family
def conv_module(rng: Random) -> Call:
    groups, c, o = (int(n) for n in rng.randint(1, 3, 3))
    options = some(
        rng,
        stride=(pair(rng, 1, 3),),
        padding=(pair(rng, 0, 3),),
        dilation=(pair(rng, 1, 3),),
        groups=(groups,),
        bias=(True, False),
        padding_mode=("zeros", "reflect", "replicate", "circular"),
    )
    groups = options.get("groups", 1)
    return Call("modules", "nn.Conv2d", (c * groups, o * groups, pair(rng, 1, 4)), options, (x(2, c * groups, 6, 7),))


@family
def norm_module(rng: Random) -> Call:
    c = int(rng.randint(1, 4))
    options = some(
        rng,
        momentum=(None, 0.1, 0.5),
        affine=(True, False),
        track_running_stats=(True, False),
        eps=(1e-5, 1e-3),
    )
    path, extra = pick(rng, ("nn.BatchNorm1d", ()), ("nn.BatchNorm1d", (4,)), ("nn.BatchNorm2d", (3, 2)))
    return Call("modules", path, (c,), options, (x(3, c, *extra),), train=bool(rng.rand() < 0.6))


@family
def other_module(rng: Random) -> Call:
    """A module with parameters or options that no other family has."""
    c, o, k = (int(n) for n in rng.randint(1, 4, 3))
    shared = some(rng, stride=(1, 2), padding=(0, 1), bias=(True, False))
    image = (2, c, 6, 7)
    path, args, options, inputs = pick(
        rng,
        ("nn.Linear", (c, o), some(rng, bias=(True, False)), x(*shape(rng, 0, 2), c)),
        ("nn.Conv1d", (c, o, k), shared | some(rng, padding_mode=("reflect", "circular", "replicate")), x(2, c, 8)),
        ("nn.ConvTranspose2d", (c, o, k), shared | some(rng, dilation=(1, 2), stride=((1, 3),)), x(*image)),
        ("nn.MaxPool2d", (2,), some(rng, stride=(1, 3), ceil_mode=(True, False)), distinct(*image)),
        ("nn.AvgPool2d", (3,), some(rng, padding=(0, 1), count_include_pad=(True, False)), x(*image)),
        ("nn.LayerNorm", ([c + 1, 7],), some(rng, elementwise_affine=(True, False), eps=(1e-5, 1e-2)), x(2, c + 1, 7)),
        ("nn.GroupNorm", (c, 2 * c), some(rng, affine=(True, False)), x(3, 2 * c, 4)),
        ("nn.Embedding", (5, o), some(rng, padding_idx=(0, -1)), index(5, *shape(rng))),
        ("nn.Softplus", (), some(rng, beta=(1.0, 2.0), threshold=(5.3, 20.0)), x(*image)),
        ("nn.GELU", (), some(rng, approximate=("none", "tanh")), x(*image)),
        ("nn.ELU", (), some(rng, alpha=(0.5, 2.0)), x(*image)),
        ("nn.Flatten", (), some(rng, start_dim=(0, 1, 2), end_dim=(2, -1)), x(*image)),
    )
    return Call("modules", path, args, options, (inputs,), train=bool(rng.rand() < 0.6))


# --- programs ---------------------------------------------------------------------------------------------


STEPS: dict[str, Callable[[Any, Any, Any], Any]] = {  # from two square matrices to a third
    "add": lambda library, a, b: a + b,
    "multiply": lambda library, a, b: a * b,
    "divide": lambda library, a, b: a / (1.5 + b * b),
    "matmul": lambda library, a, b: (a @ b) / 3,
    "tanh": lambda library, a, b: library.tanh(a - b),
    "sigmoid": lambda library, a, b: library.sigmoid(a) * b.sum(dim=0, keepdim=True) / 3,
    "softmax": lambda library, a, b: library.softmax(a, dim=1) - b.mean(dim=1, keepdim=True),
    "turned": lambda library, a, b: a.transpose(0, 1).flip((0,)) + b[:, :1],
    "joined": lambda library, a, b: library.cat([a[:2], b[2:]], dim=0),
    "picked": lambda library, a, b: a[[0, 2, 0]] * b[1],
    "largest": lambda library, a, b: a.amax(dim=0) + 0 * b + b.max(dim=1)[0].unsqueeze(1) / 2,
    "chosen": lambda library, a, b: library.where(a > b, a, b * b / 4),
    "detached": lambda library, a, b: a.detach() * b,
    "unrecorded": lambda library, a, b: a + unrecorded(library, b),
}


def unrecorded(library: Any, b: Any) -> Any:
    """A product that is not recorded."""
    with library.no_grad():
        return b * 0.5


def program(library: Any, a: Any, b: Any, steps: list[tuple[str, int, int]]) -> Any:
    """The last three values of a list that grows by a step from two of its earlier ones."""
    values = [a, b]
    for name, i, j in steps:
        values.append(STEPS[name](library, values[i], values[j]))
    return values[-3:]


@family
def programs(rng: Random) -> Call:
    """Two inputs, many uses of every intermediate."""
    length = int(rng.randint(3, 25))
    names = list(STEPS)
    steps = [(names[rng.randint(len(names))], *(int(v) for v in rng.randint(0, 2 + n, 2))) for n in range(length)]
    return Call("programs", program, (x(3, 3), x(3, 3), steps))


# --- large enough for worker threads and blocks ------------------------------------------------------------


@family
def large(rng: Random) -> Call:
    """Arrays that the kernels cut into pieces."""
    n, c, o = (int(v) for v in rng.randint(3, 24, 3))
    rows, columns = (int(v) for v in rng.randint(150, 400, 2))
    image, window = (n, c, int(rng.randint(17, 40)), int(rng.randint(17, 40))), int(rng.randint(1, 4))
    flat, vector = (rows, columns), pick(rng, (rows, columns), (columns,), (rows, 1))
    functional, stride = "nn.functional.", pick(rng, 1, 2)
    group, path, args, options = pick(
        rng,
        *[("elementwise", name, (x(*flat),), {}) for name in ("exp", "tanh", "sigmoid", "relu", "square")],
        *[("elementwise", name, (positive(*flat),), {}) for name in ("log", "sqrt")],
        *[("elementwise", f"operator.{name}", (x(*flat), positive(*vector)), {}) for name in ("add", "mul", "truediv")],
        *[("reductions", name, (x(*flat),), {"dim": pick(rng, 0, 1, (0, 1))}) for name in ("sum", "mean", "logsumexp")],
        *[("functional", functional + name, (x(*flat),), {"dim": 1}) for name in ("softmax", "log_softmax")],
        ("linalg", "matmul", (x(rows, n), x(n, columns)), {}),
        ("functional", functional + "linear", (x(rows, c), x(o, c), x(o)), {}),
        ("functional", functional + "batch_norm", (x(*image), None, None, positive(c), x(c)), {"training": True}),
        ("functional", functional + "layer_norm", (x(rows, columns), (columns,), positive(columns), x(columns)), {}),
        ("convolution", functional + "conv2d", (x(*image), x(o, c, window, window), x(o)),
         {"padding": window // 2, "stride": stride, **some(rng, dilation=(1, 2))}),
        ("convolution", functional + "conv_transpose2d", (x(*image), x(c, o, window, window)), {"stride": stride}),
        ("pooling", functional + "max_pool2d", (distinct(*image), 2), some(rng, stride=(1, 2, 3))),
        ("pooling", functional + "avg_pool2d", (x(*image), 3), some(rng, stride=(1, 2), padding=(1,))),
        ("losses", functional + "cross_entropy", (x(rows, columns), index(columns, rows)), {}),
    )  # fmt: skip
    return Call(group, path, args, options)


# --- optimizers and schedules -----------------------------------------------------------------------------


def optimizer_options(rng: Random) -> tuple[str, dict[str, Any]]:
    """An optimizer and some of its options."""
    name = pick(rng, "SGD", "Adam", "AdamW", "RMSprop", "Adagrad")
    decay = {"weight_decay": (0.0, 0.01, 0.3)}
    betas = {"betas": ((0.5, 0.9), (0.9, 0.99)), "amsgrad": (True, False), "eps": (1e-8, 1e-3)}
    possible: dict[str, dict[str, tuple[Any, ...]]] = {
        "SGD": {"momentum": (0.5, 0.9), "maximize": (True, False)},
        "Adam": {**betas, "maximize": (True, False)},
        "AdamW": {**betas, "maximize": (True, False)},
        "RMSprop": {"alpha": (0.9, 0.99), "momentum": (0.0, 0.7), "centered": (True, False), "eps": (1e-8, 1e-3)},
        "Adagrad": {"lr_decay": (0.0, 0.1), "initial_accumulator_value": (0.0, 0.5), "eps": (1e-10, 1e-3)},
    }
    options = {"lr": pick(rng, 0.003, 0.05), **some(rng, **possible[name], **decay)}
    if "momentum" in options and name == "SGD":
        options |= pick(rng, {}, {"nesterov": True}, {"dampening": 0.3})
    return name, options


@family
def optimizer(rng: Random) -> Call:
    name, options = optimizer_options(rng)
    return Call("optimizers", optimize, (distinct(3), positive(2, 1), name), {**options, "steps": 12})


@family
def schedule(rng: Random) -> Call:
    name, options = optimizer_options(rng)
    up = {"max_lr": pick(rng, 0.05, [0.05, 0.1]), "total_steps": 30, "cycle_momentum": name != "Adagrad"}
    scheduler, arguments = pick(
        rng,
        ("StepLR", {"step_size": int(rng.randint(1, 8)), **some(rng, gamma=(0.3, 0.9, 1.1))}),
        ("MultiStepLR", {"milestones": sorted(int(n) for n in rng.randint(1, 30, 3)), **some(rng, gamma=(0.3, 0.9))}),
        ("ExponentialLR", {"gamma": pick(rng, 0.5, 0.95, 1.02)}),
        ("CosineAnnealingLR", {"T_max": int(rng.randint(1, 40)), **some(rng, eta_min=(0.0, 1e-4))}),
        ("LinearLR", some(rng, start_factor=(0.1, 1.0), end_factor=(0.2, 1.0), total_iters=(1, 5, 40))),
        ("OneCycleLR", up | some(rng, pct_start=(0.1, 0.5), anneal_strategy=("cos", "linear"), div_factor=(5.0, 25.0),
                                 final_div_factor=(10.0, 1e4), three_phase=(True, False), base_momentum=(0.8,))),
        ("ReduceLROnPlateau", some(rng, mode=("min", "max"), factor=(0.2, 0.7), patience=(0, 1, 3), cooldown=(0, 2),
                                   threshold=(1e-4, 0.3), threshold_mode=("rel", "abs"), min_lr=(0.0, 1e-3))),
    )  # fmt: skip
    return Call(
        "schedules", optimize, (distinct(3), positive(2, 1), name, scheduler, arguments), {**options, "steps": 30}
    )
