"""Declares the op `infini_memory` and its kernels."""

from __future__ import annotations

from harness.kernels.alone import Alone
from harness.specs import Backend, Benchmark, Growth, KernelSpec, OpSpec, Ref, ResourceLimits
from harness_infini.source import INFINI


def _size(batch: int, heads: int, length: int, d_head: int, memory: str, **options: object) -> dict[str, object]:
    return {"batch": batch, "heads": heads, "length": length, "d_head": d_head, "memory": memory, **options}


OP = OpSpec(
    name="infini_memory",
    summary="one segment reads a compressive memory, then writes itself to it",
    source=INFINI,
    make_inputs=Ref("harness_infini.infini_memory.op:make_inputs"),
    sizes=(
        _size(2, 2, 37, 16, "linear"),
        _size(2, 2, 37, 16, "delta"),
        _size(1, 1, 1, 16, "delta", empty=True),
    ),
    check_sizes=(
        _size(1, 2, 1, 40, "linear", empty=True),
        _size(2, 1, 33, 40, "delta", d_value=24),
        _size(1, 1, 64, 64, "linear"),
        _size(1, 1, 65, 64, "delta"),
        _size(1, 1, 300, 16, "linear", d_value=8),
        _size(1, 1, 257, 16, "delta"),
        _size(1, 1, 17, 128, "delta", d_value=127),
        _size(1, 2, 31, 16, "linear", values="extreme"),
        _size(1, 2, 31, 16, "delta", values="extreme"),
        _size(1, 2, 31, 16, "linear", values="vanishing"),
        _size(1, 2, 31, 16, "delta", values="vanishing"),
    ),
    tolerances={"float32": (2e-6, 1e-5), "float16": (7e-4, 1.5e-3), "bfloat16": (5e-3, 1e-2)},
    tolerance_reason="sums over tokens are kept in float32 and rounded once; the limits are those of one rounding with "
    "some room",
    benchmarks=(
        Benchmark(size=_size(1, 4, 256, 64, "linear"), device="cpu"),
        Benchmark(size=_size(1, 8, 2048, 64, "linear"), dtype="bfloat16"),
        Benchmark(size=_size(1, 8, 2048, 64, "delta"), dtype="bfloat16"),
    ),
    flops=Ref("harness_infini.infini_memory.op:flops"),
    costs=Ref("harness_infini.infini_memory.op:costs"),
)
ALONE = Alone(
    op=OP,
    declared_in=__name__,
    size=_size(1, 4, 256, 64, "linear"),
    growth=(Growth(along="length", seconds=1.0, bytes=1.0),),
)

KERNELS = [
    KernelSpec(
        op="infini_memory",
        name="reference",
        summary="the equations, M and z apart",
        implementation=Ref("harness_infini.infini_memory.reference:infini_memory"),
    ),
    KernelSpec(
        op="infini_memory",
        name="torch",
        summary="z as the memory's last column",
        implementation=Ref("harness_infini.infini_memory.joined:infini_memory"),
        auto_rank=10,
    ),
    KernelSpec(
        op="infini_memory",
        name="triton",
        summary="reads by blocks of tokens, writes by parts of the segment that are summed at the end",
        implementation=Ref("harness_infini.infini_memory.triton:infini_memory"),
        backend=Backend.TRITON,
        # In float16 on sm_80: the memory's products, split into three of TF32, leave too few registers. Other dtypes
        # and architectures spill nothing at the sizes that are timed but 8 bytes on sm_100.
        resources=ResourceLimits(spill_bytes=640),
        devices=("cuda",),
        requires=("triton",),
        capability=80,
        auto_rank=30,
    ),
    KernelSpec(
        op="infini_memory",
        name="cuda",
        summary="as triton, in float32 from shared memory",
        implementation=Ref("harness_infini.infini_memory.cuda:infini_memory"),
        backend=Backend.CUDA,
        devices=("cuda",),
        requires=("cuda.core",),
        capability=80,
        auto_rank=20,
    ),
]
