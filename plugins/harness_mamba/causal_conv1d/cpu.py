"""`causal_conv1d` for CPUs: machine code that numba makes, SiLU included, one thread. A half is computed in float32."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.errors import UnsupportedError
from harness.kernels.operators import Operator
from harness_mamba.causal_conv1d.loops import convolve_backward, convolve_backward_of_four, convolve_forward
from harness_mamba.causal_conv1d.op import check_arguments
from harness_mamba.vectorised.arrays import flat, rows, whole_vectors, zeros
from harness_mamba.vectorised.compilation import compiled
from harness_mamba.vectorised.results import Results
from harness_mamba.vectorised.vectors import LANES

USUAL_LAGS = 4
"""For so many lags there is code of its own; it takes about half of the time."""


def check(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> None:
    check_arguments(x, weight, bias, silu)
    if x.device.type != "cpu":
        raise UnsupportedError(
            f"causal_conv1d.cpu runs on the CPU and x is on {x.device}; use kernel=causal_conv1d.torch"
        )


def allocate(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def forward(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, y: Tensor) -> None:
    given, options = _given(x, weight, bias, silu)
    constants = (("LAGS", USUAL_LAGS),) if weight.shape[0] == USUAL_LAGS else ()
    with Results(_exact(x)) as results:
        compiled(convolve_forward, _exact(x), constants)(*given, results.array(y), *options)


def backward(
    x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, gy: Tensor, gx: Tensor, gw: Tensor, gb: Tensor | None
) -> None:
    exact = _exact(x)
    given, options = _given(x, weight, bias, silu)
    unasked = weight.new_empty(weight.shape[1])
    loop = convolve_backward_of_four if weight.shape[0] == USUAL_LAGS else convolve_backward
    with Results(exact) as results:
        compiled(loop, exact)(
            *given,
            flat(whole_vectors(gy), exact),
            results.array(gx),
            results.array(gw),
            results.array(unasked if gb is None else gb),
            *options,
        )


def _exact(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def _given(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> tuple[list[object], tuple[int, ...]]:
    """The arrays and the numbers that both loops take, in their order."""
    exact = _exact(x)
    batch, length, channels = x.shape
    width = max(channels, LANES)
    of_x, distance = rows(whole_vectors(x), exact)
    offset = zeros(width, exact) if bias is None else flat(whole_vectors(bias), exact)
    arrays = [of_x, flat(whole_vectors(weight), exact), offset]
    return arrays, (batch, length, width, weight.shape[0], distance, int(silu))


causal_conv1d = Operator("causal_conv1d_cpu", allocate=allocate, forward=forward, backward=backward, check=check)
