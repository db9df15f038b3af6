"""What a classifier's features say of a model's samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.interfaces import (
    Budget,
    Dataset,
    DatasetRequest,
    Evidence,
    FitOutcome,
    GenerativeLearner,
    ImageBatch,
    ImageData,
    Record,
    SamplesImages,
    Streams,
    Training,
)
from harness_generative.fitting import asked, fit_batches
from harness_generative.grey_images import GreyImages, split_of
from harness_generative.pictures import png

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from harness_generative.extractors import Extracted

EVALUATION_SEED = 3
CHUNK = 500
"""Samples that are drawn at a time."""

VALIDATION_SAMPLES = 1000
NUM_SHOWN = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingTask:
    """Learn grey images; draw samples and hold their features against those of the images of another split.

    `extractor` names the fixed network (`harness_generative.extractors`); the metrics' names say which it is.
    """

    dataset: DatasetRequest
    data: ImageData
    images: GreyImages
    extractor: str
    num_samples: int
    extra_splits: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> ImageData:
        return self.data

    def fit(
        self,
        learner: GenerativeLearner,
        data: Dataset | None,
        *,
        training: Training,
        budget: Budget,
        streams: Streams,
        device: torch.device,
        record: Record,
    ) -> FitOutcome:
        """Train on grey batches."""
        batches = self.images.training(data, training.batch_size, streams, device)
        return fit_batches(learner, batches, budget=budget, device=device, record=record)

    def evaluate(
        self, learner: GenerativeLearner, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """`features` and `probabilities` of the samples and `real_features` of the split; on the test split also the
        `samples`, and the images of validation and test, for the Parzen window."""
        import torch

        from harness_generative.extractors import load_extractor

        extractor = load_extractor(self.extractor, device)
        count = self.num_samples if split != "validation" else min(VALIDATION_SAMPLES, self.num_samples)
        samples = draw(asked(learner, SamplesImages), count)
        real = torch.from_numpy(self.images.held_out(data, split))
        seen = extractor.extract(samples, subject="samples")
        arrays = {
            "features": seen.features.numpy(),
            "probabilities": seen.probabilities.numpy(),
            "real_features": extractor.extract(real, subject=f"{split} images").features.numpy(),
        }
        if split != "validation":
            arrays |= {
                "samples": samples.numpy(),
                "validation_images": self.images.held_out(data, "validation"),
                "test_images": real.numpy(),
            }
        return Evidence(arrays=arrays)

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        """The Fréchet distance to the test images of as many real training images as samples are drawn (or all that
        there are), and of uniform noise."""
        import torch

        from harness_generative.extractors import load_extractor

        extractor = load_extractor(self.extractor)
        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        test = extractor.extract(torch.from_numpy(self.images.held_out(data, "test")), subject="test images")
        train = split_of(data, "train")["images"]
        chosen = torch.randperm(len(train), generator=generator)[: self.num_samples].sort().values.numpy()
        real = torch.from_numpy(self.images.grey(train[chosen]))
        noise = torch.rand(self.num_samples, *image_shape(self.data), generator=generator)
        return {
            "real_training_images": _distance(test, extractor.extract(real)),
            "uniform_noise": _distance(test, extractor.extract(noise)),
        }

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> ImageBatch:
        return next(self.images.batches(data, "train", training.batch_size, device))

    def illustrate(
        self, learner: GenerativeLearner, data: Dataset | None, *, training: Training, device: torch.device
    ) -> Mapping[str, bytes]:
        """The first samples that the metrics saw."""
        return {"samples.png": png(draw(asked(learner, SamplesImages), NUM_SHOWN).numpy())}


def image_shape(data: ImageData) -> tuple[int, int, int]:
    """Channels, height and width."""
    return data.channels, data.height, data.width


def draw(network: SamplesImages, count: int) -> Tensor:
    """Samples in float32 on the CPU. The first ones are the same however many are drawn up to a chunk."""
    import torch

    generator = torch.Generator().manual_seed(EVALUATION_SEED)
    with torch.no_grad():
        parts = [network.sample(min(CHUNK, count - start), generator).float().cpu() for start in range(0, count, CHUNK)]
    return torch.cat(parts)


def _distance(real: Extracted, others: Extracted) -> float:
    from harness_generative.feature_statistics import FeatureStatistics
    from harness_generative.frechet_distance import frechet_distance

    return frechet_distance(FeatureStatistics.of(real.features), FeatureStatistics.of(others.features))
