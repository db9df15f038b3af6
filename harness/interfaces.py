"""The protocols through which the core, tasks and models meet.

A `Learner` hides what is the paper's business (its network and update rule), a `Task` hides what is the comparison's
business (data, protocol, evaluation), a metric reduces `Evidence`. Seeds, budgets and intervals are the core's alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from harness.specs import Tier

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float, Int
    from torch import Tensor, nn

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Kernels: TypeAlias = Mapping[str, Callable[..., Any]]
Record: TypeAlias = Callable[[int, Mapping[str, float]], None]

IGNORE = -100


# --- data ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenData:
    """What a token model is built for: ids `0..vocab-1` in and out, sequences of at most `length` tokens."""

    vocab: int
    length: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageData:
    """What an image model is built for: images [channels, height, width] in, one of `num_classes` out."""

    num_classes: int
    channels: int
    height: int
    width: int


DataDescription: TypeAlias = TokenData | ImageData


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetRequest:
    """Which dataset a task needs, with the options for it."""

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltDataset:
    """What a dataset's builder returns: for each split the named arrays, all with examples along the first axis."""

    splits: Mapping[str, Mapping[str, Array]]
    tier: Tier
    provenance: str
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """A dataset read back from the cache; arrays are memory-mapped and read-only."""

    name: str
    splits: Mapping[str, Mapping[str, Array]]
    tier: Tier
    provenance: str
    licence: str
    digest: str
    facts: Mapping[str, float]


class Streams(Protocol):
    """Named random streams of one seed: a name always gives the same stream, different names independent ones."""

    def numpy(self, name: str) -> np.random.Generator: ...
    def torch(self, name: str) -> torch.Generator: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenBatch:
    """A batch of token sequences.

    `targets` is [batch, length] with IGNORE where nothing is scored, or [batch] when one class is read from the mean
    of the outputs over the sequence. `lengths` counts the real tokens of right-padded sequences.
    """

    inputs: Int[Tensor, "batch length"]
    targets: Int[Tensor, "batch length"] | Int[Tensor, " batch"]
    lengths: Int[Tensor, " batch"] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageBatch:
    """A batch of images, standardised channel by channel with the training split's mean and deviation.

    `targets` are classes [batch], or their probabilities [batch, classes] where images are mixed.
    """

    inputs: Float[Tensor, "batch channels height width"]
    targets: Int[Tensor, " batch"] | Float[Tensor, "batch classes"]


# --- models -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class ParameterGroup:
    """Parameters that a paper trains differently from the rest: names as in `module.named_parameters()`."""

    names: frozenset[str]
    learning_rate_scale: float = 1.0
    max_learning_rate: float | None = None
    weight_decay: float | None = None


@runtime_checkable
class StepsTokens(Protocol):
    """A token model that generates one token at a time from a state (capability STEPS_TOKENS)."""

    def initial_state(self, batch: int) -> Any:
        """A nested tuple, list or dict of tensors for `batch` empty sequences."""
        ...

    def step(self, tokens: Int[Tensor, " batch"], state: Any) -> tuple[Float[Tensor, "batch vocab"], Any]:
        """Read one token a sequence; return the logits after it and the new state. The old state is not kept."""
        ...


@runtime_checkable
class ExtractsFeatures(Protocol):
    """An image model whose last layer reads a vector that can be had (capability EXTRACTS_FEATURES)."""

    def features(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """What the last, linear layer reads."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """How the default learners train; part of what a trial is.

    With `micro_batch` (0 is off) at most that many examples go through the network at once; gradients add up to those
    of the whole batch, save where a network looks at the batch itself, as batch norm does. The learning rate rises in a
    line over `warmup_fraction` of the steps and then falls along `decay` to `final_fraction` of itself. `betas` are
    AdamW's, `momentum` is that of SGD. With `ema_decay` (0 is off) evaluation is of the exponential moving average of
    the weights, whose decay at step n is at most (1 + n) / (10 + n). `compile` runs the network through torch.compile.
    """

    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    batch_size: int = 32
    micro_batch: int = 0
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.98)
    momentum: float = 0.9
    warmup_fraction: float = 0.1
    decay: Literal["cosine", "linear"] = "cosine"
    final_fraction: float = 0.0
    gradient_clip: float = 1.0
    label_smoothing: float = 0.0
    ema_decay: float = 0.0
    compile: bool = False
    evaluations: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What a trial may spend on fitting. With `seconds` it stops at whichever comes first and says so."""

    steps: int
    seconds: float | None = None


class Learner(Protocol):
    """A built model: network plus the paper's own training step."""

    module: nn.Module

    def train_step(self, batch: Any) -> Mapping[str, Tensor]:
        """One update; returns detached scalars of which `loss` is one."""
        ...


class TokenLearner(Learner, Protocol):
    """A learner with capability PREDICTS_TOKENS."""

    def logits(self, batch: TokenBatch) -> Float[Tensor, "batch length vocab"] | Float[Tensor, "batch vocab"]:
        """Outputs at every position, or their mean over each sequence where the batch asks for one class."""
        ...


class ClassifierLearner(Learner, Protocol):
    """A learner with capability CLASSIFIES."""

    def logits(self, batch: ImageBatch) -> Float[Tensor, "batch classes"]:
        """One score a class."""
        ...

    def features(self, batch: ImageBatch) -> Float[Tensor, "batch features"]:
        """What the last layer reads; only of models with capability EXTRACTS_FEATURES."""
        ...


# --- tasks --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What an evaluation leaves: arrays with one entry an example, never means, and groups to slice them by."""

    arrays: Mapping[str, Array]
    groups: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """A metric's value and the number of things that it averages over."""

    value: float
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FitOutcome:
    """What fitting used. `stopped` says why it ended before its budget, if it did."""

    steps: int
    examples: int
    tokens: int
    seconds: float
    step_seconds_median: float
    final_loss: float
    stopped: str = ""
    seconds_to_target: float | None = None


class Task(Protocol):
    """Data, protocol and evaluation of one comparison."""

    @property
    def dataset(self) -> DatasetRequest | None:
        """The dataset that it reads, or None where the task makes its own experience."""
        ...

    @property
    def extra_splits(self) -> Mapping[str, str]:
        """Further test splits (such as longer sequences) with the label of each; measured beside the headline."""
        ...

    def describe(self) -> DataDescription:
        """What a model is built for; known from the options alone."""
        ...

    def fit(
        self,
        learner: Any,
        data: Dataset | None,
        *,
        training: Training,
        budget: Budget,
        streams: Streams,
        device: torch.device,
        record: Record,
    ) -> FitOutcome: ...

    def evaluate(
        self, learner: Any, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """Evidence on `validation` or `test`."""
        ...

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        """Headline values that need no learning: `chance`, and simple baselines by name."""
        ...

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> Any:
        """A training batch of the usual size, for measuring time, FLOPs and memory."""
        ...
