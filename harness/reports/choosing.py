"""Which rows of results folders and files are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import StoreError, UsageError
from harness.registry import suggest
from harness.store import Reading, Store, read_rows

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows to show, with what could not be read and how many planned trials have no row yet."""

    table: pd.DataFrame
    problems: tuple[str, ...]
    missing: int


def of_runs(store: Store, names: Sequence[str]) -> Chosen:
    """The rows of these runs; without names those of the run that was planned last."""
    runs = store.runs()
    if not runs and names:
        raise UsageError(f"{store.folder} knows no run {names[0]!r}, nor any other; leave the name out to see all rows")
    if not runs:
        return everything(store)
    wanted = [_found(name, runs, store) for name in names] or [list(runs)[-1]]
    trial_ids = {trial_id for run in wanted for trial_id in runs[run]}
    reading = store.read(trial_ids)
    return _chosen(reading, str(store.folder), len(trial_ids))


def everything(store: Store) -> Chosen:
    """All rows of a results folder."""
    return _chosen(store.read(), str(store.folder))


def of_paths(paths: Sequence[Path]) -> Chosen:
    """All rows of results folders and leaderboard files together."""
    import pandas as pd

    readings = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist; give a results folder or a leaderboard.parquet")
        readings.append(Store(path).read() if path.is_dir() else read_rows([path]))
    table = pd.concat([reading.table for reading in readings], ignore_index=True)
    problems = tuple(problem for reading in readings for problem in reading.problems)
    return _chosen(Reading(table, problems), ", ".join(map(str, paths)))


def filtered(chosen: Chosen, column: str, names: Sequence[str]) -> Chosen:
    """Only the rows with one of these names in a column; without names all of them."""
    if not names:
        return chosen
    known = sorted(set(chosen.table[column]))
    for name in names:
        if name not in known:
            raise UsageError(f"--{column} {name}: no row has it; {suggest(name, known)}")
    return Chosen(chosen.table.loc[chosen.table[column].isin(names)], chosen.problems, chosen.missing)


def _chosen(reading: Reading, origin: str, planned: int = 0) -> Chosen:
    if reading.table.empty:
        unread = "".join(f"\n  {problem}" for problem in reading.problems)
        raise StoreError(f"{origin} holds no rows yet that can be shown; `harness run` writes them{unread}")
    return Chosen(reading.table, reading.problems, max(0, planned - len(reading.table)))


def _found(name: str, runs: Mapping[str, object], store: Store) -> str:
    matching = [run for run in runs if run == name] or [run for run in runs if run.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise UsageError(f"run {name!r} could be any of {', '.join(matching)}; write more of the name")
    raise UsageError(f"{store.folder} knows no run {name!r}; {suggest(name, runs)}")
