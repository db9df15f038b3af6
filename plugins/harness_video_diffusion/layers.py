"""The layers of the U-Net, initialised as in Ho et al. 2020: Xavier-uniform weights, biases of zero."""

from __future__ import annotations

import math

from torch import nn

NUM_GROUPS = 32
SMALLEST_GROUP = 4
# Of the last weights of each branch: zeros would keep the gradient from those before them at the first step.
SMALL = 1e-2


def norm(channels: int) -> nn.GroupNorm:
    """Group norm with 32 groups, or fewer where they do not divide the channels or would hold less than four."""
    return nn.GroupNorm(math.gcd(NUM_GROUPS, channels // SMALLEST_GROUP), channels)


def convolution(d_in: int, d_out: int, size: int, stride: int = 1, gain: float = 1.0) -> nn.Conv2d:
    """A convolution of odd size within each frame, weights times `gain`."""
    layer = nn.Conv2d(d_in, d_out, size, stride=stride, padding=size // 2)
    nn.init.xavier_uniform_(layer.weight, gain)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def linear(d_in: int, d_out: int, gain: float = 1.0) -> nn.Linear:
    """A linear map, weights times `gain`."""
    layer = nn.Linear(d_in, d_out)
    nn.init.xavier_uniform_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer
