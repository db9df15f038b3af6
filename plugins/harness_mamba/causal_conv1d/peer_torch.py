"""`causal_conv1d` by torch's `conv1d` with one group a channel, whose kernels have the oldest value first."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from harness_mamba.causal_conv1d.op import check_arguments


def causal_conv1d(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> Tensor:
    """As `reference.causal_conv1d`."""
    check_arguments(x, weight, bias, silu)
    width, channels = weight.shape
    filters = weight.to(x.dtype).flip(0).t()[:, None]  # [D, 1, W]
    offset = None if bias is None else bias.to(x.dtype)
    y = F.conv1d(x.mT, filters, offset, padding=width - 1, groups=channels)[..., : x.shape[1]].mT
    return F.silu(y) if silu else y
