"""Small datasets whose images say what they are, and learners that need no training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch.nn.functional as F
from torch import Tensor, nn

from harness.interfaces import Dataset, DatasetRequest, ImageBatch, ImageData
from harness.specs import Tier
from harness_image_classification.image_task import ImageTask
from harness_image_classification.options import DigitsOptions

NUM_CLASSES = 6
REQUEST = DatasetRequest(name="digits", options={})
STORED = ImageData(num_classes=NUM_CLASSES, channels=1, height=4, width=4)


def split(count: int, seed: int) -> dict[str, np.ndarray]:
    """Images [count, 4, 4] of noise with one bright pixel, whose number is the class."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % NUM_CLASSES
    images = generator.integers(0, 40, (count, 4, 4), dtype=np.uint8)
    images.reshape(count, 16)[np.arange(count), labels] = 80
    return {"images": images, "labels": labels.astype(np.uint8)}


class Reader:
    """Finds the bright pixel; its class gets this many nats over the others."""

    def __init__(self, confidence: float = 30.0) -> None:
        self.module = nn.Identity()
        self._confidence = confidence

    def logits(self, batch: ImageBatch) -> Tensor:
        brightest = batch.inputs.flatten(1)[:, :NUM_CLASSES].argmax(dim=1)
        return self._confidence * F.one_hot(brightest, NUM_CLASSES).float()

    def features(self, batch: ImageBatch) -> Tensor:
        return batch.inputs.flatten(1)


@pytest.fixture
def data() -> Dataset:
    return Dataset(
        name="made",
        splits={"train": split(300, 0), "validation": split(60, 1), "test": split(120, 2)},
        tier=Tier.EMBEDDED,
        provenance="made",
        licence="",
        digest="",
        facts={},
    )


@pytest.fixture
def reader() -> Callable[..., Reader]:
    return Reader


@pytest.fixture
def task() -> Callable[..., ImageTask]:
    def make(**options: object) -> ImageTask:
        return ImageTask(dataset=REQUEST, stored=STORED, protocol=DigitsOptions(**options))

    return make
