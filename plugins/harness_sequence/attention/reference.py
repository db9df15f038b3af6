"""The definition of `attention`: softmax attention with all scores in memory (Vaswani et al. 2017, equation 1).

q       queries                                          [batch, heads, queries, d_key]
k       keys; each head serves heads / kv_heads of q     [batch, kv_heads, keys, d_key]
v       values                                           [batch, kv_heads, keys, d_value]
causal  whether a query sees nothing after its position
window  how many positions on each side, its own included, a query sees; None for all

With fewer queries than keys, the queries are those of the last positions.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def visible(
    num_queries: int, num_keys: int, causal: bool, window: int | None, device: torch.device
) -> Bool[Tensor, "queries keys"]:
    """Which keys each query sees."""
    query = torch.arange(num_keys - num_queries, num_keys, device=device)[:, None]
    key = torch.arange(num_keys, device=device)[None, :]
    seen = torch.ones(num_queries, num_keys, dtype=torch.bool, device=device)
    if causal:
        seen &= key <= query
    if window is not None:
        seen &= (query - key).abs() < window
    return seen


def attention(
    q: Float[Tensor, "batch heads queries d_key"],
    k: Float[Tensor, "batch kv_heads keys d_key"],
    v: Float[Tensor, "batch kv_heads keys d_value"],
    causal: bool,
    window: int | None,
) -> Float[Tensor, "batch heads queries d_value"]:
    """softmax(q k^T / sqrt(d_key)) v."""
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # [B, H, Lq, Lk]
    seen = visible(q.shape[2], k.shape[2], causal, window, q.device)
    return scores.masked_fill(~seen, -math.inf).softmax(dim=-1) @ v
