"""Functions of nn.functional that are no losses."""

from __future__ import annotations

from ..calls import Room, constant, index, positive, x

F = "nn.functional."
ROOM = Room("functional")
add = ROOM.add

add(F + "linear", x(2, 3), x(4, 3), x(4))
add(F + "linear", x(2, 5, 3), x(4, 3))
add(F + "linear", x(3), x(4, 3), x(4))
for name in ("softmax", "log_softmax"):
    add(F + name, x(3, 4), dim=1)
    add(F + name, x(3, 4, 2), -2)
    add(name, x(3, 4), 0)
    add(f"Tensor.{name}", x(2, 3), dim=-1)
add(F + "dropout", x(3, 4), 0.5, False)
add(F + "dropout", x(3, 4), p=0.0, training=True)
add(F + "dropout", x(3, 4), p=1.0, training=True)
add(F + "dropout2d", x(2, 3, 2, 2), 0.5, training=False)
add(F + "dropout1d", x(2, 3, 2), 1.0)
add(F + "dropout3d", x(2, 3, 1, 2, 2), 0.5, training=False)
add(F + "alpha_dropout", x(2, 3), 0.5)
add(F + "alpha_dropout", x(2, 3), 1.0, training=True)
stats = constant(x(3)), constant(positive(3))
for o in ({"training": True}, {"training": False}, {"training": True, "momentum": 0.3, "eps": 1e-3}):
    add(F + "batch_norm", x(4, 3), *stats, positive(3), x(3), **o)
    add(F + "batch_norm", x(2, 3, 2, 3), *stats, positive(3), x(3), **o)
add(F + "batch_norm", x(2, 3, 4), None, None, training=True)
add(F + "layer_norm", x(3, 4), (4,), positive(4), x(4))
add(F + "layer_norm", x(2, 3, 4), [3, 4], positive(3, 4), x(3, 4), 1e-3)
add(F + "layer_norm", x(2, 3, 4), (4,))
add(F + "group_norm", x(2, 4, 3), 2, positive(4), x(4))
add(F + "group_norm", x(2, 4, 2, 3), 4)
add(F + "group_norm", x(2, 4, 2, 3), 1, positive(4), x(4), eps=1e-2)
add(F + "embedding", index(5, 2, 3), x(5, 4))
add(F + "embedding", index(5, 6), x(5, 2), padding_idx=1)
add(F + "one_hot", index(4, 2, 3), 5)
add(F + "cosine_similarity", x(3, 4), x(3, 4))
add(F + "cosine_similarity", x(3, 4, 2), x(1, 4, 2), dim=-1)
# where eps holds a norm up, PyTorch's gradient is not the derivative: it goes straight through
add(F + "cosine_similarity", constant(x(3, 4)), constant(x(4)), dim=1, eps=10.0)
add(F + "normalize", x(3, 4))
add(F + "normalize", x(3, 4), p=1, dim=0)
