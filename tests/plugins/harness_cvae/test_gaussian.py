"""Densities, divergences and draws of Gaussians against those of torch."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from harness_cvae.gaussian import DiagonalGaussian


def random(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def gaussian():
    return DiagonalGaussian(random(3, 5, seed=0), random(3, 5, seed=1))


def as_torch(gaussian):
    return Independent(Normal(gaussian.mean, (gaussian.log_variance / 2).exp()), 1)


def test_the_log_density_is_that_of_torch(gaussian):
    z = random(4, 3, 5, seed=2)
    torch.testing.assert_close(gaussian.log_prob(z), as_torch(gaussian).log_prob(z), atol=1e-10, rtol=0)


def test_the_divergence_is_that_of_torch(gaussian):
    other = DiagonalGaussian(random(3, 5, seed=3), random(3, 5, seed=4))
    expected = kl_divergence(as_torch(gaussian), as_torch(other))
    torch.testing.assert_close(gaussian.divergence_from(other), expected, atol=1e-10, rtol=0)


def test_the_divergence_from_itself_is_zero(gaussian):
    assert torch.equal(gaussian.divergence_from(gaussian), torch.zeros(3).double())


def test_draws_are_noise_scaled_and_shifted(gaussian):
    draws = gaussian.sample(4, torch.Generator().manual_seed(3))
    noise = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(3)).double()
    expected = gaussian.mean + as_torch(gaussian).stddev * noise
    torch.testing.assert_close(draws, expected, atol=1e-12, rtol=0)


def test_draws_do_not_depend_on_the_precision(gaussian):
    narrow = DiagonalGaussian(gaussian.mean.float(), gaussian.log_variance.float())
    draws = [g.sample(4, torch.Generator().manual_seed(3)) for g in (gaussian, narrow)]
    torch.testing.assert_close(draws[0].float(), draws[1])
