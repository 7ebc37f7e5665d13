"""Pooling, with every option."""

from __future__ import annotations

from ..calls import Room, distinct, ties, x

F = "nn.functional."
ROOM = Room("pooling")
add = ROOM.add

for o in (
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": (2, 3)},
    {"kernel_size": 2, "dilation": 2},
    {"kernel_size": 2, "ceil_mode": True},
    {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True},
    {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0), "dilation": (2, 1)},
):
    add(F + "max_pool2d", distinct(2, 2, 5, 7), **o)
add(F + "max_pool2d", ties(2, 2, 6, 6), 2)
add(F + "max_pool2d", ties(2, 2, 6, 6), 3, 1, 1)
add(F + "max_pool2d", distinct(2, 5, 6), 2)
add(F + "max_pool2d", distinct(1, 2, 3, 3), 5, ceil_mode=True)
add(F + "max_pool2d", distinct(1, 2, 4, 4), 2, return_indices=True)
for o in (
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": (2, 3)},
    {"kernel_size": 3, "padding": 1, "count_include_pad": False},
    {"kernel_size": 2, "ceil_mode": True},
    {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True},
    {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True, "count_include_pad": False},
    {"kernel_size": 2, "divisor_override": 3},
):
    add(F + "avg_pool2d", x(2, 2, 5, 7), **o)
add(F + "avg_pool2d", x(2, 5, 6), 2)
add(F + "avg_pool2d", x(1, 2, 3, 3), 5, ceil_mode=True)
for size in (1, 2, (2, 3), (None, 2), (5, 7), (3, 1)):
    add(F + "adaptive_avg_pool2d", x(2, 2, 5, 7), size)
    add(F + "adaptive_max_pool2d", distinct(2, 2, 5, 7), size)
add(F + "adaptive_avg_pool2d", x(2, 6, 6), 3)
add(F + "adaptive_max_pool2d", ties(1, 2, 6, 6), 3)
