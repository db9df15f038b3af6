"""`selective_scan` as CUDA kernels: warps walk over time with the states of their channels in registers."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from harness.errors import UnsupportedError
from harness.kernels.cuda.sources import Argument, CudaSource
from harness.kernels.cuda.types import TYPES
from harness.kernels.operators import Operator
from harness_mamba.selective_scan.op import check_arguments
from harness_mamba.selective_scan.plan import WARPS, Plan

MOST_STATES = 256


WALK = CudaSource(__package__, "walk.cuh")
FORWARD = CudaSource(__package__, "forward.cu", after=(WALK,))
BACKWARD = CudaSource(__package__, "backward.cu", after=(WALK,))


class _Strides(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int64 * 2) for name in ("u", "dt", "z", "B", "C"))


class _Sizes(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_int)
        for name in ("length", "channels", "states", "chunk", "chunks", "wide_channels", "wide_states", "softplus")
    )


def check(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
    initial_state: Tensor | None = None,
) -> None:
    check_arguments(u, dt, A, B, C, D, z, dt_bias, dt_softplus, initial_state)
    if A.shape[1] > MOST_STATES or u.dtype not in TYPES or u.dtype == torch.float64:
        raise UnsupportedError(
            f"selective_scan.cuda takes at most {MOST_STATES} states of float32, float16 or bfloat16; A has "
            f"{A.shape[1]} and u is {u.dtype}; use kernel=selective_scan.torch"
        )


def allocate(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
    initial_state: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The output, the last state, and the state before each segment, as the threads have it."""
    plan = _plan(u, A)
    kept = (plan.batch, plan.segments, plan.slices, plan.kept)
    return (
        u.new_empty(u.shape),
        u.new_empty((plan.batch, *A.shape), dtype=torch.float32),
        u.new_empty(kept, dtype=torch.float32),
    )


def forward(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    dt_bias: Tensor | None,
    dt_softplus: bool,
    initial_state: Tensor | None,
    y: Tensor,
    final_state: Tensor,
    kept: Tensor,
) -> None:
    plan = _plan(u, A)
    u, dt, B, C, z = _rows(u), _rows(dt), _rows(B), _rows(C), _optional(_rows, z)
    A, initial_state = _dense(A), _optional(_dense, initial_state)
    D, dt_bias = _optional(_dense, D), _optional(_dense, dt_bias)
    layout = [_strides(u, dt, z, B, C), _sizes(plan, dt_softplus, [u, dt, z], [B, C])]
    ends = totals = None
    if plan.chunks > 1:
        ends, totals = _ends(plan, u)
        arguments = [u, dt, A, B, dt_bias, ends, totals, *layout]
        _launch(FORWARD, "forward_ends", plan, plan.chunks - 1, u.dtype, arguments)
    arguments = [u, dt, A, B, C, D, z, dt_bias, initial_state, ends, totals, y, final_state, kept, *layout]
    _launch(FORWARD, "forward", plan, plan.chunks, u.dtype, arguments)


def backward(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    dt_bias: Tensor | None,
    dt_softplus: bool,
    initial_state: Tensor | None,
    kept: Tensor,
    gy: Tensor,
    gfinal: Tensor,
    gu: Tensor,
    gdt: Tensor,
    gA: Tensor,
    gB: Tensor,
    gC: Tensor,
    gD: Tensor | None,
    gz: Tensor | None,
    gdt_bias: Tensor | None,
    ginitial: Tensor | None,
) -> None:
    plan = _plan(u, A)
    u, dt, B, C, z = _rows(u), _rows(dt), _rows(B), _rows(C), _optional(_rows, z)
    A, D, dt_bias = _dense(A), _optional(_dense, D), _optional(_dense, dt_bias)
    layout = [_strides(u, dt, z, B, C), _sizes(plan, dt_softplus, [u, dt, z, gy], [B, C])]
    ends = totals = None
    if plan.chunks > 1:
        ends, totals = _ends(plan, u)
        arguments = [dt, A, C, z, dt_bias, gy, ends, totals, *layout]
        _launch(BACKWARD, "backward_ends", plan, plan.chunks - 1, u.dtype, arguments)

    def numbers(*shape: int) -> Tensor:
        return u.new_empty(shape, dtype=torch.float32)

    pieces = plan.batch * plan.chunks
    of_rows = numbers(plan.blocks, plan.batch, plan.length, 2, plan.states)
    of_rates = numbers(pieces, plan.channels, plan.states)
    of_parameters = numbers(pieces, 2, plan.channels)
    initial = None if ginitial is None else numbers(*ginitial.shape)
    arguments = [
        u, dt, A, B, C, D, z, dt_bias, kept, ends, totals, gy, gfinal, gu, gdt, gz, initial, of_rows, of_rates,
        of_parameters, *layout,
    ]  # fmt: skip
    _launch(BACKWARD, "backward", plan, plan.chunks, u.dtype, arguments, plan.backward_bytes)
    rows, parameters = of_rows.sum(0), of_parameters.sum(0)
    gA.copy_(of_rates.sum(0))
    gB.copy_(rows[:, :, 0])
    gC.copy_(rows[:, :, 1])
    if gD is not None:
        gD.copy_(parameters[0])
    if gdt_bias is not None:
        gdt_bias.copy_(parameters[1])
    if ginitial is not None and initial is not None:
        ginitial.copy_(initial)


def _plan(u: Tensor, A: Tensor) -> Plan:
    batch, length, channels = u.shape
    return Plan(batch, length, channels, A.shape[1])


def _launch(
    source: CudaSource,
    name: str,
    plan: Plan,
    chunks: int,
    dtype: torch.dtype,
    arguments: Sequence[Argument],
    shared_bytes: int = 0,
) -> None:
    source.launch(
        f"{name}<{TYPES[dtype]}, {plan.lanes}, {plan.per_lane}>",
        grid=(plan.batch * plan.blocks, chunks),
        block=(32 * WARPS,),
        arguments=arguments,
        shared_bytes=shared_bytes,
    )


def _ends(plan: Plan, u: Tensor) -> tuple[Tensor, Tensor]:
    """What chunks hand on, and their sums of step sizes."""
    pieces = (plan.batch, plan.chunks, plan.slices)
    ends = u.new_empty((*pieces, plan.kept), dtype=torch.float32)
    return ends, u.new_empty((*pieces, plan.slice), dtype=torch.float32)


def _strides(u: Tensor, dt: Tensor, z: Tensor | None, B: Tensor, C: Tensor) -> _Strides:
    pairs = [(0, 0) if tensor is None else tensor.stride()[:2] for tensor in (u, dt, z, B, C)]
    return _Strides(*((ctypes.c_int64 * 2)(*pair) for pair in pairs))


def _sizes(plan: Plan, softplus: bool, wide: Sequence[Tensor | None], narrow: Sequence[Tensor]) -> _Sizes:
    channels = plan.channels % plan.vector == 0 and all(_aligned(tensor, plan.vector) for tensor in wide)
    states = all(_aligned(tensor, 8) for tensor in narrow)
    return _Sizes(plan.length, plan.channels, plan.states, plan.chunk, plan.chunks, channels, states, softplus)


def _aligned(tensor: Tensor | None, vector: int) -> bool:
    """Whether every row can be read in vectors of so many elements, 16 bytes at once."""
    if tensor is None:
        return True
    rows = all(stride % vector == 0 for stride in tensor.stride()[:2])
    return rows and tensor.storage_offset() % vector == 0


def _rows(tensor: Tensor) -> Tensor:
    """With neighbouring numbers in a row, however far apart the rows lie."""
    return tensor if tensor.stride(2) == 1 else tensor.contiguous()


def _dense(tensor: Tensor) -> Tensor:
    return tensor.float().contiguous()


def _optional(change: Callable[[Tensor], Tensor], tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else change(tensor)


selective_scan = Operator(
    "selective_scan_cuda", allocate=allocate, forward=forward, backward=backward, check=check, num_outputs=2
)
