"""Declares the op `causal_conv1d_update` and its kernels."""

from __future__ import annotations

from harness.specs import Backend, Benchmark, Goal, KernelSpec, OpSpec, Ref


def _size(batch: int, channels: int, width: int = 4, **options: object) -> dict[str, object]:
    return {"batch": batch, "channels": channels, "width": width, **options}


OP = OpSpec(
    name="causal_conv1d_update",
    summary="one token of causal_conv1d: the output and the values that the next one needs",
    make_inputs=Ref("harness_mamba.causal_conv1d_update.op:make_inputs"),
    sizes=(_size(2, 24), _size(1, 7, silu=False, bias=False)),
    check_sizes=(
        _size(3, 1, 1),
        _size(2, 33, 3, silu=False),
        _size(1, 129, 2, bias=False),
        _size(1, 64, 8),
        _size(2, 31, values="extreme"),
    ),
    tolerances={
        "float32": (2e-6, 1e-5),
        "float16": (7e-4, 1.5e-3),
        "bfloat16": (5e-3, 1e-2),
        "float64": (1e-13, 1e-13),
    },
    tolerance_reason="sums are kept in float32 and rounded once; the limits are those of one rounding with some room",
    benchmarks=(
        Benchmark(size=_size(1, 256), device="cpu", baseline="torch"),
        Benchmark(
            size=_size(64, 2048),
            dtype="bfloat16",
            baseline="torch",
            goals=(Goal(peer="causal_conv1d", peer_ratio=1.0),),
        ),
    ),
    flops=Ref("harness_mamba.causal_conv1d_update.op:flops"),
    costs=Ref("harness_mamba.causal_conv1d_update.op:costs"),
)

GPU_DTYPES = ("float32", "float16", "bfloat16")

KERNELS = [
    KernelSpec(
        op="causal_conv1d_update",
        name="reference",
        summary="sum over lags",
        implementation=Ref("harness_mamba.causal_conv1d_update.reference:causal_conv1d_update"),
    ),
    KernelSpec(
        op="causal_conv1d_update",
        name="torch",
        summary="a weighted sum over the window",
        implementation=Ref("harness_mamba.causal_conv1d_update.windowed:causal_conv1d_update"),
        auto_rank=10,
    ),
    KernelSpec(
        op="causal_conv1d_update",
        name="cpu",
        summary="one pass in machine code (numba), sixteen channels to a vector",
        implementation=Ref("harness_mamba.causal_conv1d_update.cpu:causal_conv1d_update"),
        backend=Backend.NUMBA,
        requires=("numba",),
        devices=("cpu",),
        differentiable=False,
        auto_rank=20,
    ),
    KernelSpec(
        op="causal_conv1d_update",
        name="triton",
        summary="a program takes some channels of a sequence",
        implementation=Ref("harness_mamba.causal_conv1d_update.triton:causal_conv1d_update"),
        backend=Backend.TRITON,
        devices=("cuda",),
        requires=("triton",),
        dtypes=GPU_DTYPES,
        capability=80,
        differentiable=False,
        auto_rank=20,
    ),
    KernelSpec(
        op="causal_conv1d_update",
        name="cuda",
        summary="a thread for each channel of a sequence",
        implementation=Ref("harness_mamba.causal_conv1d_update.cuda:causal_conv1d_update"),
        backend=Backend.CUDA,
        devices=("cuda",),
        requires=("cuda.core",),
        dtypes=GPU_DTYPES,
        capability=80,
        differentiable=False,
        auto_rank=30,
    ),
    KernelSpec(
        op="causal_conv1d_update",
        name="causal_conv1d",
        summary="the CUDA kernel of the package causal_conv1d",
        implementation=Ref("harness_mamba.causal_conv1d_update.peer_causal_conv1d:causal_conv1d_update"),
        backend=Backend.LIBRARY,
        requires=("causal_conv1d",),
        devices=("cuda",),
        dtypes=GPU_DTYPES,
        differentiable=False,
        auto_rank=-1,
    ),
]
