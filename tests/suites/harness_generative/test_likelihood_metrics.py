"""Bounds as the task measures them: bits of fair coins, and the order of bounds where the likelihood is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from harness.interfaces import Dataset, Evidence, Training
from harness.specs import Tier
from harness_generative import metrics, tasks
from harness_generative.options import LikelihoodOptions

NUM_PIXELS, SIGMA = 64, 0.7
TASK = tasks.binary_likelihood(LikelihoodOptions(samples=(1, 10, 100, 1000)))


class Asked:
    """A learner that was taught nothing."""

    def __init__(self, network: nn.Module) -> None:
        self.module = self.evaluated = network


class FairCoins(nn.Module):
    """Every pixel is a fair coin."""

    def log_weights(self, images, samples, generator):
        return torch.full((samples, len(images)), -NUM_PIXELS * math.log(2), dtype=torch.float64)


class LinearGaussian(nn.Module):
    """x = W z + noise with two latent variables, whose recognition model is somewhat off."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = 0.3 * torch.randn(NUM_PIXELS, 2, generator=torch.Generator().manual_seed(0)).double()
        self.covariance = torch.linalg.inv(torch.eye(2).double() + self.weight.T @ self.weight / SIGMA**2)

    def posterior(self, images: Tensor) -> MultivariateNormal:
        mean = images.flatten(1).double() @ self.weight @ self.covariance / SIGMA**2
        return MultivariateNormal(mean, self.covariance)

    def recognition(self, images: Tensor) -> MultivariateNormal:
        return MultivariateNormal(self.posterior(images).mean + 0.2, 1.5 * self.covariance)

    def log_likelihood(self, images: Tensor) -> Tensor:
        covariance = self.weight @ self.weight.T + SIGMA**2 * torch.eye(NUM_PIXELS).double()
        return MultivariateNormal(torch.zeros(NUM_PIXELS).double(), covariance).log_prob(images.flatten(1).double())

    def elbo(self, images: Tensor) -> Tensor:
        return self.log_likelihood(images) - kl_divergence(self.recognition(images), self.posterior(images))

    def log_weights(self, images, samples, generator):
        q = self.recognition(images)
        noise = torch.randn(samples, len(images), 2, generator=generator, dtype=torch.float64)
        z = q.mean + noise @ q.scale_tril[0].T
        pixels = Normal(z @ self.weight.T, SIGMA).log_prob(images.flatten(1).double()).sum(dim=2)
        return pixels + Normal(0.0, 1.0).log_prob(z).sum(dim=2) - q.log_prob(z)


@pytest.fixture(scope="module")
def data() -> Dataset:
    images = np.random.default_rng(0).integers(0, 17, (60, 8, 8), dtype=np.uint8)
    splits = {"test": {"images": images, "labels": np.zeros(60, np.uint8)}}
    return Dataset(name="made", splits=splits, tier=Tier.EMBEDDED, provenance="", licence="", digest="", facts={})


def measured(network: nn.Module, data: Dataset) -> Evidence:
    training = Training(batch_size=16)
    return TASK.evaluate(Asked(network), data, "test", training=training, device=torch.device("cpu"))


@pytest.fixture(scope="module")
def linear(data: Dataset) -> Evidence:
    return measured(LinearGaussian(), data)


def bound(evidence: Evidence, k: int) -> np.ndarray:
    return evidence.arrays["bound"][evidence.groups["k"] == k]


@pytest.mark.parametrize("metric", [metrics.elbo_bits_per_dimension, metrics.bound_bits_per_dimension])
def test_a_fair_coin_is_a_bit(data, metric):
    found = metric(measured(FairCoins(), data))
    assert found.value == pytest.approx(1.0, rel=1e-12)
    assert found.n == 60


@pytest.mark.parametrize(
    ("bits", "nats"),
    [
        (metrics.elbo_bits_per_dimension, metrics.elbo_nats),
        (metrics.bound_bits_per_dimension, metrics.bound_nats),
    ],
)
def test_bits_per_dimension_are_the_negative_nats_in_other_units(linear, bits, nats):
    assert bits(linear).value == pytest.approx(-nats(linear).value / NUM_PIXELS / math.log(2), rel=1e-12)


def test_the_measured_bound_is_the_likelihood_less_the_divergence(data, linear):
    images = torch.from_numpy(TASK.images.held_out(data, "test"))
    exact = float(LinearGaussian().elbo(images).mean())
    # Of 1000 draws for each of 60 images, whose weights deviate by about one nat.
    assert metrics.elbo_nats(linear).value == pytest.approx(exact, abs=5 / math.sqrt(60_000))


@pytest.mark.parametrize(("k", "more"), [(1, 10), (10, 100), (100, 1000)])
def test_the_bound_of_every_image_rises_with_the_number_of_samples(linear, k, more):
    assert (bound(linear, k) <= bound(linear, more)).all()


@pytest.mark.parametrize("k", [1, 10])
def test_bounds_lie_below_the_likelihood(data, linear, k):
    images = torch.from_numpy(TASK.images.held_out(data, "test"))
    assert bound(linear, k).mean() < float(LinearGaussian().log_likelihood(images).mean())


def test_the_gap_to_the_likelihood_closes(data, linear):
    likelihood = LinearGaussian().log_likelihood(torch.from_numpy(TASK.images.held_out(data, "test"))).numpy()
    gaps = [float((likelihood - bound(linear, k)).mean()) for k in (1, 10, 100)]
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2]
    np.testing.assert_allclose(bound(linear, 1000), likelihood, atol=0.2)
