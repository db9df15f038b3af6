"""The definition of `long_conv`: causal convolution of each feature with a kernel as long as the sequence."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def long_conv(
    u: Float[Tensor, "batch features length"], kernel: Float[Tensor, "features length"]
) -> Float[Tensor, "batch features length"]:
    """y[t] = sum over lags s = 0..t of kernel[s] u[t - s], one lag after the other."""
    length = u.shape[-1]
    y = torch.zeros_like(u)
    for lag in range(length):
        shifted = torch.cat((torch.zeros_like(u[..., :lag]), u[..., : length - lag]), dim=-1)
        y = y + kernel[:, lag, None].to(u.dtype) * shifted
    return y
