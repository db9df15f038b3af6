"""How fast a classifier trains and answers at an image size; what it answers does not matter."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from harness.interfaces import (
    Budget,
    ClassifierLearner,
    Dataset,
    Evidence,
    FitOutcome,
    ImageBatch,
    ImageData,
    Record,
    Streams,
    Training,
)

if TYPE_CHECKING:
    import torch

WARM_UP = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageThroughputTask:
    """Training steps and forward passes on one batch of noise that lies on the device.

    The headline is of forward passes; training steps are in the row's own columns.
    """

    data: ImageData
    repeats: int
    dataset: None = None
    extra_splits: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> ImageData:
        return self.data

    def fit(
        self,
        learner: ClassifierLearner,
        data: Dataset | None,
        *,
        training: Training,
        budget: Budget,
        streams: Streams,
        device: torch.device,
        record: Record,
    ) -> FitOutcome:
        """Train on the same batch again and again."""
        from harness.runtime.fitting import fit

        batches = itertools.repeat(self.sample_batch(data, training=training, device=device))
        count = len
        return fit(
            learner,
            batches,
            budget=budget,
            record=record,
            count=lambda batch: (count(batch.inputs), 0),
            device=device,
        )

    def evaluate(
        self, learner: ClassifierLearner, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """`seconds` and `images` of each timed forward pass."""
        import torch

        batch = self.sample_batch(data, training=training, device=device)
        learner.module.eval()
        seconds = []
        with torch.no_grad():
            for _ in range(WARM_UP + self.repeats):
                started = time.perf_counter()
                learner.logits(batch)
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                seconds.append(time.perf_counter() - started)
        timed = np.array(seconds[WARM_UP:])
        return Evidence(arrays={"seconds": timed, "images": np.full(len(timed), len(batch.inputs))})

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        return {}

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> ImageBatch:
        import torch

        shape = (training.batch_size, self.data.channels, self.data.height, self.data.width)
        generator = torch.Generator().manual_seed(0)
        targets = torch.randint(self.data.num_classes, (training.batch_size,), generator=generator)
        return ImageBatch(inputs=torch.randn(shape, generator=generator).to(device), targets=targets.to(device))
