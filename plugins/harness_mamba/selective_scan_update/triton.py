"""`selective_scan_update` as a Triton kernel: a program takes some channels of a sequence with all their states."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.errors import UnsupportedError
from harness.kernels.operators import Operator
from harness.kernels.triton.launching import launch
from harness_mamba.selective_scan.triton_functions import softplus
from harness_mamba.selective_scan_update.op import check_arguments

STATES_OF_A_PROGRAM = 1024
"""Eight numbers for each of 128 threads."""


@triton.jit
def _update(
    STATE, U, DT, A, B, C, D, Z, DT_BIAS, Y, NEW_STATE, u_batch, dt_batch, z_batch, b_batch, c_batch, channels, states,
    HAS_D: tl.constexpr, HAS_Z: tl.constexpr, HAS_DT_BIAS: tl.constexpr, SOFTPLUS: tl.constexpr, BD: tl.constexpr,
    BN: tl.constexpr,
):  # fmt: skip
    d = tl.program_id(0) * BD + tl.arange(0, BD)
    n = tl.arange(0, BN)
    b = tl.program_id(1).to(tl.int64)
    valid_d, valid_n = d < channels, n < states
    valid = valid_d[:, None] & valid_n[None, :]
    u = tl.load(U + b * u_batch + d, mask=valid_d, other=0.0).to(tl.float32)
    dt = tl.load(DT + b * dt_batch + d, mask=valid_d, other=0.0).to(tl.float32)
    if HAS_DT_BIAS:
        dt += tl.load(DT_BIAS + d, mask=valid_d, other=0.0).to(tl.float32)
    if SOFTPLUS:
        dt = softplus(dt)
    own = d.to(tl.int64)[:, None] * states + n[None, :]
    rates = tl.load(A + own, mask=valid, other=0.0).to(tl.float32)
    h = tl.load(STATE + b * channels * states + own, mask=valid, other=0.0).to(tl.float32)
    b_row = tl.load(B + b * b_batch + n, mask=valid_n, other=0.0).to(tl.float32)
    c_row = tl.load(C + b * c_batch + n, mask=valid_n, other=0.0).to(tl.float32)
    h = tl.exp(dt[:, None] * rates) * h + (dt * u)[:, None] * b_row[None, :]
    tl.store(NEW_STATE + b * channels * states + own, h, mask=valid)
    y = tl.sum(h * c_row[None, :], axis=1)
    if HAS_D:
        y += tl.load(D + d, mask=valid_d, other=0.0).to(tl.float32) * u
    if HAS_Z:
        z = tl.load(Z + b * z_batch + d, mask=valid_d, other=0.0).to(tl.float32)
        y *= z * tl.sigmoid(z)
    tl.store(Y + b * channels + d, y.to(Y.dtype.element_ty), mask=valid_d)


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
            "selective_scan_update.triton takes float32, float16 and bfloat16; u is float64; "
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
    D, dt_bias = (None if tensor is None else tensor.contiguous() for tensor in (D, dt_bias))
    u, dt, B, C = (_rows(tensor) for tensor in (u, dt, B, C))
    z = None if z is None else _rows(z)
    block_states = triton.next_power_of_2(states)
    block = max(1, min(STATES_OF_A_PROGRAM // block_states, triton.next_power_of_2(channels)))
    launch(
        _update, (-(-channels // block), batch), state.contiguous(), u, dt, A.contiguous(), B, C, D, z, dt_bias, y,
        new_state, u.stride(0), dt.stride(0), 0 if z is None else z.stride(0), B.stride(0), C.stride(0), channels,
        states, HAS_D=D is not None, HAS_Z=z is not None, HAS_DT_BIAS=dt_bias is not None, SOFTPLUS=dt_softplus,
        BD=block, BN=block_states,
    )  # fmt: skip


def _rows(tensor: Tensor) -> Tensor:
    """With neighbouring numbers in a row, however far apart the rows lie."""
    return tensor if tensor.stride(1) == 1 else tensor.contiguous()


selective_scan_update = Operator(
    "selective_scan_update_triton", allocate=allocate, forward=forward, check=check, num_outputs=2
)
