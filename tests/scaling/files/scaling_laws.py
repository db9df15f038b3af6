"""Costs of a known law, with the noise that a shared machine makes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

X = tuple(2.0**power for power in range(6, 13))


def measured(
    law: Callable[[float], float],
    *,
    number: int,
    seeds: int = 1,
    rounds: int = 20,
    noise: float = 0.05,
    outliers: float = 0.1,
    level: float = 0.05,
) -> list[dict[float, np.ndarray]]:
    """Runs of a law: a level for each seed, a drift over rounds that all points share, noise, and slow outliers."""
    generator = np.random.default_rng(number)
    runs = []
    for _ in range(seeds):
        shared = np.exp(level * generator.standard_normal()) * generator.uniform(0.8, 1.25, rounds)
        own = np.exp(noise * generator.standard_normal((len(X), rounds)))
        own *= np.where(generator.random(own.shape) < outliers, generator.uniform(1.5, 3.0, own.shape), 1.0)
        runs.append({x: law(x) * shared * row for x, row in zip(X, own, strict=True)})
    return runs
