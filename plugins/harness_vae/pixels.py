"""p(x | z): distributions of an image's independent pixels, and how a decoder's outputs become one (appendix C)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from harness.runtime.numerics import widened
from harness_vae.gaussian import LOG_2_PI

PIXEL_AXES = (-3, -2, -1)


@dataclass(frozen=True, slots=True)
class BernoulliPixels:
    """Pixels that are 1 with probability sigmoid(logits) and else 0 (equation 11)."""

    logits: Float[Tensor, "samples batch channels height width"]

    @property
    def mean(self) -> Float[Tensor, "samples batch channels height width"]:
        """The expected pixels, from 0 to 1."""
        return torch.sigmoid(self.logits)

    def log_prob(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "samples batch"]:
        """Log-likelihood in nats, summed over the pixels; grey values weigh the two outcomes."""
        targets = images.expand_as(self.logits)
        return -F.binary_cross_entropy_with_logits(self.logits, targets, reduction="none").sum(dim=PIXEL_AXES)

    def sample(self) -> Float[Tensor, "samples batch channels height width"]:
        """A draw of each image from torch's global generator; no gradient passes."""
        return torch.bernoulli(self.mean.detach())


@dataclass(frozen=True, slots=True)
class GaussianPixels:
    """Pixels with a mean and a variance of their own (equation 12)."""

    mean: Float[Tensor, "samples batch channels height width"]
    log_variance: Float[Tensor, "samples batch channels height width"]

    def log_prob(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "samples batch"]:
        """Log-density in nats, summed over the pixels."""
        scaled = (images - self.mean) ** 2 * torch.exp(-self.log_variance)
        return -0.5 * (scaled + self.log_variance + LOG_2_PI).sum(dim=PIXEL_AXES)

    def sample(self) -> Float[Tensor, "samples batch channels height width"]:
        """A draw of each image from torch's global generator; no gradient passes."""
        mean, sigma = self.mean.detach(), torch.exp(0.5 * self.log_variance.detach())
        return mean + sigma * torch.randn_like(mean)


Pixels: TypeAlias = BernoulliPixels | GaussianPixels
Likelihood: TypeAlias = Callable[[Tensor], Pixels]
"""Reads a decoder's outputs [samples, batch, heads, channels, height, width]."""


def bernoulli_pixels(outputs: Float[Tensor, "samples batch 1 channels height width"]) -> BernoulliPixels:
    """The decoder's one head is the logits."""
    return BernoulliPixels(widened(outputs[:, :, 0]))


@dataclass(frozen=True, slots=True)
class GaussianHeads:
    """The decoder's two heads are the mean's logits h and the log-variance v, both without bounds.

    The variance is exp(v) + min_sigma^2: a density of continuous pixels could otherwise grow without end.
    """

    min_sigma: float

    def __call__(self, outputs: Float[Tensor, "samples batch 2 channels height width"]) -> GaussianPixels:
        h, v = widened(outputs).unbind(dim=2)
        least = torch.full_like(v, 2 * math.log(self.min_sigma))
        return GaussianPixels(mean=torch.sigmoid(h), log_variance=torch.logaddexp(v, least))
