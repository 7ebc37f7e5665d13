"""The functions that make a tensor: from data, from a value, from a range, at random."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np

from minigrad import random
from minigrad.autograd import box
from minigrad.autograd.strangers import expect_tensors
from minigrad.device import check_device
from minigrad.dtypes import as_dtype
from minigrad.ops.dims import whole_number
from minigrad.tensor.convert import as_array, row
from minigrad.tensor.draws import Source, draw
from minigrad.tensor.tensor import Tensor

__all__ = [
    "arange", "as_tensor", "empty", "empty_like", "eye", "from_numpy", "full", "full_like", "linspace", "ones",
    "ones_like", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "tensor",
    "zeros", "zeros_like",
]  # fmt: skip


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """A Tensor with the elements of numbers, nested lists, an array or a Tensor; always a copy.

    >>> tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    check_device(device, "tensor")
    return box(as_array(data, dtype)).requires_grad_(requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a Tensor: itself if it is one of that dtype, sharing the memory of an array of that dtype.

    >>> import numpy as np
    >>> array = np.zeros(2, np.float32)
    >>> as_tensor(array).add_(1)
    tensor([1., 1.])
    >>> array
    array([1., 1.], dtype=float32)
    """
    check_device(device, "as_tensor")
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray) and (dtype is None or data.dtype == as_dtype(dtype)):
        return from_numpy(data)
    return box(as_array(data, dtype))


def from_numpy(array: np.ndarray) -> Tensor:
    """A Tensor that shares the array's memory.

    Raises TypeError for what is no array, and for an array of words or objects.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: expected an array, got {type(array).__name__}")
    as_dtype(array.dtype)
    return box(array)


def as_number(name: str, value: Any) -> Any:
    """A number, also from a tensor of one element."""
    number = value.item() if hasattr(value, "item") else value
    if not isinstance(number, Number):
        raise TypeError(f"{name}: expected a number, got {type(number).__name__}")
    return number


def read_size(name: str, size: Sequence[Any]) -> tuple[int, ...]:
    """The lengths in f(2, 3) or f((2, 3)); a TypeError or a ValueError, with the function's name, unless they are."""
    try:
        lengths = row(tuple(size))
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    if any(length < 0 for length in lengths):
        raise ValueError(f"{name}: lengths must be at least 0, got {lengths}")
    return lengths


def finished(array: np.ndarray, requires_grad: bool) -> Tensor:
    return box(array).requires_grad_(requires_grad)


def zeros(*size: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Zeros of a shape.

    >>> zeros(2, 3).shape, zeros((2, 3)).shape
    ((2, 3), (2, 3))
    """
    check_device(device, "zeros")
    return finished(np.zeros(read_size("zeros", size), as_dtype(dtype)), requires_grad)


def ones(*size: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Ones of a shape."""
    check_device(device, "ones")
    return finished(np.ones(read_size("ones", size), as_dtype(dtype)), requires_grad)


def empty(*size: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """A tensor of a shape with arbitrary elements."""
    check_device(device, "empty")
    return finished(np.empty(read_size("empty", size), as_dtype(dtype)), requires_grad)


def full(
    size: Sequence[int], fill_value: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """A tensor of a shape with one value everywhere; its dtype is the value's unless given."""
    check_device(device, "full")
    value = as_array(fill_value, dtype)
    return finished(np.full(read_size("full", size), value, value.dtype), requires_grad)


def arange(
    start: Any, end: Any = None, step: Any = 1, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """start, start + step, … up to but not including end; from 0 with one argument. Integers unless one is a float.

    Raises ValueError for a step that never arrives at the end.

    >>> arange(1, 6, 2)
    tensor([1, 3, 5])
    """
    check_device(device, "arange")
    start, end = (0, start) if end is None else (start, end)
    start, end, step = (as_number("arange", value) for value in (start, end, step))
    given = None if any(isinstance(v, float) for v in (start, end, step)) else np.int64
    kind = as_dtype(given if dtype is None else dtype)
    if step == 0 or (end - start) * step < 0 or not math.isfinite(end - start):
        raise ValueError(f"arange: from {start} to {end} in steps of {step} never arrives")
    if kind.kind in "iu":
        start, end, step = int(start), int(end), int(step)
    return finished((start + step * np.arange(math.ceil((end - start) / step))).astype(kind), requires_grad)


def linspace(
    start: float, end: float, steps: int, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """`steps` numbers at equal distances, from start to end, both included.

    >>> linspace(0, 1, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    check_device(device, "linspace")
    kind, start, end = as_dtype(dtype), as_number("linspace", start), as_number("linspace", end)
    if kind.kind != "f":
        start, end = int(start), int(end)
    return finished(np.linspace(start, end, steps).astype(kind), requires_grad)


def eye(n: int, m: int | None = None, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Ones on the diagonal of an (n, m) matrix of zeros; m = n unless given."""
    check_device(device, "eye")
    return finished(np.eye(n, m, dtype=as_dtype(dtype)), requires_grad)


def rand(
    *size: Any, dtype: Any = None, generator: Source = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Draws from the uniform distribution on [0, 1)."""
    check_device(device, "rand")
    return finished(draw("random", read_size("rand", size), dtype, generator), requires_grad)


def randn(
    *size: Any, dtype: Any = None, generator: Source = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Draws from the standard normal distribution."""
    check_device(device, "randn")
    return finished(draw("standard_normal", read_size("randn", size), dtype, generator), requires_grad)


def randint(
    low: int, high: Any = None, size: Any = None, dtype: Any = np.int64, generator: Source = None, device: Any = None
) -> Tensor:
    """Whole numbers from low up to but not including high, each as likely: randint(low, high, size) or (high, size).

    Gives int64 unless another dtype is asked for. Raises ValueError unless low is below high.
    """
    check_device(device, "randint")
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if isinstance(size, int) or size is None:
        raise TypeError(f"randint: the size is a row of lengths, such as ({size or 3},), not {size}")
    if not low < high:
        raise ValueError(f"randint: expected low below high, got {low} and {high}")
    source = random.default_generator if generator is None else generator
    return box(np.asarray(source.integers(low, high, read_size("randint", size))).astype(as_dtype(dtype)))


def randperm(n: int, generator: Source = None, device: Any = None) -> Tensor:
    """The numbers 0 … n - 1 in random order.

    Gives int64 (n,). Raises TypeError for an n that is not whole.
    """
    check_device(device, "randperm")
    source = random.default_generator if generator is None else generator
    return box(source.permutation(whole_number(n, "randperm: n")))


@expect_tensors
def zeros_like(input: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Zeros of the shape and dtype of another tensor."""
    check_device(device, "zeros_like")
    return zeros(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


@expect_tensors
def ones_like(input: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Ones of the shape and dtype of another tensor."""
    check_device(device, "ones_like")
    return ones(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


@expect_tensors
def empty_like(input: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Arbitrary elements in the shape and dtype of another tensor."""
    check_device(device, "empty_like")
    return empty(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


@expect_tensors
def full_like(
    input: Any, fill_value: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """One value everywhere, in the shape and dtype of another tensor."""
    check_device(device, "full_like")
    return full(input.shape, fill_value, dtype or input.dtype, requires_grad)


@expect_tensors
def rand_like(
    input: Any, dtype: Any = None, generator: Source = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Uniform draws from [0, 1) in the shape and dtype of another tensor."""
    check_device(device, "rand_like")
    return rand(input.shape, dtype=dtype or input.dtype, generator=generator, requires_grad=requires_grad)


@expect_tensors
def randn_like(
    input: Any, dtype: Any = None, generator: Source = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Standard normal draws in the shape and dtype of another tensor."""
    check_device(device, "randn_like")
    return randn(input.shape, dtype=dtype or input.dtype, generator=generator, requires_grad=requires_grad)


@expect_tensors
def randint_like(
    input: Any, low: int, high: int | None = None, dtype: Any = None, generator: Source = None, device: Any = None
) -> Tensor:
    """Whole numbers from low (or 0) up to but not including high (or low), in another tensor's shape and dtype."""
    check_device(device, "randint_like")
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, input.shape, dtype or input.dtype, generator)
