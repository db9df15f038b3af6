"""Trials and plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from harness.canonical import digest
from harness.interfaces import Budget, LearnerMemory, Training

IDENTITY_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One point of the plan. Its id is a hash of everything that defines what is computed.

    `unsupported` says why it cannot run here, `unranked` why its result would not be comparable, `timeout_seconds` is a
    limit, and `memory` is what its learner will keep beside the network; these four do not define it.
    """

    suite: str
    scale: str
    task: str
    task_options: Mapping[str, Any]
    model: str
    model_options: Mapping[str, Any]
    kernel: str
    kernels: Mapping[str, str]
    seed: int
    training: Training
    learning_rates: tuple[float, ...]
    budget: Budget
    match_parameters: int | None
    device: str
    precision: str
    sources: Mapping[str, str]
    unsupported: str = ""
    unranked: str = ""
    timeout_seconds: float = 3600.0
    memory: LearnerMemory | None = None

    @cached_property
    def identity(self) -> dict[str, Any]:
        content = asdict(self)
        for name in ("unsupported", "unranked", "timeout_seconds", "memory"):
            del content[name]
        return content | {"identity_version": IDENTITY_VERSION}

    @cached_property
    def trial_id(self) -> str:
        return digest(self.identity)[:20]

    @property
    def label(self) -> str:
        """How people call it: task, model, what is unusual about it, and its seed."""
        kernel = "" if self.kernel == "auto" else f" kernel={self.kernel}"
        return f"{self.task} {self.model}{kernel} seed={self.seed}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """A pair that makes no trial, with the reason."""

    task: str
    model: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The trials of a run in the order in which they start: all models of one seed before the next seed."""

    suite: str
    scale: str
    trials: tuple[Trial, ...]
    skipped: tuple[Skipped, ...]

    @property
    def left_out(self) -> list[str]:
        """A line for each task and reason, with the models that it is about."""
        models: dict[tuple[str, str], list[str]] = {}
        for item in self.skipped:
            models.setdefault((item.task, item.reason), []).append(item.model)
        return [f"left out of {task}: {', '.join(names)} ({reason})" for (task, reason), names in models.items()]

    @cached_property
    def run_id(self) -> str:
        """The same for the same trials, so that a run that is taken up again is the same run."""
        key = digest(sorted(trial.trial_id for trial in self.trials))[:8]
        return f"{self.suite}-{self.scale}-{key}".replace("_", "-")
