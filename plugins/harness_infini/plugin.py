"""Declares Infini-attention: its model, its ops and their kernels."""

from __future__ import annotations

from harness.hookspecs import hookimpl
from harness.specs import Capability, Growth, KernelSpec, ModelSpec, OpSpec, Ref
from harness_infini.infini_attention import declarations as infini_attention
from harness_infini.infini_memory import declarations as infini_memory
from harness_infini.source import INFINI


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
            growth=(
                Growth(along="length", seconds=1.0, bytes=1.0),
                Growth(along="context", seconds=0.0, bytes=0.0, state=0.0),
            ),
        ),
        infini_attention.ALONE.model(),
        infini_memory.ALONE.model(),
    ]


@hookimpl
def harness_ops() -> list[OpSpec]:
    return [infini_attention.OP, infini_memory.OP]


@hookimpl
def harness_kernels() -> list[KernelSpec]:
    return [*infini_attention.KERNELS, *infini_memory.KERNELS]
