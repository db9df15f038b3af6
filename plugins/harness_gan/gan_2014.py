"""The pair of Goodfellow et al. 2014 for MNIST, as in the configuration that its authors released.

z  uniform on (-sqrt 3, sqrt 3), which has variance 1           [B, 100]
G  two ReLU layers of 1200, then a sigmoid for each pixel
D  two maxout layers of 240 units with 5 pieces, then one score; dropout before each of the three
"""

from __future__ import annotations

import math

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import ImageData, Kernels
from harness_gan.config import Gan2014Config
from harness_gan.pair import AdversarialPair
from harness_gan.priors import UniformPrior

LATENT_SIZE = 100
GENERATOR_WIDTH = 1200
MAXOUT_UNITS = 240
MAXOUT_PIECES = 5
GENERATOR_RANGE = 0.05
DISCRIMINATOR_RANGE = 0.005
IMAGE_DROPOUT = 0.2
HIDDEN_DROPOUT = 0.5


class Maxout(nn.Module):
    """The largest of `pieces` linear maps, for each unit."""

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.linear = nn.Linear(inputs, units * pieces)

    def forward(self, x: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch units"]:
        pieces: Tensor = self.linear(x)
        return reduce(pieces, "b (units pieces) -> b units", "max", pieces=self.pieces)


class Generator(nn.Module):
    """z to images."""

    def __init__(self, data: ImageData) -> None:
        super().__init__()
        self.shape = (data.channels, data.height, data.width)
        self.hidden = nn.Sequential(
            nn.Linear(LATENT_SIZE, GENERATOR_WIDTH),
            nn.ReLU(),
            nn.Linear(GENERATOR_WIDTH, GENERATOR_WIDTH),
            nn.ReLU(),
        )
        self.out = nn.Linear(GENERATOR_WIDTH, math.prod(self.shape))

    def forward(self, z: Float[Tensor, "batch latent_size"]) -> Float[Tensor, "batch channels height width"]:
        channels, height, width = self.shape
        pixels = torch.sigmoid(self.out(self.hidden(z)))
        return rearrange(pixels, "b (c h w) -> b c h w", c=channels, h=height, w=width)

    @torch.no_grad()
    def start_at_marginals(self, images: Float[Tensor, "batch channels height width"]) -> None:
        """Set the output's bias to the logit of each pixel's mean, (sum + 1/2) / (count + 1).

        The halves keep the logit finite of a pixel that is 0 or 1 in all of the images.
        """
        mean = (images.flatten(1).sum(dim=0) + 0.5) / (len(images) + 1)
        self.out.bias.copy_(torch.logit(mean))


class Discriminator(nn.Module):
    """Images to scores."""

    def __init__(self, data: ImageData, *, image_dropout: float, hidden_dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(image_dropout),
            Maxout(data.channels * data.height * data.width, MAXOUT_UNITS, MAXOUT_PIECES),
            nn.Dropout(hidden_dropout),
            Maxout(MAXOUT_UNITS, MAXOUT_UNITS, MAXOUT_PIECES),
            nn.Dropout(hidden_dropout),
            nn.Linear(MAXOUT_UNITS, 1),
        )

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, " batch"]:
        return self.layers(images).squeeze(1)  # type: ignore[no-any-return]


class Gan2014(AdversarialPair):
    """The pair with the options that its update rule reads."""

    generator: Generator

    def __init__(self, config: Gan2014Config, data: ImageData) -> None:
        keeps_all = not config.discriminator_dropout
        generator = Generator(data)
        discriminator = Discriminator(
            data,
            image_dropout=0.0 if keeps_all else IMAGE_DROPOUT,
            hidden_dropout=0.0 if keeps_all else HIDDEN_DROPOUT,
        )
        super().__init__(generator, discriminator, UniformPrior(LATENT_SIZE, math.sqrt(3)))
        self.config = config
        if config.initialisation == "paper":
            _initialise(generator, GENERATOR_RANGE)
            _initialise(discriminator, DISCRIMINATOR_RANGE)


def build(config: Gan2014Config, data: ImageData, kernels: Kernels) -> Gan2014:
    """The pair for images of `data`."""
    return Gan2014(config, data)


def _initialise(network: nn.Module, limit: float) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.uniform_(layer.weight, -limit, limit)
            nn.init.zeros_(layer.bias)
