"""Reductions over every kind of dim, of empty tensors and of ties."""

from __future__ import annotations

from ..calls import Name, Room, constant, distinct, index, mask, ties, x

ROOM = Room("reductions")
add = ROOM.add

for name in ("sum", "mean", "amax", "amin", "logsumexp"):
    for dim in (0, -1, (0, 2), [1]):
        add(name, x(3, 4, 2), dim)
    add(f"Tensor.{name}", x(3, 4, 2), dim=(1, -1), keepdim=True)
for name in ("amax", "amin"):
    add(name, ties(4, 5), 1)
    add(name, ties(4, 5), (0, 1))
    add(f"Tensor.{name}", x(3, 4))
for name in ("sum", "mean", "prod", "max", "min", "median", "var", "std", "norm"):
    add(name, distinct(3, 4))
    add(f"Tensor.{name}", distinct(5))
for name in ("max", "min", "median"):
    add(name, distinct(3, 4, 2), 1)
    add(name, distinct(3, 4, 2), -1, True)
    add(f"Tensor.{name}", distinct(3, 5), dim=0, keepdim=True)
add("max", ties(4, 6))
add("min", ties(4, 6))
add("max", x(3, 4), x(4))
add("min", x(3, 4), x(3, 1))
add("sum", index(9, 3, 4))
add("sum", mask(3, 4), 1)
add("prod", index(4, 5))
add("sum", x(3, 4), dtype=Name("float64"))
add("sum", x(0, 4), 0)
add("sum", x(0, 4))
add("mean", x(0, 4), second=False)
add("prod", x(0, 4), 0)
add("logsumexp", x(2, 0), 1, second=False)
add("sum", x())
add("prod", x(3, 4), 1)
add("prod", x(3, 4), -2, True)
add("prod", ties(4, 5), 1)
add("prod", ties(5, 4), 0)
add("prod", ties(6))
for name in ("var", "std"):
    add(name, x(3, 4, 2), 1)
    add(name, x(3, 4, 2), (0, 2), correction=0)
    add(name, x(3, 4), False)
    add(name, x(3, 4), unbiased=False)
    add(f"Tensor.{name}", x(3, 4), 1, False)
    add(f"Tensor.{name}", x(3, 4), (0, 1), unbiased=True, keepdim=True)
    add(name, x(3, 4, 2), (0, 2), correction=2, keepdim=True)
    add(f"Tensor.{name}", x(3, 4), dim=-1, keepdim=True)
for p in (1, 2, float("inf")):
    add("norm", x(3, 4), p=p)
    add("norm", x(3, 4, 2), p=p, dim=1)
    add("Tensor.norm", x(3, 4, 2), p=p, dim=-1, keepdim=True)
    add("norm", ties(1, 4), p=p, second=False)
add("norm", constant(ties(3, 4)), 2, (0, 1))
for dim in (0, 1, -1):
    add("cumsum", x(3, 4, 2), dim)
add("Tensor.cumsum", x(5), dim=0)
add("cumsum", index(5, 3, 4), 1)
add("Tensor.sum_to_size", x(2, 3, 4), (3, 1))
add("sort", distinct(3, 4))
add("sort", distinct(3, 4), 0, True)
add("Tensor.sort", ties(3, 4), dim=-1, stable=True)
add("argsort", distinct(3, 4), 0)
add("Tensor.argsort", ties(6), stable=True)
for name in ("argmax", "argmin"):
    add(name, distinct(3, 4))
    add(name, distinct(3, 4, 2), 1)
    add(f"Tensor.{name}", distinct(3, 4), dim=-1, keepdim=True)
    add(name, ties(4, 6), 1)
for name in ("any", "all"):
    add(name, mask(3, 4))
    add(name, mask(3, 2), 1)
    add(f"Tensor.{name}", mask(3, 2), dim=0, keepdim=True)
