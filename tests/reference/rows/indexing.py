"""Reading by index, and the functions that take one."""

from __future__ import annotations

import numpy as np

from ..calls import Room, constant, index, mask, x
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

# a sample of the indices that indices.py makes; this seed makes none that PyTorch refuses
rng = np.random.RandomState(10)
sample = {call.name: call for number in range(80) for call in [(read_call, write_call)[number % 2](rng)]}
ROOM.calls += sample.values()
