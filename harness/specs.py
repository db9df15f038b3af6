"""What plugins return from their hooks: frozen declarations that import nothing heavy.

Whatever is heavy (a network, a generator, a kernel) is named by a `Ref` and loaded only when it is used, so listing a
hundred models costs no more than reading a hundred small files.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from harness.errors import PluginError

T = TypeVar("T")
NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Ref(Generic[T]):
    """Names an object as `"package.module:attribute"` without importing it.

    With `of`, the named object is a function that is called with the object that `of` names; the result is what loads.
    """

    target: str
    of: str | None = None

    def load(self) -> T:
        """Import and return the object. Raises PluginError when the module or the attribute does not exist."""
        loaded = _load(self.target)
        return loaded if self.of is None else loaded(_load(self.of))  # type: ignore[no-any-return]


def _load(target: str) -> Any:
    module_name, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"{target} does not load: {error}") from error


class Capability(StrEnum):
    """What a model can do; a task needs one of these and is paired with every model that has it."""

    PREDICTS_TOKENS = "predicts_tokens"
    STEPS_TOKENS = "steps_tokens"
    CLASSIFIES = "classifies"
    RECONSTRUCTS = "reconstructs"
    SAMPLES_IMAGES = "samples_images"
    SAMPLES_VIDEO = "samples_video"
    ACTS = "acts"


class Tier(StrEnum):
    """Where data came from. Results of different tiers are never ranked together."""

    EMBEDDED = "embedded"
    OFFLINE = "offline"
    ONLINE = "online"


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The publication that a declaration follows."""

    title: str
    authors: str
    year: int
    arxiv: str = ""
    venue: str = ""
    url: str = ""

    @property
    def short(self) -> str:
        """Author and year, as a table cites it."""
        return f"{self.authors.split(',')[0].split()[-1]} {self.year}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """What every declaration has. `requires` are import names without which it cannot run."""

    name: str
    summary: str
    source: Source | None = None
    requires: tuple[str, ...] = ()
    version: str = "1"

    def __post_init__(self) -> None:
        if not NAME_PATTERN.fullmatch(self.name):
            raise PluginError(
                f"{type(self).__name__} {self.name!r}: a registered name is lower-case letters, digits and "
                "underscores and starts with a letter"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSpec(Spec):
    """A dataset: `build(config, streams)` returns a `harness.interfaces.BuiltDataset`.

    `fingerprint(config)`, where the content depends on more than the options (local files, the Python version),
    returns a text that changes when the content does; it is part of the cache's key.
    """

    config: Ref[Any]
    build: Ref[Any]
    licence: str
    fingerprint: Ref[Any] | None = None
    shares: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSpec(Spec):
    """A task: `build(config)` returns a `harness.interfaces.Task`. The first of `metrics` is the headline."""

    config: Ref[Any]
    build: Ref[Any]
    needs: Capability
    metrics: tuple[str, ...]
    shares: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricSpec(Spec):
    """A metric: `compute(evidence)` returns a `harness.interfaces.Measurement`.

    With `by`, the metric is also computed for every group of that name in the evidence.
    """

    compute: Ref[Any]
    unit: str
    higher_is_better: bool
    by: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec(Spec):
    """An architecture: `build(config, data, kernels)` returns its network, an `nn.Module`.

    `learner`, for papers with an update rule of their own, replaces the default learner of the capability.
    `parameter_groups(module)` returns `harness.interfaces.ParameterGroup`s where the paper trains some parameters
    differently. `sized_by` is the option that `match.parameters` varies, in multiples of `size_multiple`.
    `shares` names packages outside the plugin whose source is part of what the model is.
    """

    config: Ref[Any]
    build: Ref[Any]
    capabilities: frozenset[Capability]
    ops: tuple[str, ...] = ()
    learner: Ref[Any] | None = None
    parameter_groups: Ref[Any] | None = None
    sized_by: str | None = "d_model"
    size_multiple: int = 1
    shares: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class OpSpec(Spec):
    """A mathematical operation. Its definition is the kernel named `reference`.

    `make_inputs(size, generator, dtype)` returns the positional arguments; `sizes` are what the gate checks before any
    speed is reported; `tolerances` maps a dtype's name to the largest relative error of values and of gradients,
    whose reason stands in `tolerance_reason`. `flops(*arguments)` counts one forward call.
    """

    make_inputs: Ref[Any]
    sizes: tuple[Mapping[str, Any], ...]
    tolerances: Mapping[str, tuple[float, float]]
    tolerance_reason: str
    flops: Ref[Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelSpec(Spec):
    """One implementation of an op: a differentiable callable with the op's signature.

    `kernel=auto` takes the usable kernel of the highest `auto_rank`; a negative rank is never taken by itself.
    `unsupported(device)` returns why this kernel cannot run there, or None.
    """

    op: str
    implementation: Ref[Any]
    devices: tuple[str, ...] = ("cpu", "cuda")
    auto_rank: int = 0
    unsupported: Ref[Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteSpec(Spec):
    """A suite: a TOML file inside a package."""

    package: str
    file: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutorSpec(Spec):
    """Where trials run: `build(settings)` returns a `harness.executors.contract.Executor`."""

    build: Ref[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReporterSpec(Spec):
    """A form of report: `render(board)` returns the text of a file with the given `suffix`."""

    render: Ref[Any]
    suffix: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedResult:
    """A number that a paper prints, shown beside measured ones and never ranked with them."""

    model: str
    task: str
    metric: str
    value: float
    higher_is_better: bool
    protocol: str
    source: str
    confidence: str = "verified"
    extra: Mapping[str, str] = field(default_factory=dict)
