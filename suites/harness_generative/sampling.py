"""What a classifier's features say of a model's samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import DataError
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
from harness_generative.feature_widths import ExtraExtractor
from harness_generative.fitting import asked, fit_batches
from harness_generative.grey_images import GreyImages, split_of
from harness_generative.pictures import png

if TYPE_CHECKING:
    import torch

    from harness_generative.extractors import Extracted

VALIDATION_SAMPLES = 1000
NUM_SHOWN = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingTask:
    """Learn grey images; draw samples and hold their features against those of the images of another split.

    `extractor` names the fixed network (`harness_generative.extractors`); the metrics' names say which it is. The
    `extra_extractors` look at the test split alone. `widest` are the most features of which a covariance is taken.
    """

    dataset: DatasetRequest
    data: ImageData
    images: GreyImages
    extractor: str
    num_samples: int
    widest: int
    extra_extractors: tuple[ExtraExtractor, ...] = ()
    inception_weights: str = ""
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
        """Train on grey batches, once every extractor's weights were found to be the right ones and the untrained
        network has drawn images of the right size and scale."""
        from harness_generative.drawing import check_drawing
        from harness_generative.extra_extractors import check_extractor

        for name in self.extra_extractors:
            check_extractor(name, self.inception_weights)
        check_drawing(asked(learner, SamplesImages), self.data)
        batches = self.images.training(data, training.batch_size, streams, device)
        return fit_batches(learner, batches, budget=budget, device=device, record=record)

    def evaluate(
        self, learner: GenerativeLearner, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """`features` and `probabilities` of the samples and `real_features` of the split; on the test split also how
        the two overlap, what the extra extractors see, the `samples` themselves, and the images of validation and
        test, for the Parzen window."""
        import torch

        from harness_generative.drawing import draw
        from harness_generative.extra_extractors import load_extra_extractor
        from harness_generative.extractors import load_extractor
        from harness_generative.sample_evidence import look, overlap, seen

        extractor = load_extractor(self.extractor, device)
        count = self.num_samples if split != "validation" else min(VALIDATION_SAMPLES, self.num_samples)
        samples = draw(asked(learner, SamplesImages), count)
        real = torch.from_numpy(self.images.held_out(data, split))
        found = look(extractor, real, samples, split)
        if split == "validation":
            return Evidence(arrays=seen(*found))
        arrays = {
            **seen(*found),
            **overlap(*found),
            "samples": samples.numpy(),
            "validation_images": self.images.held_out(data, "validation"),
            "test_images": real.numpy(),
        }
        for name in self.extra_extractors:
            large = load_extra_extractor(name, self.inception_weights, device)
            arrays |= seen(*look(large, real, samples, split), name=name)
        return Evidence(arrays=arrays)

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        """The Fréchet distance to the test images of as many real training images as samples are drawn (or all that
        there are), and of uniform noise. Raises DataError when the test images are too few for a covariance."""
        import torch

        from harness_generative.drawing import EVALUATION_SEED
        from harness_generative.extractors import load_extractor

        extractor = load_extractor(self.extractor)
        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        held_out = self.images.held_out(data, "test")
        if len(held_out) <= self.widest:
            raise DataError(
                f"{len(held_out)} test images for {self.widest} features: their covariance would be singular; more "
                f"than {self.widest} images are needed; take a larger dataset or fewer extractors"
            )
        test = extractor.extract(torch.from_numpy(held_out), subject="test images")
        train = split_of(data, "train")["images"]
        chosen = torch.randperm(len(train), generator=generator)[: self.num_samples].sort().values.numpy()
        real = torch.from_numpy(self.images.grey(train[chosen]))
        noise = torch.rand(self.num_samples, *held_out.shape[1:], generator=generator)
        return {
            "real_training_images": _distance(test, extractor.extract(real)),
            "uniform_noise": _distance(test, extractor.extract(noise)),
        }

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> ImageBatch:
        return next(self.images.batches(data, "train", training.batch_size, device))

    def illustrate(
        self, learner: GenerativeLearner, data: Dataset | None, *, training: Training, device: torch.device
    ) -> Mapping[str, bytes]:
        """The first samples that the metrics saw, and what lies between samples where the model has latents."""
        from harness_generative.drawing import draw
        from harness_generative.latents import latent_pictures

        pictures = {"samples.png": png(draw(asked(learner, SamplesImages), NUM_SHOWN).numpy())}
        return pictures | latent_pictures(learner.evaluated)


def _distance(real: Extracted, others: Extracted) -> float:
    from harness_generative.feature_statistics import FeatureStatistics
    from harness_generative.frechet_distance import frechet_distance

    return frechet_distance(FeatureStatistics.of(real.features), FeatureStatistics.of(others.features))
