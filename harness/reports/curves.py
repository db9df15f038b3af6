"""Learning curves of a board: what each entry recorded by step, as the mean over its seeds with an interval.

Curves share an axis only where they are of one quantity. What a task declares (`TaskSpec.curves`) says the same of
every model. A loss that a model or its learner brings itself (a bound, a game between two networks, a denoising error)
is drawn on an axis of its own: its size says nothing about another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.reports.entries import Entry, parsed
from harness.specs import Capability
from harness.statistics import intervals

if TYPE_CHECKING:
    import pandas as pd

    from harness.registry import Registry

RECORDED = "loss"
FRAMES = "frames"
BY_CROSS_ENTROPY = frozenset({Capability.PREDICTS_TOKENS, Capability.CLASSIFIES, Capability.EXTRACTS_FEATURES})
"""What a task needs of models whose default learner minimises the cross-entropy of the task's own targets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """The mean over `n` seeds by place: a training step, or the value of a swept option.

    `band` has the ends of the 95% interval at the same places; it is empty where fewer than two seeds have a curve.
    """

    label: str
    n: int
    points: tuple[tuple[float, float], ...]
    band: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """Curves of one quantity, which therefore share an axis. `declared` is one that the task declares, for all models;
    `along` is what the places are."""

    quantity: str
    curves: tuple[Curve, ...]
    along: str = "step"
    declared: bool = False


def make_panels(
    task: str, entries: Sequence[Entry], points: pd.DataFrame | None, registry: Registry | None = None
) -> tuple[Panel, ...]:
    """The curves of the entries, from points in long form (`harness.store.CURVE_SCHEMA`): first the quantities that
    the task declares, then losses by what was minimised.

    Of several candidates the chosen one's is shown. Without a registry nothing is known of the losses, so entries of
    one model and options share an axis, and no others. A quantity of which no number was recorded has no panel.
    """
    if points is None or points.empty:
        return ()
    trial_ids = [replicate.trial_id for entry in entries for replicate in entry.replicates]
    mine = points.loc[points["trial_id"].isin(trial_ids)]
    chosen = mine.loc[mine["chosen"].fillna(False).astype(bool)]
    along = _along(chosen)
    panels = []
    for name, title in _declared(task, registry):
        curves = [curve for entry in entries if len((curve := _curve(entry, name, chosen)).points) > 1]
        if curves:
            panels.append(Panel(quantity=title, curves=tuple(curves), along=along, declared=True))
    losses: dict[tuple[str, str], list[Curve]] = {}
    for entry in entries:
        curve = _curve(entry, RECORDED, chosen)
        if len(curve.points) > 1:
            losses.setdefault(_minimised(task, entry, registry), []).append(curve)
    panels += [Panel(quantity=name, curves=tuple(curves), along=along) for (name, _), curves in losses.items()]
    return tuple(panels)


def _declared(task: str, registry: Registry | None) -> tuple[tuple[str, str], ...]:
    registered = None if registry is None else registry.tasks.entries.get(task)
    return () if registered is None else tuple((found.name, found.title) for found in registered.spec.curves)


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


def _along(points: pd.DataFrame) -> str:
    """What a step is: with its number of frames where trials recorded them, all the same."""
    frames = points.loc[points["name"] == FRAMES]
    each = {float(value) for value in (frames["value"] / frames["step"]).unique()}
    return f"step of {each.pop():g} frames" if len(each) == 1 else "step"


def _curve(entry: Entry, name: str, points: pd.DataFrame) -> Curve:
    """From the first step by which every seed has a number to the last that every seed reached.

    A seed that recorded no number at a step at which another did counts with its last one.
    """
    trial_ids = [replicate.trial_id for replicate in entry.replicates]
    mine = points.loc[points["trial_id"].isin(trial_ids)]
    numbers = mine.loc[(mine["name"] == name) & np.isfinite(mine["value"])]
    by_step = numbers.pivot(index="step", columns="trial_id", values="value")
    reached = mine.loc[mine["trial_id"].isin(by_step.columns)].groupby("trial_id")["step"].max().min()
    complete = by_step.loc[by_step.index <= reached].ffill().dropna()
    values, seeds = complete.to_numpy().T, len(by_step.columns)
    means = values.mean(axis=0) if seeds else ()
    return Curve(
        label=entry.label,
        n=seeds,
        points=tuple((int(step), float(mean)) for step, mean in zip(complete.index, means, strict=True)),
        band=tuple((float(low), float(high)) for low, high in intervals(values).T) if seeds > 1 else (),
    )
