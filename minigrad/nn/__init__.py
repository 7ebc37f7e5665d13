"""Neural networks: modules (`nn.Module`), their start (`nn.init`), functions (`nn.functional`) and helpers
(`nn.utils`)."""

from typing import TYPE_CHECKING, Any

from minigrad.instead import missing
from minigrad.nn import functional, init, utils
from minigrad.nn.containers import ModuleDict, ModuleList, Sequential
from minigrad.nn.layers import (
    ELU,
    GELU,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    CosineSimilarity,
    Dropout,
    Dropout2d,
    Embedding,
    Flatten,
    GroupNorm,
    Identity,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    MaxPool2d,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Unflatten,
)
from minigrad.nn.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
)
from minigrad.nn.module import Module, Parameter
from minigrad.nn.summary import summary

__all__ = [
    "ELU",
    "GELU",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "GroupNorm",
    "HuberLoss",
    "Identity",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Unflatten",
    "functional",
    "init",
    "summary",
    "utils",
]

INSTEAD = {  # names that PyTorch's users reach for first
    **dict.fromkeys(["RNN", "LSTM", "GRU"], "write the step as a Module and loop over time"),
    **dict.fromkeys(["Transformer", "MultiheadAttention"], "build it from Linear, LayerNorm, softmax and matmul"),
    **dict.fromkeys(["Conv3d", "MaxPool3d", "AvgPool3d", "BatchNorm3d"], "fold a dimension into the batch and use 2d"),
    **dict.fromkeys(["MaxPool1d", "AvgPool1d"], "use the 2d layer on input.unsqueeze(2) with kernel (1, k)"),
    "ConvTranspose1d": "use ConvTranspose2d on input.unsqueeze(2) with kernel (1, k)",
    "InstanceNorm2d": "use GroupNorm(channels, channels)",
    "SyncBatchNorm": "use BatchNorm2d; there is one process",
    "DataParallel": "leave it out; kernels use all cores",
    "Upsample": "use ConvTranspose2d, or Tensor.repeat",
    "SmoothL1Loss": "use HuberLoss(delta=beta) and divide by beta",
    "KLDivLoss": "use CrossEntropyLoss with probabilities as targets; it differs by their entropy",
    "ParameterList": "set the parameters as attributes, or register_parameter them in a loop",
    "ReLU6": "use input.clamp(0, 6)",
    "Hardtanh": "use input.clamp(-1, 1)",
}


if not TYPE_CHECKING:  # a type checker would take it for a promise that every name exists

    def __getattr__(name: str) -> Any:
        raise missing("module 'minigrad.nn'", name, INSTEAD)
