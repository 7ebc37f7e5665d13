"""Functions applied element by element or along a dimension, at their kinks, too."""

from __future__ import annotations

from typing import Any

from ..calls import Name, Room, constant, index, positive, ties, x

F = "nn.functional."
ROOM = Room("activations")
add = ROOM.add

for name in (
    "relu6", "selu", "celu", "mish", "hardtanh", "hardsigmoid", "hardswish", "softsign", "tanhshrink", "softshrink",
    "hardshrink",
):  # fmt: skip
    exact = name != "hardsigmoid"  # of which PyTorch's gradient has float32's 1 / 6, and no second derivative
    add(F + name, x(3, 4) if exact else constant(x(3, 4)))
    add(F + name, ties(3, 4) if exact else constant(ties(3, 4)))
add(F + "celu", ties(3, 4), alpha=0.5)
add(F + "hardtanh", ties(3, 4), -1, 2)
add(F + "softshrink", ties(3, 4), 1)
add(F + "hardshrink", ties(3, 4), 1.0)
add(F + "threshold", ties(3, 4), 1, 20.0)
add(F + "prelu", ties(3, 4), positive(1), second=False)
add(F + "prelu", x(2, 3, 4), positive(3))
add(F + "prelu", x(4), positive(1))
add(F + "glu", x(3, 4))
add(F + "glu", x(3, 4, 2), dim=1)
for name in ("softmax", "log_softmax", "softmin"):
    add(F + name, x(3, 4), dim=0)
    add(F + name, x(3, 4), 1, dtype=Name("float64"))
    for shape in ((3,), (3, 4), (2, 3, 4), (2, 3, 2, 2)):  # PyTorch's choice of a dimension
        add(F + name, x(*shape))


def in_place(library: Any, a: Any) -> Any:
    """What the functions with an underscore leave in their input."""
    functional, results = library.nn.functional, []
    for name in ("relu_", "leaky_relu_", "elu_", "selu_", "celu_", "hardtanh_"):
        results.append(a.detach().clone())
        getattr(functional, name)(results[-1])
    results.append(a.detach().clone())
    functional.threshold_(results[-1], 0.5, 2.0)
    return results


add(in_place, ties(3, 4))
add(F + "relu6", index(9, 4))
add(F + "hardtanh", index(9, 4), 1, 5)
