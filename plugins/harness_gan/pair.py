"""The two players: G maps z to images, D scores images.

z  noise                                     [B, latent_size]
x  images from 0 to 1                        [B, C, H, W]
s  scores; D(x) = sigmoid(s) is the probability that x is from the data  [B]
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from harness_gan.priors import Prior

SAMPLES_AT_ONCE = 500


class Scores(NamedTuple):
    """What D says of images from the data and of images from G."""

    real: Float[Tensor, " batch"]
    fake: Float[Tensor, " batch"]


class AdversarialPair(nn.Module):
    """A generator with its prior, and a discriminator."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module, prior: Prior) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.prior = prior

    @property
    def latent_size(self) -> int:
        return self.prior.latent_size

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Scores:
        """The scores of the images and of as many from G, for noise from torch's global generator."""
        return self.scores(images, self.generate(len(images)))

    def scores(
        self,
        images: Float[Tensor, "batch channels height width"],
        fakes: Float[Tensor, "fakes channels height width"],
    ) -> Scores:
        return Scores(real=self.discriminator(images), fake=self.discriminator(fakes))

    def generate(self, count: int) -> Float[Tensor, "count channels height width"]:
        """G(z) in the current mode, for noise from torch's global generator."""
        return self.generator(self._placed(self.prior.draw(count)))  # type: ignore[no-any-return]

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> Float[Tensor, "count channels height width"]:
        """G(z) in evaluation mode, for noise from the given generator of the CPU."""
        return self._images(self.prior.draw(count, generator))

    @torch.no_grad()
    def decode_quantiles(
        self, points: Float[Tensor, "count latent_size"]
    ) -> Float[Tensor, "count channels height width"]:
        """G(z) in evaluation mode at the prior's quantiles."""
        return self._images(self.prior.quantiles(points))

    def _images(self, z: Tensor) -> Tensor:
        was_training = self.generator.training
        self.generator.eval()
        try:
            return torch.cat([self.generator(part) for part in self._placed(z).split(SAMPLES_AT_ONCE)])
        finally:
            self.generator.train(was_training)

    def _placed(self, noise: Tensor) -> Tensor:
        parameter = next(self.generator.parameters())
        return noise.to(device=parameter.device, dtype=parameter.dtype)
