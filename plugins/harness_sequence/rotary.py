"""Rotary position embedding (Su et al. 2021): scores between rotated queries and keys depend on distances only."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

BASE = 10_000.0


def rotation(
    positions: Int[Tensor, " length"], width: int, dtype: torch.dtype, base: float = BASE
) -> Float[Tensor, "2 length half"]:
    """Cosines and sines of each position's angles, one for each pair of the `width` features that are turned.

    Computed in float64: a float32 angle at position 100,000 is wrong by several thousandths.
    """
    even = torch.arange(0, max(width - 1, 0), 2, device=positions.device, dtype=torch.float64)
    angles = positions.double()[:, None] * base ** (-even / width)  # [L, half]
    return torch.stack((angles.cos(), angles.sin())).to(dtype)


def rotate(
    x: Float[Tensor, "... length d_head"], turn: Float[Tensor, "2 length half"]
) -> Float[Tensor, "... length d_head"]:
    """Turn each pair of features (i, i + half) of `x` by its position's angle. Those beyond 2 half stay."""
    cos, sin = turn
    half = cos.shape[-1]
    first, second = x[..., :half], x[..., half : 2 * half]
    turned = (first * cos - second * sin, first * sin + second * cos)
    return torch.cat((*turned, x[..., 2 * half :]), dim=-1) if 2 * half < x.shape[-1] else torch.cat(turned, dim=-1)
