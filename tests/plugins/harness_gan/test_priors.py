"""Quantiles of the priors against torch's inverse distribution functions, and draws."""

import pytest
import torch
from torch.distributions import Normal, Uniform

from harness_gan.priors import NormalPrior, Prior, UniformPrior

ZERO, ONE, LIMIT = torch.tensor([0.0, 1.0, 1.7], dtype=torch.float64)
PAIRS = [
    pytest.param(UniformPrior(3, 1.7), Uniform(-LIMIT, LIMIT), id="uniform"),
    pytest.param(NormalPrior(3), Normal(ZERO, ONE), id="normal"),
]
both = pytest.mark.parametrize(("prior", "theirs"), PAIRS)


def seeded():
    return torch.Generator().manual_seed(0)


@both
def test_quantiles_are_those_of_torch(prior, theirs):
    points = torch.rand(50, 3, generator=seeded(), dtype=torch.float64)
    torch.testing.assert_close(prior.quantiles(points), theirs.icdf(points), atol=1e-12, rtol=1e-12)


@both
def test_the_middle_of_the_cube_is_the_median(prior, theirs):
    assert torch.equal(prior.quantiles(torch.full((2, 3), 0.5)), torch.zeros(2, 3))


@both
def test_quantiles_of_uniform_points_are_distributed_as_draws(prior, theirs):
    levels = theirs.cdf(prior.draw(20_000, seeded()).double()).sort(dim=0).values
    even = torch.linspace(0, 1, 20_000, dtype=torch.float64)[:, None]
    # The largest distance between two distribution functions exceeds this once in a hundred thousand.
    assert (levels - even).abs().max() < 2.5 / 20_000**0.5


@both
def test_a_prior_knows_how_many_numbers_it_draws(prior, theirs):
    assert isinstance(prior, Prior)
    assert prior.draw(2, seeded()).shape == (2, prior.latent_size)
