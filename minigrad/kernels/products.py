"""Matrix products on our own threads."""

from __future__ import annotations

import numpy as np

from minigrad.kernels.memory import Array
from minigrad.kernels.threads import PRODUCTS, SMALL, one_blas_thread, run


def matmul(x: Array, y: Array) -> Array:
    """`np.matmul` on our threads instead of those of BLAS, which spin on after their work (see threads.py)."""
    if x.ndim == 2 == y.ndim and x.shape[1] == y.shape[0]:
        (rows, inner), columns = x.shape, y.shape[1]
        if rows * inner * columns <= SMALL:
            return np.matmul(x, y)  # type: ignore[no-any-return]
        out = np.empty((rows, columns), np.result_type(x, y))
        # blocks of columns or of rows, large enough that preparing the other factor anew costs little
        size = max(64, -(-max(rows, columns) // 8), (1 << 20) // (inner * min(rows, columns) + 1))
        if columns >= rows:
            task = lambda i: np.matmul(x, y[:, i : i + size], out=out[:, i : i + size])
        else:
            task = lambda i: np.matmul(x[i : i + size], y, out=out[i : i + size])
        run(task, range(0, max(rows, columns), size), share=rows * inner * columns >= PRODUCTS)
        return out
    if 0 in (x.ndim, y.ndim) or x.size * y.shape[-1] <= SMALL:
        return np.matmul(x, y)  # type: ignore[no-any-return]
    with one_blas_thread():
        return np.matmul(x, y)  # type: ignore[no-any-return]
