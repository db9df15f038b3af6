"""What every kernel of `long_conv` takes: the check of its arguments, random ones for checks, and the cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from harness.errors import UsageError
from harness.kernels.costs import Costs, Work


def check_arguments(u: Tensor, kernel: Tensor) -> None:
    """Raise UsageError unless shapes, dtypes and devices belong together."""
    if u.dim() != 3 or kernel.shape != u.shape[1:] or 0 in u.shape:
        raise UsageError(
            f"long_conv: u has the shape {tuple(u.shape)} and kernel {tuple(kernel.shape)}; u is [batch, features, "
            "length], none of them empty, and kernel [features, length]; reshape them"
        )
    if kernel.dtype not in (u.dtype, torch.float32) or kernel.device != u.device:
        raise UsageError(
            f"long_conv: kernel is {kernel.dtype} on {kernel.device} and u is {u.dtype} on {u.device}; kernel has the "
            "dtype of u or float32, and its device; convert it"
        )


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """A standard normal signal, and a kernel that decays as a stable system's does; an extreme one does not decay."""
    batch, features, length = size["batch"], size["features"], size["length"]
    scale = math.inf if size.get("values") == "extreme" else 8.0
    decay = torch.exp(-torch.arange(length, dtype=torch.float64) / scale)
    u = torch.randn(batch, features, length, generator=generator, dtype=torch.float64)
    kernel = torch.randn(features, length, generator=generator, dtype=torch.float64) * decay
    # Kernels are made in float32 at least, whatever the signal's dtype.
    exact = torch.promote_types(dtype, torch.float32)
    return u.to(dtype).requires_grad_(), kernel.to(exact).requires_grad_()


def flops(u: Tensor, kernel: Tensor) -> int:
    """Operations of the spectral form: 5/2 n log2 n for a real transform of n points, 6 for a complex product."""
    batch, features, length = u.shape
    num_points = next_fast_len(2 * length, real=True)
    num_transforms = features * (2 * batch + 1)
    products = 6 * batch * features * (num_points // 2 + 1)
    return round(num_transforms * 2.5 * num_points * math.log2(num_points)) + products


def costs(u: Tensor, kernel: Tensor) -> Costs:
    """Forward reads the signal and the kernel and writes the result; backward reads three and writes two.

    Operations are left out of the floor: how many there must be depends on the algorithm.
    """
    signal, weights = u.numel() * u.element_size(), 4 * kernel.numel()
    return Costs(
        forward=Work(bytes=2 * signal + 2 * weights),
        backward=Work(bytes=3 * signal + 3 * weights),
    )
