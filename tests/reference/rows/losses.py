"""Losses, with every reduction."""

from __future__ import annotations

from ..calls import Room, constant, index, positive, ties, unit, x

F = "nn.functional."
ROOM = Room("losses")
add = ROOM.add

for name, target in (
    ("mse_loss", x(3, 4)),
    ("l1_loss", x(3, 4)),
    ("huber_loss", x(3, 4)),
    ("binary_cross_entropy_with_logits", unit(3, 4)),
):
    for reduction in ("mean", "sum", "none"):
        add(F + name, x(3, 4), target, reduction=reduction)
for reduction in ("mean", "sum", "none"):
    add(F + "binary_cross_entropy", unit(3, 4), constant(unit(3, 4)), reduction=reduction)
add(F + "binary_cross_entropy", unit(3, 4), constant(unit(3, 4)), weight=constant(positive(4)))
add(
    F + "binary_cross_entropy_with_logits",
    x(3, 4),
    constant(unit(3, 4)),
    weight=constant(positive(3, 4)),
)
add(
    F + "binary_cross_entropy_with_logits",
    x(3, 4),
    constant(unit(3, 4)),
    pos_weight=constant(positive(4)),
)
add(F + "huber_loss", x(3, 4), x(3, 4), delta=0.4)
add(F + "l1_loss", ties(3, 4), ties(3, 4))
for name in ("cross_entropy", "nll_loss"):
    for reduction in ("mean", "sum", "none"):
        add(F + name, x(4, 5), index(5, 4), reduction=reduction)
        add(F + name, x(4, 5), index(5, 4), constant(positive(5)), reduction=reduction)
        add(F + name, x(6, 5), index(5, 6), ignore_index=2, reduction=reduction)
    add(F + name, x(6, 5), index(5, 6), weight=constant(positive(5)), ignore_index=1)
    add(F + name, x(2, 5, 2, 3), index(5, 2, 2, 3))
    add(F + name, x(2, 5, 3), index(5, 2, 3), weight=constant(positive(5)), reduction="none")
    add(F + name, x(5), index(5))
    add(F + name, x(3, 5), index(1, 3), ignore_index=0, second=False)
for reduction in ("mean", "sum", "none"):
    add(F + "cross_entropy", x(4, 5), index(5, 4), label_smoothing=0.1, reduction=reduction)
    add(
        F + "cross_entropy",
        x(4, 5),
        index(5, 4),
        constant(positive(5)),
        label_smoothing=0.2,
        ignore_index=3,
        reduction=reduction,
    )
    add(F + "cross_entropy", x(4, 5), constant(unit(4, 5)), label_smoothing=0.1, reduction=reduction)
    add(F + "cross_entropy", x(4, 5), unit(4, 5), constant(positive(5)), reduction=reduction)
add(F + "cross_entropy", x(2, 5, 3), constant(unit(2, 5, 3)))
add(F + "gaussian_nll_loss", x(4, 3), x(4, 3), positive(1, 3))
add(F + "gaussian_nll_loss", x(4, 3), x(4, 3), positive(4, 1))
