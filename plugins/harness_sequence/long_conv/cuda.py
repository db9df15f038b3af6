"""`long_conv` as a CUDA kernel: transforms inside a block, and beyond what a block holds a product of torch's."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from harness.kernels.cuda.sources import CudaSource
from harness.kernels.cuda.types import TYPES
from harness.kernels.operators import Operator
from harness_sequence.long_conv.op import check_arguments
from harness_sequence.long_conv.spectra import signal_of, spectrum

SOURCE = CudaSource(__package__, "long_conv.cu")
PER_THREAD = 16
LEAST_LOG2, MOST_LOG2 = 9, 13
"""Points of a transform: a warp at least, and at most 68 KiB of shared memory."""
PAIRS = 4
"""Pairs of rows that a block transforms after the kernel, whose own transform they share."""


def allocate(u: Tensor, kernel: Tensor) -> Tensor:
    return u.new_empty(u.shape)


def forward(u: Tensor, kernel: Tensor, y: Tensor) -> None:
    log2_points = _log2_points(u)
    if log2_points > MOST_LOG2:
        y.copy_(_convolved(u, kernel, conjugate=False))
    else:
        _convolve(u, kernel, y, log2_points, correlate=False)


def backward(u: Tensor, kernel: Tensor, gy: Tensor, gu: Tensor, gkernel: Tensor) -> None:
    log2_points = _log2_points(u)
    if log2_points > MOST_LOG2:
        gu.copy_(_convolved(gy, kernel, conjugate=True))
        gkernel.copy_(_correlated(gy, u))
        return
    _convolve(gy, kernel, gu, log2_points, correlate=True)
    batch, features, length = u.shape
    num_parts = -(-batch // (2 * PAIRS))
    partial = u.new_empty((num_parts, features, length), dtype=torch.float32)
    entry = f"correlate<{TYPES[u.dtype]}, {log2_points}>"
    _launch(entry, [u.contiguous(), gy, _twiddles(u, log2_points), partial], u, log2_points)
    gkernel.copy_(partial.sum(0))


def _log2_points(u: Tensor) -> int:
    return max(LEAST_LOG2, (2 * u.shape[2] - 1).bit_length())


def _convolve(u: Tensor, kernel: Tensor, y: Tensor, log2_points: int, correlate: bool) -> None:
    entry = f"convolve<{TYPES[u.dtype]}, {log2_points}, {'true' if correlate else 'false'}>"
    arguments = [u.contiguous(), kernel.float().contiguous(), _twiddles(u, log2_points), y]
    _launch(entry, arguments, u, log2_points)


def _launch(entry: str, tensors: list[Tensor], u: Tensor, log2_points: int) -> None:
    batch, features, length = u.shape
    points = 2**log2_points
    SOURCE.launch(
        entry,
        grid=(features, -(-batch // (2 * PAIRS))),
        block=(points // PER_THREAD,),
        arguments=[*tensors, batch, features, length, PAIRS],
        shared_bytes=8 * (points + points // 16),
    )


def _twiddles(u: Tensor, log2_points: int) -> Tensor:
    half = 2 ** (log2_points - 1)
    table = u.new_empty((half, 2), dtype=torch.float32)
    SOURCE.launch("make_twiddles", grid=(-(-half // 256),), block=(256,), arguments=[table, 2 * half])
    return table


def _convolved(u: Tensor, kernel: Tensor, conjugate: bool) -> Tensor:
    left, right = spectrum(u), spectrum(kernel)
    product = torch.empty_like(left)
    count = left.numel() // 2
    SOURCE.launch(
        f"multiply<{'true' if conjugate else 'false'}>",
        grid=(-(-count // 256),),
        block=(256,),
        arguments=[left, right, product, ctypes.c_int64(right.numel() // 2), ctypes.c_int64(count)],
    )
    return signal_of(product, u.shape[2])


def _correlated(gy: Tensor, u: Tensor) -> Tensor:
    left, right = spectrum(gy), spectrum(u)
    summed = left.new_empty(left.shape[1:])
    per_row = summed.numel() // 2
    SOURCE.launch(
        "multiply_and_sum",
        grid=(-(-per_row // 256),),
        block=(256,),
        arguments=[left, right, summed, u.shape[0], ctypes.c_int64(per_row)],
    )
    return signal_of(summed, u.shape[2])


long_conv = Operator("long_conv_cuda", allocate=allocate, forward=forward, backward=backward, check=check_arguments)
