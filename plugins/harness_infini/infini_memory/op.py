"""What every kernel of `infini_memory` takes: the check of its arguments, random ones for checks, and the cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor

from harness.errors import UsageError
from harness.kernels.costs import Costs, Work
from harness_infini.features import sigma

Memory: TypeAlias = Literal["linear", "delta"]
DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


def check_arguments(q: Tensor, k: Tensor, v: Tensor, M: Tensor, z: Tensor, memory: str) -> None:
    """Raise UsageError unless shapes, dtypes and devices belong together."""
    check_rows("infini_memory", q, q=q, k=k, v=v)
    batch, heads, _, d_key = q.shape
    state_dtype = dtype_of_state(q.dtype)
    for name, tensor, shape in (("M", M, (batch, heads, d_key, v.shape[3])), ("z", z, (batch, heads, d_key))):
        if tensor.shape != shape or tensor.dtype != state_dtype or tensor.device != q.device:
            raise UsageError(
                f"infini_memory: {name} is {tuple(tensor.shape)}, {tensor.dtype} on {tensor.device}; of q "
                f"{tuple(q.shape)} and v {tuple(v.shape)} in {q.dtype} the memory is {shape}, {state_dtype} on "
                f"{q.device}; convert it"
            )
    check_memory("infini_memory", memory)


def dtype_of_state(dtype: torch.dtype) -> torch.dtype:
    """Sums over a long past are kept in float32 at least."""
    return dtype if dtype == torch.float64 else torch.float32


def check_rows(op: str, like: Tensor, **tensors: Tensor) -> None:
    """Raise UsageError unless all are [batch, heads, length, width] like `like`; only the width of `v` may differ."""
    for name, tensor in tensors.items():
        if tensor.dim() != 4 or 0 in tensor.shape:
            raise UsageError(
                f"{op}: {name} has the shape {tuple(tensor.shape)}; it is [batch, heads, length, d_head], none of them "
                "empty; reshape it"
            )
        num_equal = 3 if name == "v" else 4
        if tensor.shape[:num_equal] != like.shape[:num_equal]:
            raise UsageError(
                f"{op}: {name} has the shape {tuple(tensor.shape)} beside {tuple(like.shape)}; queries, keys and "
                "values have one batch, one number of heads and one length, queries and keys one width; reshape it"
            )
        if tensor.dtype not in DTYPES or tensor.dtype != like.dtype or tensor.device != like.device:
            raise UsageError(
                f"{op}: {name} is {tensor.dtype} on {tensor.device} beside {like.dtype} on {like.device}; queries, "
                "keys and values have one floating-point dtype and one device; convert it"
            )


def check_memory(op: str, memory: str) -> None:
    """Raise UsageError unless the rule is one of the paper's two."""
    if memory not in get_args(Memory):
        raise UsageError(
            f"{op}: memory={memory!r}; the rules to write by are {' and '.join(get_args(Memory))}; use one"
        )


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """Standard normal queries, keys and values, and the memory of as many tokens before; see `draw_rows` for extremes.

    With `empty` nothing was written before.
    """
    shape = (size["batch"], size["heads"], size["length"])
    d_key, d_value = size["d_head"], size.get("d_value", size["d_head"])
    values = size.get("values", "normal")
    state_dtype = dtype_of_state(dtype)
    features = sigma(draw_rows((*shape, d_key), values, generator))
    written = torch.randn((*shape, d_value), generator=generator, dtype=torch.float64)
    share = 0.0 if size.get("empty") else 1.0
    M, z = share * features.transpose(-1, -2) @ written, share * features.sum(dim=2)
    q, k = (draw_rows((*shape, d_key), values, generator) for _ in range(2))
    v = torch.randn((*shape, d_value), generator=generator, dtype=torch.float64)
    rows = [x.to(dtype).requires_grad_() for x in (q, k, v)]
    return *rows, M.to(state_dtype).requires_grad_(), z.to(state_dtype).requires_grad_(), size["memory"]


def draw_rows(shape: tuple[int, ...], values: str, generator: torch.Generator) -> Tensor:
    """Queries or keys for sigma: standard normal, or extreme.

    `extreme` ones reach 30 on both sides, where features differ by fourteen decimal orders; of `vanishing` ones every
    feature is small, down to 1e-13, so that reads divide by weights near nothing.
    """
    rows = torch.randn(shape, generator=generator, dtype=torch.float64)
    if values == "extreme":
        return (10 * rows).clamp(-30, 30)
    return -(10 + 5 * rows.abs()).clamp(max=30) if values == "vanishing" else rows


def flops(q: Tensor, k: Tensor, v: Tensor, M: Tensor, z: Tensor, memory: str) -> int:
    """Two for each multiply-add of the read and the write, and of the read that delta corrects by."""
    num_products = 3 if memory == "delta" else 2
    return 2 * num_products * q.numel() * (v.shape[3] + 1)


def costs(q: Tensor, k: Tensor, v: Tensor, M: Tensor, z: Tensor, memory: str) -> Costs:
    """Each tensor travels once.

    Backward makes the read again, and for each product of forward the two that its gradients are.
    """
    rows = (q.numel() + k.numel() + 2 * v.numel()) * q.element_size()
    states = 2 * (M.numel() + z.numel()) * M.element_size()
    product = 2 * q.numel() * v.shape[3]
    num_products = 3 if memory == "delta" else 2
    return Costs(
        forward=Work(bytes=rows + states, matrix_flops=num_products * product),
        backward=Work(bytes=2 * rows + states + states // 2, matrix_flops=3 * num_products * product),
    )
