"""Declares the op `long_conv` and its kernels."""

from __future__ import annotations

from harness.kernels.alone import Alone
from harness.specs import Backend, Benchmark, Goal, Growth, KernelSpec, OpSpec, Ref, ResourceLimits

FFT = ("_fft_r2c", "_fft_c2r")


def _size(batch: int, features: int, length: int, **options: object) -> dict[str, object]:
    return {"batch": batch, "features": features, "length": length, **options}


OP = OpSpec(
    name="long_conv",
    summary="causal convolution of each feature with a kernel as long as the sequence",
    make_inputs=Ref("harness_sequence.long_conv.op:make_inputs"),
    sizes=tuple(_size(2, 3, length) for length in (1, 31, 64)),
    check_sizes=(
        _size(1, 2, 257),
        _size(9, 1, 128),
        _size(3, 2, 127, values="extreme"),
        _size(1, 1, 4099),
    ),
    tolerances={"float32": (2e-6, 1e-5), "float16": (7e-4, 1.5e-3), "bfloat16": (5e-3, 1e-2)},
    tolerance_reason="the spectral form rounds sums over all points where the definition rounds each lag; "
    "measured in float32 1.5e-7 for values, 2.0e-7 for gradients",
    benchmarks=(
        Benchmark(size=_size(1, 64, 16384), device="cpu", without=("reference",)),
        Benchmark(size=_size(16, 512, 1024), without=("reference",), goals=(Goal(peer="torch", peer_ratio=2.0),)),
        Benchmark(size=_size(16, 512, 4096), without=("reference",), goals=(Goal(peer="torch", peer_ratio=2.0),)),
        Benchmark(size=_size(16, 512, 16384), without=("reference",), goals=(Goal(peer="torch", peer_ratio=1.0),)),
    ),
    flops=Ref("harness_sequence.long_conv.op:flops"),
    costs=Ref("harness_sequence.long_conv.op:costs"),
)
ALONE = Alone(
    op=OP,
    declared_in=__name__,
    size=_size(1, 64, 16384),
    growth=(Growth(along="length", seconds=1.0, bytes=1.0),),
)

KERNELS = [
    KernelSpec(
        op="long_conv",
        name="reference",
        summary="sum over lags",
        implementation=Ref("harness_sequence.long_conv.reference:long_conv"),
        # Each lag's shifted input is kept for the gradient of the kernel.
        growth=(Growth(along="length", seconds=2.0, bytes=2.0), Growth(along="side", seconds=4.0, bytes=4.0)),
    ),
    KernelSpec(
        op="long_conv",
        name="torch",
        summary="padded fast Fourier transforms",
        implementation=Ref("harness_sequence.long_conv.fourier:long_conv"),
        auto_rank=10,
    ),
    KernelSpec(
        op="long_conv",
        name="triton",
        summary="to 1,024 steps transforms in one program, two rows at once; beyond, torch's with a fused product",
        implementation=Ref("harness_sequence.long_conv.triton:long_conv"),
        backend=Backend.TRITON,
        devices=("cuda",),
        requires=("triton",),
        capability=80,
        auto_rank=8,
        torch_calls=FFT,
        # The slow path of cos and sin, which no angle here takes, has 32 bytes of its own.
        resources=ResourceLimits(spill_bytes=32),
    ),
    KernelSpec(
        op="long_conv",
        name="cuda",
        summary="to 4,096 steps transforms inside a block, two rows at once; beyond, torch's with a fused product",
        implementation=Ref("harness_sequence.long_conv.cuda:long_conv"),
        backend=Backend.CUDA,
        devices=("cuda",),
        requires=("cuda.core",),
        capability=80,
        auto_rank=20,
        torch_calls=FFT,
        resources=ResourceLimits(registers=168),
    ),
]
