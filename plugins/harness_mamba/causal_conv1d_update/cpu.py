"""`causal_conv1d_update` for CPUs: machine code that numba makes, one thread. A half is computed in float32."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.errors import UnsupportedError
from harness.kernels.operators import Operator
from harness_mamba.causal_conv1d_update.loops import update
from harness_mamba.causal_conv1d_update.op import check_arguments
from harness_mamba.vectorised.arrays import flat, rows, whole_vectors, zeros
from harness_mamba.vectorised.compilation import compiled
from harness_mamba.vectorised.results import Results
from harness_mamba.vectorised.vectors import LANES


def check(past: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> None:
    check_arguments(past, x, weight, bias, silu)
    if x.device.type != "cpu":
        raise UnsupportedError(
            f"causal_conv1d_update.cpu runs on the CPU and x is on {x.device}; use kernel=causal_conv1d_update.torch"
        )


def allocate(past: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> tuple[Tensor, Tensor]:
    contiguous = torch.contiguous_format
    return torch.empty_like(x, memory_format=contiguous), torch.empty_like(past, memory_format=contiguous)


def forward(past: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, y: Tensor, after: Tensor) -> None:
    exact = torch.float64 if x.dtype == torch.float64 else torch.float32
    batch, channels = x.shape
    width = max(channels, LANES)
    of_x, distance = rows(whole_vectors(x), exact)
    with Results(exact) as results:
        compiled(update, exact)(
            flat(whole_vectors(past), exact),
            of_x,
            flat(whole_vectors(weight), exact),
            zeros(width, exact) if bias is None else flat(whole_vectors(bias), exact),
            results.array(y),
            results.array(after),
            batch,
            width,
            weight.shape[0],
            distance,
            int(silu),
        )


causal_conv1d_update = Operator(
    "causal_conv1d_update_cpu", allocate=allocate, forward=forward, check=check, num_outputs=2, differentiable=()
)
