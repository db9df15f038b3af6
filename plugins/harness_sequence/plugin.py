"""Declares the ops that several sequence models use."""

from __future__ import annotations

from harness.hookspecs import hookimpl
from harness.specs import KernelSpec, ModelSpec, OpSpec
from harness_sequence.attention import declarations as attention
from harness_sequence.long_conv import declarations as long_conv


@hookimpl
def harness_models() -> list[ModelSpec]:
    return [attention.ALONE.model(), long_conv.ALONE.model()]


@hookimpl
def harness_ops() -> list[OpSpec]:
    return [
        attention.OP,
        long_conv.OP,
    ]


@hookimpl
def harness_kernels() -> list[KernelSpec]:
    return [
        *attention.KERNELS,
        *long_conv.KERNELS,
    ]
