"""Which of several is the cheapest at each x, and which cannot be told from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.scaling.ratios import Ratio
from harness.scaling.resampling import RESAMPLES, Runs, interval, resample

TOLERANCE = 0.03


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """The cheapest at one x, and how many times as much each curve costs that was measured there, with 95% intervals.

    `level` are those that cannot be told from the cheapest, cheapest first, itself included.
    """

    x: float
    best: str
    cost: float
    level: tuple[str, ...]
    ratios: Mapping[str, Ratio]


def cheapest(
    curves: Mapping[str, Runs], *, tolerance: float = TOLERANCE, resamples: int = RESAMPLES
) -> tuple[Standing, ...]:
    """For each x that any of the curves has, x growing.

    A curve is told from the cheapest where the interval of the ratio of their costs leaves out 1 and reaches beyond
    the tolerance. Seeds and rounds of each curve are drawn on their own, for runs of two models share no rounds.
    """
    logs: dict[float, dict[str, tuple[float, np.ndarray[tuple[int], np.dtype[np.float64]]]]] = {}
    for number, (name, runs) in enumerate(curves.items()):
        for x in sorted({x for run in runs for x in run}):
            found = resample([{x: run[x]} for run in runs if x in run], number, resamples)
            logs.setdefault(x, {})[name] = float(found.measured[0]), found.drawn[:, 0]
    standings = []
    for x, costs in sorted(logs.items()):
        order = sorted(costs, key=lambda name: costs[name][0])
        least, drawn = costs[order[0]]
        ratios = {name: _ratio(costs[name][0] - least, costs[name][1] - drawn) for name in order}
        level = tuple(name for name, found in ratios.items() if found.low <= 1 or found.high <= 1 + tolerance)
        standings.append(Standing(x=x, best=order[0], cost=float(np.exp(least)), level=level, ratios=ratios))
    return tuple(standings)


def _ratio(log: float, drawn: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Ratio:
    low, high = interval(drawn)
    return Ratio(ratio=float(np.exp(log)), low=float(np.exp(low)), high=float(np.exp(high)))
