"""From continuous time to a recurrence, mode by mode, for diagonal A.

Both rules return continuous-time rates R with Abar = exp(dt R), which is what the Vandermonde kernel takes, and Bbar
for B = 1. Complex numbers are pairs (real, imaginary).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

Modes = Float[Tensor, "features modes 2"]


def zero_order_hold(dt: Float[Tensor, " features"], A: Modes) -> tuple[Modes, Modes]:
    """Abar = exp(dt A), Bbar = (exp(dt A) - 1) / A."""
    x, y = (dt[:, None, None] * A).unbind(-1)
    # exp(x + iy) - 1 in a form that keeps its digits for a small step.
    change_re = torch.expm1(x) * torch.cos(y) - 2 * torch.sin(0.5 * y).square()
    change_im = torch.exp(x) * torch.sin(y)
    A_re, A_im = A.unbind(-1)
    scale = (A_re.square() + A_im.square()).reciprocal()
    Bbar_re = (change_re * A_re + change_im * A_im) * scale
    Bbar_im = (change_im * A_re - change_re * A_im) * scale
    return A, torch.stack((Bbar_re, Bbar_im), -1)


def bilinear(dt: Float[Tensor, " features"], A: Modes) -> tuple[Modes, Modes]:
    """Abar = (1 + dt A / 2) / (1 - dt A / 2), Bbar = dt / (1 - dt A / 2); the rates are 2 artanh(dt A / 2) / dt."""
    half = torch.view_as_complex(0.5 * dt[:, None, None] * A)
    rates = 2 * torch.atanh(half) / dt[:, None]
    return torch.view_as_real(rates), torch.view_as_real(dt[:, None] / (1 - half))


DISCRETISATIONS = {"zoh": zero_order_hold, "bilinear": bilinear}
