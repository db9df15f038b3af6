"""What an agent meets: several environments at once, and the episodes that end in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from harness.interfaces import ActingData, Array, Transitions


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode that ended: in which environment, the sum of its rewards, and its length in the agent's steps."""

    environment: int
    score: float
    length: int


class Environments(Protocol):
    """Several environments of one kind in step. An ended episode's environment begins the next in the same step."""

    @property
    def num_envs(self) -> int:
        """How many there are; every array has as many entries."""
        ...

    @property
    def data(self) -> ActingData:
        """What an agent for them is built for."""
        ...

    @property
    def observations(self) -> Array:
        """What the agent sees now."""
        ...

    @property
    def ended(self) -> tuple[Episode, ...]:
        """The episodes that the last step ended; a lost life ends none."""
        ...

    def reset(self) -> Array:
        """Begin an episode in each of them, as their seed says; the first observations."""
        ...

    def step(self, actions: Array) -> Transitions:
        """One action in each of them."""
        ...


class Tally:
    """Sums rewards and counts steps until an episode ends."""

    def __init__(self, num_envs: int) -> None:
        self._scores = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, dtype=np.int64)

    def add(self, rewards: Array, restarted: Array) -> tuple[Episode, ...]:
        """Take in one step; the episodes that it ended."""
        self._scores += rewards
        self._lengths += 1
        if not restarted.any():
            return ()
        ended = tuple(
            Episode(int(index), float(self._scores[index]), int(self._lengths[index]))
            for index in np.flatnonzero(restarted)
        )
        self._scores[restarted] = 0
        self._lengths[restarted] = 0
        return ended
