"""Precision and noise, as the runtime and the models share them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def widened(tensor: Tensor) -> Tensor:
    """The tensor in float32 at least, in which densities are summed."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def standard_normal(shape: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draws from N(0, 1) with the device and type of `like`.

    From a generator they are drawn on the CPU in float32, so that every device and type gets the same; without one they
    come from torch's global generator.
    """
    if generator is None:
        return torch.randn(shape, device=like.device, dtype=like.dtype)
    return torch.randn(shape, generator=generator, dtype=torch.float32).to(device=like.device, dtype=like.dtype)
