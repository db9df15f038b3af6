"""Steps of training on sequences of one length, along the batch or along an option of the model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from harness.interfaces import TokenData, TokenLearner, Training
from harness.runtime.cost_curves import CostCurveTask, Workload
from harness_scaling.options import BatchOptions, WidthOptions
from harness_scaling.tokens import random_batch, training_steps


@dataclass(kw_only=True)
class _Line(CostCurveTask):
    """Steps of training on batches of sequences that are all equally long."""

    options: BatchOptions | WidthOptions

    def describe(self) -> TokenData:
        return TokenData(vocab=self.options.vocab, length=self.options.length)

    @abstractmethod
    def batch_at(self, point: int) -> int:
        """Sequences in a batch."""

    def options_at(self, point: int) -> Mapping[str, Any]:
        """What the model has in place of its own options."""
        return {}

    def workloads(self, learner: TokenLearner, training: Training, device: torch.device) -> Iterator[Workload]:
        sized = (
            (
                random_batch(self.options.vocab, self.batch_at(point), self.options.length, device),
                self.measured_with.build(self.describe(), self.options_at(point)),
            )
            for point in self.points
        )
        return training_steps(sized, self.options.vocab, training, device)


@dataclass(kw_only=True)
class BatchTask(_Line):
    """Along the number of sequences in a batch."""

    options: BatchOptions

    @property
    def along(self) -> str:
        return "batch"

    @property
    def points(self) -> Sequence[int]:
        return self.options.batches

    def batch_at(self, point: int) -> int:
        return point


@dataclass(kw_only=True)
class OptionTask(_Line):
    """Along an option that says how large the model is: its width, or its state."""

    options: WidthOptions

    @property
    def along(self) -> str:
        return self.options.along

    @property
    def points(self) -> Sequence[int]:
        return self.options.values

    def batch_at(self, point: int) -> int:
        return self.options.batch

    def options_at(self, point: int) -> Mapping[str, Any]:
        return {self.options.option: point}
