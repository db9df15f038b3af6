"""`attention` by torch's scaled_dot_product_attention.

A causal window runs in blocks, so that its cost is linear in the length.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from harness_sequence.attention.op import check_arguments
from harness_sequence.attention.reference import visible


def attention(
    q: Float[Tensor, "batch heads queries d_key"],
    k: Float[Tensor, "batch kv_heads keys d_key"],
    v: Float[Tensor, "batch kv_heads keys d_value"],
    causal: bool,
    window: int | None,
) -> Float[Tensor, "batch heads queries d_value"]:
    check_arguments(q, k, v, causal, window)
    if causal and window is not None and q.shape[2] == k.shape[2] > 2 * window:
        return _blocked(q, k, v, window)
    mask, is_causal = masking(q, k, causal, window)
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=is_causal, enable_gqa=q.shape[1] != k.shape[1]
    )


def masking(q: Tensor, k: Tensor, causal: bool, window: int | None) -> tuple[Tensor | None, bool]:
    """The mask and the flag `is_causal` that say to torch what is seen; no mask where the flag or nothing suffices."""
    num_queries, num_keys = q.shape[2], k.shape[2]
    if window is not None and window >= num_keys:
        window = None
    if window is None and (not causal or num_queries == 1):
        return None, False
    # torch counts the positions of fewer queries from the first key, not from the last.
    if window is None and num_queries == num_keys:
        return None, True
    return visible(num_queries, num_keys, causal, window, q.device), False


def _blocked(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """A causal window in blocks of its own size: a block of queries sees its own keys and those of the block before."""
    length, num_heads = q.shape[2], q.shape[1]
    num_blocks = -(-length // window)
    end = num_blocks * window - length

    def pairs(x: Tensor) -> Tensor:
        padded = F.pad(x, (0, 0, window, end)).unflatten(2, (num_blocks + 1, window))
        paired = torch.cat((padded[:, :, :-1], padded[:, :, 1:]), dim=3)
        # A group of heads shares its keys, block by block.
        shared = paired.repeat_interleave(num_heads // x.shape[1], dim=1)
        return shared.flatten(1, 2)  # [B, H * blocks, 2 * window, D]

    queries = F.pad(q, (0, 0, 0, end)).unflatten(2, (num_blocks, window)).flatten(1, 2)
    seen = visible(window, 2 * window, True, window, q.device).repeat(num_blocks, 1, 1)
    # The block before the first one does not exist.
    seen[0, :, :window] = False
    mixed = F.scaled_dot_product_attention(queries, pairs(k), pairs(v), attn_mask=seen.repeat(num_heads, 1, 1)[None])
    return mixed.unflatten(1, (num_heads, num_blocks)).flatten(2, 3)[:, :, :length]
