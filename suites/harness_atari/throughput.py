"""How fast environments go round with an agent that acts in them and learns nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from harness.interfaces import ActingData, ActingLearner, Training
from harness.runtime.cost_curves import CostCurveTask, Workload
from harness_atari.episodes import Environments
from harness_atari.options import ThroughputOptions
from harness_atari.worlds import World

STEPS = 10
"""Steps of every environment in a call."""


@dataclass(kw_only=True)
class ThroughputTask(CostCurveTask):
    """Acting in a growing number of environments at once; a unit is a frame of the emulator."""

    world: World
    options: ThroughputOptions

    @property
    def along(self) -> str:
        return "environments"

    @property
    def points(self) -> Sequence[int]:
        return self.options.environments

    def describe(self) -> ActingData:
        return self.world.describe()

    def workloads(self, learner: ActingLearner, training: Training, device: torch.device) -> Iterator[Workload]:
        for count in self.points:
            environments = self.world.open(num_envs=count, seed=0, learning=True, threads=torch.get_num_threads())
            environments.reset()
            yield Workload(
                call=partial(_act, learner, environments),
                module=learner.module,
                examples=STEPS * count,
                units=STEPS * count * self.world.frames_per_step,
            )


def _act(learner: ActingLearner, environments: Environments) -> None:
    for _ in range(STEPS):
        environments.step(learner.act(environments.observations))
