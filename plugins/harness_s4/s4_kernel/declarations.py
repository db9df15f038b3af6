"""Declares the op `s4_kernel` and its kernels."""

from __future__ import annotations

from harness.kernels.alone import Alone
from harness.specs import Backend, Benchmark, Goal, Growth, KernelSpec, OpSpec, Ref
from harness_s4.source import S4


def _size(features: int, modes: int, length: int, **options: object) -> dict[str, object]:
    return {"features": features, "modes": modes, "length": length, **options}


OP = OpSpec(
    name="s4_kernel",
    summary="convolution kernel of a diagonal-plus-low-rank state space model",
    source=S4,
    make_inputs=Ref("harness_s4.s4_kernel.op:make_inputs"),
    sizes=(_size(2, 4, 2), _size(2, 8, 37), _size(2, 11, 130)),
    check_sizes=(
        _size(1, 1, 1),
        _size(2, 3, 2),
        _size(1, 33, 31),
        _size(2, 7, 64),
        _size(3, 5, 65, values="extreme"),
        _size(1, 3, 1025),
    ),
    tolerances={"float32": (1e-5, 1e-4), "float64": (1e-13, 1e-12)},
    tolerance_reason="worst of 60 seeds in float32: the definition 4e-6 and 3e-5, the parallel form 5e-7 and 1e-5 "
    "(dt's gradient, in which terms nearly cancel); in float64: 1e-14 and 5e-14",
    benchmarks=(
        Benchmark(size=_size(16, 16, 1024), device="cpu", baseline="reference"),
        Benchmark(size=_size(512, 32, 16384), without=("reference",), goals=(Goal(times_floor=3.0),)),
    ),
    costs=Ref("harness_s4.s4_kernel.op:costs"),
    flops=Ref("harness_s4.s4_kernel.op:flops"),
)
ALONE = Alone(
    op=OP,
    declared_in=__name__,
    size=_size(16, 16, 1024),
    growth=(Growth(along="length", seconds=1.0, bytes=1.0),),
)

TRANSFORMS = ("_fft_c2r", "_fft_r2c", "view_as_real")
"""What the GPU kernels leave to torch: the transforms between frequencies and lags."""

KERNELS = [
    KernelSpec(
        op="s4_kernel",
        name="reference",
        summary="powers of the dense discretised matrix",
        implementation=Ref("harness_s4.s4_kernel.reference:s4_kernel"),
    ),
    KernelSpec(
        op="s4_kernel",
        name="torch",
        summary="Cauchy sums, Woodbury's identity, inverse FFT",
        implementation=Ref("harness_s4.s4_kernel.parallel:s4_kernel"),
        auto_rank=10,
    ),
    KernelSpec(
        op="s4_kernel",
        name="triton",
        summary="all four Cauchy products and Woodbury's identity in one launch, and an inverse FFT",
        implementation=Ref("harness_s4.s4_kernel.triton:s4_kernel"),
        backend=Backend.TRITON,
        devices=("cuda",),
        dtypes=("float32",),
        requires=("triton",),
        capability=80,
        auto_rank=20,
        torch_calls=TRANSFORMS,
    ),
    KernelSpec(
        op="s4_kernel",
        name="cuda",
        summary="all four Cauchy products and Woodbury's identity in one launch, and an inverse FFT",
        implementation=Ref("harness_s4.s4_kernel.cuda:s4_kernel"),
        backend=Backend.CUDA,
        devices=("cuda",),
        dtypes=("float32",),
        requires=("cuda.core",),
        capability=80,
        auto_rank=30,
        torch_calls=TRANSFORMS,
    ),
]
