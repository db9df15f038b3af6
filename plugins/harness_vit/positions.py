"""Learned positions of tokens, and their resampling to another grid of patches."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

POSITION_STD = 0.02
Grid = tuple[int, int]


class SequencePositions(nn.Module):
    """A learned vector for each token, the class token's first, then the patches' row by row (section 3.1)."""

    def __init__(self, num_tokens: int, d_model: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(num_tokens, d_model))
        nn.init.normal_(self.table, std=POSITION_STD)

    def forward(self) -> Float[Tensor, "tokens d_model"]:
        return self.table


class GridPositions(nn.Module):
    """One half of a patch's vector is learned for its row, one for its column (appendix D.4).

    With `has_class_token` the class token has a vector of its own, in front.
    """

    def __init__(self, grid: Grid, d_model: int, *, has_class_token: bool) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.empty(grid[0], d_model // 2))
        self.columns = nn.Parameter(torch.empty(grid[1], d_model // 2))
        self.front = nn.Parameter(torch.empty(1, d_model)) if has_class_token else None
        for table in self.parameters():
            nn.init.normal_(table, std=POSITION_STD)

    def forward(self) -> Float[Tensor, "tokens d_model"]:
        height, width = self.rows.shape[0], self.columns.shape[0]
        rows = self.rows[:, None].expand(-1, width, -1)  # [H, W, D / 2]
        columns = self.columns[None].expand(height, -1, -1)  # [H, W, D / 2]
        patches = torch.cat((rows, columns), dim=-1).flatten(0, 1)  # [H W, D]
        return patches if self.front is None else torch.cat((self.front, patches))


def resample(table: Float[Tensor, "before d_model"], source: Grid, target: Grid) -> Float[Tensor, "after d_model"]:
    """Vectors of a grid of patches for a finer or coarser grid over the same image (section 3.2).

    Bicubic, with patches as areas: the images' borders coincide, not the centres of the outer patches.
    """
    if source == target:
        return table
    image = rearrange(table, "(h w) d -> 1 d h w", h=source[0])
    resampled = F.interpolate(image, size=target, mode="bicubic", align_corners=False)
    return rearrange(resampled, "1 d h w -> (h w) d")
