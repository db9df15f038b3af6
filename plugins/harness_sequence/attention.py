"""The op `attention`: softmax attention of heads, causal or not, over all keys or a window of them.

With window w, a causal query sees its own position and the w - 1 before it; without causality it also sees the w - 1
after it. With fewer queries than keys, the queries are those of the last positions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

Attention: TypeAlias = Callable[[Tensor, Tensor, Tensor, bool, int | None], Tensor]


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


def reference(
    q: Float[Tensor, "batch heads queries d_key"],
    k: Float[Tensor, "batch heads keys d_key"],
    v: Float[Tensor, "batch heads keys d_value"],
    causal: bool,
    window: int | None,
) -> Float[Tensor, "batch heads queries d_value"]:
    """softmax(q k^T / sqrt(d_key)) v with all scores in memory (Vaswani et al. 2017, equation 1)."""
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # [B, H, Lq, Lk]
    seen = visible(q.shape[2], k.shape[2], causal, window, q.device)
    return scores.masked_fill(~seen, -math.inf).softmax(dim=-1) @ v


def fused(
    q: Float[Tensor, "batch heads queries d_key"],
    k: Float[Tensor, "batch heads keys d_key"],
    v: Float[Tensor, "batch heads keys d_value"],
    causal: bool,
    window: int | None,
) -> Float[Tensor, "batch heads queries d_value"]:
    """torch's scaled_dot_product_attention; a causal window runs in blocks, so its cost is linear in the length."""
    num_queries, num_keys = q.shape[2], k.shape[2]
    if window is not None and window >= num_keys:
        window = None
    if window is None:
        if not causal or num_queries == 1:
            return F.scaled_dot_product_attention(q, k, v)
        if num_queries == num_keys:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    elif causal and num_queries == num_keys and num_keys > 2 * window:
        return _blocked(q, k, v, window)
    seen = visible(num_queries, num_keys, causal, window, q.device)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen)


def _blocked(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """A causal window in blocks of its own size: a block of queries sees its own keys and those of the block before."""
    length = q.shape[2]
    num_blocks = -(-length // window)
    end = num_blocks * window - length

    def pairs(x: Tensor) -> Tensor:
        padded = F.pad(x, (0, 0, window, end)).unflatten(2, (num_blocks + 1, window))
        return torch.cat((padded[:, :, :-1], padded[:, :, 1:]), dim=3).flatten(1, 2)  # [B, H * blocks, 2 * window, D]

    queries = F.pad(q, (0, 0, 0, end)).unflatten(2, (num_blocks, window)).flatten(1, 2)
    seen = visible(window, 2 * window, True, window, q.device).repeat(num_blocks, 1, 1)
    # The block before the first one does not exist.
    seen[0, :, :window] = False
    mixed = F.scaled_dot_product_attention(queries, pairs(k), pairs(v), attn_mask=seen.repeat(q.shape[1], 1, 1)[None])
    return mixed.unflatten(1, (q.shape[1], num_blocks)).flatten(2, 3)[:, :, :length]


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """Standard normal queries, keys and values."""

    def draw(length: int) -> Tensor:
        shape = (size["batch"], size["heads"], length, size["d_head"])
        return torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()

    return draw(size["queries"]), draw(size["keys"]), draw(size["keys"]), size["causal"], size["window"]


def flops(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> int:
    """Two products for each pair of a query and a key that it sees, whatever else a kernel computes and masks."""
    batch, heads, num_queries, d_key = q.shape
    num_keys = k.shape[2]
    reach = num_keys if window is None else window
    num_pairs = sum(
        min(position + 1 if causal else position + reach, num_keys) - max(position + 1 - reach, 0)
        for position in range(num_keys - num_queries, num_keys)
    )
    return 2 * batch * heads * num_pairs * (d_key + v.shape[-1])
