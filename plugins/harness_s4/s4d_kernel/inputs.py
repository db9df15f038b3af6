"""Inputs and cost of the op `s4d_kernel`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """Modes near S4D-Lin's start, step sizes from the usual range, normal weights."""
    features, modes = size["features"], size["modes"]

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    dt = torch.exp(math.log(1e-3) + math.log(100) * torch.rand(features, generator=generator, dtype=dtype))
    A_re = -0.5 * torch.exp(0.3 * noise(features, modes))
    A_im = math.pi * torch.arange(modes, dtype=dtype) + 0.3 * noise(features, modes)
    A = torch.stack((A_re, A_im), -1)
    C = noise(features, modes, 2)
    return dt.requires_grad_(), A.requires_grad_(), C.requires_grad_(), size["length"]


def flops(dt: Tensor, A: Tensor, C: Tensor, length: int) -> int:
    """Operations of the Vandermonde product: a complex multiplication (6) for the power and the real part of a complex
    multiplication and its sum (4), at each feature, mode and lag."""
    features, modes, _ = A.shape
    return 10 * features * modes * length
