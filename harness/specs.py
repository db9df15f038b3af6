"""What plugins return from their hooks: frozen declarations that import nothing heavy.

Whatever is heavy (a network, a generator, a kernel) is named by a `Ref` and loaded only when it is used, so listing a
hundred models costs no more than reading a hundred small files.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from harness.errors import PluginError

T = TypeVar("T")
NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")
FAMILY_PATTERN = re.compile(r"[a-z][a-z0-9_]*(:\S+)?")


@dataclass(frozen=True)
class Ref(Generic[T]):
    """Names an object as `"package.module:attribute"` without importing it.

    With `of`, the named object is a function that is called with the object that `of` names, with `argument` one that
    is called with that text; the result is what loads.
    """

    target: str
    of: str | None = None
    argument: str | None = None

    def load(self) -> T:
        """Import and return the object. Raises PluginError when the module or the attribute does not exist."""
        loaded = _load(self.target)
        if self.argument is not None:
            return loaded(self.argument)  # type: ignore[no-any-return]
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
    EXTRACTS_FEATURES = "extracts_features"
    RECONSTRUCTS = "reconstructs"
    BOUNDS_LIKELIHOOD = "bounds_likelihood"
    COMPLETES = "completes"
    SAMPLES_IMAGES = "samples_images"
    SAMPLES_VIDEO = "samples_video"
    ACTS = "acts"
    RUNS_ALONE = "runs_alone"


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

    @property
    def name_pattern(self) -> re.Pattern[str]:
        """What a name looks like."""
        return NAME_PATTERN

    def __post_init__(self) -> None:
        if not self.name_pattern.fullmatch(self.name):
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
class Aggregation:
    """Over what a task's results are aggregated: the values of its option `over`, on each of which `metric` says how
    far a model got. Its optimality gap is what lacks to the score `target` on average."""

    over: str
    metric: str
    target: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedQuantity:
    """What a task records under `name` as a model fits, and what a report calls it; it says the same of every model."""

    name: str
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaling:
    """That a task measures cost along the group `along` of its evidence, of which reports draw curves and slopes.

    Its metrics have `call_seconds` and `allocated_peak_bytes` for every point; a row's curves have the samples, as
    `seconds[along=point]`. `points` is the option that lists what is measured. `total`, where it is there and not 0, is
    an option that holds examples times points at one size, so that every cost grows by one power less.
    """

    along: str
    points: str = ""
    total: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """The power with which costs grow in the limit along something that a task measures along (`Scaling.along`).

    `seconds` is the time of a call: a step of training, a token along the context, a drawing along a sampler's steps;
    `bytes` its peak of memory, `state` what is carried from token to token. Factors of a logarithm do not count. None
    says nothing.
    """

    along: str
    seconds: float | None = None
    bytes: float | None = None
    state: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSpec(Spec):
    """A task: `build(config)` returns a `harness.interfaces.Task`. The first of `metrics` is the headline.

    `curves` are drawn for all models on one axis; where `frames` are recorded too, it says how many a step has.
    `aggregation` is for tasks that are many in one, such as the games of Atari; its metric is one where more is better.
    `unsupported(config)` returns why the task cannot run here, such as data that would have to be fetched, or None.
    """

    config: Ref[Any]
    build: Ref[Any]
    needs: Capability
    metrics: tuple[str, ...]
    shares: tuple[str, ...] = ()
    aggregation: Aggregation | None = None
    curves: tuple[RecordedQuantity, ...] = ()
    scaling: Scaling | None = None
    unsupported: Ref[Any] | None = None

    @property
    def name_pattern(self) -> re.Pattern[str]:
        """A task of a family is called `family:name`, where the name is the family's matter."""
        return FAMILY_PATTERN


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskFamily(Spec):
    """Tasks that somebody else names: whoever writes `task=FAMILY:NAME` gets `make(NAME)`, a TaskSpec of that name.

    It raises UsageError, with the nearest names, for one that is not there.
    """

    make: Ref[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricSpec(Spec):
    """A metric: `compute(evidence)` returns a `harness.interfaces.Measurement`.

    With `by`, the metric is also computed for every group of that name in the evidence. `needs` names arrays of the
    evidence that a task leaves only when its options ask for them: without them the metric is not in the row.
    """

    compute: Ref[Any]
    unit: str
    higher_is_better: bool
    by: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec(Spec):
    """An architecture: `build(config, data, kernels)` returns its network, an `nn.Module`.

    `learner`, for papers with an update rule of their own, replaces the default learner of the capability.
    `parameter_groups(module)` returns `harness.interfaces.ParameterGroup`s where the paper trains some parameters
    differently. `sized_by` is the option that `match.*` varies, in multiples of `size_multiple`.
    `shares` names packages outside the plugin whose source is part of what the model is. `fingerprint(config)`, where
    the network depends on more than its options (a file of weights), returns a text that changes when that does, or ""
    where there is nothing; it is part of the trial's identity. `memory(config, data, training, steps)` returns the
    `harness.interfaces.LearnerMemory` that the learner keeps beside its network, where that may be much. `growth` is
    what theory expects of a batch of fixed size with the kernels that `auto` takes. `checkpoints` loads as the
    `harness.interfaces.CheckpointLayout` of the architecture in `transformers`, where it has one.
    """

    config: Ref[Any]
    build: Ref[Any]
    capabilities: frozenset[Capability]
    ops: tuple[str, ...] = ()
    learner: Ref[Any] | None = None
    parameter_groups: Ref[Any] | None = None
    fingerprint: Ref[Any] | None = None
    memory: Ref[Any] | None = None
    checkpoints: Ref[Any] | None = None
    sized_by: str | None = "d_model"
    size_multiple: int = 1
    shares: tuple[str, ...] = ()
    growth: tuple[Growth, ...] = ()


class Backend(StrEnum):
    """What makes the machine code of a kernel, which decides how it is checked on a machine without its device."""

    TORCH = "torch"
    NUMBA = "numba"
    TRITON = "triton"
    CUDA = "cuda"
    LIBRARY = "library"


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """What the fastest kernel of an op should reach in a benchmark.

    `peer_ratio` is how many times as fast as the kernel `peer` it should at least be, `times_floor` how many times the
    roofline floor it may at most take.
    """

    backward: bool = False
    peer: str = ""
    peer_ratio: float | None = None
    times_floor: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """Inputs at which an op's kernels are timed against each other on one kind of device.

    `baseline` is the kernel that the others are measured against. Kernels named in `without` are left out because they
    cannot finish: a loop over a long sequence, scores that do not fit the memory.
    """

    size: Mapping[str, Any]
    dtype: str = "float32"
    device: str = "cuda"
    baseline: str = "torch"
    without: tuple[str, ...] = ()
    goals: tuple[Goal, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class OpSpec(Spec):
    """A mathematical operation. Its definition is the kernel named `reference`.

    `make_inputs(size, generator, dtype)` returns the positional arguments on the CPU; those that require a gradient
    are the differentiable ones. With `values="extreme"` in the size it draws inputs at the edge of what the op admits.
    `sizes` are what every trial is held to before it is timed, `check_sizes` what the full check adds: one, odd and
    prime lengths, a block plus and minus one, extreme values. `tolerances` maps a dtype's name to the largest relative
    error of values and of gradients, whose reason stands in `tolerance_reason`. `flops(*arguments)` counts one forward
    call; `costs(*arguments)` returns the `harness.kernels.costs.Costs` from which the roofline floor follows.
    """

    make_inputs: Ref[Any]
    sizes: tuple[Mapping[str, Any], ...]
    tolerances: Mapping[str, tuple[float, float]]
    tolerance_reason: str
    check_sizes: tuple[Mapping[str, Any], ...] = ()
    benchmarks: tuple[Benchmark, ...] = ()
    flops: Ref[Any] | None = None
    costs: Ref[Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceLimits:
    """What a compiled kernel may take of a multiprocessor; held for every architecture that it is compiled for."""

    registers: int = 255
    spill_bytes: int = 0
    shared_bytes: int = 99 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelSpec(Spec):
    """One implementation of an op: a differentiable callable with the op's signature.

    `kernel=auto` takes the usable kernel of the highest `auto_rank`; a negative rank is never taken by itself.
    `dtypes` are those of the op that it takes, all of them where none is named. `unsupported(device)` returns why this
    kernel cannot run there, or None; what depends on the inputs raises `harness.errors.UnsupportedError` when called.
    `capability` is the least compute capability of a CUDA device, times ten. A kernel that is not `deterministic`
    may differ in the last bits from call to call. `torch_calls` names the functions of torch that a kernel of our own
    computes with, besides those that allocate, view, copy, cast and sum; every other one is taken for a fallback.
    `growth` is that of a model with this kernel where it is another than the model's own.
    """

    op: str
    implementation: Ref[Any]
    backend: Backend = Backend.TORCH
    devices: tuple[str, ...] = ("cpu", "cuda")
    dtypes: tuple[str, ...] = ()
    capability: int = 0
    auto_rank: int = 0
    deterministic: bool = True
    differentiable: bool = True
    torch_calls: tuple[str, ...] = ()
    resources: ResourceLimits = ResourceLimits()
    unsupported: Ref[Any] | None = None
    growth: tuple[Growth, ...] = ()


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
    """A number as a paper prints it, shown beside measured ones and never ranked with them.

    It stands under boards of `task` whose trials have one of `metrics`, where the task's options agree with `options`.
    `quantity` is what the paper calls the number, `differs` what is otherwise there than on such a board;
    `higher_is_better` is None where the number is no score. `confidence` is `verified`, or `recalled` where nobody has
    held it against the paper.
    """

    system: str
    task: str
    metrics: tuple[str, ...]
    value: float
    quantity: str
    unit: str
    higher_is_better: bool | None
    dataset: str
    protocol: str
    source: str
    differs: str
    options: Mapping[str, Any] = field(default_factory=dict)
    confidence: str = "verified"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedTable(Spec):
    """Published results of the named tasks: `results` loads as an iterable of PublishedResult.

    A report loads it only where it shows one of these tasks.
    """

    tasks: tuple[str, ...]
    results: Ref[Iterable[PublishedResult]]
