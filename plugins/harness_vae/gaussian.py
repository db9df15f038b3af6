"""Gaussians of independent variables, and the prior p(z) = N(0, I)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from harness.runtime.numerics import standard_normal

LOG_2_PI = math.log(2 * math.pi)


@dataclass(frozen=True, slots=True)
class DiagonalGaussian:
    """N(mean, diag(exp(log_variance))) for each example of a batch."""

    mean: Float[Tensor, "batch d_latent"]
    log_variance: Float[Tensor, "batch d_latent"]

    def sample(self, samples: int, generator: torch.Generator | None) -> Float[Tensor, "samples batch d_latent"]:
        """mean + sigma * noise, through which gradients pass (equation 4)."""
        noise = standard_normal((samples, *self.mean.shape), self.mean, generator)
        return self.mean + torch.exp(0.5 * self.log_variance) * noise

    def log_prob(self, z: Float[Tensor, "samples batch d_latent"]) -> Float[Tensor, "samples batch"]:
        """Log-density of each draw (equation 9)."""
        scaled = (z - self.mean) ** 2 * torch.exp(-self.log_variance)
        return -0.5 * (scaled + self.log_variance + LOG_2_PI).sum(dim=-1)

    def divergence_from_prior(self) -> Float[Tensor, " batch"]:
        """KL(this || N(0, I)) (appendix B)."""
        variance = torch.exp(self.log_variance)
        return 0.5 * (variance + self.mean**2 - 1 - self.log_variance).sum(dim=-1)


def prior_quantiles(points: Float[Tensor, "batch d_latent"]) -> Float[Tensor, "batch d_latent"]:
    """Points of the open unit cube through the inverse distribution function of each variable of N(0, I)."""
    return torch.special.ndtri(points)  # type: ignore[no-any-return]


def prior_log_prob(z: Float[Tensor, "samples batch d_latent"]) -> Float[Tensor, "samples batch"]:
    """Log-density of N(0, I)."""
    return -0.5 * (z**2 + LOG_2_PI).sum(dim=-1)
