"""The facts: every number of `printed_results.csv`, as its paper prints it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("printed_results.csv")


@dataclass(frozen=True, kw_only=True, slots=True)
class Printed:
    """A row of the file. `value` is None where the paper prints none, `higher_is_better` where it is no score."""

    paper: str
    system: str
    task: str
    dataset: str
    metric: str
    value: float | None
    higher_is_better: bool | None
    protocol: str
    source: str
    confidence: str


def read_printed(file: Path = FILE) -> tuple[Printed, ...]:
    """The rows of a file, in its order; values, directions and protocols may be empty."""
    with file.open(encoding="utf-8", newline="") as lines:
        return tuple(_printed(row) for row in csv.DictReader(lines))


@cache
def all_printed() -> tuple[Printed, ...]:
    """The rows of the project's own file, read once."""
    return read_printed()


def _printed(row: dict[str, str]) -> Printed:
    return Printed(
        paper=row["paper"],
        system=row["system"],
        task=row["task"],
        dataset=row["dataset"],
        metric=row["metric"],
        value=float(row["value"]) if row["value"] else None,
        higher_is_better={"true": True, "false": False, "": None}[row["higher_is_better"]],
        protocol=row["protocol"],
        source=row["source"],
        confidence=row["confidence"],
    )
