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


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoData:
    """What a video model is built for: clips [channels, frames, height, width] of one of `num_classes`."""

    num_classes: int
    channels: int
    frames: int
    height: int
    width: int


DataDescription: TypeAlias = TokenData | ImageData | VideoData


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
    """A batch of images: for classifiers standardised as the task says, for generative models from 0 to 1.

    `targets` are classes [batch], or their probabilities [batch, classes] where images are mixed.
    """

    inputs: Float[Tensor, "batch channels height width"]
    targets: Int[Tensor, " batch"] | Float[Tensor, "batch classes"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionBatch:
    """Images from 0 to 1 of which a part is hidden: `observed` is 1 where a pixel is given, 0 where it is asked for."""

    inputs: Float[Tensor, "batch channels height width"]
    observed: Float[Tensor, "height width"]


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoBatch:
    """A batch of clips from 0 to 1 with their classes."""

    inputs: Float[Tensor, "batch channels frames height width"]
    targets: Int[Tensor, " batch"]


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


@runtime_checkable
class GivesLoss(Protocol):
    """A model that says itself what it minimises; it draws from torch's global generator."""

    def loss(self, batch: Any) -> Tensor:
        """The mean over the batch, a scalar."""
        ...


@runtime_checkable
class BoundsLikelihood(Protocol):
    """A latent variable model of images (capability BOUNDS_LIKELIHOOD)."""

    def log_weights(
        self, images: Float[Tensor, "batch channels height width"], samples: int, generator: torch.Generator
    ) -> Float[Tensor, "samples batch"]:
        """log p(x, z) - log q(z | x) in nats, for `samples` draws of z from q(z | x).

        Their mean is the evidence lower bound, the logarithm of their exponentials' mean the importance-weighted one.
        """
        ...


@runtime_checkable
class Reconstructs(Protocol):
    """A model that encodes images and decodes them (capability RECONSTRUCTS)."""

    def reconstruct(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """The images after a pass through the code, from 0 to 1."""
        ...


@runtime_checkable
class SamplesImages(Protocol):
    """A model that draws images (capability SAMPLES_IMAGES)."""

    def sample(self, count: int, generator: torch.Generator) -> Float[Tensor, "count channels height width"]:
        """Images from 0 to 1. The generator is one of the CPU, so that every device draws the same."""
        ...


@runtime_checkable
class Completes(Protocol):
    """A conditional model of the hidden part of an image (capability COMPLETES)."""

    def complete(
        self, batch: CompletionBatch, generator: torch.Generator
    ) -> Float[Tensor, "batch channels height width"]:
        """One draw of each whole image, from 0 to 1; what is observed stands in it as it is."""
        ...

    def conditional_log_weights(
        self,
        batch: CompletionBatch,
        samples: int,
        generator: torch.Generator,
        *,
        proposal: Literal["prior", "recognition"],
    ) -> Float[Tensor, "samples batch"]:
        """log p(y | x, z) + log p(z | x) - log r(z) in nats over the hidden pixels y, for z drawn from r.

        r is the conditional prior p(z | x), whose terms cancel, or the recognition model q(z | x, y).
        """
        ...


@runtime_checkable
class SamplesVideos(Protocol):
    """A model that draws clips (capability SAMPLES_VIDEO)."""

    def sample(self, count: int, generator: torch.Generator) -> Float[Tensor, "count channels frames height width"]:
        """Clips from 0 to 1."""
        ...

    def predict(
        self, first: Float[Tensor, "batch channels given height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch channels frames height width"]:
        """Clips that begin with the given frames."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """How learners train; part of what a trial is.

    With `micro_batch` (0 is off) at most that many examples go through the network at once; gradients add up to those
    of the whole batch, save where a network looks at the batch itself, as batch norm does. The learning rate rises in a
    line over `warmup_fraction` of the steps and then falls along `decay` to `final_fraction` of itself. `betas` are
    AdamW's, `momentum` is that of SGD. With `ema_decay` (0 is off) evaluation is of the exponential moving average of
    the weights, whose decay at step n is at most (1 + n) / (10 + n). `compile` runs the network through torch.compile.
    """

    optimizer: Literal["adamw", "sgd", "adagrad"] = "adamw"
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


class GenerativeLearner(Learner, Protocol):
    """A learner of a model that draws, reconstructs or completes, or bounds a likelihood."""

    @property
    def evaluated(self) -> nn.Module:
        """The network to ask: that of the averaged weights where there are any."""
        ...


# --- tasks --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What an evaluation leaves: arrays with one entry an example, never means, and groups to slice them by.

    A group slices the arrays that have as many entries as it.
    """

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


@runtime_checkable
class Illustrates(Protocol):
    """A task that leaves pictures beside the row."""

    def illustrate(
        self, learner: Any, data: Dataset | None, *, training: Training, device: torch.device
    ) -> Mapping[str, bytes]:
        """Files by name, whose suffix says what they are: .png, .gif."""
        ...
