"""Intervals and paired tests over seeds, which are the replicates, and aggregates over several tasks' scores.

What scipy has is scipy's.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 5_000
TRIMMED = 0.25
Statistic: TypeAlias = Callable[..., Any]
"""Of the runs of each task, [..., runs] one argument a task, the statistic [...] along `axis`."""


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


def intervals(values: Any) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Lower and upper ends [2, places] of the intervals of values [seeds, places], for each place those of `summarise`.

    There are two seeds at least.
    """
    array = np.asarray(values, dtype=np.float64)
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(array) - 1) * stats.sem(array, axis=0)
    half = np.where(np.ptp(array, axis=0) == 0, 0.0, half)
    return np.stack([array.mean(axis=0) - half, array.mean(axis=0) + half])


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


@dataclass(frozen=True, slots=True)
class Aggregates:
    """What scores of several tasks say together (Agarwal et al. 2021, arXiv:2108.13264, section 4).

    Mean and median are of the tasks' means over runs. The interquartile mean is of all runs of all tasks without the
    lowest and the highest quarter of them. The optimality gap is the mean of what each run lacks to the target; a run
    beyond it lacks nothing. `n` of each is the number of runs.
    """

    mean: Summary
    median: Summary
    interquartile_mean: Summary
    optimality_gap: Summary


def aggregate(scores: Sequence[Sequence[float]], target: float) -> Aggregates:
    """Aggregate the scores, one sequence of runs a task.

    Intervals are percentiles of a stratified bootstrap, which draws runs within each task; the draws are the same at
    every call. Where a task has one run there is nothing to draw, so there is no interval. Raises ValueError without
    values, and for values that are not finite.
    """
    tasks = [_finite(runs) for runs in scores]
    if not tasks:
        raise ValueError("no tasks to aggregate")
    gap = partial(_optimality_gap, target=target)
    return Aggregates(*(_bootstrapped(tasks, statistic) for statistic in (_mean, _median, _interquartile_mean, gap)))


def _bootstrapped(tasks: Sequence[Any], statistic: Statistic) -> Summary:
    value, n = float(statistic(*tasks)), sum(map(len, tasks))
    if min(map(len, tasks)) == 1:
        return Summary(value, None, None, n)
    drawn = stats.bootstrap(
        tasks,
        statistic,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return Summary(value, float(drawn.confidence_interval.low), float(drawn.confidence_interval.high), n)


def _mean(*tasks: Any, axis: int = -1) -> Any:
    return np.mean([runs.mean(axis) for runs in tasks], axis=0)


def _median(*tasks: Any, axis: int = -1) -> Any:
    return np.median([runs.mean(axis) for runs in tasks], axis=0)


def _interquartile_mean(*tasks: Any, axis: int = -1) -> Any:
    return stats.trim_mean(np.concatenate(tasks, axis), TRIMMED, axis)


def _optimality_gap(*tasks: Any, target: float, axis: int = -1) -> Any:
    return np.maximum(0.0, target - np.concatenate(tasks, axis)).mean(axis)


def _finite(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        raise ValueError("no values to summarise")
    if not np.isfinite(array).all():
        raise ValueError(f"values must be finite numbers, not {array[~np.isfinite(array)][0]}")
    return array
