"""`causal_conv1d_update` by the package `causal_conv1d`, which changes the state that it is given."""

from __future__ import annotations

import causal_conv1d
from torch import Tensor

from harness.errors import UnsupportedError
from harness_mamba.causal_conv1d_update.op import check_arguments

WIDTHS = (2, 3, 4)


def causal_conv1d_update(
    past: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool
) -> tuple[Tensor, Tensor]:
    """As `reference.causal_conv1d_update`, for widths of two to four.

    Its state has the oldest value first and time last; turning that round is part of what is timed.
    """
    check_arguments(past, x, weight, bias, silu)
    if weight.shape[0] not in WIDTHS:
        raise UnsupportedError(
            f"causal_conv1d_update.causal_conv1d takes widths of 2 to 4 and weight has {weight.shape[0]}; "
            "use kernel=causal_conv1d_update.torch"
        )
    state = past.flip(1).mT.contiguous()  # [B, D, W - 1]
    oldest_first = weight.flip(0).t().contiguous()
    y = causal_conv1d.causal_conv1d_update(x, state, oldest_first, bias, "silu" if silu else None)
    return y, state.mT.flip(1)
