"""What a command line asks for: which tasks, models, seeds, kernels and devices, and along which axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import UsageError
from harness.planning.overrides import Override
from harness.planning.suites import SECTIONS, Scale, TaskEntry, TuneOptions, parse_section
from harness.registry import Registry, suggest

SELECTORS = ("suite", "scale", "task", "model", "kernel", "seed", "device", "precision")
PRECISIONS = ("auto", "float32", "bfloat16", "float64")


@dataclass(frozen=True, slots=True)
class Axis:
    """Values for one option of a section (`training`), a model (`model:mamba`) or a task (`task:mqar`)."""

    target: str
    option: str
    values: tuple[Any, ...]


@dataclass(kw_only=True)
class Request:
    """What was asked for, sorted out from the overrides. `models_chosen` says that the command line named models."""

    tasks: list[str]
    models: list[str]
    kernels: list[str]
    kernels_chosen: bool
    seeds: list[int]
    devices: list[str]
    precisions: list[str]
    models_chosen: bool = False
    tune: TuneOptions | None = None
    axes: list[Axis] = field(default_factory=list)

    def axes_of(self, task: str, model: str, entry: TaskEntry) -> list[Axis]:
        """What varies for a pair. An axis of the suite gives way to the command line's values for its option."""
        targets = {"training", "budget", "match", f"task:{task}", f"model:{model}"}
        asked = [axis for axis in self.axes if axis.target in targets]
        settled = {axis.option for axis in asked if axis.target == f"task:{task}"}
        suites = [
            Axis(f"task:{task}", option, values) for option, values in entry.axes.items() if option not in settled
        ]
        return [*suites, *asked]


def sort_out(scale: Scale, overrides: Sequence[Override], registry: Registry) -> Request:
    chosen = {override.key[0]: override.values for override in overrides if len(override.key) == 1}
    for name in chosen:
        if name not in SELECTORS:
            raise UsageError(f"{name}= is not an option; {suggest(name, [*SELECTORS, *SECTIONS])}")
    request = Request(
        tasks=_names("task", chosen.get("task", tuple(scale.tasks))),
        models=_names("model", chosen.get("model", tuple(scale.models))),
        kernels=_names("kernel", chosen.get("kernel", scale.kernels)),
        kernels_chosen="kernel" in chosen,
        seeds=[_seed(value) for value in chosen.get("seed", scale.seeds)],
        devices=_names("device", chosen.get("device", ("auto",))),
        models_chosen="model" in chosen,
        precisions=_names("precision", chosen.get("precision", (scale.precision,))),
    )
    for name in request.tasks:
        registry.tasks[name]
    for name in request.models:
        registry.models[name]
    for name in request.precisions:
        if name not in PRECISIONS:
            raise UsageError(f"precision={name} is not known; {suggest(name, PRECISIONS)}")
    for override in overrides:
        if len(override.key) == 1:
            continue
        if len(override.key) > 2:
            raise UsageError(f"{override.dotted} has too many dots; write <model>.<option>=, <task>.<option>= or "
                             f"{'.x=, '.join(SECTIONS)}.x=")  # fmt: skip
        request.axes += _axes(override, request, registry)
        if override.key == ("tune", "learning_rate"):
            request.tune = parse_section(TuneOptions, {"learning_rate": override.values})
    return request


def _axes(override: Override, request: Request, registry: Registry) -> list[Axis]:
    owner, option = override.key
    if owner in SECTIONS:
        fields = SECTIONS[owner].model_fields
        if option not in fields:
            raise UsageError(f"{owner}.{option}= is not an option; {suggest(option, fields)}")
        return [] if owner == "tune" else [Axis(owner, option, override.values)]
    if owner in ("model", "task"):
        names = request.models if owner == "model" else request.tasks
        lacking = [name for name in names if option not in _fields(owner, name, registry)]
        if lacking:
            raise UsageError(
                f"{owner}.{option}= must exist for every selected {owner}; {', '.join(lacking)} "
                f"{'lacks' if len(lacking) == 1 else 'lack'} it: give it to one with <{owner}>.{option}="
            )
        return [Axis(f"{owner}:{name}", option, override.values) for name in names]
    for kind, names in (("model", request.models), ("task", request.tasks)):
        if owner in names:
            known_options = _fields(kind, owner, registry)
            if option not in known_options:
                raise UsageError(f"{kind} {owner} has no option {option!r}; {suggest(option, known_options)}")
            return [Axis(f"{kind}:{owner}", option, override.values)]
    if owner in registry.models.entries or owner in registry.tasks.entries:
        raise UsageError(f"{override.text}: {owner} is not selected; add it with model= or task=, or leave this out")
    known = [*SECTIONS, "model", "task", *request.models, *request.tasks]
    raise UsageError(f"{override.dotted}=: nothing is called {owner!r}; {suggest(owner, known)}")


def _fields(kind: str, name: str, registry: Registry) -> list[str]:
    spec = (registry.models if kind == "model" else registry.tasks)[name].spec
    return list(spec.config.load().model_fields)


def _names(kind: str, values: Sequence[Any]) -> list[str]:
    wrong = [value for value in values if not isinstance(value, str)]
    if wrong:
        raise UsageError(f"{kind}={wrong[0]!r} is not a name; `harness list` shows the names")
    return list(values)


def _seed(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UsageError(f"seed={value!r} is not a whole number from 0 up; write seed=0..4 or seed=0,1,2")
    return value
