"""Declares Infini-attention: its model, op and kernels."""

from __future__ import annotations

from harness.hookspecs import hookimpl
from harness.specs import Capability, KernelSpec, ModelSpec, OpSpec, Ref, Source

INFINI = Source(
    title="Leave No Context Behind: Efficient Infinite Context Transformers with Infini-attention",
    authors="Tsendsuren Munkhdalai, Manaal Faruqui, Siddharth Gopal",
    year=2024,
    arxiv="2404.07143",
)


@hookimpl
def harness_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="infini_attention",
            summary="attention inside segments, gated with a compressive memory of all before",
            source=INFINI,
            config=Ref("harness_infini.config:InfiniAttentionConfig"),
            build=Ref("harness_infini.model:build"),
            capabilities=frozenset({Capability.PREDICTS_TOKENS, Capability.STEPS_TOKENS}),
            ops=("infini_attention",),
            parameter_groups=Ref("harness_infini.model:parameter_groups"),
            size_multiple=4,
            shares=("harness_sequence",),
        )
    ]


@hookimpl
def harness_ops() -> list[OpSpec]:
    sizes = tuple(
        {"batch": 2, "heads": 2, "d_head": 8, "length": length, "segment_length": segment_length, "memory": memory}
        for memory in ("linear", "delta")
        for length, segment_length in ((1, 1), (37, 8), (24, 8))
    )
    return [
        OpSpec(
            name="infini_attention",
            summary="attention inside segments, gated with a compressive memory of all before",
            source=INFINI,
            make_inputs=Ref("harness_infini.attention:make_inputs"),
            sizes=sizes,
            tolerances={"float32": (2e-6, 1e-5)},
            tolerance_reason="float32 sums over tokens and segments in another order; "
            "measured 1.2e-7 for values, 4.0e-7 for gradients",
            flops=Ref("harness_infini.attention:flops"),
        )
    ]


@hookimpl
def harness_kernels() -> list[KernelSpec]:
    return [
        KernelSpec(
            name="reference",
            op="infini_attention",
            summary="segment by segment",
            implementation=Ref("harness_infini.attention:reference"),
        ),
        KernelSpec(
            name="torch",
            op="infini_attention",
            summary="all segments at once, the delta rule's writes in turn",
            implementation=Ref("harness_infini.attention:parallel"),
            auto_rank=10,
        ),
    ]
