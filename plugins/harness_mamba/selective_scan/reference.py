"""The definition of `selective_scan`: the recurrence, one step at a time.

u   input                              [batch, length, channels]
dt  step sizes, positive               [batch, length, channels]
A   decay rates, negative for a stable state   [channels, states]
B   what enters the state              [batch, length, states]
C   what is read from the state        [batch, length, states]
D   what passes by the state           [channels]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


def selective_step(
    h: Float[Tensor, "batch channels states"],
    u: Float[Tensor, "batch channels"],
    dt: Float[Tensor, "batch channels"],
    A: Float[Tensor, "channels states"],
    B: Float[Tensor, "batch states"],
    C: Float[Tensor, "batch states"],
    D: Float[Tensor, " channels"],
) -> tuple[Float[Tensor, "batch channels"], Float[Tensor, "batch channels states"]]:
    """One step of the recurrence: the output and the state after it (equation 2a with A by zero-order hold)."""
    h = torch.exp(dt[:, :, None] * A) * h + (dt * u)[:, :, None] * B[:, None, :]
    return torch.einsum("bdn,bn->bd", h, C) + D * u, h


def selective_scan(
    u: Float[Tensor, "batch length channels"],
    dt: Float[Tensor, "batch length channels"],
    A: Float[Tensor, "channels states"],
    B: Float[Tensor, "batch length states"],
    C: Float[Tensor, "batch length states"],
    D: Float[Tensor, " channels"],
) -> Float[Tensor, "batch length channels"]:
    """`h_t = exp(dt_t A) h_{t-1} + dt_t u_t B_t; y_t = C_t h_t + D u_t`, from `h_0 = 0`."""
    h = u.new_zeros(u.shape[0], *A.shape)
    outputs = []
    # unbind, not u[:, t]: the gradient of an index is a tensor as long as the sequence, once for every step.
    for u_t, dt_t, B_t, C_t in zip(u.unbind(1), dt.unbind(1), B.unbind(1), C.unbind(1), strict=True):
        y_t, h = selective_step(h, u_t, dt_t, A, B_t, C_t, D)
        outputs.append(y_t)
    return torch.stack(outputs, dim=1)
