"""Declares the op `selective_scan` and its kernels."""

from __future__ import annotations

from harness.kernels.alone import Alone
from harness.specs import Backend, Benchmark, Goal, Growth, KernelSpec, OpSpec, Ref


def _size(batch: int, length: int, channels: int, states: int = 16, **options: object) -> dict[str, object]:
    return {"batch": batch, "length": length, "channels": channels, "states": states, **options}


OP = OpSpec(
    name="selective_scan",
    summary="h_t = exp(dt_t A) h_{t-1} + dt_t u_t B_t; y_t = (C_t h_t + D u_t) silu(z_t)",
    make_inputs=Ref("harness_mamba.selective_scan.op:make_inputs"),
    sizes=(
        _size(2, 37, 24),
        _size(1, 1, 16),
        _size(1, 33, 7, 5, skip=False, gate=False, dt_bias=False, softplus=False),
    ),
    check_sizes=(
        _size(2, 5, 3, 1, initial_state=True),
        _size(1, 64, 16, 4, gate=False),
        _size(1, 31, 17, 3, softplus=False),
        _size(1, 65, 8, 8, skip=False, dt_bias=False, initial_state=True),
        _size(1, 9, 4, 40),
        _size(1, 5, 3, 200),
        _size(1, 29, 8, values="extreme"),
    ),
    tolerances={
        "float32": (2e-6, 1e-5),
        "float16": (7e-4, 1.5e-3),
        "bfloat16": (5e-3, 1e-2),
        "float64": (1e-13, 1e-13),
    },
    tolerance_reason="states and sums are float32, so a half is one rounding; float32 rounds each of many products",
    benchmarks=(
        Benchmark(
            size=_size(1, 2048, 256),
            device="cpu",
            baseline="reference",
            goals=(
                Goal(peer="reference", peer_ratio=15.0),
                Goal(peer="reference", peer_ratio=15.0, backward=True),
                Goal(peer="mambapy", peer_ratio=10.0),
                Goal(peer="mambapy", peer_ratio=10.0, backward=True),
            ),
        ),
        Benchmark(
            size=_size(8, 2048, 2048),
            dtype="bfloat16",
            baseline="torch",
            without=("reference", "mambapy"),
            goals=(
                Goal(peer="mamba_ssm", peer_ratio=1.0, times_floor=2.5),
                Goal(peer="mamba_ssm", peer_ratio=1.0, backward=True),
            ),
        ),
    ),
    flops=Ref("harness_mamba.selective_scan.op:flops"),
    costs=Ref("harness_mamba.selective_scan.op:costs"),
)
ALONE = Alone(
    op=OP,
    declared_in=__name__,
    size=_size(1, 2048, 256),
    growth=(Growth(along="length", seconds=1.0, bytes=1.0),),
)

GPU_DTYPES = ("float32", "float16", "bfloat16")

KERNELS = [
    KernelSpec(
        op="selective_scan",
        name="reference",
        summary="the recurrence as a loop over time",
        implementation=Ref("harness_mamba.selective_scan.reference:selective_scan"),
    ),
    KernelSpec(
        op="selective_scan",
        name="torch",
        summary="scans inside chunks, then over them: about 2 sqrt(length) tensor operations",
        implementation=Ref("harness_mamba.selective_scan.chunked:selective_scan"),
        auto_rank=10,
    ),
    KernelSpec(
        op="selective_scan",
        name="cpu",
        summary="one pass in machine code (numba), sixteen channels to a vector, states recomputed backward",
        implementation=Ref("harness_mamba.selective_scan.cpu:selective_scan"),
        backend=Backend.NUMBA,
        requires=("numba",),
        devices=("cpu",),
        auto_rank=20,
    ),
    KernelSpec(
        op="selective_scan",
        name="triton",
        summary="tiles of a few steps scanned in registers, the state carried from tile to tile",
        implementation=Ref("harness_mamba.selective_scan.triton:selective_scan"),
        backend=Backend.TRITON,
        devices=("cuda",),
        requires=("triton",),
        dtypes=GPU_DTYPES,
        capability=80,
        auto_rank=20,
    ),
    KernelSpec(
        op="selective_scan",
        name="cuda",
        summary="warps walk over time with the states of their channels in registers",
        implementation=Ref("harness_mamba.selective_scan.cuda:selective_scan"),
        backend=Backend.CUDA,
        devices=("cuda",),
        requires=("cuda.core",),
        dtypes=GPU_DTYPES,
        capability=80,
        auto_rank=30,
    ),
    KernelSpec(
        op="selective_scan",
        name="mambapy",
        summary="the parallel scan of mambapy, all states in memory at once",
        implementation=Ref("harness_mamba.selective_scan.peer_mambapy:selective_scan"),
        backend=Backend.LIBRARY,
        requires=("mambapy",),
        auto_rank=-1,
    ),
    KernelSpec(
        op="selective_scan",
        name="mamba_ssm",
        summary="the CUDA kernel of mamba_ssm",
        implementation=Ref("harness_mamba.selective_scan.peer_mamba_ssm:selective_scan"),
        backend=Backend.LIBRARY,
        requires=("mamba_ssm",),
        devices=("cuda",),
        dtypes=GPU_DTYPES,
        auto_rank=-1,
    ),
]
