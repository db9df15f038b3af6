"""A small residual network (He et al. 2015, basic blocks; shortcuts and stem as in He et al. 2018)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from harness.errors import UsageError
from harness.interfaces import ImageData, Kernels
from harness_baselines.images.config import ConvNetConfig


class ResidualBlock(nn.Module):
    """ReLU(shortcut(x) + BN(conv(ReLU(BN(conv(x)))))).

    A shortcut that changes the side averages 2x2 pixels before its 1x1 convolution, so that none is skipped
    (ResNet-D).
    """

    def __init__(self, d_in: int, d_out: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(d_in, d_out, 3, stride)
        self.second = _convolution(d_out, d_out, 3, 1)
        self.shortcut = nn.Sequential()
        if stride > 1:
            self.shortcut.append(nn.AvgPool2d(stride, ceil_mode=True))
        if d_in != d_out:
            self.shortcut.append(_convolution(d_in, d_out, 1, 1))

    def forward(self, x: Float[Tensor, "batch d_in height width"]) -> Float[Tensor, "batch d_out height2 width2"]:
        return F.relu(self.shortcut(x) + self.second(F.relu(self.first(x))))


class ConvNet(nn.Module):
    """Stem, stages of residual blocks, the mean over the image, a linear head. Batch norm after every convolution."""

    def __init__(self, config: ConvNetConfig, data: ImageData) -> None:
        super().__init__()
        widths = [config.width * 2**stage for stage in range(config.num_stages)]
        shrinking = config.stem_stride * 2 ** (config.num_stages - 1)
        if shrinking > min(data.height, data.width):
            raise UsageError(
                f"num_stages={config.num_stages} with stem_stride={config.stem_stride} shrinks a side by {shrinking}; "
                f"images are {data.height}x{data.width}; use fewer stages or stem_stride=1"
            )
        self.stem = _convolution(data.channels, config.width, 3, config.stem_stride)
        blocks = []
        d_in = config.width
        for stage, d_out in enumerate(widths):
            for block in range(config.num_blocks):
                blocks.append(ResidualBlock(d_in, d_out, 2 if stage and not block else 1))
                d_in = d_out
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(d_in, data.num_classes)
        # Convolutions run faster, on CPUs twice as fast, where a pixel's channels lie together.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def features(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch d_out"]:
        """The mean of the last stage over the image."""
        x = F.relu(self.stem(images.contiguous(memory_format=torch.channels_last)))
        return self.blocks(x).mean(dim=(2, 3))  # type: ignore[no-any-return]

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        return self.head(self.features(images))  # type: ignore[no-any-return]


def _convolution(d_in: int, d_out: int, size: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(d_in, d_out, size, stride=stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(d_out))


def build(config: ConvNetConfig, data: ImageData, kernels: Kernels) -> ConvNet:
    """The network for images of `data`; it uses none of the kernels."""
    return ConvNet(config, data)
