"""Where one curve becomes the cheaper one, between the points that were measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.scaling.resampling import CONFIDENCE, Floats, Runs, interval, resample

RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Crossover:
    """Where the second of two becomes cheaper than the first, or the other way about.

    `verdict` is `once` (at `x`, with the 95% interval `low` to `high`; an end of the measured range there means: or
    beyond it), `never` within the measured range, `more than once`, or `cannot tell`. `cheaper` is which is cheaper at
    the least x, for `once`, and throughout, for `never`: 0 the first, 1 the second. `said` puts it in words.
    """

    verdict: Literal["once", "never", "more than once", "cannot tell"]
    x: float | None
    low: float | None
    high: float | None
    cheaper: Literal[0, 1] | None
    said: str


def crossover(first: Runs, second: Runs, *, resamples: int = RESAMPLES) -> Crossover:
    """Compare two curves at the x that both have, with straight lines between them on logarithms; nothing beyond them.

    A change of sign counts where the curves can be told apart on both sides of it, all points together at 95%, by a
    bootstrap over seeds and rounds of each on its own: two models' runs share no rounds. Raises ValueError for fewer
    than two common x.
    """
    one, other = resample(first, 1, resamples), resample(second, 2, resamples)
    x, left, right = np.intersect1d(one.x, other.x, return_indices=True)
    if len(x) < 2:
        raise ValueError(f"the curves share {len(x)} values of x; a crossover needs two at least")
    gap = one.measured[left] - other.measured[right]  # [points], below 0 where the first is cheaper
    gaps = one.drawn[:, left] - other.drawn[:, right]
    gaps = gaps[~np.isnan(gaps).any(axis=1)]
    told = _told(gap, gaps)
    apart = told[told != 0]
    turns = int(np.sum(apart[1:] != apart[:-1]))
    where = f"within {x[0]:g} to {x[-1]:g}"
    if turns > 1:
        return _without("more than once", None, f"the cheaper one changes more than once {where}; see the slopes")
    if turns == 0:
        if not len(apart) or np.any(np.sign(gap) == -apart[0]):
            return _without("cannot tell", None, f"the two cannot be told apart on both sides of a crossing {where}")
        cheaper: Literal[0, 1] = 0 if apart[0] < 0 else 1
        return _without("never", cheaper, f"never {where}: the {('first', 'second')[cheaper]} is cheaper throughout")
    cheaper = 0 if apart[0] < 0 else 1
    sign = -1.0 if cheaper == 0 else 1.0
    at = _crossing(np.log(x), sign * gap[None])[0]
    low, high = (float(np.exp(end)) for end in interval(_crossing(np.log(x), sign * gaps)))
    said = f"the {('first', 'second')[cheaper]} is cheaper up to {np.exp(at):.4g} ({low:.4g} to {high:.4g})"
    return Crossover(verdict="once", x=float(np.exp(at)), low=low, high=high, cheaper=cheaper, said=said)


def _told(gap: Floats, gaps: Floats) -> Floats:
    """The sign at each point where it is beyond doubt, else 0; the points share the error rate."""
    ends = [interval(column, 1 - (1 - CONFIDENCE) / len(gap)) for column in gaps.T]
    return np.array([np.sign(low) if low * high > 0 else 0.0 for low, high in ends])


def _crossing(logs: Floats, leads: Floats) -> Floats:
    """Where curves [curves, points] that start above 0 have fallen below it, in logarithms of x.

    The length over which they are above 0: the crossing where there is one, an end of the range where there is none,
    and between its crossings for a noisy curve that has several.
    """
    start, end = leads[:, :-1], leads[:, 1:]
    span = np.abs(start - end)
    share = np.where(span > 0, np.maximum(start, end) / np.where(span > 0, span, 1.0), (start > 0).astype(np.float64))
    above: Floats = logs[0] + np.sum(np.clip(share, 0.0, 1.0) * np.diff(logs), axis=1)
    return above


def _without(
    verdict: Literal["never", "more than once", "cannot tell"], cheaper: Literal[0, 1] | None, said: str
) -> Crossover:
    return Crossover(verdict=verdict, x=None, low=None, high=None, cheaper=cheaper, said=said)
