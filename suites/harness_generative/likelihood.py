"""Bounds on the likelihood of binarised images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from harness.interfaces import (
    Array,
    BoundsLikelihood,
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
    SamplesImages,
    Streams,
    Training,
)
from harness_generative.fitting import asked, fit_batches
from harness_generative.grey_images import GreyImages, split_of
from harness_generative.pictures import png
from harness_generative.references import independent_pixels

if TYPE_CHECKING:
    import torch

EVALUATION_SEED = 1
NUM_SHOWN = 64
NUM_RECONSTRUCTED = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class LikelihoodTask:
    """Learn binarised images; bound log p(x) of those of another split by importance samples.

    Every image's weights are drawn once; the bounds with fewer samples than drawn are means over disjoint parts of the
    same weights, so that for every image the bounds rise with their number up to that of the draw.
    """

    dataset: DatasetRequest
    data: ImageData
    images: GreyImages
    samples: tuple[int, ...]
    extra_splits: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> ImageData:
        return self.data

    @property
    def num_dimensions(self) -> int:
        """Pixels of an image, over all channels."""
        return self.data.channels * self.data.height * self.data.width

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
        """Train on binarised batches."""
        batches = self.images.training(data, training.batch_size, streams, device)
        return fit_batches(learner, batches, budget=budget, device=device, record=record)

    def evaluate(
        self, learner: GenerativeLearner, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """For each image and number of samples k its `bound`, and the mean of all its log weights, the `elbo`, in nats;
        and the number of its pixels, the `dimensions`.

        Group `k` names the number of samples. Validation takes a tenth of the samples.
        """
        import torch

        most = max(self.samples) if split != "validation" else max(1, max(self.samples) // 10)
        wanted = sorted({k for k in self.samples if k <= most} | {1})
        network = asked(learner, BoundsLikelihood)
        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        bounds: list[Array] = []
        elbos: list[Array] = []
        with torch.no_grad():
            for batch in self.images.batches(data, split, training.batch_size, device):
                weights = network.log_weights(batch.inputs, most, generator).double().cpu().numpy()  # [S, B]
                elbos.append(weights.mean(axis=0))
                bounds.append(np.stack([bound(weights, k) for k in wanted]))
        elbo, table = np.concatenate(elbos), np.concatenate(bounds, axis=1)
        return Evidence(
            arrays={
                "bound": table.ravel(),
                "elbo": np.tile(elbo, len(wanted)),
                "dimensions": np.full(table.size, self.num_dimensions),
            },
            groups={"k": np.repeat(np.array(wanted), len(elbo))},
        )

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        """Log-likelihood, in nats, of independent pixels with the training set's frequencies, and of guessing."""
        train, test = self.images.grey(split_of(data, "train")["images"]), self.images.held_out(data, "test")
        return {
            "chance": -self.num_dimensions * float(np.log(2)),
            "independent_pixels": independent_pixels(train, test),
        }

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> ImageBatch:
        return next(self.images.batches(data, "train", training.batch_size, device))

    def illustrate(
        self, learner: GenerativeLearner, data: Dataset | None, *, training: Training, device: torch.device
    ) -> Mapping[str, bytes]:
        """Samples, test images above their reconstructions, and what lies between samples, as far as the model can."""
        import torch

        from harness_generative.latents import latent_pictures

        network = learner.evaluated.eval()
        found = latent_pictures(network)
        if isinstance(network, SamplesImages):
            drawn = network.sample(NUM_SHOWN, torch.Generator().manual_seed(EVALUATION_SEED))
            found["samples.png"] = png(drawn.float().cpu().numpy())
        if isinstance(network, Reconstructs):
            shown = next(self.images.batches(data, "test", NUM_RECONSTRUCTED, device)).inputs
            pair = torch.cat([shown, network.reconstruct(shown)])
            found["reconstructions.png"] = png(pair.float().cpu().numpy(), columns=NUM_RECONSTRUCTED)
        return found


def bound(log_weights: Array, k: int) -> Array:
    """The mean over disjoint groups of k of log(mean of the weights): [S, B] -> [B] (Burda et al. 2015, equation 8).

    Log weights beyond the last whole group are left out.
    """
    groups = len(log_weights) // k
    parts = log_weights[: groups * k].reshape(groups, k, -1)
    top = parts.max(axis=1, keepdims=True)
    means: Array = (top[:, 0] + np.log(np.exp(parts - top).mean(axis=1))).mean(axis=0)
    return means
