"""The loop in which an agent acts and learns."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from harness.interfaces import ActingLearner, Array, Budget, FitOutcome, Record
from harness.runtime.fitting import RECORDS, Diverged
from harness_atari.episodes import Environments


@dataclass(slots=True)
class Window:
    """What was measured since the last record."""

    measured: dict[str, list[float]] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)

    def add(self, measured: Mapping[str, float]) -> None:
        for name, value in measured.items():
            self.measured.setdefault(name, []).append(value)

    def means(self) -> dict[str, float]:
        """The mean of everything measured; `loss` is NaN where no update was due."""
        means = {"loss": math.nan} | {name: statistics.fmean(values) for name, values in self.measured.items()}
        if self.scores:
            means["training_score"] = statistics.fmean(self.scores)
        return means


def learn(
    learner: ActingLearner,
    environments: Environments,
    *,
    held_out: Array,
    frames_per_step: int,
    budget: Budget,
    record: Record,
) -> FitOutcome:
    """Act and learn until the budget is spent.

    A step is one action in one environment; all environments act together, so the last round may exceed the steps by
    less than their number. About a hundred records hold the means since the record before, the mean score of the
    episodes that ended (`training_score`), the mean over the held-out states of the largest value (`average_max_q`),
    whose time is not counted, and the emulator's frames. Raises Diverged when a loss is NaN or infinite.
    """
    rounds = math.ceil(budget.steps / environments.num_envs)
    every = max(1, rounds // RECORDS)
    window, loss, stopped = Window(), math.nan, ""
    seconds, rates, since = 0.0, [], 0
    observations = environments.reset()
    started = time.perf_counter()
    for turn in range(1, rounds + 1):
        measured = learner.observe(environments.step(learner.act(observations)))
        observations = environments.observations
        window.add(measured)
        window.scores += [episode.score for episode in environments.ended]
        steps, since = turn * environments.num_envs, since + environments.num_envs
        elapsed = time.perf_counter() - started
        late = budget.seconds is not None and seconds + elapsed >= budget.seconds and turn < rounds
        if turn % every and turn != rounds and not late:
            continue
        seconds += elapsed
        rates.append(elapsed / since)
        numbers = window.means() | {"seconds": seconds, "average_max_q": average_max_q(learner, held_out)}
        if "loss" in window.measured:
            loss = numbers["loss"]
            if not math.isfinite(loss):
                raise Diverged(f"the loss is {loss} at step {steps} of {budget.steps}")
        if frames_per_step > 1:
            numbers["frames"] = float(steps * frames_per_step)
        record(steps, numbers)
        if late:
            stopped = f"the time budget of {budget.seconds:g} s was used after {steps} of {budget.steps} steps"
            break
        window, since, started = Window(), 0, time.perf_counter()
    return FitOutcome(
        steps=steps,
        examples=steps,
        tokens=0,
        seconds=seconds,
        step_seconds_median=statistics.median(rates),
        final_loss=loss,
        stopped=stopped,
    )


def average_max_q(learner: ActingLearner, states: Array) -> float:
    """The mean over the states of the largest value of an action (Mnih et al. 2013, section 5.1)."""
    return float(np.mean(max_values(learner, states)))


def max_values(learner: ActingLearner, states: Array) -> Array:
    """The largest value of each state."""
    with torch.no_grad():
        values: Array = np.asarray(learner.values(states)).max(axis=1)
    return values
