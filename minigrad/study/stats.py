"""The study's statistics: paired intervals, corrected tests, equivalence. SciPy does the work where it can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Interval(NamedTuple):
    """An estimate and the ends of its confidence interval, in the unit of the data."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(values: ArrayLike, level: float = 0.95, resamples: int = 9999) -> Interval:
    """Mean of one number a seed (S,) with its percentile bootstrap interval; the resampling seed is fixed.

    For a paired comparison pass the differences: a seed is drawn with both of its numbers. Numbers that are
    missing (None, NaN) make the interval NaN, for a run that diverged has no mean.
    """
    x = np.asarray(values, dtype=float)  # None becomes NaN
    if x.ndim != 1 or not len(x):
        raise ValueError(f"bootstrap: expected one number a seed, got shape {x.shape}")
    drawn = np.random.default_rng(326643).integers(0, len(x), (resamples, len(x)))
    means = x[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(x.mean()), float(low), float(high))


def paired(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Interval:
    """Mean of a - b over seeds with its paired bootstrap interval; a and b (S,) in the same order of seeds."""
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if x.shape != y.shape:
        raise ValueError(f"paired: {x.shape} and {y.shape} are not pairs")
    return bootstrap(x - y, level)


def no_difference(differences: ArrayLike) -> float:
    """p-value of the paired t test that differences (S,) have mean 0; 1 if all are 0."""
    from scipy import stats

    d = np.asarray(differences, dtype=float)
    return float(stats.ttest_1samp(d, 0).pvalue) if np.any(d != 0) else 1.0


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down correction (Holm 1979): adjusted p-values that compare with the level itself."""
    adjusted, largest = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def equivalent(differences: ArrayLike, margin: float) -> float:
    """p-value of two one-sided t tests (Schuirmann 1987) that the mean of paired differences (S,) is within ±margin.

    Small means: equivalent. Differences without spread are judged by themselves: 0 inside the margin, 1 outside.
    """
    from scipy import stats

    d = np.asarray(differences, dtype=float)
    if np.ptp(d) == 0:
        return float(abs(d.mean()) >= margin)
    above = stats.ttest_1samp(d, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(d, margin, alternative="less").pvalue
    return float(max(above, below))


def same_law(a: NDArray[Any], b: NDArray[Any]) -> float:
    """p-value of the two-sample Kolmogorov–Smirnov test that a and b come from one law."""
    from scipy import stats

    return float(stats.ks_2samp(a, b).pvalue)


def share_of_directions(d: int, bound: float) -> float:
    """P(|cos| < bound) of a fixed direction and a random one in d dimensions: cos² is of law Beta(½, (d − 1)/2)."""
    from scipy import stats

    return float(stats.beta.cdf(bound**2, 0.5, (d - 1) / 2))
