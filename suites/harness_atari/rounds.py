"""In which order agents act and learn: one after the other, or side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeAlias

from harness.interfaces import ActingLearner, Transitions
from harness_atari.episodes import Environments

Measured: TypeAlias = Mapping[str, float]


class Rounds(Protocol):
    """Rounds of one step in every environment. Between `act` and `learn` the learner has yet to see `newest`."""

    @property
    def newest(self) -> Transitions:
        """What the last step led to."""
        ...

    def act(self) -> Measured:
        """Take a step in every environment."""
        ...

    def learn(self, *, last: bool) -> Measured:
        """Learn what is due at the end of a round; in the last one everything is."""
        ...


class InTurn:
    """Acts, and then learns from what that led to."""

    def __init__(self, learner: ActingLearner, environments: Environments) -> None:
        self._learner, self._environments = learner, environments

    @property
    def newest(self) -> Transitions:
        return self._newest

    def act(self) -> Measured:
        self._newest = self._environments.step(self._learner.act(self._environments.observations))
        return {}

    def learn(self, *, last: bool) -> Measured:
        return self._learner.observe(self._newest)


class SideBySide:
    """Learns from the round before while the environments step in `thread`, so that it acts by what it had learnt a
    round earlier. What it computes does not depend on which of the two is done first."""

    def __init__(self, learner: ActingLearner, environments: Environments, thread: ThreadPoolExecutor) -> None:
        self._learner, self._environments, self._thread = learner, environments, thread
        self._unseen: Transitions | None = None

    @property
    def newest(self) -> Transitions:
        assert self._unseen is not None
        return self._unseen

    def act(self) -> Measured:
        actions = self._learner.act(self._environments.observations)
        stepping = self._thread.submit(self._environments.step, actions)
        measured = {} if self._unseen is None else self._learner.observe(self._unseen)
        self._unseen = stepping.result()
        return measured

    def learn(self, *, last: bool) -> Measured:
        return self._learner.observe(self.newest) if last else {}


@contextmanager
def rounds_of(learner: ActingLearner, environments: Environments, *, overlap: bool) -> Iterator[Rounds]:
    """Rounds of environments that were reset."""
    if not overlap:
        yield InTurn(learner, environments)
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="environments") as thread:
        yield SideBySide(learner, environments, thread)
