"""Learning curves of a board: each entry's training loss by step, as the mean over its seeds.

Curves share an axis only where they are of one quantity. A loss that a model or its learner brings itself (a bound, a
game between two networks, a denoising error) is drawn on an axis of its own: its size says nothing about another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.reports.entries import Entry, parsed
from harness.specs import Capability

if TYPE_CHECKING:
    import pandas as pd

    from harness.registry import Registry

RECORDED = "loss"
BY_CROSS_ENTROPY = frozenset({Capability.PREDICTS_TOKENS, Capability.CLASSIFIES, Capability.EXTRACTS_FEATURES})
"""What a task needs of models whose default learner minimises the cross-entropy of the task's own targets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """The mean over `n` seeds by place: the steps that all of them recorded, or the values of a swept option."""

    label: str
    n: int
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """Curves of one quantity, which therefore share an axis."""

    quantity: str
    curves: tuple[Curve, ...]


def make_panels(
    task: str, entries: Sequence[Entry], points: pd.DataFrame | None, registry: Registry | None = None
) -> tuple[Panel, ...]:
    """The curves of the entries, from points in long form (`harness.store.CURVE_SCHEMA`), by what was minimised.

    Of several candidates the chosen one's is shown. Without a registry nothing is known of the losses, so entries of
    one model and options share an axis, and no others.
    """
    if points is None or points.empty:
        return ()
    losses = points.loc[(points["name"] == RECORDED) & points["chosen"].fillna(False).astype(bool)]
    panels: dict[tuple[str, str], list[Curve]] = {}
    for entry in entries:
        curve = _curve(entry, losses)
        if len(curve.points) > 1:
            panels.setdefault(_minimised(task, entry, registry), []).append(curve)
    return tuple(Panel(quantity=quantity, curves=tuple(curves)) for (quantity, _), curves in panels.items())


def _minimised(task: str, entry: Entry, registry: Registry | None) -> tuple[str, str]:
    """What the entry's training loss is called, and under which options it is the same quantity."""
    if registry is None or not _by_cross_entropy(task, entry.model, registry):
        return f"the loss of {entry.model}", entry.model_options
    smoothing = parsed(entry.training).get("label_smoothing") or 0.0
    return f"cross-entropy in nats{f', labels smoothed by {smoothing:g}' if smoothing else ''}", ""


def _by_cross_entropy(task: str, model: str, registry: Registry) -> bool:
    if task not in registry.tasks.entries or model not in registry.models.entries:
        return False
    return (
        registry.tasks.entries[task].spec.needs in BY_CROSS_ENTROPY
        and registry.models.entries[model].spec.learner is None
    )


def _curve(entry: Entry, losses: pd.DataFrame) -> Curve:
    trial_ids = [replicate.trial_id for replicate in entry.replicates]
    mine = losses.loc[losses["trial_id"].isin(trial_ids)]
    found = mine["trial_id"].nunique()
    by_step = mine.groupby("step")["value"].agg(["mean", "count"])
    complete = by_step.loc[by_step["count"] == found, "mean"]
    points = tuple((int(step), float(value)) for step, value in complete.items())
    return Curve(label=entry.label, n=found, points=points)
