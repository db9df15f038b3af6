"""Trials and plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

from harness.canonical import digest
from harness.interfaces import Budget, LearnerMemory, Training

IDENTITY_VERSION = 1
MARGIN = 0.10
MatchKind: TypeAlias = Literal["parameters", "flops", "state_bytes", "seconds"]
UNITS: Mapping[MatchKind, str] = {
    "parameters": "parameters",
    "flops": "operations of a forward pass",
    "state_bytes": "bytes of streaming state",
    "seconds": "seconds of training",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """What every model gets alike, within 10%: so many parameters, operations of a forward pass over an example, bytes
    of a sequence's state at the task's length, or seconds of training."""

    kind: MatchKind
    target: float

    def missed_by(self, reached: float | None, where: str = "") -> str:
        """Why what was reached is no match; "" if it is one."""
        if reached is None:
            return f"match.{self.kind}: what the model takes could not be measured"
        if abs(reached - self.target) <= MARGIN * self.target:
            return ""
        unit = UNITS[self.kind]
        return f"nearest to {self.target:.15g} {unit} are {reached:.15g}{f' ({where})' if where else ''}, over 10% off"


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
    match: Match | None
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
        if self.match is None or self.match.kind == "parameters":
            # Trials of before there were other kinds keep their ids.
            del content["match"]
            content["match_parameters"] = None if self.match is None else int(self.match.target)
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
    """The trials of a run in the order in which they start: all models of one seed before the next seed.

    `jobs` of them run at a time, of `threads` CPU threads each, unless whoever runs them says otherwise; None is as
    many as there are CPUs for.
    """

    suite: str
    scale: str
    trials: tuple[Trial, ...]
    skipped: tuple[Skipped, ...]
    jobs: int | None = None
    threads: int = 1

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
