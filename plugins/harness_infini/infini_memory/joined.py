"""`infini_memory` in torch alone, with z as the memory's last column: one product less for each read and write."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from harness_infini import joined_memory
from harness_infini.features import sigma
from harness_infini.infini_memory.op import Memory, check_arguments
from harness_sequence.linear_memory import without_autocast


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
    """As `reference.infini_memory`."""
    check_arguments(q, k, v, M, z, memory)
    with without_autocast(q.device):
        joined = torch.cat((M, z[..., None]), dim=-1)
        A_mem = joined_memory.read(joined, sigma(q))
        new = joined_memory.write(joined, sigma(k), v.to(M.dtype), memory)
    return A_mem.to(v.dtype), new[..., :-1].contiguous(), new[..., -1].contiguous()
