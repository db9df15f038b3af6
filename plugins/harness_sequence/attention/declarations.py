"""Declares the op `attention` and its kernels."""

from __future__ import annotations

from harness.kernels.alone import Alone
from harness.specs import Backend, Benchmark, Goal, Growth, KernelSpec, OpSpec, Ref, ResourceLimits, Source

VASWANI = Source(
    title="Attention Is All You Need",
    authors="Ashish Vaswani, Noam Shazeer, Niki Parmar, Jakob Uszkoreit, Llion Jones, Aidan N. Gomez, Lukasz Kaiser, "
    "Illia Polosukhin",
    year=2017,
    arxiv="1706.03762",
    venue="NeurIPS 2017",
)
GPU_DTYPES = ("float32", "float16", "bfloat16")


def _size(
    batch: int, heads: int, queries: int, keys: int, d_head: int, causal: bool, window: int | None = None,
    **options: object,
) -> dict[str, object]:  # fmt: skip
    return {
        "batch": batch, "heads": heads, "queries": queries, "keys": keys, "d_head": d_head, "causal": causal,
        "window": window, **options,
    }  # fmt: skip


def _whole(batch: int, heads: int, length: int, d_head: int, causal: bool) -> dict[str, object]:
    return _size(batch, heads, length, length, d_head, causal)


QUADRATIC = ("reference", "sdpa_math")
"""What keeps every score: tens of gigabytes with the gradients at a length of 4096."""
OF_ALL_SCORES = (Growth(along="length", seconds=2.0, bytes=2.0), Growth(along="side", seconds=4.0, bytes=4.0))
OP = OpSpec(
    name="attention",
    summary="softmax attention of heads, causal or not, over all keys or a window",
    source=VASWANI,
    make_inputs=Ref("harness_sequence.attention.op:make_inputs"),
    sizes=(
        _size(1, 4, 33, 33, 8, True, kv_heads=2),
        _size(1, 2, 17, 17, 16, False),
        _size(1, 2, 37, 37, 8, True, 8),
    ),
    check_sizes=(
        _size(1, 1, 1, 1, 8, True),
        _size(1, 4, 1, 7, 8, True, kv_heads=1),
        _size(2, 1, 5, 12, 8, True),
        _size(1, 1, 19, 5, 8, False),
        _size(2, 2, 31, 31, 1, True, d_value=1),
        _size(1, 2, 29, 29, 7, False, d_value=13),
        _size(1, 2, 13, 21, 24, True, d_value=40),
        _size(1, 1, 20, 20, 40, True),
        _size(1, 2, 23, 23, 128, False, kv_heads=1),
        _size(1, 1, 63, 63, 16, True),
        _size(1, 1, 64, 64, 16, False),
        _size(1, 1, 65, 65, 16, True),
        _size(1, 1, 129, 129, 8, False),
        _size(1, 2, 70, 70, 8, True, 5, kv_heads=1),
        _size(1, 1, 9, 9, 8, False, 3),
        _size(1, 1, 21, 21, 8, True, 1),
        _size(1, 1, 11, 11, 8, False, 1),
        _size(1, 1, 15, 15, 8, True, 100),
        _size(1, 1, 6, 40, 8, True, 16),
        _size(1, 1, 260, 260, 8, True, 200),
        _size(1, 1, 200, 200, 8, False, 130),
        _size(2, 4, 31, 31, 16, True, values="extreme"),
        _size(2, 4, 29, 37, 16, False, values="extreme"),
    ),
    tolerances={"float32": (2e-6, 1e-5), "float16": (7e-4, 1.5e-3), "bfloat16": (5e-3, 1e-2)},
    tolerance_reason="sums over keys are kept in float32, in another order; half types round the weights of values and "
    "the output. Measured with `triton` (values, gradients): 3.3e-7 and 5.2e-7 in float32, 1.1e-6 and 5e-6 where it "
    "rounds scores of 112; 3.2e-4 and 8.2e-4 in float16, 2.8e-3 and 4.4e-3 in bfloat16",
    benchmarks=(
        Benchmark(size=_whole(1, 4, 1024, 64, False), device="cpu", baseline="reference"),
        Benchmark(size=_whole(1, 4, 1024, 64, True), device="cpu", baseline="reference"),
        *(
            Benchmark(
                size=_whole(4, heads, 4096, d_head, causal),
                dtype="bfloat16",
                baseline="torch",
                without=QUADRATIC,
                goals=(
                    Goal(peer="sdpa_flash", peer_ratio=1.0, times_floor=2.2),
                    Goal(peer="sdpa_cudnn", peer_ratio=cudnn_ratio),
                    Goal(peer="sdpa_flash", peer_ratio=0.9, backward=True),
                ),
            )
            for heads, d_head, cudnn_ratio in ((32, 64, 0.7), (16, 128, 0.6))
            for causal in (False, True)
        ),
        Benchmark(
            size=_whole(64, 12, 197, 64, False),
            dtype="bfloat16",
            baseline="torch",
            goals=(Goal(peer="torch", peer_ratio=1.0, times_floor=2.5),),
        ),
    ),
    flops=Ref("harness_sequence.attention.op:flops"),
    costs=Ref("harness_sequence.attention.op:costs"),
)
ALONE = Alone(
    op=OP,
    declared_in=__name__,
    size=_whole(1, 4, 1024, 64, True),
    lengths=("queries", "keys"),
    growth=(Growth(along="length", seconds=2.0, bytes=1.0),),
)


def _peer(
    name: str,
    summary: str,
    implementation: str,
    *,
    devices: tuple[str, ...] = ("cuda",),
    requires: tuple[str, ...] = (),
    dtypes: tuple[str, ...] = (),
    deterministic: bool = True,
    growth: tuple[Growth, ...] = (),
) -> KernelSpec:
    return KernelSpec(
        op="attention",
        name=name,
        summary=summary,
        implementation=Ref(f"harness_sequence.attention.{implementation}"),
        backend=Backend.LIBRARY,
        devices=devices,
        dtypes=dtypes,
        requires=requires,
        auto_rank=-1,
        deterministic=deterministic,
        growth=growth,
    )


KERNELS = [
    KernelSpec(
        op="attention",
        name="reference",
        summary="all scores in memory",
        implementation=Ref("harness_sequence.attention.reference:attention"),
        growth=OF_ALL_SCORES,
    ),
    KernelSpec(
        op="attention",
        name="torch",
        summary="torch's scaled_dot_product_attention",
        implementation=Ref("harness_sequence.attention.fused:attention"),
        auto_rank=10,
    ),
    KernelSpec(
        op="attention",
        name="triton",
        summary="a block of queries walks over blocks of keys with running sums (FlashAttention)",
        implementation=Ref("harness_sequence.attention.triton:attention"),
        backend=Backend.TRITON,
        devices=("cuda",),
        dtypes=GPU_DTYPES,
        requires=("triton",),
        capability=80,
        auto_rank=30,
        # Products on sm_100 keep more of their operands in shared memory, of which it has 227 KiB. With heads of 128
        # sm_80 spills a few registers, the price of the blocks of 128 keys that sm_90 wants.
        resources=ResourceLimits(spill_bytes=64, shared_bytes=116 * 1024),
    ),
    KernelSpec(
        op="attention",
        name="cuda",
        summary="a block of queries walks over blocks of keys, with products on the tensor cores",
        implementation=Ref("harness_sequence.attention.cuda:attention"),
        backend=Backend.CUDA,
        devices=("cuda",),
        dtypes=GPU_DTYPES,
        requires=("cuda.core",),
        capability=80,
        auto_rank=20,
    ),
    _peer(
        "sdpa_flash",
        "torch's SDPA, FlashAttention backend only",
        "pinned:flash",
        devices=("cpu", "cuda"),
        deterministic=False,
    ),
    _peer("sdpa_efficient", "torch's SDPA, memory-efficient backend only", "pinned:efficient", deterministic=False),
    _peer("sdpa_cudnn", "torch's SDPA, cuDNN backend only", "pinned:cudnn", deterministic=False),
    _peer(
        "sdpa_math",
        "torch's SDPA, unfused backend only",
        "pinned:math",
        devices=("cpu", "cuda"),
        growth=OF_ALL_SCORES,
    ),
    _peer("flex_attention", "torch's flex_attention, compiled", "flex:attention"),
    _peer(
        "flash_attn",
        "the package flash_attn",
        "flash_attn:attention",
        requires=("flash_attn",),
        dtypes=("float16", "bfloat16"),
        deterministic=False,
    ),
]
