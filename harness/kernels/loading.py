"""Kernels as the plan chose them, ready to be called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.registry import Registry
from harness.specs import KernelSpec, OpSpec


@dataclass(slots=True)
class Kernel:
    """A kernel that a model calls."""

    op: OpSpec
    spec: KernelSpec
    function: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)


def load_kernel(op: str, name: str, registry: Registry) -> Kernel:
    """One kernel by name. Raises UsageError for a name that does not exist."""
    spec = registry.kernel(op, name).spec
    return Kernel(registry.ops[op].spec, spec, spec.implementation.load())


def load_kernels(chosen: Mapping[str, str], registry: Registry) -> dict[str, Kernel]:
    """The callables that a model gets, by op."""
    return {op: load_kernel(op, name, registry) for op, name in chosen.items()}
