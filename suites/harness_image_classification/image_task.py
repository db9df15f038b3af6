"""The task of classifying images: fit on the training split, leave a score for each class of each test image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import DataError
from harness.interfaces import (
    Array,
    Budget,
    ClassifierLearner,
    Dataset,
    DatasetRequest,
    Evidence,
    FitOutcome,
    ImageBatch,
    ImageData,
    Record,
    Streams,
    Training,
)
from harness_data.classes import class_facts
from harness_image_classification.options import ProtocolOptions
from harness_image_classification.subsets import balanced_subset

if TYPE_CHECKING:
    import torch

    from harness.runtime.augmentation import Augmentation
    from harness.runtime.images import Preparation

EVALUATION_FACTOR = 4
"""How many training batches' worth of images evaluation reads at once, since it keeps no activations."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageTask:
    """A `harness.interfaces.Task` for datasets of `images` (bytes) and `labels`.

    `stored` is what the dataset holds; the protocol may resize it.
    """

    dataset: DatasetRequest
    stored: ImageData
    protocol: ProtocolOptions
    extra_splits: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> ImageData:
        size = self.protocol.image_size
        return replace(self.stored, height=size, width=size) if size else self.stored

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
        """Train on batches whose order and augmentation are the seed's own; `training.evaluations` times look at
        validation."""
        from harness.runtime.fitting import fit
        from harness.runtime.images import ImageStore, training_batches

        def validate() -> dict[str, float]:
            arrays = self.evaluate(learner, data, "validation", training=training, device=device).arrays
            logs, labels = arrays["log_probabilities"], arrays["labels"]
            return {
                "validation_nats": float(-np.mean(logs[np.arange(len(labels)), labels])),
                "validation_accuracy": float(np.mean(logs.argmax(axis=1) == labels)),
            }

        batches = training_batches(
            ImageStore(self._training_arrays(data, streams), device),
            self.preparation(data),
            self._augmentation(),
            num_classes=self.stored.num_classes,
            batch_size=training.batch_size,
            order=streams.numpy("batches"),
            draws=streams.numpy("augmentation"),
        )
        return fit(
            learner,
            batches,
            budget=budget,
            record=record,
            count=_count,
            validate=validate,
            validations=training.evaluations,
            device=device,
        )

    def evaluate(
        self, learner: ClassifierLearner, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """For each image the logarithm of each class's probability, `log_probabilities` [N, classes], and `labels`."""
        import torch

        from harness.runtime.images import ImageStore, evaluation_batches

        arrays = split_of(data, split)
        store = ImageStore(arrays, device)
        learner.module.eval()
        with torch.no_grad():
            parts = [
                learner.logits(batch).double().log_softmax(dim=1).cpu()
                for batch in evaluation_batches(store, self.preparation(data), EVALUATION_FACTOR * training.batch_size)
            ]
        labels = np.asarray(arrays["labels"], dtype=np.int64)
        return Evidence(arrays={"log_probabilities": torch.cat(parts).numpy(), "labels": labels})

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        """Chance, and always answering the most frequent class."""
        return class_facts(dataset_of(data).splits, self.stored.num_classes)

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> ImageBatch:
        from harness.runtime.images import ImageStore, evaluation_batches

        some = {name: array[: training.batch_size] for name, array in split_of(data, "train").items()}
        return next(evaluation_batches(ImageStore(some, device), self.preparation(data), training.batch_size))

    def _training_arrays(self, data: Dataset | None, streams: Streams) -> Mapping[str, Array]:
        arrays = split_of(data, "train")
        if not self.protocol.train_images:
            return arrays
        chosen = balanced_subset(
            np.asarray(arrays["labels"]), self.protocol.train_images, streams.numpy("subset"), dataset_of(data).name
        )
        return {name: array[chosen] for name, array in arrays.items()}

    def preparation(self, data: Dataset | None) -> Preparation:
        from harness.runtime.images import SYMMETRIC, Preparation, Standardisation

        described, images = self.describe(), split_of(data, "train")["images"]
        symmetric = self.protocol.scaling == "symmetric"
        return Preparation(
            standardisation=SYMMETRIC if symmetric else Standardisation.of(images),
            size=(described.height, described.width) if self.protocol.image_size else None,
        )

    def _augmentation(self) -> Augmentation:
        from harness.runtime.augmentation import Augmentation

        protocol = self.protocol
        return Augmentation(
            shift=protocol.shift, resized_crop=protocol.resized_crop, flip=protocol.flip, mixup=protocol.mixup
        )


def dataset_of(data: Dataset | None) -> Dataset:
    """The dataset that the core loaded for the task."""
    if data is None:
        raise DataError("an image task got no dataset; it reads the one that it asks for; pass that")
    return data


def split_of(data: Dataset | None, split: str) -> Mapping[str, Array]:
    """Raises DataError that names the splits there are."""
    dataset = dataset_of(data)
    if split not in dataset.splits:
        raise DataError(f"{dataset.name} has no split {split!r}; it has {', '.join(sorted(dataset.splits))}")
    return dataset.splits[split]


def _count(batch: Any) -> tuple[int, int]:
    return len(batch.inputs), 0
