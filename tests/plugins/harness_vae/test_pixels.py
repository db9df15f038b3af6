"""Distributions of pixels against those of torch, and at the edge of what floating point holds."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from harness_vae.pixels import BernoulliPixels, GaussianHeads, GaussianPixels, bernoulli_pixels

SHAPE = (2, 3, 1, 4, 5)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_bernoulli_likelihood_is_that_of_torch(images):
    logits = random(*SHAPE)
    expected = Bernoulli(logits=logits).log_prob(images).sum(dim=(-3, -2, -1))
    torch.testing.assert_close(BernoulliPixels(logits).log_prob(images), expected, atol=1e-10, rtol=0)


def test_grey_values_weigh_the_two_outcomes():
    logits = random(*SHAPE)
    likelihood = BernoulliPixels(logits).log_prob
    grey, black, white = (torch.full((3, 1, 4, 5), value).double() for value in (0.3, 0.0, 1.0))
    torch.testing.assert_close(likelihood(grey), 0.7 * likelihood(black) + 0.3 * likelihood(white))


@pytest.mark.parametrize(("pixel", "expected"), [(1.0, 0.0), (0.0, -1000.0)], ids=["right", "wrong"])
def test_certain_pixels_have_a_finite_likelihood(pixel, expected):
    pixels = BernoulliPixels(torch.full((1, 1, 1, 1, 1), 1000.0))
    assert pixels.log_prob(torch.full((1, 1, 1, 1), pixel)).item() == expected


def test_bernoulli_draws_are_zeros_and_ones_with_the_given_mean():
    torch.manual_seed(0)
    draws = BernoulliPixels(torch.full((1, 100, 1, 10, 10), math.log(0.3 / 0.7))).sample()
    assert set(draws.unique().tolist()) == {0.0, 1.0}
    assert draws.mean().item() == pytest.approx(0.3, abs=5 * math.sqrt(0.21 / 10_000))


def test_gaussian_likelihood_is_that_of_torch(images):
    mean, log_variance = random(*SHAPE), random(*SHAPE, seed=1)
    expected = Normal(mean, (log_variance / 2).exp()).log_prob(images).sum(dim=(-3, -2, -1))
    torch.testing.assert_close(GaussianPixels(mean, log_variance).log_prob(images), expected, atol=1e-10, rtol=0)


def test_gaussian_draws_have_the_given_mean_and_deviation():
    torch.manual_seed(0)
    shape = (1, 100, 1, 10, 10)
    draws = GaussianPixels(torch.full(shape, 0.5), torch.full(shape, 2 * math.log(0.1))).sample()
    assert draws.mean().item() == pytest.approx(0.5, abs=5 * 0.1 / 100)
    assert draws.std().item() == pytest.approx(0.1, rel=5 / math.sqrt(2 * 10_000))


def test_the_one_head_is_the_logits():
    outputs = random(2, 3, 1, 1, 4, 5)
    assert torch.equal(bernoulli_pixels(outputs).logits, outputs[:, :, 0])


def test_the_mean_of_gaussian_heads_is_a_sigmoid():
    outputs = random(2, 3, 2, 1, 4, 5)
    assert torch.equal(GaussianHeads(0.1)(outputs).mean, outputs[:, :, 0].sigmoid())


def test_the_variance_of_gaussian_heads_adds_the_least_one():
    outputs = random(2, 3, 2, 1, 4, 5)
    variance = GaussianHeads(0.1)(outputs).log_variance.exp()
    torch.testing.assert_close(variance, outputs[:, :, 1].exp() + 0.01, atol=1e-12, rtol=0)


def test_the_deviation_does_not_fall_below_the_least():
    outputs = torch.full((1, 1, 2, 1, 1, 1), -1e4)
    log_variance = GaussianHeads(0.1)(outputs).log_variance
    assert log_variance.item() == pytest.approx(2 * math.log(0.1))


@pytest.mark.parametrize(
    ("heads", "num_heads"), [(bernoulli_pixels, 1), (GaussianHeads(0.1), 2)], ids=["bernoulli", "gaussian"]
)
def test_likelihoods_of_half_precision_outputs_are_summed_in_float32(heads, num_heads):
    pixels = heads(torch.zeros(1, 1, num_heads, 1, 2, 2).bfloat16())
    assert pixels.log_prob(torch.ones(1, 1, 2, 2)).dtype == torch.float32
