"""What measures the model of a trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from harness.interfaces import DataDescription, Learner, MemoryUse
from harness.kernels.costs import Ceilings
from harness.runtime.allocations import measure_memory
from harness.runtime.building import build_learner
from harness.runtime.context import TrialContext
from harness.runtime.energy import measure_joules
from harness.runtime.operations import count_operations


@dataclass(frozen=True, slots=True)
class TrialInstruments:
    """See `harness.interfaces.Instruments`."""

    context: TrialContext

    def build(self, data: DataDescription, options: Mapping[str, Any]) -> Learner:
        return build_learner(self.context, self.context.trial.training.learning_rate, data, options)

    def memory(self, call: Callable[[], object], module: nn.Module) -> MemoryUse:
        return measure_memory(call, module, self.context.device)

    def operations(self, call: Callable[[], object]) -> float:
        return count_operations(call, self.context.kernels.values())

    def ceilings(self) -> Ceilings:
        # With its statistics comes scipy, which few trials need.
        from harness.kernels.ceilings import measure_ceilings

        return measure_ceilings(self.context.device, getattr(torch, self.context.trial.precision))

    def joules(self, call: Callable[[], object]) -> float | None:
        return measure_joules(call, self.context.device)
