"""`selective_scan` by the parallel scan of the package `mambapy`: log2(length) sweeps over all states at once."""

from __future__ import annotations

import torch
from mambapy.pscan import pscan
from torch import Tensor
from torch.nn.functional import silu, softplus

from harness_mamba.selective_scan.op import check_arguments, state_dtype
from harness_sequence.linear_memory import without_autocast


def selective_scan(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
    initial_state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """As `reference.selective_scan`; what is around the scan is as in the package's own block."""
    check_arguments(u, dt, A, B, C, D, z, dt_bias, dt_softplus, initial_state)
    exact = state_dtype(u)
    x, step = u.to(exact), dt.to(exact)
    if dt_bias is not None:
        step = step + dt_bias
    if dt_softplus:
        step = softplus(step, threshold=40.0)
    decay = torch.exp(step[..., None] * A)  # [B, L, D, N]
    entering = (step * x)[..., None] * B.to(exact)[:, :, None, :]
    if initial_state is not None:
        first = entering[:, :1] + decay[:, :1] * initial_state[:, None]
        entering = torch.cat((first, entering[:, 1:]), dim=1)
    h = pscan(decay, entering)
    with without_autocast(u.device):
        y = (h @ C.to(exact)[..., None]).squeeze(3)
    if D is not None:
        y = y + D * x
    if z is not None:
        y = y * silu(z.to(exact))
    return y.to(u.dtype), h[:, -1]
