"""What several functions ask of their arguments, and what they do to them before and after. No function of its own."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from minigrad.autograd.strangers import describe_kind
from minigrad.tensor import Tensor
from minigrad.tensor.inplace import is_recorded, refuse_leaf, replace

Function = TypeVar("Function", bound=Callable[..., Any])
ArrayLike: TypeAlias = "Tensor | NDArray[Any]"


def array_of(value: ArrayLike) -> NDArray[Any]:
    """The array of a tensor, or what can be made one."""
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def constant(input: Tensor, value: ArrayLike) -> NDArray[Any]:
    """A constant in the input's dtype, so that it widens nothing."""
    return array_of(value).astype(input.dtype, copy=False)


def whole_numbers(name: str, what: str, value: ArrayLike) -> NDArray[np.int64]:
    """`value` as int64; a TypeError if its dtype is floating or boolean."""
    array = array_of(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: {what} must be a Tensor, got {describe_kind(value)}")
    if array.dtype.kind not in "iu":
        hint = "; say .long() if these are whole numbers" if array.dtype.kind == "f" else ""
        raise TypeError(f"{name}: expected an integer {what}, got {array.dtype} of shape {array.shape}{hint}")
    return array.astype(np.int64, copy=False)


def check_tensors(name: str, **values: Any) -> None:
    """Raise a TypeError unless all are Tensors or arrays; None is what a forward without a `return` gives."""
    for argument, value in values.items():
        if not isinstance(value, Tensor | np.ndarray | np.generic):
            raise TypeError(f"{name}: {argument} must be a Tensor, got {describe_kind(value)}")


def check_same(name: str, input: Tensor, target: ArrayLike) -> None:
    """Raise a ValueError unless both have one shape."""
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: an input of shape {input.shape} and a target of shape {target.shape}, expected the same"
        )


def choose_reduction(name: str, reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """The reduction, checked; PyTorch's older options decide where they are given, with a warning."""
    for option, value in (("size_average", size_average), ("reduce", reduce)):
        if value is not None and not isinstance(value, bool):
            hint = f"; make the loss first and call it then, {name}()(input, target)" if name[0].isupper() else ""
            raise TypeError(f"{name}: {option} must be a boolean, got {type(value).__name__}{hint}")
    if size_average is not None or reduce is not None:
        mean, some = size_average is not False, reduce is not False
        reduction = "none" if not some else "mean" if mean else "sum"
        warnings.warn(
            f"{name}: size_average and reduce are PyTorch's older options; say reduction={reduction!r}", stacklevel=4
        )
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{name}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
    return reduction


def reduce_losses(losses: Tensor, reduction: str) -> Tensor:
    """All losses, their mean or their sum."""
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


def through_float32(function: Function) -> Function:
    """The function with a float16 input computed in float32, where squares and sums neither overflow nor vanish."""
    first = function.__code__.co_varnames[0]

    @functools.wraps(function)
    def apply(*args: Any, **kwargs: Any) -> Any:
        input = args[0] if args else kwargs.get(first)
        if not isinstance(input, Tensor) or input.array.dtype != np.float16:
            return function(*args, **kwargs)
        kwargs.pop(first, None)
        return function(input.to(np.float32), *args[1:], **kwargs).to(np.float16)

    return apply  # type: ignore[return-value]


def overwrite(input: Tensor, name: str, out: Tensor) -> Tensor:
    """Put `out`, of whose rules none looks at the input, into the input's memory and history; return the input."""
    recorded = is_recorded(input, ())
    if recorded:
        refuse_leaf(input, name)
    replace(input, name, out, recorded)
    return input
