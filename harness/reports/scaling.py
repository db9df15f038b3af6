"""Costs along a line: what was measured at each point, how it grows, what theory expects, and who is cheapest where.

There is a table for each board whose task measures along something (`TaskSpec.scaling`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.reports.board import Board
from harness.reports.crossings import Crossing, make_crossings
from harness.reports.entries import Entry
from harness.reports.measured_points import EMPTY, KINDS, OPERATIONS, PEAK, SECONDS, STATE, Measured, Values, measured
from harness.scaling import LocalSlope, PowerLaw, Runs, Standing, cheapest, local_slopes
from harness.scaling import fit_power_law as fit
from harness.scaling.overhead import overhead
from harness.specs import Growth
from harness.statistics import Summary, summarise

if TYPE_CHECKING:
    import pandas as pd

    from harness.registry import Registry
    from harness.specs import Scaling

RESAMPLES = 500
TIME, MEMORY, CARRIED = "time of a call", "peak of memory", "state of a sequence"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One entry at one point: the mean over seeds, or why there is none. `hollow` is below five empty models' calls."""

    at: float
    summary: Summary | None
    hollow: bool = False
    missing: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScalingRow:
    """One entry. `slopes` and `counted`, the slopes of counted operations, have one item for each pair of neighbouring
    points; `limit` is the exponent that the model declares, None where it says nothing."""

    label: str
    places: tuple[Place, ...]
    slopes: tuple[LocalSlope | None, ...]
    counted: tuple[float | None, ...]
    law: PowerLaw | None
    limit: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ScalingQuantity:
    """Something that was measured; `kind` is `seconds` or `size`. `standings` say who is cheapest at each point."""

    name: str
    kind: str
    rows: tuple[ScalingRow, ...]
    standings: tuple[Standing, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryStack:
    """Of one entry the bytes of each kind of `KINDS` at each point; an empty tuple where nothing was measured."""

    label: str
    points: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScalingTable:
    """All entries of a board along `along`. `floor` is what a call takes with a model that does nothing, None where
    nobody measured that; `notes` are what a reader must know; `board` is the place among the report's boards."""

    suite: str
    scale: str
    task: str
    along: str
    points: tuple[float, ...]
    quantities: tuple[ScalingQuantity, ...]
    floor: tuple[float | None, ...]
    crossings: tuple[Crossing, ...]
    stacks: tuple[MemoryStack, ...]
    notes: tuple[str, ...]
    board: int


def make_scalings(
    boards: Sequence[Board], curves: pd.DataFrame | None, registry: Registry | None
) -> tuple[ScalingTable, ...]:
    """A table for each board whose task the registry says to measure along something.

    `curves` have the samples of each round (`Store.curves`); without them medians stand for them.
    """
    found = []
    for place, board in enumerate(boards):
        declared = scaling_of(board, registry)
        if declared is not None and registry is not None:
            found.append(_table(place, board, declared, curves, registry))
    return tuple(found)


def scaling_of(board: Board, registry: Registry | None) -> Scaling | None:
    """Along what the board's task measures; None for other tasks."""
    registered = None if registry is None else registry.tasks.entries.get(board.task)
    return None if registered is None else registered.spec.scaling


def trials_of(boards: Sequence[Board], registry: Registry | None) -> list[str]:
    """The trials of which `make_scalings` wants the samples."""
    measuring = [board for board in boards if scaling_of(board, registry) is not None]
    return [replicate.trial_id for board in measuring for entry in board.entries for replicate in entry.replicates]


def growth_of(entry: Entry, along: str, registry: Registry) -> Growth:
    """What the entry's model and kernels declare along something; a kernel's word goes before the model's."""
    registered = registry.models.entries.get(entry.model)
    declared = [] if registered is None else list(registered.spec.growth)
    for op, name in entry.kernels:
        kernel = registry.kernels.entries.get(f"{op}.{name}")
        declared += [] if kernel is None else kernel.spec.growth
    found = Growth(along=along)
    for growth in declared:
        if growth.along == along:
            found = Growth(
                along=along,
                seconds=found.seconds if growth.seconds is None else growth.seconds,
                bytes=found.bytes if growth.bytes is None else growth.bytes,
                state=found.state if growth.state is None else growth.state,
            )
    return found


def _table(
    place: int, board: Board, declared: Scaling, curves: pd.DataFrame | None, registry: Registry
) -> ScalingTable:
    entries = sorted(
        (measured(entry, declared.along, curves) for entry in board.entries), key=lambda it: it.entry.label
    )
    points = tuple(sorted({x for found in entries for x in found.points} | _asked(board, declared)))
    total = board.task_options.get(declared.total) if declared.total else None
    less = 1.0 if total else 0.0
    growths = [growth_of(found.entry, declared.along, registry) for found in entries]
    quantities = [
        _quantity(TIME, SECONDS, points, entries, Measured.seconds, [_less(it.seconds, less) for it in growths]),
        _quantity(MEMORY, PEAK, points, entries, Measured.grown_bytes, [_less(it.bytes, less) for it in growths]),
        _quantity(CARRIED, STATE, points, entries, Measured.state, [it.state for it in growths]),
    ]
    return ScalingTable(
        suite=board.suite,
        scale=board.scale,
        task=board.task,
        along=declared.along,
        points=points,
        quantities=tuple(it for it in quantities if any(place.summary for row in it.rows for place in row.places)),
        floor=_floor(points, entries),
        crossings=make_crossings({it.entry.label: it.seconds() for it in entries}, RESAMPLES),
        stacks=_stacks(points, entries),
        notes=_notes(entries, declared.along, total),
        board=place,
    )


def _less(power: float | None, less: float) -> float | None:
    return None if power is None else power - less


def _asked(board: Board, declared: Scaling) -> set[float]:
    """The points that the task's options list."""
    listed = board.task_options.get(declared.points) if declared.points else None
    return {float(x) for x in listed if x > 0} if isinstance(listed, list) else set()


def _quantity(
    name: str,
    metric: str,
    points: Sequence[float],
    entries: Sequence[Measured],
    runs: Callable[[Measured], Runs],
    limits: Sequence[float | None],
) -> ScalingQuantity:
    rows = []
    timed = metric == SECONDS
    for found, limit in zip(entries, limits, strict=True):
        empty = found.means(EMPTY) if timed else None
        mine = runs(found)
        slopes = {(it.start, it.end): it for it in _slopes(mine, empty, timed)} if mine else {}
        rows.append(
            ScalingRow(
                label=found.entry.label,
                places=tuple(_place(x, found.values(metric), found, empty) for x in points),
                slopes=tuple(slopes.get(pair) for pair in pairwise(points)),
                counted=_counted(points, found.means(OPERATIONS)) if timed else (None,) * (len(points) - 1),
                law=fit(mine, empty) if mine else None,
                limit=limit,
            )
        )
    costs = {found.entry.label: found.seconds() if timed else found.runs(metric) for found in entries}
    present = {label: of for label, of in costs.items() if of}
    return ScalingQuantity(
        name=name,
        kind="seconds" if timed else "size",
        rows=tuple(rows),
        standings=cheapest(present, resamples=RESAMPLES) if len(present) > 1 else (),
    )


def _slopes(runs: Runs, empty: Mapping[float, float] | None, timed: bool) -> tuple[LocalSlope, ...]:
    """Local slopes; one time of one seed has no interval, while bytes are the same at every call."""
    found = local_slopes(runs, empty, resamples=RESAMPLES)
    if timed and len(runs) == 1 and all(len(samples) == 1 for samples in runs[0].values()):
        return tuple(replace(it, low=None, high=None) for it in found)
    return found


def _place(at: float, values: Values, found: Measured, empty: Mapping[float, float] | None) -> Place:
    by_seed = values.get(at)
    if not by_seed:
        return Place(at=at, summary=None, missing=_why(found.entry))
    summary = summarise(list(by_seed.values()))
    return Place(at=at, summary=summary, hollow=bool(overhead(at, summary.mean, empty)))


def _why(entry: Entry) -> str:
    """Why an entry has nothing at a point: its line ended, or its trials failed."""
    reasons = [*dict.fromkeys(entry.stopped)]
    reasons += dict.fromkeys(f"{failure.status}: {failure.reason}" for failure in entry.failures)
    return "; ".join(reasons) or "its rows have no value there"


def _counted(points: Sequence[float], operations: Mapping[float, float]) -> tuple[float | None, ...]:
    """The slopes of counted operations, which is what arithmetic alone would show."""
    return tuple(
        math.log(operations[end] / operations[start]) / math.log(end / start)
        if operations.get(start, 0.0) > 0 and operations.get(end, 0.0) > 0
        else None
        for start, end in pairwise(points)
    )


def _floor(points: Sequence[float], entries: Sequence[Measured]) -> tuple[float | None, ...]:
    """The mean over entries of what a call takes with an empty model."""
    means = [found.means(EMPTY) for found in entries]
    present = [[of[x] for of in means if x in of] for x in points]
    return tuple(sum(found) / len(found) if found else None for found in present)


def _stacks(points: Sequence[float], entries: Sequence[Measured]) -> tuple[MemoryStack, ...]:
    stacks = []
    for found in entries:
        kinds = [found.means(kind) for kind in KINDS]
        bytes_at = tuple(tuple(of[x] for of in kinds) if all(x in of for of in kinds) else () for x in points)
        if any(bytes_at):
            stacks.append(MemoryStack(label=found.entry.label, points=bytes_at))
    return tuple(stacks)


def _notes(entries: Sequence[Measured], along: str, total: object) -> tuple[str, ...]:
    """What a reader must know beside the numbers."""
    notes = []
    if not any(found.points for found in entries):
        said = (f"{found.entry.label}: {_why(found.entry)}" for found in entries)
        return (f"Nothing was measured along {along}.", *said)
    if total:
        notes.append(f"Examples times {along} are {total} at every point, so costs grow by one power of {along} less.")
    reached = [found for found in entries if found.points]
    if len({x for found in reached for x in found.points}) == 1:
        notes.append("One point was measured: nothing is said of growth.")
    if not any(found.rounds for found in reached):
        notes.append("The samples of single rounds are not there; intervals rest on the medians of seeds alone.")
    if all(len(found.entry.replicates) == 1 for found in reached):
        notes.append("One seed: its values have no interval, and those of slopes cover the rounds of that seed alone.")
    for found in reached:
        seeds = len(found.entry.replicates)
        for x, by_seed in sorted(found.values(SECONDS).items()):
            if len(by_seed) < seeds:
                notes.append(f"{found.entry.label} at {x:g}: {len(by_seed)} of {seeds} seeds; {_why(found.entry)}.")
    return tuple(notes)
