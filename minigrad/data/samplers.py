"""Samplers: which samples a loader takes, in which order. Iterating over one gives the samples' numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self, TypeAlias

import numpy as np

from minigrad import random
from minigrad.tensor import as_tensor

Source: TypeAlias = "np.random.Generator | None"  # None: the default generator, so that its state determines the order


class Sampler:
    """Gives the numbers of samples. Subclasses define `__iter__`, and `__len__` if loaders shall have a length."""

    def __init__(self, data_source: Any = None):
        pass

    def __class_getitem__(cls, index_type: Any) -> type[Self]:
        """The class itself: `Sampler[int]` is for readers."""
        return cls

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__()")


class SequentialSampler(Sampler):
    """All samples in their order."""

    def __init__(self, data_source: Any):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """Samples in random order, newly drawn each time.

    num_samples: how many are drawn, all unless given. replacement: a sample may come more than once in a row; without
    it, all samples come before one comes again.
    """

    def __init__(
        self, data_source: Any, replacement: bool = False, num_samples: int | None = None, generator: Source = None
    ):
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        _check_options(self, num_samples=self.num_samples, replacement=replacement)

    @property
    def num_samples(self) -> int:
        """How many samples come: what was asked for, or as many as there are now."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n, source = len(self.data_source), self.generator or random.default_generator
        if self.replacement:
            yield from source.integers(0, n, self.num_samples).tolist()
            return
        for start in range(0, self.num_samples, n):
            yield from source.permutation(n)[: self.num_samples - start].tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """The samples at `indices` in random order."""

    def __init__(self, indices: Sequence[int], generator: Source = None):
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = (self.generator or random.default_generator).permutation(len(self.indices))
        return (self.indices[i] for i in order.tolist())

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """`num_samples` numbers from 0 to len(weights) - 1, each with a probability in proportion to its weight."""

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Source = None):
        _check_options(self, num_samples=num_samples, replacement=replacement)
        self.weights = as_tensor(weights, dtype=np.float64)
        values = self.weights.array
        if values.ndim != 1 or not np.isfinite(values).all() or (values < 0).any() or not values.any():
            raise ValueError(
                "WeightedRandomSampler: expected a row of weights that are finite and not negative, "
                f"and not all 0, got shape {values.shape}"
            )
        if not replacement and num_samples > np.count_nonzero(values):
            raise ValueError(
                f"WeightedRandomSampler: without replacement, {num_samples} samples need as many weights above 0, "
                f"got {np.count_nonzero(values)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        source, shares = self.generator or random.default_generator, self.weights.array / self.weights.array.sum()
        return iter(source.choice(len(shares), self.num_samples, self.replacement, shares).tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Lists of `batch_size` numbers of another sampler; the last may be shorter, or is left out if `drop_last`."""

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool):
        _check_options(self, batch_size=batch_size, drop_last=drop_last)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        numbers = iter(self.sampler)
        while batch := list(itertools.islice(numbers, self.batch_size)):
            if not self.drop_last or len(batch) == self.batch_size:
                yield batch

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return whole + (rest > 0 and not self.drop_last)


def _check_options(sampler: Sampler, **options: Any) -> None:
    """Refuse counts that are no positive integers, and switches that are not True or False."""
    for name, value in options.items():
        if name in ("replacement", "drop_last"):
            if not isinstance(value, bool | np.bool_):
                raise ValueError(f"{type(sampler).__name__}: {name} must be True or False, got {value!r}")
        elif not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{type(sampler).__name__}: {name} must be a positive integer, got {value!r}")
