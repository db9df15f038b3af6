"""Convolutional encoder and decoder, for images of any size."""

from __future__ import annotations

import math
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import ImageData
from harness_vae.gaussian import DiagonalGaussian
from harness_vae.networks import GaussianHead


def grids(data: ImageData, num_stages: int) -> list[tuple[int, int]]:
    """Height and width before the first stage and after each; a stage halves them, rounding up."""
    sizes = [(data.height, data.width)]
    for _ in range(num_stages):
        height, width = sizes[-1]
        sizes.append((math.ceil(height / 2), math.ceil(width / 2)))
    return sizes


def stage_channels(data: ImageData, channels: int, num_stages: int) -> list[int]:
    """Channels of the image and after each stage."""
    return [data.channels, *(channels * 2**stage for stage in range(num_stages))]


class ConvEncoder(nn.Module):
    """q(z | x): convolutions of 3 x 3 with stride 2, a hidden layer, and two linear heads."""

    def __init__(self, data: ImageData, channels: int, num_stages: int, d_hidden: int, d_latent: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        widths = stage_channels(data, channels, num_stages)
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
        height, width = grids(data, num_stages)[-1]
        layers += [nn.Flatten(), nn.Linear(widths[-1] * height * width, d_hidden), nn.ReLU()]
        self.hidden = nn.Sequential(*layers)
        self.head = GaussianHead(d_hidden, d_latent)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> DiagonalGaussian:
        return self.head(self.hidden(images))  # type: ignore[no-any-return]


class ConvDecoder(nn.Module):
    """The encoder's stages backwards, with transposed convolutions."""

    def __init__(
        self, data: ImageData, channels: int, num_stages: int, d_hidden: int, d_latent: int, num_heads: int
    ) -> None:
        super().__init__()
        self.shape = (num_heads, data.channels)
        sizes = grids(data, num_stages)
        widths = stage_channels(data, channels, num_stages)
        widths[0] *= num_heads
        height, width = sizes[-1]
        layers: list[nn.Module] = [
            nn.Linear(d_latent, d_hidden),
            nn.ReLU(),
            nn.Linear(d_hidden, widths[-1] * height * width),
            nn.Unflatten(1, (widths[-1], height, width)),
        ]
        for stage in reversed(range(num_stages)):
            layers += [nn.ReLU(), _doubling(widths[stage + 1], widths[stage], sizes[stage])]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Float[Tensor, "codes d_latent"]) -> Float[Tensor, "codes heads channels height width"]:
        return self.layers(z).unflatten(1, self.shape)  # type: ignore[no-any-return]


def _doubling(before: int, after: int, size: tuple[int, int]) -> nn.ConvTranspose2d:
    """Maps a grid of half the size, rounded up, to one of exactly this size."""
    # A side of n becomes 2 n - 1, and one more where the size is even.
    missing = (1 - size[0] % 2, 1 - size[1] % 2)
    return nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=missing)
