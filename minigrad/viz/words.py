"""How numbers, shapes and settings are spelled in pictures."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from minigrad.autograd import Value
from minigrad.kernels.windows import Window
from minigrad.ops.indexing import Index

NEUTRAL = {"stride": "1", "dilation": "1", "groups": "1", "padding": "0", "order": "'K'"}  # they go without saying
UNTOLD = ("shape", "parts", "total")  # the result tells the first; how a kernel splits its work is no setting
ROLES = {  # what the operands of an operation are to it, where their order matters
    "sub": ("left", "right"), "div": ("left", "right"), "remainder": ("left", "right"), "matmul": ("left", "right"),
    "pow": ("base", "exponent"), "where": ("if", "then", "else"), "floor_divide": ("left", "right"),
    "atan2": ("left", "right"), "fmod": ("left", "right"), "outer": ("left", "right"),
    **dict.fromkeys(("cat", "stack"), ("first", "second")),
    **dict.fromkeys(("lt", "le", "gt", "ge"), ("left", "right")),
}  # fmt: skip
PYTORCH = {"convolution": "conv2d", "convolution_input": "conv_transpose2d", "contract": "einsum",
           "absolute": "abs", "subscript": "getitem"}  # fmt: skip


def operand_role(name: str, position: int, count: int) -> str:
    """What an operand is to an operation of so many; "" where it goes without saying."""
    roles = ROLES.get(name, ())
    if roles[:1] == ("first",) and count > 2:
        return str(position + 1)
    return roles[position] if position < len(roles) and count > 1 else ""


def operation_name(name: str) -> str:
    """The name that PyTorch's users know an operation by."""
    return PYTORCH.get(name, name.lstrip("_"))


def shape_text(shape: tuple[int, ...], dtype: np.dtype[Any] | None = None) -> str:
    """64×3×28×28; a dtype other than float32 is said."""
    said = "" if dtype is None or dtype == np.float32 else f" {dtype}"
    return ("×".join(map(str, shape)) or "scalar") + said


def digits(value: float, form: str = ".4g") -> str:
    """A number in few letters, with the minus sign of type."""
    if isinstance(value, bool):
        return str(value)
    return format(value, form).replace("-", "−")


def spell(value: Any) -> str:
    """A setting in few letters: (1, 1) as 1, slices as in an index, an array by its shape; "" for None and False."""
    if value is None or value is False:
        return ""
    if isinstance(value, Index):
        return spell_index(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, slice):
        step = "" if value.step is None else f":{value.step}"
        return f"{'' if value.start is None else value.start}:{'' if value.stop is None else value.stop}{step}"
    if isinstance(value, tuple | list):
        parts = [spell(part) or "None" for part in value]
        return parts[0] if len(parts) == 2 and parts[0] == parts[1] and ":" not in parts[0] else f"({', '.join(parts)})"
    if isinstance(value, Value | np.ndarray):
        array = value.array if isinstance(value, Value) else value
        return f"{array.dtype}[{shape_text(array.shape)}]"
    return "…" if value is Ellipsis else repr(value)


def spell_index(index: Index) -> str:
    """What stands between the brackets: [:, 0], or the arrays that choose."""
    parts = [spell(part) or "None" for part in index.basic]
    if index.advanced is not None:
        parts = [spell(part) or "None" for part in index.advanced]
    return f"[{', '.join(parts)}]"


def spell_settings(settings: dict[str, Any], convolution: bool = False) -> list[str]:
    """Settings that are not the usual ones, each with its name."""
    found = []
    if isinstance(how := settings.get("how"), Window):  # one by one
        settings = {**settings, **how._asdict()}
        del settings["how"]
        if convolution:  # a filter's size is told by its weight
            del settings["kernel"]
    for name, value in settings.items():
        words = spell(value)
        if words and name not in UNTOLD and NEUTRAL.get(name) != words:
            found.append(words if isinstance(value, Index) else f"{name} {words}")
    return found


UNSAID = re.compile(  # settings of layers that are the usual ones
    r"(stride|dilation|groups)=1|padding=0|(bias|affine|elementwise_affine|track_running_stats)=True|inplace=\w+"
    r"|ceil_mode=False|eps=1e-05|momentum=0\.1|padding_mode='zeros'|count_include_pad=True|return_indices=False"
)


def shorten_settings(text: str) -> str:
    """What a module says of its settings: pairs of equal numbers as one, without what goes without saying."""
    text = re.sub(r"\((\d+), \1\)", r"\1", text)
    parts = [part for part in re.split(r", (?![^(\[]*[)\]])", text) if not UNSAID.fullmatch(part)]
    text = ", ".join(parts).replace("kernel_size=", "kernel ")
    text = text.replace("stride=", "stride ").replace("padding=", "padding ").replace("bias=False", "no bias")
    return re.sub(r"^(in|out)_\w+=(\d+), out_\w+=", r"\2, ", text)
