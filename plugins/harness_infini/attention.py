"""The op `infini_attention`: attention inside segments, gated with reads of a memory of all segments before.

Letters as in the paper: A_dot what local attention returns, A_mem what the memory returns, M the memory, z the sum of
features that normalises it, sigma = ELU + 1. `local_q` and `local_k` carry positions, `q` and `k` do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from harness_sequence.linear_memory import earlier_sums, sigma, weighted_mean, with_ones, without_autocast

Memory: TypeAlias = Literal["linear", "delta"]
InfiniAttention: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, int, Memory], Tensor]


def reference(
    local_q: Float[Tensor, "batch heads length d_key"],
    local_k: Float[Tensor, "batch heads length d_key"],
    q: Float[Tensor, "batch heads length d_key"],
    k: Float[Tensor, "batch heads length d_key"],
    v: Float[Tensor, "batch heads length d_value"],
    beta: Float[Tensor, " heads"],
    segment_length: int,
    memory: Memory,
) -> Float[Tensor, "batch heads length d_value"]:
    """Segment by segment: attend, read (equation 3), write (4 or 5), mix (6). The last segment may be shorter."""
    batch, heads, length, d_key = q.shape
    q, k = sigma(q), sigma(k)
    M = k.new_zeros(batch, heads, d_key, v.shape[-1])
    z = k.new_zeros(batch, heads, d_key)
    gate = torch.sigmoid(beta)[:, None, None]  # [H, 1, 1]

    def read(features: Tensor) -> Tensor:
        weight = torch.einsum("bhnk,bhk->bhn", features, z)[..., None]
        # Before the first write this is 0 / 0, which is defined as 0.
        return torch.where(weight == 0, 0.0, features @ M / torch.where(weight == 0, 1.0, weight))

    mixed = []
    for start in range(0, length, segment_length):
        segment = slice(start, start + segment_length)
        scores = local_q[:, :, segment] @ local_k[:, :, segment].transpose(-1, -2) / math.sqrt(d_key)  # [B, H, N, N]
        future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(diagonal=1)
        A_dot = scores.masked_fill(future, -math.inf).softmax(dim=-1) @ v[:, :, segment]
        A_mem = read(q[:, :, segment])
        written = v[:, :, segment] - read(k[:, :, segment]) if memory == "delta" else v[:, :, segment].to(k.dtype)
        M = M + k[:, :, segment].transpose(-1, -2) @ written
        z = z + k[:, :, segment].sum(dim=2)
        mixed.append(gate * A_mem + (1 - gate) * A_dot)
    return torch.cat(mixed, dim=2).to(v.dtype)


def parallel(
    local_q: Float[Tensor, "batch heads length d_key"],
    local_k: Float[Tensor, "batch heads length d_key"],
    q: Float[Tensor, "batch heads length d_key"],
    k: Float[Tensor, "batch heads length d_key"],
    v: Float[Tensor, "batch heads length d_value"],
    beta: Float[Tensor, " heads"],
    segment_length: int,
    memory: Memory,
) -> Float[Tensor, "batch heads length d_value"]:
    """All segments at once; only the delta rule goes through them in turn, and only to write."""
    length = q.shape[2]
    num_segments = -(-length // segment_length)

    def cut(x: Tensor) -> Tensor:
        # What fills the last segment comes after every token and is never written to the memory.
        filled = F.pad(x, (0, 0, 0, num_segments * segment_length - length)) if length % segment_length else x
        return filled.unflatten(2, (num_segments, segment_length))  # [B, H, S, N, D]

    values = cut(v)
    queries, keys = cut(local_q).flatten(1, 2), cut(local_k).flatten(1, 2)  # [B, H * S, N, D]
    A_dot = F.scaled_dot_product_attention(queries, keys, values.flatten(1, 2), is_causal=True).view_as(values)
    gate = torch.sigmoid(beta)[:, None, None, None]  # [H, 1, 1, 1]
    mixed = (1 - gate) * A_dot
    if num_segments > 1:
        with without_autocast(q.device):
            M = memories(sigma(cut(k)), values, memory)  # [B, H, S, d_key, d_value + 1]
            A_mem = weighted_mean(sigma(cut(q)) @ M)
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


def write(
    M: Float[Tensor, "batch heads d_key width"],
    features: Float[Tensor, "batch heads tokens d_key"],
    values: Float[Tensor, "batch heads tokens d_value"],
    memory: Memory,
) -> Float[Tensor, "batch heads d_key width"]:
    """The memory after one segment's keys and values."""
    written = values - weighted_mean(features @ M) if memory == "delta" else values
    return M + features.transpose(-1, -2) @ with_ones(written)


def flops(
    local_q: Tensor,
    local_k: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    segment_length: int,
    memory: Memory,
) -> int:
    """Two for each multiply-add of local scores and means, of reads and of writes that a later segment reads."""
    batch, heads, length, d_key = q.shape
    width = v.shape[-1] + 1
    whole, rest = divmod(length, segment_length)
    num_pairs = whole * segment_length * (segment_length + 1) // 2 + rest * (rest + 1) // 2
    num_read = max(length - segment_length, 0)
    num_written = (-(-length // segment_length) - 1) * segment_length
    num_corrected = max(num_written - segment_length, 0) if memory == "delta" else 0
    products = num_pairs * (d_key + width - 1) + (num_read + num_written + num_corrected) * d_key * width
    return 2 * batch * heads * products


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """Standard normal queries, keys and values, and gates on both sides of a half."""
    shape = (size["batch"], size["heads"], size["length"], size["d_head"])
    drawn = [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for _ in range(5)]
    beta = torch.randn(size["heads"], generator=generator, dtype=dtype).requires_grad_()
    return *drawn, beta, size["segment_length"], size["memory"]
