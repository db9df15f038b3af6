"""Few-shot classification: half of the classes are learnt, the others are told apart by a linear probe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from harness_image_classification.image_task import ImageTask, dataset_of, split_of
from harness_image_classification.options import FewShotOptions

if TYPE_CHECKING:
    import torch

    from harness.runtime.images import Preparation

PENALTIES = tuple(10.0**power for power in range(-2, 5))


@dataclass(frozen=True, kw_only=True, slots=True)
class FewShotTask:
    """Classes of even number are the base, on which a model is trained; the others are new.

    The metric is the ViT paper's: ridge regression from frozen features to targets of -1 and 1, in closed form, here
    with standardised features and the penalty that leave-one-out error on the shown images chooses. Which images are
    shown is drawn from the training split, the same for every model; new classes of the test split are scored.
    """

    dataset: DatasetRequest
    stored: ImageData
    protocol: FewShotOptions
    extra_splits: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> ImageData:
        return self._base.describe()

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
        """Train on the base classes."""
        return self._base.fit(
            learner,
            halved(data, new=False),
            training=training,
            budget=budget,
            streams=streams,
            device=device,
            record=record,
        )

    def evaluate(
        self, learner: ClassifierLearner, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """`predicted` and true `labels` of every image of the new classes, for every draw; group `shots`."""
        new = halved(data, new=True)
        shown, scored = split_of(new, "train"), split_of(new, split)
        preparation = self._base.preparation(halved(data, new=False))

        def features_of(arrays: Mapping[str, Array]) -> Array:
            return _features(learner, arrays, preparation, training.batch_size, device)

        features = features_of(scored)
        labels = np.asarray(scored["labels"], dtype=np.int64)
        parts = []
        for shots, chosen in self._draws(np.asarray(shown["labels"]), dataset_of(data).name):
            support = {name: array[chosen] for name, array in shown.items()}
            probe = _probe(features_of(support), support["labels"])
            parts.append((probe.predict(features), labels, np.full(len(labels), shots)))
        predicted, true, counts = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return Evidence(arrays={"predicted": predicted, "labels": true}, groups={"shots": counts})

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        """Chance among the new classes."""
        new = halved(data, new=True)
        return {"chance": class_facts(new.splits, len(np.unique(new.splits["train"]["labels"])))["chance"]}

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> ImageBatch:
        return self._base.sample_batch(data, training=training, device=device)

    @property
    def _base(self) -> ImageTask:
        base = replace(self.stored, num_classes=(self.stored.num_classes + 1) // 2)
        return ImageTask(dataset=self.dataset, stored=base, protocol=self.protocol)

    def _draws(self, labels: Array, name: str) -> Iterator[tuple[int, Array]]:
        """Shots, and which images are shown."""
        classes = np.unique(labels)
        fewest = int(np.bincount(labels)[classes].min())
        for shots in self.protocol.shots:
            if shots > fewest:
                raise DataError(f"shots={shots}; a new class of {name} has {fewest} training images; ask for fewer")
            for draw in range(self.protocol.draws):
                generator = np.random.default_rng([shots, draw])
                yield (
                    shots,
                    np.concatenate(
                        [generator.choice(np.flatnonzero(labels == one), shots, replace=False) for one in classes]
                    ),
                )


def halved(data: Dataset | None, *, new: bool) -> Dataset:
    """Only the base classes (even ones) or the new ones, numbered from 0, in every split."""
    dataset = dataset_of(data)
    splits = {}
    for split, arrays in dataset.splits.items():
        labels = np.asarray(arrays["labels"], dtype=np.int64)
        chosen = np.flatnonzero(labels % 2 == int(new))
        splits[split] = {"images": arrays["images"][chosen], "labels": labels[chosen] // 2}
    return replace(dataset, splits=splits)


def _features(
    learner: ClassifierLearner,
    arrays: Mapping[str, Array],
    preparation: Preparation,
    batch_size: int,
    device: torch.device,
) -> Array:
    """What the learner's last layer reads of each image, in float64."""
    import torch

    from harness.runtime.images import ImageStore, evaluation_batches

    learner.module.eval()
    with torch.no_grad():
        batches = evaluation_batches(ImageStore(arrays, device), preparation, batch_size)
        return torch.cat([learner.features(batch).double().cpu() for batch in batches]).numpy()


def _probe(features: Array, labels: Array) -> Any:
    """Ridge regression to targets of -1 and 1, in closed form."""
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=PENALTIES)).fit(features, labels)
