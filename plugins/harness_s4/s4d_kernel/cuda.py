"""`s4d_kernel` as CUDA kernels: one launch forward, two backward."""

from __future__ import annotations

from torch import Tensor

from harness.kernels.cuda.sources import CudaSource
from harness.kernels.operators import Operator
from harness_s4.s4d_kernel.op import check_single_precision

SOURCE = CudaSource(__package__, "s4d_kernel.cu")
THREADS = 256
SIDE = 16
PER_THREAD = (4, 8)
"""Lags of a thread along each side of a tile. The larger one needs half as much of shared memory per multiply-add, the
smaller one makes a tile of 4096 lags instead of 16384."""


def allocate(dt: Tensor, A: Tensor, C: Tensor, length: int) -> Tensor:
    return dt.new_empty(dt.shape[0], length)


def forward(dt: Tensor, A: Tensor, C: Tensor, length: int, K: Tensor) -> None:
    per_thread, tiles = _tiles(length)
    features, modes, _ = A.shape
    SOURCE.launch(
        f"forward<{per_thread}>",
        grid=(features, tiles),
        block=(THREADS,),
        arguments=[dt.contiguous(), A.contiguous(), C.contiguous(), K, modes, length],
    )


def backward(dt: Tensor, A: Tensor, C: Tensor, length: int, gK: Tensor, gdt: Tensor, gA: Tensor, gC: Tensor) -> None:
    per_thread, tiles = _tiles(length)
    features, modes, _ = A.shape
    dt, A, C = dt.contiguous(), A.contiguous(), C.contiguous()
    partial = A.new_empty(features, tiles, modes, 4)
    SOURCE.launch(
        f"backward<{per_thread}>",
        grid=(features, tiles),
        block=(THREADS,),
        arguments=[dt, A, gK, partial, modes, length],
    )
    SOURCE.launch("finish", grid=(features,), block=(32,), arguments=[dt, A, C, partial, gdt, gA, gC, modes, tiles])


def _tiles(length: int) -> tuple[int, int]:
    small, large = PER_THREAD
    per_thread = small if length <= (SIDE * small) ** 2 else large
    return per_thread, -(-length // (SIDE * per_thread) ** 2)


s4d_kernel = Operator(
    "s4d_kernel_cuda", allocate=allocate, forward=forward, backward=backward, check=check_single_precision
)
