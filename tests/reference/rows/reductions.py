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

# --- the rest of the kind -----------------------------------------------------------------------------------

for name in ("nansum", "nanmean"):
    add(name, x(3, 4), 1)
    add(f"Tensor.{name}", x(3, 4))
for name in ("std_mean", "var_mean"):
    add(name, x(3, 4), 1)
    add(name, x(3, 4), unbiased=False)
    add(name, x(3, 4, 2), (0, 2), correction=0, keepdim=True)
add("count_nonzero", ties(3, 4))
add("Tensor.count_nonzero", ties(3, 4), 1)
add("aminmax", ties(3, 4))
add("Tensor.aminmax", ties(3, 4), dim=1, keepdim=True)
for largest in (True, False):
    add("topk", distinct(3, 5), 2, largest=largest)
    add("Tensor.topk", distinct(3, 5), 2, 0, largest)
add("kthvalue", distinct(3, 5), 2)
add("Tensor.kthvalue", distinct(3, 5), 1, 0, keepdim=True)
for name in ("cumprod", "logcumsumexp"):
    for dim in (0, -1):
        add(name, x(3, 5), dim)
    add(f"Tensor.{name}", x(4), 0)
add("cumprod", ties(3, 6), 1)
add("cumprod", index(4, 5), 0)
add("cumprod", index(4, 5), 0, dtype=Name("float64"))
for name in ("cummax", "cummin"):
    add(name, ties(3, 6), 1)
    add(f"Tensor.{name}", x(4, 2), 0)
add("logaddexp", x(3, 4), x(4))
add("Tensor.logaddexp", x(3), x(3))
for name in ("sum", "mean", "prod", "amax", "amin", "any", "all", "std", "var", "norm", "logsumexp", "nansum"):
    options = {"p": 2} if name == "norm" else {}
    if name not in ("std", "var"):
        add(name, x(), dim=0, second=False, **options)
    add(name, distinct(2, 3), dim=-1, keepdim=True, **options)
for name in ("max", "min", "median", "cummax", "cumprod", "cumsum", "sort", "softmax", "log_softmax", "logcumsumexp"):
    add(name, x(), dim=0, second=False)
    add(name, x(), -1, second=False)
for name in ("argmax", "argmin", "argsort"):
    add(name, x(), 0)
add("argmax", distinct(2, 3), keepdim=True)
add("topk", x(), 1)
add("norm", ties(3, 4), 0, 1)
add("norm", x(3, 4), 0.5)
for name in ("mean", "prod", "nansum"):
    add(name, x(3), dtype=Name("float64"))
for name in ("softmax", "log_softmax"):
    add(name, x(3, 2), 1, dtype=Name("float64"))
    add(name, index(4, 3), 0, dtype=Name("float64"))
add("var", x(2, 3), dim=1, correction=None)
add("std", x(2, 3), correction=None)
add("histogram", constant(x()), 2)
