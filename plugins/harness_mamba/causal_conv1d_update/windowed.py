"""`causal_conv1d_update` in torch alone, in few operations."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import silu as silu_of

from harness_mamba.causal_conv1d_update.op import check_arguments


def causal_conv1d_update(
    past: Float[Tensor, "batch past channels"],
    x: Float[Tensor, "batch channels"],
    weight: Float[Tensor, "width channels"],
    bias: Float[Tensor, " channels"] | None,
    silu: bool,
) -> tuple[Float[Tensor, "batch channels"], Float[Tensor, "batch past channels"]]:
    """As `reference.causal_conv1d_update`."""
    check_arguments(past, x, weight, bias, silu)
    exact = torch.float64 if x.dtype == torch.float64 else torch.float32
    window = torch.cat((x[:, None], past), dim=1)  # [B, W, D]
    y = (window.to(exact) * weight.to(exact)).sum(1)
    if bias is not None:
        y = y + bias.to(exact)
    return (silu_of(y) if silu else y).to(x.dtype), window[:, :-1]
