"""What a task whose question is cost gets to measure a model with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from harness.interfaces.data import DataDescription
from harness.interfaces.learners import Learner
from harness.interfaces.tasks import Task

if TYPE_CHECKING:
    from torch import nn

    from harness.kernels.costs import Ceilings


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryUse:
    """Bytes that a call had allocated when most was allocated.

    `parameters` are those of the network and its buffers, `activations` what was kept for the backward pass, and
    `workspace` whatever else there was.
    """

    parameters: int
    gradients: int
    optimizer: int
    activations: int
    workspace: int
    peak: int


class Instruments(Protocol):
    """Measures a trial's model, and builds it anew."""

    def build(self, data: DataDescription, options: Mapping[str, Any]) -> Learner:
        """A learner of the trial's model for these data, with other values for some of the model's options.

        Raises UsageError for an option that the model lacks.
        """
        ...

    def memory(self, call: Callable[[], object], module: nn.Module) -> MemoryUse:
        """What one more call of something that was called before allocates."""
        ...

    def operations(self, call: Callable[[], object]) -> float:
        """Floating-point operations of one call, backward pass and all."""
        ...

    def ceilings(self) -> Ceilings:
        """What the device was measured to do at most, matrix products in the precision of the trial."""
        ...

    def joules(self, call: Callable[[], object]) -> float | None:
        """Energy of one call; None where the device does not tell."""
        ...


@runtime_checkable
class TakesInstruments(Protocol):
    """A task that measures what models cost."""

    def with_instruments(self, instruments: Instruments) -> Task:
        """The same task, with what it measures with."""
        ...
