"""`cost = floor + factor * x^exponent`, fitted to medians, with what may be said of the exponent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from harness.scaling.least_squares import Laws, fit
from harness.scaling.overhead import LEAST_RATIO, overhead
from harness.scaling.resampling import CONFIDENCE, Curves, Floats, Runs, covers, interval, resample

LEAST_POINTS = 4
WIDEST = 0.3
FLOOR_FROM = 0.03
"""A floor is fitted where a law without one misses a point by more than this share."""
FLAT, FLAT_STRAIN = 0.1, 2.0
"""Costs whose exponent without a floor is below the first are taken as constant up to so much unexplained noise."""
RESAMPLES = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerLaw:
    """`cost = floor + factor * x^exponent` over `points` values of x, with a 95% interval of the exponent.

    `r_squared` is of logarithms. All figures are None where `reason` says why no law is reported.
    """

    floor: float | None
    factor: float | None
    exponent: float | None
    low: float | None
    high: float | None
    r_squared: float | None
    points: int
    seeds: int
    reason: str = ""

    @property
    def covers(self) -> str:
        """What the interval allows for: with one seed its rounds, and nothing that another run would change."""
        return covers(self.seeds)


def fit_power_law(runs: Runs, empty: Mapping[float, float] | None = None, *, resamples: int = RESAMPLES) -> PowerLaw:
    """Fit a law to the medians at each x by robust least squares on relative errors; the exponent is within 0 and 4.

    A floor is fitted only where a law without one misses a point by more than 3%, and not to costs that noise alone
    may bend: beside a constant any exponent would do. A small floor that is left out for that makes the interval
    miss a little oftener than it says.

    The interval is made of percentiles of a bootstrap over seeds and, within each, rounds. Where the
    points lie farther from the law than this noise explains (chi-square, 5%), as those of exact costs do that follow
    another law, it is widened to Student's interval from what is left over. Of simulated laws with 5% noise and
    outliers it covers 86 to 99 of 100 (tests/scaling).

    Points below 5 times the cost of an empty model's step, `empty`, are not used. Raises ValueError for what
    `resampling.checked` refuses.
    """
    curves = resample(runs, resamples=resamples)
    costs = np.exp(curves.measured)
    around = [overhead(float(x), float(cost), empty) for x, cost in zip(curves.x, costs, strict=True)]
    usable = ~np.isnan(curves.measured) & np.array([not said for said in around])
    count = int(usable.sum())
    if count < LEAST_POINTS:
        dominated = [said for said in around if said]
        fact = f"{count} of {len(costs)} points can be used and {LEAST_POINTS} are needed"
        why = f"; overhead dominates the others: {'; '.join(dominated)}, and {LEAST_RATIO:g} times are needed"
        return _refused(count, curves, fact + (why if dominated else ""))
    return _reported(curves, usable)


def _reported(curves: Curves, usable: Floats) -> PowerLaw:
    x, logs = curves.x[usable], curves.measured[usable]
    count = len(x)
    drawn = curves.drawn[:, usable]
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    law, low, high = _fitted(x, logs, drawn, floor=False)
    constant = high < FLAT and _strain(law, drawn) <= FLAT_STRAIN
    if np.abs(law.misses[0]).max() > FLOOR_FROM and not constant:
        law, low, high = _fitted(x, logs, drawn, floor=True)
    exponent = float(law.exponents[0])
    around = _left_over(law) if _strain(law, drawn) > 1 else 0.0
    low, high = max(0.0, min(low, exponent - around)), max(high, exponent + around)
    if interval(drawn[:, -1] - drawn[:, 0])[1] < -FLOOR_FROM:
        fact = f"the cost falls from {np.exp(logs[0]):.3g} at {x[0]:g} to {np.exp(logs[-1]):.3g} at {x[-1]:g}"
        return _refused(count, curves, f"{fact}; the law only grows, so read the local slopes")
    if high - low > WIDEST:
        fact = f"the interval of the exponent is {low:.2f} to {high:.2f}, wider than {WIDEST:g}"
        return _refused(count, curves, f"{fact}; measure longer or over a wider range, and read the local slopes")
    return PowerLaw(
        floor=float(law.floors[0]), factor=float(law.factors[0]), exponent=exponent, low=low, high=high,
        r_squared=_r_squared(logs, law), points=count, seeds=curves.seeds,
    )  # fmt: skip


def _fitted(x: Floats, logs: Floats, drawn: Floats, *, floor: bool) -> tuple[Laws, float, float]:
    """The law, and the interval of its exponent that the noise leaves."""
    return fit(x, np.exp(logs)[None], floor=floor), *interval(fit(x, np.exp(drawn), floor=floor).exponents)


def _strain(law: Laws, drawn: Floats) -> float:
    """How much farther than noise explains the points lie from the law: chi-square over the value it rarely passes."""
    noise = np.std(drawn - drawn.mean(axis=1, keepdims=True), axis=0)
    squares = float(np.sum((law.misses[0] / np.maximum(noise, 1e-9)) ** 2))
    return squares / float(stats.chi2.ppf(CONFIDENCE, len(law.x) - law.num_parameters))


def _left_over(law: Laws) -> float:
    """Half the width of Student's interval of the exponent from what the law leaves over."""
    freedom = len(law.x) - law.num_parameters
    variance = float(np.sum(law.misses[0] ** 2)) / freedom * law.exponent_variance()
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(variance))


def _r_squared(logs: Floats, law: Laws) -> float:
    """Share of the variance of log costs that the law explains; 1 for costs that are all equal."""
    spread = float(np.sum((logs - logs.mean()) ** 2))
    return 1.0 - float(np.sum(np.log1p(law.misses[0]) ** 2)) / spread if spread > 0 else 1.0


def _refused(points: int, curves: Curves, reason: str) -> PowerLaw:
    return PowerLaw(
        floor=None, factor=None, exponent=None, low=None, high=None, r_squared=None, points=points, seeds=curves.seeds,
        reason=reason,
    )  # fmt: skip
