"""What every kernel of `attention` takes: the check of its arguments, random ones for checks, and the cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor

from harness.errors import UsageError
from harness.kernels.costs import Costs, Work

Attention: TypeAlias = Callable[[Tensor, Tensor, Tensor, bool, int | None], Tensor]
DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


def check_arguments(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> None:
    """Raise UsageError unless shapes, dtypes and devices belong together."""
    shapes = f"q has the shape {tuple(q.shape)}, k {tuple(k.shape)} and v {tuple(v.shape)}"
    for name, tensor in (("q", q), ("k", k), ("v", v)):
        if tensor.dim() != 4 or 0 in tensor.shape:
            raise UsageError(
                f"attention: {name} has the shape {tuple(tensor.shape)}; it is [batch, heads, length, d_head], none of "
                "them empty; reshape it"
            )
        if tensor.dtype not in DTYPES or tensor.dtype != q.dtype or tensor.device != q.device:
            raise UsageError(
                f"attention: {name} is {tensor.dtype} on {tensor.device} and q is {q.dtype} on {q.device}; all three "
                "have one floating-point dtype and one device; convert them"
            )
    if not q.shape[0] == k.shape[0] == v.shape[0] or k.shape[1:3] != v.shape[1:3] or q.shape[3] != k.shape[3]:
        raise UsageError(
            f"attention: {shapes}; they have one batch, k and v the same heads and lengths, q and k the same d_head; "
            "reshape them"
        )
    if q.shape[1] % k.shape[1]:
        raise UsageError(
            f"attention: q has {q.shape[1]} heads and k has {k.shape[1]}; each head of k serves the same number of "
            "those of q; choose a divisor"
        )
    if window is not None and window < 1:
        raise UsageError(f"attention: window={window}; a position sees at least itself; use 1 or more, or None")
    if q.shape[2] > k.shape[2] and (causal or window is not None):
        raise UsageError(
            f"attention: {q.shape[2]} queries of {k.shape[2]} keys, causal={causal}, window={window}; queries are the "
            "last positions of the keys, so there are at most as many; cut q, or use causal=False, window=None"
        )


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """Standard normal queries, keys and values.

    Extreme ones have a first query whose scores are all near -112 and a last one whose scores are all near 112: their
    exponentials leave the range of float32 unless the largest score is subtracted.
    """
    heads, d_key = size["heads"], size["d_head"]
    kv_heads, d_value = size.get("kv_heads", heads), size.get("d_value", d_key)

    def draw(heads: int, length: int, width: int) -> Tensor:
        return torch.randn(size["batch"], heads, length, width, generator=generator, dtype=torch.float64)

    q = draw(heads, size["queries"], d_key)
    k, v = draw(kv_heads, size["keys"], d_key), draw(kv_heads, size["keys"], d_value)
    if size.get("values") == "extreme":
        middle = 3 * d_key // 4
        k[..., middle] = 1
        q[:, :, 0, middle] = -112 * d_key**0.5
        q[:, :, -1, middle] = 112 * d_key**0.5
    q, k, v = (x.to(dtype).requires_grad_() for x in (q, k, v))
    return q, k, v, size["causal"], size["window"]


def _num_pairs(num_queries: int, num_keys: int, causal: bool, window: int | None) -> int:
    """How many pairs of a query and a key that it sees a head has."""
    if window is None and not causal:
        return num_queries * num_keys
    reach = num_keys if window is None else window
    return sum(
        min(position + 1 if causal else position + reach, num_keys) - max(position + 1 - reach, 0)
        for position in range(num_keys - num_queries, num_keys)
    )


def flops(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> int:
    """Two products for each pair of a query and a key that it sees, whatever else a kernel computes and masks."""
    num_pairs = q.shape[0] * q.shape[1] * _num_pairs(q.shape[2], k.shape[2], causal, window)
    return 2 * num_pairs * (q.shape[3] + v.shape[3])


def costs(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> Costs:
    """Each tensor travels once and each visible pair has one exponential.

    Backward makes five products of a pair, as the scores are not kept: three of d_head and two of d_value, so 2.5 times
    the work of forward where these are equal.
    """
    d_key, d_value = q.shape[3], v.shape[3]
    num_pairs = q.shape[0] * q.shape[1] * _num_pairs(q.shape[2], k.shape[2], causal, window)
    output = q.numel() // d_key * d_value
    once = (q.numel() + k.numel() + v.numel() + output) * q.element_size()
    return Costs(
        forward=Work(bytes=once, matrix_flops=2 * num_pairs * (d_key + d_value), exponentials=num_pairs),
        backward=Work(bytes=2 * once, matrix_flops=2 * num_pairs * (3 * d_key + 2 * d_value), exponentials=num_pairs),
    )
