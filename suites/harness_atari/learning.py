"""The loop in which an agent acts and learns."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch

from harness.interfaces import (
    ActingLearner,
    Array,
    Budget,
    Checkpoints,
    FitOutcome,
    KnowsWhenDone,
    Record,
    SavesState,
    State,
)
from harness.runtime.checkpoints import restored_transitions, transitions_state
from harness.runtime.fitting import Diverged
from harness.runtime.pacing import RECORDS
from harness_atari.episodes import Environments
from harness_atari.rounds import Rounds, rounds_of


@dataclass(slots=True)
class Window:
    """What was measured since the last record, and the time that it took."""

    measured: dict[str, list[float]] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    steps: int = 0
    seconds: float = 0.0

    def add(self, measured: Mapping[str, float]) -> None:
        for name, value in measured.items():
            self.measured.setdefault(name, []).append(value)

    def means(self) -> dict[str, float]:
        """The mean of everything measured; `loss` is NaN where no update was due."""
        means = {"loss": math.nan} | {name: statistics.fmean(values) for name, values in self.measured.items()}
        if self.scores:
            means["training_score"] = statistics.fmean(self.scores)
        return means


@dataclass(slots=True)
class Progress:
    """How far a trial is: rounds of all environments, the records so far, and the steps at which it was taken up.

    `seconds` are those before the window.
    """

    turn: int = 0
    seconds: float = 0.0
    loss: float = math.nan
    rates: list[float] = field(default_factory=list)
    points: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    continued: list[int] = field(default_factory=list)
    window: Window = field(default_factory=Window)

    @staticmethod
    def of(state: State) -> Progress:
        return Progress(**{**state, "window": Window(**state["window"])})


def learn(
    learner: ActingLearner,
    environments: Environments,
    *,
    held_out: Array,
    frames_per_step: int,
    budget: Budget,
    record: Record,
    overlap: bool = False,
    checkpoints: Checkpoints | None = None,
    saved: State | None = None,
) -> FitOutcome:
    """Act and learn until the budget is spent, or the learner is done.

    A step is one action in one environment; all environments act together, so the last round may exceed the steps by
    less than their number. About a hundred records hold the means since the record before, the mean score of the
    episodes that ended (`training_score`), the mean over the held-out states of the largest value (`average_max_q`),
    whose time is not counted, and the emulator's frames. With `overlap` the environments step while the learner learns
    from the round before. Raises Diverged when a loss is NaN or infinite.

    The states of a learner that has them go to `checkpoints`. With `saved`, one of them, all goes on from there but the
    environments, which begin anew; the episodes that they were in are left unfinished.
    """
    session = Session(
        learner=learner,
        environments=environments,
        held_out=held_out,
        frames_per_step=frames_per_step,
        budget=budget,
        record=record,
        checkpoints=checkpoints,
    )
    environments.reset()
    with rounds_of(learner, environments, overlap=overlap) as rounds:
        if saved is not None:
            session.restore(saved)
        session.run(rounds)
    return session.outcome()


def saved_step(saved: State) -> int:
    """The step at which a state was saved."""
    step: int = saved["step"]
    return step


@dataclass(kw_only=True)
class Session:
    """An agent in its environments; see `learn`."""

    learner: ActingLearner
    environments: Environments
    held_out: Array
    frames_per_step: int
    budget: Budget
    record: Record
    checkpoints: Checkpoints | None
    progress: Progress = field(default_factory=Progress)
    stopped: str = ""

    def __post_init__(self) -> None:
        self._rounds = math.ceil(self.budget.steps / self.environments.num_envs)
        self._every = max(1, self._rounds // RECORDS)
        self._looked = time.perf_counter()

    @property
    def steps(self) -> int:
        return self.progress.turn * self.environments.num_envs

    def run(self, rounds: Rounds) -> None:
        """Act and learn until the budget is spent, or the learner is done."""
        progress = self.progress
        self._looked = time.perf_counter()
        while progress.turn < self._rounds and not self.stopped:
            progress.turn += 1
            progress.window.steps += self.environments.num_envs
            progress.window.add(rounds.act())
            progress.window.scores += [episode.score for episode in self.environments.ended]
            self._save(rounds)
            self._finish(rounds.learn(last=progress.turn == self._rounds))

    def restore(self, saved: State) -> None:
        """Go on from a state, and finish the round in which it was saved."""
        assert isinstance(self.learner, SavesState)
        self.learner.restore(saved["learner"])
        self.progress = Progress.of(saved["progress"])
        self.progress.continued.append(self.steps)
        for step, numbers in self.progress.points:
            self.record(step, numbers)
        newest = restored_transitions(saved["newest"])
        self._looked = time.perf_counter()
        self._finish(self.learner.observe(replace(newest, restarted=np.ones_like(newest.restarted))))

    def outcome(self) -> FitOutcome:
        progress = self.progress
        return FitOutcome(
            steps=self.steps,
            examples=self.steps,
            tokens=0,
            seconds=progress.seconds,
            step_seconds_median=statistics.median(progress.rates),
            final_loss=progress.loss,
            stopped=self.stopped,
            continued=self._continued(),
        )

    def _save(self, rounds: Rounds) -> None:
        """Where a checkpoint is due, keep all as it is between acting and learning; its time is not counted."""
        if self.checkpoints is None or not isinstance(self.learner, SavesState) or not self.checkpoints.due():
            return
        self._look()
        self.checkpoints.save(
            {
                "step": self.steps,
                "progress": asdict(self.progress),
                "newest": transitions_state(rounds.newest),
                "learner": self.learner.state(),
            }
        )
        self._looked = time.perf_counter()

    def _finish(self, measured: Mapping[str, float]) -> None:
        """The end of a round; the last one, and one of so many others, make a record."""
        progress, budget, window = self.progress, self.budget, self.progress.window
        window.add(measured)
        self._look()
        last = progress.turn == self._rounds
        late = budget.seconds is not None and progress.seconds + window.seconds >= budget.seconds and not last
        done = isinstance(self.learner, KnowsWhenDone) and self.learner.done() and not last
        if progress.turn % self._every and not (last or late or done):
            return
        progress.seconds += window.seconds
        progress.rates.append(window.seconds / window.steps)
        numbers = window.means() | {
            "seconds": progress.seconds,
            "average_max_q": average_max_q(self.learner, self.held_out),
        }
        if "loss" in window.measured:
            progress.loss = numbers["loss"]
            if not math.isfinite(progress.loss):
                raise Diverged(f"the loss is {progress.loss} at step {self.steps} of {budget.steps}")
        if self.frames_per_step > 1:
            numbers["frames"] = float(self.steps * self.frames_per_step)
        progress.points.append((self.steps, numbers))
        self.record(self.steps, numbers)
        if late:
            self.stopped = (
                f"the time budget of {budget.seconds:g} s was used after {self.steps} of {budget.steps} steps"
            )
        elif done:
            self.stopped = f"nothing was left to learn after {self.steps} of {budget.steps} steps"
        progress.window, self._looked = Window(), time.perf_counter()

    def _look(self) -> None:
        """At the clock: what has passed belongs to the window."""
        now = time.perf_counter()
        self.progress.window.seconds += now - self._looked
        self._looked = now

    def _continued(self) -> str:
        if not (steps := self.progress.continued):
            return ""
        times = "once" if len(steps) == 1 else f"{len(steps)} times"
        return (
            f"continued {times}, at step {', '.join(map(str, steps))} of {self.budget.steps}: the learner and its "
            "replay intact, games began anew"
        )


def average_max_q(learner: ActingLearner, states: Array) -> float:
    """The mean over the states of the largest value of an action (Mnih et al. 2013, section 5.1)."""
    return float(np.mean(max_values(learner, states)))


def max_values(learner: ActingLearner, states: Array) -> Array:
    """The largest value of each state."""
    with torch.no_grad():
        values: Array = np.asarray(learner.values(states)).max(axis=1)
    return values
