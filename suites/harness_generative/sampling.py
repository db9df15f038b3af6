"""What a classifier's features say of a model's samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    from torch import Tensor

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
        from harness_generative.drawing import draw

        network = asked(learner, SamplesImages)
        if split == "validation":
            return self._seen(draw(network, min(VALIDATION_SAMPLES, self.num_samples)), data, split, device)
        samples = draw(network, self.num_samples)
        windows = {
            "samples": samples.numpy(),
            "validation_images": self.images.held_out(data, "validation"),
            "test_images": self.images.held_out(data, "test"),
        }
        return Evidence(arrays={**self._seen(samples, data, split, device).arrays, **windows})

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        """None besides those of `reference_evidence`. Raises DataError when the test images are too few for a
        covariance."""
        count = len(split_of(data, "test")["images"])
        if count <= self.widest:
            raise DataError(
                f"{count} test images for {self.widest} features: their covariance would be singular; more "
                f"than {self.widest} images are needed; take a larger dataset or fewer extractors"
            )
        return {}

    def reference_evidence(self, data: Dataset | None, device: torch.device) -> Iterator[tuple[str, Evidence]]:
        """As many real training images as samples are drawn (or all that there are), and uniform noise, in place of
        samples; a Parzen window around them is left out."""
        import torch

        from harness_generative.drawing import EVALUATION_SEED

        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        train = split_of(data, "train")["images"]
        chosen = torch.randperm(len(train), generator=generator)[: self.num_samples].sort().values.numpy()
        real = torch.from_numpy(self.images.grey(train[chosen]))
        yield "real_training_images", self._seen(real, data, "test", device)
        yield (
            "uniform_noise",
            self._seen(torch.rand(self.num_samples, *real.shape[1:], generator=generator), data, "test", device),
        )

    def _seen(self, samples: Tensor, data: Dataset | None, split: str, device: torch.device) -> Evidence:
        """What the extractors say of samples and of a split's images."""
        import torch

        from harness_generative.extra_extractors import load_extra_extractor
        from harness_generative.extractors import load_extractor
        from harness_generative.sample_evidence import look, overlap, seen

        real = torch.from_numpy(self.images.held_out(data, split))
        found = look(load_extractor(self.extractor, device), real, samples, split)
        arrays = seen(*found)
        if split != "validation":
            arrays |= overlap(*found)
            for name in self.extra_extractors:
                large = load_extra_extractor(name, self.inception_weights, device)
                arrays |= seen(*look(large, real, samples, split), name=name)
        return Evidence(arrays=arrays)

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
