"""Declares the ops that several sequence models use."""

from __future__ import annotations

from harness.hookspecs import hookimpl
from harness.specs import KernelSpec, OpSpec, Ref, Source

VASWANI = Source(
    title="Attention Is All You Need",
    authors="Ashish Vaswani, Noam Shazeer, Niki Parmar, Jakob Uszkoreit, Llion Jones, Aidan N. Gomez, Lukasz Kaiser, "
    "Illia Polosukhin",
    year=2017,
    arxiv="1706.03762",
    venue="NeurIPS 2017",
)


def _attention(queries: int, keys: int, causal: bool, window: int | None) -> dict[str, int | bool | None]:
    return {
        "batch": 2, "heads": 2, "d_head": 8, "queries": queries, "keys": keys, "causal": causal, "window": window,
    }  # fmt: skip


@hookimpl
def harness_ops() -> list[OpSpec]:
    return [
        OpSpec(
            name="attention",
            summary="softmax attention of heads, causal or not, over all keys or a window",
            source=VASWANI,
            make_inputs=Ref("harness_sequence.attention:make_inputs"),
            sizes=(
                _attention(1, 1, True, None),
                _attention(33, 33, True, None),
                _attention(17, 17, False, None),
                _attention(5, 12, True, None),
                _attention(37, 37, True, 8),
                _attention(9, 9, False, 3),
            ),
            tolerances={"float32": (2e-6, 1e-5)},
            tolerance_reason="float32 sums over keys in another order; measured 1.5e-7 (values), 2.7e-7 (gradients)",
            flops=Ref("harness_sequence.attention:flops"),
        ),
        OpSpec(
            name="long_conv",
            summary="causal convolution of each feature with a kernel as long as the sequence",
            make_inputs=Ref("harness_sequence.convolution:make_inputs"),
            sizes=tuple({"batch": 2, "features": 3, "length": length} for length in (1, 31, 64)),
            tolerances={"float32": (2e-6, 1e-5)},
            tolerance_reason="the spectral form rounds sums over all points where the definition rounds each lag; "
            "measured 1.5e-7 for values, 2.0e-7 for gradients",
            flops=Ref("harness_sequence.convolution:flops"),
        ),
    ]


def _kernel(op: str, name: str, summary: str, function: str, auto_rank: int) -> KernelSpec:
    implementation = Ref[object](f"harness_sequence.{function}")
    return KernelSpec(name=name, op=op, summary=summary, implementation=implementation, auto_rank=auto_rank)


@hookimpl
def harness_kernels() -> list[KernelSpec]:
    return [
        _kernel("attention", "reference", "all scores in memory", "attention:reference", 0),
        _kernel("attention", "torch", "torch's scaled_dot_product_attention", "attention:fused", 10),
        _kernel("long_conv", "reference", "sum over lags", "convolution:reference", 0),
        _kernel("long_conv", "torch", "padded fast Fourier transforms", "convolution:fourier", 10),
    ]
