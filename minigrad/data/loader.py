"""The loop over a dataset in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

import numpy as np

from minigrad.data.collate import default_collate, default_convert
from minigrad.data.datasets import IterableDataset, collate_samples, get_samples
from minigrad.data.samplers import BatchSampler, RandomSampler, SequentialSampler
from minigrad.instead import hide

FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


@hide("whole")
class DataLoader:
    """Iterates over a dataset in batches, in a new random order each time if `shuffle`.

    dataset: anything with `__len__` and `__getitem__`, or an IterableDataset. batch_size: None gives single samples.
    sampler: gives the samples' numbers in place of `shuffle`. batch_sampler: gives a list of numbers for each batch.
    collate_fn: makes a batch of a list of samples; `default_collate` unless given. drop_last: leave out a last batch
    that is not full. generator: draws the orders; the default one unless given, so that its state determines them.

    The other options are PyTorch's and change nothing: samples are loaded in this process, one batch when it is asked
    for, whatever `num_workers` is; so `worker_init_fn` is not called, and no memory is pinned.

    Raises ValueError for options that contradict each other.

    >>> import minigrad as mg
    >>> samples = mg.data.TensorDataset(mg.ones(5, 2), mg.arange(5))
    >>> [labels.tolist() for _, labels in DataLoader(samples, batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: np.random.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        _check_together(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        elif sampler is None and not isinstance(dataset, IterableDataset):
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        self.whole = batch_size is None and batch_sampler is None  # samples, no batches
        if batch_size is not None:
            batch_sampler = BatchSampler([] if sampler is None else sampler, batch_size, drop_last)
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self.collate_fn = collate_fn or (default_convert if self.whole else default_collate)
        self.num_workers, self.pin_memory, self.timeout = num_workers, pin_memory, timeout
        self.worker_init_fn, self.generator, self.prefetch_factor = worker_init_fn, generator, prefetch_factor
        self.persistent_workers = persistent_workers
        self._ready = True

    def __class_getitem__(cls, batch_type: Any) -> type[Self]:
        """The class itself: `DataLoader[Tensor]` is for readers."""
        return cls

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FIXED and "_ready" in self.__dict__:
            raise ValueError(f"DataLoader: {name} cannot be set after the loader was made; make another one")
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        what = "samples" if self.whole else "batches" if self.batch_size is None else f"batches of {self.batch_size}"
        return f"<DataLoader of {what} from a {type(self.dataset).__name__}>"

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self.sampler if self.whole else self.batch_sampler)  # type: ignore[arg-type]
        n: int = len(self.dataset)  # type: ignore[arg-type]
        return (
            n if self.batch_size is None else -(-n // self.batch_size) if not self.drop_last else n // self.batch_size
        )

    def __iter__(self) -> Iterator[Any]:
        if isinstance(self.dataset, IterableDataset):
            samples = iter(self.dataset)
            batches = samples if self.batch_size is None else BatchSampler(samples, self.batch_size, self.drop_last)
            yield from map(self.collate_fn, batches)
        elif self.whole:
            yield from (self.collate_fn(self.dataset[i]) for i in self.sampler or ())
        else:
            for indices in self.batch_sampler or ():
                if self.collate_fn is default_collate:
                    yield collate_samples(self.dataset, indices)
                else:
                    yield self.collate_fn(get_samples(self.dataset, indices))


def get_worker_info() -> None:
    """None: samples are loaded in the main process, so an iterable dataset gives all of its own."""


def _check_together(
    dataset: Any, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: Any
) -> None:
    """Refuse options that contradict each other."""
    if isinstance(dataset, IterableDataset):
        for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
            if value is not None:
                raise ValueError(f"DataLoader: an IterableDataset has its own order; leave out {name}={value!r}")
    if sampler is not None and shuffle:
        raise ValueError("DataLoader: sampler and shuffle exclude each other; the sampler gives the order")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ValueError("DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last; it gives all")
    if batch_size is None and drop_last:
        raise ValueError("DataLoader: batch_size=None gives samples, not batches, so drop_last cannot be heeded")


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool) -> None:
    """Refuse what PyTorch refuses of the options that change nothing here."""
    if num_workers < 0 or timeout < 0 or (prefetch_factor or 0) < 0:
        raise ValueError(
            "DataLoader: num_workers, timeout and prefetch_factor must not be negative, "
            f"got {num_workers}, {timeout} and {prefetch_factor}"
        )
    if num_workers == 0 and (prefetch_factor is not None or persistent_workers):
        raise ValueError("DataLoader: prefetch_factor and persistent_workers need num_workers > 0")
