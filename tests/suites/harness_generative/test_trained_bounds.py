"""After training, no evidence lower bound lies above the importance-weighted one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from harness.configuration import parse_config
from harness.interfaces import Budget, Dataset, Evidence, Training
from harness.registry import Registry
from harness.runtime.learning import DefaultGenerativeLearner
from harness.runtime.seeding import SeedStreams, seeded
from harness.specs import Tier
from harness_data.digits import read_digits
from harness_generative import tasks
from harness_generative.likelihood import bound
from harness_generative.options import LikelihoodOptions

CPU = torch.device("cpu")
STEPS = 40
TRAINING = Training(batch_size=50, learning_rate=3e-3)
TASK = tasks.binary_likelihood(LikelihoodOptions(samples=(1, 10, 100)))


@dataclass(frozen=True)
class Trained:
    """A trained network and what the task says of it."""

    network: Any
    evidence: Evidence

    def log_weights(self, data: Dataset, seed: int) -> np.ndarray:
        images = next(TASK.images.batches(data, "test", 100, CPU)).inputs
        with torch.no_grad():
            return self.network.log_weights(images, 100, torch.Generator().manual_seed(seed)).double().numpy()


@pytest.fixture(scope="module")
def data() -> Dataset:
    return Dataset(
        name="digits", splits=read_digits(), tier=Tier.EMBEDDED, provenance="", licence="", digest="", facts={}
    )


@pytest.fixture(scope="module", params=["vae", "conv_vae", "iwae", "wake_sleep"])
def trained(request: pytest.FixtureRequest, registry: Registry, data: Dataset) -> Trained:
    spec = registry.models[request.param].spec
    with seeded(0):
        module: nn.Module = spec.build.load()(parse_config(spec.config.load(), {}, request.param), TASK.describe(), {})
        learner = DefaultGenerativeLearner(module, training=TRAINING, steps=STEPS)
        TASK.fit(
            learner,
            data,
            training=TRAINING,
            budget=Budget(steps=STEPS),
            streams=SeedStreams(0),
            device=CPU,
            record=lambda step, values: None,
        )
    evidence = TASK.evaluate(learner, data, "test", training=TRAINING, device=CPU)
    return Trained(learner.evaluated, evidence)


@pytest.mark.parametrize(("k", "more"), [(1, 10), (10, 100)])
def test_of_the_same_draws_no_image_has_a_bound_that_falls(trained: Trained, k: int, more: int) -> None:
    of_k, of_more = (trained.evidence.arrays["bound"][trained.evidence.groups["k"] == size] for size in (k, more))
    assert (of_k <= of_more + 1e-9).all()


def test_the_bound_of_one_sample_is_the_evidence_bound(trained: Trained) -> None:
    one = trained.evidence.groups["k"] == 1
    np.testing.assert_allclose(trained.evidence.arrays["bound"][one], trained.evidence.arrays["elbo"][one], rtol=1e-12)


def test_of_other_draws_the_evidence_bound_is_above_by_no_more_than_their_error(
    trained: Trained, data: Dataset
) -> None:
    ours, others = trained.log_weights(data, 1), trained.log_weights(data, 2)
    error = np.hypot(*(weights.std(axis=0) / np.sqrt(len(weights)) for weights in (ours, others)))
    assert (ours.mean(axis=0) <= bound(others, 100) + 5 * error).all()
