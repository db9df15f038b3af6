"""`selective_scan_update` by the Triton kernel of the package `mamba_ssm`, which changes the state that it is given."""

from __future__ import annotations

from mamba_ssm.ops.triton.selective_state_update import selective_state_update
from torch import Tensor

from harness_mamba.selective_scan.op import state_dtype
from harness_mamba.selective_scan_update.op import check_arguments


def selective_scan_update(
    state: Tensor,
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
) -> tuple[Tensor, Tensor]:
    """As `reference.selective_scan_update`; the copy of the state is part of it, because the op changes no argument."""
    check_arguments(state, u, dt, A, B, C, D, z, dt_bias, dt_softplus)
    after = state.to(state_dtype(u), copy=True)
    y = selective_state_update(after, u, dt, A, B, C, D, z, dt_bias, dt_softplus)
    return y, after
