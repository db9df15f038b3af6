"""The layer after the convolutions, which has most of a network's weights, as fast on CPUs as the convolutions are."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn


class Dense(nn.Linear):
    """A linear layer whose products of several examples are oneDNN's on CPUs, as those of torch's convolutions are.

    The library that torch takes for linear layers needs twice as long on some CPUs. Results differ in the rounding
    alone. In other types than float32, on other devices, and for one example it is torch's layer.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        if not runs_in_onednn(inputs, self.weight):
            return super().forward(inputs)
        return cast(Tensor, _Affine.apply(inputs, self.weight, self.bias))


class _Affine(torch.autograd.Function):
    """x W^T + b."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        return product(inputs, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        inputs, weight = ctx.saved_tensors
        (gradient,) = gradients
        return product(gradient, weight.t()), product(gradient.t().contiguous(), inputs.t()), gradient.sum(dim=0)


def product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """left right^T + bias, by the operator of torch's compiler: the gradients of the public one copy all weights."""
    result: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")
    return result


def runs_in_onednn(inputs: Tensor, weight: Tensor) -> bool:
    return (
        len(inputs) > 1
        and inputs.device.type == "cpu"
        and inputs.dtype == weight.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
        and not torch.is_autocast_enabled("cpu")
    )
