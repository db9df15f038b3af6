"""The definition of `infini_attention`: attention inside segments, gated with reads of a memory of all before.

local_q, local_k  queries and keys with positions, for attention           [batch, heads, length, d_key]
q, k, v           queries and keys without, for the memory; values         [batch, heads, length, d]
beta              the gate of each head, before the sigmoid                [heads]
segment_length    N, tokens in a segment; the last segment may be shorter
A_dot, A_mem      what local attention and the memory return               [batch, heads, tokens, d_value]
M, z              the memory, as in `infini_memory`
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from harness_infini.infini_memory.op import Memory
from harness_infini.infini_memory.reference import read, write


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
    """Segment by segment: attend (equation 2), read (3), write (4 or 5), mix (6)."""
    batch, heads, length, d_key = q.shape
    state_dtype = torch.promote_types(q.dtype, torch.float32)
    M = q.new_zeros(batch, heads, d_key, v.shape[-1], dtype=state_dtype)
    z = q.new_zeros(batch, heads, d_key, dtype=state_dtype)
    gate = torch.sigmoid(beta.to(state_dtype))[:, None, None]  # [H, 1, 1]
    mixed = []
    for start in range(0, length, segment_length):
        segment = slice(start, start + segment_length)
        scores = local_q[:, :, segment] @ local_k[:, :, segment].transpose(-1, -2) / math.sqrt(d_key)  # [B, H, N, N]
        future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(diagonal=1)
        A_dot = scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v[:, :, segment]
        A_mem = read(M, z, q[:, :, segment])
        M, z = write(M, z, k[:, :, segment], v[:, :, segment], memory)
        mixed.append(gate * A_mem + (1 - gate) * A_dot)
    return torch.cat(mixed, dim=2).to(v.dtype)
