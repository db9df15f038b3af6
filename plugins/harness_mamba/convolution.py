"""The causal depthwise convolution in front of the selective scan (figure 3 of the paper)."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class CausalConvolution(nn.Module):
    """Each channel's weighted sum of its last `width` values, plus a bias; `weight[0]` is the present value's."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(width)
        self.weight = nn.Parameter(torch.empty(width, channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "batch length channels"]) -> Float[Tensor, "batch length channels"]:
        return _ShiftedProducts.apply(x, self.weight, self.bias)  # type: ignore[no-any-return]

    def initial_state(self, batch: int) -> Float[Tensor, "batch past channels"]:
        """The `width - 1` zeros before the first value, the latest first."""
        width, channels = self.weight.shape
        return self.weight.new_zeros(batch, width - 1, channels)

    def step(
        self, x: Float[Tensor, "batch channels"], past: Float[Tensor, "batch past channels"]
    ) -> tuple[Float[Tensor, "batch channels"], Float[Tensor, "batch past channels"]]:
        """The next output, and the values that the one after it needs."""
        window = torch.cat((x[:, None], past), dim=1)  # [B, W, D]
        return torch.einsum("bwd,wd->bd", window, self.weight) + self.bias, window[:, :-1]


class _ShiftedProducts(torch.autograd.Function):
    """The convolution as one product per lag, added up in place.

    At a width of four and channels last that is as fast on a CPU as the best layout of `conv1d`, and its gradient,
    written out, about twice as fast as what autograd makes of either.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        y = torch.addcmul(bias, weight[0], x)
        for lag, weight_of_lag in _past_lags(x, weight):
            y[:, lag:].addcmul_(weight_of_lag, x[:, :-lag])
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        gx = weight[0] * gy
        gw = torch.zeros_like(weight)
        gw[0] = (gy * x).sum((0, 1))
        for lag, weight_of_lag in _past_lags(x, weight):
            gx[:, :-lag].addcmul_(weight_of_lag, gy[:, lag:])
            gw[lag] = (gy[:, lag:] * x[:, :-lag]).sum((0, 1))
        return gx, gw, gy.sum((0, 1))


def _past_lags(x: Tensor, weight: Tensor) -> list[tuple[int, Tensor]]:
    """The lags that reach back within the sequence, with their weights."""
    return list(enumerate(weight.unbind(0)))[1 : x.shape[1]]
