"""Densities, divergences and draws of Gaussians."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import norm
from torch.distributions import Independent, Normal, kl_divergence

from harness_vae.gaussian import DiagonalGaussian, prior_log_prob, prior_quantiles


def random(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def gaussian():
    return DiagonalGaussian(random(3, 5, seed=0), random(3, 5, seed=1))


@pytest.fixture
def theirs(gaussian):
    return Independent(Normal(gaussian.mean, (gaussian.log_variance / 2).exp()), 1)


def standard():
    return Independent(Normal(torch.zeros(3, 5, dtype=torch.float64), 1.0), 1)


def test_the_log_density_is_that_of_torch(gaussian, theirs):
    z = random(4, 3, 5, seed=2)
    torch.testing.assert_close(gaussian.log_prob(z), theirs.log_prob(z), atol=1e-10, rtol=0)


def test_the_log_density_of_the_prior_is_that_of_torch():
    z = random(4, 3, 5, seed=2)
    torch.testing.assert_close(prior_log_prob(z), standard().log_prob(z), atol=1e-10, rtol=0)


def test_the_quantiles_of_the_prior_are_those_of_scipy():
    points = torch.tensor([[1e-12, 0.025, 0.5], [0.3, 0.975, 1 - 1e-12]], dtype=torch.float64)
    expected = torch.from_numpy(norm.ppf(points.numpy()))
    torch.testing.assert_close(prior_quantiles(points), expected, atol=1e-12, rtol=1e-12)


def test_the_divergence_is_that_of_torch(gaussian, theirs):
    expected = kl_divergence(theirs, standard())
    torch.testing.assert_close(gaussian.divergence_from_prior(), expected, atol=1e-10, rtol=0)


def test_the_divergence_of_the_prior_from_itself_is_zero():
    zeros = torch.zeros(2, 3)
    assert torch.equal(DiagonalGaussian(zeros, zeros).divergence_from_prior(), torch.zeros(2))


def test_draws_are_noise_scaled_and_shifted(gaussian, theirs):
    draws = gaussian.sample(4, torch.Generator().manual_seed(3))
    noise = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(3)).double()
    torch.testing.assert_close(draws, theirs.mean + theirs.stddev * noise, atol=1e-12, rtol=0)


def test_draws_from_a_generator_leave_the_global_one_alone(gaussian):
    before = torch.random.get_rng_state()
    gaussian.sample(4, torch.Generator().manual_seed(3))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_draws_do_not_depend_on_the_precision(gaussian):
    narrow = DiagonalGaussian(gaussian.mean.float(), gaussian.log_variance.float())
    draws = [g.sample(4, torch.Generator().manual_seed(3)) for g in (gaussian, narrow)]
    torch.testing.assert_close(draws[0].float(), draws[1])


def test_gradients_pass_through_draws():
    mean = torch.zeros(2, 3, requires_grad=True)
    log_variance = torch.zeros(2, 3, requires_grad=True)
    draws = DiagonalGaussian(mean, log_variance).sample(1, torch.Generator().manual_seed(3))
    draws.sum().backward()
    assert torch.equal(mean.grad, torch.ones(2, 3))
    torch.testing.assert_close(log_variance.grad, draws[0].detach() / 2)
