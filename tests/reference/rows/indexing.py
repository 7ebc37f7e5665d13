"""Reading by index, and the functions that take one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..calls import Room, constant, distinct, index, mask, ties, x
from ..indices import read_call, write_call

ROOM = Room("indexing")
add = ROOM.add

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
    add("operator.getitem", x(3, 4), i)
add("operator.getitem", x(5, 3), index(5, 4))
add("operator.getitem", x(5, 3), index(5, 8))
add("operator.getitem", x(5, 3), [0, 2, 2])
add("operator.getitem", x(5, 3), index(5, 2, 3))
add("operator.getitem", x(5, 3), (index(5, 6), index(3, 6)))
add("operator.getitem", x(5, 3), (index(5, 2, 1), index(3, 3)))
add("operator.getitem", x(5, 3, 2), (slice(None), index(3, 4)))
add("operator.getitem", x(2, 3, 4), (index(2, 5), slice(1, 3), index(4, 5)))
add("operator.getitem", x(2, 3, 4), (0, slice(None), index(4, 5)))
add("operator.getitem", x(5, 3), mask(5))
add("operator.getitem", x(5, 3), mask(5, 3))
add("operator.getitem", x(5, 3), (mask(5), 1))
add("operator.getitem", x(5, 3), constant(index(5, 0)))
for dim in (0, 1, -1):
    add("gather", x(4, 4), dim, index(4, 3, 4))
add("index_select", x(4, 3), 0, index(4, 6))
add("Tensor.index_select", x(4, 3), dim=-1, index=index(3, 2))
add("Tensor.gather", x(4, 3), 0, index(4, 6, 2))
add("Tensor.gather", x(2, 4, 3), dim=1, index=index(4, 2, 2, 3))
add("take_along_dim", x(4, 3), index(3, 4, 2), 1)
add("take_along_dim", x(4, 3), index(4, 2, 1), 0)
add("take_along_dim", x(4, 3), index(12, 5))
add("Tensor.take_along_dim", x(4, 3), index(4, 6, 3), dim=0)
add("Tensor.masked_fill", x(3, 4), mask(3, 4), 2.5)
add("Tensor.masked_fill", x(3, 4), mask(4), float("-inf"), second=False)
add("masked_fill", x(3, 1), mask(3, 4), 0)

add("index_put", x(4, 3), (index(4, 2),), x(2, 3))
add("index_put", x(4, 3), (index(4, 6), index(3, 6)), x(6), accumulate=True)
add("Tensor.index_put", x(4, 3), (index(4, 6),), x(3), True)
add("index_put", x(4, 3), (mask(4, 3),), x())

add("take", x(3, 4), index(12, 2, 3))
add("Tensor.take", x(3, 4), index(12, 2))
add("select", x(3, 4), 1, -1)
add("Tensor.select", x(3, 4), 0, 2)
add("narrow", x(3, 4), 1, 1, 2)
add("Tensor.narrow", x(3, 4), 0, -2, 2)
add("masked_select", x(3, 4), mask(3, 4))
add("Tensor.masked_select", x(3, 4), mask(4))
add("repeat_interleave", x(3, 2), 2)
add("repeat_interleave", x(3, 2), 3, 1)
add("repeat_interleave", x(3, 2), index(3, 3), 0)
add("Tensor.repeat_interleave", x(3, 2), index(3, 2), dim=1)
add("repeat_interleave", index(3, 5))
for dim in (0, 1):
    add("scatter", x(4, 4), dim, index(4, 2, 3), constant(x(3, 4)))
    add("scatter", x(4, 4), dim, index(4, 2, 3), 1.5)
    add("Tensor.scatter_add", x(4, 4), dim, index(4, 4, 4), x(4, 4))
    add("index_add", x(4, 4), dim, index(4, 6), x(*((6, 4) if dim == 0 else (4, 6))), alpha=2)
    add("Tensor.index_fill", x(4, 4), dim, index(4, 2), 2.5)
    for reduce in ("sum", "mean", "amax", "amin"):
        for include_self in (True, False):
            options = {"reduce": reduce, "include_self": include_self}
            own, values = (ties(4, 3), ties(4, 3)) if include_self else (x(4, 3), distinct(4, 3))
            add("scatter_reduce", own, dim, index(3, 4, 3), values, **options)
add("Tensor.scatter", x(4), 0, index(4, 6), x(6))
add("scatter", constant(x(4, 3)), 0, index(4, 2, 3), 2.0, reduce="add")
add("scatter", constant(x(4, 3)), 0, index(4, 2, 3), 2.0, reduce="multiply")
add("scatter_add", x(4, 3), 0, index(4, 6, 2), constant(x(6, 3)))
add("Tensor.scatter_reduce", constant(x(4)), 0, index(4, 6), constant(x(6)), reduce="prod")
add("Tensor.index_add", x(4), 0, index(4, 6), x(6))
add("index_copy", x(4, 3), 0, constant(index(1, 1)), x(1, 3))
add("Tensor.index_copy", x(4, 3), 1, index(3, 1), x(4, 1))
add("index_fill", x(4, 3), 0, index(4, 2), -1)
add("gather", x(), 0, index(1))
add("index_select", x(4, 3), 0, index(4))


def changed(library: Any, a: Any, name: str, *args: Any) -> Any:
    """A copy of a, changed in place by the method, recorded."""
    a = a.clone()
    return getattr(a, name)(*args), a * 2


add(changed, x(4, 3), "scatter_", 0, index(4, 2, 3), x(2, 3))
add(changed, x(4, 3), "scatter_", 1, index(3, 4, 1), 1.5)
add(changed, x(4, 3), "scatter_add_", 0, index(4, 6, 3), x(6, 3))
add(changed, x(4, 3), "index_add_", 0, index(4, 6), x(6, 3))
add(changed, x(4, 3), "index_copy_", 1, index(3, 1), x(4, 1))
add(changed, x(4, 3), "index_fill_", 1, index(3, 2), 0.5)
add(changed, x(4, 3), "index_put_", (index(4, 2),), x(2, 3))
add(changed, x(4, 3), "masked_fill_", mask(4, 3), 0.5)
add(changed, x(4, 3), "fill_diagonal_", 2.5)
add(changed, x(4, 3), "cumsum_", 0)
add(changed, x(4, 3), "cumprod_", 1)

# a sample of the indices that indices.py makes; this seed makes none that PyTorch refuses
rng = np.random.RandomState(10)
sample = {call.name: call for number in range(80) for call in [(read_call, write_call)[number % 2](rng)]}
ROOM.calls += sample.values()
add("masked_fill", mask(2, 3), mask(3), 10)
add("masked_fill", index(5, 2, 3), mask(3), 1.5)
for reduce in ("sum", "mean", "amax", "amin"):
    for include_self in (True, False):
        add("scatter_reduce", index(9, 4), 0, index(4, 6), index(7, 6), reduce, include_self=include_self)
add("scatter_reduce", mask(4), 0, index(4, 6), mask(6), "amax", include_self=False)
add("searchsorted", x(5), x(2), sorter=index(5, 5))
