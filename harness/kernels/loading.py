"""Kernels as the plan chose them, ready to be called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch.utils._python_dispatch import _disable_current_modes

from harness.registry import Registry
from harness.specs import KernelSpec, OpSpec


@dataclass(slots=True)
class Kernel:
    """A kernel that a model calls. While `counting`, calls of an op with a cost model add to `flops`."""

    op: OpSpec
    spec: KernelSpec
    function: Callable[..., Any]
    counting: bool = False
    flops: float = 0.0
    _cost: Callable[..., float] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._cost = self.op.flops.load() if self.op.flops is not None else None

    def __call__(self, *arguments: Any) -> Any:
        if not self.counting or self._cost is None:
            return self.function(*arguments)
        self.flops += self._cost(*arguments)
        with _disable_current_modes():
            return self.function(*arguments)


def load_kernel(op: str, name: str, registry: Registry) -> Kernel:
    """One kernel by name. Raises UsageError for a name that does not exist."""
    spec = registry.kernel(op, name).spec
    return Kernel(registry.ops[op].spec, spec, spec.implementation.load())


def load_kernels(chosen: Mapping[str, str], registry: Registry) -> dict[str, Kernel]:
    """The callables that a model gets, by op."""
    return {op: load_kernel(op, name, registry) for op, name in chosen.items()}
