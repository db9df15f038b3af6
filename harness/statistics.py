"""Intervals and paired tests over seeds, which are the replicates. What scipy has is scipy's."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Summary:
    """A mean over seeds with its 95% interval; one seed has no interval."""

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def half_width(self) -> float | None:
        """Distance from the mean to the farther end of the interval."""
        if self.low is None or self.high is None:
            return None
        return max(self.mean - self.low, self.high - self.mean)


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The mean of a - b over shared seeds, its 95% interval and the p-value of no difference.

    Fewer than two shared seeds have neither interval nor p-value.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None
    n: int


def summarise(values: Sequence[float], bounds: tuple[float, float] | None = None) -> Summary:
    """Mean and Student-t interval. `bounds` are what the quantity cannot leave; the interval is cut there.

    Raises ValueError without values, and for values that are not finite.
    """
    array = _finite(values)
    if len(array) == 1:
        return Summary(float(array[0]), None, None, 1)
    if np.ptp(array) == 0:
        mean = low = high = float(array[0])
    else:
        mean = float(array.mean())
        low, high = (float(end) for end in stats.t.interval(CONFIDENCE, len(array) - 1, mean, stats.sem(array)))
    if bounds is not None:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    return Summary(mean, low, high, len(array))


def paired_difference(a: Mapping[int, float], b: Mapping[int, float]) -> PairedDifference:
    """Compare two sets of values by seed, with the paired t-test; seeds that only one of them has are left out.

    Raises ValueError when they share no seed.
    """
    shared = sorted(a.keys() & b.keys())
    if not shared:
        raise ValueError("no shared seeds; paired values must come from the same seeds")
    first, second = _finite([a[seed] for seed in shared]), _finite([b[seed] for seed in shared])
    difference = summarise(list(first - second))
    if len(shared) == 1:
        return PairedDifference(difference.mean, None, None, None, 1)
    if np.ptp(first - second) == 0:
        # The t statistic is 0/0 or infinite here, which scipy answers with NaN and a warning.
        p = 1.0 if difference.mean == 0 else 0.0
    else:
        with warnings.catch_warnings():
            # Differences that are nearly constant make scipy warn of cancellation; p is then far from any threshold.
            warnings.simplefilter("ignore", RuntimeWarning)
            p = float(stats.ttest_rel(first, second).pvalue)
    return PairedDifference(difference.mean, difference.low, difference.high, p, len(shared))


def _finite(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        raise ValueError("no values to summarise")
    if not np.isfinite(array).all():
        raise ValueError(f"values must be finite numbers, not {array[~np.isfinite(array)][0]}")
    return array
