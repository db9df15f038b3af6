"""The definition of `infini_memory`: one segment reads the memory of all before, then writes itself (section 2.2.1).

q, k, v  queries, keys and values of the segment, without positions   [batch, heads, tokens, d]
M        the memory, written sigma(k) v^T                             [batch, heads, d_key, d_value]
z        the sum of written features, which normalises reads          [batch, heads, d_key]
A_mem    what the memory returns for each query                       [batch, heads, tokens, d_value]
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from harness_infini.features import SMALLEST_WEIGHT, sigma
from harness_infini.infini_memory.op import Memory


def infini_memory(
    q: Float[Tensor, "batch heads tokens d_key"],
    k: Float[Tensor, "batch heads tokens d_key"],
    v: Float[Tensor, "batch heads tokens d_value"],
    M: Float[Tensor, "batch heads d_key d_value"],
    z: Float[Tensor, "batch heads d_key"],
    memory: Memory,
) -> tuple[
    Float[Tensor, "batch heads tokens d_value"],
    Float[Tensor, "batch heads d_key d_value"],
    Float[Tensor, "batch heads d_key"],
]:
    """A_mem by equation 3, then M and z by equation 4, or 5 for delta."""
    return read(M, z, q).to(v.dtype), *write(M, z, k, v, memory)


def read(
    M: Float[Tensor, "batch heads d_key d_value"],
    z: Float[Tensor, "batch heads d_key"],
    q: Float[Tensor, "batch heads tokens d_key"],
) -> Float[Tensor, "batch heads tokens d_value"]:
    """Equation 3: sigma(q) M / (sigma(q) z). Before the first write this is 0 / 0, which is defined as 0."""
    features = sigma(q)
    weight = torch.einsum("bhnk,bhk->bhn", features, z)[..., None]
    has_weight = weight >= SMALLEST_WEIGHT
    return torch.where(has_weight, features @ M / torch.where(has_weight, weight, 1.0), 0.0)


def write(
    M: Float[Tensor, "batch heads d_key d_value"],
    z: Float[Tensor, "batch heads d_key"],
    k: Float[Tensor, "batch heads tokens d_key"],
    v: Float[Tensor, "batch heads tokens d_value"],
    memory: Memory,
) -> tuple[Float[Tensor, "batch heads d_key d_value"], Float[Tensor, "batch heads d_key"]]:
    """Equation 4, linear: every value is added. Equation 5, delta: what the memory does not yet return for its key."""
    features = sigma(k)
    written = v.to(features.dtype)
    if memory == "delta":
        written = written - read(M, z, k)
    return M + features.transpose(-1, -2) @ written, z + features.sum(dim=2)
