"""A kernel under check: its calls, and what its definition makes of the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from harness.kernels.comparing import Found, exact, make_arguments, placed, values_and_gradients
from harness.kernels.emulation import Emulation
from harness.kernels.loading import Kernel
from harness.kernels.observing import ObservedLaunch, observing_launches
from harness.kernels.operators import Operator, poisoning


@dataclass(frozen=True, slots=True)
class Call:
    """What one call of a kernel left."""

    found: list[Found]
    launches: tuple[ObservedLaunch, ...]
    changed_inputs: tuple[int, ...]


@dataclass
class Subject:
    """A kernel at one size in one dtype, with what its definition makes of the same inputs."""

    kernel: Kernel
    reference: Callable[..., Any]
    size: Mapping[str, Any]
    dtype: str
    device: torch.device
    seed: int
    emulation: Emulation
    errors: dict[bool, float] = field(default_factory=dict)

    @cached_property
    def arguments(self) -> tuple[Any, ...]:
        return make_arguments(self.kernel.op, self.size, self.seed, self.dtype)

    @cached_property
    def expected(self) -> list[Found]:
        return values_and_gradients(self.reference, exact(self.arguments), self.with_gradients)

    @cached_property
    def eager(self) -> list[Found]:
        """The definition in the kernel's own dtype."""
        return values_and_gradients(self.reference, placed(self.arguments, "cpu"), self.with_gradients)

    @cached_property
    def first(self) -> Call:
        """The call that most properties are read from."""
        return self.call(self.inputs())

    @property
    def with_gradients(self) -> bool:
        return self.kernel.spec.differentiable

    @property
    def operator(self) -> Operator | None:
        return self.kernel.function if isinstance(self.kernel.function, Operator) else None

    def inputs(self) -> tuple[Any, ...]:
        return placed(self.arguments, self.device)

    def call(self, arguments: Sequence[Any], schedule: int = 0) -> Call:
        """Values and gradients, from outputs that start as NaN; `schedule` varies how emulated threads are run."""
        before = placed(arguments, self.device)
        # In its own threads, the backward pass of CUDA tensors would not see what is set here.
        with (
            torch.autograd.set_multithreading_enabled(False),
            self.emulation(schedule),
            poisoning(),
            observing_launches() as launches,
        ):
            found = values_and_gradients(self.kernel.function, arguments, self.with_gradients)
        changed = [
            index
            for index, (old, new) in enumerate(zip(before, arguments, strict=True))
            if isinstance(old, Tensor) and not torch.equal(old.detach(), new.detach())
        ]
        return Call(found, tuple(launches), tuple(changed))
