"""The definition of `causal_conv1d_update`: the last output of `causal_conv1d` over the past and one more value.

past    the values before x, the latest first       [batch, width - 1, channels]
x       the present value                           [batch, channels]
weight  one for each lag and channel; the first lag is the present   [width, channels]
bias    added to each channel, or None              [channels]
silu    whether SiLU follows
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def causal_conv1d_update(
    past: Float[Tensor, "batch past channels"],
    x: Float[Tensor, "batch channels"],
    weight: Float[Tensor, "width channels"],
    bias: Float[Tensor, " channels"] | None,
    silu: bool,
) -> tuple[Float[Tensor, "batch channels"], Float[Tensor, "batch past channels"]]:
    """y = sum over lags j of weight_j times the value j back, plus the bias; and the past of the value after x.

    Halves are added up in float32, and y is rounded once.
    """
    exact = torch.float64 if x.dtype == torch.float64 else torch.float32
    window = torch.cat((x[:, None], past), dim=1)  # [B, W, D]
    y = torch.zeros_like(x, dtype=exact)
    for value, weight_of_lag in zip(window.unbind(1), weight.unbind(0), strict=True):
        y = y + weight_of_lag.to(exact) * value.to(exact)
    if bias is not None:
        y = y + bias.to(exact)
    return (F.silu(y) if silu else y).to(x.dtype), window[:, :-1]
