"""Kernels alone, on inputs of growing length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from harness.interfaces import OpData, OpLearner, Training
from harness.runtime.cost_curves import CostCurveTask, Workload
from harness_scaling.options import OpOptions


@dataclass(kw_only=True)
class OpTask(CostCurveTask):
    """A call of an op, forward and back to all of its inputs; nothing else is in the time."""

    options: OpOptions

    @property
    def along(self) -> str:
        return "length"

    @property
    def points(self) -> Sequence[int]:
        return self.options.lengths

    def describe(self) -> OpData:
        return OpData(length=self.options.lengths[-1])

    def workloads(self, learner: OpLearner, training: Training, device: torch.device) -> Iterator[Workload]:
        for length in self.points:
            sized: Any = self.measured_with.build(OpData(length=length), {})
            yield Workload(
                call=sized.call(backward=self.options.backward),
                module=sized.module,
                examples=sized.batch,
                units=sized.batch * length,
                work=sized.work(backward=self.options.backward),
            )
