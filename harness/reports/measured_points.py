"""What the rows of an entry say of each point along a line: values by seed, the rounds' samples, operations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from harness.reports.entries import Entry
from harness.scaling import Run

if TYPE_CHECKING:
    import pandas as pd

SECONDS, PEAK, STATE = "call_seconds", "allocated_peak_bytes", "sequence_state_bytes"
EMPTY, OPERATIONS = "empty_call_seconds", "call_flops"
KINDS = ("parameter_bytes", "gradient_bytes", "optimizer_bytes", "activation_bytes", "workspace_bytes")
"""What a peak of memory consists of."""
HELD = KINDS[:3]
"""What does not grow with the input."""
Values: TypeAlias = Mapping[float, Mapping[int, float]]
"""From a point to the value of each seed there."""
POINT = re.compile(r"(\w+)\[(\w+)=(\d+(?:\.\d+)?)\]")


def point_of(name: str, along: str) -> tuple[str, float] | None:
    """What `quantity[along=point]` names; None for any other name, and for a point that has no logarithm."""
    found = POINT.fullmatch(name)
    return (found[1], float(found[3])) if found is not None and found[2] == along and float(found[3]) > 0 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """All that one entry left. `rounds` has the samples of each trial; it is empty where rows have no curves."""

    entry: Entry
    metrics: Mapping[str, Values]
    rounds: tuple[Run, ...]

    def values(self, quantity: str) -> Values:
        return self.metrics.get(quantity, {})

    def means(self, quantity: str) -> dict[float, float]:
        return {x: float(np.mean(list(found.values()))) for x, found in self.values(quantity).items()}

    @property
    def points(self) -> set[float]:
        return {x for quantity in (SECONDS, PEAK) for x in self.values(quantity)}

    def seconds(self) -> tuple[Run, ...]:
        """The samples of a call's time for each seed, or its medians where no samples were kept."""
        return self.rounds or self.runs(SECONDS)

    def runs(self, quantity: str) -> tuple[Run, ...]:
        """The value of each seed as its only sample."""
        return _runs(self.values(quantity))

    def grown_bytes(self) -> tuple[Run, ...]:
        """The peak without what does not grow with the input, for each seed."""
        held = [self.values(kind) for kind in HELD]
        grown = {
            x: {seed: peak - sum(kind.get(x, {}).get(seed, 0.0) for kind in held) for seed, peak in found.items()}
            for x, found in self.values(PEAK).items()
        }
        return _runs(grown)

    def state(self) -> tuple[Run, ...]:
        return self.runs(STATE)


def measured(entry: Entry, along: str, curves: pd.DataFrame | None) -> Measured:
    """What the entry's trials left, with their samples from curves in long form (`harness.store.CURVE_SCHEMA`)."""
    metrics: dict[str, dict[float, Mapping[int, float]]] = {}
    for metric in entry.metrics:
        if (named := point_of(metric.name, along)) is not None:
            metrics.setdefault(named[0], {})[named[1]] = metric.by_seed
    trial_ids = [replicate.trial_id for replicate in entry.replicates]
    rounds = () if curves is None or curves.empty else tuple(filter(None, _samples(trial_ids, along, curves)))
    return Measured(entry=entry, metrics=metrics, rounds=rounds)


def _samples(trial_ids: Sequence[str], along: str, curves: pd.DataFrame) -> list[dict[float, list[float]]]:
    """For each trial the samples at each point in the order of rounds, as many at every point."""
    chosen = curves.loc[curves["chosen"].fillna(False).astype(bool) & curves["trial_id"].isin(trial_ids)]
    runs = []
    for trial_id in trial_ids:
        mine = chosen.loc[chosen["trial_id"] == trial_id].sort_values("step", kind="stable")
        found: dict[float, list[float]] = {}
        for name, value in zip(mine["name"], mine["value"], strict=True):
            named = point_of(name, along)
            if named is not None and named[0] == "seconds" and np.isfinite(value) and value > 0:
                found.setdefault(named[1], []).append(float(value))
        rounds = min(map(len, found.values()), default=0)
        runs.append({x: samples[:rounds] for x, samples in sorted(found.items())})
    return runs


def _runs(values: Values) -> tuple[Run, ...]:
    """A run of single samples for each seed, without what is not above 0: it has no logarithm."""
    seeds = sorted({seed for found in values.values() for seed in found})
    runs = [{x: [found[seed]] for x, found in sorted(values.items()) if found.get(seed, 0.0) > 0} for seed in seeds]
    return tuple(run for run in runs if run)
