"""Declares the op `infini_attention` and its kernels."""

from __future__ import annotations

from harness.kernels.alone import Alone
from harness.specs import Backend, Benchmark, Goal, Growth, KernelSpec, OpSpec, Ref, ResourceLimits
from harness_infini.source import INFINI


def _size(
    batch: int, heads: int, length: int, segment_length: int, d_head: int, memory: str, **options: object
) -> dict[str, object]:
    return {
        "batch": batch, "heads": heads, "length": length, "segment_length": segment_length, "d_head": d_head,
        "memory": memory, **options,
    }  # fmt: skip


OP = OpSpec(
    name="infini_attention",
    summary="attention inside segments, gated with a compressive memory of all before",
    source=INFINI,
    make_inputs=Ref("harness_infini.infini_attention.op:make_inputs"),
    sizes=(
        _size(1, 2, 11, 8, 16, "linear"),
        _size(1, 1, 11, 4, 16, "delta"),
        _size(1, 1, 1, 1, 16, "linear"),
    ),
    check_sizes=(
        _size(1, 2, 9, 20, 16, "delta"),
        _size(2, 1, 16, 8, 40, "linear", d_value=24),
        _size(1, 1, 33, 16, 64, "delta"),
        _size(1, 1, 10, 1, 16, "linear"),
        _size(1, 1, 4, 1, 16, "delta"),
        _size(1, 1, 149, 140, 16, "linear"),
        _size(1, 1, 261, 130, 16, "delta"),
        _size(1, 1, 35, 17, 128, "delta", d_value=127),
        _size(1, 2, 8, 3, 16, "linear", values="extreme"),
        _size(1, 2, 8, 3, 16, "delta", values="extreme"),
        _size(1, 2, 8, 3, 16, "linear", values="vanishing"),
        _size(1, 2, 8, 3, 16, "delta", values="vanishing"),
    ),
    tolerances={"float32": (2e-6, 1e-5), "float16": (7e-4, 1.5e-3), "bfloat16": (5e-3, 1e-2)},
    tolerance_reason="sums over tokens and segments are kept in float32 and rounded once; the limits are those of "
    "a few roundings",
    benchmarks=(
        Benchmark(size=_size(1, 4, 2048, 256, 64, "linear"), device="cpu"),
        Benchmark(size=_size(1, 4, 2048, 256, 64, "delta"), device="cpu"),
        Benchmark(
            size=_size(1, 8, 32768, 2048, 64, "linear"),
            dtype="bfloat16",
            baseline="reference",
            goals=(Goal(peer="reference", peer_ratio=5.0, times_floor=3.0),),
        ),
        Benchmark(
            size=_size(1, 8, 32768, 2048, 64, "delta"),
            dtype="bfloat16",
            baseline="reference",
            goals=(Goal(peer="reference", peer_ratio=5.0, times_floor=3.0),),
        ),
    ),
    flops=Ref("harness_infini.infini_attention.op:flops"),
    costs=Ref("harness_infini.infini_attention.op:costs"),
)
ALONE = Alone(
    op=OP,
    declared_in=__name__,
    size=_size(1, 4, 2048, 256, 64, "linear"),
    growth=(Growth(along="length", seconds=1.0, bytes=1.0),),
)

KERNELS = [
    KernelSpec(
        op="infini_attention",
        name="reference",
        summary="segment by segment",
        implementation=Ref("harness_infini.infini_attention.reference:infini_attention"),
    ),
    KernelSpec(
        op="infini_attention",
        name="torch",
        summary="all segments at once, the delta rule's writes in turn",
        implementation=Ref("harness_infini.infini_attention.parallel:infini_attention"),
        auto_rank=10,
    ),
    KernelSpec(
        op="infini_attention",
        name="triton",
        summary="all writes at once, memories by sums over segments, then attention, read and gate in one pass",
        implementation=Ref("harness_infini.infini_attention.triton:infini_attention"),
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
        op="infini_attention",
        name="cuda",
        summary="as triton, in float32 from shared memory",
        implementation=Ref("harness_infini.infini_attention.cuda:infini_attention"),
        backend=Backend.CUDA,
        devices=("cuda",),
        requires=("cuda.core",),
        capability=80,
        auto_rank=20,
    ),
]
