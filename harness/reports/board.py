"""Boards: rows that may be compared with each other, one board a group."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import StoreError
from harness.reports.entries import Entry, Row, headline_unit, make_entries, pairs, parsed
from harness.reports.provenance import hardware_of
from harness.reports.ranking import rank_entries
from harness.store import to_table

if TYPE_CHECKING:
    import pandas as pd


# What the plan determines: every row has these.
ASKED = {
    "suite": "suite",
    "scale": "scale",
    "task": "task",
    "task_options": "task options",
    "device": "device",
    "precision": "precision",
    "budget_steps": "budget in steps",
    "budget_seconds": "budget in seconds",
    "match_kind": "matched",
    "match_target": "matched to",
    "num_candidates": "candidates tried",
}
# What a trial finds out as it runs: one that failed early does not have them.
FOUND = {
    "metric": "metric",
    "dataset": "data",
    "data_tier": "data tier",
    "data_digest": "data digest",
    "hardware": "hardware",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """Something that all rows of a board have in common."""

    name: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A value that needs no learning: chance, or a simple baseline. `metric` is empty for the headline."""

    name: str
    value: float
    metric: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """One comparable group of rows. Rows of two boards are never ranked together.

    `differs` is what sets it apart from the report's other boards of the same task. `metric` is empty and
    `higher_is_better` None when no trial got far enough to say.
    """

    suite: str
    scale: str
    task: str
    metric: str
    unit: str
    higher_is_better: bool | None
    chance: float | None
    references: tuple[Reference, ...]
    further_references: tuple[Reference, ...]
    conditions: tuple[Condition, ...]
    differs: tuple[Condition, ...]
    entries: tuple[Entry, ...]

    @property
    def lines(self) -> tuple[Entry | Reference, ...]:
        """Entries and references as a table shows them: references stand where their value would."""
        ranked = [entry for entry in self.entries if entry.rank is not None]
        merged: list[Entry | Reference] = [*ranked, *self.references]
        sign = -1.0 if self.higher_is_better else 1.0
        merged.sort(key=lambda line: sign * _value(line))
        return (*merged, *(entry for entry in self.entries if entry.rank is None))

    @property
    def task_options(self) -> dict[str, Any]:
        """The options of the task that all of the board's trials have."""
        return parsed(next((item.value for item in self.conditions if item.name == ASKED["task_options"]), None))

    @property
    def num_trials(self) -> int:
        return sum(entry.num_trials for entry in self.entries)

    @property
    def num_failed(self) -> int:
        return sum(len(entry.failures) for entry in self.entries)


def make_boards(rows: pd.DataFrame) -> tuple[Board, ...]:
    """The boards of these rows, sorted by suite, scale and task. Raises StoreError without rows."""
    return boards_of(plain_rows(rows))


def boards_of(rows: Sequence[Row]) -> tuple[Board, ...]:
    """The boards of rows that are plain already."""
    groups = sorted(_groups(rows), key=lambda group: [natural(_text(group[0], name)) for name in (*ASKED, *FOUND)])
    return tuple(_board(group, [other for other in groups if other[0]["task"] == group[0]["task"]]) for group in groups)


def natural(text: str) -> list[tuple[int, str]]:
    """A key by which numbers inside texts come in their own order: 8 before 16."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]


def plain_rows(rows: pd.DataFrame) -> list[Row]:
    """The rows with Python's own values. Raises StoreError without any."""
    if rows.empty:
        raise StoreError("the leaderboard holds no rows yet; a board needs at least one: start with `harness run`")
    plain: list[Row] = to_table(rows).to_pylist()
    return plain


def _groups(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Comparable rows together; the first row of each group has everything that the group has in common."""
    by_plan: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        row = {**row, "hardware": hardware_of(row)}
        by_plan.setdefault(tuple(_text(row, name) for name in ASKED), []).append(row)
    for group in by_plan.values():
        yield from _split(group)


def _split(rows: Sequence[Row]) -> list[list[Row]]:
    """Split rows of one plan by what their trials found. A failed trial that found less joins every group that it
    does not contradict, so that it is seen wherever its model is."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    settled = [row for row in rows if row["status"] == "ok"]
    for row in settled:
        groups.setdefault(_found(row), []).append(row)
    rest = sorted((row for row in rows if row["status"] != "ok"), key=lambda row: -sum(map(bool, _found(row))))
    for row in rest:
        matching = [key for key in groups if _agrees(_found(row), key)]
        for key in matching or [_found(row)]:
            groups.setdefault(key, []).append(row)
    return [_without_repeats(group) for group in groups.values()]


def _found(row: Row) -> tuple[str, ...]:
    return tuple(_text(row, name) for name in FOUND)


def _agrees(found: tuple[str, ...], key: tuple[str, ...]) -> bool:
    return all(not mine or mine == theirs for mine, theirs in zip(found, key, strict=True))


def _without_repeats(rows: Sequence[Row]) -> list[Row]:
    """One row a trial, where results of several folders are shown together: one that ended well, else the one that
    got farthest, else the last."""
    kept: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: (row["status"] != "ok", *_progress(row), row["trial_id"])):
        kept.setdefault(row["trial_id"], row)
    return list(kept.values())


def _progress(row: Row) -> tuple[int, float]:
    ended = 0.0 if row["ended_at"] is None else float(row["ended_at"].timestamp())
    return -sum(map(bool, _found(row))), -ended


def _board(rows: list[Row], peers: Sequence[list[Row]]) -> Board:
    common = rows[0]
    higher = common["higher_is_better"]
    chance, references = _level([row["chance"] for row in rows]), _references(rows)
    entries = make_entries(rows, chance, higher)
    return Board(
        suite=common["suite"],
        scale=common["scale"],
        task=common["task"],
        metric=common["metric"] or "",
        unit=headline_unit(rows),
        higher_is_better=higher,
        chance=chance,
        references=tuple(line for line in references if not line.metric),
        further_references=tuple(line for line in references if line.metric),
        conditions=_conditions(common),
        differs=_differences(common, [peer[0] for peer in peers]),
        entries=rank_entries(entries, higher),
    )


def _references(rows: Sequence[Row]) -> tuple[Reference, ...]:
    """The levels that rows name, those of another metric as `metric:name`; chance comes last."""
    found = []
    for label in sorted({label for row in rows for label in pairs(row["references"])}):
        level = _level([pairs(row["references"]).get(label) for row in rows])
        metric, _, name = label.rpartition(":")
        if level is not None:
            found.append(Reference(name=name, value=level, metric=metric))
    chance = _level([row["chance"] for row in rows])
    return (*found, *([] if chance is None else [Reference(name="chance", value=chance)]))


def _level(values: Sequence[float | None]) -> float | None:
    """A level that all rows share; where seeds have levels of their own, their mean."""
    present = [value for value in values if value is not None and value == value]
    if not present:
        return None
    return present[0] if len(set(present)) == 1 else sum(present) / len(present)


def _conditions(row: Row) -> tuple[Condition, ...]:
    words = {name: word for name, word in (ASKED | FOUND).items() if name not in ("suite", "scale", "task")}
    return tuple(Condition(name=word, value=_text(row, name)) for name, word in words.items() if _text(row, name))


def _differences(row: Row, peers: Sequence[Row]) -> tuple[Condition, ...]:
    differing = []
    for name, word in (ASKED | FOUND).items():
        if name == "task_options":
            differing += _option_differences(row, peers)
        elif len({_text(peer, name) for peer in peers}) > 1:
            differing.append(Condition(name=word, value=_text(row, name) or "none"))
    return tuple(differing)


def _option_differences(row: Row, peers: Sequence[Row]) -> list[Condition]:
    options = [parsed(peer["task_options"]) for peer in peers]
    names = sorted({name for option in options for name in option})
    mine = parsed(row["task_options"])
    return [
        Condition(name=name, value=str(mine.get(name, "none")))
        for name in names
        if len({str(option.get(name)) for option in options}) > 1
    ]


def _text(row: Row, name: str) -> str:
    value = row[name]
    if value is None:
        return ""
    if name == "data_digest":
        return str(value)[:12]
    # All digits that were asked for, so that what differs at all is set apart.
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _value(line: Entry | Reference) -> float:
    if isinstance(line, Reference):
        return line.value
    assert line.summary is not None
    return line.summary.mean
