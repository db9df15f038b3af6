"""The diffusion process in continuous time (section 2): schedule, what a network may predict, and one step back.

x       data                                  z       data with noise, alpha x + sigma eps
eps     standard normal noise                 v       alpha eps - sigma x
lam     log-SNR, log(alpha^2 / sigma^2)       t, s    times from 0 (data) to 1 (noise), s < t

Levels `lam` are tensors that broadcast with z. All functions are elementwise, whatever the shape.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from harness_video_diffusion.config import Prediction

LIMIT = 20.0
_B = math.atan(math.exp(-LIMIT / 2))
_A = math.atan(math.exp(LIMIT / 2)) - _B


def log_snr(t: Float[Tensor, ...]) -> Float[Tensor, ...]:
    """The cosine schedule, lam(t) = -2 log tan(a t + b), which falls from 20 at t = 0 to -20 at t = 1.

    As a + 2 b = pi / 2, the cosine in the tangent is the sine at 1 - t, which keeps its digits where it is small.
    """
    return 2 * (torch.log(torch.sin(_A * (1 - t) + _B)) - torch.log(torch.sin(_A * t + _B)))


def alpha_sigma(lam: Float[Tensor, ...]) -> tuple[Float[Tensor, ...], Float[Tensor, ...]]:
    """What multiplies data and noise; their squares add up to one."""
    return torch.sigmoid(lam).sqrt(), torch.sigmoid(-lam).sqrt()


def diffuse(x: Float[Tensor, ...], eps: Float[Tensor, ...], lam: Float[Tensor, ...]) -> Float[Tensor, ...]:
    """z = alpha x + sigma eps."""
    alpha, sigma = alpha_sigma(lam)
    return alpha * x + sigma * eps


def target(
    prediction: Prediction, x: Float[Tensor, ...], eps: Float[Tensor, ...], lam: Float[Tensor, ...]
) -> Float[Tensor, ...]:
    """What the network should predict."""
    if prediction == "eps":
        return eps
    alpha, sigma = alpha_sigma(lam)
    return alpha * eps - sigma * x


def to_x(
    prediction: Prediction, predicted: Float[Tensor, ...], z: Float[Tensor, ...], lam: Float[Tensor, ...]
) -> Float[Tensor, ...]:
    """The data that a prediction stands for."""
    alpha, sigma = alpha_sigma(lam)
    return (z - sigma * predicted) / alpha if prediction == "eps" else alpha * z - sigma * predicted


def to_eps(
    prediction: Prediction, predicted: Float[Tensor, ...], z: Float[Tensor, ...], lam: Float[Tensor, ...]
) -> Float[Tensor, ...]:
    """The noise that a prediction stands for."""
    if prediction == "eps":
        return predicted
    alpha, sigma = alpha_sigma(lam)
    return alpha * predicted + sigma * z


def posterior_mean(
    z: Float[Tensor, ...], x: Float[Tensor, ...], lam_t: Float[Tensor, ...], lam_s: Float[Tensor, ...]
) -> Float[Tensor, ...]:
    """The mean of q(z_s | z_t, x)."""
    alpha_t, alpha_s = alpha_sigma(lam_t)[0], alpha_sigma(lam_s)[0]
    kept = torch.exp(lam_t - lam_s)
    return kept * (alpha_s / alpha_t) * z - torch.expm1(lam_t - lam_s) * alpha_s * x


def posterior_variances(
    lam_t: Float[Tensor, ...], lam_s: Float[Tensor, ...]
) -> tuple[Float[Tensor, ...], Float[Tensor, ...]]:
    """Lower and upper bound of a step's variance: those of q(z_s | z_t, x) and of q(z_t | z_s)."""
    lost = -torch.expm1(lam_t - lam_s)
    return lost * torch.sigmoid(-lam_s), lost * torch.sigmoid(-lam_t)


def ancestral_step(
    z: Float[Tensor, ...],
    x: Float[Tensor, ...],
    lam_t: Float[Tensor, ...],
    lam_s: Float[Tensor, ...],
    gamma: float,
    noise: Float[Tensor, ...],
) -> Float[Tensor, ...]:
    """z_s from z_t and the estimated data, its variance lower^(1 - gamma) upper^gamma."""
    lower, upper = posterior_variances(lam_t, lam_s)
    return posterior_mean(z, x, lam_t, lam_s) + (lower ** (1 - gamma) * upper**gamma).sqrt() * noise


def langevin_step(
    z: Float[Tensor, ...], x: Float[Tensor, ...], lam: Float[Tensor, ...], delta: float, noise: Tensor
) -> Float[Tensor, ...]:
    """z - delta / 2 sigma eps + sqrt(delta) sigma noise, with eps = (z - alpha x) / sigma."""
    alpha, sigma = alpha_sigma(lam)
    return z - delta / 2 * (z - alpha * x) + math.sqrt(delta) * sigma * noise
