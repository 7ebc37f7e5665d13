"""Sums of arrays that lose nothing on the way: float32 in short runs over every axis, float16 in float32.

NumPy adds pairwise along the axis that lies closest in memory only, and one by one along all others: the sum of
20,000,000 float32 ones over such an axis stops at 2²⁴. Here the runs are short, and their sums are added in turn.
"""

from __future__ import annotations

import functools
from math import prod
from typing import Any

import numpy as np

RUN = 64  # numbers that are added one by one; the relative error of a run is below RUN · 2⁻²⁵
SHORT = 256  # a sum of fewer is left to NumPy, for whom one call is faster than two
WIDE = 2048  # elements of a row that NumPy adds to another in one go: long enough, and in cache

add_along: Any = np.add.reduce  # untyped: NumPy's stubs know a reduction only with a literal keepdims


def total(x: np.ndarray, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> np.ndarray:
    """The sum along an axis, several, or all (None), with NumPy's options."""
    x = np.asarray(x)
    if dtype is not None and dtype != x.dtype:
        x, dtype = x.astype(dtype), None
    if x.dtype == np.float16:
        return np.asarray(total(x.astype(np.float32), axis, keepdims), np.float16)
    if x.dtype != np.float32 or x.size <= SHORT:
        return np.asarray(add_along(x, axis=axis, keepdims=keepdims))
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    for a in list_far_axes(x.shape, x.strides, tuple(axes)):
        x = total_along(x, a)
    return np.asarray(add_along(x, axis=axis, keepdims=keepdims))


@functools.lru_cache(1024)
def list_far_axes(shape: tuple[int, ...], strides: tuple[int, ...], axes: tuple[int, ...]) -> list[int]:
    """Of the axes, those along which NumPy adds one by one, the furthest in memory first; none if these are short."""
    axes = tuple(a % len(shape) for a in axes)
    order = sorted((a for a in range(len(shape)) if shape[a] > 1), key=lambda a: abs(strides[a]))
    length = 1
    step = strides[order[0]] if order else 0
    while order and order[0] in axes and strides[order[0]] == step * length:
        length *= shape[order[0]]
        del order[0]
    far = [a for a in reversed(order) if a in axes]
    return far if prod(shape[a] for a in far) > SHORT else []


def total_along(x: np.ndarray, axis: int) -> np.ndarray:
    """The sum along one axis that is not the closest in memory; the axis stays with length 1."""
    length = x.shape[axis]
    if length <= SHORT:
        return np.asarray(add_along(x, axis=axis, keepdims=True))
    inside = prod(n for n, step in zip(x.shape, x.strides, strict=True) if abs(step) < abs(x.strides[axis]))
    together = min(max(1, WIDE // max(1, inside)), length // RUN)  # rows that are one row to NumPy
    runs = length // (RUN * together)
    body, rest = np.split(x, [runs * RUN * together], axis)
    shape = (*x.shape[:axis], runs, RUN, together, *x.shape[axis + 1 :])
    sums = add_along(body.reshape(shape), axis=axis + 1)
    sums = sums.reshape(*x.shape[:axis], runs * together, *x.shape[axis + 1 :])
    out = total_along(sums, axis)
    return out if rest.shape[axis] == 0 else out + total_along(rest, axis)


def running_total(x: np.ndarray, axis: int) -> np.ndarray:
    """The sum of the elements so far along an axis: runs by themselves, then what came before each of them."""
    if x.dtype == np.float16:
        return running_total(x.astype(np.float32), axis).astype(np.float16)
    if x.dtype != np.float32 or x.shape[axis] <= SHORT:
        return np.asarray(np.add.accumulate(x, axis=axis))
    out = np.empty_like(x)
    source, target = np.moveaxis(x, axis, 0), np.moveaxis(out, axis, 0)
    runs = len(source) // SHORT
    body, rest = slice(runs * SHORT), slice(runs * SHORT, None)
    inside = target[body].reshape(runs, SHORT, *target.shape[1:])  # a view: only the first axis is split
    np.add.accumulate(source[body].reshape(inside.shape), axis=1, out=inside)
    np.add.accumulate(source[rest], axis=0, out=target[rest])
    before = np.add.accumulate(inside[:, -1], axis=0, dtype=np.float64).astype(np.float32)
    inside[1:] += before[:-1, None]
    target[rest] += before[-1]
    return out
