"""The state space model written out: real N x N matrices acting on [Re x, Im x] of the N/2 kept modes.

The kept modes obey x' = (Lambda - P P^*) x + B u with their conjugates present in P^* x = 2 Re sum conj(P_n) x_n, and
y = 2 Re sum C_n x_n. In real and imaginary parts that is an ordinary real system of size N.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def bilinear(
    dt: Float[Tensor, " features"],
    A: Float[Tensor, "features modes 2"],
    P: Float[Tensor, "features modes 2"],
    B: Float[Tensor, "features modes 2"],
) -> tuple[Float[Tensor, "features state state"], Float[Tensor, "features state"]]:
    """The discretised pair: Abar = (I - dt/2 A)^-1 (I + dt/2 A) and Bbar = (I - dt/2 A)^-1 dt B."""
    decay, frequency = torch.diag_embed(A[..., 0]), torch.diag_embed(A[..., 1])
    normal = torch.cat((torch.cat((decay, -frequency), -1), torch.cat((frequency, decay), -1)), -2)  # [D, N, N]
    P_real = stack(P)
    matrix = normal - 2 * P_real[:, :, None] * P_real[:, None, :]
    identity = torch.eye(matrix.shape[-1], dtype=dt.dtype, device=dt.device)
    half = 0.5 * dt[:, None, None] * matrix
    right = torch.cat((identity + half, (dt[:, None] * stack(B))[..., None]), -1)  # [D, N, N + 1]
    solved = torch.linalg.solve(identity - half, right)
    return solved[..., :-1], solved[..., -1]


def stack(pairs: Float[Tensor, "features modes 2"]) -> Float[Tensor, "features state"]:
    """A column in the real system: real parts and then imaginary parts."""
    return torch.cat(pairs.unbind(-1), -1)


def output_row(C: Float[Tensor, "features modes 2"]) -> Float[Tensor, "features state"]:
    """The row r with r [Re x, Im x] = 2 Re sum C_n x_n."""
    return torch.cat((2 * C[..., 0], -2 * C[..., 1]), -1)


def output_modes(row: Float[Tensor, "features state"]) -> Float[Tensor, "features modes 2"]:
    """The weights C of which `output_row` makes this row."""
    C_re, C_im = row.chunk(2, -1)
    return torch.stack((0.5 * C_re, -0.5 * C_im), -1)


def truncate(
    Abar: Float[Tensor, "features state state"], C: Float[Tensor, "features modes 2"], length: int
) -> Float[Tensor, "features modes 2"]:
    """C~ = C (I - Abar^L)."""
    row = output_row(C)
    return output_modes(row - _row_times(row, torch.linalg.matrix_power(Abar, length)))


def extend(
    Abar: Float[Tensor, "features state state"], C_tilde: Float[Tensor, "features modes 2"], length: int, target: int
) -> tuple[Float[Tensor, "features modes 2"], int]:
    """C~ for the first length in `length, 2 length, 4 length, ...` that is at least `target`, and that length."""
    row, power = output_row(C_tilde), torch.linalg.matrix_power(Abar, length)
    while length < target:
        # (I - Abar^L)(I + Abar^L) = I - Abar^2L
        row, power, length = row + _row_times(row, power), power @ power, 2 * length
    return output_modes(row), length


def untruncate(
    Abar: Float[Tensor, "features state state"], C_tilde: Float[Tensor, "features modes 2"], length: int
) -> Float[Tensor, "features modes 2"]:
    """C = C~ (I - Abar^L)^-1.

    The symmetric part of A is at most -1/2, so powers of Abar shrink and the inverse is small.
    """
    identity = torch.eye(Abar.shape[-1], dtype=Abar.dtype, device=Abar.device)
    difference = identity - torch.linalg.matrix_power(Abar, length)
    return output_modes(torch.linalg.solve(difference.mT, output_row(C_tilde)))


def _row_times(row: Tensor, matrix: Tensor) -> Tensor:
    return (row[:, None, :] @ matrix)[:, 0]
