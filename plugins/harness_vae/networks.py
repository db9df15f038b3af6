"""Fully connected encoders and decoders with tanh layers (appendix C)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import ImageData
from harness.runtime.numerics import widened
from harness_vae.gaussian import DiagonalGaussian


class GaussianHead(nn.Module):
    """Two linear maps of the last hidden layer: the mean and the log-variance of q(z | x) (equation 12)."""

    def __init__(self, d_hidden: int, d_latent: int) -> None:
        super().__init__()
        self.mean = nn.Linear(d_hidden, d_latent)
        self.log_variance = nn.Linear(d_hidden, d_latent)

    def forward(self, hidden: Float[Tensor, "batch d_hidden"]) -> DiagonalGaussian:
        return DiagonalGaussian(widened(self.mean(hidden)), widened(self.log_variance(hidden)))


class MLPEncoder(nn.Module):
    """q(z | x): tanh layers of the given widths and two linear heads."""

    def __init__(self, data: ImageData, widths: Sequence[int], d_latent: int) -> None:
        super().__init__()
        self.hidden = tanh_layers(num_pixels(data), widths)
        self.head = GaussianHead(widths[-1], d_latent)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> DiagonalGaussian:
        return self.head(self.hidden(images.flatten(1)))  # type: ignore[no-any-return]


class MLPDecoder(nn.Module):
    """Tanh layers of the given widths and `num_heads` linear maps to the pixels."""

    def __init__(self, data: ImageData, widths: Sequence[int], d_latent: int, num_heads: int) -> None:
        super().__init__()
        self.shape = (num_heads, data.channels, data.height, data.width)
        self.hidden = tanh_layers(d_latent, widths)
        self.heads = nn.Linear(widths[-1], num_heads * num_pixels(data))

    def forward(self, z: Float[Tensor, "codes d_latent"]) -> Float[Tensor, "codes heads channels height width"]:
        return self.heads(self.hidden(z)).unflatten(1, self.shape)  # type: ignore[no-any-return]


def num_pixels(data: ImageData) -> int:
    """Numbers in an image, of all channels."""
    return data.channels * data.height * data.width


def tanh_layers(inputs: int, widths: Sequence[int]) -> nn.Sequential:
    """Linear maps from `inputs` through the widths, each with a tanh."""
    layers: list[nn.Module] = []
    for before, after in pairwise((inputs, *widths)):
        layers += [nn.Linear(before, after), nn.Tanh()]
    return nn.Sequential(*layers)
