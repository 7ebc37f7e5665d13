"""From samples to a batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from minigrad.ops.shape import stack
from minigrad.tensor import Tensor, from_numpy, tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """A batch from samples: tensors, arrays and numbers stacked, strings in a list, the rest part by part.

    Tuples become lists; named tuples, lists and dictionaries stay what they are. Python floats become float64. Shapes:
    n samples of shape S give (n, S). All this is as in PyTorch.
    """
    first = batch[0]
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Tensor):
        return _stack(stack, batch)
    if isinstance(first, np.ndarray | np.generic) and first.dtype.kind in "fiub":
        return from_numpy(_stack(np.stack, [np.asarray(sample) for sample in batch]))
    if isinstance(first, bool | int | float):
        return tensor(list(batch), dtype=np.float64 if isinstance(first, float) else None)
    if isinstance(first, Mapping):
        return _rebuild(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, Sequence):
        if len({len(sample) for sample in batch}) > 1:
            raise RuntimeError(
                f"default_collate: each sample should have as many parts, got {[len(sample) for sample in batch]}"
            )
        return _rebuild(first, [default_collate(parts) for parts in zip(*batch, strict=True)])
    kind = getattr(first, "dtype", type(first).__name__)
    raise TypeError(
        f"default_collate: a batch needs tensors, NumPy arrays, numbers, dicts or lists, found {kind}; "
        "convert the samples, or pass a collate_fn"
    )


def _stack(stack: Callable[[Sequence[Any]], Any], samples: Sequence[Any]) -> Any:
    """The samples along a new dimension; a ValueError that names two shapes unless they have one."""
    try:
        return stack(samples)
    except ValueError:
        shapes = list(dict.fromkeys(getattr(sample, "shape", ()) for sample in samples))
        if len(shapes) == 1:
            raise
        raise ValueError(
            f"default_collate: samples of one batch must have one shape, got {shapes[0]} and {shapes[1]}; "
            "bring them to one size, or pass a collate_fn"
        ) from None


def default_convert(data: Any) -> Any:
    """One sample as it is but for its arrays, which become tensors: what a loader without batches does."""
    if isinstance(data, np.ndarray | np.generic) and not isinstance(data, str | bytes) and data.dtype.kind in "fiub":
        return from_numpy(np.asarray(data))
    if isinstance(data, Mapping):
        return _rebuild(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _rebuild(data, [default_convert(part) for part in data])
    return data


def _rebuild(like: Any, parts: Any) -> Any:
    """`parts` in a container of the kind of `like`, where that can be; tuples without names become lists."""
    make: Callable[[Any], Any] = type(like)
    try:
        if isinstance(like, tuple):
            return like._make(parts) if hasattr(like, "_make") else parts
        if isinstance(like, MutableMapping | MutableSequence):
            made: Any = copy.copy(like)
            for key, value in parts.items() if isinstance(parts, dict) else enumerate(parts):
                made[key] = value
            return made
        return make(parts)
    except TypeError:
        return parts
