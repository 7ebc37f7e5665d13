"""Modules beyond those of modules.py: PyTorch's other layers and losses, their reprs and their states."""

from __future__ import annotations

from typing import Any

from ..calls import Room, constant, distinct, index, positive, ties, unit, x

ROOM = Room("layers")
add, module = ROOM.add, ROOM.module

for name in (
    "ReLU6", "SELU", "CELU", "Mish", "Hardtanh", "Hardswish", "Softshrink", "Hardshrink", "Softsign", "Tanhshrink",
    "LogSigmoid", "PReLU",
):  # fmt: skip
    module(f"nn.{name}", [], x(2, 3, 2))
for name in ("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardswish"):
    module(f"nn.{name}", [True], constant(x(2, 3)))
module("nn.Hardsigmoid", [], constant(x(2, 3)))
module("nn.LeakyReLU", [0.2, True], constant(x(2, 3)))
module("nn.ELU", [], constant(x(2, 3)), inplace=True)
module("nn.Hardtanh", [-2, 2], ties(4, 6), inplace=False)
module("nn.Threshold", [0.5, 20], x(2, 3))
module("nn.Softshrink", [0.2], x(2, 3))
module("nn.PReLU", [3], x(2, 3, 2), init=0.1)
module("nn.GLU", [], x(2, 4))
module("nn.Softmax2d", [], x(2, 3, 2, 2))
for name in ("Softmax", "LogSoftmax", "Softmin"):
    module(f"nn.{name}", [], x(2, 3))
module("nn.Dropout1d", [0.2], x(2, 3, 2), train=False)
module("nn.Dropout3d", [], x(2, 3, 1, 1, 2), train=False)
module("nn.AlphaDropout", [], x(2, 3), train=False)
for train in (True, False):
    module("nn.BatchNorm3d", [2], x(2, 2, 2, 2, 3), train=train)
    module("nn.BatchNorm2d", [2], x(2, 2, 2, 3), bias=False, train=train)
    module("nn.InstanceNorm1d", [3], x(2, 3, 4), affine=True, track_running_stats=True, train=train)
    module("nn.InstanceNorm2d", [3], x(2, 3, 2, 2), track_running_stats=True, momentum=0.3, eps=1e-3, train=train)
module("nn.InstanceNorm1d", [3], x(3, 4))
module("nn.InstanceNorm2d", [3], x(2, 3, 2, 2))
module("nn.InstanceNorm3d", [2], x(1, 2, 2, 2, 2), affine=True, bias=False)
module("nn.GroupNorm", [2, 4], x(2, 4, 3), bias=False)
module("nn.RMSNorm", [4], x(3, 4))
module("nn.RMSNorm", [(3, 4)], x(2, 3, 4), eps=1e-3, elementwise_affine=False)
module("nn.LocalResponseNorm", [3], x(2, 5, 2, 2), alpha=0.1)
for name in ("ZeroPad2d", "ReflectionPad2d", "ReplicationPad2d", "CircularPad2d"):
    module(f"nn.{name}", [1], x(1, 2, 3, 4))
    module(f"nn.{name}", [(1, 2, 0, 1)], x(1, 2, 3, 4))
for name in ("ZeroPad1d", "ReflectionPad1d", "ReplicationPad1d", "CircularPad1d"):
    module(f"nn.{name}", [(1, 2)], x(1, 2, 4))
module("nn.ZeroPad3d", [1], x(1, 1, 2, 2, 2))
module("nn.ConstantPad1d", [1, 0.5], x(1, 2, 4))
module("nn.ConstantPad2d", [(1, 0, 2, 1), 3.0], x(1, 2, 3, 4))
module("nn.ConstantPad3d", [1, 2.0], x(1, 1, 2, 2, 2))
module("nn.Upsample", [], x(1, 2, 3, 2), scale_factor=2)
module("nn.Upsample", [(4, 5)], x(1, 2, 3, 2), mode="bilinear", align_corners=True)
module("nn.Upsample", [], x(1, 2, 3, 2), scale_factor=(2, 1.5), mode="bilinear")
module("nn.UpsamplingNearest2d", [], x(1, 2, 3, 2), scale_factor=2)
module("nn.UpsamplingBilinear2d", [], x(1, 2, 3, 2), scale_factor=2)
module("nn.PixelShuffle", [2], x(1, 8, 2, 3))
module("nn.PixelUnshuffle", [2], x(1, 2, 4, 6))
module("nn.ChannelShuffle", [2], constant(x(1, 6, 2)))
module("nn.Unfold", [(2, 3)], x(1, 2, 4, 5), padding=1)
module("nn.Fold", [(4, 5), 2], x(1, 8, 12))
module("nn.MaxPool1d", [2], distinct(1, 2, 7))
module("nn.MaxPool1d", [3, 2], distinct(1, 2, 7), return_indices=True)
module("nn.MaxPool2d", [2, 2, 0, 1, True], distinct(1, 2, 5, 6))
module("nn.AvgPool1d", [3], x(1, 2, 7), padding=1)
module("nn.AdaptiveAvgPool1d", [3], x(1, 2, 7))
module("nn.AdaptiveMaxPool1d", [3], distinct(1, 2, 7))
module("nn.AdaptiveMaxPool2d", [2, True], distinct(1, 2, 5, 6))
module("nn.Bilinear", [3, 4, 2], x(5, 3), x(5, 4))
module("nn.Bilinear", [3, 4, 2, False], x(5, 3), x(5, 4))
module("nn.CosineSimilarity", [], x(3, 4), x(3, 4))
module("nn.PairwiseDistance", [1], x(3, 4), x(3, 4), keepdim=True)
module("nn.ConvTranspose1d", [3, 4, 3], x(2, 3, 5), stride=2, padding=1, output_padding=1)
module("nn.ConvTranspose1d", [4, 4, 2], x(4, 5), groups=2, bias=False, dilation=2)
module("nn.Embedding", [5, 3], index(5, 4), max_norm=1.0)
module("nn.SmoothL1Loss", [], x(3, 4), x(3, 4), beta=0.5)
module("nn.KLDivLoss", [], x(3, 4), unit(3, 4), reduction="batchmean")
module("nn.PoissonNLLLoss", [], x(3, 4), positive(3, 4), full=True)
module("nn.GaussianNLLLoss", [], x(3, 4), x(3, 4), positive(3, 4))
module("nn.HingeEmbeddingLoss", [0.5], x(3, 4), constant(ties(3, 4)))
module("nn.SoftMarginLoss", [], x(3, 4), constant(ties(3, 4)))
module("nn.MultiLabelSoftMarginLoss", [], x(3, 4), constant(unit(3, 4)))
module("nn.MarginRankingLoss", [0.5], x(5), x(5), constant(x(5)))
module("nn.CosineEmbeddingLoss", [0.1], x(5, 4), x(5, 4), constant(ties(5)))
module("nn.TripletMarginLoss", [0.5], x(5, 4), x(5, 4), x(5, 4))
module("nn.MSELoss", [False], x(3, 4), x(3, 4))
module("nn.L1Loss", [None, False], x(3, 4), x(3, 4))
module("nn.NLLLoss", [None, False], x(3, 4), index(4, 3))
for name in ("MultiMarginLoss", "MultiLabelMarginLoss"):  # PyTorch has no second derivative of them
    target = index(4, 3) if name == "MultiMarginLoss" else index(4, 3, 4)
    module(f"nn.{name}", [], constant(x(3, 4)), target)


def to_size(library: Any, a: Any, w: Any, dims: int, *sizes: Any) -> Any:
    """A transposed convolution asked for each of these sizes."""
    layer = getattr(library.nn, f"ConvTranspose{dims}d")(3, 2, 3, stride=2, padding=1, bias=False)
    layer.weight = None
    del layer.weight
    layer.weight = w
    return [layer(a, output_size=size) for size in sizes]


add(to_size, x(2, 3, 4), x(3, 2, 3), 1, [7], [8])
add(to_size, x(2, 3, 4, 4), x(3, 2, 3, 3), 2, [7, 8], (2, 2, 8, 7))


def unpool(library: Any, a: Any) -> Any:
    """MaxPool2d with indices, and MaxUnpool2d."""
    nn = library.nn
    values, places = nn.MaxPool2d(2, return_indices=True)(a)
    short, at = nn.MaxPool1d(2, return_indices=True)(a[0])
    return [nn.MaxUnpool2d(2)(values, places), nn.MaxUnpool1d(2)(short, at, output_size=[5])]


add(unpool, distinct(2, 3, 4, 4))


def parameters(library: Any, a: Any) -> Any:
    """What lists and dictionaries of parameters say of themselves."""
    nn = library.nn
    net = nn.Module()
    net.list = nn.ParameterList([nn.Parameter(a.detach()), nn.Parameter(a.detach() + 1)])
    net.list.append(nn.Parameter(a.detach() + 2))
    net.named = nn.ParameterDict({"a": nn.Parameter(a.detach()), "b": nn.Parameter(a.detach() * 2)})
    net.named["c"] = nn.Parameter(a.detach() * 3)
    keys = [len(key) for key in net.state_dict()]
    return [a * n for n in keys] + [p * a for p in net.list] + [net.named[k] * a for k in ("a", "b", "c")]


add(parameters, x(2))


def reparametrise(library: Any, a: Any, w: Any, kind: str, undo: str, layer: Any, options: Any, train: bool) -> Any:
    """What a layer whose weight w is normalised gives, twice; gradients, state, and the weight after that is undone."""
    module = getattr(library.nn, layer[0])(*layer[1:], bias=False).to(w.dtype)
    with library.no_grad():
        module.weight.copy_(w)
    getattr(library.nn.utils, kind)(module, **options)
    module.train(train)
    with library.no_grad():
        for start in module.buffers():  # of the power method
            values = library.arange(1, start.numel() + 1).to(w.dtype)
            start.copy_(values / values.norm())
    outputs = [module(a), module(a)]
    gradients = library.autograd.grad((outputs[1] ** 2).sum(), list(module.parameters()))
    state = [value * 1 for value in module.state_dict().values()]
    getattr(library.nn.utils, undo)(module)
    return [o.detach() for o in outputs] + [g.detach() for g in gradients] + state + [module.weight.detach()]


LINEAR, TRANSPOSED = ("Linear", 3, 4), ("ConvTranspose2d", 3, 2, 3)
for options in ({}, {"dim": 1}, {"dim": None}):
    add(reparametrise, x(2, 3), constant(x(4, 3)), "weight_norm", "remove_weight_norm", LINEAR, options, True)
image, filters = x(1, 3, 3, 3), constant(x(3, 2, 3, 3))
add(reparametrise, image, filters, "weight_norm", "remove_weight_norm", TRANSPOSED, {}, True)
for train in (True, False):
    add(reparametrise, x(2, 3), constant(x(4, 3)), "spectral_norm", "remove_spectral_norm", LINEAR, {}, train)
    many = {"n_power_iterations": 3}
    add(reparametrise, image, filters, "spectral_norm", "remove_spectral_norm", TRANSPOSED, many, train)


def fill(library: Any, a: Any, name: str, *args: Any) -> Any:
    """What a start that has no chance in it leaves."""
    return getattr(library.nn.init, name)(a.detach().clone(), *args)


add(fill, x(4, 2, 3), "dirac_")
add(fill, x(4, 2, 3, 2), "dirac_", 2)
add(fill, x(2, 3, 1, 2, 3), "dirac_")


def total_norm(library: Any, a: Any, b: Any, p: float) -> Any:
    """The norm of two tensors as one vector, and both scaled by it as gradients."""
    utils = library.nn.utils
    for leaf in (a, b):
        leaf.grad = leaf.detach() * 2
    norm = utils.get_total_norm([a.grad, b.grad], p)
    utils.clip_grads_with_norm_([a, b], 0.5, norm)
    return norm, a.grad, b.grad


add(total_norm, x(3), x(2, 2), 2.0)
add(total_norm, x(3), x(2, 2), float("inf"))
