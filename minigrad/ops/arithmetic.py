"""Elementwise functions with PyTorch's options, composed of simpler ones; and what compares whole tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd import Value, primitive
from minigrad.autograd.spelling import allow_spellings
from minigrad.autograd.strangers import describe_kind
from minigrad.ops import elementwise
from minigrad.ops.elementwise import cast, isnan, mul, nothing, trunc, where

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

__all__ = [
    "add", "addcdiv", "addcmul", "allclose", "div", "divide", "equal", "frac", "is_floating_point", "is_tensor",
    "isclose", "lerp", "nan_to_num", "numel", "rsub", "sub", "subtract", "true_divide",
]  # fmt: skip


@allow_spellings
def add(x: Any, y: Any, *, alpha: float = 1) -> Tensor:
    """Sum x + alpha·y, broadcasting."""
    return elementwise.add(x, y if alpha == 1 else mul(y, alpha))


@allow_spellings
def sub(x: Any, y: Any, *, alpha: float = 1) -> Tensor:
    """Difference x - alpha·y, broadcasting."""
    return elementwise.sub(x, y if alpha == 1 else mul(y, alpha))


@allow_spellings
def rsub(x: Any, y: Any, *, alpha: float = 1) -> Tensor:
    """Difference y - alpha·x, broadcasting."""
    return sub(y, x, alpha=alpha)


@allow_spellings
def div(x: Any, y: Any, *, rounding_mode: str | None = None) -> Tensor:
    """Quotient x / y, broadcasting; integers give float32.

    rounding_mode: "floor" for ⌊x / y⌋, "trunc" for x / y without its fraction; integers stay integers then.
    """
    if rounding_mode is None:
        return elementwise.div(x, y)
    if rounding_mode not in ("floor", "trunc"):
        raise ValueError(f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")
    return rounded_quotient(x, y, rounding_mode)


@primitive(x=nothing, y=nothing)
def rounded_quotient(x: Any, y: Any, mode: str) -> Any:
    """x / y rounded down, or without its fraction ("trunc"); its gradient is 0."""
    if mode == "floor":
        return np.floor_divide(x, y)
    kind = np.result_type(x, y)
    if kind.kind == "f":
        return np.trunc(np.true_divide(x, y))
    quotient = np.floor_divide(np.abs(x), np.abs(y))  # of whole numbers, exact where floats are not
    return (np.sign(x) * np.sign(y) * quotient).astype(kind)


@allow_spellings
def addcmul(x: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Tensor:
    """x + value · tensor1 · tensor2, broadcasting."""
    return elementwise.add(x, mul(mul(tensor1, tensor2), value))


@allow_spellings
def addcdiv(x: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Tensor:
    """x + value · tensor1 / tensor2, broadcasting."""
    return elementwise.add(x, mul(elementwise.div(tensor1, tensor2), value))


@allow_spellings
def lerp(x: Any, end: Any, weight: Any) -> Tensor:
    """x + weight · (end - x), broadcasting: on the line from x to `end`."""
    return elementwise.add(x, mul(elementwise.sub(end, x), weight))


@allow_spellings
def frac(x: Any) -> Tensor:
    """x less its whole part, with x's sign."""
    return elementwise.sub(x, trunc(x))


@allow_spellings
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """x with numbers for NaN and the infinities: 0, the largest and the smallest of its dtype unless given."""
    if x.dtype.kind != "f":
        return elementwise.clone(x)
    limits = np.finfo(x.dtype)
    out = where(isnan(x), nan, x)
    out = where(elementwise.eq(x, math.inf), float(limits.max) if posinf is None else posinf, out)
    return where(elementwise.eq(x, -math.inf), float(limits.min) if neginf is None else neginf, out)


# ---------------------------------------------------------------------------------------------------- whole tensors


@allow_spellings
def isclose(x: Any, y: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether |x - y| ≤ atol + rtol·|y|, broadcasting. Infinities are close to themselves, NaN only if `equal_nan`."""
    a, b = plain(x, "isclose"), plain(y, "isclose")
    if min(rtol, atol) < 0:
        raise ValueError(f"isclose: expected rtol and atol of at least 0, got {rtol} and {atol}")
    if a.dtype != b.dtype:
        raise TypeError(f"isclose: expected one dtype, got {a.dtype} and {b.dtype}")
    return cast(np.isclose(a, b, rtol, atol, equal_nan), np.bool_)


@allow_spellings
def allclose(x: Any, y: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close, as in `isclose`."""
    return bool(isclose(x, y, rtol, atol, equal_nan).array.all())


@allow_spellings
def equal(x: Any, y: Any) -> bool:
    """Whether two tensors have the same shape and elements."""
    return np.array_equal(plain(x, "equal"), plain(y, "equal"))


def plain(x: Any, name: str) -> np.ndarray:
    if not isinstance(x, Value):
        raise TypeError(f"{name}: expected a Tensor, got {describe_kind(x)}")
    return x.array


@allow_spellings
def numel(x: Any) -> int:
    """The number of elements."""
    return plain(x, "numel").size


def is_tensor(obj: Any) -> bool:
    """Whether an object is a Tensor."""
    return isinstance(obj, Value)


def is_floating_point(x: Any) -> bool:
    """Whether the elements are floating."""
    return plain(x, "is_floating_point").dtype.kind == "f"


subtract, divide, true_divide = sub, div, div
