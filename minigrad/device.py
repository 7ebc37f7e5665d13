"""There is one device, the CPU. PyTorch's names for devices, so that a script that asks finds no other and goes on."""

from __future__ import annotations

import re
from typing import Any

__all__ = [
    "accelerator", "backends", "cuda", "device", "get_default_device", "mps", "set_default_device", "xpu",
]  # fmt: skip

ONLY = "there is one device, the CPU"
TYPES = ("cpu", "cuda", "hpu", "ipu", "maia", "meta", "mps", "mtia", "vulkan", "xla", "xpu")


class device:
    """The name of a device, as in PyTorch: `device("cpu")`, `device("cuda:0")`, `device("cuda", 0)`, equal by value.

    Any device can be named, but only the CPU can be used: `check_device` refuses the others.

    >>> device("cpu"), str(device("cpu", 0))
    (device(type='cpu'), 'cpu:0')
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: str | int | device, index: int | None = None):
        if isinstance(type, device):
            index = type.index if index is None else index
            type = type.type
        if isinstance(type, int) and not isinstance(type, bool):
            raise RuntimeError(f"device: the number {type} names an accelerator; {ONLY}")
        if not isinstance(type, str):
            raise TypeError(f"device: expected a string such as 'cpu', got {type!r}")
        kind, colon, number = type.partition(":")
        if kind not in TYPES:
            raise RuntimeError(f"device: expected one of {', '.join(TYPES)} at the start, got {type!r}")
        if colon and not re.fullmatch(r"0|[1-9]\d*", number):
            raise RuntimeError(f"device: expected a number after the colon, got {type!r}")
        if colon and index is not None:
            raise RuntimeError(f"device: {type!r} has an index, so index={index} cannot be given, too")
        if index is not None and index < 0:
            raise RuntimeError(f"device: expected an index ≥ 0, got {index}")
        object.__setattr__(self, "type", kind)
        object.__setattr__(self, "index", int(number) if colon else index)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"device: {name} cannot be set; make another device")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type={self.type!r}" + (")" if self.index is None else f", index={self.index})")

    def __reduce__(self) -> Any:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        check_device(self)
        return self

    def __exit__(self, *error: object) -> None:
        pass


CPU = device("cpu")


def check_device(device_: Any, operation: str = "device") -> None:
    """Refuse every device but the CPU: a RuntimeError that names the operation. None is the CPU."""
    if device_ is None or device_ is CPU:
        return
    try:
        found = device(device_)
    except (RuntimeError, TypeError) as error:
        raise type(error)(f"{operation}: {str(error).removeprefix('device: ')}") from None
    if found.type != "cpu":
        raise RuntimeError(f"{operation}: {ONLY}; got device {str(found)!r}. Use device('cpu'), or leave it out")


def read_target(
    operation: str, *args: Any, copy: bool = False, non_blocking: bool = False, memory_format: Any = None, **named: Any
) -> tuple[Any, bool]:
    """What the arguments of `to` ask for: a dtype, or None for the same, and whether to copy in any case.

    to(device, dtype, non_blocking, copy), to(dtype, non_blocking, copy), to(other, non_blocking, copy), as in PyTorch.
    """
    first = args[0] if args else None
    names: tuple[str, ...] = ("other",) if hasattr(first, "requires_grad") else ("dtype",)
    if first is None or isinstance(first, device | int) or str(first).partition(":")[0] in TYPES:
        names = ("device", "dtype")
    names = (*names, "non_blocking", "copy")
    given = dict(zip(names, args, strict=False))
    if len(args) > len(names) or given.keys() & named.keys() or named.keys() - {"device", "dtype", "other"}:
        raise TypeError(
            f"{operation}: expected (device, dtype, non_blocking, copy), (dtype, non_blocking, copy) or "
            f"(other, non_blocking, copy), got {args} and {sorted(named)}"
        )
    given |= named
    check_device(given.get("device"), operation)
    other = given.get("other")
    return given.get("dtype") if other is None else other.dtype, bool(given.get("copy", copy))


def get_default_device() -> device:
    """The device that tensors are made on: the CPU."""
    return CPU


def set_default_device(device: Any) -> None:
    """Accept the CPU, on which tensors are made in any case, and refuse all else."""
    check_device(device, "set_default_device")


class Answer:
    """A function that says, whatever it is asked, what is so where there is only the CPU."""

    def __init__(self, name: str, value: object = None):
        self.name, self.value = name, value

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.value

    def __repr__(self) -> str:
        return f"<function {self.name}: {ONLY}>"


class Refusal(Answer):
    """A function (or a type of tensors) of a device that is not there: every call is a RuntimeError."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"{self.name}: {ONLY}")

    def __instancecheck__(self, instance: object) -> bool:
        return False


class Family:
    """One of PyTorch's namespaces about a device: functions that tell there is none, and switches that can be set.

    answers: what each function returns. refused: names of the functions that cannot answer. switches: attributes.
    """

    def __init__(self, name: str, answers: dict[str, object], refused: str = "", **switches: object):
        self.__name__ = name
        self.__dict__.update({key: Answer(f"{name}.{key}", value) for key, value in answers.items()})
        self.__dict__.update({key: Refusal(f"{name}.{key}") for key in refused.split()})
        self.__dict__.update(switches)

    def __getattr__(self, name: str) -> Any:
        what = f"module 'minigrad.{self.__name__}'"
        raise AttributeError(f"{what} has no attribute {name!r}; {ONLY}", name=name, obj=self)

    def __setattr__(self, name: str, value: object) -> None:
        if name != "__name__" and (name not in self.__dict__ or isinstance(self.__dict__[name], Answer | Family)):
            raise AttributeError(f"minigrad.{self.__name__} has no switch {name!r}; {ONLY}")
        self.__dict__[name] = value

    def __repr__(self) -> str:
        return f"<minigrad.{self.__name__}: {ONLY}>"


ABSENT: dict[str, object] = {
    **dict.fromkeys(("is_available", "is_initialized"), False),
    **dict.fromkeys(("device_count", "memory_allocated", "memory_reserved", "max_memory_allocated"), 0),
    **dict.fromkeys(("manual_seed", "manual_seed_all", "seed", "seed_all", "empty_cache", "synchronize")),
}
"""What holds of every accelerator: there is none, it keeps nothing, and all work is done when a function returns."""

TYPED = "FloatTensor DoubleTensor HalfTensor LongTensor IntTensor ShortTensor CharTensor ByteTensor BoolTensor"

cuda = Family(
    "cuda",
    {
        **ABSENT,
        **dict.fromkeys(("is_bf16_supported", "is_current_stream_capturing"), False),
        **dict.fromkeys(("ipc_collect", "reset_peak_memory_stats", "reset_max_memory_allocated")),
    },
    f"current_device set_device get_device_name get_device_properties get_device_capability init Event Stream {TYPED}",
)
mps = Family("mps", ABSENT)
xpu = Family("xpu", ABSENT, "current_device set_device get_device_name")
accelerator = Family("accelerator", {**ABSENT, "current_accelerator": None}, "current_device_index set_device_index")
backends = Family(
    "backends",
    {},
    cudnn=Family(
        "backends.cudnn",
        {"is_available": False, "version": None},
        benchmark=False, deterministic=False, enabled=True, allow_tf32=True,
    ),
    cuda=Family(
        "backends.cuda", {"is_built": False}, matmul=Family("backends.cuda.matmul", {}, allow_tf32=False)
    ),
    mps=Family("backends.mps", {"is_available": False, "is_built": False}),
)  # fmt: skip
