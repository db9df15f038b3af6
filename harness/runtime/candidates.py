"""The configurations that a trial tries, and the one that validation chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.interfaces import FitOutcome, TakesCheckpoints, Task, ValidatesBy
from harness.runtime.building import build_learner
from harness.runtime.checkpoints import FileCheckpoints
from harness.runtime.context import TrialContext
from harness.runtime.fitting import Diverged
from harness.runtime.scoring import compute, gather_evidence
from harness.runtime.seeding import seeded
from harness.specs import MetricSpec

RecordCandidate = Callable[[int, int, Mapping[str, float]], None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One fitted configuration."""

    index: int
    learning_rate: float
    learner: Any
    outcome: FitOutcome
    validation: float


def choose_candidate(context: TrialContext, record: RecordCandidate) -> Candidate:
    """Fit every candidate; validation chooses, by the headline or what the task says. The test split is not touched.

    `record(index, step, values)` gets the learning curves. Raises Diverged when every candidate does.
    """
    failures: list[Diverged] = []
    metric = context.metrics[0]
    if isinstance(context.task, ValidatesBy):
        metric = context.registry.metrics[context.task.validation_metric].spec
    sign = 1 if metric.higher_is_better else -1
    best: Candidate | None = None
    for candidate in _fitted(context, metric, record, failures):
        if best is None or sign * candidate.validation > sign * best.validation:
            best = candidate
    if best is None:
        raise failures[-1]
    return best


def _fitted(
    context: TrialContext, metric: MetricSpec, record: RecordCandidate, failures: list[Diverged]
) -> Iterator[Candidate]:
    for index, learning_rate in enumerate(context.trial.learning_rates):
        try:
            yield _fit(context, index, learning_rate, metric, record)
        except Diverged as error:
            failures.append(error)


def _fit(
    context: TrialContext, index: int, learning_rate: float, metric: MetricSpec, record: RecordCandidate
) -> Candidate:
    learner = build_learner(context, learning_rate)
    task, problems = _with_checkpoints(context, index)
    with seeded(context.streams.integer("fit")):
        outcome = task.fit(
            learner,
            context.data,
            training=replace(context.trial.training, learning_rate=learning_rate),
            budget=context.trial.budget,
            streams=context.streams,
            device=context.device,
            record=lambda step, values: record(index, step, values),
        )
    outcome = replace(outcome, continued="; ".join(filter(None, [outcome.continued, *problems])))
    validation = compute(metric, gather_evidence(context, learner, "validation")).value
    return Candidate(index, learning_rate, learner, outcome, validation)


def _with_checkpoints(context: TrialContext, index: int) -> tuple[Task, list[str]]:
    """The task, keeping checkpoints of this candidate where it can, and the list that problems with them go to."""
    if context.checkpoints is None or not isinstance(context.task, TakesCheckpoints):
        return context.task, []
    path = context.checkpoints.path / context.trial.trial_id / f"{index}.pt"
    checkpoints = FileCheckpoints(path, seconds=context.checkpoints.seconds)
    return context.task.with_checkpoints(checkpoints), checkpoints.problems
