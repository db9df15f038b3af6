"""Declares the baselines: of sequences LSTM, linear and local attention; of images three plain classifiers."""

from __future__ import annotations

from harness.hookspecs import hookimpl
from harness.specs import KernelSpec, ModelSpec, OpSpec
from harness_baselines import sequence_declarations as sequences
from harness_baselines.images import declarations as images


@hookimpl
def harness_models() -> list[ModelSpec]:
    return [*sequences.MODELS, *images.MODELS]


@hookimpl
def harness_ops() -> list[OpSpec]:
    return [sequences.OP]


@hookimpl
def harness_kernels() -> list[KernelSpec]:
    return list(sequences.KERNELS)
