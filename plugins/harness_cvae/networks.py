"""Fully connected networks with ReLU layers."""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import ImageData
from harness.runtime.numerics import widened
from harness_cvae.config import CompletionNetConfig
from harness_cvae.gaussian import DiagonalGaussian


class GaussianNetwork(nn.Module):
    """From an image to a Gaussian over z: the conditional prior p(z | x) and the recognition network q(z | x, y)."""

    def __init__(self, data: ImageData, config: CompletionNetConfig, d_latent: int) -> None:
        super().__init__()
        self.hidden = relu_layers(num_pixels(data), config)
        self.mean = nn.Linear(config.d_hidden, d_latent)
        self.log_variance = nn.Linear(config.d_hidden, d_latent)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> DiagonalGaussian:
        hidden = self.hidden(images.flatten(1))
        return DiagonalGaussian(widened(self.mean(hidden)), widened(self.log_variance(hidden)))


class PixelNetwork(nn.Module):
    """From an image and, where there are any, latents to the logits of all pixels."""

    def __init__(self, data: ImageData, config: CompletionNetConfig, d_latent: int = 0) -> None:
        super().__init__()
        self.shape = (data.channels, data.height, data.width)
        self.hidden = relu_layers(num_pixels(data) + d_latent, config)
        self.logits = nn.Linear(config.d_hidden, num_pixels(data))

    def forward(
        self,
        images: Float[Tensor, "batch channels height width"],
        z: Float[Tensor, "samples batch d_latent"],
    ) -> Float[Tensor, "samples batch channels height width"]:
        x = images.flatten(1).expand(len(z), -1, -1)
        logits = self.logits(self.hidden(torch.cat((x, z.to(x.dtype)), dim=-1)))
        return widened(logits).unflatten(-1, self.shape)  # type: ignore[no-any-return]


def num_pixels(data: ImageData) -> int:
    """Numbers in an image, of all channels."""
    return data.channels * data.height * data.width


def relu_layers(inputs: int, config: CompletionNetConfig) -> nn.Sequential:
    """Linear maps from `inputs` through the hidden layers, each with a ReLU."""
    layers: list[nn.Module] = []
    for before, after in pairwise((inputs, *[config.d_hidden] * config.num_layers)):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers)
