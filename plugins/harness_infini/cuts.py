"""How tokens are cut into segments and segments into parts, and states as one row of numbers: M and behind it z."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_PARTS = (512, 256)
_SHORTEST_PART = 128
_ENOUGH_PARTS = 264
"""Two for each multiprocessor of an H100."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A program takes one part of a segment, of at most `part_length` tokens. The last segment may be shorter."""

    length: int
    segment_length: int
    num_segments: int
    part_length: int
    num_parts: int


def cut(rows: Tensor, segment_length: int) -> Cut:
    """Parts that are few but keep a large device busy. `rows` are [batch, heads, length, width]."""
    batch, heads, length, _ = rows.shape
    segment_length = min(segment_length, length)
    num_segments = -(-length // segment_length)

    def num_parts(part_length: int) -> int:
        return -(-segment_length // part_length)

    enough = (part for part in _PARTS if batch * heads * num_segments * num_parts(part) >= _ENOUGH_PARTS)
    part_length = next(enough, _SHORTEST_PART)
    return Cut(length, segment_length, num_segments, part_length, num_parts(part_length))


def pack(M: Tensor, z: Tensor) -> Tensor:
    """[batch, heads, d_key * d_value + d_key]."""
    return torch.cat((M.flatten(2), z), dim=2)


def unpack(state: Tensor, M: Tensor, z: Tensor) -> None:
    """Copy a row to where its M and its z belong."""
    size = M.shape[2] * M.shape[3]
    M.copy_(state[..., :size].view(M.shape))
    z.copy_(state[..., size:])
