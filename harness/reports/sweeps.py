"""Sweeps: boards of one task that differ in a single number, such as how many training images there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.reports.board import Board
from harness.reports.entries import Entry
from harness.statistics import Summary, summarise


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepRow:
    """One model at each value of the option; None where it has nothing there. `first` says where it leads."""

    label: str
    cells: tuple[Summary | None, ...]
    first: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantity:
    """Something that the sweep shows for each model and value; `kind` is how its numbers are written."""

    name: str
    kind: str
    rows: tuple[SweepRow, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """The boards of one task along one numeric option. The first quantity is the headline metric."""

    suite: str
    scale: str
    task: str
    option: str
    values: tuple[float, ...]
    quantities: tuple[Quantity, ...]


COSTS: tuple[tuple[str, str, Callable[[Entry], float | None]], ...] = (
    ("training examples per second", "count", lambda entry: entry.costs.examples_per_second),
    ("peak memory", "size", lambda entry: entry.costs.peak_memory_bytes),
)


def make_sweeps(boards: Sequence[Board]) -> tuple[Sweep, ...]:
    """A sweep for each set of at least two boards whose only difference is the value of one numeric task option."""
    groups: dict[tuple[object, ...], dict[float, Board]] = {}
    for board in boards:
        for name, value in _numbers(board).items():
            fixed = tuple((item.name, item.value) for item in board.differs if item.name != name)
            key = (board.suite, board.scale, board.task, board.metric, name, fixed)
            groups.setdefault(key, {})[value] = board
    return tuple(_sweep(str(key[4]), found) for key, found in groups.items() if len(found) > 1)


def _numbers(board: Board) -> dict[str, float]:
    found = {}
    for item in board.differs:
        try:
            found[item.name] = float(item.value)
        except ValueError:
            continue
    return found


def _sweep(option: str, found: dict[float, Board]) -> Sweep:
    values = tuple(sorted(found))
    boards = [found[value] for value in values]
    labels = sorted({entry.label for board in boards for entry in board.entries})
    entries = [[_entry(board, label) for board in boards] for label in labels]
    headline = Quantity(
        name=boards[0].metric or "value",
        kind="value",
        rows=tuple(
            SweepRow(
                label=label,
                cells=tuple(None if entry is None else entry.summary for entry in row),
                first=tuple(entry is not None and entry.rank == 1 for entry in row),
            )
            for label, row in zip(labels, entries, strict=True)
        ),
    )
    costs = [
        Quantity(
            name=name,
            kind=kind,
            rows=tuple(
                SweepRow(
                    label=label,
                    cells=tuple(_cost(entry, read) for entry in row),
                    first=(False,) * len(row),
                )
                for label, row in zip(labels, entries, strict=True)
            ),
        )
        for name, kind, read in COSTS
    ]
    return Sweep(
        suite=boards[0].suite,
        scale=boards[0].scale,
        task=boards[0].task,
        option=option,
        values=values,
        quantities=(headline, *(cost for cost in costs if any(cell for row in cost.rows for cell in row.cells))),
    )


def _entry(board: Board, label: str) -> Entry | None:
    return next((entry for entry in board.entries if entry.label == label), None)


def _cost(entry: Entry | None, read: Callable[[Entry], float | None]) -> Summary | None:
    """The median over seeds, as one number without an interval."""
    value = None if entry is None else read(entry)
    return None if value is None else summarise([value])
