"""Datasets: samples by number or one after the other, and how they are joined, divided and chosen from."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from minigrad import random
from minigrad.data.collate import default_collate
from minigrad.tensor import Tensor, as_tensor


class Dataset:
    """Samples by number. Subclasses define `__getitem__`, and `__len__` unless a sampler says what there is.

    A class that has many samples at once more cheaply than one by one defines, beside its `__getitem__`,
    `collate_rows(indices)`: the same as `default_collate([self[i] for i in indices])`.
    """

    def __class_getitem__(cls, sample_type: Any) -> type[Self]:
        """The class itself: `Dataset[Tensor]` is for readers."""
        return cls

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__()")

    def __add__(self, other: Any) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Samples one after the other. Subclasses define `__iter__`."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__()")

    def __add__(self, other: Any) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset):
    """Samples that are the rows of tensors (or arrays) of equal length: sample i is (a[i], b[i], ...).

    Raises ValueError where lengths differ.

    >>> import minigrad as mg
    >>> len(TensorDataset(mg.ones(5, 2), mg.arange(5)))
    5
    """

    def __init__(self, *tensors: Tensor | NDArray[Any]):
        if not tensors:
            raise ValueError("TensorDataset: expected one tensor or more")
        self.tensors = tuple(as_tensor(tensor) for tensor in tensors)
        shapes = [tensor.shape for tensor in self.tensors]
        if any(not shape for shape in shapes) or len({shape[0] for shape in shapes}) != 1:
            raise ValueError(f"TensorDataset: tensors of equal length expected, got shapes {shapes}")

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __repr__(self) -> str:
        parts = ", ".join(f"{tensor.dtype}{list(tensor.shape[1:])}" for tensor in self.tensors)
        return f"<TensorDataset of {len(self)} samples: {parts}>"

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def collate_rows(self, indices: Sequence[int]) -> list[Tensor]:
        """The rows at `indices` of each tensor."""
        return list(self[np.asarray(indices, np.int64)])


class StackDataset(Dataset):
    """Datasets side by side: sample i is the tuple of their samples i, or a dictionary of them if they have names.

    Raises ValueError where lengths differ.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if bool(args) == bool(kwargs):
            raise ValueError("StackDataset: expected datasets either in a row or by name")
        self.datasets: Any = args or kwargs
        lengths = [len(dataset) for dataset in args or kwargs.values()]
        if len(set(lengths)) != 1:
            raise ValueError(f"StackDataset: datasets of equal length expected, got lengths {lengths}")

    def __len__(self) -> int:
        return len(next(iter(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)


class ConcatDataset(Dataset):
    """Datasets one behind the other, by number."""

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: expected one dataset or more")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise TypeError("ConcatDataset: an IterableDataset has no samples by number; use ChainDataset")
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        i = index + len(self) if index < 0 else index
        if not 0 <= i < len(self):
            raise IndexError(f"ConcatDataset: there are {len(self)} samples, got index {index}")
        k = bisect.bisect_right(self.cumulative_sizes, i)
        return self.datasets[k][i - (self.cumulative_sizes[k - 1] if k else 0)]


class ChainDataset(IterableDataset):
    """Iterable datasets one behind the other."""

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)


class Subset(Dataset):
    """The samples of a dataset at `indices`."""

    def __init__(self, dataset: Any, indices: Sequence[int]):
        self.dataset = dataset
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"<Subset of {len(self)} samples of a {type(self.dataset).__name__}>"

    def __getitem__(self, index: Any) -> Any:
        chosen = [self.indices[i] for i in index] if isinstance(index, list) else self.indices[index]
        return self.dataset[chosen]

    def collate_rows(self, indices: Sequence[int]) -> Any:
        """The samples at those of this subset's `indices`, as the dataset itself makes a batch of them."""
        return collate_samples(self.dataset, [self.indices[i] for i in indices])


def collate_samples(dataset: Any, indices: Sequence[Any]) -> Any:
    """`default_collate` of the samples at `indices`, by way of the dataset's `collate_rows` if that is as good.

    It is if it stands in the class that defines `__getitem__`: a subclass may have redefined what a sample is.
    """
    owner = next((kind for kind in type(dataset).__mro__ if "__getitem__" in vars(kind)), object)
    if "collate_rows" in vars(owner):
        return dataset.collate_rows(indices)
    return default_collate(get_samples(dataset, indices))


def get_samples(dataset: Any, indices: Sequence[Any]) -> list[Any]:
    """The samples at `indices`: by the dataset's own `__getitems__`, which PyTorch allows for, or one by one."""
    if hasattr(dataset, "__getitems__"):
        return list(dataset.__getitems__(indices))
    return [dataset[i] for i in indices]


def random_split(
    dataset: Any, lengths: Sequence[int] | Sequence[float], generator: np.random.Generator | None = None
) -> list[Subset]:
    """The dataset in random parts that do not overlap, of `lengths` samples, or of these shares if they sum to 1.

    What rounding the shares down leaves over goes to the parts in turn, as in PyTorch.

    Raises ValueError for parts that do not make up the dataset.
    """
    counts: list[Any] = list(lengths)
    if math.isclose(sum(counts), 1) and sum(counts) <= 1:
        if not all(0 <= share <= 1 for share in counts):
            raise ValueError(f"random_split: expected shares from 0 to 1, got {counts}")
        counts = [math.floor(len(dataset) * share) for share in counts]
        for i in range(len(dataset) - sum(counts)):
            counts[i % len(counts)] += 1
        for i, count in enumerate(counts):
            if count == 0:
                warnings.warn(f"random_split: the length of part {i} is 0: it has no samples", stacklevel=2)
    if sum(counts) != len(dataset) or not all(isinstance(n, int | np.integer) and n >= 0 for n in counts):
        raise ValueError(f"random_split: lengths {list(lengths)} do not divide {len(dataset)} samples")
    order = (generator or random.default_generator).permutation(len(dataset)).tolist()
    ends = itertools.accumulate(counts)
    return [Subset(dataset, order[end - n : end]) for n, end in zip(counts, ends, strict=True)]
