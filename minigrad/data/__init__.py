"""Datasets, samplers and the loop over batches, by PyTorch's names, and three sources of real and made images."""

from functools import partial
from typing import TYPE_CHECKING

from minigrad.data.cifar10 import CIFAR10
from minigrad.data.collate import default_collate, default_convert
from minigrad.data.datasets import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from minigrad.data.digits import digits
from minigrad.data.edges import edges
from minigrad.data.loader import DataLoader, get_worker_info
from minigrad.data.samplers import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from minigrad.instead import refuse_name

__all__ = [
    "CIFAR10",
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "digits",
    "edges",
    "get_worker_info",
    "random_split",
]

if not TYPE_CHECKING:  # a type checker would take it for a promise that every name exists
    __getattr__ = partial(refuse_name, __name__)
    __dir__ = __all__.copy  # what completion offers
