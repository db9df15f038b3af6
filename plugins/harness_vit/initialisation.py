"""How the published code draws weights that the paper does not mention."""

from __future__ import annotations

import math

from torch import Tensor, nn

# The deviation of a standard normal variable that is cut off at -2 and 2.
CUT_DEVIATION = 0.87962566103423978


def lecun_normal_(weight: Tensor) -> None:
    """Fill weights [outputs, ...] from a normal cut off at two deviations, of variance 1 / inputs (LeCun 1998)."""
    inputs = weight[0].numel()
    std = math.sqrt(1 / inputs) / CUT_DEVIATION
    nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)


def initialise_map(layer: nn.Linear | nn.Conv2d) -> None:
    """Draw the weights of a linear map by `lecun_normal_` and set its bias to zero."""
    lecun_normal_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
