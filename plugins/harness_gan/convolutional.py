"""Networks of strided convolutions for images of any size from 8 pixels (Radford et al. 2015, section 3).

Both have one convolution of stride 2 for every halving of the image, down to a side of 4 to 7 pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from harness.errors import UsageError
from harness.interfaces import ImageData

KERNEL = 5
PADDING = 2
SMALLEST_SIDE = 8
SLOPE = 0.2

Size = tuple[int, int]
Norm = Callable[[int], nn.Module]


def halved_sizes(data: ImageData) -> list[Size]:
    """The sizes of the feature maps, from the image's own to the smallest. Raises UsageError for tiny images."""
    sizes = [(data.height, data.width)]
    if min(sizes[0]) < SMALLEST_SIDE:
        raise UsageError(
            f"images of {data.height} x {data.width} pixels: a convolutional pair halves them at least once, down to 4 "
            f"or more; use images of at least {SMALLEST_SIDE} x {SMALLEST_SIDE}, or gan_2014"
        )
    while min(sizes[-1]) >= SMALLEST_SIDE:
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2, (width + 1) // 2))
    return sizes


class Generator(nn.Module):
    """z to images: a linear map to the smallest map, then transposed convolutions, and tanh taken from 0 to 1."""

    def __init__(
        self, data: ImageData, *, latent_size: int, width: int, norm: Norm, activation: Callable[[], nn.Module]
    ) -> None:
        super().__init__()
        sizes = halved_sizes(data)
        self.smallest = sizes[-1]
        channels = [data.channels, *(width * 2**i for i in range(len(sizes) - 1))]
        is_biased = norm is nn.Identity
        self.project = nn.Linear(latent_size, channels[-1] * self.smallest[0] * self.smallest[1], bias=is_biased)
        layers: list[nn.Module] = [norm(channels[-1]), activation()]
        for i in range(len(sizes) - 1, 1, -1):
            layers += [
                _doubling(channels[i], channels[i - 1], sizes[i - 1], bias=is_biased),
                norm(channels[i - 1]),
                activation(),
            ]
        layers.append(_doubling(channels[1], channels[0], sizes[0], bias=True))
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Float[Tensor, "batch latent_size"]) -> Float[Tensor, "batch channels height width"]:
        height, width = self.smallest
        maps = rearrange(self.project(z), "b (c h w) -> b c h w", h=height, w=width)
        return (torch.tanh(self.layers(maps)) + 1) / 2


class Discriminator(nn.Module):
    """Images, taken from -1 to 1, to scores: convolutions with leaky ReLUs, then one linear map."""

    def __init__(self, data: ImageData, *, width: int, norm: Norm) -> None:
        super().__init__()
        sizes = halved_sizes(data)
        channels = [data.channels, *(width * 2**i for i in range(len(sizes) - 1))]
        layers: list[nn.Module] = []
        for i in range(1, len(sizes)):
            # The first layer has no norm, so that the scale of the image is seen.
            layer_norm = nn.Identity if i == 1 else norm
            convolution = nn.Conv2d(
                channels[i - 1], channels[i], KERNEL, stride=2, padding=PADDING, bias=layer_norm is nn.Identity
            )
            layers += [convolution, layer_norm(channels[i]), nn.LeakyReLU(SLOPE)]
        height, width = sizes[-1]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels[-1] * height * width, 1))

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, " batch"]:
        return self.layers(2 * images - 1).squeeze(1)  # type: ignore[no-any-return]


def _doubling(inputs: int, outputs: int, to: Size, *, bias: bool) -> nn.Module:
    # A transposed convolution has 2 n - 1 outputs for n inputs, and one more where that is asked for.
    more = (1 - to[0] % 2, 1 - to[1] % 2)
    return nn.ConvTranspose2d(inputs, outputs, KERNEL, stride=2, padding=PADDING, output_padding=more, bias=bias)
