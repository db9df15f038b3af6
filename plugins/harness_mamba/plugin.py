"""What this plugin declares: the model `mamba` and its four ops with their kernels."""

import dataclasses

from harness.hookspecs import hookimpl
from harness.specs import Capability, Growth, KernelSpec, ModelSpec, OpSpec, Ref, Source
from harness_mamba.causal_conv1d import declarations as causal_conv1d
from harness_mamba.causal_conv1d_update import declarations as causal_conv1d_update
from harness_mamba.selective_scan import declarations as selective_scan
from harness_mamba.selective_scan_update import declarations as selective_scan_update

MAMBA = Source(
    title="Mamba: Linear-Time Sequence Modeling with Selective State Spaces",
    authors="Albert Gu, Tri Dao",
    year=2023,
    arxiv="2312.00752",
)
CAPABILITIES = frozenset(
    {Capability.PREDICTS_TOKENS, Capability.STEPS_TOKENS, Capability.CLASSIFIES, Capability.EXTRACTS_FEATURES}
)
OPS = (selective_scan, selective_scan_update, causal_conv1d, causal_conv1d_update)


@hookimpl
def harness_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="mamba",
            summary="selective state spaces: a gated recurrence whose step, input and output depend on the token",
            source=MAMBA,
            config=Ref("harness_mamba.config:MambaConfig"),
            build=Ref("harness_mamba.model:build"),
            capabilities=CAPABILITIES,
            ops=tuple(declared.OP.name for declared in OPS),
            parameter_groups=Ref("harness_mamba.model:parameter_groups"),
            checkpoints=Ref("harness_mamba.layout:LAYOUT"),
            size_multiple=4,
            shares=("harness_sequence",),
            growth=(
                Growth(along="length", seconds=1.0, bytes=1.0),
                Growth(along="context", seconds=0.0, bytes=0.0, state=0.0),
                Growth(along="side", seconds=2.0, bytes=2.0),
            ),
        ),
        *(dataclasses.replace(declared.ALONE.model(), source=MAMBA) for declared in (selective_scan, causal_conv1d)),
    ]


@hookimpl
def harness_ops() -> list[OpSpec]:
    return [dataclasses.replace(declared.OP, source=MAMBA) for declared in OPS]


@hookimpl
def harness_kernels() -> list[KernelSpec]:
    return [kernel for declared in OPS for kernel in declared.KERNELS]
