"""What every kernel of `selective_scan` takes: the check of its arguments, random ones for the gate, and the count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from harness.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor


def check_arguments(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> None:
    """Raise UsageError unless shapes, dtypes and devices belong together."""
    if u.dim() != 3 or A.dim() != 2 or 0 in u.shape or 0 in A.shape:
        raise UsageError(
            f"selective_scan: u has the shape {tuple(u.shape)} and A {tuple(A.shape)}; u is [batch, length, channels] "
            "and A is [channels, states], none of them empty; reshape them"
        )
    batch, length, channels = u.shape
    states = A.shape[1]
    expected = {
        "dt": (dt, (batch, length, channels)),
        "A": (A, (channels, states)),
        "B": (B, (batch, length, states)),
        "C": (C, (batch, length, states)),
        "D": (D, (channels,)),
    }
    for name, (tensor, shape) in expected.items():
        if tensor.shape != shape:
            raise UsageError(
                f"selective_scan: {name} is {tuple(tensor.shape)}; u {tuple(u.shape)} and A {tuple(A.shape)} "
                f"ask for {shape}; reshape it"
            )
        if tensor.dtype != u.dtype or tensor.device != u.device:
            raise UsageError(
                f"selective_scan: {name} is {tensor.dtype} on {tensor.device} and u is {u.dtype} on {u.device}; "
                "all arguments share one dtype and device; convert it"
            )


def make_inputs(size: Mapping[str, int], generator: torch.Generator, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Random `(u, dt, A, B, C, D)` as a freshly initialised block produces them; all are differentiable."""
    batch, length, channels, states = size["batch"], size["length"], size["channels"], size["states"]

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    inputs = (
        normal(batch, length, channels),
        torch.nn.functional.softplus(normal(batch, length, channels) - 2.0),
        -torch.arange(1, states + 1, dtype=torch.float64) * torch.exp(0.1 * normal(channels, states)),
        normal(batch, length, states),
        normal(batch, length, states),
        1.0 + 0.1 * normal(channels),
    )
    return tuple(tensor.to(dtype).requires_grad_() for tensor in inputs)


def flops(u: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> int:
    """Floating-point operations of one forward call, an exponential counted as one.

    Per state: `dt A`, its exponential, times h, plus `(dt u) B` (two), times C and into the sum (two). Per channel
    and step: `dt u`, and `D u` added.
    """
    return u.numel() * (7 * A.shape[1] + 3)
