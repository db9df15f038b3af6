"""`selective_scan` for CPUs: one pass over time in machine code that numba makes, one thread.

Sixteen channels share a vector, so nothing is summed across lanes going forward, and the state of sixteen channels
(`states` vectors) stays in the cache. The forward pass keeps the state before every chunk of time; the backward pass
recomputes the states inside a chunk from it. Letters as in `reference`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from harness.errors import UsageError
from harness_mamba.selective_scan.compilation import compiled
from harness_mamba.selective_scan.loops import scan_backward, scan_forward
from harness_mamba.selective_scan.op import check_arguments
from harness_mamba.selective_scan.vectors import LANES

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

# Steps whose states are recomputed together: as many as the first-level cache holds.
CHUNK = 32


def selective_scan(
    u: Float[Tensor, "batch length channels"],
    dt: Float[Tensor, "batch length channels"],
    A: Float[Tensor, "channels states"],
    B: Float[Tensor, "batch length states"],
    C: Float[Tensor, "batch length states"],
    D: Float[Tensor, " channels"],
) -> Float[Tensor, "batch length channels"]:
    """As `reference.selective_scan`, in float32 or float64."""
    check_arguments(u, dt, A, B, C, D)
    if u.dtype not in (torch.float32, torch.float64) or u.device.type != "cpu":
        raise UsageError(
            f"selective_scan: the kernel cpu got {u.dtype} on {u.device}; it takes float32 and float64 on the CPU; "
            "convert the arguments or choose the kernel torch"
        )
    return _CompiledScan.apply(u, dt, A, B, C, D)  # type: ignore[no-any-return]


class _CompiledScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
        batch, length, channels = u.shape
        states = A.shape[1]
        arguments = [
            _whole_vectors(u),
            _whole_vectors(dt),
            _by_blocks(A),
            B.contiguous(),
            C.contiguous(),
            _whole_vectors(D),
        ]
        width = arguments[0].shape[-1]
        chunk = CHUNK if any(ctx.needs_input_grad) else length
        starts = u.new_empty(batch * math.ceil(length / chunk) * states * width)
        y = torch.empty_like(arguments[0])
        compiled(scan_forward, u.dtype)(
            *_flat(*arguments, y, starts, u.new_empty(states * LANES)), batch, length, width, states, chunk
        )
        ctx.save_for_backward(*arguments, starts)
        ctx.channels = channels
        return y[..., :channels]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor, ...]:
        *arguments, starts = ctx.saved_tensors
        u, dt, A, B, C, D = arguments
        batch, length, width = u.shape
        states = B.shape[-1]
        gu, gdt, gB, gC = (torch.empty_like(tensor) for tensor in (u, dt, B, C))
        gA, gD = torch.zeros_like(A), torch.zeros_like(D)
        scratch = [
            u.new_empty((CHUNK + 1) * states * LANES),
            u.new_empty(CHUNK * states * LANES),
            u.new_empty(CHUNK * states * LANES),
            u.new_empty(CHUNK * states * LANES),
            u.new_empty(states * width),
        ]
        compiled(scan_backward, u.dtype)(
            *_flat(*arguments, starts, _whole_vectors(gy), gu, gdt, gA, gB, gC, gD, *scratch),
            batch, length, width, states, CHUNK
        )  # fmt: skip
        kept = slice(ctx.channels)
        gA = gA.transpose(1, 2).reshape(width, states)
        return gu[..., kept], gdt[..., kept], gA[kept], gB, gC, gD[kept]


def _whole_vectors(tensor: Tensor) -> Tensor:
    """Contiguous, with channels of zeros up to a multiple of the vector."""
    missing = -tensor.shape[-1] % LANES
    return pad(tensor, (0, missing)) if missing else tensor.contiguous()


def _by_blocks(A: Tensor) -> Tensor:
    """[channels, states] laid out as [blocks of channels, states, lanes]."""
    return _whole_vectors(A.t()).unflatten(1, (-1, LANES)).transpose(0, 1).contiguous()


def _flat(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().view(-1).numpy() for tensor in tensors]
