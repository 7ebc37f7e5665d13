"""NumPy's functions on tensors: which function here does what NumPy's function of that name does to arrays."""

from minigrad.ops import elementwise, extremes, linalg, reductions, scans, shape

DISPATCH = {
    **{name: getattr(elementwise, name) for name in (
        "add", "subtract", "multiply", "divide", "negative", "absolute", "sign", "exp", "expm1", "log", "log1p",
        "sqrt", "square", "reciprocal", "sin", "cos", "tan", "tanh", "maximum", "minimum", "floor", "ceil", "trunc",
        "isnan", "isinf", "isfinite", "logical_and", "logical_or", "logical_xor", "logical_not", "bitwise_and",
        "bitwise_or", "bitwise_xor", "floor_divide", "remainder", "round", "where", "clip",
    )},
    "power": elementwise.pow, "equal": elementwise.eq, "not_equal": elementwise.ne, "less": elementwise.lt,
    "less_equal": elementwise.le, "greater": elementwise.gt, "greater_equal": elementwise.ge,
    "invert": elementwise.bitwise_not, "matmul": linalg.matmul, "outer": linalg.outer, "einsum": linalg.einsum,
    **{name: getattr(reductions, name) for name in ("sum", "mean", "prod", "var", "std", "any", "all")},
    **{name: getattr(extremes, name) for name in ("amax", "amin", "argmax", "argmin")},
    "cumsum": lambda x, dim=None: scans.cumsum(shape.flatten(x) if dim is None else x, dim or 0),
    "max": extremes.amax, "min": extremes.amin,
    **{name: getattr(shape, name) for name in ("reshape", "broadcast_to", "stack", "tril", "triu")},
    "flip": lambda x, dim=None: shape.flip(x, tuple(range(x.ndim)) if dim is None else dim),
    "roll": lambda x, shift, dim=None: shape.roll(x, shift, dim),
    "tile": lambda x, reps: shape.tile(x, (reps,) if isinstance(reps, int) else reps),
    "concatenate": lambda parts, dim=0: (
        shape.cat([shape.flatten(p) for p in parts]) if dim is None else shape.cat(parts, dim)
    ),
    "squeeze": shape.squeeze, "expand_dims": shape.unsqueeze,
    "swapaxes": shape.transpose, "moveaxis": shape.movedim,
    "transpose": lambda x, axes=None: shape.permute(x, tuple(axes) if axes else tuple(range(x.ndim))[::-1]),
}  # fmt: skip
"""NumPy's names, and the function here that does the same to tensors with the same positional arguments."""
