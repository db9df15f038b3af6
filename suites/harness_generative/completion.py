"""Filling in the hidden quadrants of an image (Sohn et al. 2015, section 5.1)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.interfaces import (
    Array,
    Budget,
    Completes,
    CompletionBatch,
    Dataset,
    DatasetRequest,
    Evidence,
    FitOutcome,
    GenerativeLearner,
    ImageBatch,
    ImageData,
    Record,
    Streams,
    Training,
)
from harness_generative.fitting import asked, fit_batches
from harness_generative.grey_images import GreyImages, split_of
from harness_generative.pictures import png
from harness_generative.references import independent_pixels

if TYPE_CHECKING:
    import torch

EVALUATION_SEED = 2
NUM_SHOWN, NUM_DRAWS = 12, 4
PROPOSALS: tuple[Literal["prior", "recognition"], ...] = ("prior", "recognition")


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionTask:
    """Learn p(hidden | given); estimate the logarithm of it for the images of another split.

    The estimate by Monte Carlo draws from the conditional prior, that by importance sampling from the recognition
    network; both are means of exponentials, so they are biased low by few samples, the first far more.
    """

    dataset: DatasetRequest
    data: ImageData
    images: GreyImages
    num_observed: int
    samples: int
    extra_splits: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> ImageData:
        return self.data

    @property
    def observed(self) -> Array:
        """1 where a pixel is given: the lower left quadrant, the left half, or all but the lower right quadrant."""
        height, width = self.data.height, self.data.width
        mask = np.zeros((height, width), dtype=np.float32)
        mask[height // 2 :, : width // 2] = 1
        if self.num_observed >= 2:
            mask[:, : width // 2] = 1
        if self.num_observed == 3:
            mask[: height // 2] = 1
        return mask

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
        """Train on batches with the same quadrants hidden."""
        batches = self.images.training(data, training.batch_size, streams, device)
        return fit_batches(learner, self._hidden(batches, device), budget=budget, device=device, record=record)

    def evaluate(
        self, learner: GenerativeLearner, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """`by_prior` and `by_recognition`: the estimated log-likelihood of each image's hidden pixels, in nats."""
        import torch

        samples = self.samples if split != "validation" else max(1, self.samples // 10)
        network = asked(learner, Completes)
        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        found: dict[str, list[Array]] = {proposal: [] for proposal in PROPOSALS}
        with torch.no_grad():
            for batch in self._hidden(self.images.batches(data, split, training.batch_size, device), device):
                for proposal in PROPOSALS:
                    weights = network.conditional_log_weights(batch, samples, generator, proposal=proposal)
                    estimate = weights.double().logsumexp(dim=0) - math.log(samples)
                    found[proposal].append(estimate.cpu().numpy())
        return Evidence(arrays={f"by_{proposal}": np.concatenate(parts) for proposal, parts in found.items()})

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        """The negative log-likelihood of independent hidden pixels, and of guessing them."""
        hidden = self.observed == 0
        train, test = self.images.grey(split_of(data, "train")["images"]), self.images.held_out(data, "test")
        independent = independent_pixels(train[..., hidden], test[..., hidden])
        return {"chance": float(hidden.sum()) * self.data.channels * math.log(2), "independent_pixels": -independent}

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> CompletionBatch:
        return next(self._hidden(self.images.batches(data, "train", training.batch_size, device), device))

    def illustrate(
        self, learner: GenerativeLearner, data: Dataset | None, *, training: Training, device: torch.device
    ) -> Mapping[str, bytes]:
        """Columns of one test image each: what is given, draws, the whole."""
        import torch

        batch = next(self._hidden(self.images.batches(data, "test", NUM_SHOWN, device), device))
        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        network = asked(learner, Completes)
        given = batch.inputs * batch.observed + 0.5 * (1 - batch.observed)
        drawn = [network.complete(batch, generator) for _ in range(NUM_DRAWS)]
        rows = torch.cat([given, *drawn, batch.inputs])
        return {"completions.png": png(rows.float().cpu().numpy(), columns=NUM_SHOWN)}

    def _hidden(self, batches: Iterator[ImageBatch], device: torch.device) -> Iterator[CompletionBatch]:
        import torch

        observed = torch.from_numpy(self.observed).to(device)
        empty = CompletionBatch(inputs=observed[None, None], observed=observed)
        for batch in batches:
            yield replace(empty, inputs=batch.inputs)
