"""Which entries cross: faster than each other, one here and the other there."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from harness.scaling import Crossover, Runs, crossover


@dataclass(frozen=True, kw_only=True, slots=True)
class Crossing:
    """Two entries of which one is faster here and the other there, or of which that cannot be told."""

    first: str
    second: str
    found: Crossover


def make_crossings(seconds: Mapping[str, Runs], resamples: int) -> tuple[Crossing, ...]:
    """The pairs whose order changes, those that cross first at the top."""
    crossings = []
    for first, second in combinations(seconds, 2):
        one, other = _medians(seconds[first]), _medians(seconds[second])
        if len({one[x] < other[x] for x in one.keys() & other.keys()}) > 1:
            found = crossover(seconds[first], seconds[second], resamples=resamples)
            if found.verdict != "never":
                crossings.append(Crossing(first=first, second=second, found=found))
    return tuple(sorted(crossings, key=lambda it: math.inf if it.found.x is None else it.found.x))


def _medians(runs: Runs) -> dict[float, float]:
    """The geometric mean over seeds of their medians at each x."""
    found: dict[float, list[float]] = {}
    for run in runs:
        for x, samples in run.items():
            found.setdefault(x, []).append(statistics.median(samples))
    return {x: statistics.geometric_mean(values) for x, values in found.items()}
