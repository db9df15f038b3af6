"""The definition of `selective_scan`: the recurrence, one step at a time.

u   input                              [batch, length, channels]
dt  step sizes, before the bias and softplus where those are given   [batch, length, channels]
A   decay rates, negative for a stable state   [channels, states]
B   what enters the state              [batch, length, states]
C   what is read from the state        [batch, length, states]
D   what passes by the state, or None  [channels]
z   gate of the output, or None        [batch, length, channels]
h   state                              [batch, channels, states]
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import silu

from harness_mamba.selective_scan.op import state_dtype


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
    """`h_t = exp(dt_t A) h_{t-1} + dt_t u_t B_t; y_t = (C_t h_t + D u_t) silu(z_t)`, and the last state.

    States are float32 (float64 beside float64), and so is all arithmetic; y is rounded once, to the dtype of u.
    """
    exact = state_dtype(u)
    h = u.new_zeros(u.shape[0], *A.shape, dtype=exact) if initial_state is None else initial_state.to(exact)
    gates = [None] * u.shape[1] if z is None else z.to(exact).unbind(1)
    outputs = []
    # unbind, not u[:, t]: the gradient of an index is a tensor as long as the sequence, once for every step.
    steps = zip(*(tensor.to(exact).unbind(1) for tensor in (u, dt, B, C)), gates, strict=True)
    for u_t, dt_t, B_t, C_t, z_t in steps:
        y_t, h = step(h, u_t, dt_t, A, B_t, C_t, D, z_t, dt_bias, dt_softplus)
        outputs.append(y_t)
    return torch.stack(outputs, dim=1).to(u.dtype), h


def step(
    h: Tensor,
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    dt_bias: Tensor | None,
    dt_softplus: bool,
) -> tuple[Tensor, Tensor]:
    """One step of the recurrence: the output and the state after it (equation 2a with A by zero-order hold)."""
    if dt_bias is not None:
        dt = dt + dt_bias
    if dt_softplus:
        # log(exp(dt) + 1), with no threshold above which it is cut short.
        dt = torch.logaddexp(dt, torch.zeros_like(dt))
    h = torch.exp(dt[:, :, None] * A) * h + (dt * u)[:, :, None] * B[:, None, :]
    # A sum and no matrix product, which autocast would round to a half.
    y = (h * C[:, None, :]).sum(-1)
    if D is not None:
        y = y + D * u
    return y if z is None else y * silu(z), h
