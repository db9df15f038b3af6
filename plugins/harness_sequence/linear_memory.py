"""What linear attention and compressive memories share: positive features, and means weighted by them.

A memory is a matrix [d_key, d_value + 1]: the sum of sigma(k) v^T, and in its last column the sum of sigma(k).
"""

from __future__ import annotations

import contextlib

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def sigma(x: Float[Tensor, ...]) -> Float[Tensor, ...]:
    """ELU + 1: positive features (Katharopoulos et al. 2020, equation 7), in float32 at least."""
    return F.elu(x.to(torch.promote_types(x.dtype, torch.float32))) + 1


def with_ones(v: Float[Tensor, "... d_value"]) -> Float[Tensor, "... d_value_and_one"]:
    """Values with a one behind each, so that a memory collects the sum of the features too."""
    return F.pad(v, (0, 1), value=1.0)


def weighted_mean(sums: Float[Tensor, "... d_value_and_one"]) -> Float[Tensor, "... d_value"]:
    """Weighted sums over the sum of their weights, which stands last; 0 where nothing has weight."""
    numerator, denominator = sums[..., :-1], sums[..., -1:]
    return numerator / torch.where(denominator == 0, 1.0, denominator)


def earlier_sums(
    writes: Float[Tensor, "batch heads parts d_key width"],
) -> Float[Tensor, "batch heads parts d_key width"]:
    """For each part the sum of what the parts before it wrote."""
    return F.pad(writes[:, :, :-1].cumsum(dim=2), (0, 0, 0, 0, 1, 0))


def without_autocast(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """Keeps sums over a long past in the precision of their terms."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return contextlib.nullcontext()
