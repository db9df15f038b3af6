import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from harness.errors import DataError
from harness.interfaces import Budget, Training
from harness.runtime.learning import DefaultClassifierLearner
from harness.runtime.seeding import SeedStreams
from harness_image_classification.metrics import nll_nats, top1_accuracy

CPU = torch.device("cpu")
TRAINING = Training(batch_size=32, learning_rate=0.05)
BUDGET = Budget(steps=150)


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(16, 6)
        self.seen: list[torch.Tensor] = []

    def forward(self, images):
        if self.training:
            self.seen.append(images)
        return self.head(images.flatten(1))


def fitted(task, data, seed: int = 0, training: Training = TRAINING, budget: Budget = BUDGET):
    torch.manual_seed(0)
    module = Linear()
    learner = DefaultClassifierLearner(module, training=training, steps=budget.steps)
    points = []
    outcome = task.fit(
        learner,
        data,
        training=training,
        budget=budget,
        streams=SeedStreams(seed),
        device=CPU,
        record=lambda step, values: points.append((step, dict(values))),
    )
    return learner, outcome, points


def test_fitting_learns_what_is_linear(task, data):
    learner, outcome, _ = fitted(task(), data)
    evidence = task().evaluate(learner, data, "test", training=TRAINING, device=CPU)
    assert top1_accuracy(evidence).value > 0.95
    assert (outcome.steps, outcome.examples) == (150, 150 * 32)


def test_evidence_has_a_normalised_distribution_for_each_image_in_order(task, data, reader):
    evidence = task().evaluate(reader(), data, "test", training=TRAINING, device=CPU)
    np.testing.assert_allclose(np.exp(evidence.arrays["log_probabilities"]).sum(axis=1), 1.0, rtol=1e-12)
    assert np.array_equal(evidence.arrays["labels"], data.splits["test"]["labels"])
    assert top1_accuracy(evidence).value == 1.0


def test_nats_of_a_reader_with_known_odds_are_exact(task, data, reader):
    evidence = task().evaluate(reader(confidence=2.0), data, "test", training=TRAINING, device=CPU)
    assert nll_nats(evidence).value == pytest.approx(math.log(math.exp(2) + 5) - 2, rel=1e-6)


def test_models_of_one_seed_meet_the_same_augmented_images(task, data):
    options = {"shift": 1, "flip": True, "mixup": 0.3, "resized_crop": 0.5}
    first, _, _ = fitted(task(**options), data, budget=Budget(steps=5))
    second, _, _ = fitted(task(**options), data, budget=Budget(steps=5), training=Training(batch_size=32))
    other, _, _ = fitted(task(**options), data, budget=Budget(steps=5), seed=1)
    assert all(torch.equal(a, b) for a, b in zip(first.module.seen, second.module.seen, strict=True))
    assert not torch.equal(first.module.seen[0], other.module.seen[0])


def test_only_the_asked_number_of_images_is_trained_on(task, data):
    learner, _, _ = fitted(task(train_images=12), data, budget=Budget(steps=20))
    shown = torch.cat(learner.module.seen).flatten(1)
    assert len(shown.unique(dim=0)) == 12


def test_more_training_images_than_there_are_are_refused(task, data):
    with pytest.raises(DataError, match=r"train_images=301; made has 300 training images; ask for at most"):
        fitted(task(train_images=301), data)


def test_validation_is_looked_at_as_often_as_asked(task, data):
    training = dataclasses.replace(TRAINING, evaluations=3)
    _, _, points = fitted(task(), data, training=training)
    assert [step for step, values in points if "validation_accuracy" in values] == [50, 100, 150]


def test_images_are_resized_to_the_asked_size(task, data):
    resizing = task(image_size=8)
    described = resizing.describe()
    batch = resizing.sample_batch(data, training=TRAINING, device=CPU)
    assert (described.height, described.width) == (8, 8)
    assert batch.inputs.shape == (32, 1, 8, 8)


def test_chance_and_the_majority_class_are_references(task, data):
    assert task().references(data) == {"chance": 1 / 6, "majority_class": 20 / 120}


def test_a_split_that_is_not_there_is_named(task, data, reader):
    with pytest.raises(DataError, match="made has no split 'tst'; it has test, train, validation"):
        task().evaluate(reader(), data, "tst", training=TRAINING, device=CPU)


def test_symmetric_images_run_from_minus_one_to_one(task, data):
    batch = task(scaling="symmetric").sample_batch(data, training=TRAINING, device=CPU)
    expected = data.splits["train"]["images"][:32].astype(np.float32) / 127.5 - 1
    np.testing.assert_allclose(batch.inputs[:, 0].numpy(), expected, rtol=0, atol=1e-6)
