"""Training on real digits does better than any model of independent pixels."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits

from harness.interfaces import ImageBatch, Training
from harness.runtime.learning import DefaultGenerativeLearner


@pytest.fixture(scope="module")
def digits():
    images = torch.from_numpy(load_digits().images[:100]).float()
    return (images > 7.5).float()[:, None]


def best_independent_pixels(images):
    """Mean log-likelihood of the images' own frequencies, the most that independent pixels can reach."""
    frequencies = images.mean(dim=0)
    return -(torch.special.entr(frequencies) + torch.special.entr(1 - frequencies)).sum()


@pytest.mark.parametrize(
    ("name", "optimizer", "learning_rate"),
    [("vae", "adagrad", 0.1), ("wake_sleep", "adagrad", 0.1), ("conv_vae", "adamw", 0.01), ("iwae", "adamw", 0.01)],
)
def test_the_bound_rises_above_independent_pixels(make, digits, name, optimizer, learning_rate):
    model = make(name, size=(8, 8), d_hidden=64, d_latent=8).float()
    steps = 300
    training = Training(optimizer=optimizer, learning_rate=learning_rate, gradient_clip=0.0)
    learner = DefaultGenerativeLearner(model, training=training, steps=steps)
    batch = ImageBatch(inputs=digits, targets=torch.zeros(len(digits), dtype=torch.long))
    torch.manual_seed(0)
    for _ in range(steps):
        learner.train_step(batch)
    with torch.no_grad():
        bound = model.log_weights(digits, 20, torch.Generator().manual_seed(1)).mean()
    assert bound > best_independent_pixels(digits) + 2
