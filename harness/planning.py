"""From a suite and overrides to a plan: the trials of a run, and what cannot run and why."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

import harness
from harness.canonical import digest, source_digest
from harness.configuration import explain, parse_config
from harness.errors import UsageError
from harness.interfaces import Budget, Training
from harness.overrides import Override
from harness.registry import Plugin, Registered, Registry, package_root, suggest
from harness.specs import KernelSpec, ModelSpec, TaskSpec
from harness.suites import BudgetOptions, Entry, MatchOptions, Scale, TaskEntry, TrainingOptions, TuneOptions

IDENTITY_VERSION = 1
SELECTORS = ("suite", "scale", "task", "model", "kernel", "seed", "device", "precision")
SECTIONS: dict[str, type[TrainingOptions] | type[BudgetOptions] | type[TuneOptions] | type[MatchOptions]] = {
    "training": TrainingOptions,
    "budget": BudgetOptions,
    "tune": TuneOptions,
    "match": MatchOptions,
}
Section = TypeVar("Section", TrainingOptions, BudgetOptions, TuneOptions, MatchOptions)
PRECISIONS = ("float32", "bfloat16", "float64")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One point of the plan. Its id is a hash of everything that defines what is computed.

    `unsupported` says why it cannot run here, `unranked` why its result would not be comparable, and
    `timeout_seconds` is a limit; these three do not define it.
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

    @cached_property
    def identity(self) -> dict[str, Any]:
        content = asdict(self)
        for name in ("unsupported", "unranked", "timeout_seconds"):
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

    @cached_property
    def run_id(self) -> str:
        """The same for the same trials, so that a run that is taken up again is the same run."""
        key = digest(sorted(trial.trial_id for trial in self.trials))[:8]
        return f"{self.suite}-{self.scale}-{key}".replace("_", "-")


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values for one option of a section (`training`), a model (`model:mamba`) or a task (`task:mqar`)."""

    target: str
    option: str
    values: tuple[Any, ...]


@dataclass(kw_only=True)
class _Request:
    """What was asked for, sorted out from the overrides."""

    tasks: list[str]
    models: list[str]
    kernels: list[str]
    seeds: list[int]
    devices: list[str]
    precisions: list[str]
    tune: TuneOptions | None = None
    axes: list[_Axis] = field(default_factory=list)


def make_plan(suite: str, scale_name: str, scale: Scale, overrides: Sequence[Override], registry: Registry) -> Plan:
    """Expand a scale with overrides. Raises UsageError for anything unknown, of the wrong type, or empty."""
    request = _sort_out(scale, overrides, registry)
    trials: list[Trial] = []
    skipped: list[Skipped] = []
    for task_name, model_name in itertools.product(request.tasks, request.models):
        task, model = registry.tasks[task_name], registry.models[model_name]
        if task.spec.needs not in model.spec.capabilities:
            reason = f"{task_name} needs {task.spec.needs}, which {model_name} does not declare"
            skipped.append(Skipped(task=task_name, model=model_name, reason=reason))
            continue
        kernels = request.kernels
        if not model.spec.ops and len(kernels) > 1:
            kernels = kernels[:1]
            reason = f"{model_name} uses no op, so kernel={','.join(request.kernels[1:])} would repeat the same trial"
            skipped.append(Skipped(task=task_name, model=model_name, reason=reason))
        for point in _points(task, model, scale, request, registry, suite, scale_name):
            trials += _with_kernels(point, kernels, model.spec, registry)
    if not trials:
        reasons = "; ".join(item.reason for item in skipped) or "nothing was selected"
        raise UsageError(f"the plan is empty: {reasons}; choose other models or tasks (`harness list models`)")
    ordered = [replace(trial, seed=seed) for seed in request.seeds for trial in trials]
    return Plan(suite=suite, scale=scale_name, trials=tuple(ordered), skipped=tuple(skipped))


def _sort_out(scale: Scale, overrides: Sequence[Override], registry: Registry) -> _Request:
    chosen = {override.key[0]: override.values for override in overrides if len(override.key) == 1}
    for name in chosen:
        if name not in SELECTORS:
            raise UsageError(f"{name}= is not an option; {suggest(name, [*SELECTORS, *SECTIONS])}")
    request = _Request(
        tasks=_names("task", chosen.get("task", tuple(scale.tasks))),
        models=_names("model", chosen.get("model", tuple(scale.models))),
        kernels=_names("kernel", chosen.get("kernel", scale.kernels)),
        seeds=[_seed(value) for value in chosen.get("seed", scale.seeds)],
        devices=_names("device", chosen.get("device", ("auto",))),
        precisions=_names("precision", chosen.get("precision", ("float32",))),
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
            request.tune = _section(TuneOptions, {"learning_rate": override.values})
    return request


def _axes(override: Override, request: _Request, registry: Registry) -> list[_Axis]:
    owner, option = override.key
    if owner in SECTIONS:
        fields = SECTIONS[owner].model_fields
        if option not in fields:
            raise UsageError(f"{owner}.{option}= is not an option; {suggest(option, fields)}")
        return [] if owner == "tune" else [_Axis(owner, option, override.values)]
    if owner in ("model", "task"):
        names = request.models if owner == "model" else request.tasks
        lacking = [name for name in names if option not in _fields(owner, name, registry)]
        if lacking:
            raise UsageError(
                f"{owner}.{option}= must exist for every selected {owner}; {', '.join(lacking)} "
                f"{'lacks' if len(lacking) == 1 else 'lack'} it: give it to one with <{owner}>.{option}="
            )
        return [_Axis(f"{owner}:{name}", option, override.values) for name in names]
    for kind, names in (("model", request.models), ("task", request.tasks)):
        if owner in names:
            known_options = _fields(kind, owner, registry)
            if option not in known_options:
                raise UsageError(f"{kind} {owner} has no option {option!r}; {suggest(option, known_options)}")
            return [_Axis(f"{kind}:{owner}", option, override.values)]
    if owner in registry.models.entries or owner in registry.tasks.entries:
        raise UsageError(f"{override.text}: {owner} is not selected; add it with model= or task=, or leave this out")
    known = [*SECTIONS, "model", "task", *request.models, *request.tasks]
    raise UsageError(f"{override.dotted}=: nothing is called {owner!r}; {suggest(owner, known)}")


def _fields(kind: str, name: str, registry: Registry) -> list[str]:
    spec = (registry.models if kind == "model" else registry.tasks)[name].spec
    return list(spec.config.load().model_fields)


def _points(
    task: Registered[TaskSpec],
    model: Registered[ModelSpec],
    scale: Scale,
    request: _Request,
    registry: Registry,
    suite: str,
    scale_name: str,
) -> Iterator[Trial]:
    """The trials of a pair, over every axis but kernel and seed."""
    task_entry = scale.tasks.get(task.spec.name, TaskEntry())
    levels = [
        task_entry,
        scale.models.get(model.spec.name, Entry()),
        task_entry.models.get(model.spec.name, Entry()),
    ]
    general = {"training", "budget", "match", f"task:{task.spec.name}", f"model:{model.spec.name}"}
    axes = [axis for axis in request.axes if axis.target in general]
    for values in itertools.product(*(axis.values for axis in axes)):
        chosen: dict[str, dict[str, Any]] = {target: {} for target in general}
        for axis, value in zip(axes, values, strict=True):
            chosen[axis.target][axis.option] = value
        training = _merged(Training(), [scale.training, *(level.training for level in levels)], chosen["training"])
        fixed = "learning_rate" in chosen["training"]
        rates = () if fixed else _learning_rates(request.tune, [scale.tune, *(level.tune for level in levels)])
        if rates:
            training = replace(training, learning_rate=rates[0])
        budget = _budget([scale.budget, *(level.budget for level in levels)], chosen["budget"], task.spec.name)
        match = _section(MatchOptions, scale.match.model_dump() | chosen["match"])
        task_options = _options(task.spec, {**task_entry.options, **chosen[f"task:{task.spec.name}"]})
        options = {**levels[1].options, **levels[2].options, **chosen[f"model:{model.spec.name}"]}
        model_options, unranked = _options(model.spec, options), ""
        if match.parameters is not None:
            model_options, unranked = _sized(task.spec, task_options, model.spec, options, match.parameters)
        for device, precision in itertools.product(request.devices, request.precisions):
            resolved, reason = resolve_device(device)
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
                match_parameters=match.parameters,
                device=resolved,
                precision=precision,
                sources=_sources(task, model, registry),
                unsupported=reason or _missing(model.spec.requires, model.spec.name)
                or _missing(task.spec.requires, task.spec.name),
                unranked=unranked,
                timeout_seconds=scale.timeout_seconds,
            )  # fmt: skip


def _with_kernels(point: Trial, kernels: Sequence[str], model: ModelSpec, registry: Registry) -> Iterator[Trial]:
    for requested in kernels:
        resolved, reason = resolve_kernels(requested, model, point.device, registry)
        plugins = {
            registered.plugin.name: _source(registered.plugin)
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


def resolve_kernels(requested: str, model: ModelSpec, device: str, registry: Registry) -> tuple[dict[str, str], str]:
    """Which kernel each op of the model runs, and why the request cannot be met ("" if it can).

    `requested` is `auto`, a kernel's name for every op, or `op.kernel` (several joined by +), where the other ops take
    `auto`. A kernel that was asked for is never replaced by another.
    """
    pinned = dict(part.split(".", 1) for part in requested.split("+")) if "." in requested else {}
    for op in pinned:
        registry.ops[op]
    resolved: dict[str, str] = {}
    for op in model.ops:
        registry.ops[op]
        known = registry.kernels_of(op)
        name = pinned.get(op, "auto" if pinned else requested)
        if name == "auto":
            usable = [r.spec for r in known.values() if r.spec.auto_rank >= 0 and not unusable(r.spec, device)]
            if not usable:
                return resolved, f"op {op} has no kernel that runs on {device}"
            name = max(usable, key=lambda spec: spec.auto_rank).name
        resolved[op] = name
        if name not in known:
            return resolved, f"op {op} has no kernel {name!r}; {suggest(name, known)}"
        if reason := unusable(known[name].spec, device):
            return resolved, reason
    if not model.ops and requested != "auto":
        return resolved, f"{model.name} uses no op, so it has no kernel {requested!r}; use kernel=auto"
    if pinned and not pinned.keys() & set(model.ops):
        return resolved, f"{model.name} does not use {', '.join(pinned)}; its ops are {', '.join(model.ops)}"
    return resolved, ""


def unusable(kernel: KernelSpec, device: str) -> str:
    """Why a kernel cannot run on a device of this machine; "" if it can."""
    name = f"kernel {kernel.op}.{kernel.name}"
    if device not in kernel.devices:
        return f"{name} runs on {' and '.join(kernel.devices)}, not on {device}"
    if missing := _missing(kernel.requires, name):
        return missing
    return (kernel.unsupported.load()(device) or "") if kernel.unsupported is not None else ""


def resolve_device(requested: str) -> tuple[str, str]:
    """`auto` becomes cuda where torch can use it, else cpu; the second value says why a request cannot be met."""
    if requested not in ("auto", "cpu", "cuda"):
        raise UsageError(f"device={requested} is not known; {suggest(requested, ['auto', 'cpu', 'cuda'])}")
    if requested == "cpu":
        return "cpu", ""
    usable = _cuda_usable()
    if requested == "auto":
        return ("cuda" if usable else "cpu"), ""
    return "cuda", "" if usable else "device=cuda: torch sees no CUDA device on this machine; use device=cpu"


@lru_cache(maxsize=1)
def _cuda_usable() -> bool:
    if importlib.metadata.version("torch").endswith("+cpu"):
        return False
    from harness.runtime.devices import cuda_usable

    return cuda_usable()


def _sized(
    task: TaskSpec, task_options: Mapping[str, Any], model: ModelSpec, options: Mapping[str, Any], target: int
) -> tuple[dict[str, Any], str]:
    from harness.runtime.sizing import sized_options

    sized, unranked = sized_options(task, task_options, model, options, target)
    return _options(model, sized), unranked


def _options(spec: TaskSpec | ModelSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    config: BaseModel = parse_config(spec.config.load(), options, spec.name)
    return config.model_dump(mode="json")


def _section(section: type[Section], values: Mapping[str, Any]) -> Section:
    name = next(name for name, known in SECTIONS.items() if known is section)
    try:
        return section.model_validate(dict(values))
    except ValidationError as error:
        raise UsageError(f"{name}.{explain(error)}") from error


def _merged(base: Training, levels: Sequence[TrainingOptions], chosen: Mapping[str, Any]) -> Training:
    override = _section(TrainingOptions, chosen)
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


def _budget(levels: Sequence[BudgetOptions], chosen: Mapping[str, Any], task: str) -> Budget:
    override = _section(BudgetOptions, chosen)
    values: dict[str, Any] = {}
    for level in (*levels, override):
        values |= level.model_dump(exclude_none=True)
    if "steps" not in values:
        raise UsageError(f"{task} has no budget at this scale; give budget.steps=")
    return Budget(**values)


def _sources(task: Registered[TaskSpec], model: Registered[ModelSpec], registry: Registry) -> dict[str, str]:
    """Version and source digest of everything whose code the result depends on."""
    sources = {plugin.name: _source(plugin) for plugin in (task.plugin, model.plugin)}
    for package in {*task.spec.shares, *model.spec.shares}:
        sources[package] = _digest_of(package_root(package))
    runtime = Path(harness.__file__).parent / "runtime"
    return {**sources, "harness": f"{harness.__version__}:{_digest_of(runtime)}"}


def _source(plugin: Plugin) -> str:
    return f"{plugin.version}:{_digest_of(plugin.root)}" if plugin.root is not None else plugin.version


@lru_cache(maxsize=256)
def _digest_of(root: Path) -> str:
    return source_digest([root])[:16]


def _missing(requires: Sequence[str], name: str) -> str:
    missing = [module for module in requires if importlib.util.find_spec(module) is None]
    return f"{name} needs {', '.join(missing)}, which is not installed" if missing else ""


def _names(kind: str, values: Sequence[Any]) -> list[str]:
    wrong = [value for value in values if not isinstance(value, str)]
    if wrong:
        raise UsageError(f"{kind}={wrong[0]!r} is not a name; `harness list` shows the names")
    return list(values)


def _seed(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UsageError(f"seed={value!r} is not a whole number from 0 up; write seed=0..4 or seed=0,1,2")
    return value
