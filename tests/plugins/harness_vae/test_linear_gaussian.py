"""A linear model with Gaussian pixels, whose likelihood and posterior are known exactly."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from harness_vae.gaussian import DiagonalGaussian
from harness_vae.model import LatentVariableModel
from harness_vae.objectives import SampledBound
from harness_vae.pixels import GaussianPixels

SIGMA = 0.8
DRAWS = 2**16


class Encoder(nn.Module):
    def __init__(self, weight, bias, log_variance):
        super().__init__()
        self.weight, self.bias, self.log_variance = weight, bias, log_variance

    def forward(self, images):
        mean = images.flatten(1) @ self.weight.T + self.bias
        return DiagonalGaussian(mean, self.log_variance.expand_as(mean))


def known_deviation(outputs):
    mean = outputs[:, :, 0]
    return GaussianPixels(mean, torch.full_like(mean, 2 * math.log(SIGMA)))


def quadratic(vectors, matrix):
    return ((vectors @ matrix) * vectors).sum(dim=1)


class Linear:
    """x = W z + c + noise, with the encoder's posterior either exact or off."""

    def __init__(self, d_latent, *, is_exact):
        random = torch.Generator().manual_seed(4)
        self.w = torch.randn(4, d_latent, generator=random).double()
        self.c = torch.randn(4, generator=random).double()
        self.images = torch.randn(3, 1, 2, 2, generator=random).double()
        identity = torch.eye(d_latent).double()
        self.covariance = torch.linalg.inv(identity + self.w.T @ self.w / SIGMA**2)
        regression = self.covariance @ self.w.T / SIGMA**2
        self.posterior_mean = (self.images.flatten(1) - self.c) @ regression.T
        shift, scale = (0.0, 1.0) if is_exact else (0.3, 1.5)
        bias = shift - regression @ self.c
        encoder = Encoder(regression, bias, (scale * self.covariance.diagonal()).log())
        decoder = nn.Sequential(nn.Linear(d_latent, 4), nn.Unflatten(1, (1, 1, 2, 2))).double()
        decoder[0].load_state_dict({"weight": self.w, "bias": self.c})
        self.model = LatentVariableModel(encoder, decoder, known_deviation, SampledBound(1), d_latent=d_latent)

    @property
    def log_likelihood(self):
        covariance = self.w @ self.w.T + SIGMA**2 * torch.eye(4).double()
        return MultivariateNormal(self.c, covariance).log_prob(self.images.flatten(1))

    @property
    def bound(self):
        q = self.model.encoder(self.images)
        ours = MultivariateNormal(q.mean, torch.diag_embed(q.log_variance.exp()))
        return self.log_likelihood - kl_divergence(ours, MultivariateNormal(self.posterior_mean, self.covariance))

    @property
    def weights_variance(self):
        """The variance of p(z | x) / q(z | x) for z from q, in closed form: the integral of p^2 / q, less 1."""
        q = self.model.encoder(self.images)
        p_precision, q_precision = torch.linalg.inv(self.covariance), torch.diag(torch.exp(-q.log_variance[0]))
        precision = 2 * p_precision - q_precision
        shift = 2 * self.posterior_mean @ p_precision - q.mean @ q_precision
        squares = 2 * quadratic(self.posterior_mean, p_precision) - quadratic(q.mean, q_precision)
        determinants = 2 * p_precision.logdet() - q_precision.logdet() - precision.logdet()
        return torch.exp((determinants + quadratic(shift, torch.linalg.inv(precision)) - squares) / 2) - 1

    def log_weights(self, draws):
        with torch.no_grad():
            return self.model.log_weights(self.images, draws, torch.Generator().manual_seed(6))


@pytest.fixture(scope="module")
def off():
    return Linear(2, is_exact=False)


@pytest.fixture(scope="module")
def weights(off):
    return off.log_weights(DRAWS)


def weighted_bound(weights, k):
    return weights.unflatten(0, (-1, k)).logsumexp(dim=1) - math.log(k)


def test_with_the_exact_posterior_every_draw_weighs_the_likelihood():
    exact = Linear(1, is_exact=True)
    expected = exact.log_likelihood.expand(50, 3)
    torch.testing.assert_close(exact.log_weights(50), expected, atol=1e-10, rtol=0)


def test_the_mean_weight_is_the_evidence_bound(off, weights):
    error = weights.std(dim=0) / math.sqrt(DRAWS)
    assert ((weights.mean(dim=0) - off.bound).abs() < 5 * error).all()


def test_the_divergence_and_the_likelihood_make_the_evidence_bound(off):
    q = off.model.encoder(off.images)
    residual = off.images.flatten(1) - q.mean @ off.w.T - off.c
    spread = (off.w**2 @ q.log_variance[0].exp()).sum()
    expected = -0.5 * ((residual**2).sum(dim=1) + spread) / SIGMA**2 - 4 * math.log(SIGMA * math.sqrt(2 * math.pi))
    torch.testing.assert_close(expected - q.divergence_from_prior(), off.bound, atol=1e-10, rtol=0)


@pytest.mark.parametrize("k", [2, 8, 64, 1024])
def test_bounds_of_more_draws_are_tighter(off, weights, k):
    looser, tighter = (weighted_bound(weights, draws).mean(dim=0) for draws in (k // 2, k))
    assert (looser < tighter).all()


@pytest.mark.parametrize("k", [1, 4, 32])
def test_bounds_lie_below_the_likelihood(off, weights, k):
    assert (weighted_bound(weights, k).mean(dim=0) < off.log_likelihood).all()


@pytest.mark.parametrize("k", [4, 8, 16])
def test_the_gap_of_k_draws_is_the_variance_of_the_weights_over_2_k(off, weights, k):
    gap = off.log_likelihood - weighted_bound(weights, k).mean(dim=0)
    torch.testing.assert_close(2 * k * gap, off.weights_variance, rtol=0.12, atol=0)


def test_the_mean_importance_weight_is_the_likelihood(off, weights):
    ratios = (weights - off.log_likelihood).exp()
    error = ratios.std(dim=0) / math.sqrt(DRAWS)
    assert ((ratios.mean(dim=0) - 1).abs() < 5 * error).all()


def test_the_bound_of_many_draws_is_nearly_the_likelihood(off, weights):
    torch.testing.assert_close(weighted_bound(weights, DRAWS)[0], off.log_likelihood, atol=0.02, rtol=0)


def test_the_density_of_a_decoded_image_is_that_of_torch(off):
    z = torch.zeros(1, 3, 2).double()
    expected = Independent(Normal(off.c.view(1, 2, 2), SIGMA), 3).log_prob(off.images)
    torch.testing.assert_close(off.model.decode(z).log_prob(off.images)[0], expected, atol=1e-10, rtol=0)
