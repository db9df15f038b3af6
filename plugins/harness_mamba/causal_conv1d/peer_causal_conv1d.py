"""`causal_conv1d` by the CUDA kernel of the package of that name, whose weights have the oldest value first."""

from __future__ import annotations

from causal_conv1d import causal_conv1d_fn
from torch import Tensor

from harness.errors import UnsupportedError
from harness_mamba.causal_conv1d.op import check_arguments

WIDTHS = (2, 3, 4)
CHANNELS_AT_ONCE = 8


def causal_conv1d(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> Tensor:
    """As `reference.causal_conv1d`, for widths of two to four."""
    check_arguments(x, weight, bias, silu)
    if weight.shape[0] not in WIDTHS:
        raise UnsupportedError(
            f"causal_conv1d.causal_conv1d takes widths of 2 to 4 and weight has {weight.shape[0]}; "
            "use kernel=causal_conv1d.torch"
        )
    by_channel = x.mT  # [B, D, L]
    # With time last it takes any number of channels; with channels last, as here, eight at once.
    if any(size % CHANNELS_AT_ONCE for size in (x.shape[2], x.stride(0), x.stride(1))) or x.stride(2) != 1:
        by_channel = by_channel.contiguous()
    return causal_conv1d_fn(by_channel, weight.flip(0).t().contiguous(), bias, activation="silu" if silu else None).mT
