"""Images as sequences of patches, and a classifier that runs sequence blocks over them."""

from __future__ import annotations

from collections.abc import Sequence

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from harness.errors import UsageError
from harness.interfaces import ImageData


def patch_grid(data: ImageData, patch_size: int) -> tuple[int, int]:
    """Rows and columns of patches. Raises UsageError where squares of that side do not fill the image."""
    if data.height % patch_size or data.width % patch_size:
        fitting = [side for side in range(2, 65) if data.height % side == data.width % side == 0] or [1]
        raise UsageError(
            f"patch_size={patch_size} does not divide images of {data.height}x{data.width} pixels; patches fill an "
            f"image without rest; use patch_size={' or '.join(map(str, fitting))}, or another image_size"
        )
    return data.height // patch_size, data.width // patch_size


class PatchEmbedding(nn.Module):
    """Cuts an image into squares of `patch_size` pixels and maps each linearly to d_model features, row by row."""

    def __init__(self, data: ImageData, patch_size: int, d_model: int) -> None:
        super().__init__()
        self.grid = patch_grid(data, patch_size)
        self.projection = nn.Conv2d(data.channels, d_model, patch_size, stride=patch_size)

    @property
    def num_patches(self) -> int:
        return self.grid[0] * self.grid[1]

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch patches d_model"]:
        return rearrange(self.projection(images), "b d h w -> b (h w) d")


class PatchClassifier(nn.Module):
    """Patches, sequence blocks, norm, the mean over patches, and a linear head.

    There are no positions: blocks that read a sequence in its order know where they are.
    """

    def __init__(
        self, data: ImageData, patch_size: int, d_model: int, blocks: Sequence[nn.Module], norm: nn.Module
    ) -> None:
        super().__init__()
        self.patches = PatchEmbedding(data, patch_size, d_model)
        self.blocks = nn.ModuleList(blocks)
        self.norm = norm
        self.head = nn.Linear(d_model, data.num_classes)

    def features(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch d_model"]:
        """The mean of what the blocks make of the patches."""
        x = self.patches(images)
        for block in self.blocks:
            x = block(x)
        return self.norm(x).mean(dim=1)  # type: ignore[no-any-return]

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        return self.head(self.features(images))  # type: ignore[no-any-return]
