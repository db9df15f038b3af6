"""S4's algorithm: the truncated generating function at the roots of unity, then an inverse FFT (S4, section 3.2).

At z = exp(-i theta) with z^L = 1,
    sum_{i<L} K_i z^i = C_tilde ((1 - z) I - dt/2 (1 + z) A)^-1 dt B,
and with 1 - z = 2 i s exp(-i theta/2), 1 + z = 2 c exp(-i theta/2), s = sin(theta/2), c = cos(theta/2), g = dt/2:
    = dt exp(i theta/2) / 2 * C_tilde M^-1 B,   M = i s I - c g (Lambda - P P^*).
Unlike the form with (1 - z)/(1 + z) this one has no pole at z = -1. Woodbury's identity turns the inverse into four
Cauchy products over the modes, written <u v> = u (i s I - c g Lambda)^-1 v. B starts as a multiple of P, and for that
part the identity's two terms cancel nearly. It is split off, B = k P + B' with k = <P, B> / <P, P>, for there the two
are one term:
    C M^-1 P = <C P> / (1 + c g <P* P>),
    C M^-1 B = <C B'> + <C P> (k - c g <P* B'>) / (1 + c g <P* P>).
That holds for any k, so k has no gradient. A conjugate pair of modes adds up to a real-coefficient fraction:
    v / (i s - c g Lambda) + conj = 2 (i s Re v + c (a Re v - w Im v)) / den,      g Lambda = -a + i w,
    den = (c a)^2 - (s - c w)(s + c w) + 2 i s c a.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from harness_s4.s4_kernel.cauchy import reciprocal_sums
from harness_s4.s4_kernel.op import check_arguments


def s4_kernel(
    dt: Float[Tensor, " features"],
    A: Float[Tensor, "features modes 2"],
    P: Float[Tensor, "features modes 2"],
    B: Float[Tensor, "features modes 2"],
    C_tilde: Float[Tensor, "features modes 2"],
    length: int,
) -> Float[Tensor, "features length"]:
    """K[d, i] = C Abar^i Bbar for i < length, where C = C_tilde (I - Abar^length)^-1."""
    check_arguments(dt, A, P, B, C_tilde, length)
    # Near z = -1 a fast mode resonates where c is small, and c needs its digits there: angles are made in float64.
    half_theta = torch.arange(length // 2 + 1, dtype=torch.float64, device=dt.device) * (math.pi / length)
    s, c = torch.sin(half_theta).to(dt.dtype), torch.cos(half_theta).to(dt.dtype)  # [F]: K is real, so half suffice
    g = 0.5 * dt[:, None]
    a, w = -g * A[..., 0], g * A[..., 1]  # [D, M]
    with torch.no_grad():
        square = P.square().sum((1, 2), keepdim=True)
        k = (P * B).sum((1, 2), keepdim=True) / square.clamp_min(torch.finfo(square.dtype).tiny)
    P_modes, rest, C_modes = (torch.view_as_complex(pairs.contiguous()) for pairs in (P, B - k * P, C_tilde))
    left = torch.stack((C_modes, P_modes.conj()), 1)[:, :, None]
    right = torch.stack((rest, P_modes), 1)[:, None]
    v = torch.view_as_real(left * right).flatten(1, 2)  # [D, 4, M, 2] with v = C B', C P, P^* B', P^* P
    v_re, v_im = v.unbind(-1)
    weights = 2 * torch.cat((v_re, a[:, None] * v_re - w[:, None] * v_im), 1)  # [D, 8, M]
    sums = torch.view_as_complex(reciprocal_sums(weights, a, w, s, c))  # [D, 8, F]
    CB, CP, PB, PP = ((1j * s) * sums[:, :4] + c * sums[:, 4:]).unbind(1)
    low_rank = g * c
    inverse = CB + CP * (k[..., 0] - low_rank * PB) / (1 + low_rank * PP)
    return torch.fft.irfft(g * torch.complex(c, s) * inverse, n=length)
