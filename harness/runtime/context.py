"""What the steps of a trial share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from harness.folders import CheckpointFolder
from harness.interfaces import Dataset, Task
from harness.kernels.loading import Kernel
from harness.planning.trials import Trial
from harness.registry import Registry
from harness.runtime.seeding import SeedStreams
from harness.specs import MetricSpec, ModelSpec, TaskSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialContext:
    """A trial with everything that it names, loaded."""

    trial: Trial
    registry: Registry
    model: ModelSpec
    task_spec: TaskSpec
    task: Task
    data: Dataset | None
    device: torch.device
    kernels: Mapping[str, Kernel]
    streams: SeedStreams
    checkpoints: CheckpointFolder | None = None

    @property
    def metrics(self) -> list[MetricSpec]:
        """The task's metrics; the first is the headline."""
        return [self.registry.metrics[name].spec for name in self.task_spec.metrics]

    def sample_batch(self) -> Any:
        return self.task.sample_batch(self.data, training=self.trial.training, device=self.device)
