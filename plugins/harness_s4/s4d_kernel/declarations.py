"""Declares the op `s4d_kernel` and its kernels."""

from __future__ import annotations

from harness.kernels.alone import Alone
from harness.specs import Backend, Benchmark, Goal, Growth, KernelSpec, OpSpec, Ref
from harness_s4.source import S4D


def _size(features: int, modes: int, length: int, **options: object) -> dict[str, object]:
    return {"features": features, "modes": modes, "length": length, **options}


OP = OpSpec(
    name="s4d_kernel",
    summary="convolution kernel of a diagonal state space model",
    source=S4D,
    make_inputs=Ref("harness_s4.s4d_kernel.op:make_inputs"),
    sizes=(_size(2, 4, 1), _size(2, 8, 37), _size(3, 16, 130)),
    check_sizes=(
        _size(1, 1, 2),
        _size(2, 17, 63),
        _size(1, 33, 65),
        _size(3, 3, 67, values="extreme"),
        _size(3, 4, 1030),
        _size(2, 8, 4099),
    ),
    tolerances={"float32": (2e-6, 5e-5), "float64": (1e-13, 1e-13)},
    tolerance_reason="worst of 60 seeds in float32: the definition 1e-6 and 2e-5, since it rounds phases l dt A of "
    "many turns; the two-factor form 7e-7 and 7e-6",
    benchmarks=(
        Benchmark(
            size=_size(64, 32, 16384),
            device="cpu",
            baseline="reference",
            goals=(Goal(peer="reference", peer_ratio=20.0),),
        ),
        Benchmark(size=_size(512, 32, 16384), without=("reference",), goals=(Goal(times_floor=3.0),)),
    ),
    flops=Ref("harness_s4.s4d_kernel.op:flops"),
    costs=Ref("harness_s4.s4d_kernel.op:costs"),
)
ALONE = Alone(
    op=OP,
    declared_in=__name__,
    size=_size(64, 32, 16384),
    growth=(Growth(along="length", seconds=1.0, bytes=1.0),),
)

KERNELS = [
    KernelSpec(
        op="s4d_kernel",
        name="reference",
        summary="Vandermonde product, every power in memory",
        implementation=Ref("harness_s4.s4d_kernel.reference:s4d_kernel"),
    ),
    KernelSpec(
        op="s4d_kernel",
        name="torch",
        summary="Vandermonde product by two short factors and a matrix product",
        implementation=Ref("harness_s4.s4d_kernel.parallel:s4d_kernel"),
        auto_rank=10,
    ),
    KernelSpec(
        op="s4d_kernel",
        name="cpu",
        summary="the same with tables made by machine code (numba), two products of float64 a power",
        implementation=Ref("harness_s4.s4d_kernel.cpu:s4d_kernel"),
        backend=Backend.NUMBA,
        devices=("cpu",),
        requires=("numba",),
        auto_rank=20,
        torch_calls=("bmm",),
    ),
    KernelSpec(
        op="s4d_kernel",
        name="triton",
        summary="tables of powers for a tile of lags, multiplied without tensor cores, one launch",
        implementation=Ref("harness_s4.s4d_kernel.triton:s4d_kernel"),
        backend=Backend.TRITON,
        devices=("cuda",),
        dtypes=("float32",),
        requires=("triton",),
        capability=80,
        auto_rank=20,
    ),
    KernelSpec(
        op="s4d_kernel",
        name="cuda",
        summary="tables of powers in shared memory, multiplied in registers, one launch",
        implementation=Ref("harness_s4.s4d_kernel.cuda:s4d_kernel"),
        backend=Backend.CUDA,
        devices=("cuda",),
        dtypes=("float32",),
        requires=("cuda.core",),
        capability=80,
        auto_rank=30,
    ),
]
