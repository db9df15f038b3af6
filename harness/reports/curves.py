"""Learning curves of a board: each entry's training loss by step, as the mean over its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.reports.entries import Entry

if TYPE_CHECKING:
    import pandas as pd

QUANTITY = "loss"


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """The mean over `n` seeds by place: the steps that all of them recorded, or the values of a swept option."""

    label: str
    n: int
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BoardCurves:
    """The curves of a board's entries."""

    quantity: str
    curves: tuple[Curve, ...]


def make_curves(entries: Sequence[Entry], points: pd.DataFrame | None) -> BoardCurves:
    """The curves of the entries, from points in long form (`harness.store.CURVE_SCHEMA`).

    Of several candidates the chosen one's is shown.
    """
    if points is None or points.empty:
        return BoardCurves(quantity=QUANTITY, curves=())
    losses = points.loc[(points["name"] == QUANTITY) & points["chosen"].fillna(False).astype(bool)]
    curves = [_curve(entry, losses) for entry in entries]
    return BoardCurves(quantity=QUANTITY, curves=tuple(curve for curve in curves if len(curve.points) > 1))


def _curve(entry: Entry, losses: pd.DataFrame) -> Curve:
    trial_ids = [replicate.trial_id for replicate in entry.replicates]
    mine = losses.loc[losses["trial_id"].isin(trial_ids)]
    found = mine["trial_id"].nunique()
    by_step = mine.groupby("step")["value"].agg(["mean", "count"])
    complete = by_step.loc[by_step["count"] == found, "mean"]
    points = tuple((int(step), float(value)) for step, value in complete.items())
    return Curve(label=entry.label, n=found, points=points)
