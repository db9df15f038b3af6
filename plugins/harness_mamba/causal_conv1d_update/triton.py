"""`causal_conv1d_update` as a Triton kernel: a program takes some channels of a sequence."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.errors import UnsupportedError
from harness.kernels.operators import Operator
from harness.kernels.triton.launching import launch
from harness_mamba.causal_conv1d_update.op import check_arguments

CHANNELS = 256


@triton.jit
def _update(
    PAST, X, W, BIAS, Y, NEW_PAST, past_batch, past_row, x_batch, channels, WIDTH: tl.constexpr,
    HAS_BIAS: tl.constexpr, SILU: tl.constexpr, BD: tl.constexpr,
):  # fmt: skip
    d = tl.program_id(0) * BD + tl.arange(0, BD)
    b = tl.program_id(1).to(tl.int64)
    valid = d < channels
    value = tl.load(X + b * x_batch + d, mask=valid, other=0.0)
    z = tl.load(W + d, mask=valid, other=0.0).to(tl.float32) * value.to(tl.float32)
    for lag in tl.static_range(1, WIDTH):
        tl.store(NEW_PAST + (b * (WIDTH - 1) + lag - 1) * channels + d, value, mask=valid)
        value = tl.load(PAST + b * past_batch + (lag - 1) * past_row + d, mask=valid, other=0.0)
        z += tl.load(W + lag * channels + d, mask=valid, other=0.0).to(tl.float32) * value.to(tl.float32)
    if HAS_BIAS:
        z += tl.load(BIAS + d, mask=valid, other=0.0).to(tl.float32)
    if SILU:
        z = z * tl.sigmoid(z)
    tl.store(Y + b * channels + d, z.to(Y.dtype.element_ty), mask=valid)


def check(past: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> None:
    check_arguments(past, x, weight, bias, silu)
    if x.dtype == torch.float64:
        raise UnsupportedError(
            "causal_conv1d_update.triton takes float32, float16 and bfloat16; x is float64; "
            "use kernel=causal_conv1d_update.reference"
        )


def allocate(past: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), past.new_empty(past.shape)


def forward(
    past: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, y: Tensor, new_past: Tensor
) -> None:
    batch, channels = x.shape
    past = past if past.stride(2) == 1 else past.contiguous()
    x = x if x.stride(1) == 1 else x.contiguous()
    bias = None if bias is None else bias.contiguous()
    launch(
        _update, (-(-channels // CHANNELS), batch), past, x, weight.contiguous(), bias, y, new_past, past.stride(0),
        past.stride(1), x.stride(0), channels,
        WIDTH=weight.shape[0], HAS_BIAS=bias is not None, SILU=silu, BD=CHANNELS,
    )  # fmt: skip


causal_conv1d_update = Operator(
    "causal_conv1d_update_triton", allocate=allocate, forward=forward, check=check, num_outputs=2
)
