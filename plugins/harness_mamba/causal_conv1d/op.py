"""What every kernel of `causal_conv1d` takes: the check of its arguments, random ones for checks, and the cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from harness.errors import UsageError
from harness.kernels.costs import Costs, Work


def check_arguments(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> None:
    """Raise UsageError unless shapes, dtypes and devices belong together."""
    if x.dim() != 3 or weight.dim() != 2 or 0 in x.shape or 0 in weight.shape:
        raise UsageError(
            f"causal_conv1d: x has the shape {tuple(x.shape)} and weight {tuple(weight.shape)}; x is [batch, length, "
            "channels] and weight [width, channels], none of them empty; reshape them"
        )
    channels = x.shape[2]
    if weight.shape[1] != channels or (bias is not None and bias.shape != (channels,)):
        shape = None if bias is None else tuple(bias.shape)
        raise UsageError(
            f"causal_conv1d: weight is {tuple(weight.shape)} and bias {shape} for {channels} channels; weight is "
            f"[width, {channels}] and bias [{channels}]; reshape them"
        )
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and (tensor.device != x.device or tensor.dtype not in (x.dtype, torch.float32)):
            raise UsageError(
                f"causal_conv1d: {name} is {tensor.dtype} on {tensor.device} and x is {x.dtype} on {x.device}; {name} "
                "has the dtype of x or float32, and its device; convert it"
            )


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """A normal signal, weights as a layer draws them. Extreme values are large, of both signs, where SiLU is flat."""
    batch, length, channels, width = size["batch"], size["length"], size["channels"], size["width"]

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    scale = 100.0 if size.get("values") == "extreme" else 1.0
    x = (scale * normal(batch, length, channels)).to(dtype).requires_grad_()
    weight = (normal(width, channels) / math.sqrt(width)).to(dtype).requires_grad_()
    bias = normal(channels).to(dtype).requires_grad_() if size.get("bias", True) else None
    return x, weight, bias, size.get("silu", True)


def flops(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> int:
    """A multiply-add for each lag, the bias, and four operations of SiLU."""
    return x.numel() * (2 * weight.shape[0] + (bias is not None) + 4 * silu)


def costs(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> Costs:
    """Forward reads x and writes y; backward reads x and the gradient of y and writes that of x."""
    once = x.numel() * x.element_size()
    work = flops(x, weight, bias, silu)
    exponentials = x.numel() * silu
    return Costs(
        forward=Work(bytes=2 * once, flops=work, exponentials=exponentials),
        backward=Work(bytes=3 * once, flops=3 * work, exponentials=exponentials),
    )
