"""Modules: the class, what constructs it, what goes through it."""

from __future__ import annotations

from typing import Any

from ..calls import Room, constant, distinct, index, unit, x

ROOM = Room("modules")
add, module = ROOM.add, ROOM.module

module("nn.Linear", [3, 4], x(2, 3))
module("nn.Linear", [3, 4], x(2, 5, 3), bias=False)
module("nn.Conv1d", [3, 4, 3], x(2, 3, 8), stride=2, padding=1)
module("nn.Conv1d", [4, 4, 3], x(2, 4, 8), padding="same", groups=2, dilation=2, bias=False)
module("nn.Conv2d", [3, 4, 3], x(2, 3, 6, 5))
module("nn.Conv2d", [4, 6, (3, 2)], x(2, 4, 6, 5), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2)
for mode in ("zeros", "reflect", "replicate", "circular"):
    module("nn.Conv2d", [2, 2, 3], x(1, 2, 5, 6), padding=(2, 1), padding_mode=mode)
    module("nn.Conv1d", [2, 2, 3], x(1, 2, 6), padding=2, padding_mode=mode)
module("nn.Conv2d", [2, 2, 4], x(1, 2, 5, 6), padding="same", padding_mode="reflect")
module("nn.ConvTranspose2d", [3, 4, 3], x(2, 3, 4, 3), stride=2, padding=1, output_padding=1)
module("nn.ConvTranspose2d", [4, 4, 2], x(2, 4, 3, 3), groups=2, bias=False, dilation=2)
for name in (
    "ReLU",
    "ELU",
    "GELU",
    "SiLU",
    "Softplus",
    "Tanh",
    "Sigmoid",
    "LeakyReLU",
    "Identity",
    "Flatten",
):
    module(f"nn.{name}", [], x(2, 3, 2))
module("nn.LeakyReLU", [0.2], x(2, 3))
module("nn.Flatten", [0, 1], x(2, 3, 2))
module("nn.Unflatten", [1, (2, 3)], x(2, 6))
module("nn.Softmax", [1], x(2, 3))
module("nn.LogSoftmax", [], x(2, 3), dim=-1)
module("nn.MaxPool2d", [2], distinct(1, 2, 5, 6))
module("nn.MaxPool2d", [3, 2, 1], distinct(1, 2, 5, 6), ceil_mode=True)
module("nn.AvgPool2d", [3], x(1, 2, 6, 6), stride=2, padding=1, count_include_pad=False)
module("nn.AdaptiveAvgPool2d", [(2, 3)], x(1, 2, 5, 6))
module("nn.AdaptiveMaxPool2d", [2], distinct(1, 2, 5, 6))
module("nn.Dropout", [0.5], x(2, 3), train=False)
module("nn.Dropout2d", [0.5], x(2, 3, 2, 2), train=False)
for train in (True, False):
    module("nn.BatchNorm1d", [3], x(5, 3), train=train)
    module("nn.BatchNorm1d", [3], x(2, 3, 4), momentum=0.3, eps=1e-3, train=train)
    module("nn.BatchNorm2d", [3], x(2, 3, 2, 3), train=train)
    module("nn.BatchNorm2d", [3], x(2, 3, 2, 3), affine=False, train=train)
    module("nn.BatchNorm2d", [3], x(2, 3, 2, 3), track_running_stats=False, train=train)
    module("nn.BatchNorm2d", [3], x(2, 3, 2, 3), momentum=None, train=train)
module("nn.LayerNorm", [4], x(3, 4))
module("nn.LayerNorm", [(3, 4)], x(2, 3, 4), eps=1e-3)
module("nn.LayerNorm", [4], x(3, 4), elementwise_affine=False)
module("nn.LayerNorm", [4], x(3, 4), bias=False)
module("nn.GroupNorm", [2, 4], x(2, 4, 3))
module("nn.GroupNorm", [4, 4], x(2, 4, 2, 2), affine=False)
module("nn.Embedding", [5, 3], index(5, 2, 4))
module("nn.Embedding", [5, 3], index(5, 6), padding_idx=2)
module("nn.CosineSimilarity", [], x(3, 4), x(3, 4), dim=1)
module("nn.MSELoss", [], x(3, 4), x(3, 4))
module("nn.L1Loss", [], x(3, 4), x(3, 4), reduction="sum")
module("nn.HuberLoss", [], x(3, 4), x(3, 4), delta=0.5)
module("nn.BCELoss", [], unit(3, 4), constant(unit(3, 4)))
module("nn.BCEWithLogitsLoss", [], x(3, 4), constant(unit(3, 4)), reduction="none")
module("nn.NLLLoss", [], x(3, 4), index(4, 3), ignore_index=1)
module("nn.CrossEntropyLoss", [], x(3, 4), index(4, 3), label_smoothing=0.1)


def sequential(library: Any, a: Any) -> Any:
    """Nested containers: keys of the state in order, and the values of a fixed linear map through them."""
    nn = library.nn
    net = nn.Sequential(
        nn.Linear(2, 3),
        nn.ModuleDict({"a": nn.Linear(3, 1), "b": nn.ModuleList([nn.Linear(1, 1), nn.BatchNorm1d(2)])}),
    )
    return [a * len(key) for key in net.state_dict()] + [a * len(key) for key, _ in net.named_parameters()]


add(sequential, x(1))
