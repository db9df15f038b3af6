"""What kernels of both languages ask of rows: how they lie in memory, and how wide they are."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.errors import UnsupportedError

WIDEST = 128


def with_equal_strides(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors themselves where their numbers lie alike and rows are contiguous, else copies that do."""
    first = tensors[0]
    if first.stride(-1) == 1 and all(x.stride() == first.stride() for x in tensors):
        return tensors
    return tuple(x.contiguous() for x in tensors)


def check_widths(kernel: str, q: Tensor, v: Tensor) -> None:
    """Raise UnsupportedError for heads that a program cannot hold."""
    if max(q.shape[3], v.shape[3]) > WIDEST or q.dtype == torch.float64:
        raise UnsupportedError(
            f"{kernel} takes heads of at most {WIDEST} numbers of 16 or 32 bits; d_key={q.shape[3]}, "
            f"d_value={v.shape[3]}, {q.dtype}; use kernel={kernel.partition('.')[0]}.torch"
        )
