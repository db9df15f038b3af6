"""The hybrid's stem: a ResNet whose feature map's pixels are the patches (section 3.1).

As in BiT (Kolesnikov et al. 2019) batch norm is replaced by group norm, and convolutions standardise their weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from harness.errors import UsageError
from harness.interfaces import ImageData
from harness_sequence.patches import PatchEmbedding
from harness_vit.config import NUM_GROUPS, ViTConfig
from harness_vit.initialisation import lecun_normal_

EXPANSION = 4
STEM_KERNEL, POOL_KERNEL = 7, 3
STANDARDISATION_EPS = 1e-5
NORM_EPS = 1e-6


def pad(
    x: Float[Tensor, "batch channels height width"], kernel: int, stride: int, value: float = 0.0
) -> Float[Tensor, "batch channels padded_height padded_width"]:
    """Pad so that a window gives ceil(side / stride) pixels a side; the odd pixel goes to the right and the bottom."""
    sides = [0, 0, 0, 0]
    for axis in (0, 1):
        size = x.shape[3 - axis]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        sides[2 * axis : 2 * axis + 2] = total // 2, total - total // 2
    return F.pad(x, sides, value=value)


class StandardizedConv(nn.Module):
    """A convolution without bias; each filter's weights are shifted and scaled to mean 0 and deviation 1."""

    def __init__(self, channels: int, filters: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(filters, channels, kernel, kernel))
        lecun_normal_(self.weight)

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch filters out_height out_width"]:
        std, mean = torch.std_mean(self.weight, dim=(1, 2, 3), correction=0, keepdim=True)
        weight = (self.weight - mean) / (std + STANDARDISATION_EPS)
        return F.conv2d(pad(x, self.kernel, self.stride), weight, stride=self.stride)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(NUM_GROUPS, channels, eps=NORM_EPS)


class Bottleneck(nn.Module):
    """relu(x + f(x)), f three convolutions with norms; x is projected where f changes its shape."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        is_same = stride == 1 and channels == EXPANSION * width
        self.shortcut: nn.Module = (
            nn.Identity()
            if is_same
            else nn.Sequential(
                StandardizedConv(channels, EXPANSION * width, 1, stride),
                _norm(EXPANSION * width),
            )
        )
        self.body = nn.Sequential(
            StandardizedConv(channels, width, 1),
            _norm(width),
            nn.ReLU(),
            StandardizedConv(width, width, 3, stride),
            _norm(width),
            nn.ReLU(),
            StandardizedConv(width, EXPANSION * width, 1),
            _norm(EXPANSION * width),
        )

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        return F.relu(self.shortcut(x) + self.body(x))


class HybridEmbedding(nn.Module):
    """Maps each pixel of a ResNet's feature map linearly to d_model features, row by row.

    A convolution and a pooling of stride 2 each, then stages of which all but the first halve the grid: one, two or
    three stages make a feature-map pixel of 4, 8 or 16 pixels a side. Raises UsageError where these do not fill the
    image.
    """

    def __init__(self, data: ImageData, config: ViTConfig) -> None:
        super().__init__()
        patch_size, width = config.patch_size, config.stem_width
        if data.height % patch_size or data.width % patch_size:
            height, wide = (-(-side // patch_size) * patch_size for side in (data.height, data.width))
            raise UsageError(
                f"patch_size={patch_size} does not divide images of {data.height}x{data.width} pixels; the feature map "
                f"fills an image without rest; use images of {height}x{wide} or another patch_size (4, 8 or 16)"
            )
        self.root = nn.Sequential(StandardizedConv(data.channels, width, STEM_KERNEL, 2), _norm(width), nn.ReLU())
        blocks: list[nn.Module] = []
        channels = width
        for stage, num_blocks in enumerate(config.resnet_blocks):
            for block in range(num_blocks):
                blocks.append(Bottleneck(channels, width << stage, 2 if stage and not block else 1))
                channels = EXPANSION * width << stage
        self.blocks = nn.Sequential(*blocks)
        height, wide = data.height // patch_size, data.width // patch_size
        feature_map = ImageData(num_classes=data.num_classes, channels=channels, height=height, width=wide)
        self.pixels = PatchEmbedding(feature_map, 1, config.d_model)

    @property
    def projection(self) -> nn.Conv2d:
        """The linear map of each pixel of the feature map."""
        return self.pixels.projection

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the feature map."""
        return self.pixels.grid

    @property
    def num_patches(self) -> int:
        """Pixels of the feature map."""
        return self.pixels.num_patches

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch patches d_model"]:
        x = self.root(images)  # [B, C, H / 2, W / 2]
        x = F.max_pool2d(pad(x, POOL_KERNEL, 2, -torch.inf), POOL_KERNEL, 2)  # [B, C, H / 4, W / 4]
        return self.pixels(self.blocks(x))  # type: ignore[no-any-return]
