"""What the tests of the diffusion models share: Gaussian data, whose best denoiser is known, and small models."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from harness.interfaces import ImageData, VideoData
from harness_sequence.attention import reference
from harness_video_diffusion.config import DiffusionConfig, Prediction, VideoDiffusionConfig
from harness_video_diffusion.diffusion import alpha_sigma, target
from harness_video_diffusion.model import ImageDiffusion, VideoDiffusion, build_image, build_video

SMALL = {"base_channels": 8, "multipliers": (1, 2), "head_dim": 4, "sampler_steps": 3}
KERNELS = {"attention": reference.attention}


class GaussianDenoiser:
    """The best prediction where data are N(mean, covariance), and what is known of x given z."""

    def __init__(self, mean: Tensor, covariance: Tensor, prediction: Prediction) -> None:
        self.mean, self.covariance, self.prediction = mean, covariance, prediction

    def __call__(self, z: Tensor, lam: Tensor, classes: Tensor | None) -> Tensor:
        x = self.expected(z, lam[0])
        alpha, sigma = alpha_sigma(lam[0])
        return target(self.prediction, x, (z - alpha * x) / sigma, lam[0])

    def expected(self, z: Tensor, lam: Tensor) -> Tensor:
        """E[x | z]."""
        alpha, sigma = alpha_sigma(lam)
        gain = alpha * self.covariance @ torch.linalg.inv(self._marginal(alpha, sigma))
        return self.mean + (z - alpha * self.mean) @ gain.T

    def variance(self, lam: Tensor) -> Tensor:
        """Cov[x | z]."""
        alpha, sigma = alpha_sigma(lam)
        gain = alpha * self.covariance @ torch.linalg.inv(self._marginal(alpha, sigma))
        return self.covariance - alpha * gain @ self.covariance

    def _marginal(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        return alpha**2 * self.covariance + sigma**2 * torch.eye(len(self.covariance), dtype=torch.float64)


@pytest.fixture
def gaussian() -> Callable[..., GaussianDenoiser]:
    """Makes the denoiser of N(mean, covariance), given as lists of numbers."""

    def make(mean: list[float], covariance: list[list[float]], prediction: Prediction = "v") -> GaussianDenoiser:
        return GaussianDenoiser(torch.tensor(mean).double(), torch.tensor(covariance).double(), prediction)

    return make


@pytest.fixture
def video() -> Callable[..., VideoDiffusion]:
    """Builds a model from seed 0 for clips of 2 channels and 3 classes."""

    def make(*, frames: int = 4, side: int | tuple[int, int] = 8, **options: object) -> VideoDiffusion:
        height, width = (side, side) if isinstance(side, int) else side
        data = VideoData(num_classes=3, channels=2, frames=frames, height=height, width=width)
        torch.manual_seed(0)
        return build_video(VideoDiffusionConfig.model_validate(SMALL | options), data, KERNELS)

    return make


@pytest.fixture
def image() -> Callable[..., ImageDiffusion]:
    """Builds a model from seed 0 for images of 2 channels and 3 classes."""

    def make(*, side: int = 8, **options: object) -> ImageDiffusion:
        data = ImageData(num_classes=3, channels=2, height=side, width=side)
        torch.manual_seed(0)
        return build_image(DiffusionConfig.model_validate(SMALL | options), data, KERNELS)

    return make
