"""Scikit-learn's digits: 1,797 real handwritten digits of 8×8 pixels, part of its installation."""

from __future__ import annotations

import numpy as np

from minigrad.data.datasets import TensorDataset


def digits() -> TensorDataset:
    """Images (1797, 1, 8, 8), float32 in [0, 1], and their classes 0-9 (1797,), int64.

    The test part of the UCI set "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998), which counts the
    dark pixels of 4×4 blocks of a 32×32 bitmap: whole numbers from 0 to 16, here divided by 16.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        words = "digits: the images come with scikit-learn, which is not installed; "
        raise ModuleNotFoundError(f"{words}pip install 'minigrad-whysum[examples]'", name="sklearn") from None
    images, classes = load_digits(return_X_y=True)
    pixels = (images / 16).astype(np.float32).reshape(-1, 1, 8, 8)  # (1797, 64) -> (1797, 1, 8, 8)
    return TensorDataset(pixels, classes.astype(np.int64))
