"""Aggregates: what boards of one task say together, over the values of the option that the task names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.canonical import canonical_json
from harness.reports import formatting
from harness.reports.board import ASKED, FOUND, Board, Condition, natural
from harness.reports.entries import Entry
from harness.statistics import Aggregates, Summary, aggregate

if TYPE_CHECKING:
    from harness.registry import Registry
    from harness.specs import Aggregation

# What boards of one aggregate may differ in besides the option: each member may have data of its own.
OWN = (ASKED["task_options"], FOUND["dataset"], FOUND["data_digest"])


@dataclass(frozen=True, kw_only=True, slots=True)
class AggregateRow:
    """One model over all members; without `scores` where it lacks a member. `present` counts those that it has."""

    label: str
    present: int
    num_runs: int
    scores: Aggregates | None
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AggregateTable:
    """Models over the compared members, which are values of the option `over`.

    `without` are members that no trial has the metric of although it ended well. `differs` sets the boards apart from
    others of the task, and `board` is the place of the last of them among the report's boards.
    """

    suite: str
    scale: str
    task: str
    over: str
    metric: str
    target: float
    members: tuple[str, ...]
    without: tuple[str, ...]
    differs: tuple[Condition, ...]
    rows: tuple[AggregateRow, ...]
    board: int


def make_aggregates(boards: Sequence[Board], registry: Registry | None) -> tuple[AggregateTable, ...]:
    """A table for each set of boards that differ in nothing but the option over which their task is aggregated.

    The registry knows which tasks are. There is none of fewer than two members.
    """
    tables = []
    for places in _groups(boards, registry):
        aggregation = _aggregation(boards[places[0]], registry)
        assert aggregation is not None
        found = {str(boards[place].task_options[aggregation.over]): boards[place] for place in places}
        members = {name: found[name] for name in sorted(found, key=natural)}
        without = [name for name, board in members.items() if _ended_without(board, aggregation.metric)]
        compared = {name: board for name, board in members.items() if name not in without}
        scored = any(_values(entry, aggregation.metric) for board in compared.values() for entry in board.entries)
        if len(compared) < 2 or not scored:
            continue
        first = boards[places[0]]
        tables.append(
            AggregateTable(
                suite=first.suite,
                scale=first.scale,
                task=first.task,
                over=aggregation.over,
                metric=aggregation.metric,
                target=aggregation.target,
                members=tuple(compared),
                without=tuple(without),
                differs=tuple(item for item in first.differs if item.name not in (aggregation.over, *OWN)),
                rows=_rows(compared, aggregation),
                board=max(places),
            )
        )
    return tuple(tables)


def headings(table: AggregateTable) -> tuple[str, ...]:
    """The columns, of which the first and the last hold words."""
    return ("model", "interquartile mean", "median", "mean", "optimality gap", table.over, "runs", "notes")


def cells(row: AggregateRow, table: AggregateTable) -> tuple[str, ...]:
    """A row's cells under the headings."""
    if row.scores is None:
        figures = ["–"] * 4
    else:
        scores = row.scores
        figures = [_figure(found) for found in (scores.interquartile_mean, scores.median, scores.mean)]
        figures.append(_figure(scores.optimality_gap))
    share = f"{row.present}/{len(table.members)}"
    return (row.label, *figures, share, str(row.num_runs), "; ".join(row.notes))


def heading(table: AggregateTable) -> str:
    """What is aggregated."""
    return f"{table.metric} over {table.over}"


def explanation(table: AggregateTable) -> str:
    """How to read a table."""
    parts = [f"{table.over}: {', '.join(table.members)}."]
    if table.differs:
        parts.append(f"Only {formatting.conditions(table.differs)}.")
    if table.without:
        parts.append(f"Left out for every model, as no trial there has {table.metric}: {', '.join(table.without)}.")
    parts.append(
        f"Mean and median are of the means by {table.over}, the interquartile mean is of all runs without their lowest "
        f"and highest quarter, the optimality gap is what a run lacks to {table.target:g} on average (less is better)."
    )
    scores = [row.scores for row in table.rows if row.scores is not None]
    if any(found.mean.low is not None for found in scores):
        parts.append(f"In brackets: 95% intervals of a bootstrap that draws runs within each {table.over}.")
    elif scores:
        parts.append(f"Each model has a {table.over} with one run: no interval.")
    return " ".join(parts)


def _figure(found: Summary) -> str:
    if found.low is None or found.high is None:
        return formatting.number(found.mean)
    return f"{formatting.number(found.mean)} [{formatting.number(found.low)}, {formatting.number(found.high)}]"


def _groups(boards: Sequence[Board], registry: Registry | None) -> list[list[int]]:
    """Places of boards that are aggregated together. One whose trials all failed before they said what they measure
    joins every group of its plan that lacks its member."""
    groups: dict[str, list[int]] = {}
    plans: dict[str, str] = {}
    failed: list[tuple[str, int]] = []
    for place, board in enumerate(boards):
        aggregation = _aggregation(board, registry)
        if aggregation is None or aggregation.over not in board.task_options:
            continue
        options = {name: value for name, value in board.task_options.items() if name != aggregation.over}
        conditions = {item.name: item.value for item in board.conditions if item.name not in OWN}
        asked = {name: value for name, value in conditions.items() if name not in FOUND.values()}
        plan = canonical_json([board.suite, board.scale, board.task, options, asked])
        if not board.metric:
            failed.append((plan, place))
            continue
        key = canonical_json([plan, conditions])
        groups.setdefault(key, []).append(place)
        plans[key] = plan
    for plan, place in failed:
        options = boards[place].task_options
        for key, places in groups.items():
            if plans[key] == plan and all(boards[other].task_options != options for other in places):
                places.append(place)
    return list(groups.values())


def _aggregation(board: Board, registry: Registry | None) -> Aggregation | None:
    registered = None if registry is None else registry.tasks.entries.get(board.task)
    return None if registered is None else registered.spec.aggregation


def _ended_without(board: Board, metric: str) -> bool:
    """Whether trials ended well and none of them has the metric."""
    ended = any(entry.replicates for entry in board.entries)
    return ended and not any(_values(entry, metric) for entry in board.entries)


def _rows(members: dict[str, Board], aggregation: Aggregation) -> tuple[AggregateRow, ...]:
    """The best interquartile mean first; models that lack a member come last."""
    labels = sorted({entry.label for board in members.values() for entry in board.entries})
    rows = [_row(label, members, aggregation) for label in labels]
    return tuple(sorted(rows, key=_standing))


def _standing(row: AggregateRow) -> tuple[int, float]:
    return (1, 0.0) if row.scores is None else (0, -row.scores.interquartile_mean.mean)


def _row(label: str, members: dict[str, Board], aggregation: Aggregation) -> AggregateRow:
    entries = {name: entry for name, board in members.items() for entry in board.entries if entry.label == label}
    runs = {name: _values(entry, aggregation.metric) for name, entry in entries.items()}
    present = {name: values for name, values in runs.items() if values}
    lacking = [name for name in members if name not in present]
    scores = None if lacking else aggregate(list(present.values()), aggregation.target)
    return AggregateRow(
        label=label,
        present=len(present),
        num_runs=sum(map(len, present.values())),
        scores=scores,
        notes=tuple(_notes(entries, present, lacking)),
    )


def _notes(entries: dict[str, Entry], present: dict[str, tuple[float, ...]], lacking: Sequence[str]) -> list[str]:
    """What a reader must know about a row beside its numbers."""
    notes = [f"no result on {', '.join(lacking)}"] if lacking else []
    failed = [
        f"{name} seed {failure.seed} {failure.status}" for name, entry in entries.items() for failure in entry.failures
    ]
    notes += [f"missing: {', '.join(failed)}"] if failed else []
    notes += sorted({entry.unranked for entry in entries.values() if entry.unranked and not entry.failures})
    single = [name for name, values in present.items() if len(values) == 1]
    notes += [f"one run of {', '.join(single)}: no interval"] if single and not lacking else []
    counts = sorted({len(values) for values in present.values()})
    notes += [f"{counts[0]} to {counts[-1]} runs each"] if len(counts) > 1 else []
    return notes


def _values(entry: Entry, metric: str) -> tuple[float, ...]:
    return next((found.values for found in entry.metrics if found.name == metric), ())
