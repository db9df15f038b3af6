"""`selective_scan` in torch alone: chunks of about sqrt(length) steps, all chunks at once.

The recurrence is linear in the state, so it is scanned inside every chunk as if the state before the chunk were zero;
then the true states before the chunks follow from one another, and each is decayed into its chunk. That is
`chunk + length / chunk` operations on large tensors instead of `length` on small ones. Bias, softplus, skip and gate
are torch's own operations around it. Letters as in `reference`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad, silu, softplus

from harness_mamba.selective_scan.op import check_arguments, state_dtype
from harness_sequence.linear_memory import without_autocast

# States kept at once: few enough to stay in a CPU's cache, enough to fill an accelerator.
STATES_AT_ONCE_ON_CPU = 2**19
STATES_AT_ONCE = 2**26
SOFTPLUS_IS_IDENTITY_ABOVE = 40.0
"""Where log(1 + e^-x) is nothing even in float64; torch stops at 20."""


def selective_scan(
    u: Float[Tensor, "batch length channels"],
    dt: Float[Tensor, "batch length channels"],
    A: Float[Tensor, "channels states"],
    B: Float[Tensor, "batch length states"],
    C: Float[Tensor, "batch length states"],
    D: Float[Tensor, " channels"] | None = None,
    z: Float[Tensor, "batch length channels"] | None = None,
    dt_bias: Float[Tensor, " channels"] | None = None,
    dt_softplus: bool = False,
    initial_state: Float[Tensor, "batch channels states"] | None = None,
) -> tuple[Float[Tensor, "batch length channels"], Float[Tensor, "batch channels states"]]:
    """As `reference.selective_scan`; the scan's backward pass is written out and recomputes the states."""
    check_arguments(u, dt, A, B, C, D, z, dt_bias, dt_softplus, initial_state)
    exact = state_dtype(u)
    u_, dt_ = u.to(exact), dt.to(exact)
    if dt_bias is not None:
        dt_ = dt_ + dt_bias
    if dt_softplus:
        dt_ = softplus(dt_, threshold=SOFTPLUS_IS_IDENTITY_ABOVE)
    h0 = None if initial_state is None else initial_state.to(exact)
    with without_autocast(u.device):
        y, h = _ChunkedScan.apply(u_, dt_, A.to(exact), B.to(exact), C.to(exact), h0)
    if D is not None:
        y = torch.addcmul(y, D.to(exact), u_)
    if z is not None:
        y = y * silu(z.to(exact))
    return y.to(u.dtype), h


class _ChunkedScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, h0: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(u, dt, A, B, C, h0)
        ctx.set_materialize_grads(False)
        y = torch.empty_like(u, memory_format=torch.contiguous_format)
        final = u.new_empty(u.shape[0], *A.shape)
        for part in _channel_parts(u, A):
            h, _ = _states(u[..., part], dt[..., part], A[part], B, None if h0 is None else h0[:, part])
            y[..., part] = torch.einsum("bldn,bln->bld", h, C)
            final[:, part] = h[:, -1]
        return y, final

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: Tensor | None, gfinal: Tensor | None) -> tuple[Tensor | None, ...]:
        with without_autocast(ctx.saved_tensors[0].device):
            return _gradients(*ctx.saved_tensors, gy, gfinal)


def _gradients(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    h0: Tensor | None,
    gy: Tensor | None,
    gfinal: Tensor | None,
) -> tuple[Tensor | None, ...]:
    """The gradients of what comes before gy."""
    gu, gdt, gA, gB, gC = (torch.zeros_like(tensor) for tensor in (u, dt, A, B, C))
    gh0 = None if h0 is None else torch.empty_like(h0)
    if gy is None:
        gy = torch.zeros_like(u)
    for part in _channel_parts(u, A):
        u_, dt_, A_, gy_ = u[..., part], dt[..., part], A[part], gy[..., part]
        h0_ = None if h0 is None else h0[:, part]
        h, decay = _states(u_, dt_, A_, B, h0_)
        gC += torch.einsum("bld,bldn->bln", gy_, h)
        # The gradient of h_t is what reaches it at t, and what comes back from t + 1 decayed once more.
        gh = gy_[..., None] * C[:, :, None, :]  # [B, L, D, N]
        if gfinal is not None:
            gh[:, -1] += gfinal[:, part]
        gh = _scan(pad(decay[:, 1:], (0, 0, 0, 0, 0, 1)), gh, order=-1)
        gx = torch.einsum("bldn,bln->bld", gh, B)  # of x = dt u
        gB += torch.einsum("bldn,bld->bln", gh, dt_ * u_)
        gdt[..., part] = gx * u_
        gu[..., part] = gx * dt_
        # The gradient of dt A is gh times the decayed state before.
        back = gh * decay
        if gh0 is not None and h0_ is not None:
            gh0[:, part] = back[:, 0]
            before = torch.cat((h0_[:, None], h[:, :-1]), dim=1)
        else:
            before = pad(h[:, :-1], (0, 0, 0, 0, 1, 0))
        exponent = back.mul_(before)
        gA[part] = torch.einsum("bldn,bld->dn", exponent, dt_)
        gdt[..., part] += torch.einsum("bldn,dn->bld", exponent, A_)
    return gu, gdt, gA, gB, gC, gh0


def _channel_parts(u: Tensor, A: Tensor) -> Iterator[slice]:
    """Channels are independent: parts of them are scanned one after another to bound the memory."""
    batch, length, channels = u.shape
    at_once = STATES_AT_ONCE_ON_CPU if u.device.type == "cpu" else STATES_AT_ONCE
    width = max(1, at_once // (batch * length * A.shape[1]))
    return (slice(start, start + width) for start in range(0, channels, width))


def _states(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, h0: Tensor | None) -> tuple[Tensor, Tensor]:
    """All states and decays, [B, L, D, N] each."""
    decay = torch.exp(dt[..., None] * A)
    h = (dt * u)[..., None] * B[:, :, None, :]
    if h0 is not None:
        h[:, 0].addcmul_(decay[:, 0], h0)
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
