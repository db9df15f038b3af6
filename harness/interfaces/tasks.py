"""What a task is, and what fitting and evaluating leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from harness.interfaces.data import Array, DataDescription, Dataset, DatasetRequest, Streams
from harness.interfaces.learners import Budget, Training

if TYPE_CHECKING:
    import torch

Record: TypeAlias = Callable[[int, Mapping[str, float]], None]


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
    """What fitting used. `stopped` says why it ended before its budget, if it did; `continued` where it went on from a
    checkpoint, and what of it began anew then."""

    steps: int
    examples: int
    tokens: int
    seconds: float
    step_seconds_median: float
    final_loss: float
    stopped: str = ""
    continued: str = ""
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
        """Headline values that need no learning: `chance`, and simple baselines by name (without a colon)."""
        ...

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> Any:
        """A training batch of the usual size, for measuring time, FLOPs and memory."""
        ...


@runtime_checkable
class KnowsTrainLength(Protocol):
    """A task on sequences, of which those that it trains on may be shorter than the longest."""

    @property
    def train_length(self) -> int:
        """Tokens of a training sequence, padding and all."""
        ...


@runtime_checkable
class ValidatesBy(Protocol):
    """A task whose headline cannot be had on validation: another of its metrics chooses between configurations."""

    @property
    def validation_metric(self) -> str:
        """Its name; the evidence on `validation` has what it needs."""
        ...


@runtime_checkable
class LeavesReferenceEvidence(Protocol):
    """A task with baselines that need no learning and whose evidence every metric can read, such as real examples in
    place of samples."""

    def reference_evidence(self, data: Dataset | None, device: torch.device) -> Iterable[tuple[str, Evidence]]:
        """The evidence of each baseline by its name, on the test split. Metrics whose `needs` it lacks have no level
        of that name."""
        ...


@runtime_checkable
class Illustrates(Protocol):
    """A task that leaves pictures beside the row."""

    def illustrate(
        self, learner: Any, data: Dataset | None, *, training: Training, device: torch.device
    ) -> Mapping[str, bytes]:
        """Files by name, whose suffix says what they are: .png, .gif, .svg."""
        ...
