"""`selective_scan_update` as a CUDA kernel: lanes share the states of a channel and add up through shuffles."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from harness.errors import UnsupportedError
from harness.kernels.cuda.sources import CudaSource
from harness.kernels.cuda.types import TYPES
from harness.kernels.operators import Operator
from harness_mamba.selective_scan_update.op import check_arguments

SOURCE = CudaSource(__package__, "selective_scan_update.cu")
THREADS = 128
VECTOR = 4
"""States that a lane reads at once."""


class _Strides(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int64) for name in ("u", "dt", "z", "B", "C"))


def check(
    state: Tensor,
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
) -> None:
    check_arguments(state, u, dt, A, B, C, D, z, dt_bias, dt_softplus)
    if u.dtype == torch.float64:
        raise UnsupportedError(
            "selective_scan_update.cuda takes float32, float16 and bfloat16; u is float64; "
            "use kernel=selective_scan_update.reference"
        )


def allocate(
    state: Tensor,
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
) -> tuple[Tensor, Tensor]:
    return u.new_empty(u.shape), state.new_empty(state.shape, dtype=torch.float32)


def forward(
    state: Tensor,
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    dt_bias: Tensor | None,
    dt_softplus: bool,
    y: Tensor,
    new_state: Tensor,
) -> None:
    batch, channels, states = state.shape
    state, A = state.float().contiguous(), A.float().contiguous()
    D, dt_bias = (None if tensor is None else tensor.float().contiguous() for tensor in (D, dt_bias))
    u, dt, B, C = (_rows(tensor) for tensor in (u, dt, B, C))
    z = None if z is None else _rows(z)
    strides = _Strides(*(0 if tensor is None else tensor.stride(0) for tensor in (u, dt, z, B, C)))
    starts = (states, B.stride(0), C.stride(0), *(tensor.storage_offset() for tensor in (state, A, B, C)))
    wide = all(start % VECTOR == 0 for start in starts)
    lanes = _lanes(states)
    SOURCE.launch(
        f"update<{TYPES[u.dtype]}, {lanes}>",
        grid=(-(-batch * channels * lanes // THREADS),),
        block=(THREADS,),
        arguments=[
            state, u, dt, A, B, C, D, z, dt_bias, y, new_state, strides, batch, channels, states, dt_softplus, wide,
        ],
    )  # fmt: skip


def _lanes(states: int) -> int:
    """A power of two of at most a warp, so many that none has to read twice."""
    vectors = -(-states // VECTOR)
    return min(32, 1 << (vectors - 1).bit_length())


def _rows(tensor: Tensor) -> Tensor:
    """With neighbouring numbers in a row, however far apart the rows lie."""
    return tensor if tensor.stride(1) == 1 else tensor.contiguous()


selective_scan_update = Operator(
    "selective_scan_update_cuda", allocate=allocate, forward=forward, check=check, num_outputs=2
)
