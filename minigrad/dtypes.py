"""What elements can be: NumPy's dtypes of three kinds, PyTorch's names for tensors of each, and the default dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "get_default_dtype", "set_default_dtype", "set_default_tensor_type",
]  # fmt: skip

TYPED: dict[str, np.dtype[Any]] = {
    "FloatTensor": np.dtype("float32"), "DoubleTensor": np.dtype("float64"), "HalfTensor": np.dtype("float16"),
    "LongTensor": np.dtype("int64"), "IntTensor": np.dtype("int32"), "ShortTensor": np.dtype("int16"),
    "CharTensor": np.dtype("int8"), "ByteTensor": np.dtype("uint8"), "BoolTensor": np.dtype("bool"),
}  # fmt: skip
"""The dtype of the tensors that PyTorch calls so."""

_default = np.dtype("float32")


def as_dtype(dtype: Any) -> np.dtype[Any]:
    """A NumPy dtype, of kinds that tensors have: floating, integer or boolean. None is the default dtype."""
    if dtype is None:
        return _default
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        device = " (the only device is 'cpu')" if isinstance(dtype, str) else ""
        raise TypeError(f"expected a dtype such as mg.float32, got {dtype!r}{device}") from None
    if found.kind not in "fiub":
        raise TypeError(f"expected a floating, integer or boolean dtype, got {found}")
    return found


def type_name(dtype: np.dtype[Any]) -> str:
    """What PyTorch calls a tensor of this dtype, as "torch.FloatTensor"."""
    return next((f"torch.{name}" for name, typed in TYPED.items() if typed == dtype), str(dtype))


def read_type_name(name: str) -> np.dtype[Any]:
    """The dtype of "torch.FloatTensor" and its like, or of "float32" and its like."""
    typed = TYPED.get(name.removeprefix("torch."))
    return as_dtype(name) if typed is None else typed


def get_default_dtype() -> np.dtype[Any]:
    """The dtype of tensors made from Python floats, or from sizes, where none is given: float32 unless it was set."""
    return _default


def set_default_dtype(d: Any) -> None:
    """Let tensors made from Python floats, or from sizes, have this floating dtype where none is given."""
    global _default
    found = as_dtype(d)
    if found.kind != "f":
        raise TypeError(f"set_default_dtype: expected a floating dtype, got {found}")
    _default = found


def set_default_tensor_type(t: Any) -> None:
    """`set_default_dtype` by the name of a tensor type: "torch.DoubleTensor" or `DoubleTensor`."""
    set_default_dtype(read_type_name(t) if isinstance(t, str) else t)
