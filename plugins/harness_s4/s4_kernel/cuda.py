"""`s4_kernel` as CUDA kernels: one launch and an inverse FFT forward, an FFT and two launches backward."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.kernels.cuda.sources import CudaSource
from harness.kernels.operators import Operator
from harness_s4.s4_kernel.op import check_single_precision

SOURCE = CudaSource(__package__, "s4_kernel.cu")
THREADS = 128
TILE = 512
"""Frequencies of a block: four a thread, so that what is read of a mode serves four."""
SUMS = 10
"""Sums over the frequencies that the gradients of a mode are made of."""


def allocate(dt: Tensor, A: Tensor, P: Tensor, B: Tensor, C_tilde: Tensor, length: int) -> Tensor:
    return dt.new_empty(dt.shape[0], length)


def forward(dt: Tensor, A: Tensor, P: Tensor, B: Tensor, C_tilde: Tensor, length: int, K: Tensor) -> None:
    features, modes, _ = A.shape
    spectrum = dt.new_empty(features, length // 2 + 1, dtype=torch.complex64)
    SOURCE.launch(
        "forward",
        grid=(features, _num_tiles(length)),
        block=(THREADS,),
        arguments=[*_contiguous(dt, A, P, B, C_tilde), torch.view_as_real(spectrum), modes, length],
    )
    torch.fft.irfft(spectrum, n=length, out=K)


def backward(
    dt: Tensor, A: Tensor, P: Tensor, B: Tensor, C_tilde: Tensor, length: int, gK: Tensor,
    gdt: Tensor, gA: Tensor, gP: Tensor, gB: Tensor, gC_tilde: Tensor,
) -> None:  # fmt: skip
    features, modes, _ = A.shape
    tiles = _num_tiles(length)
    inputs = _contiguous(dt, A, P, B, C_tilde)
    upstream = torch.view_as_real(torch.fft.rfft(gK))
    partial = dt.new_empty(features, tiles, SUMS, modes + 1)
    SOURCE.launch(
        "backward",
        grid=(features, tiles),
        block=(THREADS,),
        arguments=[*inputs, upstream, partial, modes, length],
    )
    SOURCE.launch(
        "finish",
        grid=(features,),
        block=(THREADS,),
        arguments=[*inputs, partial, gdt, gA, gP, gB, gC_tilde, modes, tiles],
    )


def _num_tiles(length: int) -> int:
    return -(-(length // 2 + 1) // TILE)


def _contiguous(*tensors: Tensor) -> list[Tensor]:
    return [tensor.contiguous() for tensor in tensors]


s4_kernel = Operator(
    "s4_kernel_cuda", allocate=allocate, forward=forward, backward=backward, check=check_single_precision
)
