"""`attention` by torch's flex_attention, compiled for each mask and shape."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from harness.errors import UnsupportedError
from harness_sequence.attention.op import check_arguments


def attention(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> Tensor:
    """Blocks that nothing in sight lies in are left out, so a window costs what it sees."""
    check_arguments(q, k, v, causal, window)
    return attend(compiled(), q, k, v, causal, window)


def attend(flex: Callable[..., Tensor], q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> Tensor:
    """`flex`, which is flex_attention compiled or not, with the mask for these arguments."""
    mask = block_mask(q.shape[2], k.shape[2], causal, window, q.device)
    try:
        return flex(q, k, v, block_mask=mask, enable_gqa=q.shape[1] != k.shape[1])
    except (NotImplementedError, ValueError) as error:
        raise UnsupportedError(
            f"attention: flex_attention refuses q {tuple(q.shape)}, k {tuple(k.shape)}, v {tuple(v.shape)} in "
            f"{q.dtype} on {q.device}: {error}; use kernel=attention.torch"
        ) from error


@functools.cache
def compiled() -> Callable[..., Tensor]:
    """Fails where torch would otherwise stop compiling for new shapes and run the uncompiled form in silence."""
    return torch.compile(flex_attention, fullgraph=True, dynamic=False, recompile_limit=256)


@functools.lru_cache(maxsize=64)
def block_mask(
    num_queries: int, num_keys: int, causal: bool, window: int | None, device: torch.device
) -> BlockMask | None:
    """What is seen, or None for everything. Made once: a layer would not make it anew for every call either."""
    if not causal and window is None:
        return None
    before = num_keys if window is None else window
    after = 1 if causal else before

    first = num_keys - num_queries
    return create_block_mask(
        lambda batch, head, query, key: (key - query - first < after) & (query + first - key < before),
        B=None,
        H=None,
        Q_LEN=num_queries,
        KV_LEN=num_keys,
        device=device,
    )
