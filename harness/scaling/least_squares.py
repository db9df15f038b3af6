"""Power laws with a floor, fitted to many curves at once.

For a given exponent floor and factor have a closed form, so that one search over exponents, the same for all curves, is
enough: a bootstrap takes milliseconds, where scipy's least squares, one curve at a time, would take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.scaling.resampling import Floats

MOST = 4.0
SEARCHES = ((2.0, 41), (0.1, 11), (0.02, 11), (4e-3, 11), (8e-4, 11), (1e-4, 11), (1e-5, 11), (1e-6, 11))
"""Half-width of the exponents that are tried around the best so far, and how many."""
SCALE = 0.1
"""Relative errors beyond this count by their size and no longer by its square (`soft_l1` in scipy's words)."""
REWEIGHTINGS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Laws:
    """One law for each curve: floors, factors, exponents [curves], and by what share each point is missed.

    `misses` [curves, points] are law / cost - 1. Factors are of x as given.
    """

    x: Floats
    costs: Floats
    floors: Floats
    factors: Floats
    exponents: Floats
    misses: Floats

    @property
    def num_parameters(self) -> int:
        """Of the first curve's law; a floor of 0 is none."""
        return 3 if self.floors[0] > 0 else 2

    def exponent_variance(self) -> float:
        """Variance of the first curve's exponent for relative errors of variance one."""
        powers = self.factors[0] * self.x ** self.exponents[0]
        columns = [powers, powers * np.log(self.x / self.x[0])] + [np.ones_like(self.x)] * (self.num_parameters - 2)
        design = np.stack(columns, axis=1) / self.costs[0][:, None]
        design = design / np.linalg.norm(design, axis=0)
        scale = np.linalg.norm(columns[1] / self.costs[0])
        return float(np.linalg.pinv(design.T @ design)[1, 1] / scale**2)


def fit(x: Floats, costs: Floats, *, floor: bool) -> Laws:
    """Laws of curves [curves, points] that minimise scipy's `soft_l1` loss of relative errors.

    Floors are not negative, factors positive, exponents within 0 and 4. Without `floor` all floors are 0.
    """
    middle = float(np.exp(np.log(x).mean()))
    logs = np.log(x / middle)
    weights, exponents = np.ones_like(costs), np.full(len(costs), MOST / 2)
    for number in range(REWEIGHTINGS):
        for half, count in SEARCHES[min(number, 1) :]:
            tried = np.clip(exponents[:, None] + np.linspace(-half, half, count), 0.0, MOST)
            floors, factors, misses = _solved(tried, logs, costs, weights, floor)
            best = np.argmin(np.sum(weights[:, None] * misses**2, axis=-1), axis=1)
            chosen = np.arange(len(costs)), best
            exponents, floors, factors, misses = tried[chosen], floors[chosen], factors[chosen], misses[chosen]
        weights = 1 / np.sqrt(1 + (misses / SCALE) ** 2)
    return Laws(
        x=x, costs=costs, floors=floors, factors=factors / middle**exponents, exponents=exponents, misses=misses
    )


def _solved(
    exponents: Floats, logs: Floats, costs: Floats, weights: Floats, floor: bool
) -> tuple[Floats, Floats, Floats]:
    """The best floor and factor [curves, tried] for each exponent tried, and what they miss [curves, tried, points]."""
    inverse = (1 / costs)[:, None]  # [curves, 1, points]
    powers = np.exp(exponents[..., None] * logs) * inverse
    by = weights[:, None]
    pp, p = np.sum(by * powers**2, axis=-1), np.sum(by * powers, axis=-1)
    floors, factors = np.zeros_like(pp), p / pp
    if floor:
        uu, up, u = (
            np.sum(by * inverse**2, axis=-1),
            np.sum(by * inverse * powers, axis=-1),
            np.sum(by * inverse, axis=-1),
        )
        determinant = uu * pp - up**2
        told = determinant > 1e-12 * uu * pp
        divisor = np.where(told, determinant, 1.0)
        free_floor, free_factor = (u * pp - p * up) / divisor, (uu * p - up * u) / divisor
        inside = told & (free_floor > 0) & (free_factor > 0)
        floors, factors = np.where(inside, free_floor, floors), np.where(inside, free_factor, factors)
    return floors, factors, floors[..., None] * inverse + factors[..., None] * powers - 1
