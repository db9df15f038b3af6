"""Where rows came from: runs, machines, versions, data and code, each with the number of rows it stands behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from harness.reports.entries import Row, pairs

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts:
    """A run: when its first trial started and its last one ended, in UTC."""

    run_id: str
    suite: str
    scale: str
    started: str
    ended: str
    num_rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineFacts:
    """A machine and what ran on it."""

    hardware: str
    device: str
    driver: str
    cpu: str
    cpu_count: int | None
    threads: int | None
    ram_bytes: int | None
    os: str
    versions: tuple[tuple[str, str], ...]
    num_rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFacts:
    """A dataset as rows used it."""

    dataset: str
    tier: str
    licence: str
    origin: str
    digest: str
    num_rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeFacts:
    """A commit of the checkout and whether there were changes beside it; empty where there was no checkout."""

    commit: str
    dirty: bool
    num_rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFacts:
    """A plugin's version and source digest."""

    plugin: str
    source: str
    num_rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """Everything that the rows of a report came from."""

    num_rows: int
    statuses: tuple[tuple[str, int], ...]
    runs: tuple[RunFacts, ...]
    machines: tuple[MachineFacts, ...]
    data: tuple[DataFacts, ...]
    code: tuple[CodeFacts, ...]
    sources: tuple[SourceFacts, ...]


def make_provenance(rows: Sequence[Row]) -> Provenance:
    return Provenance(
        num_rows=len(rows),
        statuses=tuple(
            sorted(Counter(row["status"] for row in rows).items(), key=lambda item: (item[0] != "ok", item[0]))
        ),
        runs=_runs(rows),
        machines=_machines(rows),
        data=_data(rows),
        code=tuple(
            CodeFacts(commit=commit, dirty=dirty, num_rows=count)
            for (commit, dirty), count in _counted((row["git_commit"] or "", bool(row["git_dirty"])) for row in rows)
        ),
        sources=tuple(
            SourceFacts(plugin=plugin, source=source, num_rows=count)
            for (plugin, source), count in _counted(item for row in rows for item in pairs(row["sources"]).items())
        ),
    )


def hardware_of(row: Row) -> str | None:
    """The device's name; a trial that ended before it could tell ran on this CPU all the same."""
    hardware: str | None = row["hardware"] or (row["cpu"] if row["device"] == "cpu" else None)
    return hardware


def _runs(rows: Sequence[Row]) -> tuple[RunFacts, ...]:
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["run_id"] or "", row["suite"], row["scale"]), []).append(row)
    return tuple(
        RunFacts(
            run_id=run_id,
            suite=suite,
            scale=scale,
            started=_moment(min((row["started_at"] for row in group if row["started_at"]), default=None)),
            ended=_moment(max((row["ended_at"] for row in group if row["ended_at"]), default=None)),
            num_rows=len(group),
        )
        for (run_id, suite, scale), group in sorted(groups.items())
    )


def _moment(time: datetime | None) -> str:
    return "" if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _machines(rows: Sequence[Row]) -> tuple[MachineFacts, ...]:
    keys = _counted(
        (
            hardware_of(row) or "",
            row["device"] or "",
            row["driver"] or "",
            row["cpu"] or "",
            row["cpu_count"] or 0,
            row["threads"] or 0,
            row["ram_bytes"] or 0,
            row["os"] or "",
            tuple(sorted(pairs(row["versions"]).items())),
        )
        for row in rows
    )
    return tuple(
        MachineFacts(
            hardware=hardware,
            device=device,
            driver=driver,
            cpu=cpu,
            cpu_count=cpu_count or None,
            threads=threads or None,
            ram_bytes=ram_bytes or None,
            os=os,
            versions=versions,
            num_rows=count,
        )
        for (hardware, device, driver, cpu, cpu_count, threads, ram_bytes, os, versions), count in keys
    )


def _data(rows: Sequence[Row]) -> tuple[DataFacts, ...]:
    keys = _counted(
        (
            row["dataset"],
            row["data_tier"] or "",
            row["data_licence"] or "",
            row["data_provenance"] or "",
            row["data_digest"] or "",
        )
        for row in rows
        if row["dataset"]
    )
    return tuple(
        DataFacts(dataset=dataset, tier=tier, licence=licence, origin=origin, digest=digest, num_rows=count)
        for (dataset, tier, licence, origin, digest), count in keys
    )


def _counted(keys: Iterable[Key]) -> list[tuple[Key, int]]:
    """How often each key occurs, sorted by key."""
    return sorted(Counter(keys).items(), key=lambda item: repr(item[0]))
