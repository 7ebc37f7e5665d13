"""Convolutions, with every option."""

from __future__ import annotations

from ..calls import Room, constant, x

F = "nn.functional."
ROOM = Room("convolution")
add = ROOM.add

for o in (
    {},
    {"stride": 2},
    {"padding": 2},
    {"padding": "same"},
    {"padding": "valid"},
    {"dilation": 2},
    {"padding": "same", "dilation": 2},
    {"stride": 3, "padding": 1, "dilation": 2},
):
    add(F + "conv1d", x(2, 3, 8), x(2, 3, 3), x(2), **o)
add(F + "conv1d", x(2, 4, 8), x(6, 2, 2), groups=2)
add(F + "conv1d", x(2, 4, 8), x(4, 1, 4), padding="same", groups=4)
add(F + "conv1d", x(3, 8), x(2, 3, 3), x(2))
for o in (
    {},
    {"stride": 2},
    {"stride": (2, 1), "padding": (0, 2)},
    {"padding": 1},
    {"padding": "same"},
    {"padding": "valid"},
    {"dilation": 2},
    {"stride": 2, "padding": (2, 1), "dilation": (1, 2)},
    {"stride": 3},
    {"padding": "same", "dilation": (2, 1)},
):
    add(F + "conv2d", x(2, 3, 6, 7), x(2, 3, 3, 2), x(2), **o)
add(F + "conv2d", x(2, 3, 6, 7), x(4, 3, 3, 3))
add(F + "conv2d", x(2, 3, 6, 7), x(4, 3, 1, 1), x(4))
add(F + "conv2d", x(1, 1, 5, 5), x(1, 1, 5, 5), x(1))
add(F + "conv2d", x(2, 4, 5, 6), x(6, 2, 3, 3), x(6), groups=2, padding=1)
add(F + "conv2d", x(2, 4, 5, 6), x(4, 1, 3, 3), groups=4)
add(F + "conv2d", x(2, 3, 5, 6), x(6, 1, 2, 3), x(6), stride=2, padding=1, groups=3)
add(
    F + "conv2d",
    x(2, 4, 6, 6),
    x(4, 2, 2, 2),
    x(4),
    stride=(2, 3),
    dilation=(2, 1),
    groups=2,
    padding=(1, 0),
)
add(F + "conv2d", x(3, 5, 6), x(2, 3, 3, 3), x(2), padding=1)
add(F + "conv2d", x(0, 3, 5, 6), x(2, 3, 3, 3), x(2))
add(F + "conv2d", constant(x(2, 3, 5, 6)), x(2, 3, 3, 3), x(2))
add(F + "conv2d", x(2, 3, 5, 6), constant(x(2, 3, 3, 3)))
for o in (
    {},
    {"stride": 2},
    {"stride": 2, "padding": 1},
    {"stride": 2, "padding": 1, "output_padding": 1},
    {"dilation": 2},
    {"stride": (2, 3), "padding": (0, 1), "output_padding": (1, 0), "dilation": (1, 2)},
    {"padding": (1, 0)},
):
    add(F + "conv_transpose2d", x(2, 3, 4, 3), x(3, 2, 3, 2), x(2), **o)
add(F + "conv_transpose2d", x(2, 4, 3, 4), x(4, 3, 3, 3), x(6), groups=2, stride=2)
add(F + "conv_transpose2d", x(2, 4, 3, 4), x(4, 1, 2, 2), groups=4)
add(F + "conv_transpose2d", x(3, 3, 4), x(3, 2, 2, 2), x(2))
