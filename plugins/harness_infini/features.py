"""sigma, which makes positive features of queries and keys, and how little weight counts as none."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

SMALLEST_WEIGHT = 1e-30
"""A weight below it counts as none, in every kernel and dtype: float32 could not divide by much less, and back."""


def sigma(x: Float[Tensor, ...]) -> Float[Tensor, ...]:
    """ELU + 1 (section 2.2.1), in float32 at least.

    Written out, because exp(x) - 1 + 1 has no digits left where exp(x) is small against one.
    """
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    return torch.where(x > 0, x + 1, torch.exp(x.clamp(max=0)))
