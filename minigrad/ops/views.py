"""Two tensors in one memory: to read a view anew from its source, and to write a view back into its source.

Each is the rule of the other. They run when recorded code changes a tensor in place that shares its memory with others.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from minigrad.autograd import Array, primitive


class View(Protocol):
    """A way to look at an array: a part of it, or all of it in another shape."""

    def look(self, array: np.ndarray) -> np.ndarray:
        """What is seen of an array."""
        ...


def nothing_like(g: Any, shape: tuple[int, ...]) -> Array:
    return np.zeros(shape, g.dtype)


@primitive(x=lambda g, x_shape, view: write_view(nothing_like(g, x_shape), g, view))
def read_view(x: Array, view: View) -> Array:
    """What `view` sees of x."""
    return view.look(x)


@primitive(
    x=lambda g, view, values_shape: write_view(g, nothing_like(g, values_shape), view),
    values=lambda g, view: read_view(g, view),
)
def write_view(x: Array, values: Array, view: View) -> Array:
    """x with `values` where `view` looks."""
    out = np.array(x, order="C")
    places = view.look(np.arange(out.size).reshape(out.shape))  # not the elements: a view may come out as a copy
    out.reshape(-1)[places] = values
    return out
