"""`infini_attention` in torch alone: all segments at once; only delta goes through them in turn, and only to write."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from harness_infini.features import sigma
from harness_infini.infini_attention.op import check_arguments
from harness_infini.infini_memory.op import Memory
from harness_infini.joined_memory import read, write
from harness_sequence.linear_memory import earlier_sums, with_ones, without_autocast


def infini_attention(
    local_q: Float[Tensor, "batch heads length d_key"],
    local_k: Float[Tensor, "batch heads length d_key"],
    q: Float[Tensor, "batch heads length d_key"],
    k: Float[Tensor, "batch heads length d_key"],
    v: Float[Tensor, "batch heads length d_value"],
    beta: Float[Tensor, " heads"],
    segment_length: int,
    memory: Memory,
) -> Float[Tensor, "batch heads length d_value"]:
    """As `reference.infini_attention`."""
    check_arguments(local_q, local_k, q, k, v, beta, segment_length, memory)
    length = q.shape[2]
    num_segments = -(-length // segment_length)

    def cut(x: Tensor) -> Tensor:
        # What fills the last segment comes after every token and is never written to the memory.
        filled = F.pad(x, (0, 0, 0, num_segments * segment_length - length)) if length % segment_length else x
        return filled.unflatten(2, (num_segments, segment_length))  # [B, H, S, N, D]

    values = cut(v)
    queries, keys = cut(local_q).flatten(1, 2), cut(local_k).flatten(1, 2)  # [B, H * S, N, D]
    A_dot = F.scaled_dot_product_attention(queries, keys, values.flatten(1, 2), is_causal=True).view_as(values)
    gate = torch.sigmoid(beta.to(torch.promote_types(beta.dtype, torch.float32)))[:, None, None, None]  # [H, 1, 1, 1]
    mixed = (1 - gate) * A_dot
    if num_segments > 1:
        with without_autocast(q.device):
            M = memories(sigma(cut(k)), values, memory)  # [B, H, S, d_key, d_value + 1]
            A_mem = read(M, sigma(cut(q)))
        mixed = gate * A_mem + mixed
    return mixed.flatten(2, 3)[:, :, :length].to(v.dtype)


def memories(
    features: Float[Tensor, "batch heads segments tokens d_key"],
    values: Float[Tensor, "batch heads segments tokens d_value"],
    memory: Memory,
) -> Float[Tensor, "batch heads segments d_key width"]:
    """The memory that each segment reads."""
    values = values.to(features.dtype)
    if memory == "linear":
        return earlier_sums(features.transpose(-1, -2) @ with_ones(values))
    M = features.new_zeros(*features.shape[:2], features.shape[-1], values.shape[-1] + 1)
    found = [M]
    for keys, new in zip(features.unbind(2)[:-1], values.unbind(2)[:-1], strict=True):
        M = write(M, keys, new, memory)
        found.append(M)
    return torch.stack(found, dim=2)
