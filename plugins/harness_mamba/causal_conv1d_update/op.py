"""What every kernel of `causal_conv1d_update` takes: the check of its arguments, random ones, and the cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from harness.errors import UsageError
from harness.kernels.costs import Costs, Work


def check_arguments(past: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> None:
    """Raise UsageError unless shapes, dtypes and devices belong together."""
    if x.dim() != 2 or weight.dim() != 2 or 0 in x.shape or 0 in weight.shape:
        raise UsageError(
            f"causal_conv1d_update: x has the shape {tuple(x.shape)} and weight {tuple(weight.shape)}; x is [batch, "
            "channels] and weight [width, channels], none of them empty; reshape them"
        )
    batch, channels = x.shape
    expected = {
        "past": (past, (batch, weight.shape[0] - 1, channels)),
        "weight": (weight, (weight.shape[0], channels)),
        "bias": (bias, (channels,)),
    }
    for name, (tensor, shape) in expected.items():
        if tensor is None:
            continue
        if tensor.shape != shape:
            raise UsageError(
                f"causal_conv1d_update: {name} is {tuple(tensor.shape)}; x {tuple(x.shape)} and weight "
                f"{tuple(weight.shape)} ask for {shape}; reshape it"
            )
        allowed = (x.dtype,) if name == "past" else (x.dtype, torch.float32)
        if tensor.dtype not in allowed or tensor.device != x.device:
            kind = "dtype of x" if name == "past" else "dtype of x or float32"
            raise UsageError(
                f"causal_conv1d_update: {name} is {tensor.dtype} on {tensor.device} and x is {x.dtype} on {x.device}; "
                f"{name} has the {kind}, and its device; convert it"
            )


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """A normal signal, weights as a layer draws them. Extreme values are large, of both signs, where SiLU is flat."""
    batch, channels, width = size["batch"], size["channels"], size["width"]

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    scale = 100.0 if size.get("values") == "extreme" else 1.0
    parameters = torch.float64 if dtype == torch.float64 else torch.float32
    past = (scale * normal(batch, width - 1, channels)).to(dtype).requires_grad_()
    x = (scale * normal(batch, channels)).to(dtype).requires_grad_()
    weight = (normal(width, channels) / math.sqrt(width)).to(parameters).requires_grad_()
    bias = normal(channels).to(parameters).requires_grad_() if size.get("bias", True) else None
    return past, x, weight, bias, size.get("silu", True)


def flops(past: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> int:
    """A multiply-add for each lag, the bias, and four operations of SiLU."""
    return x.numel() * (2 * weight.shape[0] + (bias is not None) + 4 * silu)


def costs(past: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> Costs:
    """The past is read and written, x read and y written. Nothing goes backward."""
    once = 2 * (past.numel() + x.numel()) * x.element_size()
    work = flops(past, x, weight, bias, silu)
    return Costs(forward=Work(bytes=once, flops=work, exponentials=2 * x.numel() * silu), backward=Work(bytes=0))
