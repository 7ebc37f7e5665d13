"""Elementwise functions and operators, at their kinks and ties."""

from __future__ import annotations

from ..calls import Room, constant, index, mask, positive, ties, unit, x

F = "nn.functional."
ROOM = Room("elementwise")
add = ROOM.add

for name in ("add", "sub", "mul", "truediv"):
    add(f"operator.{name}", x(3, 4), positive(3, 4))
    add(f"operator.{name}", x(3, 1, 2), positive(4, 1))
    add(f"operator.{name}", x(), positive(2, 3))
    add(f"operator.{name}", positive(2, 3), 3)
    add(f"operator.{name}", 1.5, positive(2, 3))
    add(f"operator.{name}", index(9, 2, 3), positive(3))
    add(f"operator.{name}", x(0, 3), positive(3))
for name in ("add", "sub", "mul", "div"):
    add(name, x(2, 3), positive(2, 3))
    add(f"Tensor.{name}", x(2, 3), positive(3))
add("operator.truediv", index(9, 2, 3), 4)
add("operator.pow", positive(3, 4), x(3, 4))
add("operator.pow", x(3, 4), 3)
add("operator.pow", x(3, 4), 2)
add("operator.pow", ties(3, 4), 1)
add("operator.pow", ties(3, 4), 0)
add("operator.pow", positive(3, 4), -1.5)
add("operator.pow", positive(3, 4), 0.5)
add("operator.pow", 2.0, x(3, 4))
add("operator.pow", index(5, 3), 2)
add("pow", positive(2, 3), x(3))
add("operator.neg", x(3, 4))
add("neg", x(3, 4))
for name in ("abs", "sign"):
    add(name, x(3, 4))
    add(f"Tensor.{name}", ties(3, 4))
for name in ("exp", "expm1", "sin", "cos", "tanh", "sigmoid", "square"):
    add(name, x(3, 4))
    add(f"Tensor.{name}", x(2, 1, 3))
add("tan", unit(3, 4))
add("Tensor.tan", unit(5))
for name in ("log", "log1p", "sqrt", "rsqrt", "reciprocal"):
    add(name, positive(3, 4))
    add(f"Tensor.{name}", positive(5))
add("relu", x(3, 4))
add("Tensor.relu", ties(3, 4))
for name in ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus"):
    add(F + name, x(3, 4))
    add(F + name, ties(3, 4))
add(F + "leaky_relu", ties(3, 4), 0.2)
add(F + "elu", ties(3, 4), alpha=0.5)
add(F + "gelu", x(3, 4), approximate="tanh")
add(F + "softplus", ties(3, 4), beta=3, threshold=4)
for name in ("maximum", "minimum"):
    add(name, x(3, 4), x(4))
    add(name, ties(3, 4), ties(3, 4))
add("clamp", x(3, 4), -0.5, 0.75)
add("clamp", ties(3, 4), min=0)
add("Tensor.clamp", ties(3, 4), max=1)
add("Tensor.clamp", ties(3, 4), -1, 1)
add("where", mask(3, 4), x(3, 4), x(4))
add("where", mask(3, 1), x(3, 4), 2.0)
add("Tensor.where", x(3, 4), mask(3, 4), x(3, 1))
for name in ("floor", "round", "ceil"):  # minigrad does not record these; PyTorch records a zero
    add(name, constant(x(3, 4)))
add("trunc", constant(x(3, 4)))
for name in ("lt", "le", "gt", "ge", "eq", "ne"):
    add(f"operator.{name}", ties(3, 4), ties(4))
    add(name, ties(3, 4), ties(3, 1))
    add(f"Tensor.{name}", ties(3, 4), 0)
    add(f"operator.{name}", ties(3, 4), 1)

add("erf", x(3, 4))
for name in ("absolute", "negative"):
    add(name, x(3, 4))
for name in ("multiply", "subtract", "divide"):
    add(name, x(3, 4), positive(4))
add("clip", ties(3, 4), -1, 1)
add(F + "logsigmoid", x(3, 4))
for name in ("floor_divide", "remainder"):
    add(name, constant(x(3, 4)), constant(positive(4)))
    add(f"Tensor.{name}", index(20, 5), 3)
for name in ("isnan", "isinf", "isfinite", "logical_not"):
    add(name, ties(3, 4))
for name in ("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor"):
    add(name, mask(3, 4), mask(4))
add("bitwise_and", index(9, 3), index(9, 3))
add("bitwise_not", mask(3))
add("operator.invert", mask(3))
for name in ("and_", "or_", "xor"):
    add(f"operator.{name}", mask(3, 4), mask(4))
add("operator.floordiv", index(20, 5), 3)
add("operator.mod", index(20, 5), 3)
for mode in ("floor", "trunc"):
    add("div", x(2, 3), positive(3), rounding_mode=mode)
add("pow", index(3, 2, 3), index(3, 3))
add("square", mask(3))
add("sign", mask(3))
