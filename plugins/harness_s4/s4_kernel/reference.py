"""The definition of `s4_kernel`: K_i = C Abar^i Bbar by powers of the discretised dense matrix.

Legend: dt step size, A = Lambda the normal part's modes, P the low-rank factor (state matrix Lambda - P P^*), B input
weights, C_tilde = C (I - Abar^L) output weights as S4 learns them. Complex numbers are pairs (real, imaginary).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from harness_s4.s4_kernel.dense import bilinear, output_row, untruncate


def s4_kernel(
    dt: Float[Tensor, " features"],
    A: Float[Tensor, "features modes 2"],
    P: Float[Tensor, "features modes 2"],
    B: Float[Tensor, "features modes 2"],
    C_tilde: Float[Tensor, "features modes 2"],
    length: int,
) -> Float[Tensor, "features length"]:
    """K[d, i] = C Abar^i Bbar for i < length, where C = C_tilde (I - Abar^length)^-1."""
    Abar, Bbar = bilinear(dt, A, P, B)
    row = output_row(untruncate(Abar, C_tilde, length))
    state, kernel = Bbar, []
    for _ in range(length):
        kernel.append((row * state).sum(-1))
        state = (Abar @ state[..., None])[..., 0]
    return torch.stack(kernel, -1)
