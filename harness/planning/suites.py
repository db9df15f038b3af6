"""Suite files: TOML that says which tasks, models, seeds and budgets are compared, at named scales."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.configuration import explain
from harness.errors import UsageError
from harness.planning.trials import UNITS, Match
from harness.registry import Registry, suggest


class _Text(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainingOptions(_Text):
    """Any of the fields of `harness.interfaces.Training`; what is not given comes from the level above."""

    optimizer: Literal["adamw", "sgd", "adagrad"] | None = None
    learning_rate: float | None = Field(default=None, gt=0)
    batch_size: int | None = Field(default=None, gt=0)
    micro_batch: int | None = Field(default=None, ge=0)
    weight_decay: float | None = Field(default=None, ge=0)
    betas: tuple[float, float] | None = None
    momentum: float | None = Field(default=None, ge=0, lt=1)
    warmup_fraction: float | None = Field(default=None, ge=0, le=1)
    decay: Literal["cosine", "linear"] | None = None
    final_fraction: float | None = Field(default=None, ge=0, le=1)
    gradient_clip: float | None = Field(default=None, ge=0)
    label_smoothing: float | None = Field(default=None, ge=0, lt=1)
    ema_decay: float | None = Field(default=None, ge=0, lt=1)
    compile: bool | None = None
    evaluations: int | None = Field(default=None, ge=0)


class BudgetOptions(_Text):
    steps: int | None = Field(default=None, gt=0)
    seconds: float | None = Field(default=None, gt=0)


class TuneOptions(_Text):
    """Candidates tried per trial; validation chooses. The same number for every model."""

    learning_rate: tuple[float, ...] = ()


class MatchOptions(_Text):
    """What every model gets alike, within 10%; 0 leaves each as it is. See `harness.planning.trials.Match`."""

    parameters: int = Field(default=0, ge=0)
    flops: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    state_bytes: int = Field(default=0, ge=0)
    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    @property
    def match(self) -> Match | None:
        """The one that is asked for."""
        asked = [Match(kind=kind, target=float(getattr(self, kind))) for kind in UNITS if getattr(self, kind)]
        return asked[0] if asked else None

    @model_validator(mode="after")
    def _one_at_a_time(self) -> MatchOptions:
        asked = [f"{name}={value:.15g}" for name, value in self.model_dump().items() if value]
        if len(asked) > 1:
            names = [text.partition("=")[0] for text in asked]
            raise ValueError(
                f"{' and '.join(asked)}: models are matched in one thing at a time; "
                f"turn the other off with match.{names[0]}=0 or match.{names[1]}=0"
            )
        return self


SECTIONS: Mapping[str, type[TrainingOptions] | type[BudgetOptions] | type[TuneOptions] | type[MatchOptions]] = {
    "training": TrainingOptions,
    "budget": BudgetOptions,
    "tune": TuneOptions,
    "match": MatchOptions,
}
Section = TypeVar("Section", TrainingOptions, BudgetOptions, TuneOptions, MatchOptions)


def parse_section(section: type[Section], values: Mapping[str, Any]) -> Section:
    """Checked values of a section. Raises UsageError that names the section and the option."""
    name = next(name for name, known in SECTIONS.items() if known is section)
    try:
        return section.model_validate(dict(values))
    except ValidationError as error:
        raise UsageError(f"{name}.{explain(error)}") from error


class Case(_Text):
    """How models are trained, and what they may spend, where this differs."""

    training: TrainingOptions = TrainingOptions()
    budget: BudgetOptions = BudgetOptions()
    tune: TuneOptions = TuneOptions()


class Entry(Case):
    """A task or a model of a scale, with what differs for it."""

    options: dict[str, Any] = Field(default_factory=dict)


class ModelEntry(Entry):
    """A model of a scale, or of a task there. Its `kernels` replace the scale's."""

    kernels: tuple[str, ...] = ()


class TaskEntry(Entry):
    """A task of a scale. `axes` are options of which every value makes trials of its own; `only` are the models that
    it compares, all of the scale's where none is named. `by` has what differs where an option has a value, as in
    `by.game.pong`, whichever model it is for; what the scale or the task say of a model goes before it."""

    models: dict[str, ModelEntry] = Field(default_factory=dict)
    axes: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    only: tuple[str, ...] = ()
    by: dict[str, dict[str, Case]] = Field(default_factory=dict)

    def cases(self, options: Mapping[str, Any]) -> list[Case]:
        """Those of `by` that hold for the options of a trial. Raises UsageError for an option that there is not."""
        for name in self.by:
            if name not in options:
                raise UsageError(f"by.{name}: the task has no such option; {suggest(name, options)}")
        return [cases[value] for name, cases in self.by.items() if (value := str(options[name])) in cases]

    @model_validator(mode="after")
    def _axes_are_not_options(self) -> TaskEntry:
        for name, values in self.axes.items():
            if name in self.options:
                raise ValueError(
                    f"{name} stands in options and in axes; an axis gives all its values; keep one of them"
                )
            if not values:
                raise ValueError(f"axes.{name} has no value; give at least one, or leave it out")
        return self


class Scale(_Text):
    """One size of a suite. `jobs` trials run at a time, of `threads` CPU threads each; without `jobs` as many as there
    are CPUs for. Where time is what is measured, trials run alone."""

    summary: str
    jobs: int | None = Field(default=None, gt=0)
    threads: int = Field(default=1, gt=0)
    seeds: tuple[int, ...] = Field(min_length=1)
    tasks: dict[str, TaskEntry] = Field(min_length=1)
    models: dict[str, ModelEntry] = Field(min_length=1)
    kernels: tuple[str, ...] = Field(default=("auto",), min_length=1)
    precision: Literal["auto", "float32", "bfloat16", "float64"] = "float32"
    training: TrainingOptions = TrainingOptions()
    budget: BudgetOptions = BudgetOptions()
    tune: TuneOptions = TuneOptions()
    match: MatchOptions = MatchOptions()
    timeout_seconds: float = Field(default=3600.0, gt=0)


class Suite(_Text):
    """A suite file. `plugin` lists plugin files, relative to the suite file, that it needs."""

    name: str
    summary: str
    default_scale: str = "small"
    plugin: tuple[str, ...] = ()
    scale: dict[str, Scale] = Field(min_length=1)

    def at(self, scale: str) -> Scale:
        if scale not in self.scale:
            raise UsageError(f"suite {self.name} has no scale {scale!r}; {suggest(scale, self.scale)}")
        return self.scale[scale]


def load_suite(name: str, registry: Registry) -> Suite:
    """The registered suite of that name (hyphens and underscores are the same), or the TOML file of that path."""
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"suite={name}: there is no such file; give a registered suite or a path to a TOML file")
        return parse_suite(path.read_text(encoding="utf-8"), name)
    spec = registry.suites[name.replace("-", "_")].spec
    text = resources.files(spec.package).joinpath(spec.file).read_text(encoding="utf-8")
    return parse_suite(text, f"{spec.package}/{spec.file}")


def parse_suite(text: str, origin: str) -> Suite:
    """Raises UsageError that names the file and the place."""
    try:
        content: Mapping[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{origin}: not valid TOML: {error}; a key may stand only once in its table") from error
    try:
        return Suite.model_validate(content)
    except ValidationError as error:
        raise UsageError(f"{origin}: {explain(error)}") from error
