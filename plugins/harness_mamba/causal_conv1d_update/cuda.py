"""`causal_conv1d_update` as a CUDA kernel: a thread for each channel of a sequence."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from harness.errors import UnsupportedError
from harness.kernels.cuda.sources import CudaSource
from harness.kernels.cuda.types import TYPES
from harness.kernels.operators import Operator
from harness_mamba.causal_conv1d_update.op import check_arguments

SOURCE = CudaSource(__package__, "causal_conv1d_update.cu")
THREADS = 128


def check(past: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> None:
    check_arguments(past, x, weight, bias, silu)
    if x.dtype == torch.float64:
        raise UnsupportedError(
            "causal_conv1d_update.cuda takes float32, float16 and bfloat16; x is float64; "
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
    weight = weight.contiguous()
    bias = None if bias is None else bias.to(weight.dtype).contiguous()
    strides = [ctypes.c_int64(stride) for stride in (past.stride(0), past.stride(1), x.stride(0))]
    SOURCE.launch(
        f"update<{TYPES[x.dtype]}, {TYPES[weight.dtype]}>",
        grid=(-(-channels // THREADS), batch),
        block=(THREADS,),
        arguments=[past, x, weight, bias, y, new_past, *strides, channels, weight.shape[0], silu],
    )


causal_conv1d_update = Operator(
    "causal_conv1d_update_cuda", allocate=allocate, forward=forward, check=check, num_outputs=2
)
