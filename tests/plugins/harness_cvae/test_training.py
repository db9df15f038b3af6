"""Training on real digits predicts hidden pixels better than any model that does not look at the others."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.datasets import load_digits

from harness.interfaces import CompletionBatch, Training
from harness.runtime.learning import DefaultGenerativeLearner

STEPS = 150


@pytest.fixture(scope="module")
def digits():
    """A hundred digits of which the left half is observed."""
    images = torch.from_numpy(load_digits().images[:100]).float()
    observed = torch.zeros(8, 8)
    observed[:, :4] = 1
    return CompletionBatch(inputs=(images > 7.5).float()[:, None], observed=observed)


def best_independent_pixels(batch):
    """Mean log-likelihood of the hidden pixels' own frequencies, the most that independent pixels can reach."""
    frequencies = batch.inputs.mean(dim=0)[:, batch.observed == 0]
    return -(torch.special.entr(frequencies) + torch.special.entr(1 - frequencies)).sum()


@pytest.mark.parametrize("name", ["cvae", "gsnn", "cvae_hybrid", "completion_net"])
def test_the_likelihood_rises_above_independent_pixels(make, digits, name):
    model = make(name, size=(8, 8), d_hidden=64).float()
    learner = DefaultGenerativeLearner(model, training=Training(learning_rate=3e-3), steps=STEPS)
    torch.manual_seed(0)
    for _ in range(STEPS):
        learner.train_step(digits)
    with torch.no_grad():
        weights = model.conditional_log_weights(digits, 100, torch.Generator().manual_seed(1), proposal="prior")
    likelihood = (weights.logsumexp(dim=0) - math.log(100)).mean()
    assert likelihood > best_independent_pixels(digits) + 2
