"""What every row says whatever happens to its trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from harness.canonical import canonical_json
from harness.planning.trials import Trial

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial leaves: its row, its learning curve (candidate, step, name, value), and files by name."""

    row: Row
    curve: list[dict[str, Any]]
    artifacts: Mapping[str, bytes] = field(default_factory=dict)


def planned_columns(trial: Trial, run_id: str) -> Row:
    """The columns that the plan alone determines."""
    return {
        "trial_id": trial.trial_id,
        "run_id": run_id,
        "suite": trial.suite,
        "scale": trial.scale,
        "task": trial.task,
        "model": trial.model,
        "kernel": trial.kernel,
        "kernels": dict(trial.kernels),
        "seed": trial.seed,
        "task_options": canonical_json(dict(trial.task_options)),
        "model_options": canonical_json(dict(trial.model_options)),
        "training": canonical_json(dataclasses.asdict(trial.training)),
        "num_candidates": len(trial.learning_rates),
        "budget_steps": trial.budget.steps or None,
        "budget_seconds": trial.budget.seconds,
        "match_kind": None if trial.match is None else trial.match.kind,
        "match_target": None if trial.match is None else trial.match.target,
        "match_parameters": _matched_parameters(trial),
        "device": trial.device,
        "precision": trial.precision,
        "sources": dict(trial.sources),
    }


def _matched_parameters(trial: Trial) -> int | None:
    return int(trial.match.target) if trial.match is not None and trial.match.kind == "parameters" else None


def verdict_columns(trial: Trial, status: str, reason: str, traceback: str = "", matched: float | None = None) -> Row:
    """How the trial ended, and whether its result takes part in ranking: not where what it `matched` is no match."""
    ok = status == "ok"
    unranked = trial.unranked or ("" if trial.match is None else trial.match.missed_by(matched))
    return {
        "status": status,
        "reason": reason,
        "traceback": traceback,
        "ranked": ok and not unranked,
        "unranked_reason": unranked if ok else f"{status}: {reason}",
    }


def ended_from_outside(trial: Trial, known: Mapping[str, Any], status: str, reason: str, log: str) -> Outcome:
    """The outcome of a trial whose process did not live to tell: `log` is the end of what it printed."""
    return Outcome(dict(known) | verdict_columns(trial, status, reason, log), [])
