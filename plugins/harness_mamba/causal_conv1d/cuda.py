"""`causal_conv1d` as a CUDA kernel."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from harness.errors import UnsupportedError
from harness.kernels.cuda.sources import CudaSource
from harness.kernels.cuda.types import TYPES
from harness.kernels.operators import Operator
from harness_mamba.causal_conv1d.op import check_arguments

SOURCE = CudaSource(__package__, "causal_conv1d.cu")
THREADS = 128
STEPS = 64
"""Times that a thread walks over: few enough to fill the device, enough that the WIDTH - 1 read twice do not matter."""
WIDEST = 8


def check(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> None:
    check_arguments(x, weight, bias, silu)
    if weight.shape[0] > WIDEST:
        raise UnsupportedError(
            f"causal_conv1d.cuda keeps at most {WIDEST} inputs in registers; weight has {weight.shape[0]} lags; "
            "use kernel=causal_conv1d.torch"
        )


def allocate(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> Tensor:
    return x.new_empty(x.shape)


def forward(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, y: Tensor) -> None:
    _launch("forward", x, weight, bias, silu, [y])


def backward(
    x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, gy: Tensor, gx: Tensor, gw: Tensor, gb: Tensor | None
) -> None:
    width, channels = weight.shape
    num_walks = x.shape[0] * _num_parts(x)
    partial = x.new_empty((num_walks, width + 1, channels), dtype=torch.float32)
    _launch("backward", x, weight, bias, silu, [gy, gx, partial])
    sums = partial.sum(0)
    gw.copy_(sums[:width])
    if gb is not None:
        gb.copy_(sums[width])


def _num_parts(x: Tensor) -> int:
    return -(-x.shape[1] // STEPS)


def _launch(pass_name: str, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, rest: list[Tensor]) -> None:
    batch, length, channels = x.shape
    x = x if x.stride(2) == 1 else x.contiguous()
    weight = weight.contiguous()
    bias = None if bias is None else bias.to(weight.dtype).contiguous()
    # As many neighbours as the registers hold, up to sixteen bytes, where every row starts at a multiple of them.
    most = 8 if pass_name == "forward" else 4
    vector = min(16 // x.element_size(), most if weight.shape[0] <= 4 else most // 2)
    starts = (*x.stride()[:2], *(tensor.storage_offset() for tensor in (x, weight, *rest)))
    aligned = channels % vector == 0 and all(start % vector == 0 for start in starts)
    per_thread = vector if aligned else 1
    flag = "true" if silu else "false"
    entry = f"{pass_name}<{TYPES[x.dtype]}, {TYPES[weight.dtype]}, {weight.shape[0]}, {per_thread}, {flag}>"
    strides = [ctypes.c_int64(x.stride(0)), ctypes.c_int64(x.stride(1))]
    SOURCE.launch(
        entry,
        grid=(-(-channels // (THREADS * per_thread)), _num_parts(x), batch),
        block=(THREADS,),
        arguments=[x, weight, bias, *rest, *strides, length, channels, STEPS],
    )


causal_conv1d = Operator("causal_conv1d_cuda", allocate=allocate, forward=forward, backward=backward, check=check)
