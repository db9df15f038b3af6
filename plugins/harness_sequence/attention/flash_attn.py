"""`attention` by the package flash_attn (Dao 2023), whose layout is [batch, length, heads, d_head]."""

from __future__ import annotations

from flash_attn import flash_attn_func
from torch import Tensor

from harness.errors import UnsupportedError
from harness_sequence.attention.op import check_arguments

WIDEST = 256


def attention(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> Tensor:
    check_arguments(q, k, v, causal, window)
    if q.shape[3] != v.shape[3] or q.shape[3] > WIDEST:
        raise UnsupportedError(
            f"attention.flash_attn takes keys and values of one width of at most {WIDEST}; d_key={q.shape[3]}, "
            f"d_value={v.shape[3]}; use kernel=attention.torch"
        )
    q, k, v = (x if x.stride(3) == 1 else x.contiguous() for x in (q, k, v))
    reach = -1 if window is None else window - 1
    mixed = flash_attn_func(
        q.transpose(1, 2),
        k.transpose(1, 2),
        v.transpose(1, 2),
        causal=causal,
        window_size=(reach, 0 if causal and window is not None else reach),
    )
    return mixed.transpose(1, 2)
