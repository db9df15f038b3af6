"""An autoencoder: the layers of the variational one, without noise and without a prior."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import ImageBatch, ImageData
from harness_vae.networks import MLPDecoder, num_pixels, tanh_layers
from harness_vae.pixels import BernoulliPixels, bernoulli_pixels


class Autoencoder(nn.Module):
    """Images through a linear code and back, trained by the cross-entropy of its pixels."""

    def __init__(self, data: ImageData, d_hidden: int, d_latent: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Flatten(), tanh_layers(num_pixels(data), [d_hidden]), nn.Linear(d_hidden, d_latent)
        )
        self.decoder = MLPDecoder(data, [d_hidden], d_latent, num_heads=1)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, " batch"]:
        """What training raises: log-likelihood of each image given its code, in nats, summed over the pixels."""
        return self._pixels(images).log_prob(images)[0]

    def loss(self, batch: ImageBatch) -> Float[Tensor, ""]:
        return -self(batch.inputs).mean()  # type: ignore[no-any-return]

    def reconstruct(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """The expected pixels given the code."""
        return self._pixels(images).mean[0]

    def _pixels(self, images: Tensor) -> BernoulliPixels:
        return bernoulli_pixels(self.decoder(self.encoder(images))[None])
