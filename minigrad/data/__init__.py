"""Datasets and batches: `TensorDataset`, `DataLoader`, `random_split`, and three sources of real and made images."""

from minigrad.data.batches import DataLoader, Dataset, Subset, TensorDataset, default_collate, random_split
from minigrad.data.cifar10 import CIFAR10
from minigrad.data.digits import digits
from minigrad.data.edges import edges

__all__ = [
    "CIFAR10",
    "DataLoader",
    "Dataset",
    "Subset",
    "TensorDataset",
    "default_collate",
    "digits",
    "edges",
    "random_split",
]
