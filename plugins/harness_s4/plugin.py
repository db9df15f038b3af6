"""Declarations of S4 and S4D."""

from __future__ import annotations

from harness.hookspecs import hookimpl
from harness.specs import Capability, Growth, KernelSpec, ModelSpec, OpSpec, Ref, Source
from harness_s4.s4_kernel import declarations as s4_kernel
from harness_s4.s4d_kernel import declarations as s4d_kernel
from harness_s4.source import S4, S4D

CAPABILITIES = frozenset(
    {Capability.PREDICTS_TOKENS, Capability.STEPS_TOKENS, Capability.CLASSIFIES, Capability.EXTRACTS_FEATURES}
)


@hookimpl
def harness_models() -> list[ModelSpec]:
    return [
        _model("s4", "state space model, diagonal plus low rank, started as HiPPO-LegS", S4, "S4Config"),
        _model("s4d", "diagonal state space model", S4D, "S4DConfig"),
        s4_kernel.ALONE.model(),
        s4d_kernel.ALONE.model(),
    ]


@hookimpl
def harness_ops() -> list[OpSpec]:
    return [s4_kernel.OP, s4d_kernel.OP]


@hookimpl
def harness_kernels() -> list[KernelSpec]:
    return [*s4_kernel.KERNELS, *s4d_kernel.KERNELS]


def _model(name: str, summary: str, source: Source, config: str) -> ModelSpec:
    return ModelSpec(
        name=name,
        summary=summary,
        source=source,
        config=Ref(f"harness_s4.config:{config}"),
        build=Ref(f"harness_s4.model:build_{name}"),
        parameter_groups=Ref("harness_s4.model:parameter_groups"),
        capabilities=CAPABILITIES,
        ops=(f"{name}_kernel", "long_conv"),
        shares=("harness_sequence",),
        # Of a model made for the length that it reads: S4's convolution kernel is as long as its task's longest input.
        growth=(
            Growth(along="length", seconds=1.0, bytes=1.0),
            Growth(along="context", seconds=0.0, bytes=0.0, state=0.0),
            Growth(along="side", seconds=2.0, bytes=2.0),
        ),
    )
