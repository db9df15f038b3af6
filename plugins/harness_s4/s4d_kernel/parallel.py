"""The Vandermonde product by two short factors: exp((qT + r) a) = exp(qT a) exp(r a).

With T near the square root of L this takes 2 sqrt(L) exponentials a mode instead of L, never holds [D, M, L], and the
rest is one real batched matrix product. The gradient is as cheap.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def s4d_kernel(
    dt: Float[Tensor, " features"],
    A: Float[Tensor, "features modes 2"],
    C: Float[Tensor, "features modes 2"],
    length: int,
) -> Float[Tensor, "features length"]:
    """K[d, l] = 2 Re sum_n C[d, n] exp(l dt[d] A[d, n])."""
    short = math.isqrt(length - 1) + 1
    num_long = -(-length // short)
    lags = torch.arange(num_long + short, dtype=dt.dtype, device=dt.device)
    lags = torch.where(lags < num_long, lags * short, lags - num_long)  # 0, T, 2T, ... and then 0, 1, 2, ...
    rates_re, rates_im = (dt[:, None, None] * A).unbind(-1)  # [D, M] each
    size = torch.exp(rates_re[..., None] * lags)
    angle = rates_im[..., None] * lags
    cosine, sine = size * torch.cos(angle), size * torch.sin(angle)  # [D, M, Q + T]
    long_cosine, short_cosine = cosine.split((num_long, short), -1)
    long_sine, short_sine = sine.split((num_long, short), -1)
    C_re, C_im = (2 * C[..., None, :]).unbind(-1)  # [D, M, 1] each
    weighted_re = C_re * long_cosine - C_im * long_sine
    weighted_im = C_re * long_sine + C_im * long_cosine
    left = torch.cat((weighted_re, -weighted_im), 1).transpose(1, 2)  # [D, Q, 2M]
    right = torch.cat((short_cosine, short_sine), 1)  # [D, 2M, T]
    return torch.bmm(left, right).flatten(1)[:, :length]
