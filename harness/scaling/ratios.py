"""Medians, and how many times one cost is another in the same rounds, with intervals from ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """A ratio with its interval."""

    ratio: float
    low: float
    high: float


def median_interval(samples: Sequence[float], left_out: float = 0.05) -> tuple[float, float]:
    """An interval that leaves out the median at most so often, whatever the distribution of independent samples.

    Where there are too few for that, which is below 6 for 5%, it is 0 to infinity.
    """
    ordered = sorted(samples)
    below = int(stats.binom.ppf(left_out / 2, len(ordered), 0.5)) - 1
    return (ordered[below], ordered[-1 - below]) if below >= 0 else (0.0, math.inf)


def paired_ratio(first: Sequence[float], second: Sequence[float], left_out: float = 0.05) -> Ratio:
    """The median over rounds of the ratio of `first` to `second`, with its interval (`median_interval`).

    Raises ValueError for sequences of different length and for empty ones.
    """
    if len(first) != len(second) or len(first) == 0:
        raise ValueError(
            f"{len(first)} and {len(second)} samples; rounds are paired; give as many of both, one or more"
        )
    ratios = np.asarray(first, dtype=np.float64) / np.asarray(second, dtype=np.float64)
    low, high = median_interval(ratios.tolist(), left_out)
    return Ratio(ratio=float(np.median(ratios)), low=low, high=high)
