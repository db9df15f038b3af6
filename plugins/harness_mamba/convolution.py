"""The causal depthwise convolution in front of the selective scan, with SiLU behind it (figure 3 of the paper)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from harness.interfaces import Kernels


class CausalConvolution(nn.Module):
    """SiLU of each channel's weighted sum of its last `width` values and a bias; `weight[0]` is the present value's."""

    def __init__(self, channels: int, width: int, kernels: Kernels) -> None:
        super().__init__()
        self.causal_conv1d = kernels["causal_conv1d"]
        self.causal_conv1d_update = kernels["causal_conv1d_update"]
        bound = 1.0 / math.sqrt(width)
        self.weight = nn.Parameter(torch.empty(width, channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "batch length channels"]) -> Float[Tensor, "batch length channels"]:
        return self.causal_conv1d(x, self.weight, self.bias, True)  # type: ignore[no-any-return]

    def initial_state(self, batch: int) -> Float[Tensor, "batch past channels"]:
        """The `width - 1` zeros before the first value, the latest first."""
        width, channels = self.weight.shape
        return self.weight.new_zeros(batch, width - 1, channels)

    def state_after(self, x: Float[Tensor, "batch length channels"]) -> Float[Tensor, "batch past channels"]:
        """The last `width - 1` values, the latest first, with zeros before a sequence that is shorter."""
        past = self.weight.shape[0] - 1
        return pad(x, (0, 0, past, 0))[:, x.shape[1] :].flip(1)

    def step(
        self, x: Float[Tensor, "batch channels"], past: Float[Tensor, "batch past channels"]
    ) -> tuple[Float[Tensor, "batch channels"], Float[Tensor, "batch past channels"]]:
        """The next output, and the values that the one after it needs."""
        # Under autocast activations are halves, and the zeros that a state begins with are not.
        return self.causal_conv1d_update(  # type: ignore[no-any-return]
            past.to(x.dtype), x, self.weight, self.bias, True
        )
