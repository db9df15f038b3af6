"""Estimates of the conditional likelihood against its integral over a single latent."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from harness.interfaces import CompletionBatch
from harness_cvae.gaussian import DiagonalGaussian
from harness_cvae.objectives import CVAE

DRAWS = 2**14


class Fixed(nn.Module):
    """A recognition network that knows one batch."""

    def __init__(self, mean, variance):
        super().__init__()
        self.gaussian = DiagonalGaussian(mean, variance.log())

    def forward(self, images):
        return self.gaussian


class Exact:
    """A model of one latent, its likelihood and the moments of its posterior by the trapezium rule."""

    def __init__(self, model, batch):
        self.model, self.batch = model, batch
        grid = torch.linspace(-9, 9, 4001, dtype=torch.float64)
        p = model.p(batch)
        deviation = torch.exp(p.log_variance / 2)
        self.z = p.mean + deviation * grid[:, None, None]
        self.step = (deviation * (grid[1] - grid[0]))[:, 0]
        self.log_joint = model.log_likelihood(batch, self.z) + p.log_prob(self.z)
        self.log_likelihood = self.log_joint.logsumexp(dim=0) + self.step.log()
        shares = self.log_joint.softmax(dim=0)[..., None]
        self.mean = (shares * self.z).sum(dim=0)
        self.variance = (shares * (self.z - self.mean) ** 2).sum(dim=0)

    def bound(self, q):
        log_q = q.log_prob(self.z)
        return (log_q.exp() * (self.log_joint - log_q)).sum(dim=0) * self.step

    def log_weights(self, proposal):
        generator = torch.Generator().manual_seed(8)
        return self.model.conditional_log_weights(self.batch, DRAWS, generator, proposal=proposal)


@pytest.fixture
def exact(make, batch):
    """A model whose latent matters, with a recognition network of the posterior's moments."""
    model = make("cvae", d_latent=1).requires_grad_(False)
    random = torch.Generator().manual_seed(2)
    for parameter in model.generation.parameters():
        nn.init.normal_(parameter, std=0.6, generator=random)
    exact = Exact(model, batch)
    model.recognition = Fixed(exact.mean, exact.variance)
    return exact


def ratios(exact, proposal):
    return (exact.log_weights(proposal) - exact.log_likelihood).exp()


def estimate(exact, proposal):
    return exact.log_weights(proposal).logsumexp(dim=0) - math.log(DRAWS)


@pytest.mark.parametrize("proposal", ["prior", "recognition"])
def test_the_mean_weight_is_the_likelihood(exact, proposal):
    found = ratios(exact, proposal)
    error = found.std(dim=0) / math.sqrt(DRAWS)
    assert ((found.mean(dim=0) - 1).abs() < 5 * error).all()


@pytest.mark.parametrize("proposal", ["prior", "recognition"])
def test_the_estimate_of_many_draws_is_the_likelihood(exact, proposal):
    torch.testing.assert_close(estimate(exact, proposal), exact.log_likelihood, atol=0.05, rtol=0)


def test_weights_of_the_recognition_network_vary_less(exact):
    prior, recognition = (ratios(exact, proposal).var(dim=0) for proposal in ("prior", "recognition"))
    assert (recognition < 0.2 * prior).all()


def test_estimates_of_few_draws_from_the_prior_are_too_low(exact):
    few = exact.log_weights("prior").unflatten(0, (-1, 2)).logsumexp(dim=1) - math.log(2)
    assert (few.mean(dim=0) < exact.log_likelihood).all()


def test_the_objective_is_the_bound_on_the_likelihood(exact):
    exact.model.recognition = Fixed(exact.mean, 4 * exact.variance)
    torch.manual_seed(3)
    found = CVAE(DRAWS)(exact.model, exact.batch)
    torch.testing.assert_close(found, exact.bound(exact.model.q(exact.batch)), atol=0.05, rtol=0)


def test_the_bound_is_the_likelihood_where_the_posterior_is_the_prior(make, batch):
    # A generation network that ignores z leaves the prior as the posterior.
    model = make("cvae").requires_grad_(False)
    model.generation.hidden[0].weight[:, -3:] = 0
    model.recognition = Fixed(model.p(batch).mean, model.p(batch).log_variance.exp())
    likelihood = model.conditional_log_weights(batch, 1, torch.Generator().manual_seed(0), proposal="prior")[0]
    torch.testing.assert_close(CVAE(1)(model, batch), likelihood, atol=1e-10, rtol=0)


def test_the_likelihoods_of_all_completions_add_up_to_one(make):
    model = make("cvae", d_latent=1, size=(2, 2)).requires_grad_(False)
    completions = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3).double()
    images = torch.cat((torch.ones(8, 1).double(), completions), dim=1).unflatten(1, (1, 2, 2))
    observed = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).double()
    exact = Exact(model, CompletionBatch(inputs=images, observed=observed))
    assert exact.log_likelihood.exp().sum().item() == pytest.approx(1.0, abs=1e-9)
