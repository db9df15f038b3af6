"""A latent variable model of images: p(z) p(x | z) with an approximate posterior q(z | x) (section 2).

x  an image                   [batch, channels, height, width]
z  `samples` draws a image    [samples, batch, d_latent]
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import ImageBatch
from harness.runtime.numerics import standard_normal
from harness_vae.gaussian import prior_log_prob, prior_quantiles
from harness_vae.pixels import Likelihood, Pixels

CODES_AT_ONCE = 4096
"""How many z are decoded at a time where many are weighed."""


class LatentVariableModel(nn.Module):
    """An encoder and a decoder, and what they are trained for.

    The encoder maps images to a `DiagonalGaussian`, the decoder codes [N, d_latent] to outputs
    [N, heads, channels, height, width] that `likelihood` reads. `objective(model, images)` is what training raises, in
    nats for each image. With `num_examples` N the decoder's weights have a prior N(0, I), which adds |theta|^2 / 2 N to
    the loss.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        likelihood: Likelihood,
        objective: Callable[[LatentVariableModel, Tensor], Tensor],
        *,
        d_latent: int,
        num_examples: int = 0,
    ) -> None:
        super().__init__()
        self.d_latent = d_latent
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.objective = objective
        self.num_examples = num_examples

    @property
    def latent_size(self) -> int:
        return self.d_latent

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, " batch"]:
        """What training raises. Draws from torch's global generator."""
        return self.objective(self, images)

    def loss(self, batch: ImageBatch) -> Float[Tensor, ""]:
        loss: Tensor = -self(batch.inputs).mean()
        if self.num_examples:
            squares = torch.stack([(parameter**2).sum() for parameter in self.decoder.parameters()])
            loss = loss + squares.sum() / (2 * self.num_examples)
        return loss

    def decode(self, z: Float[Tensor, "samples batch d_latent"]) -> Pixels:
        """p(x | z) for each draw."""
        outputs = self.decoder(rearrange(z, "s b d -> (s b) d"))
        return self.likelihood(outputs.unflatten(0, z.shape[:2]))

    def log_joint(
        self, images: Float[Tensor, "batch channels height width"], z: Float[Tensor, "samples batch d_latent"]
    ) -> Float[Tensor, "samples batch"]:
        """log p(x, z) = log p(x | z) + log p(z)."""
        return self.decode(z).log_prob(images) + prior_log_prob(z)

    def log_weights(
        self, images: Float[Tensor, "batch channels height width"], samples: int, generator: torch.Generator | None
    ) -> Float[Tensor, "samples batch"]:
        """log p(x, z) - log q(z | x) for draws from q(z | x); of torch's global generator where none is given."""
        q = self.encoder(images)
        z = q.sample(samples, generator)
        pieces = z.split(max(1, CODES_AT_ONCE // len(images)))
        return torch.cat([self.log_joint(images, piece) for piece in pieces]) - q.log_prob(z)  # type: ignore[no-any-return]

    def reconstruct(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """The expected pixels at the posterior's mean."""
        return self.decode(self.encoder(images).mean[None]).mean[0]

    def sample(self, count: int, generator: torch.Generator) -> Float[Tensor, "count channels height width"]:
        """The expected pixels at draws from the prior."""
        return self.decode(self.draw_prior(count, generator)[None]).mean[0]

    def decode_quantiles(self, points: Float[Tensor, "count d_latent"]) -> Float[Tensor, "count channels height width"]:
        """The expected pixels at the prior's quantiles (figure 4)."""
        z = prior_quantiles(points).to(next(self.decoder.parameters()))
        return self.decode(z[None]).mean[0]

    def draw_prior(self, count: int, generator: torch.Generator | None) -> Float[Tensor, "count d_latent"]:
        """Draws of z from p(z)."""
        weight = next(self.decoder.parameters())
        return standard_normal((count, self.d_latent), weight, generator)
