"""The definition of `causal_conv1d`: each channel's weighted sum of its last values (figure 3 of the paper).

x       input                                       [batch, length, channels]
weight  one for each lag and channel; the first lag is the present   [width, channels]
bias    added to each channel, or None              [channels]
silu    whether SiLU follows
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def causal_conv1d(
    x: Float[Tensor, "batch length channels"],
    weight: Float[Tensor, "width channels"],
    bias: Float[Tensor, " channels"] | None,
    silu: bool,
) -> Float[Tensor, "batch length channels"]:
    """y_t = sum over lags j of weight_j x_{t-j}, plus the bias, where x is zero before the sequence."""
    length = x.shape[1]
    y = torch.zeros_like(x)
    for lag, weight_of_lag in enumerate(weight.unbind(0)):
        y = y + weight_of_lag.to(x.dtype) * F.pad(x, (0, 0, lag, 0))[:, :length]
    if bias is not None:
        y = y + bias.to(x.dtype)
    return F.silu(y) if silu else y
