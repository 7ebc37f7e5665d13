"""Tensor: `tensor.py` has the class and its operators, `inplace.py` what changes the memory, `creation.py` the
functions that make one, `distributions.py` draws with tensors as parameters, `names.py` NumPy's functions on tensors,
`convert.py` how data and sizes are read."""

from minigrad.tensor.creation import *
from minigrad.tensor.distributions import *
from minigrad.tensor.tensor import Tensor as Tensor
