"""What an executor is given, and what it tells of its trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from harness.folders import CheckpointFolder
from harness.planning.trials import Trial
from harness.rows import Outcome


@dataclass(frozen=True, slots=True)
class Started:
    trial: Trial


@dataclass(frozen=True, slots=True)
class Advanced:
    """A running trial is at `step` of `steps`."""

    trial: Trial
    step: int
    steps: int
    loss: float


@dataclass(frozen=True, slots=True)
class Finished:
    trial: Trial
    outcome: Outcome


Event: TypeAlias = Started | Advanced | Finished


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionSettings:
    """How an executor runs trials. `memory_bytes` is what one trial may take; a trial brings its own time limit.

    With `keep_weights` a trial leaves its trained network among its artifacts.
    """

    jobs: int
    threads: int
    memory_bytes: int
    cache: Path
    plugin_files: tuple[Path, ...]
    run_id: str
    checkpoints: CheckpointFolder | None = None
    keep_weights: bool = False


class Executor(Protocol):
    """Runs trials and yields what becomes of them as it becomes known."""

    def run(self, trials: Sequence[Trial]) -> Iterator[Event]: ...

    def close(self) -> None:
        """End what still runs, and its children. Called also after an interruption; safe to call twice."""
        ...
