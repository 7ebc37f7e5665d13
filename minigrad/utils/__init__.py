"""PyTorch's path to what loads data: `minigrad.utils.data` is `minigrad.data`."""

from minigrad.utils import data
