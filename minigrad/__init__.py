"""minigrad: a tiny reverse-mode autodiff engine in NumPy. The public names and nothing else."""

import typing as _typing
from importlib import import_module as _import_module

import numpy as _np

from minigrad import autograd, data, func, functional, kernels, nn, ops, optim, random, utils
from minigrad.autograd import (
    enable_grad,
    grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    primitive,
    set_grad_enabled,
)
from minigrad.checks import detect_anomaly, gradcheck, gradgradcheck
from minigrad.device import (
    accelerator,
    backends,
    cuda,
    device,
    get_default_device,
    mps,
    set_default_device,
    xpu,
)
from minigrad.dtypes import get_default_dtype, set_default_dtype, set_default_tensor_type
from minigrad.instead import missing as _missing
from minigrad.kernels.threads import get_num_threads, set_num_threads
from minigrad.ops.arithmetic import (
    add,
    addcdiv,
    addcmul,
    allclose,
    div,
    divide,
    equal,
    frac,
    is_floating_point,
    is_tensor,
    isclose,
    lerp,
    nan_to_num,
    numel,
    rsub,
    sub,
    subtract,
    true_divide,
)
from minigrad.ops.arrangement import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_tensors,
    column_stack,
    concat,
    concatenate,
    diag,
    diag_embed,
    diagonal,
    diff,
    dstack,
    fliplr,
    flipud,
    hstack,
    meshgrid,
    ravel,
    rot90,
    row_stack,
    vstack,
)
from minigrad.ops.conv import conv1d, conv2d, conv_transpose2d
from minigrad.ops.counting import argwhere, bincount, bucketize, histc, histogram, nonzero, searchsorted, unique, where
from minigrad.ops.elementwise import (
    abs,
    absolute,
    acos,
    acosh,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    ceil,
    clamp,
    clip,
    clone,
    cos,
    cosh,
    eq,
    erf,
    exp,
    exp2,
    expm1,
    floor,
    floor_divide,
    fmod,
    ge,
    greater,
    greater_equal,
    gt,
    hypot,
    isfinite,
    isinf,
    isnan,
    le,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
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
    not_equal,
    pow,
    reciprocal,
    relu,
    remainder,
    round,
    rsqrt,
    sigmoid,
    sign,
    signbit,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
    trunc,
)
from minigrad.ops.exponentials import log_softmax, logsumexp, softmax
from minigrad.ops.extremes import amax, amin, aminmax, argmax, argmin, argsort, kthvalue, max, median, min, sort, topk
from minigrad.ops.indexing import index_put
from minigrad.ops.linalg import (
    addmm,
    addmv,
    baddbmm,
    bmm,
    cdist,
    cross,
    dot,
    einsum,
    kron,
    matmul,
    mm,
    mv,
    outer,
    tensordot,
    trace,
)
from minigrad.ops.reductions import (
    all,
    any,
    count_nonzero,
    mean,
    nanmean,
    nansum,
    norm,
    prod,
    std,
    std_mean,
    sum,
    var,
    var_mean,
)
from minigrad.ops.scans import cummax, cummin, cumprod, cumsum, logcumsumexp
from minigrad.ops.selection import (
    gather,
    index_add,
    index_copy,
    index_fill,
    index_select,
    masked_fill,
    masked_select,
    narrow,
    repeat_interleave,
    scatter,
    scatter_add,
    scatter_reduce,
    select,
    take,
    take_along_dim,
)
from minigrad.ops.shape import (
    broadcast_to,
    cat,
    chunk,
    flatten,
    flip,
    moveaxis,
    movedim,
    permute,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    swapaxes,
    swapdims,
    tile,
    transpose,
    tril,
    triu,
    unbind,
    unflatten,
    unsqueeze,
)
from minigrad.random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from minigrad.saving import load, save
from minigrad.tensor import Tensor
from minigrad.tensor.creation import *
from minigrad.tensor.distributions import *
from minigrad.tensor_types import (
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
)

if _typing.TYPE_CHECKING:
    from minigrad import viz
    from minigrad.viz import graph

float16, float32, float64 = _np.dtype("float16"), _np.dtype("float32"), _np.dtype("float64")
int8, int16, int32, int64 = _np.dtype("int8"), _np.dtype("int16"), _np.dtype("int32"), _np.dtype("int64")
uint8, bool = _np.dtype("uint8"), _np.dtype("bool")
float, double, half = float32, float64, float16
int, long, short = int32, int64, int16
inf, nan, pi = _np.inf, _np.nan, _np.pi

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022 (a list for type checkers)
    "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "Generator", "HalfTensor",
    "IntTensor", "LongTensor", "ShortTensor", "Tensor", "abs", "absolute", "accelerator", "acos",
    "acosh", "add", "addcdiv", "addcmul", "addmm", "addmv", "all", "allclose", "amax", "amin", "aminmax",
    "any", "arange", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "argmax",
    "argmin", "argsort", "argwhere", "as_tensor", "asin", "asinh", "atan", "atan2", "atanh",
    "atleast_1d", "atleast_2d", "atleast_3d", "autograd", "backends", "baddbmm", "bernoulli", "bincount",
    "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "bmm", "bool", "broadcast_tensors", "broadcast_to", "bucketize", "cat", "cdist",
    "ceil", "chunk", "clamp", "clip", "clone", "column_stack", "concat", "concatenate", "conv1d",
    "conv2d", "conv_transpose2d", "cos", "cosh", "count_nonzero", "cross", "cuda", "cummax", "cummin",
    "cumprod", "cumsum", "data", "default_generator", "detect_anomaly", "device", "diag", "diag_embed",
    "diagonal", "diff", "div", "divide", "dot", "double", "dstack", "einsum", "empty", "empty_like",
    "enable_grad", "eq", "equal", "erf", "exp", "exp2", "expm1", "eye", "flatten", "flip", "fliplr",
    "flipud", "float", "float16", "float32", "float64", "floor", "floor_divide", "fmod", "frac",
    "from_numpy", "full", "full_like", "func", "functional", "gather", "ge", "get_default_device",
    "get_default_dtype", "get_num_threads", "get_rng_state", "grad", "gradcheck", "gradgradcheck",
    "graph", "greater", "greater_equal", "gt", "half", "histc", "histogram", "hstack", "hypot",
    "index_add", "index_copy", "index_fill", "index_put", "index_select", "inf", "inference_mode",
    "initial_seed", "int", "int16", "int32", "int64", "int8", "is_floating_point", "is_grad_enabled",
    "is_tensor", "isclose", "isfinite", "isinf", "isnan", "kernels", "kron", "kthvalue", "le", "lerp",
    "less", "less_equal", "linspace", "load", "log", "log10", "log1p", "log2", "log_softmax",
    "logaddexp", "logcumsumexp", "logical_and", "logical_not", "logical_or", "logical_xor", "logsumexp",
    "long", "lt", "manual_seed", "masked_fill", "masked_select", "matmul", "max", "maximum", "mean",
    "median", "meshgrid", "min", "minimum", "mm", "moveaxis", "movedim", "mps", "mul", "multinomial",
    "multiply", "mv", "nan", "nan_to_num", "nanmean", "nansum", "narrow", "ne", "neg", "negative", "nn",
    "no_grad", "nonzero", "norm", "normal", "not_equal", "numel", "ones", "ones_like", "ops", "optim",
    "outer", "permute", "pi", "pow", "primitive", "prod", "rand", "rand_like", "randint", "randint_like",
    "randn", "randn_like", "random", "randperm", "ravel", "reciprocal", "relu", "remainder",
    "repeat_interleave", "reshape", "roll", "rot90", "round", "row_stack", "rsqrt", "rsub", "save",
    "scatter", "scatter_add", "scatter_reduce", "searchsorted", "seed", "select", "set_default_device",
    "set_default_dtype", "set_default_tensor_type", "set_grad_enabled", "set_num_threads",
    "set_rng_state", "short", "sigmoid", "sign", "signbit", "sin", "sinh", "softmax", "sort", "split",
    "sqrt", "square", "squeeze", "stack", "std", "std_mean", "sub", "subtract", "sum", "swapaxes",
    "swapdims", "take", "take_along_dim", "tan", "tanh", "tensor", "tensordot", "tile", "topk", "trace",
    "transpose", "tril", "triu", "true_divide", "trunc", "uint8", "unbind", "unflatten", "unique",
    "unsqueeze", "utils", "var", "var_mean", "viz", "vstack", "where", "xpu", "zeros", "zeros_like",
]  # fmt: skip

_INSTEAD = {
    **dict.fromkeys(["from_pandas", "from_dataframe", "from_series"], "use from_numpy(frame.to_numpy())"),
    **dict.fromkeys(["compile", "jit", "vmap"], "nothing is compiled or batched for you; call the function itself"),
    **dict.fromkeys(["Module", "Parameter", "Linear", "Conv2d", "Sequential"], "it is in nn"),
    **dict.fromkeys(["F", "gelu", "silu", "elu", "leaky_relu", "softplus", "pad", "dropout"], "it is in nn.functional"),
    **dict.fromkeys(["cross_entropy", "mse_loss", "one_hot", "layer_norm", "linear"], "it is in nn.functional"),
    **dict.fromkeys(["SGD", "Adam", "AdamW", "lr_scheduler"], "it is in optim"),
    **dict.fromkeys(["DataLoader", "Dataset", "TensorDataset"], "batches are in utils.data: utils.data.DataLoader"),
    **dict.fromkeys(["jacobian", "hessian", "vjp", "jvp", "hvp"], "it is in func"),
    **dict.fromkeys(["complex64", "complex128"], "numbers are real"),
    "autocast": "use x.to(dtype)",
    "summary": "it is in nn",
}
"""Names that users of PyTorch and NumPy reach for, and what there is instead."""

if not _typing.TYPE_CHECKING:  # a type checker would take it for a promise that every name exists

    def __getattr__(name: str) -> object:
        """What is loaded when it is first asked for: who draws nothing does not wait for what pictures need."""
        if name in ("graph", "viz"):
            viz = _import_module("minigrad.viz")
            return viz if name == "viz" else viz.graph
        raise _missing("module 'minigrad'", name, _INSTEAD)
