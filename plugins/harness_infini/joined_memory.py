"""A memory as one matrix [d_key, d_value + 1] with z as its last column: one product reads, another writes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from harness_infini.features import SMALLEST_WEIGHT
from harness_infini.infini_memory.op import Memory
from harness_sequence.linear_memory import with_ones


def read(
    M: Float[Tensor, "*batch d_key width"], features: Float[Tensor, "*batch tokens d_key"]
) -> Float[Tensor, "*batch tokens d_value"]:
    """Equation 3: means of the written values; 0 where nothing has weight."""
    sums = features @ M
    totals, weight = sums[..., :-1], sums[..., -1:]
    has_weight = weight >= SMALLEST_WEIGHT
    return torch.where(has_weight, totals / torch.where(has_weight, weight, 1.0), 0.0)


def write(
    M: Float[Tensor, "*batch d_key width"],
    features: Float[Tensor, "*batch tokens d_key"],
    values: Float[Tensor, "*batch tokens d_value"],
    memory: Memory,
) -> Float[Tensor, "*batch d_key width"]:
    """Equation 4 or 5: the memory after one segment's keys and values."""
    written = values - read(M, features) if memory == "delta" else values
    return M + features.transpose(-1, -2) @ with_ones(written)
