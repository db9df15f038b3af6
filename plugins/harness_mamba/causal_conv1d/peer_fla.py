"""`causal_conv1d` by the Triton kernel of the package `fla`, whose weights have the oldest value first."""

from __future__ import annotations

from fla.modules.causal_conv1d import causal_conv1d as causal_conv1d_of_fla
from torch import Tensor

from harness_mamba.causal_conv1d.op import check_arguments


def causal_conv1d(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> Tensor:
    """As `reference.causal_conv1d`."""
    check_arguments(x, weight, bias, silu)
    oldest_first = weight.flip(0).t().contiguous()
    y, _ = causal_conv1d_of_fla(x, oldest_first, bias, activation="silu" if silu else None)
    return y
