"""The diffusion process: schedule, conversions, the posterior of a step."""

from __future__ import annotations

import math

import pytest
import torch

from harness_video_diffusion.diffusion import (
    alpha_sigma,
    ancestral_step,
    diffuse,
    langevin_step,
    log_snr,
    posterior_mean,
    posterior_variances,
    target,
    to_eps,
    to_x,
)

TIMES = torch.linspace(0, 1, 101, dtype=torch.float64)
PREDICTIONS = pytest.mark.parametrize("prediction", ["eps", "v"])
PAIRS = pytest.mark.parametrize(("t", "s"), [(1.0, 0.9), (0.6, 0.5), (0.9, 0.1), (0.1, 0.0)], ids=str)


def draws(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def levels(*times):
    return log_snr(torch.tensor(times, dtype=torch.float64))


def test_the_schedule_is_the_closed_form():
    b = math.atan(math.exp(-10))
    a = math.atan(math.exp(10)) - b
    expected = [-2 * math.log(math.tan(a * t + b)) for t in TIMES.tolist()]
    torch.testing.assert_close(log_snr(TIMES), torch.tensor(expected, dtype=torch.float64), atol=1e-9, rtol=0)


@pytest.mark.parametrize(("t", "expected"), [(0.0, 20.0), (0.5, 0.0), (1.0, -20.0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_schedule_goes_from_20_to_minus_20(t, expected, dtype):
    assert float(log_snr(torch.tensor(t, dtype=dtype))) == pytest.approx(expected, abs=1e-5)


def test_the_schedule_falls():
    assert bool((log_snr(TIMES).diff() < 0).all())


def test_within_the_clip_it_is_the_cosine_schedule():
    alpha, _ = alpha_sigma(log_snr(TIMES))
    torch.testing.assert_close(alpha, torch.cos(math.pi / 2 * TIMES), atol=1e-4, rtol=0)


def test_the_squares_of_alpha_and_sigma_add_up_to_one():
    alpha, sigma = alpha_sigma(log_snr(TIMES))
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones_like(TIMES), atol=1e-15, rtol=0)


def test_the_log_snr_is_that_of_alpha_and_sigma():
    alpha, sigma = alpha_sigma(log_snr(TIMES))
    torch.testing.assert_close(2 * (alpha.log() - sigma.log()), log_snr(TIMES))


@PREDICTIONS
def test_the_target_stands_for_the_data(prediction):
    x, eps = draws(2, 101)
    lam = log_snr(TIMES)
    back = to_x(prediction, target(prediction, x, eps, lam), diffuse(x, eps, lam), lam)
    torch.testing.assert_close(back, x, atol=1e-10, rtol=1e-10)


@PREDICTIONS
def test_the_target_stands_for_the_noise(prediction):
    x, eps = draws(2, 101)
    lam = log_snr(TIMES)
    back = to_eps(prediction, target(prediction, x, eps, lam), diffuse(x, eps, lam), lam)
    torch.testing.assert_close(back, eps, atol=1e-12, rtol=1e-12)


def test_v_is_the_velocity_along_the_angle():
    x, eps = draws(2, 101)
    angle = torch.atan(torch.exp(-log_snr(TIMES) / 2)).requires_grad_()
    (velocity,) = torch.autograd.grad((torch.cos(angle) * x + torch.sin(angle) * eps).sum(), angle)
    torch.testing.assert_close(target("v", x, eps, log_snr(TIMES)), velocity)


def joint_given_x(lam_t, lam_s):
    """Covariance of (z_s, z_t) given x: z_t = (alpha_t / alpha_s) z_s + noise."""
    (alpha_t, sigma_t), (alpha_s, sigma_s) = alpha_sigma(lam_t), alpha_sigma(lam_s)
    return sigma_s**2, alpha_t / alpha_s * sigma_s**2, sigma_t**2


@PAIRS
def test_the_mean_of_a_step_is_that_of_the_posterior(t, s):
    lam_t, lam_s = levels(t, s)
    _, across, of_t = joint_given_x(lam_t, lam_s)
    x, z = draws(2, 7)
    alpha_t, alpha_s = alpha_sigma(lam_t)[0], alpha_sigma(lam_s)[0]
    expected = alpha_s * x + across / of_t * (z - alpha_t * x)
    torch.testing.assert_close(posterior_mean(z, x, lam_t, lam_s), expected)


@PAIRS
def test_the_lower_variance_is_that_of_the_posterior(t, s):
    lam_t, lam_s = levels(t, s)
    of_s, across, of_t = joint_given_x(lam_t, lam_s)
    torch.testing.assert_close(posterior_variances(lam_t, lam_s)[0], of_s - across**2 / of_t, atol=1e-12, rtol=1e-6)


@PAIRS
def test_the_upper_variance_is_that_of_a_step_of_noise(t, s):
    lam_t, lam_s = levels(t, s)
    (alpha_t, sigma_t), (alpha_s, sigma_s) = alpha_sigma(lam_t), alpha_sigma(lam_s)
    expected = sigma_t**2 - (alpha_t / alpha_s * sigma_s) ** 2
    torch.testing.assert_close(posterior_variances(lam_t, lam_s)[1], expected, atol=1e-12, rtol=1e-6)


@PAIRS
@pytest.mark.parametrize(("gamma", "weights"), [(0.0, (1, 0)), (0.3, (0.7, 0.3)), (1.0, (0, 1))], ids=str)
def test_gamma_interpolates_the_logarithm_of_the_variance(t, s, gamma, weights):
    lam_t, lam_s = levels(t, s)
    nothing, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    lower, upper = posterior_variances(lam_t, lam_s)
    deviation = ancestral_step(nothing, nothing, lam_t, lam_s, gamma, one)
    expected = weights[0] * lower.log() + weights[1] * upper.log()
    torch.testing.assert_close(2 * deviation.log(), expected[None])


@PAIRS
def test_the_lower_bound_is_below_the_upper(t, s):
    lower, upper = posterior_variances(*levels(t, s))
    assert lower < upper


def test_a_step_to_the_same_level_changes_nothing():
    (lam,) = levels(0.4)
    z, x, noise = draws(3, 5)
    torch.testing.assert_close(ancestral_step(z, x, lam, lam, 0.5, noise), z)


def test_a_langevin_step_goes_along_the_score():
    lam = levels(0.4)
    z, x, noise = draws(3, 5)
    alpha, sigma = alpha_sigma(lam)
    score = -(z - alpha * x) / sigma**2
    expected = z + 0.05 * sigma**2 * score + math.sqrt(0.1) * sigma * noise
    torch.testing.assert_close(langevin_step(z, x, lam, 0.1, noise), expected)
