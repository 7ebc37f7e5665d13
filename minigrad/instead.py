"""What to use instead of a name that is not here, but that users of PyTorch or NumPy reach for: one table for all.

Also `public`, which finds the names that a module has to offer, so that no list of them is kept by hand; and `hide`,
which keeps a class's own workings out of completion and out of the reference.
"""

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

PLACES = ("nn", "nn.functional", "nn.init", "nn.utils", "optim", "optim.lr_scheduler", "data", "func", "autograd")
"""Where a name is looked for that is asked for at the wrong place."""

INSTEAD = {
    name: hint
    for names, hint in (
        ("nn.RNN nn.LSTM nn.GRU nn.RNNCell nn.LSTMCell nn.GRUCell", "write the step as a Module and loop over time"),
        (
            "nn.Transformer nn.MultiheadAttention nn.TransformerEncoderLayer nn.TransformerEncoder",
            "build it from Linear, LayerNorm, softmax and matmul",
        ),
        ("vision.models", "write the network; there are none with trained weights"),
        ("utils.tensorboard", "print the numbers, or draw them with matplotlib"),
        ("minigrad.distributed minigrad.multiprocessing", "there is one process; its kernels use all cores"),
        ("minigrad.fft", "use NumPy's on x.detach().numpy()"),
        (
            "nn.Conv3d nn.ConvTranspose3d nn.MaxPool3d nn.AvgPool3d nn.AdaptiveAvgPool3d",
            "fold a dimension into the batch and use 2d",
        ),
        ("nn.LazyLinear nn.LazyConv2d nn.LazyBatchNorm2d", "say how many features come in, as nn.summary shows them"),
        ("nn.CTCLoss nn.AdaptiveLogSoftmaxWithLoss", "write it with functional.log_softmax and nll_loss"),
        ("nn.NLLLoss2d", "use NLLLoss, which takes images, too"),
        ("nn.RReLU", "use LeakyReLU"),
        ("nn.FeatureAlphaDropout", "use AlphaDropout or Dropout2d"),
        ("nn.LPPool2d nn.LPPool1d", "use AvgPool2d on powers of the input"),
        ("nn.FractionalMaxPool2d", "use AdaptiveMaxPool2d"),
        ("nn.TripletMarginWithDistanceLoss", "use functional.relu(margin + near - far).mean()"),
        ("nn.SyncBatchNorm", "use BatchNorm2d; there is one process"),
        ("nn.CrossMapLRN2d", "use LocalResponseNorm"),
        ("optim.SparseAdam", "use Adam; gradients are dense"),
        ("optim.Adafactor optim.Muon", "use AdamW"),
        ("functional.grid_sample functional.affine_grid", "index the image at whole positions, or use interpolate"),
        ("functional.max_pool3d functional.avg_pool3d functional.conv3d", "fold a dimension into the batch and use 2d"),
        ("functional.ctc_loss", "write it with log_softmax and logsumexp"),
        ("functional.scaled_dot_product_attention", "use softmax(q @ k.mT / d**0.5, -1) @ v"),
        ("Tensor.bfloat16", "use x.to(dtype)"),
        ("Tensor.is_contiguous Tensor.stride Tensor.data_ptr Tensor.itemsize Tensor.nbytes", "ask x.numpy()"),
        ("Tensor.astype", "use x.to(dtype)"),
        ("Tensor.copy", "use x.clone()"),
        ("minigrad.from_pandas minigrad.from_dataframe minigrad.from_series", "use from_numpy(frame.to_numpy())"),
        ("minigrad.compile minigrad.jit minigrad.vmap", "nothing is compiled or batched for you; call it as it is"),
        ("minigrad.complex64 minigrad.complex128", "numbers are real"),
        ("minigrad.autocast", "use x.to(dtype)"),
        ("minigrad.finfo minigrad.iinfo", "use NumPy's, which take the dtype of a tensor"),
        ("minigrad.linalg", "use norm, matmul and einsum of minigrad, or NumPy's on x.detach().numpy()"),
        ("Tensor.det Tensor.inverse minigrad.det minigrad.inverse", "use NumPy's linalg on x.detach().numpy()"),
        ("minigrad.clamp_min Tensor.clamp_min", "use clamp(min=...)"),
        ("minigrad.clamp_max Tensor.clamp_max", "use clamp(max=...)"),
        ("minigrad.quantile Tensor.quantile", "use sort or kthvalue"),
        ("minigrad.triu_indices minigrad.tril_indices", "use triu or tril of ones(n, n).nonzero().T"),
        ("nn.EmbeddingBag", "use Embedding and take the mean over the words"),
        ("utils.clip_grad_norm", "it is clip_grad_norm_ now"),
        ("minigrad.F", "it is nn.functional"),
        (
            "distributions.MultivariateNormal distributions.Independent distributions.Beta distributions.Dirichlet",
            "write its log_prob with Normal, or with the formula",
        ),
        ("Module._parameters", "use named_parameters(), and delattr(module, name) to take one away"),
        ("Module.compile", "there is nothing to compile; call the module itself"),
        ("Module.bfloat16", "use .half() or .float()"),
        ("Module.share_memory", "send module.state_dict() to the other process"),
        ("Module.register_backward_hook", "use register_full_backward_hook"),
    )
    for name in names.split()
}
"""A name at one owner, "nn.LSTM", or wherever it is missing, "topk"; and the words that follow the error.

The owners are minigrad's modules by the last part of their path, and the classes Tensor and Module."""


def missing_name(owner: str, name: str, obj: Any = None) -> AttributeError:
    """The error for `name`, which the module of the path `owner`, or `obj` of the class `owner`, lacks."""
    kind = owner.rpartition(".")[2]
    hint = INSTEAD.get(f"{kind}.{name}")
    if hint is None and kind != "Module":  # a module's attributes have any name that its user likes
        hint = INSTEAD.get(name) or find_elsewhere(owner, name)
    what = f"module {owner!r}" if obj is None else f"{type(obj).__name__!r} object"
    error = f"{what} has no attribute {name!r}" + (f"; {hint}" if hint else "")
    return AttributeError(error, name=name, obj=sys.modules.get(owner) if obj is None else obj)


def refuse_name(owner: str, name: str) -> NoReturn:
    """Raise the error of `missing_name`: with the owner filled in, a module's `__getattr__`."""
    raise missing_name(owner, name)


def find_elsewhere(owner: str, name: str) -> str | None:
    """Words for the place where `name` is, or for the name that differs by capitals only, if there is one."""
    for place in PLACES:
        if name in getattr(sys.modules.get(f"minigrad.{place}"), "__all__", ()):
            return f"it is in {place}"
    for known in getattr(sys.modules.get(owner), "__all__", ()):
        if known.lower() == name.lower():
            return f"did you mean {known!r}?"
    return None


def public(namespace: Mapping[str, Any], home: str = "") -> list[str]:
    """Names for `__all__`: of what the module of this namespace, or its package, defines; or what all of `home` does.

    A name that begins with an underscore is left out, and so are modules.
    """
    home = home or namespace["__name__"]
    names = []
    for name, value in namespace.items():
        where = getattr(value, "__module__", None)
        if not name.startswith("_") and not isinstance(value, ModuleType) and f"{where}.".startswith(f"{home}."):
            names.append(name)
    return sorted(names)


def hide(names: str) -> Callable[[type[T]], type[T]]:
    """Let `dir` of a class's objects, and so completion, leave out names that are of use inside of the library only."""
    hidden = frozenset(names.split())

    def decorate(kind: type[T]) -> type[T]:
        shown = kind.__dir__

        def offer(self: T) -> list[str]:
            return [name for name in shown(self) if name not in hidden]

        setattr(kind, "__dir__", offer)  # noqa: B010 (mypy takes methods for constants)
        setattr(kind, "_hidden", hidden | getattr(kind, "_hidden", frozenset()))  # noqa: B010
        return kind

    return decorate
