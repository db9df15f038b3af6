"""The life of one trial, from a point of the plan to what its row says."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import psutil
import torch

from harness.configuration import parse_config
from harness.devices import describe_device, peak_memory, reset_peak_memory
from harness.errors import HarnessError, MissingDataError
from harness.folders import CheckpointFolder
from harness.interfaces import Illustrates, ImageBatch, Learner, ObservationBatch, TakesInstruments, Task, TokenBatch
from harness.kernels.gate import check_kernel
from harness.kernels.loading import load_kernels
from harness.machine import machine_columns
from harness.planning.trials import Trial
from harness.registry import Registry
from harness.rows import Outcome, Row, planned_columns, verdict_columns
from harness.runtime.candidates import Candidate, choose_candidate
from harness.runtime.context import TrialContext
from harness.runtime.datasets import load_dataset
from harness.runtime.energy import energy_recorded
from harness.runtime.failures import is_out_of_memory
from harness.runtime.fitting import Diverged
from harness.runtime.instruments import TrialInstruments
from harness.runtime.measuring import count_flops, state_bytes
from harness.runtime.pretrained import kept_weights
from harness.runtime.scoring import illustrated, measure_test, reference_levels
from harness.runtime.seeding import SeedStreams, seeded
from harness.runtime.sizing import count_parameters, example_for, size_of
from harness.specs import Capability

Report = Callable[[int, int, float], None]
Curve = list[dict[str, Any]]


class FailedCheck(Exception):
    """A kernel is not equal to its definition."""


def run_trial(
    trial: Trial,
    registry: Registry,
    *,
    cache: Path,
    threads: int,
    run_id: str,
    report: Report,
    checkpoints: CheckpointFolder | None = None,
    keep_weights: bool = False,
) -> Outcome:
    """Run one trial. Whatever happens inside it becomes the status of its row.

    `report(step, steps, loss)` is called as fitting goes on, which keeps `checkpoints` where the task can. With
    `keep_weights` the trained network is among the artifacts, as `weights/...`.
    """
    started_at, started = datetime.now(UTC), time.perf_counter()
    row = planned_columns(trial, run_id) | machine_columns() | {"threads": threads, "started_at": started_at}
    curve: Curve = []
    artifacts: dict[str, bytes] = {}
    status, reason, trace = "ok", "", ""
    if trial.unsupported:
        status, reason = "unsupported", trial.unsupported
    else:
        try:
            torch.set_num_threads(threads)
            row["machine_extra"] = _machine_extra(registry)
            with seeded(SeedStreams(trial.seed).integer("trial")), energy_recorded(row, torch.device(trial.device)):
                context = _prepared(trial, registry, cache, checkpoints, row)
                learner = _run(context, row, curve, artifacts, report)
                if keep_weights:
                    artifacts |= kept_weights(context, learner.module)
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
    row |= verdict_columns(trial, status, reason, trace, row.get("match_reached")) | {
        "wall_seconds": time.perf_counter() - started,
        "ended_at": datetime.now(UTC),
        "load_average": psutil.getloadavg()[0],
    }
    return Outcome(row, curve, artifacts)


def _machine_extra(registry: Registry) -> dict[str, str]:
    """Facts that plugins add. One that raises says so in its place and stops nothing."""
    extra: dict[str, str] = {}
    for implementation in registry.hooks.hook.harness_describe_machine.get_hookimpls():
        try:
            extra |= cast(Mapping[str, str], implementation.function())
        except Exception as error:
            extra[f"{implementation.plugin_name}: harness_describe_machine"] = f"raised {error!r}"
    return extra


def _prepared(
    trial: Trial, registry: Registry, cache: Path, checkpoints: CheckpointFolder | None, row: Row
) -> TrialContext:
    """Load what the trial names; kernels are held to their definitions before anything else is done."""
    device = torch.device(trial.device)
    row |= describe_device(device)
    reset_peak_memory(device)
    task_spec = registry.tasks[trial.task].spec
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
    context = TrialContext(
        trial=trial,
        registry=registry,
        model=registry.models[trial.model].spec,
        task_spec=task_spec,
        task=task,
        data=data,
        device=device,
        kernels=kernels,
        streams=SeedStreams(trial.seed),
        checkpoints=checkpoints,
    )
    if isinstance(task, TakesInstruments):
        context = replace(context, task=task.with_instruments(TrialInstruments(context)))
    return context


def _run(context: TrialContext, row: Row, curve: Curve, artifacts: dict[str, bytes], report: Report) -> Learner:
    """Fit, choose, test, measure; what is known so far is in the row at every moment. The learner is the chosen one."""
    headline = context.metrics[0]
    references = reference_levels(context)
    row |= {
        "metric": headline.name,
        "higher_is_better": headline.higher_is_better,
        "chance": references.get("chance"),
        "references": {name: value for name, value in references.items() if name != "chance"},
    }
    budget, rates = context.trial.budget, context.trial.learning_rates

    def record(candidate: int, step: int, values: Mapping[str, float]) -> None:
        curve.extend(
            {"candidate": candidate, "step": step, "name": name, "value": value} for name, value in values.items()
        )
        # Where time alone counts, so many steps as it would be at the speed so far.
        steps = budget.steps or round(step * max(1.0, (budget.seconds or 0.0) / values.get("seconds", math.inf)))
        report(candidate * steps + step, len(rates) * steps, values.get("loss", math.nan))

    chosen = choose_candidate(context, record)
    for point in curve:
        point["chosen"] = point["candidate"] == chosen.index
    row |= _fitting_columns(chosen) | peak_memory(context.device)
    started = time.perf_counter()
    metrics = measure_test(context, chosen.learner)
    row |= {"metrics": metrics, "value": metrics[0]["value"], "evaluate_seconds": time.perf_counter() - started}
    if not math.isfinite(metrics[0]["value"]):
        raise Diverged(f"{headline.name} on the test split is {metrics[0]['value']}")
    if isinstance(context.task, Illustrates):
        artifacts |= illustrated(context, chosen.learner)
    row |= _cost_columns(context, chosen.learner)
    row["match_reached"] = _matched(context, chosen)
    learner: Learner = chosen.learner
    return learner


def _fitting_columns(chosen: Candidate) -> Row:
    outcome = chosen.outcome
    return {
        "learning_rate": chosen.learning_rate,
        "validation": chosen.validation,
        "steps": outcome.steps,
        "examples": outcome.examples,
        "tokens": outcome.tokens,
        "stopped": outcome.stopped,
        "continued": outcome.continued,
        "final_loss": outcome.final_loss,
        "parameters": count_parameters(chosen.learner.module),
        "train_seconds": outcome.seconds,
        "step_seconds": outcome.step_seconds_median,
        "examples_per_second": outcome.examples / outcome.seconds if outcome.seconds else None,
        "tokens_per_second": outcome.tokens / outcome.seconds if outcome.seconds and outcome.tokens else None,
        "seconds_to_target": outcome.seconds_to_target,
    }


def _cost_columns(context: TrialContext, learner: Any) -> Row:
    batch = context.sample_batch()
    if not isinstance(batch, TokenBatch | ImageBatch | ObservationBatch):
        return {}
    learner.module.eval()
    costs: Row = {"flops_per_example": count_flops(learner.module, batch, context.kernels.values())}
    if isinstance(batch, TokenBatch) and Capability.STEPS_TOKENS in context.model.capabilities:
        costs["state_bytes"] = state_bytes(learner.module, batch)
    return costs


def _matched(context: TrialContext, chosen: Candidate) -> float | None:
    """What the trial has of what all models are given alike; measured anew, on the network that was trained."""
    match = context.trial.match
    if match is None:
        return None
    if match.kind == "seconds":
        return chosen.outcome.seconds
    module: torch.nn.Module = chosen.learner.module
    example = example_for(context.task, context.task.describe(), context.device)
    if example is not None and example.is_floating_point():
        example = example.to(torch.float64 if context.trial.precision == "float64" else torch.float32)
    return size_of(match.kind, module, example, context.kernels.values())


def _classified(error: Exception) -> tuple[str, str, str]:
    trace = "".join(traceback.format_exception(error))
    text = str(error).strip().splitlines()[0] if str(error).strip() else ""
    if is_out_of_memory(error):
        return "out_of_memory", f"{type(error).__name__}: {text or 'no memory left'}", trace
    return "error", f"{type(error).__name__}: {text}", trace
