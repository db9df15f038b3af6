"""What every kernel of `infini_attention` takes: the check of its arguments, random ones for checks, and the cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor

from harness.errors import UsageError
from harness.kernels.costs import Costs, Work
from harness_infini.infini_memory.op import Memory, check_memory, check_rows, draw_rows

InfiniAttention: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, int, Memory], Tensor]


def check_arguments(
    local_q: Tensor, local_k: Tensor, q: Tensor, k: Tensor, v: Tensor, beta: Tensor, segment_length: int, memory: str
) -> None:
    """Raise UsageError unless shapes, dtypes and devices belong together."""
    check_rows("infini_attention", local_q, local_q=local_q, local_k=local_k, q=q, k=k, v=v)
    heads = local_q.shape[1]
    if beta.shape != (heads,) or beta.dtype not in (q.dtype, torch.float32) or beta.device != q.device:
        raise UsageError(
            f"infini_attention: beta is {tuple(beta.shape)}, {beta.dtype} on {beta.device}; it has one number for each "
            f"of {heads} heads, in {q.dtype} or float32 on {q.device}; convert it"
        )
    if segment_length < 1:
        raise UsageError(
            f"infini_attention: segment_length={segment_length}; a segment has at least one token; use 1 or more"
        )
    check_memory("infini_attention", memory)


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """Standard normal queries, keys and values, and gates on both sides of a half.

    What the memory sees may be extreme: see `infini_memory.op.draw_rows`.
    """
    shape = (size["batch"], size["heads"], size["length"])
    d_key, d_value = size["d_head"], size.get("d_value", size["d_head"])
    values = size.get("values", "normal")

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    local_q, local_k = (normal(*shape, d_key) for _ in range(2))
    q, k = (draw_rows((*shape, d_key), values, generator) for _ in range(2))
    v, beta = normal(*shape, d_value), normal(size["heads"])
    drawn = [x.to(dtype).requires_grad_() for x in (local_q, local_k, q, k, v, beta)]
    return *drawn, size["segment_length"], size["memory"]


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


def costs(
    local_q: Tensor,
    local_k: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    segment_length: int,
    memory: Memory,
) -> Costs:
    """Local scores and means of half a segment, three products with the memory; one query, key and value travel.

    That is a floor for every way to do it: a linear memory needs one product less, positions one query and key more.
    Backward makes the local scores again and has two products for each of forward's, of the memory too.
    """
    tokens = q.numel() // q.shape[3]
    d_key, d_value = q.shape[3], v.shape[3]
    local = tokens * min(segment_length, q.shape[2]) * (d_key + d_value)
    remembered = 6 * tokens * d_key * d_value
    once = 2 * tokens * (d_key + d_value) * q.element_size()
    return Costs(
        forward=Work(bytes=once, matrix_flops=local + remembered),
        backward=Work(bytes=2 * once, matrix_flops=2.5 * local + 2 * remembered),
    )
