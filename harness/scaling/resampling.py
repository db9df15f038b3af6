"""Curves drawn anew: seeds, and within each seed the rounds, which all points of a run share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Run: TypeAlias = Mapping[float, Sequence[float]]
Runs: TypeAlias = Sequence[Run]
Floats: TypeAlias = NDArray[np.float64]

RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    """Logarithms of the median cost at each x, free of what each round did to all points, measured and drawn anew.

    `measured` [points] is the mean over seeds, `drawn` [resamples, points] the same of drawn seeds and rounds, with NaN
    where no drawn seed got so far. Points are joined by the mean step from one to the next of the seeds that have both,
    so that a seed which ends early changes no slope beyond its end.
    """

    x: Floats
    measured: Floats
    drawn: Floats
    seeds: int


def checked(runs: Runs) -> list[dict[float, Floats]]:
    """Runs as arrays, x growing.

    Raises ValueError for no runs, no points, an x or a cost that is not positive and finite, and for points of one run
    that differ in their number of samples.
    """
    found = []
    for run in runs:
        arrays = {float(x): np.asarray(run[x], dtype=np.float64) for x in sorted(run)}
        for x, samples in arrays.items():
            if not (x > 0 and np.isfinite(x) and samples.size and np.isfinite(samples).all() and samples.min() > 0):
                raise ValueError(
                    f"x={x:g}: {samples[:3]} ...; x and every sample must be positive and finite; leave out"
                )
        if len({samples.size for samples in arrays.values()}) > 1:
            counts = {f"{x:g}": samples.size for x, samples in arrays.items()}
            raise ValueError(f"points of one run have {counts} samples; rounds are shared; cut them to the shortest")
        if arrays:
            found.append(arrays)
    if not found:
        raise ValueError("no points were measured; give at least one run with samples at one x")
    return found


def resample(runs: Runs, seed: int = 0, resamples: int = RESAMPLES) -> Curves:
    """Draw curves with replacement: as many seeds as there are, and in each of them as many rounds as it has.

    One seed draws rounds alone. The draws are the same at every call with the same `seed`.
    """
    generator = np.random.default_rng(seed)
    tables = checked(runs)
    x = np.array(sorted({at for table in tables for at in table}))
    medians = np.stack([_log_medians(table, x, resamples, generator) for table in tables])
    shape = (resamples, len(tables))
    if len(tables) == 1:
        chosen, version = np.zeros(shape, dtype=np.int64), np.arange(1, resamples + 1)[:, None]
    else:
        chosen = generator.integers(len(tables), size=shape)
        version = generator.integers(1, resamples + 1, size=shape)
    return Curves(x=x, measured=_joined(medians[:, 0]), drawn=_joined(medians[chosen, version]), seeds=len(tables))


def interval(values: Floats, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The middle part of drawn values; draws that are NaN do not count."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values[~np.isnan(values)], (tail, 1 - tail))
    return float(low), float(high)


def covers(seeds: int) -> str:
    """What an interval of so many seeds allows for, in words."""
    return "rounds of one seed" if seeds == 1 else f"{seeds} seeds and their rounds"


def _log_medians(table: Mapping[float, Floats], x: Floats, resamples: int, generator: np.random.Generator) -> Floats:
    """[1 + resamples, points]: measured first, then with rounds drawn anew; NaN where the run has no samples.

    What a round does to all points, the median over them of how far each is from its own, is taken out before medians
    are compared along the curve, and left in its mean.
    """
    samples = np.log(np.stack(list(table.values())))  # [points of the run, rounds]
    rounds = samples.shape[1]
    drawn = np.concatenate([np.arange(rounds)[None], generator.integers(rounds, size=(resamples, rounds))])
    shared = np.median(samples - np.median(samples, axis=1, keepdims=True), axis=0)
    shape = np.stack([np.median((row - shared)[drawn], axis=-1) for row in samples], axis=-1)
    level = np.mean([np.median(row[drawn], axis=-1) for row in samples], axis=0)
    found = np.full((resamples + 1, len(x)), np.nan)
    found[:, np.isin(x, list(table))] = shape - shape.mean(axis=-1, keepdims=True) + level[:, None]
    return found


def _joined(medians: Floats) -> Floats:
    """The mean curve [..., points] over seeds of their curves [..., seeds, points]."""
    steps = np.concatenate([medians[..., :1], np.diff(medians, axis=-1)], axis=-1)
    known = ~np.isnan(steps)
    with np.errstate(invalid="ignore"):
        means = np.where(known, steps, 0.0).sum(-2) / known.sum(-2)
    joined: Floats = np.cumsum(means, axis=-1)
    return joined
