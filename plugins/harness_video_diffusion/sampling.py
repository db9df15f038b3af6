"""The sampler: ancestral steps, Langevin corrections, classifier-free guidance, and conditioning on given parts.

It works with any denoiser and any shape with examples along the first axis. z, x and levels are as in `diffusion`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from harness_video_diffusion.config import Prediction
from harness_video_diffusion.diffusion import alpha_sigma, ancestral_step, diffuse, langevin_step, log_snr, to_x

Denoiser: TypeAlias = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""Maps z, the log-SNR of each example and the classes, or None for no class, to what is predicted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What is known of the data: `values`, to be read where `known`, which broadcasts with them, is true."""

    values: Float[Tensor, "batch ..."]
    known: Bool[Tensor, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampler:
    """Draws data by way of a denoiser.

    `gamma` places a step's variance between its bounds; `corrector_step` is the size of the Langevin step after each
    ancestral one (0: none); `guidance_weight` is w; `reconstruction_weight` is w_r (0: the replacement method).
    Estimated data are cut to between -`bound` and `bound`, or left as they are.
    """

    denoiser: Denoiser
    prediction: Prediction
    steps: int
    gamma: float
    corrector_step: float = 0.0
    guidance_weight: float = 0.0
    reconstruction_weight: float = 0.0
    bound: float | None = None

    @torch.no_grad()
    def draw(
        self,
        like: Float[Tensor, "batch ..."],
        generator: torch.Generator,
        *,
        classes: Int[Tensor, " batch"] | None = None,
        given: Given | None = None,
    ) -> Float[Tensor, "batch ..."]:
        """Data of the shape, dtype and device of `like`, whose values are not read.

        Noise is drawn on the CPU. What is given stands in the result as it is.
        """

        def noise() -> Tensor:
            return torch.randn(like.shape, generator=generator).to(like)

        def replaced(z: Tensor, lam: Tensor) -> Tensor:
            return z if given is None else torch.where(given.known, diffuse(given.values, noise(), lam), z)

        levels = log_snr(torch.linspace(1, 0, self.steps + 1, dtype=torch.float64))
        z = noise()
        for lam_t, lam_s in pairwise(levels):
            z = replaced(z, lam_t)
            z = ancestral_step(z, self.estimate(z, lam_t, classes, given), lam_t, lam_s, self.gamma, noise())
            if self.corrector_step:
                z = replaced(z, lam_s)
                x = self.estimate(z, lam_s, classes, given)
                z = langevin_step(z, x, lam_s, self.corrector_step, noise())
        return z if given is None else torch.where(given.known, given.values, z)

    def estimate(
        self,
        z: Float[Tensor, "batch ..."],
        lam: Float[Tensor, ""],
        classes: Int[Tensor, " batch"] | None = None,
        given: Given | None = None,
    ) -> Float[Tensor, "batch ..."]:
        """The data that z at level `lam` comes from.

        Reconstruction guidance (section 3.1): x_b - (w_r alpha / 2) grad_{z_b} |x_a - x_a(z)|^2 for the unknown part b.
        """
        if given is None or not self.reconstruction_weight:
            return self._cut(self._guided(z, lam, classes))
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            x = self._cut(self._guided(z, lam, classes))
            error = torch.where(given.known, given.values - x, 0).square().sum()
            (gradient,) = torch.autograd.grad(error, z)
        x = x.detach()
        corrected = x - self.reconstruction_weight * alpha_sigma(lam)[0] / 2 * gradient
        return self._cut(torch.where(given.known, x, corrected))

    def _guided(self, z: Tensor, lam: Tensor, classes: Tensor | None) -> Tensor:
        """Classifier-free guidance; as data are affine in noise, (1 + w) x(z, c) - w x(z) is that of the noise."""
        x = self._denoised(z, lam, classes)
        if classes is None or not self.guidance_weight:
            return x
        return (1 + self.guidance_weight) * x - self.guidance_weight * self._denoised(z, lam, None)

    def _denoised(self, z: Tensor, lam: Tensor, classes: Tensor | None) -> Tensor:
        predicted = self.denoiser(z, lam.to(z).expand(len(z)), classes)
        return to_x(self.prediction, predicted, z, lam)

    def _cut(self, x: Tensor) -> Tensor:
        return x if self.bound is None else x.clamp(-self.bound, self.bound)
