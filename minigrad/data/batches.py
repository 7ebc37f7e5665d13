"""From samples to batches: what a dataset is, how it is divided, and the loop over it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import random
from minigrad.ops.shape import stack
from minigrad.tensor import Tensor, as_tensor, from_numpy

Indices = NDArray[np.int64]


class Dataset:
    """Samples by number. Subclasses define `__len__` and `__getitem__`, and `batch` where many at once are cheaper."""

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} does not define __len__()")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__()")

    def batch(self, indices: Indices) -> Any:
        """The samples at `indices` as one batch."""
        return default_collate([self[int(i)] for i in indices])


class TensorDataset(Dataset):
    """Samples that are the rows of tensors (or arrays) of equal length: sample i is (a[i], b[i], ...)."""

    def __init__(self, *tensors: Tensor | NDArray[Any]):
        if not tensors:
            raise ValueError("TensorDataset: expected one tensor or more")
        self.tensors = tuple(as_tensor(tensor) for tensor in tensors)
        shapes = [tensor.shape for tensor in self.tensors]
        if any(not shape for shape in shapes) or len({shape[0] for shape in shapes}) != 1:
            raise ValueError(f"TensorDataset: tensors of equal length expected, got shapes {shapes}")

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def batch(self, indices: Indices) -> tuple[Tensor, ...]:
        """The rows at `indices` of each tensor."""
        return self[indices]


class Subset(Dataset):
    """The samples of a dataset at `indices`."""

    def __init__(self, dataset: Any, indices: Sequence[int] | Indices):
        self.dataset = dataset
        self.indices = np.asarray(indices, np.int64)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        chosen = self.indices[index]
        return self.dataset[int(chosen)] if chosen.ndim == 0 else _batch(self.dataset, chosen)

    def batch(self, indices: Indices) -> Any:
        """The samples at those of this subset's `indices`, by the dataset's own `batch`."""
        return _batch(self.dataset, self.indices[indices])


def random_split(
    dataset: Any, lengths: Sequence[int] | Sequence[float], generator: np.random.Generator | None = None
) -> list[Subset]:
    """The dataset in random parts that do not overlap, of `lengths` samples, or of these shares if they sum to 1.

    What rounding the shares down leaves over goes to the parts in turn, as in PyTorch.
    """
    counts: list[Any] = list(lengths)
    if any(isinstance(length, float) for length in counts) and math.isclose(sum(counts), 1):
        counts = [math.floor(len(dataset) * share) for share in counts]
        for i in range(len(dataset) - sum(counts)):
            counts[i % len(counts)] += 1
    if sum(counts) != len(dataset) or not all(isinstance(n, int | np.integer) and n >= 0 for n in counts):
        raise ValueError(f"random_split: lengths {list(lengths)} do not divide {len(dataset)} samples")
    order = (generator or random.default_generator).permutation(len(dataset))
    ends = np.cumsum(counts)
    return [Subset(dataset, order[end - n : end]) for n, end in zip(counts, ends, strict=True)]


def default_collate(samples: Sequence[Any]) -> Any:
    """A batch from samples: tensors, arrays and numbers stacked, and tuples, lists and dictionaries part by part."""
    first = samples[0]
    if isinstance(first, Tensor):
        out: Tensor = stack(samples)
        return out
    if isinstance(first, np.ndarray | np.generic):
        return from_numpy(np.stack([np.asarray(sample) for sample in samples]))
    if isinstance(first, bool | int | float):
        return Tensor(list(samples))
    if isinstance(first, dict):
        return {key: default_collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, tuple | list):
        return tuple(default_collate(part) for part in zip(*samples, strict=True))
    if isinstance(first, str):
        return list(samples)
    raise TypeError(f"default_collate: cannot make a batch of {type(first).__name__}; pass a collate_fn")


def _batch(dataset: Any, indices: Indices) -> Any:
    return dataset.batch(indices) if hasattr(dataset, "batch") else Dataset.batch(dataset, indices)


class DataLoader:
    """Iterates over a dataset in batches, in a new random order each time if `shuffle`.

    dataset: anything with `__len__` and `__getitem__`. collate_fn: makes a batch of a list of samples; without it, the
    dataset's own `batch` does. drop_last: leave out a last batch that is not full. generator: draws the orders; the
    default one unless given, so that its state determines them.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        drop_last: bool = False,
        generator: np.random.Generator | None = None,
    ):
        if not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise ValueError(f"DataLoader: batch_size must be a positive integer, got {batch_size!r}")
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.generator = generator

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        n = len(self.dataset)
        order = (self.generator or random.default_generator).permutation(n) if self.shuffle else np.arange(n)
        for i in range(len(self)):
            indices = order[i * self.batch_size : (i + 1) * self.batch_size]
            if self.collate_fn is None:
                yield _batch(self.dataset, indices)
            else:
                yield self.collate_fn([self.dataset[int(index)] for index in indices])
