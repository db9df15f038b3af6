"""`selective_scan_update` in torch alone, in few operations. Letters as in `selective_scan.reference`."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import silu, softplus

from harness_mamba.selective_scan.chunked import SOFTPLUS_IS_IDENTITY_ABOVE
from harness_mamba.selective_scan.op import state_dtype
from harness_mamba.selective_scan_update.op import check_arguments
from harness_sequence.linear_memory import without_autocast


def selective_scan_update(
    state: Float[Tensor, "batch channels states"],
    u: Float[Tensor, "batch channels"],
    dt: Float[Tensor, "batch channels"],
    A: Float[Tensor, "channels states"],
    B: Float[Tensor, "batch states"],
    C: Float[Tensor, "batch states"],
    D: Float[Tensor, " channels"] | None = None,
    z: Float[Tensor, "batch channels"] | None = None,
    dt_bias: Float[Tensor, " channels"] | None = None,
    dt_softplus: bool = False,
) -> tuple[Float[Tensor, "batch channels"], Float[Tensor, "batch channels states"]]:
    """As `reference.selective_scan_update`."""
    check_arguments(state, u, dt, A, B, C, D, z, dt_bias, dt_softplus)
    exact = state_dtype(u)
    u_, dt_ = u.to(exact), dt.to(exact)
    if dt_bias is not None:
        dt_ = dt_ + dt_bias
    if dt_softplus:
        dt_ = softplus(dt_, threshold=SOFTPLUS_IS_IDENTITY_ABOVE)
    decay = torch.exp(dt_[:, :, None] * A)
    h = torch.addcmul((dt_ * u_)[:, :, None] * B.to(exact)[:, None, :], decay, state.to(exact))
    with without_autocast(u.device):
        y = torch.bmm(h, C.to(exact)[:, :, None]).squeeze(2)
    if D is not None:
        y = torch.addcmul(y, D.to(exact), u_)
    if z is not None:
        y = y * silu(z.to(exact))
    return y.to(u.dtype), h
