"""All pairs of two sets of vectors, a block of rows at a time."""

from __future__ import annotations

import torch
from jaxtyping import Float64
from torch import Tensor

BLOCK_NUMBERS = 4_000_000
"""Pairs of which the values are held at once: 32 MB of float64."""


def row_blocks(num_rows: int, num_columns: int) -> list[slice]:
    """Which rows to take at a time, so that their pairs with the columns fit the limit."""
    size = max(1, BLOCK_NUMBERS // num_columns)
    return [slice(start, min(start + size, num_rows)) for start in range(0, num_rows, size)]


def squared_distances(rows: Float64[Tensor, "m d"], columns: Float64[Tensor, "n d"]) -> Float64[Tensor, "m n"]:
    """Squared Euclidean distances, |x|^2 + |y|^2 - 2 x y; exact to rounding of the squared lengths."""
    lengths = rows.square().sum(dim=1)[:, None] + columns.square().sum(dim=1)
    return torch.addmm(lengths, rows, columns.T, alpha=-2.0).clamp_(min=0)
