"""Declares the op `selective_scan_update` and its kernels."""

from __future__ import annotations

from harness.specs import Backend, Benchmark, Goal, KernelSpec, OpSpec, Ref


def _size(batch: int, channels: int, states: int = 16, **options: object) -> dict[str, object]:
    return {"batch": batch, "channels": channels, "states": states, **options}


OP = OpSpec(
    name="selective_scan_update",
    summary="one token of selective_scan: the output and the state after it",
    make_inputs=Ref("harness_mamba.selective_scan_update.op:make_inputs"),
    sizes=(_size(2, 24), _size(1, 7, 5, skip=False, gate=False, dt_bias=False, softplus=False)),
    check_sizes=(
        _size(1, 1, 1),
        _size(3, 17, 3, softplus=False),
        _size(1, 65, 8, gate=False),
        _size(1, 128, 4, skip=False, dt_bias=False),
        _size(2, 31, values="extreme"),
    ),
    tolerances={
        "float32": (2e-6, 1e-5),
        "float16": (7e-4, 1.5e-3),
        "bfloat16": (5e-3, 1e-2),
        "float64": (1e-13, 1e-13),
    },
    tolerance_reason="a sum of as many products as there are states, in float32, rounded once to a half",
    benchmarks=(
        Benchmark(size=_size(1, 256), device="cpu", baseline="torch"),
        Benchmark(
            size=_size(64, 2048),
            dtype="bfloat16",
            baseline="torch",
            goals=(Goal(peer="mamba_ssm", peer_ratio=1.0),),
        ),
    ),
    flops=Ref("harness_mamba.selective_scan_update.op:flops"),
    costs=Ref("harness_mamba.selective_scan_update.op:costs"),
)

GPU_DTYPES = ("float32", "float16", "bfloat16")

KERNELS = [
    KernelSpec(
        op="selective_scan_update",
        name="reference",
        summary="one step of the loop",
        implementation=Ref("harness_mamba.selective_scan_update.reference:selective_scan_update"),
    ),
    KernelSpec(
        op="selective_scan_update",
        name="torch",
        summary="the step in few operations of torch",
        implementation=Ref("harness_mamba.selective_scan_update.fused:selective_scan_update"),
        auto_rank=10,
    ),
    KernelSpec(
        op="selective_scan_update",
        name="cpu",
        summary="one pass over the states in machine code (numba), sixteen states to a vector",
        implementation=Ref("harness_mamba.selective_scan_update.cpu:selective_scan_update"),
        backend=Backend.NUMBA,
        requires=("numba",),
        devices=("cpu",),
        differentiable=False,
        auto_rank=20,
    ),
    KernelSpec(
        op="selective_scan_update",
        name="triton",
        summary="a program takes some channels of a sequence with all their states",
        implementation=Ref("harness_mamba.selective_scan_update.triton:selective_scan_update"),
        backend=Backend.TRITON,
        devices=("cuda",),
        requires=("triton",),
        dtypes=GPU_DTYPES,
        capability=80,
        differentiable=False,
        auto_rank=30,
    ),
    KernelSpec(
        op="selective_scan_update",
        name="cuda",
        summary="threads share the states of a channel and add up through shuffles",
        implementation=Ref("harness_mamba.selective_scan_update.cuda:selective_scan_update"),
        backend=Backend.CUDA,
        devices=("cuda",),
        requires=("cuda.core",),
        dtypes=GPU_DTYPES,
        capability=80,
        differentiable=False,
        auto_rank=20,
    ),
    KernelSpec(
        op="selective_scan_update",
        name="mamba_ssm",
        summary="the Triton kernel of mamba_ssm",
        implementation=Ref("harness_mamba.selective_scan_update.peer_mamba_ssm:selective_scan_update"),
        backend=Backend.LIBRARY,
        requires=("mamba_ssm",),
        devices=("cuda",),
        dtypes=GPU_DTYPES,
        differentiable=False,
        auto_rank=-1,
    ),
]
