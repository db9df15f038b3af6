"""The definition of `s4d_kernel`: the Vandermonde product with every power materialised.

Legend: dt step size, A continuous-time modes, C output weights times the discretised input weights, l the lag.
Complex numbers are pairs (real, imaginary) in the last axis.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def s4d_kernel(
    dt: Float[Tensor, " features"],
    A: Float[Tensor, "features modes 2"],
    C: Float[Tensor, "features modes 2"],
    length: int,
) -> Float[Tensor, "features length"]:
    """K[d, l] = 2 Re sum_n C[d, n] exp(l dt[d] A[d, n]); the 2 Re is the other mode of each conjugate pair."""
    lags = torch.arange(length, dtype=dt.dtype, device=dt.device)
    rates = dt[:, None] * torch.view_as_complex(A.contiguous())
    powers = torch.exp(rates[..., None] * lags)  # [D, M, L]
    return 2 * (torch.view_as_complex(C.contiguous())[..., None] * powers).sum(1).real
