"""minigrad: a tiny reverse-mode autodiff engine in NumPy. The public names and nothing else."""

from importlib import import_module as _import_module

import numpy as _np

from minigrad import autograd, data, func, functional, kernels, nn, ops, optim, random
from minigrad.autograd import (
    enable_grad,
    grad,
    is_grad_enabled,
    no_grad,
    primitive,
    set_grad_enabled,
)
from minigrad.checks import detect_anomaly, gradcheck, gradgradcheck
from minigrad.ops.conv import conv1d, conv2d, conv_transpose2d
from minigrad.ops.elementwise import (
    abs,
    absolute,
    add,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    ceil,
    clamp,
    clip,
    clone,
    cos,
    div,
    divide,
    eq,
    erf,
    exp,
    expm1,
    floor,
    floor_divide,
    ge,
    gt,
    isfinite,
    isinf,
    isnan,
    le,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    maximum,
    minimum,
    mul,
    multiply,
    ne,
    neg,
    negative,
    pow,
    reciprocal,
    relu,
    remainder,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sqrt,
    square,
    sub,
    subtract,
    tan,
    tanh,
    trunc,
    where,
)
from minigrad.ops.linalg import einsum, matmul, outer
from minigrad.ops.reductions import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    argsort,
    cumsum,
    log_softmax,
    logsumexp,
    max,
    mean,
    median,
    min,
    norm,
    prod,
    softmax,
    sort,
    std,
    sum,
    var,
)
from minigrad.ops.shape import (
    broadcast_to,
    cat,
    chunk,
    flatten,
    flip,
    gather,
    index_select,
    masked_fill,
    movedim,
    permute,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    take_along_dim,
    tile,
    transpose,
    tril,
    triu,
    unbind,
    unflatten,
    unsqueeze,
)
from minigrad.random import Generator, default_generator, get_rng_state, manual_seed, set_rng_state
from minigrad.serialization import load, save
from minigrad.tensor import (
    Tensor,
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    zeros,
    zeros_like,
)
from minigrad.tensor import tensor as tensor

float16, float32, float64 = _np.dtype("float16"), _np.dtype("float32"), _np.dtype("float64")
int8, int16, int32, int64 = _np.dtype("int8"), _np.dtype("int16"), _np.dtype("int32"), _np.dtype("int64")
uint8, bool = _np.dtype("uint8"), _np.dtype("bool")
float, double, int, long = float32, float64, int32, int64
inf, nan, pi = _np.inf, _np.nan, _np.pi

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """`graph` and `viz`, when they are first asked for: who draws nothing does not wait for what pictures need."""
    if name in ("graph", "viz"):
        viz = _import_module("minigrad.viz")
        return viz if name == "viz" else viz.graph
    raise AttributeError(f"module 'minigrad' has no attribute {name!r}", name=name)
