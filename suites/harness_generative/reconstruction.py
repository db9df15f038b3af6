"""How much of an image survives a pass through a model's code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import PluginError
from harness.interfaces import (
    Array,
    Budget,
    Dataset,
    DatasetRequest,
    Evidence,
    FitOutcome,
    GenerativeLearner,
    ImageBatch,
    ImageData,
    Reconstructs,
    Record,
    Streams,
    Training,
)
from harness_generative.fitting import asked, fit_batches
from harness_generative.grey_images import GreyImages, split_of
from harness_generative.pictures import png

if TYPE_CHECKING:
    import torch

NUM_SHOWN, NUM_TRIED = 16, 2


@dataclass(frozen=True, kw_only=True, slots=True)
class ReconstructionTask:
    """Learn grey images; compare those of another split with their reconstructions."""

    dataset: DatasetRequest
    data: ImageData
    images: GreyImages
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
        """Train on grey batches, once the untrained network has answered with images of the right size and scale."""
        import torch

        with torch.no_grad():
            self._errors(asked(learner, Reconstructs), next(self.images.batches(data, "train", NUM_TRIED, device)))
        batches = self.images.training(data, training.batch_size, streams, device)
        return fit_batches(learner, batches, budget=budget, device=device, record=record)

    def evaluate(
        self, learner: GenerativeLearner, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """The mean `squared` error of each image's pixels."""
        import torch

        network = asked(learner, Reconstructs)
        with torch.no_grad():
            batches = self.images.batches(data, split, training.batch_size, device)
            parts = [self._errors(network, batch) for batch in batches]
        return Evidence(arrays={"squared": np.concatenate(parts)})

    def _errors(self, network: Reconstructs, batch: ImageBatch) -> Array:
        """The mean squared error of each image. Raises PluginError for images of another size or scale."""
        from harness_generative.value_checks import check_pixels

        reconstructed = network.reconstruct(batch.inputs)
        if reconstructed.shape != batch.inputs.shape:
            raise PluginError(
                f"{type(network).__name__} reconstructs {list(batch.inputs.shape)} as {list(reconstructed.shape)}; one "
                "size is expected; build it for the data that the task describes"
            )
        check_pixels(reconstructed, f"reconstructions of {type(network).__name__}")
        errors: Array = (reconstructed - batch.inputs).double().square().mean(dim=(1, 2, 3)).cpu().numpy()
        return errors

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        """The error of answering with the mean training image."""
        train, test = self.images.grey(split_of(data, "train")["images"]), self.images.held_out(data, "test")
        return {"mean_image": float(np.square(test - train.mean(axis=0), dtype=np.float64).mean())}

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> ImageBatch:
        return next(self.images.batches(data, "train", training.batch_size, device))

    def illustrate(
        self, learner: GenerativeLearner, data: Dataset | None, *, training: Training, device: torch.device
    ) -> Mapping[str, bytes]:
        """Test images above their reconstructions, and what lies between samples where the model has a prior."""
        import torch

        from harness_generative.latents import latent_pictures

        shown = next(self.images.batches(data, "test", NUM_SHOWN, device)).inputs
        pair = torch.cat([shown, asked(learner, Reconstructs).reconstruct(shown)])
        pictures = {"reconstructions.png": png(pair.float().cpu().numpy(), columns=NUM_SHOWN)}
        return pictures | latent_pictures(learner.evaluated)
