"""The op `linear_attention`: causal attention with weights sigma(q) . sigma(k), sigma = ELU + 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from harness_sequence.linear_memory import earlier_sums, sigma, weighted_mean, with_ones, without_autocast

LinearAttention: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]

CHUNK = 64
"""Tokens whose weights are computed against each other; those before them are read from a memory."""


def reference(
    q: Float[Tensor, "batch heads length d_key"],
    k: Float[Tensor, "batch heads length d_key"],
    v: Float[Tensor, "batch heads length d_value"],
) -> Float[Tensor, "batch heads length d_value"]:
    """Token by token: S += sigma(k) v^T, z += sigma(k), y = sigma(q) S / sigma(q) z (equations 18 to 20)."""
    q, k = sigma(q), sigma(k)
    S = torch.zeros_like(k[:, :, 0, :, None] * v[:, :, 0, None, :])
    z = torch.zeros_like(k[:, :, 0])
    outputs = []
    for t in range(q.shape[2]):
        S = S + k[:, :, t, :, None] * v[:, :, t, None, :]
        z = z + k[:, :, t]
        outputs.append((q[:, :, t, None] @ S).squeeze(2) / (q[:, :, t] * z).sum(dim=-1, keepdim=True))
    return torch.stack(outputs, dim=2).to(v.dtype)


def chunked(
    q: Float[Tensor, "batch heads length d_key"],
    k: Float[Tensor, "batch heads length d_key"],
    v: Float[Tensor, "batch heads length d_value"],
) -> Float[Tensor, "batch heads length d_value"]:
    """Chunks of tokens at once: masked products inside a chunk, and the sum of the chunks before it."""
    length = q.shape[2]
    size = min(CHUNK, length)
    num_chunks = -(-length // size)

    def cut(x: Tensor) -> Tensor:
        filled = F.pad(x, (0, 0, 0, num_chunks * size - length)) if length % size else x
        return filled.unflatten(2, (num_chunks, size))  # [B, H, chunks, size, D]

    with without_autocast(q.device):
        queries, keys = sigma(cut(q)), sigma(cut(k))
        values = with_ones(cut(v).to(keys.dtype))
        sums = (queries @ keys.transpose(-1, -2)).tril() @ values
        if num_chunks > 1:
            sums = sums + queries @ earlier_sums(keys.transpose(-1, -2) @ values)
        means = weighted_mean(sums)
    return means.flatten(2, 3)[:, :, :length].to(v.dtype)


def flops(q: Tensor, k: Tensor, v: Tensor) -> int:
    """Two for each multiply-add of writing to and reading from the memory at each token."""
    batch, heads, length, d_key = q.shape
    return 4 * batch * heads * length * d_key * (v.shape[-1] + 1)


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """Standard normal queries, keys and values."""
    shape = (size["batch"], size["heads"], size["length"], size["d_head"])
    return tuple(torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for _ in range(3))
