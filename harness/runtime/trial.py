"""The life of one trial, from a point of the plan to what its row says."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from harness.configuration import parse_config
from harness.errors import HarnessError, MissingDataError, PluginError
from harness.interfaces import Dataset, Evidence, FitOutcome, Measurement, Task, TokenBatch
from harness.machine import machine_columns
from harness.planning.trials import Trial
from harness.registry import Registry
from harness.rows import Outcome, Row, planned_columns, verdict_columns
from harness.runtime.datasets import load_dataset
from harness.runtime.devices import describe_device, peak_memory, reset_peak_memory
from harness.runtime.fitting import Diverged
from harness.runtime.kernels import Kernel, check_kernel, load_kernels
from harness.runtime.learning import DefaultTokenLearner
from harness.runtime.measuring import count_flops, state_bytes
from harness.runtime.seeding import SeedStreams, seeded
from harness.runtime.sizing import count_parameters
from harness.specs import Capability, MetricSpec, ModelSpec, TaskSpec

Report = Callable[[int, int, float], None]
OUT_OF_MEMORY_SIGNS = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")


class FailedCheck(Exception):
    """A kernel is not equal to its definition."""


@dataclass(slots=True)
class _Candidate:
    """One fitted configuration."""

    index: int
    learning_rate: float
    learner: Any
    outcome: FitOutcome
    validation: float


@dataclass(slots=True)
class _Run:
    """What the steps of a trial share."""

    trial: Trial
    registry: Registry
    model: ModelSpec
    task_spec: TaskSpec
    task: Task
    data: Dataset | None
    device: torch.device
    kernels: dict[str, Kernel]
    report: Report
    streams: SeedStreams
    curve: list[dict[str, Any]] = field(default_factory=list)


def run_trial(trial: Trial, registry: Registry, *, cache: Path, threads: int, run_id: str, report: Report) -> Outcome:
    """Run one trial. Whatever happens inside it becomes the status of its row.

    `report(step, steps, loss)` is called as fitting goes on.
    """
    started_at, started = datetime.now(UTC), time.perf_counter()
    row = planned_columns(trial, run_id) | machine_columns() | {"threads": threads, "started_at": started_at}
    curve: list[dict[str, Any]] = []
    status, reason, trace = "ok", "", ""
    if trial.unsupported:
        status, reason = "unsupported", trial.unsupported
    else:
        try:
            torch.set_num_threads(threads)
            row |= _describe_extra(registry)
            with seeded(SeedStreams(trial.seed).integer("trial")):
                row |= _run(_prepared(trial, registry, cache, report, row), curve, row)
        except Diverged as error:
            status, reason = "diverged", str(error)
        except FailedCheck as error:
            status, reason = "failed_check", str(error)
        except MissingDataError as error:
            status, reason = "unsupported", str(error)
        except HarnessError as error:
            status, reason = "error", str(error)
        except Exception as error:
            status, reason, trace = _classified(error)
    row |= verdict_columns(trial, status, reason, trace) | {
        "wall_seconds": time.perf_counter() - started,
        "ended_at": datetime.now(UTC),
        "load_average": psutil.getloadavg()[0],
    }
    return Outcome(row, curve)


def _describe_extra(registry: Registry) -> Row:
    extra: dict[str, str] = {}
    for facts in registry.hooks.hook.harness_describe_machine():
        extra |= facts
    return {"machine_extra": extra}


def _prepared(trial: Trial, registry: Registry, cache: Path, report: Report, row: Row) -> _Run:
    device = torch.device(trial.device)
    row |= describe_device(device)
    reset_peak_memory(device)
    model, task_spec = registry.models[trial.model].spec, registry.tasks[trial.task].spec
    task: Task = task_spec.build.load()(parse_config(task_spec.config.load(), trial.task_options, trial.task))
    kernels = load_kernels(trial.kernels, registry)
    for kernel in kernels.values():
        if failure := check_kernel(kernel, registry, device, trial.precision):
            raise FailedCheck(failure)
    data = None
    if task.dataset is not None:
        data = load_dataset(task.dataset, registry, cache)
        row |= {
            "dataset": data.name,
            "data_tier": str(data.tier),
            "data_digest": data.digest,
            "data_licence": data.licence,
            "data_provenance": data.provenance,
        }
    streams = SeedStreams(trial.seed)
    return _Run(trial, registry, model, task_spec, task, data, device, kernels, report, streams)


def _run(run: _Run, curve: list[dict[str, Any]], row: Row) -> Row:
    run.curve = curve
    headline = run.registry.metrics[run.task_spec.metrics[0]].spec
    references = run.task.references(run.data)
    row |= {
        "metric": headline.name,
        "higher_is_better": headline.higher_is_better,
        "chance": references.get("chance"),
        "references": {name: value for name, value in references.items() if name != "chance"},
    }
    chosen = _best(run, headline)
    for point in curve:
        point["chosen"] = point["candidate"] == chosen.index
    outcome = chosen.outcome
    row |= {
        "learning_rate": chosen.learning_rate,
        "validation": chosen.validation,
        "steps": outcome.steps,
        "examples": outcome.examples,
        "tokens": outcome.tokens,
        "stopped": outcome.stopped,
        "final_loss": outcome.final_loss,
        "parameters": count_parameters(chosen.learner.module),
        "train_seconds": outcome.seconds,
        "step_seconds": outcome.step_seconds_median,
        "examples_per_second": outcome.examples / outcome.seconds if outcome.seconds else None,
        "tokens_per_second": outcome.tokens / outcome.seconds if outcome.seconds else None,
        "seconds_to_target": outcome.seconds_to_target,
    } | peak_memory(run.device)
    started = time.perf_counter()
    metrics = _measurements(run, chosen.learner)
    row |= {"metrics": metrics, "value": metrics[0]["value"], "evaluate_seconds": time.perf_counter() - started}
    if not math.isfinite(metrics[0]["value"]):
        raise Diverged(f"{headline.name} on the test split is {metrics[0]['value']}")
    return row | _costs(run, chosen.learner)


def _best(run: _Run, headline: MetricSpec) -> _Candidate:
    """Fit every candidate; validation chooses. The test split is not touched."""
    best: _Candidate | None = None
    failure: Diverged | None = None
    for index, learning_rate in enumerate(run.trial.learning_rates):
        try:
            candidate = _fitted(run, index, learning_rate, headline)
        except Diverged as error:
            failure = error
            continue
        sign = 1 if headline.higher_is_better else -1
        if best is None or sign * candidate.validation > sign * best.validation:
            best = candidate
    if best is None:
        assert failure is not None
        raise failure
    return best


def _fitted(run: _Run, index: int, learning_rate: float, headline: MetricSpec) -> _Candidate:
    training = replace(run.trial.training, learning_rate=learning_rate)
    learner = build_learner(run.trial, run.model, run.task, run.kernels, run.streams, learning_rate)

    def record(step: int, values: Mapping[str, float]) -> None:
        run.curve.extend(
            {"candidate": index, "step": step, "name": name, "value": value} for name, value in values.items()
        )
        done = index * run.trial.budget.steps + step
        run.report(done, len(run.trial.learning_rates) * run.trial.budget.steps, values["loss"])

    with seeded(run.streams.integer("fit")):
        outcome = run.task.fit(
            learner,
            run.data,
            training=training,
            budget=run.trial.budget,
            streams=run.streams,
            device=run.device,
            record=record,
        )
    evidence = _evaluated(run, learner, "validation")
    return _Candidate(index, learning_rate, learner, outcome, _computed(headline, evidence).value)


def build_learner(
    trial: Trial,
    model: ModelSpec,
    task: Task,
    kernels: Mapping[str, Callable[..., Any]],
    streams: SeedStreams,
    learning_rate: float,
) -> Any:
    """The model's network, initialised from the seed's own stream, with its learner."""
    config = parse_config(model.config.load(), trial.model_options, trial.model)
    dtype = torch.float64 if trial.precision == "float64" else torch.float32
    with seeded(streams.integer("initialisation")):
        module = model.build.load()(config, task.describe(), kernels)
    if not isinstance(module, torch.nn.Module):
        raise PluginError(f"{trial.model}: build returned {type(module).__name__}, not an nn.Module")
    module = module.to(device=torch.device(trial.device), dtype=dtype)
    groups = model.parameter_groups.load()(module) if model.parameter_groups is not None else ()
    training = replace(trial.training, learning_rate=learning_rate)
    precision = "bfloat16" if trial.precision == "bfloat16" else "float32"
    if model.learner is not None:
        return model.learner.load()(module, training=training, steps=trial.budget.steps, groups=groups)
    return DefaultTokenLearner(module, training=training, steps=trial.budget.steps, groups=groups, precision=precision)


def _measurements(run: _Run, learner: Any) -> list[dict[str, Any]]:
    """Every metric of the task on the test split, sliced by its groups, and on the extra splits."""
    specs = [run.registry.metrics[name].spec for name in run.task_spec.metrics]
    evidence = _evaluated(run, learner, "test")
    found = [_entry(spec, spec.name, _computed(spec, evidence)) for spec in specs]
    for spec in specs:
        for group in spec.by:
            if group in evidence.groups:
                found += [
                    _entry(spec, f"{spec.name}[{group}={label}]", _computed(spec, part))
                    for label, part in _grouped(evidence, group)
                ]
    for split, label in run.task.extra_splits.items():
        extra = _evaluated(run, learner, split)
        found += [_entry(spec, f"{spec.name}[{label}]", _computed(spec, extra)) for spec in specs]
    return found


def _evaluated(run: _Run, learner: Any, split: str) -> Evidence:
    learner.module.eval()
    with torch.no_grad():
        return run.task.evaluate(learner, run.data, split, training=run.trial.training, device=run.device)


def _grouped(evidence: Evidence, group: str) -> list[tuple[Any, Evidence]]:
    labels = evidence.groups[group]
    return [
        (
            label,
            Evidence(
                arrays={name: array[labels == label] for name, array in evidence.arrays.items()},
                groups={},
            ),
        )
        for label in np.unique(labels)
    ]


def _computed(spec: MetricSpec, evidence: Evidence) -> Measurement:
    measurement: Measurement = spec.compute.load()(evidence)
    return measurement


def _entry(spec: MetricSpec, name: str, measurement: Measurement) -> dict[str, Any]:
    return {
        "name": name,
        "value": float(measurement.value),
        "unit": spec.unit,
        "higher_is_better": spec.higher_is_better,
        "n": int(measurement.n),
    }


def _costs(run: _Run, learner: Any) -> Row:
    batch = run.task.sample_batch(run.data, training=run.trial.training, device=run.device)
    if not isinstance(batch, TokenBatch):
        return {}
    learner.module.eval()
    streams = Capability.STEPS_TOKENS in run.model.capabilities
    return {
        "flops_per_example": count_flops(learner.module, batch, run.kernels.values()),
        "state_bytes": state_bytes(learner.module, batch) if streams else None,
    }


def _classified(error: Exception) -> tuple[str, str, str]:
    trace = "".join(traceback.format_exception(error))
    text = str(error).strip().splitlines()[0] if str(error).strip() else ""
    memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if memory or (isinstance(error, RuntimeError) and any(sign in str(error) for sign in OUT_OF_MEMORY_SIGNS)):
        return "out_of_memory", f"{type(error).__name__}: {text or 'no memory left'}", trace
    return "error", f"{type(error).__name__}: {text}", trace
