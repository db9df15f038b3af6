"""Every task with every model that can do it, along every axis."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from harness.configuration import parse_config
from harness.errors import UsageError
from harness.interfaces import Budget, Training
from harness.planning.matching import check_match, check_options, matched_options, timed_budget
from harness.planning.memory import plan_memory
from harness.planning.overrides import Override
from harness.planning.requests import Request, sort_out
from harness.planning.resolution import not_installed, resolve_device, resolve_kernels, resolve_precision
from harness.planning.sources import fingerprint_of, source_of, sources_of
from harness.planning.suites import (
    BudgetOptions,
    Case,
    MatchOptions,
    ModelEntry,
    Scale,
    TaskEntry,
    TrainingOptions,
    TuneOptions,
    parse_section,
)
from harness.planning.trials import Match, Plan, Skipped, Trial
from harness.registry import Registered, Registry
from harness.specs import ModelSpec, TaskSpec


def make_plan(suite: str, scale_name: str, scale: Scale, overrides: Sequence[Override], registry: Registry) -> Plan:
    """Expand a scale with overrides. Raises UsageError for anything unknown, of the wrong type, or empty."""
    request = sort_out(scale, overrides, registry)
    trials: list[Trial] = []
    skipped: list[Skipped] = []
    for task_name, model_name in itertools.product(request.tasks, request.models):
        task, model = registry.tasks[task_name], registry.models[model_name]
        if task.spec.needs not in model.spec.capabilities:
            reason = f"it is for models that declare {task.spec.needs}"
            skipped.append(Skipped(task=task_name, model=model_name, reason=reason))
            continue
        only = scale.tasks.get(task_name, TaskEntry()).only
        if only and not request.models_chosen and model_name not in only:
            reason = f"at {scale_name} the suite compares only {', '.join(only)}; name others with model="
            skipped.append(Skipped(task=task_name, model=model_name, reason=reason))
            continue
        kernels = _kernels(request, scale, task_name, model_name)
        if not model.spec.ops and len(kernels) > 1:
            kernels, dropped = kernels[:1], kernels[1:]
            reason = f"{model_name} uses no op, so kernel={','.join(dropped)} would repeat the same trial"
            skipped.append(Skipped(task=task_name, model=model_name, reason=reason))
        for point in _points(task, model, scale, request, registry, suite, scale_name):
            trials += _with_kernels(point, kernels, model.spec, registry)
    if not trials:
        reasons = "; ".join(f"{item.task} with {item.model}: {item.reason}" for item in skipped) or "nothing selected"
        raise UsageError(f"the plan is empty: {reasons}; choose other models or tasks (`harness list models`)")
    ordered = [replace(trial, seed=seed) for seed in request.seeds for trial in trials]
    return Plan(
        suite=suite,
        scale=scale_name,
        trials=tuple(ordered),
        skipped=tuple(skipped),
        jobs=scale.jobs,
        threads=scale.threads,
    )


def _points(
    task: Registered[TaskSpec],
    model: Registered[ModelSpec],
    scale: Scale,
    request: Request,
    registry: Registry,
    suite: str,
    scale_name: str,
) -> Iterator[Trial]:
    """The trials of a pair, over every axis but kernel and seed."""
    task_entry = scale.tasks.get(task.spec.name, TaskEntry())
    entries = [scale.models.get(model.spec.name, ModelEntry()), task_entry.models.get(model.spec.name, ModelEntry())]
    axes = request.axes_of(task.spec.name, model.spec.name, task_entry)
    for values in itertools.product(*(axis.values for axis in axes)):
        chosen: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for axis, value in zip(axes, values, strict=True):
            chosen[axis.target][axis.option] = value
        task_options = _options(task.spec, {**task_entry.options, **chosen[f"task:{task.spec.name}"]})
        levels: list[Case] = [task_entry, *task_entry.cases(task_options), *entries]
        training = _merged(Training(), [scale.training, *(level.training for level in levels)], chosen["training"])
        fixed = "learning_rate" in chosen["training"]
        rates = () if fixed else _learning_rates(request.tune, [scale.tune, *(level.tune for level in levels)])
        if rates:
            training = replace(training, learning_rate=rates[0])
        match = parse_section(MatchOptions, scale.match.model_dump() | chosen["match"]).match
        if match is not None:
            check_match(match, task.spec)
        budget = _budget([scale.budget, *(level.budget for level in levels)], chosen["budget"], task.spec.name, match)
        given = chosen[f"model:{model.spec.name}"]
        options = {**entries[0].options, **entries[1].options, **given}
        if match is not None:
            # Who asks for a match on the command line means it to go before the sizes that the suite gives.
            check_options(match, model.spec, given if chosen["match"] else options)
        absent = (
            not_installed(model.spec.requires, model.spec.name)
            or not_installed(task.spec.requires, task.spec.name)
            or _unsupported(task.spec, task_options)
        )
        for device, precision in itertools.product(request.devices, request.precisions):
            resolved, reason = resolve_device(device)
            exact = resolve_precision(precision, resolved)
            unranked, memory, missing = "", None, absent
            if match is not None and not absent:
                options, unranked = matched_options(
                    match, task.spec, task_options, model.spec, options, registry, exact
                )
            model_options = _options(model.spec, options)
            if not absent:
                memory, missing = plan_memory(
                    task.spec, task_options, model.spec, model_options, training, budget.steps
                )
            yield Trial(
                suite=suite,
                scale=scale_name,
                task=task.spec.name,
                task_options=task_options,
                model=model.spec.name,
                model_options=model_options,
                kernel="",
                kernels={},
                seed=0,
                training=training,
                learning_rates=rates or (training.learning_rate,),
                budget=budget,
                match=match,
                device=resolved,
                precision=exact,
                sources=sources_of(task, model) | fingerprint_of(model.spec, model_options),
                unsupported=reason or missing,
                unranked=unranked,
                timeout_seconds=scale.timeout_seconds,
                memory=memory,
            )


def _kernels(request: Request, scale: Scale, task: str, model: str) -> Sequence[str]:
    """Those of the command line, else of the most particular level of the suite that names any."""
    entries = [
        scale.tasks.get(task, TaskEntry()).models.get(model, ModelEntry()),
        scale.models.get(model, ModelEntry()),
    ]
    named = [entry.kernels for entry in entries if entry.kernels]
    return named[0] if named and not request.kernels_chosen else request.kernels


def _with_kernels(point: Trial, kernels: Sequence[str], model: ModelSpec, registry: Registry) -> Iterator[Trial]:
    for requested in kernels:
        resolved, reason = resolve_kernels(requested, model, point.device, registry, point.precision)
        plugins = {
            registered.plugin.name: source_of(registered.plugin)
            for op, name in resolved.items()
            if (registered := registry.kernels_of(op).get(name)) is not None
        }
        yield replace(
            point,
            kernel=requested,
            kernels=resolved,
            sources={**point.sources, **plugins},
            unsupported=point.unsupported or reason,
        )


def _options(spec: TaskSpec | ModelSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    config: BaseModel = parse_config(spec.config.load(), options, spec.name)
    return config.model_dump(mode="json")


def _unsupported(task: TaskSpec, options: Mapping[str, Any]) -> str:
    if task.unsupported is None:
        return ""
    reason: str | None = task.unsupported.load()(parse_config(task.config.load(), options, task.name))
    return reason or ""


def _merged(base: Training, levels: Sequence[TrainingOptions], chosen: Mapping[str, Any]) -> Training:
    override = parse_section(TrainingOptions, chosen)
    values: dict[str, Any] = {}
    for level in (*levels, override):
        values |= level.model_dump(exclude_none=True)
    return replace(base, **values)


def _learning_rates(asked: TuneOptions | None, levels: Sequence[TuneOptions]) -> tuple[float, ...]:
    """The candidates: those of the command line, else of the most particular level that has any."""
    given = [level.learning_rate for level in levels if level.learning_rate]
    if asked is not None:
        return asked.learning_rate
    return given[-1] if given else ()


def _budget(levels: Sequence[BudgetOptions], chosen: Mapping[str, Any], task: str, match: Match | None) -> Budget:
    override = parse_section(BudgetOptions, chosen)
    if match is not None and match.kind == "seconds":
        return timed_budget(match, chosen)
    values: dict[str, Any] = {}
    for level in (*levels, override):
        values |= level.model_dump(exclude_none=True)
    if "steps" not in values:
        raise UsageError(f"{task} has no budget at this scale; give budget.steps=")
    return Budget(**values)
