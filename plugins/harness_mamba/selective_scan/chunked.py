"""`selective_scan` in torch alone: chunks of about sqrt(length) steps, all chunks at once.

The recurrence is linear in the state, so it is scanned inside every chunk as if the state before the chunk were zero;
then the true states before the chunks follow from one another, and each is decayed into its chunk. That is
`chunk + length / chunk` operations on large tensors instead of `length` on small ones. Letters as in `reference`.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from harness_mamba.selective_scan.op import check_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Float
    from torch import Tensor

# States kept at once: few enough to stay in a CPU's cache, enough to fill an accelerator.
STATES_AT_ONCE_ON_CPU = 2**19
STATES_AT_ONCE = 2**26


def selective_scan(
    u: Float[Tensor, "batch length channels"],
    dt: Float[Tensor, "batch length channels"],
    A: Float[Tensor, "channels states"],
    B: Float[Tensor, "batch length states"],
    C: Float[Tensor, "batch length states"],
    D: Float[Tensor, " channels"],
) -> Float[Tensor, "batch length channels"]:
    """As `reference.selective_scan`; the backward pass is written out and recomputes the states."""
    check_arguments(u, dt, A, B, C, D)
    return _ChunkedScan.apply(u, dt, A, B, C, D)  # type: ignore[no-any-return]


class _ChunkedScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
        ctx.save_for_backward(u, dt, A, B, C, D)
        y = D * u
        for part in _channel_parts(u, A):
            h, _ = _states(u[..., part], dt[..., part], A[part], B)
            y[..., part] += torch.einsum("bldn,bln->bld", h, C)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor, ...]:
        u, dt, A, B, C, D = ctx.saved_tensors
        gu, gdt, gA, gB, gC = (torch.zeros_like(tensor) for tensor in (u, dt, A, B, C))
        for part in _channel_parts(u, A):
            u_, dt_, A_, gy_ = u[..., part], dt[..., part], A[part], gy[..., part]
            h, decay = _states(u_, dt_, A_, B)
            gC += torch.einsum("bld,bldn->bln", gy_, h)
            # The gradient of h_t is what reaches it at t, and what comes back from t + 1 decayed once more.
            gh = gy_[..., None] * C[:, :, None, :]  # [B, L, D, N]
            gh = _scan(pad(decay[:, 1:], (0, 0, 0, 0, 0, 1)), gh, order=-1)
            gx = torch.einsum("bldn,bln->bld", gh, B)  # of x = dt u
            gB += torch.einsum("bldn,bld->bln", gh, dt_ * u_)
            # The gradient of dt A is gh times the decayed state before: zero at the first step.
            gh = gh[:, 1:] * decay[:, 1:] * h[:, :-1]
            gA[part] = torch.einsum("bldn,bld->dn", gh, dt_[:, 1:])
            gdt[..., part] = gx * u_
            gdt[:, 1:, part] += torch.einsum("bldn,dn->bld", gh, A_)
            gu[..., part] = gx * dt_
        gu += D * gy
        return gu, gdt, gA, gB, gC, torch.einsum("bld,bld->d", gy, u)


def _channel_parts(u: Tensor, A: Tensor) -> Iterator[slice]:
    """Channels are independent: parts of them are scanned one after another to bound the memory."""
    batch, length, channels = u.shape
    at_once = STATES_AT_ONCE_ON_CPU if u.device.type == "cpu" else STATES_AT_ONCE
    width = max(1, at_once // (batch * length * A.shape[1]))
    return (slice(start, start + width) for start in range(0, channels, width))


def _states(u: Tensor, dt: Tensor, A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
    """All states and decays, [B, L, D, N] each."""
    decay = torch.exp(dt[..., None] * A)
    h = (dt * u)[..., None] * B[:, :, None, :]
    return _scan(decay.clone(), h, order=1), decay


def _scan(decay: Tensor, h: Tensor, order: int) -> Tensor:
    """`h_t += decay_t h_{t-order}` for every t, from the first on (order 1) or the last (order -1).

    Both arguments may be overwritten; the states are returned.
    """
    batch, length, channels, states = h.shape
    chunk = math.isqrt(length)
    chunks = math.ceil(length / chunk)
    if chunks * chunk > length:
        decay, h = (pad(tensor, (0, 0, 0, 0, 0, chunks * chunk - length)) for tensor in (decay, h))
    shape = (batch, chunks, chunk, channels, states)
    decays, inside = decay.view(shape), h.view(shape)
    times = range(chunk)[::order]
    for before, t in itertools.pairwise(times):
        inside[:, :, t].addcmul_(decays[:, :, t], inside[:, :, before])
        decays[:, :, t].mul_(decays[:, :, before])
    starts = torch.zeros_like(inside[:, :, 0])
    last = times[-1]
    for before, c in itertools.pairwise(range(chunks)[::order]):
        starts[:, c] = inside[:, before, last] + decays[:, before, last] * starts[:, before]
    inside.addcmul_(decays, starts[:, :, None])
    return h[:, :length]
