"""The slope of each piece of a curve: what a single exponent hides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harness.scaling.overhead import LEAST_RATIO, overhead
from harness.scaling.resampling import RESAMPLES, Runs, covers, interval, resample


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalSlope:
    """d log cost / d log x from one x to the next, with a 95% interval.

    All three are None where `reason` says why no slope is reported.
    """

    start: float
    end: float
    slope: float | None
    low: float | None
    high: float | None
    seeds: int
    reason: str = ""

    @property
    def covers(self) -> str:
        """What the interval allows for: with one seed its rounds, and nothing that another run would change."""
        return covers(self.seeds)


def local_slopes(
    runs: Runs, empty: Mapping[float, float] | None = None, *, resamples: int = RESAMPLES
) -> tuple[LocalSlope, ...]:
    """The slopes between neighbouring x, of the seeds that have both: from the median over rounds of their ratio.

    Intervals are percentiles of a bootstrap over seeds and, within each, rounds, the same rounds at both ends. With
    two or three seeds that differ by more than their rounds do, they are too narrow: nothing is known of a fourth.
    `empty` is the cost of an empty model's step at each x, in the unit of the runs; a slope that touches a point below
    5 times that is not reported. Raises ValueError for what `resampling.checked` refuses.
    """
    points = sorted({x for run in runs for x in run})
    return tuple(_slope(runs, start, end, empty, resamples) for start, end in pairwise(points))


def _slope(runs: Runs, start: float, end: float, empty: Mapping[float, float] | None, resamples: int) -> LocalSlope:
    both = [{start: run[start], end: run[end]} for run in runs if start in run and end in run]

    def refused(reason: str) -> LocalSlope:
        return LocalSlope(start=start, end=end, slope=None, low=None, high=None, seeds=len(both), reason=reason)

    if not both:
        return refused(f"no seed was measured at both {start:g} and {end:g}")
    curves = resample(both, resamples=resamples)
    costs = np.exp(curves.measured)
    around = [overhead(x, float(cost), empty) for x, cost in zip((start, end), costs, strict=True)]
    if any(around):
        said = " and ".join(filter(None, around))
        return refused(f"overhead dominates: {said}; {LEAST_RATIO:g} times are needed")
    width = np.log(end / start)
    low, high = interval(np.diff(curves.drawn)[:, 0] / width)
    slope = float(np.diff(curves.measured)[0] / width)
    return LocalSlope(start=start, end=end, slope=slope, low=low, high=high, seeds=len(both))
