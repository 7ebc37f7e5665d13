"""How arrays lie in memory: the layout that convolutions leave, buffers that live on, and freed memory that is kept.

Convolutions leave their results in memory as (H, C, W, N), image rows outermost and the batch innermost, behind a
logical (N, C, H, W) view. That one choice makes most of the speed:

- A window shifted by one column is the same memory shifted by N elements, and the images of a batch are neighbours:
  copies, maxima and sums run over long contiguous stretches, for any kernel, stride and size.
- The columns of im2col, ordered (row, channel, kernel column), are shared by windows above one another.
- An output row is one matrix product straight into its place; a 1x1 convolution needs no copy at all.
- Pooling down the columns goes over whole rows, which are contiguous.
- Elementwise operations keep the layout.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import gcd, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad.kernels.threads import get_num_threads, run

Array = NDArray[Any]

SCATTERED = 1 << 18  # elements of another order in memory from which to copy them is worth sharing


# An array made like this one lies in memory as (H, C, W, N) behind its (N, C, H, W), and owns its memory: a transpose
# of another array would be a view, which the engine has to copy before it becomes somebody's gradient.
BATCH_LAST = np.empty((2, 2, 2, 2)).transpose(3, 1, 0, 2)
UPRIGHT_LINES = np.empty((2, 2, 2, 2)).transpose(3, 1, 2, 0)  # and as (W, C, H, N)


def copy_rows(target: Array, rows: Array) -> None:
    """Copy (H, C, W, N), or any axes, into a target whose last axis, of images, is innermost in memory.

    Images that lie apart in memory are read a number from each, in turn. So there are only as many at a time as a
    first-level cache holds lines of: those are still there when the next column is read (measured for images that are
    a multiple of 4 KB apart: a third of the time).
    """
    height, n, apart = len(rows), rows.shape[-1], rows.strides[-1]
    if apart == rows.itemsize or rows.ndim < 2:
        np.copyto(target, rows)
        return
    each = WAYS * SETS // gcd(apart, SETS)

    def copy(part: slice) -> None:
        for i in range(0, n, each):
            np.copyto(target[part, ..., i : i + each], rows[part, ..., i : i + each])

    if rows.size < SCATTERED:
        copy(slice(0, height))
    else:
        tall = max(1, -(-height // get_num_threads()))
        run(copy, [slice(i, i + tall) for i in range(0, height, tall)])


def copy_like(a: Array, strides: tuple[int, ...]) -> Array:
    """A dense copy whose axes lie in memory in the order that `strides` are in."""
    order, back = order_axes(strides)
    out = np.empty([a.shape[axis] for axis in order], a.dtype)
    copy_rows(out, a.transpose(order))
    return out.transpose(back)


def put_batch_innermost(a: Array) -> Array:
    """(N, C, H, W) -> (H, C, W, N) with an image row of the batch contiguous: a view if it is so already."""
    rows = a.transpose(2, 1, 3, 0)
    if rows[:1, :1].flags.c_contiguous:
        return rows
    out = np.empty_like(rows, order="C")
    copy_rows(out, rows)
    return out


# ---------------------------------------------------------------------------------------------- lines and caches

SETS = 1 << 12  # bytes: what lies a multiple of these apart has the same few places in a first-level cache
WAYS = 8  # how many those places are
GAP = 128  # bytes between lines that would
CACHE_LINE = 64  # bytes that a processor loads at once, if they begin at a multiple of as many


def compete(line: int) -> bool:
    """Whether the lines of a matrix, so many bytes apart, compete for the same places in a cache.

    A product reads a stretch of every line at once (measured for 32 filters of 144 and lines of 4 KB: 1.5x the time).
    """
    return line % SETS == 0


def pad_line(line: int) -> int:
    """The bytes from a line of a matrix to the next: a multiple of a cache line, and so that they do not compete."""
    line = -(-line // CACHE_LINE) * CACHE_LINE
    return line + GAP if compete(line) else line


# ------------------------------------------------------------------------------------------------ kept memory


def keep_freed_memory() -> None:
    """Have glibc keep freed arrays for the next ones, up to 512 MB in all and 64 MB each.

    Otherwise it hands them back to the system, which has to map and clear every page anew: a training step had 750 to
    2,000 page faults, an eighth of its time. MINIGRAD_KEEP_MEMORY=0 switches this off; other systems do not have it.
    """
    if sys.platform == "linux" and os.environ.get("MINIGRAD_KEEP_MEMORY") != "0":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, 64 << 20)
            mallopt(M_TRIM_THRESHOLD, 512 << 20)


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # <malloc.h>
keep_freed_memory()

local = threading.local()  # the buffers of each thread, by name


def borrow(name: str, shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
    """An uninitialised array in memory that this thread keeps for its next use under that name.

    What one chunk of work leaves there is still in cache when the next one overwrites it. It begins with a cache line:
    products of matrices that do not take up to a fifth longer (measured).
    """
    size = prod(shape) * dtype.itemsize
    memory = getattr(local, name, None)
    if memory is None or memory.size < size:
        memory = np.empty(size + CACHE_LINE, np.uint8)
        memory = memory[-memory.ctypes.data % CACHE_LINE :]
        setattr(local, name, memory)
    return np.ndarray(shape, dtype, memory)


def keep_apart(a: Array) -> Array:
    """The same array (n, …), copied with gaps between the n lines if they would compete.

    What puts the n numbers of a place side by side reads every line in turn (measured for 128 filters of 64 · 4 · 4: a
    sixth of the time).
    """
    line = a.strides[0]
    if not (a.flags.c_contiguous and compete(line)) or len(a) < 2:
        return a
    lines = borrow("lines", (len(a), pad_line(line)), np.dtype(np.uint8))[:, :line].view(a.dtype).reshape(a.shape)
    lines[...] = a
    return lines


# ------------------------------------------------------------------------------------------------------ views


@functools.lru_cache(1024)
def order_axes(strides: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """The axes of an array, outermost in memory first; and where each of them went."""
    order = sorted(range(len(strides)), key=strides.__getitem__, reverse=True)
    return order, sorted(range(len(order)), key=order.__getitem__)


def flatten_alike(*arrays: Array) -> list[Array] | None:
    """The arrays as one-dimensional views, element by element, if they lie in memory densely and alike."""
    first = arrays[0]
    order, _ = order_axes(first.strides)
    flat = [a.transpose(order) for a in arrays if a.shape == first.shape]
    if len(flat) == len(arrays) and all(a.flags.c_contiguous for a in flat):
        return [a.reshape(-1) for a in flat]
    return None


LONG_LINE = 1024  # numbers from which NumPy is as fast with one factor for the whole line as with one for each


@contextmanager
def short_buffer(length: int) -> Iterator[None]:
    """Have NumPy take a column, or a row, that goes with long lines as it is.

    A line shorter than its buffer makes NumPy first write the column's number into the buffer, over and over: an
    operation of lines of 1000 with a column takes twice the time (measured). The setting is the running context's.
    """
    if length < LONG_LINE // 2:
        yield
        return
    before = np.setbufsize(256)
    try:
        yield
    finally:
        np.setbufsize(before)


def integers_like(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The integers of a dtype's size.

    Bits times 0 or 1 is a masked copy without a branch, exact for infinities and NaN, too (measured ten times as fast
    as `np.where` and four times as fast as `np.copyto(where=)`).
    """
    return np.dtype(f"i{dtype.itemsize}")
