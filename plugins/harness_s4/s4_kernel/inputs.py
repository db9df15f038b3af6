"""Inputs and cost of the op `s4_kernel`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from harness_s4.hippo import legs_normal_plus_low_rank
from harness_s4.s4_kernel.dense import bilinear, truncate


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """HiPPO-LegS with noise on every part, the larger of the usual step sizes, normal output weights C."""
    features, modes = size["features"], size["modes"]

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    start = legs_normal_plus_low_rank(2 * modes)
    dt = torch.exp(math.log(1e-2) + math.log(10) * torch.rand(features, generator=generator, dtype=dtype))
    A_re = -0.5 * torch.exp(0.3 * noise(features, modes))
    A_im = torch.as_tensor(start.eigenvalues.imag, dtype=dtype) + 0.3 * noise(features, modes)
    A = torch.stack((A_re, A_im), -1)
    P, B = (
        torch.stack([torch.as_tensor(part, dtype=dtype) for part in (vector.real, vector.imag)], -1)
        + 0.1 * noise(features, modes, 2)
        for vector in (start.P, start.B)
    )
    Abar, _ = bilinear(dt, A, P, B)
    C_tilde = truncate(Abar, noise(features, modes, 2), size["length"])
    differentiable = tuple(tensor.requires_grad_() for tensor in (dt, A, P, B, C_tilde))
    return (*differentiable, size["length"])


def flops(dt: Tensor, A: Tensor, P: Tensor, B: Tensor, C_tilde: Tensor, length: int) -> int:
    """Operations of S4's algorithm: at each feature, mode and frequency a reciprocal (14) and four sums of a mode and
    its conjugate (8 real weights times a complex number: 32); 30 for Woodbury's identity; the inverse transform."""
    features, modes, _ = A.shape
    frequencies = length // 2 + 1
    transform = 2.5 * length * math.log2(length) if length > 1 else 0
    return round(features * (46 * modes * frequencies + 30 * frequencies + transform))
