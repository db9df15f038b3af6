"""Declares the op `causal_conv1d` and its kernels."""

from __future__ import annotations

from harness.kernels.alone import Alone
from harness.specs import Backend, Benchmark, Goal, Growth, KernelSpec, OpSpec, Ref


def _size(batch: int, length: int, channels: int, width: int = 4, **options: object) -> dict[str, object]:
    return {"batch": batch, "length": length, "channels": channels, "width": width, **options}


OP = OpSpec(
    name="causal_conv1d",
    summary="each channel's weighted sum of its last values, with SiLU behind it or not",
    make_inputs=Ref("harness_mamba.causal_conv1d.op:make_inputs"),
    sizes=(_size(2, 37, 24), _size(1, 1, 16), _size(1, 5, 7, silu=False, bias=False)),
    check_sizes=(
        _size(1, 31, 8, width=1),
        _size(2, 64, 33, width=3, silu=False),
        _size(1, 65, 128),
        _size(1, 63, 2, width=2, bias=False),
        _size(1, 29, 8, values="extreme"),
    ),
    tolerances={
        "float32": (2e-6, 1e-5),
        "float16": (7e-4, 1.5e-3),
        "bfloat16": (5e-3, 1e-2),
        "float64": (1e-13, 1e-13),
    },
    tolerance_reason="sums are kept in float32 and rounded once; the limits are those of one rounding with some room",
    benchmarks=(
        Benchmark(size=_size(1, 2048, 256), device="cpu", baseline="torch"),
        Benchmark(
            size=_size(8, 2048, 2048),
            dtype="bfloat16",
            baseline="torch",
            without=("reference",),
            goals=(
                Goal(peer="causal_conv1d", peer_ratio=1.0, times_floor=1.5),
                Goal(peer="causal_conv1d", peer_ratio=1.0, backward=True),
                Goal(peer="conv1d", peer_ratio=5.0),
            ),
        ),
    ),
    flops=Ref("harness_mamba.causal_conv1d.op:flops"),
    costs=Ref("harness_mamba.causal_conv1d.op:costs"),
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
        op="causal_conv1d",
        name="reference",
        summary="sum over lags",
        implementation=Ref("harness_mamba.causal_conv1d.reference:causal_conv1d"),
    ),
    KernelSpec(
        op="causal_conv1d",
        name="torch",
        summary="one product per lag, added up in place",
        implementation=Ref("harness_mamba.causal_conv1d.shifted:causal_conv1d"),
        auto_rank=10,
    ),
    KernelSpec(
        op="causal_conv1d",
        name="cpu",
        summary="one pass in machine code (numba), sixteen channels to a vector, SiLU with it",
        implementation=Ref("harness_mamba.causal_conv1d.cpu:causal_conv1d"),
        backend=Backend.NUMBA,
        requires=("numba",),
        devices=("cpu",),
        auto_rank=20,
    ),
    KernelSpec(
        op="causal_conv1d",
        name="triton",
        summary="a tile of times and channels, read once for each lag",
        implementation=Ref("harness_mamba.causal_conv1d.triton:causal_conv1d"),
        backend=Backend.TRITON,
        devices=("cuda",),
        requires=("triton",),
        dtypes=GPU_DTYPES,
        capability=80,
        auto_rank=20,
    ),
    KernelSpec(
        op="causal_conv1d",
        name="cuda",
        summary="a thread walks over time with the last inputs in registers",
        implementation=Ref("harness_mamba.causal_conv1d.cuda:causal_conv1d"),
        backend=Backend.CUDA,
        devices=("cuda",),
        requires=("cuda.core",),
        dtypes=GPU_DTYPES,
        capability=80,
        auto_rank=30,
    ),
    KernelSpec(
        op="causal_conv1d",
        name="conv1d",
        summary="torch's conv1d with one group a channel, then SiLU",
        implementation=Ref("harness_mamba.causal_conv1d.peer_torch:causal_conv1d"),
        backend=Backend.TORCH,
        auto_rank=-1,
    ),
    KernelSpec(
        op="causal_conv1d",
        name="causal_conv1d",
        summary="the CUDA kernel of the package causal_conv1d",
        implementation=Ref("harness_mamba.causal_conv1d.peer_causal_conv1d:causal_conv1d"),
        backend=Backend.LIBRARY,
        requires=("causal_conv1d",),
        devices=("cuda",),
        dtypes=GPU_DTYPES,
        auto_rank=-1,
    ),
    KernelSpec(
        op="causal_conv1d",
        name="fla",
        summary="the Triton kernel of the package fla",
        implementation=Ref("harness_mamba.causal_conv1d.peer_fla:causal_conv1d"),
        backend=Backend.LIBRARY,
        requires=("fla",),
        devices=("cuda",),
        dtypes=GPU_DTYPES,
        auto_rank=-1,
    ),
]
